#include "dlrd/base/ini.h"

#include "dlrd/base/wipe.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

/* inih passes neither line numbers nor section names longer than 49 bytes to its handler, and a
 * callback's path may be longer. So the reader of lines notes both before inih sees the line.
 *
 * Debian's inih reads lines into 200 bytes. A longer line is given to it in parts, as a value that
 * goes on in indented lines, and the handler joins them. inih removes white space at the ends of
 * each part, so a part ends with PART_END, and all but the first begin with one. */
struct reading {
	FILE *file;
	const char *path;
	int line;
	char section[INI_LINE_MAX + 1];
	char text[INI_LINE_MAX + 1]; /* the line */
	size_t len, given;           /* bytes of text; those that inih has */
	int bad_line;                /* the first that is no key; 0 for none */
	bool in_parts, awaited;      /* the line is; its key has not arrived yet */
	char key[INI_LINE_MAX + 1], value[INI_LINE_MAX + 1]; /* joined from the parts */
	size_t part_count, value_len;
	ini_key_fn on_key;
	void *context;
	enum result result;
	struct failure *failure;
};

#define PART_END "\x01"

static void
fail_line(struct reading *reading, enum result result, const char *why)
{
	if (reading->result != RESULT_OK)
		return;
	reading->result =
	    failure_set(reading->failure, result, "%s:%d: %s", reading->path, reading->line, why);
}

static void
tell(struct reading *reading, struct slice key, struct slice value)
{
	reading->on_key(reading->context, slice_of(reading->section), key, value, reading->line);
}

static bool
is_blank(char byte)
{
	return slice_trim((struct slice){&byte, 1}).len == 0;
}

/* The length of the line before a comment that follows white space, as inih sees it. */
static size_t
before_comment(struct slice text)
{
	for (size_t i = 1; i < text.len; i++)
		if (text.ptr[i] == ';' && is_blank(text.ptr[i - 1]))
			return slice_trim((struct slice){text.ptr, i}).len;
	return text.len;
}

/* Reading goes on, so that the mistakes in later lines are reported, too. */
static void
note_bad_line(struct reading *reading)
{
	if (reading->bad_line == 0)
		reading->bad_line = reading->line;
}

/* Notes the line's section. */
static void
begin_section(struct reading *reading)
{
	struct slice line = {reading->text, reading->len};
	size_t end = slice_find(line, ']');
	if (end >= before_comment(line)) {
		note_bad_line(reading);
		reading->len = 0;
		return;
	}
	memcpy(reading->section, line.ptr + 1, end - 1);
	reading->section[end - 1] = '\0';
	tell(reading, SLICE_NONE, SLICE_NONE);
	reading->len = (size_t)snprintf(reading->text, sizeof reading->text, "[section]");
}

/* Reads the next line without its break and without the white space at its ends into
 * reading->text. Returns false at the end of the file, and for a line that is no text or too long.
 */
static bool
next_line(struct reading *reading)
{
	size_t len = 0, behind = 0; /* behind the last byte that is not white space */
	int byte = getc(reading->file);
	if (byte == EOF)
		return false;

	reading->line++;
	for (; byte != EOF && byte != '\n'; byte = getc(reading->file)) {
		char one = (char)byte;
		bool blank = is_blank(one);
		if (one == '\0') {
			fail_line(
			    reading, RESULT_INVALID, "a NUL byte; a configuration is plain text");
			return false;
		}
		if (blank && len == 0)
			continue;
		if (len < INI_LINE_MAX)
			reading->text[len] = one;
		len++;
		if (!blank)
			behind = len;
		if (reading->line == 1 && behind == 3 && len == 3 &&
		    memcmp(reading->text, "\xef\xbb\xbf", 3) == 0)
			len = behind = 0;
	}
	if (behind > INI_LINE_MAX) {
		fail_line(reading, RESULT_LIMIT, "the line is longer than 4000 bytes");
		return false;
	}

	reading->text[behind] = '\0';
	reading->len = behind;
	reading->given = 0;
	return true;
}

