#include "dlrd/daemon/setting_lines.h"

#include "dlrd/base/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting_line *
setting_lines_find(struct setting_lines *lines, struct slice section, const char *key)
{
	for (size_t i = 0; i < lines->seen_count; i++) {
		struct slice name = slice_of(lines->seen[i].name);
		struct slice seen = slice_take(&name, '\n');
		if (slice_equal(seen, section) && slice_equal(name, slice_of(key)))
			return &lines->seen[i];
	}
	return NULL;
}

enum result
setting_lines_note(struct setting_lines *lines, struct slice section, struct slice key, int line,
    struct failure *failure)
{
	char text[INI_LINE_MAX + 1];
	snprintf(text, sizeof text, "%.*s", SLICE_ARG(key));
	bool known = setting_lines_find(lines, section, text) != NULL;
	if (known && key.ptr == NULL)
		return RESULT_OK; /* the section goes on */
	if (known)
		return failure_set(
		    failure, RESULT_INVALID, "duplicate key; keep one of the two lines");
	struct buffer name = BUFFER_EMPTY;
	buffer_appendf(&name, "%.*s\n%s", SLICE_ARG(section), text);
	if (name.failed || lines->seen_count == SETTING_LINES_MAX) {
		buffer_done(&name);
		return failure_set(failure, RESULT_LIMIT, "more than %d keys", SETTING_LINES_MAX);
	}
	lines->seen[lines->seen_count].name = name.ptr;
	lines->seen[lines->seen_count++].line = line;
	return RESULT_OK;
}

static void
append_line(const struct setting_lines *lines, int line, struct slice section, struct slice key,
    const char *severity, const struct failure *failure, struct buffer *out)
{
	buffer_appendf(out, "%s:", lines->path);
	if (line > 0)
		buffer_appendf(out, "%d:", line);
	if (section.len > 0)
		buffer_appendf(out, " [%.*s]", SLICE_ARG(section));
	if (key.ptr != NULL)
		buffer_appendf(out, " %.*s:", SLICE_ARG(key));
	buffer_appendf(out, " %s%s\n", severity, failure->text);
}

void
setting_lines_add_problem(struct setting_lines *lines, int line, struct slice section,
    struct slice key, const struct failure *failure)
{
	lines->failed = true;
	if (++lines->problem_count <= SETTING_PROBLEMS_MAX)
		append_line(lines, line, section, key, "", failure, lines->problems);
}

static void
add_warning(struct setting_lines *lines, int line, struct slice section, struct slice key,
    const struct failure *text)
{
	if (++lines->warning_count <= SETTING_PROBLEMS_MAX)
		append_line(lines, line, section, key, "warning: ", text, &lines->warnings);
}

/* The line of the key, or else of its section; 0 for none. */
static int
line_of(struct setting_lines *lines, struct slice section, const char *key)
{
	const struct setting_line *seen = NULL;
	if (key != NULL)
		seen = setting_lines_find(lines, section, key);
	if (seen == NULL)
		seen = setting_lines_find(lines, section, "");
	return seen == NULL ? 0 : seen->line;
}

void
setting_lines_report(
    struct setting_lines *lines, struct slice section, const char *key, const char *format, ...)
{
	struct failure why;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why.text, sizeof why.text, format, arguments);
	va_end(arguments);
	setting_lines_add_problem(
	    lines, line_of(lines, section, key), section, slice_of(key), &why);
}

void
setting_lines_warn_at(struct setting_lines *lines, int line, struct slice section, struct slice key,
    const struct failure *text)
{
	if (lines->checks)
		add_warning(lines, line, section, key, text);
}

void
setting_lines_warn(
    struct setting_lines *lines, struct slice section, const char *key, const char *format, ...)
{
	struct failure why;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why.text, sizeof why.text, format, arguments);
	va_end(arguments);
	setting_lines_warn_at(lines, line_of(lines, section, key), section, slice_of(key), &why);
}

void
setting_lines_doubt_at(struct setting_lines *lines, int line, struct slice section,
    struct slice key, const struct failure *text)
{
	if (lines->checks)
		setting_lines_add_problem(lines, line, section, key, text);
	else
		add_warning(lines, line, section, key, text);
}

void
setting_lines_doubt(
    struct setting_lines *lines, struct slice section, const char *key, const char *format, ...)
{
	struct failure why;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why.text, sizeof why.text, format, arguments);
	va_end(arguments);
	setting_lines_doubt_at(lines, line_of(lines, section, key), section, slice_of(key), &why);
}

static void
append_rest(const struct setting_lines *lines, size_t count, const char *what)
{
	if (count > SETTING_PROBLEMS_MAX)
		buffer_appendf(lines->problems, "%s: and %zu more such %s\n", lines->path,
		    count - SETTING_PROBLEMS_MAX, what);
}

void
setting_lines_end_problems(struct setting_lines *lines)
{
	append_rest(lines, lines->problem_count, "problems");
	buffer_append(lines->problems, buffer_slice(&lines->warnings));
	append_rest(lines, lines->warning_count, "warnings");
}

struct slice
setting_lines_next_sound(const struct setting_lines *lines, struct slice word, size_t *i)
{
	while (*i < lines->seen_count) {
		const struct setting_line *seen = &lines->seen[(*i)++];
		struct slice key = slice_of(seen->name), section = slice_take(&key, '\n');
		struct slice name = section;
		if (key.len == 0 && !seen->has_problem && slice_equal(slice_take(&name, ' '), word))
			return section;
	}
	return SLICE_NONE;
}

void
setting_lines_done(struct setting_lines *lines)
{
	buffer_done(&lines->warnings);
	while (lines->seen_count > 0)
		free(lines->seen[--lines->seen_count].name);
}
