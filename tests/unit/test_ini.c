/* ini: line by line, stricter than inih alone. */
#include "testing.h"

#include "dlrd/base/ini.h"

static char *directory;

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

struct keys {
	struct buffer text; /* "LINE|SECTION|KEY|VALUE\n" or "LINE|[SECTION]\n" for each */
};

static void
note_key(void *context, struct slice section, struct slice key, struct slice value, int line)
{
	struct keys *keys = context;
	if (key.ptr == NULL) {
		assert_null(value.ptr);
		buffer_appendf(&keys->text, "%d|[%.*s]\n", line, SLICE_ARG(section));
		return;
	}
	buffer_appendf(&keys->text, "%d|%.*s|%.*s|%.*s\n", line, SLICE_ARG(section), SLICE_ARG(key),
	    SLICE_ARG(value));
}

static const char *
file_path(void)
{
	return path_in(directory, "x.ini");
}

static void
assert_reads(struct slice text, const char *expected)
{
	struct keys keys = {BUFFER_EMPTY};
	struct failure failure = {""};
	write_file(file_path(), text);
	enum result result = ini_read_file(file_path(), note_key, &keys, &failure);
	if (result != RESULT_OK)
		print_error("%s\n", failure.text);
	assert_ok(result);
	assert_slice(buffer_slice(&keys.text), expected);
	buffer_done(&keys.text);
}

/* end: the failure's text after "PATH:". */
static void
assert_refuses(struct slice text, enum result expected, const char *end)
{
	struct keys keys = {BUFFER_EMPTY};
	struct failure failure = {""};
	write_file(file_path(), text);
	enum result result = ini_read_file(file_path(), note_key, &keys, &failure);
	if (result == RESULT_OK)
		print_error("read as:\n%.*s", SLICE_ARG(buffer_slice(&keys.text)));
	buffer_done(&keys.text);
	assert_int_equal(result, expected);
	struct slice start = slice_of(file_path());
	assert_true(slice_starts_with(slice_of(failure.text), start));
	assert_slice(slice_from(slice_of(failure.text), start.len), end);
}

static void
keys_come_with_section_and_line(void **state)
{
	(void)state;
	assert_reads(SLICE("top = 1\n\n[a]\nx=1\n  [b c]  \n\ty :  2 3 \nz =\n"),
	    "1||top|1\n3|[a]\n4|a|x|1\n5|[b c]\n6|b c|y|2 3\n7|b c|z|\n");
	assert_reads(SLICE(""), "");
	assert_reads(SLICE("a = 1"), "1||a|1\n"); /* no line break at the end */
	assert_reads(SLICE("a = 1\r\n[s]\r\nb = 2\r\n"), "1||a|1\n2|[s]\n3|s|b|2\n");
}

static void
a_section_is_reported_also_without_keys(void **state)
{
	(void)state;
	assert_reads(SLICE("[a]\n\n[b]\n"), "1|[a]\n3|[b]\n");
	assert_reads(SLICE("[a]"), "1|[a]\n");
}

static void
comments_are_passed_over(void **state)
{
	(void)state;
	assert_reads(
	    SLICE("; c = 1\n# d = 2\n  ; e = 3\na = b ; c\nf = g;h\ni = #j\n[s] ; t\nk = l\n"),
	    "4||a|b\n5||f|g;h\n6||i|#j\n7|[s]\n8|s|k|l\n");
}

static void
an_indented_key_is_a_key_of_its_own(void **state)
{
	(void)state;
	assert_reads(SLICE("a = 1\n    b = 2\n\tc = 3\n"), "1||a|1\n2||b|2\n3||c|3\n");
}

static void
a_byte_order_mark_is_passed_over(void **state)
{
	(void)state;
	assert_reads(SLICE("\xef\xbb\xbf[s]\na = 1\n"), "1|[s]\n2|s|a|1\n");
	assert_reads(SLICE("\xef\xbb\xbf"
			   "a = 1\n"),
	    "1||a|1\n");
}

