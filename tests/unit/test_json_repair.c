/* json_repair: an odd value in JSON harms itself alone, an unreadable element its own place, and no
 * damage costs more time than its size. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/json.h"
#include "dlrd/base/json_repair.h"

#define FFFD "\xef\xbf\xbd"

struct row {
	struct slice source;
	const char *repaired; /* NULL: unreadable */
};

static void
assert_repaired(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buffer out = BUFFER_EMPTY;
		struct json_t *value = NULL;
		size_t len = 0;
		enum result result = json_repair(rows[i].source, &out, &len);
		if ((result == RESULT_OK) != (rows[i].repaired != NULL))
			print_error("row %zu: %.*s\n", i, SLICE_ARG(rows[i].source));
		assert_int_equal(result, rows[i].repaired == NULL ? RESULT_INVALID : RESULT_OK);
		if (result == RESULT_OK) {
			assert_slice(buffer_slice(&out), rows[i].repaired);
			assert_int_equal(len, rows[i].source.len);
			assert_ok(json_load(buffer_slice(&out), &value));
		} else
			assert_int_equal(out.len, 0);
		json_free(value);
		buffer_done(&out);
	}
}

static void
a_text_is_repaired_where_it_is_damaged(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {SLICE_INIT("\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\\u00e4\xc3\xa4\x7f\""),
		"\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\\u00e4\xc3\xa4\x7f\""},
	    {SLICE_INIT("\"\\ud83d\\udc4d\\u0000\""), "\"\\ud83d\\udc4d\\u0000\""},
	    {SLICE_INIT("\"a\xff\xc3(\""), "\"a" FFFD FFFD "(\""},
	    {SLICE_INIT("\"\\ud83d\""), "\"" FFFD "\""},
	    {SLICE_INIT("\"\\ud83dx\""), "\"" FFFD "x\""},
	    {SLICE_INIT("\"\\ud83d\\u0041\""), "\"" FFFD "\\u0041\""},
	    {SLICE_INIT("\"\\udc4d\\ud83d\""), "\"" FFFD FFFD "\""},
	    {SLICE_INIT("\"\\ud83d\\ud83d\\udc4d\""), "\"" FFFD "\\ud83d\\udc4d\""},
	    {SLICE_INIT("\"\\x41\\u12\\'\""), "\"" FFFD "x41" FFFD "u12" FFFD "'\""},
	    {SLICE_INIT("\"\\\xff\""), "\"" FFFD FFFD "\""},
	    {SLICE_INIT("\"\n\t\0\x1f\""), "\"\\u000a\\u0009\\u0000\\u001f\""},
	    {SLICE_INIT("{\"a\\u0000\":1,\"b\0\":2,\"\\ud800\":3}"),
		"{\"a" FFFD "\":1,\"b" FFFD "\":2,\"" FFFD "\":3}"},
	    {SLICE_INIT("\"a"), NULL},
	    {SLICE_INIT("\"a\\"), NULL},
	    {SLICE_INIT("\"a\\\""), NULL},
	};
	assert_repaired(rows, COUNT_OF(rows));
}

