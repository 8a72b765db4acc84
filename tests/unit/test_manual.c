/* manual: the synopsis and the options of the questions' commands in conf/dlrd.8 are as the table
 * of questions gives them. With --write FILE, writes them into that page, between its marks. */
#include "testing.h"

#include "dlrd/query/table.h"

#include <ctype.h>

#define PAGE TEST_SOURCE "/conf/dlrd.8"
#define LINE_MAX 78

#define BEGIN ".\\\" The next lines come from src/query: run test_manual --write conf/dlrd.8\n"
#define END ".\\\" End of the lines from src/query.\n"

/* --- mdoc --- */

static void
append_lower(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
		buffer_append_byte(out, (char)tolower((unsigned char)*text));
}

/* Appends a macro line for an option that the text names: "--json," as ".Fl Fl json ,". */
static void
append_flag(struct buffer *out, struct slice word)
{
	size_t len = 2;
	while (len < word.len && (isalpha((unsigned char)word.ptr[len]) || word.ptr[len] == '-'))
		len++;
	buffer_appendf(out, ".Fl Fl %.*s", (int)len - 2, word.ptr + 2);
	for (; len < word.len; len++)
		buffer_appendf(out, " %c", word.ptr[len]);
	buffer_append_byte(out, '\n');
}

/* Appends a paragraph: each sentence begins a line, which is wrapped. */
static void
append_text(struct buffer *out, struct slice text)
{
	size_t column = 0;
	while (text.ptr != NULL) {
		struct slice word = slice_take(&text, ' ');
		bool is_flag = slice_starts_with(word, SLICE("--"));
		bool ends = word.len > 0 && word.ptr[word.len - 1] == '.';
		if (column > 0 && (is_flag || column + 1 + word.len > LINE_MAX)) {
			buffer_append_byte(out, '\n');
			column = 0;
		}
		if (is_flag) {
			append_flag(out, word);
			continue;
		}
		buffer_appendf(out, "%s%.*s", column > 0 ? " " : "", SLICE_ARG(word));
		column += (column > 0) + word.len;
		if (ends) {
			buffer_append_byte(out, '\n');
			column = 0;
		}
	}
	if (column > 0)
		buffer_append_byte(out, '\n');
}

/* --- parameters --- */

static bool
is_option(const struct query_parameter *parameter)
{
	return !parameter->http_only && parameter->kind != QUERY_HOUR &&
	       parameter->kind != QUERY_NAME;
}

/* "Fl Fl after Ar seq" */
static void
append_option(struct buffer *out, const struct query_parameter *parameter)
{
	struct slice words = slice_of(parameter->words);
	buffer_appendf(
	    out, "Fl Fl %s", parameter->option != NULL ? parameter->option : parameter->name);
	if (parameter->kind == QUERY_FLAG)
		return;
	if (parameter->value != NULL) {
		buffer_append(out, SLICE(" Ar "));
		append_lower(out, parameter->value);
		return;
	}
	for (bool first = true; words.ptr != NULL; first = false) {
		struct slice word = slice_take(&words, '|');
		buffer_appendf(out, " %s %.*s", first ? "Cm" : "|", SLICE_ARG(word));
	}
}

/* "Fl Fl support Ar code", with the operand of the question that it asks. */
static void
append_variation(struct buffer *out, const struct query *row)
{
	const struct query *other = row->variation.query;
	size_t name = query_find_kind(other, QUERY_NAME);
	buffer_appendf(out, "Fl Fl %s", row->variation.flag);
	if (name < query_parameter_count(other)) {
		buffer_append(out, SLICE(" Ar "));
		append_lower(out, other->parameters[name].value);
	}
	buffer_append_byte(out, '\n');
}

static void
append_synopsis(struct buffer *out, const struct query *row)
{
	buffer_appendf(out, ".Nm\n.Cm %s\n", row->command);
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		if (parameter->kind == QUERY_NAME) {
			buffer_append(out, SLICE(".Ar "));
			append_lower(out, parameter->value);
			buffer_append_byte(out, '\n');
		}
		if (!is_option(parameter))
			continue;
		buffer_append(out, parameter->required ? SLICE(".") : SLICE(".Op "));
		append_option(out, parameter);
		buffer_append_byte(out, '\n');
	}
	if (row->variation.flag != NULL) {
		buffer_append(out, SLICE(".Op "));
		append_variation(out, row);
	}
	buffer_append(out, SLICE(".Op Ar query-options\n"));
}