/* Prepares the next line for inih. Returns false at the end. */
static bool
begin_line(struct reading *reading, size_t room)
{
	if (reading->awaited) /* inih found no key in the line before */
		note_bad_line(reading);
	reading->awaited = false;
	if (reading->result != RESULT_OK || !next_line(reading))
		return false;

	char first = reading->text[0];
	bool comment = first == ';' || first == '#';
	if (comment)
		reading->len = 0;
	if (first == '[')
		begin_section(reading);
	reading->awaited = reading->len > 0 && first != '[';
	if (reading->len > room)
		reading->len = before_comment((struct slice){reading->text, reading->len});
	reading->in_parts = reading->len > room;
	reading->part_count = reading->value_len = 0;
	return reading->result == RESULT_OK;
}

/* The reader for inih: one line per call, as fgets. Without leading white space, an indented key is
 * a key; inih would take it as a continuation of the value above. */
static char *
read_line(char *out, int size, void *stream)
{
	struct reading *reading = stream;
	size_t room = (size_t)size - 5; /* without a blank, two PART_END, the line break, a NUL */
	bool goes_on = reading->given < reading->len;
	if (!goes_on && !begin_line(reading, room))
		return NULL;

	size_t len = reading->len - reading->given;
	struct slice part = {reading->text + reading->given, len < room ? len : room};
	size_t name_end =
	    slice_find(part, '=') < part.len ? slice_find(part, '=') : slice_find(part, ':');
	/* Without a name before it, inih would not take the next part as a value. */
	if (reading->in_parts && !goes_on && (name_end == 0 || name_end == part.len)) {
		reading->given = reading->len;
		return strcpy(out, "\n");
	}
	reading->given += part.len;
	const char *end = reading->in_parts ? PART_END : "";
	snprintf(out, (size_t)size, "%s%s%.*s%s\n", goes_on ? " " : "", goes_on ? end : "",
	    SLICE_ARG(part), end);
	return out;
}

/* Joins the parts of a long line. */
static void
take_part(struct reading *reading, const char *name, struct slice part)
{
	struct slice mark = SLICE(PART_END);
	if (reading->part_count++ == 0)
		snprintf(reading->key, sizeof reading->key, "%s", name);
	else if (slice_starts_with(part, mark))
		part = slice_from(part, mark.len);
	part.len -= part.len >= mark.len ? mark.len : 0;
	memcpy(reading->value + reading->value_len, part.ptr, part.len);
	reading->value_len += part.len;
	if (reading->given == reading->len)
		tell(reading, slice_of(reading->key),
		    slice_trim((struct slice){reading->value, reading->value_len}));
}

static int
take_key(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	(void)section;
	if (reading->result != RESULT_OK)
		return 0;
	reading->awaited = false;
	if (reading->in_parts)
		take_part(reading, name, slice_of(value));
	else
		tell(reading, slice_of(name), slice_of(value));
	return 1;
}

enum result
ini_read_file(const char *path, ini_key_fn on_key, void *context, struct failure *failure)
{
	char buffer[4096];
	struct reading reading = {.path = path,
	    .on_key = on_key,
	    .context = context,
	    .failure = failure,
	    .file = fopen(path, "re")};
	if (reading.file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", path, strerror(errno));
	setvbuf(reading.file, buffer, _IOFBF, sizeof buffer); /* to be wiped */
	int bad_line = ini_parse_stream(read_line, &reading, take_key, &reading);
	if (reading.result == RESULT_OK && ferror(reading.file))
		reading.result = failure_set(failure, RESULT_IO, "%s: cannot be read", path);
	if (reading.awaited)
		note_bad_line(&reading);
	reading.line = reading.bad_line > 0 ? reading.bad_line : bad_line;
	if (reading.line != 0)
		fail_line(&reading, RESULT_INVALID,
		    "neither a [section] nor a comment nor a key = value");
	enum result result = reading.result;
	fclose(reading.file);
	wipe(buffer, sizeof buffer);
	wipe(&reading, sizeof reading);
	wipe_stack(); /* the stack of inih and of the functions above, which had the lines */
	return result;
}