static void
a_whole_number_is_exact_however_it_is_written(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {SLICE_INIT("21610.0"), "21610"},
	    {SLICE_INIT("21610.000000000000000000000000"), "21610"},
	    {SLICE_INIT("2.1610e4"), "21610"},
	    {SLICE_INIT("2161E+1"), "21610"},
	    {SLICE_INIT("216100000e-4"), "21610"},
	    {SLICE_INIT("0.00021610e8"), "21610"},
	    {SLICE_INIT("1e2"), "100"},
	    {SLICE_INIT("-1.50e1"), "-15"},
	    {SLICE_INIT("0"), "0"},
	    {SLICE_INIT("-0.0e999999999999999999999"), "0"},
	    {SLICE_INIT("10"), "10"},
	    {SLICE_INIT("9007199254740993.0"), "9007199254740993"}, /* not by way of a double */
	    {SLICE_INIT("9223372036854775807.0"), "9223372036854775807"},
	    {SLICE_INIT("-9223372036854775808"), "-9223372036854775808"},
	    {SLICE_INIT("-922337203685477580.8e1"), "-9223372036854775808"},
	    {SLICE_INIT("1000000000000000000e0"), "1000000000000000000"},
	    {SLICE_INIT("21610.5"), "21610.5"},
	    {SLICE_INIT("0.93"), "0.93"},
	    {SLICE_INIT("1e30"), "1e30"},
	    {SLICE_INIT("-9223372036854775809.0"), "-9223372036854775809.0"},
	    {SLICE_INIT("1e308"), "1e308"},
	    {SLICE_INIT("-10.00e307"), "-10.00e307"},
	    {SLICE_INIT("0.99999999999999999e308"), "0.99999999999999999e308"},
	    {SLICE_INIT("1e-307"), "1e-307"},
	    {SLICE_INIT("1.5e-300"), "1.5e-300"},
	};
	assert_repaired(rows, COUNT_OF(rows));
}

#define RAW(text) "[{\"raw\":\"" text "\"}]"

static void
a_value_that_nothing_holds_is_kept_as_its_text(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {SLICE_INIT("[9223372036854775808]"), RAW("9223372036854775808")},
	    {SLICE_INIT("[-9223372036854775809]"), RAW("-9223372036854775809")},
	    {SLICE_INIT("[123456789012345678901234567890]"), RAW("123456789012345678901234567890")},
	    {SLICE_INIT("[1e999]"), RAW("1e999")},
	    {SLICE_INIT("[-1.5e308]"), RAW("-1.5e308")},
	    {SLICE_INIT("[1e309]"), RAW("1e309")},
	    {SLICE_INIT("[1e-999]"), RAW("1e-999")},
	    {SLICE_INIT("[1e99999999999999999999999]"), RAW("1e99999999999999999999999")},
	    {SLICE_INIT("[NaN]"), RAW("NaN")},
	    {SLICE_INIT("[nul ]"), RAW("nul")},
	    {SLICE_INIT("[007]"), RAW("007")},
	    {SLICE_INIT("[+7]"), RAW("+7")},
	    {SLICE_INIT("[7.]"), RAW("7.")},
	    {SLICE_INIT("[.7]"), RAW(".7")},
	    {SLICE_INIT("[7e]"), RAW("7e")},
	    {SLICE_INIT("[-]"), RAW("-")},
	    {SLICE_INIT("['a\\b' c\xff]"), RAW("'a\\\\b' c" FFFD)},
	    {SLICE_INIT("{\"a\":,\"b\":}"), "{\"a\":null,\"b\":null}"},
	    {SLICE_INIT("[,2]"), "[null,2]"},
	    {SLICE_INIT("[1,]"), "[1]"},
	    {SLICE_INIT("{\"a\":1,}"), "{\"a\":1}"},
	    {SLICE_INIT(" { \"a\" : [ true , false,null ] } "), "{\"a\":[true,false,null]}"},
	    {SLICE_INIT("[{}]"), "[{}]"},
	};
	assert_repaired(rows, COUNT_OF(rows));
}

static void
what_has_no_shape_is_unreadable(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {SLICE_INIT(""), NULL},
	    {SLICE_INIT("  "), NULL},
	    {SLICE_INIT("nope"), NULL},
	    {SLICE_INIT("{"), NULL},
	    {SLICE_INIT("{\"a\":1"), NULL},
	    {SLICE_INIT("{\"a\"}"), NULL},
	    {SLICE_INIT("{\"a\" 1}"), NULL},
	    {SLICE_INIT("{a:1}"), NULL},
	    {SLICE_INIT("{,}"), NULL},
	    {SLICE_INIT("{\"a\":1 \"b\":2}"), NULL},
	    {SLICE_INIT("{\"a\":]}"), NULL},
	    {SLICE_INIT("[}"), NULL},
	    {SLICE_INIT("[1 [2]]"), NULL},
	    {SLICE_INIT("]"), NULL},
	};
	assert_repaired(rows, COUNT_OF(rows));
	size_t len;
	struct buffer out = BUFFER_EMPTY;
	assert_int_equal(json_repair(SLICE_NONE, &out, &len), RESULT_INVALID);
	buffer_done(&out);
}