/* The help of an option as a sentence; one that begins with a word to give keeps that word. */
static void
append_help(struct buffer *out, const struct query_parameter *parameter)
{
	struct buffer text = BUFFER_EMPTY;
	struct slice words = slice_of(parameter->words), help = slice_of(parameter->help);
	struct slice first = slice_take(&words, '|');
	if (first.ptr != NULL && slice_starts_with(help, first)) {
		buffer_appendf(out, ".Cm %.*s\n", SLICE_ARG(first));
		help = slice_from(help, first.len + 1);
		buffer_append_byte(&text, help.ptr[0]);
	} else
		buffer_append_byte(&text, (char)toupper((unsigned char)help.ptr[0]));
	buffer_appendf(&text, "%.*s.", SLICE_ARG(slice_from(help, 1)));
	append_text(out, buffer_slice(&text));
	buffer_done(&text);
}

static void
append_description(struct buffer *out, const struct query *row)
{
	size_t name = query_find_kind(row, QUERY_NAME), options = 0;
	buffer_appendf(out, ".It Nm Cm %s", row->command);
	if (name < query_parameter_count(row)) {
		buffer_append(out, SLICE(" Ar "));
		append_lower(out, row->parameters[name].value);
	}
	buffer_append_byte(out, '\n');
	append_text(out, slice_of(row->help));

	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		if (!is_option(parameter))
			continue;
		buffer_append(
		    out, options++ == 0 ? SLICE(".Bl -tag -width Ds\n.It ") : SLICE(".It "));
		append_option(out, parameter);
		buffer_append_byte(out, '\n');
		append_help(out, parameter);
	}
	if (row->variation.flag != NULL) {
		const struct query_parameter flag = {.help = row->variation.help};
		buffer_append(out, SLICE(".It "));
		append_variation(out, row);
		append_help(out, &flag);
	}
	if (options > 0)
		buffer_append(out, SLICE(".El\n"));
}

/* --- the page --- */

typedef void (*append_fn)(struct buffer *out, const struct query *row);

static void
append_part(struct buffer *out, append_fn append)
{
	const struct query *row;
	buffer_append(out, SLICE(BEGIN));
	for (size_t i = 0; (row = query_at(i)) != NULL; i++)
		if (row->command != NULL)
			append(out, row);
	buffer_append(out, SLICE(END));
}

/* Takes text up to mark, and mark, from the front of rest. */
static struct slice
take_until(struct slice *rest, struct slice mark)
{
	size_t at = 0;
	while (at + mark.len <= rest->len && !slice_starts_with(slice_from(*rest, at), mark))
		at++;
	assert_true(at + mark.len <= rest->len);
	struct slice taken = {rest->ptr, at};
	*rest = slice_from(*rest, at + mark.len);
	return taken;
}

static struct buffer
read_page(const char *path)
{
	struct buffer text = BUFFER_EMPTY;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	for (int byte; (byte = fgetc(file)) != EOF;)
		buffer_append_byte(&text, (char)byte);
	fclose(file);
	return text;
}

/* The page with the two parts as the table gives them. */
static struct buffer
written_page(struct slice page)
{
	static const append_fn parts[] = {append_synopsis, append_description};
	struct buffer out = BUFFER_EMPTY;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		buffer_append(&out, take_until(&page, SLICE(BEGIN)));
		take_until(&page, SLICE(END));
		append_part(&out, parts[i]);
	}
	buffer_append(&out, page);
	return out;
}

static void
the_page_is_as_the_table_gives_it(void **state)
{
	(void)state;
	struct buffer page = read_page(PAGE), written = written_page(buffer_slice(&page));
	if (!slice_equal(buffer_slice(&page), buffer_slice(&written)))
		print_error("run tests/unit/test_manual --write conf/dlrd.8\n");
	assert_true(slice_equal(buffer_slice(&page), buffer_slice(&written)));
	buffer_done(&page);
	buffer_done(&written);
}

static int
write_page(const char *path)
{
	struct buffer page = read_page(path), written = written_page(buffer_slice(&page));
	FILE *file = fopen(path, "we");
	bool fine = file != NULL && fwrite(written.ptr, 1, written.len, file) == written.len;
	fine = file != NULL && fclose(file) == 0 && fine;
	buffer_done(&page);
	buffer_done(&written);
	return fine ? 0 : 1;
}

int
main(int count, char **words)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_is_as_the_table_gives_it)};
	if (count == 3 && strcmp(words[1], "--write") == 0)
		return write_page(words[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