/* inih cuts them at 49 bytes; a callback's path is easily longer. */
static void
a_long_section_name_is_kept_whole(void **state)
{
	(void)state;
	assert_reads(
	    SLICE(
		"[callback /v1/campaigns/outbound/sms/callbacks/mo/twilio/and/some/more]\na = 1\n"),
	    "1|[callback /v1/campaigns/outbound/sms/callbacks/mo/twilio/and/some/more]\n"
	    "2|callback /v1/campaigns/outbound/sms/callbacks/mo/twilio/and/some/more|a|1\n");
}

static void
a_line_of_the_longest_length_is_read_and_one_more_byte_is_not(void **state)
{
	(void)state;
	char text[INI_LINE_MAX + 16] = "ok = 1\na = ";
	struct buffer expected = BUFFER_EMPTY;
	size_t start = strlen("ok = 1\n"), value = strlen(text);
	memset(text + value, 'v', start + INI_LINE_MAX - value);
	text[start + INI_LINE_MAX] = '\n';
	buffer_appendf(
	    &expected, "1||ok|1\n2||a|%.*s\n", (int)(start + INI_LINE_MAX - value), text + value);
	buffer_append_byte(&expected, '\0');
	assert_reads((struct slice){text, start + INI_LINE_MAX + 1}, expected.ptr);
	buffer_done(&expected);
	text[start + INI_LINE_MAX] = 'v';
	text[start + INI_LINE_MAX + 1] = '\n';
	assert_refuses((struct slice){text, start + INI_LINE_MAX + 2}, RESULT_LIMIT,
	    ":2: the line is longer than 4000 bytes");
}

static void
a_very_long_line_is_refused_and_not_cut_in_two(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	buffer_appendf(&text, "a = 1\nb = 2%4100s= 3\n", "c");
	assert_refuses(buffer_slice(&text), RESULT_LIMIT, ":2: the line is longer than 4000 bytes");
	buffer_done(&text);
}

/* inih's own lines end at 199 bytes, so a longer one is given to it in parts. */
static void
a_value_of_any_length_is_kept_as_it_is(void **state)
{
	(void)state;
	static const char *const fills[] = {
	    "v", " ", ";", "#", "=", "[", "]", "\x01", "\\", "a ", "#;", "\t "};
	struct buffer value = BUFFER_EMPTY, text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
	for (size_t fill = 0; fill < COUNT_OF(fills); fill++)
		for (size_t len = 150; len < 1000; len += len < 430 ? 1 : 97) {
			buffer_clear(&value);
			buffer_clear(&text);
			buffer_clear(&expected);
			buffer_append_byte(&value, 'x');
			while (value.len < len)
				buffer_append(&value, slice_of(fills[fill]));
			buffer_append_byte(&value, 'y');
			buffer_appendf(
			    &text, "[s]\n  k = %.*s \n\nnext=1\n", SLICE_ARG(buffer_slice(&value)));
			buffer_appendf(&expected, "1|[s]\n2|s|k|%.*s\n4|s|next|1\n",
			    SLICE_ARG(buffer_slice(&value)));
			buffer_append_byte(&expected, '\0');
			assert_reads(buffer_slice(&text), expected.ptr);
		}
	buffer_done(&value);
	buffer_done(&text);
	buffer_done(&expected);
}

/* Of a long line the same is dropped as of a short one. */
static void
a_comment_in_or_after_a_long_line_is_passed_over(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
	buffer_appendf(&text,
	    ";%0500d\n#%0500d\nk = %0300d ; %0500d\nshort = 1 ;%0500d\n[s] ;%0500d\nz = 2\n", 0, 0,
	    7, 0, 0, 0);
	buffer_appendf(&expected, "3||k|%0300d\n4||short|1\n5|[s]\n6|s|z|2\n", 7);
	buffer_append_byte(&expected, '\0');
	assert_reads(buffer_slice(&text), expected.ptr);
	buffer_clear(&text);
	buffer_clear(&expected);
	buffer_appendf(&text, "[%0900d]\nk = %0300d ;\n", 5, 7);
	buffer_appendf(&expected, "1|[%0900d]\n2|%0900d|k|%0300d\n", 5, 5, 7);
	buffer_append_byte(&expected, '\0');
	assert_reads(buffer_slice(&text), expected.ptr);
	buffer_done(&text);
	buffer_done(&expected);
}