static void
the_start_of_a_damaged_value_is_read_to_its_last_whole_member(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {SLICE_INIT("{\"a\":1,\"b\":[2,{\"c\":3},4"), "{\"a\":1,\"b\":[2,{\"c\":3}]}"},
	    {SLICE_INIT("{\"a\":1,\"b\":{\"c\":\"x"), "{\"a\":1,\"b\":{}}"},
	    {SLICE_INIT("{\"a\":{\"b\":1}"), "{\"a\":{\"b\":1}}"},
	    {SLICE_INIT("{\"a\":1,\"b"), "{\"a\":1}"},
	    {SLICE_INIT("{\"a\":1"), "{}"},
	    {SLICE_INIT("{"), "{}"},
	    {SLICE_INIT("[[1,2"), "[[1]]"},
	    {SLICE_INIT("{\"a\":1,\"b\" 2,\"c\":3}"), "{\"a\":1}"},
	    {SLICE_INIT("{\"a\":1} {"), "{\"a\":1}"},
	    {SLICE_INIT("{\"a\":1e999,"), "{\"a\":{\"raw\":\"1e999\"}}"},
	    {SLICE_INIT("x"), NULL},
	    {SLICE_INIT("\"x"), NULL},
	    {SLICE_INIT(""), NULL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer out = BUFFER_EMPTY;
		bool read = rows[i].repaired != NULL;
		assert_int_equal(
		    json_repair_start(rows[i].source, &out), read ? RESULT_OK : RESULT_INVALID);
		assert_slice(out.len == 0 ? SLICE_NONE : buffer_slice(&out), rows[i].repaired);
		buffer_done(&out);
	}
}

/* ---- elements ---- */

/* The elements of body, each on a line with + if it is readable and - if not. */
static void
assert_pieces(struct slice body, const char *expected)
{
	struct json_pieces pieces = {.text = body};
	struct json_piece piece;
	struct buffer out = BUFFER_EMPTY, text = BUFFER_EMPTY;
	enum result result;
	while ((result = json_pieces_next(&pieces, &out, &piece)) == RESULT_OK)
		buffer_appendf(&text, "%c%.*s\n", piece.readable ? '+' : '-', SLICE_ARG(piece.raw));
	assert_int_equal(result, RESULT_NOT_FOUND);
	if (text.len == 0)
		buffer_append(&text, SLICE(""));
	assert_slice(text.len == 0 ? SLICE("") : buffer_slice(&text), expected);
	buffer_done(&out);
	buffer_done(&text);
}

#define ONE "{\"a\":\"1\"}"
#define TWO "{\"b\":{\"c\":[{\"d\":2},{\"e\":3}]}}"
#define BOTH "+" ONE "\n+" TWO "\n"
#define BOTH_BACK "+" TWO "\n+" ONE "\n"

static void
a_body_is_taken_element_by_element(void **state)
{
	(void)state;
	assert_pieces(SLICE(ONE), "+" ONE "\n");
	assert_pieces(SLICE("\xef\xbb\xbf " ONE " "), "+\xef\xbb\xbf " ONE " \n");
	assert_pieces(SLICE("\xef\xbb\xbf[" ONE " ,\n" TWO "]"), BOTH);
	assert_pieces(SLICE("[5,[[1],{}],null]"), "+5\n+[[1],{}]\n+null\n");
	assert_pieces(SLICE(" [ ] "), "");
	assert_pieces(SLICE(""), "");
	assert_pieces(SLICE_NONE, "");
	assert_pieces(SLICE(ONE "\n" TWO), BOTH);
	assert_pieces(SLICE("[" ONE TWO "]"), BOTH);
}

static void
whole_elements_count_in_a_body_that_is_cut(void **state)
{
	(void)state;
	assert_pieces(SLICE("[" ONE "," TWO), BOTH);
	assert_pieces(SLICE("[" ONE "," TWO ","), BOTH);
	struct buffer body = BUFFER_EMPTY;
	buffer_append(&body, SLICE("[" ONE ","));
	size_t start = body.len;
	buffer_append(&body, SLICE(TWO));
	for (size_t len = start + 1; len < body.len; len++) {
		char expected[128];
		snprintf(expected, sizeof expected, "+" ONE "\n-%.*s\n", (int)(len - start),
		    body.ptr + start);
		assert_pieces((struct slice){body.ptr, len}, expected);
	}
	buffer_done(&body);
}

static void
an_unreadable_element_leaves_its_siblings(void **state)
{
	(void)state;
	static const char *const bad[] = {"nope", "{\"a\" 1}", "{a:1}", "{\"a\":1 \"b\":{}}",
	    "{\"a\":[{\"x\":1},{\"y\":2}] 5}", "}", "{\"a\":\"x},{}\" 1}",
	    "::", "{\"x\":[1 {}],\"y\":\"},{\"}", "5 6", "{{}}"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char body[256], expected[256];
		snprintf(body, sizeof body, "[" ONE ",%s," TWO "]", bad[i]);
		snprintf(expected, sizeof expected, "+" ONE "\n-%s\n+" TWO "\n", bad[i]);
		assert_pieces(slice_of(body), expected);
		snprintf(body, sizeof body, "[%s," ONE ",%s]", bad[i], bad[i]);
		snprintf(expected, sizeof expected, "-%s\n+" ONE "\n-%s\n", bad[i], bad[i]);
		assert_pieces(slice_of(body), expected);
	}
}

static void
a_missing_quote_or_bracket_does_not_swallow_the_next_element(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"a\":\"x}", "{\"a\":x\"}", "{\"a:1}", "{a\":1}",
	    "{\"a\":{\"b\":1}", "{\"a\":[1}", "{\"a\":{\"b\":]}}", "{\"a\":1", "{\"a\":\"x\"",
	    "{\"a\":\"x", "{\"a\":1,", "{\"c\":{\"a\":1,\"b\":\"", "{\"a\":\"x},{\"y\":{}}"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char body[256], expected[256];
		snprintf(body, sizeof body, "[" ONE ",%s , " TWO "," ONE "]", bad[i]);
		snprintf(expected, sizeof expected, "+" ONE "\n-%s\n+" TWO "\n+" ONE "\n", bad[i]);
		if (i == COUNT_OF(bad) - 1) /* it is two */
			snprintf(expected, sizeof expected,
			    "+" ONE "\n-{\"a\":\"x}\n+{\"y\":{}}\n+" TWO "\n+" ONE "\n");
		assert_pieces(slice_of(body), expected);
	}
	/* two of them, so that quotes are even again */
	assert_pieces(SLICE("[{\"a\":\"x}," TWO ",{\"b\":\"y}," ONE "]"),
	    "-{\"a\":\"x}\n+" TWO "\n-{\"b\":\"y}\n+" ONE "\n");
}

static void
a_bracket_too_many_does_not_end_the_elements(void **state)
{
	(void)state;
	assert_pieces(SLICE("[" ONE "]," TWO "," ONE "]"), "+" ONE "\n" BOTH_BACK);
	assert_pieces(SLICE("[]]," ONE " ,\n" TWO "]"), "-]\n" BOTH);
	assert_pieces(SLICE("[]," ONE "]," TWO "]"), BOTH);
}

static void
a_persons_text_never_becomes_an_element(void **state)
{
	(void)state;
	static const char text[] = "{\"body\":\"\\\"},{\\\"type\\\":\\\"x\\\"},{},{1:2}\",\"z\":1}";
	char body[256], expected[256];
	snprintf(body, sizeof body, "[%s,{\"a\" 1}]", text);
	snprintf(expected, sizeof expected, "+%s\n-{\"a\" 1}\n", text);
	assert_pieces(slice_of(body), expected);
	for (size_t len = 2; len < sizeof text - 1; len++) {
		snprintf(body, sizeof body, "[%.*s", (int)len, text);
		snprintf(expected, sizeof expected, "-%.*s\n", (int)len, text);
		assert_pieces(slice_of(body), expected);
	}
}