static void
a_long_line_that_is_no_key_is_refused_with_its_line(void **state)
{
	(void)state;
	static const char *const why = ":2: neither a [section] nor a comment nor a key = value";
	static const struct {
		const char *before, *after; /* of nine hundred digits */
	} rows[] = {{"", ""}, {"", "=1"}, {"=", ""}, {"[", ""}, {"[", " ;]"}};
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buffer_clear(&text);
		buffer_appendf(
		    &text, "a = %0900d\n%s%0900d%s\nb = 1\n", 0, rows[i].before, 0, rows[i].after);
		assert_refuses(buffer_slice(&text), RESULT_INVALID, why);
	}
	buffer_done(&text);
}

static void
a_nul_byte_is_refused_with_its_line(void **state)
{
	(void)state;
	static const char *const why = ":2: a NUL byte; a configuration is plain text";
	assert_refuses(SLICE("a = 1\nb = 2\0 3\nc = 4\n"), RESULT_INVALID, why);
	assert_refuses(SLICE("a = 1\n\0\nc = 4\n"), RESULT_INVALID, why);
	assert_refuses(SLICE("a = 1\n\0"), RESULT_INVALID, why);
}

static void
a_nul_byte_in_a_last_line_without_a_break_is_refused(void **state)
{
	(void)state;
	assert_refuses(SLICE("a = 1\nb = 2\0 3"), RESULT_INVALID,
	    ":2: a NUL byte; a configuration is plain text");
}

static void
a_line_that_is_nothing_is_refused_with_its_line(void **state)
{
	(void)state;
	static const char *const why = ":3: neither a [section] nor a comment nor a key = value";
	assert_refuses(SLICE("a = 1\n[s]\nnonsense\nb = 2\n"), RESULT_INVALID, why);
	assert_refuses(SLICE("a = 1\n[s]\n[unclosed\nb = 2\n"), RESULT_INVALID, why);
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	struct failure failure = {""};
	assert_int_equal(ini_read_file(path_in(directory, "none.ini"), note_key, NULL, &failure),
	    RESULT_NOT_FOUND);
	assert_contains(slice_of(failure.text), "/none.ini: No such file");
	assert_int_equal(ini_read_file(directory, note_key, NULL, &failure), RESULT_IO);
	assert_contains(slice_of(failure.text), directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_come_with_section_and_line),
	    cmocka_unit_test(a_section_is_reported_also_without_keys),
	    cmocka_unit_test(comments_are_passed_over),
	    cmocka_unit_test(an_indented_key_is_a_key_of_its_own),
	    cmocka_unit_test(a_byte_order_mark_is_passed_over),
	    cmocka_unit_test(a_long_section_name_is_kept_whole),
	    cmocka_unit_test(a_line_of_the_longest_length_is_read_and_one_more_byte_is_not),
	    cmocka_unit_test(a_very_long_line_is_refused_and_not_cut_in_two),
	    cmocka_unit_test(a_value_of_any_length_is_kept_as_it_is),
	    cmocka_unit_test(a_comment_in_or_after_a_long_line_is_passed_over),
	    cmocka_unit_test(a_long_line_that_is_no_key_is_refused_with_its_line),
	    cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
	    cmocka_unit_test(a_nul_byte_in_a_last_line_without_a_break_is_refused),
	    cmocka_unit_test(a_line_that_is_nothing_is_refused_with_its_line),
	    cmocka_unit_test(a_file_that_cannot_be_read_is_named),
	};
	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