static void
what_comes_behind_a_body_is_an_element_of_its_own(void **state)
{
	(void)state;
	assert_pieces(
	    SLICE(ONE "garbage, and {more} of it"), "+" ONE "\n-garbage, and {more} of it\n");
	assert_pieces(SLICE("[" ONE "] x"), "+" ONE "\n-x\n");
	assert_pieces(SLICE("not, json {\"a\":1}"), "-not, json {\"a\":1}\n");
	assert_pieces(SLICE("<p>[1]</p>"), "-<p>[1]</p>\n");
}

static void
what_is_nested_too_deep_is_kept_as_its_text(void **state)
{
	(void)state;
	struct buffer deep = BUFFER_EMPTY, out = BUFFER_EMPTY;
	struct json_t *value = NULL;
	struct json_piece piece;
	buffer_append(&deep, SLICE("[{\"deep\":"));
	for (int i = 0; i < 100000; i++)
		buffer_append(&deep, SLICE("[{\"}\":"));
	buffer_append_byte(&deep, '1');
	for (int i = 0; i < 100000; i++)
		buffer_append(&deep, SLICE("}]"));
	buffer_append(&deep, SLICE(",\"code\":21610}," ONE "]"));
	struct json_pieces pieces = {.text = buffer_slice(&deep)};
	assert_ok(json_pieces_next(&pieces, &out, &piece));
	assert_true(piece.readable);
	assert_true(out.len < 2 * deep.len);
	assert_ok(json_load(buffer_slice(&out), &value));
	int64_t code = 0;
	assert_true(json_int(json_get(value, "code"), &code));
	assert_int_equal(code, 21610);
	json_free(value);
	assert_ok(json_pieces_next(&pieces, &out, &piece));
	assert_slice(piece.raw, ONE);
	assert_int_equal(json_pieces_next(&pieces, &out, &piece), RESULT_NOT_FOUND);
	buffer_done(&deep);
	buffer_done(&out);
}

static void
what_is_written_for_a_deep_value_is_read_as_it_is(void **state)
{
	(void)state;
	static const char *const inner[] = {
	    "1e999", "[[1],\"}]\"]", "{\"raw\":1}", "{\"raw\":\"x\",\"y\":1}"};
	for (size_t i = 0; i < COUNT_OF(inner); i++) {
		struct buffer deep = BUFFER_EMPTY, once = BUFFER_EMPTY, twice = BUFFER_EMPTY;
		struct json_t *value = NULL;
		size_t len;
		for (int depth = 0; depth < JSON_DEPTH_MAX; depth++)
			buffer_append_byte(&deep, '[');
		buffer_append(&deep, slice_of(inner[i]));
		for (int depth = 0; depth < JSON_DEPTH_MAX; depth++)
			buffer_append_byte(&deep, ']');
		assert_ok(json_repair(buffer_slice(&deep), &once, &len));
		assert_ok(json_repair(buffer_slice(&once), &twice, &len));
		assert_slice(buffer_slice(&twice), (buffer_append_byte(&once, '\0'), once.ptr));
		assert_contains(buffer_slice(&twice), "[{\"raw\":\"");
		assert_ok(json_load(buffer_slice(&twice), &value));
		json_free(value);
		buffer_done(&deep);
		buffer_done(&once);
		buffer_done(&twice);
	}
}

/* What would take hours if time grew with the square of the size. */
static void
damage_costs_time_in_proportion_to_its_size(void **state)
{
	(void)state;
	static const char *const units[] = {"{\"a\" ,", "},{\"a\":[", "},{\"a\":\"",
	    "{\"a\":{},{\"b\" ", "\"},{\"", "{\"a\":[{},{\"b\":", "[{", "[", "\"", "}", ",", "x,",
	    "x{", "{\"a\":x},y", "{\"a\":1},{\"a\":[[", "\\", "\xff", "1", "{        ",
	    "}    ,    {\"a\":["};
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		struct buffer body = BUFFER_EMPTY, out = BUFFER_EMPTY;
		struct json_piece piece;
		buffer_append_byte(&body, '[');
		while (body.len < 4 << 20)
			buffer_append(&body, slice_of(units[i]));
		struct json_pieces pieces = {.text = buffer_slice(&body)};
		int64_t start = clock_processor_us();
		size_t covered = 0;
		while (json_pieces_next(&pieces, &out, &piece) == RESULT_OK) {
			assert_true(piece.raw.len > 0);
			assert_true(piece.raw.ptr + piece.raw.len <= body.ptr + body.len);
			assert_true(out.len <= 6 * piece.raw.len + 16);
			covered += piece.raw.len;
		}
		assert_true(covered <= body.len);
		assert_true(clock_processor_us() - start < 20 * CLOCK_SECOND_US);
		buffer_done(&body);
		buffer_done(&out);
	}
}

/* For any bytes: elements in their order, each readable one valid JSON, and only separators between
 * them. */
static void
any_bytes_are_covered_by_elements(void **state)
{
	(void)state;
	static const char bytes[] = "{{}}[]\"\"\",,::\\0nt1u.e-\xff\x80\n ";
	for (int round = 0; round < 50000; round++) {
		char body[48];
		size_t len = random_below(sizeof body);
		for (size_t i = 0; i < len; i++)
			body[i] = bytes[random_below(sizeof bytes)];
		struct json_pieces pieces = {.text = {body, len}};
		struct json_piece piece;
		struct buffer out = BUFFER_EMPTY;
		size_t at = 0;
		while (json_pieces_next(&pieces, &out, &piece) == RESULT_OK) {
			struct json_t *value = NULL;
			size_t start = (size_t)(piece.raw.ptr - body);
			assert_true(start >= at && piece.raw.len > 0);
			for (; at < start; at++)
				assert_non_null(memchr(" \n\r\t,[]", body[at], 8));
			at = start + piece.raw.len;
			struct buffer begun = BUFFER_EMPTY;
			struct json_t *beginning = NULL;
			if (json_repair_start(piece.raw, &begun) == RESULT_OK)
				assert_ok(json_load(buffer_slice(&begun), &beginning));
			json_free(beginning);
			buffer_done(&begun);
			if (piece.readable)
				assert_ok(json_load(buffer_slice(&out), &value));
			else
				assert_int_equal(out.len, 0);
			json_free(value);
		}
		for (; at < len; at++)
			assert_non_null(memchr(" \n\r\t,[]", body[at], 8));
		buffer_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_is_repaired_where_it_is_damaged),
	    cmocka_unit_test(a_whole_number_is_exact_however_it_is_written),
	    cmocka_unit_test(a_value_that_nothing_holds_is_kept_as_its_text),
	    cmocka_unit_test(what_has_no_shape_is_unreadable),
	    cmocka_unit_test(the_start_of_a_damaged_value_is_read_to_its_last_whole_member),
	    cmocka_unit_test(a_body_is_taken_element_by_element),
	    cmocka_unit_test(whole_elements_count_in_a_body_that_is_cut),
	    cmocka_unit_test(an_unreadable_element_leaves_its_siblings),
	    cmocka_unit_test(a_missing_quote_or_bracket_does_not_swallow_the_next_element),
	    cmocka_unit_test(a_bracket_too_many_does_not_end_the_elements),
	    cmocka_unit_test(a_persons_text_never_becomes_an_element),
	    cmocka_unit_test(what_comes_behind_a_body_is_an_element_of_its_own),
	    cmocka_unit_test(what_is_nested_too_deep_is_kept_as_its_text),
	    cmocka_unit_test(what_is_written_for_a_deep_value_is_read_as_it_is),
	    cmocka_unit_test(damage_costs_time_in_proportion_to_its_size),
	    cmocka_unit_test(any_bytes_are_covered_by_elements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
