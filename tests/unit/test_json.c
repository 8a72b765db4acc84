/* json: text of any bytes becomes JSON, and only JSON is read. */
#include "testing.h"

#include "dlrd/base/json.h"

/* Writes value, frees it, and compares. */
static void
assert_written(struct json_t *value, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;
	assert_ok(json_write(value, &out));
	assert_slice(buffer_slice(&out), expected);
	buffer_done(&out);
	json_free(value);
}

static void
values_are_written_compactly_in_their_order(void **state)
{
	(void)state;
	struct json_t *object = json_new_object(), *array = json_new_array();
	json_put_text(object, "z", SLICE("a\"b\\c\n"));
	json_put_int(object, "a", INT64_MIN);
	json_put_real(object, "r", 0.93);
	json_put_bool(object, "t", true);
	json_put_null(object, "n");
	json_put_text(object, "absent", SLICE_NONE);
	json_put_text(object, "empty", SLICE(""));
	json_push(array, json_new_object());
	json_put(object, "list", array);
	assert_written(object, "{\"z\":\"a\\\"b\\\\c\\n\",\"a\":-9223372036854775808,\"r\":0.93,"
			       "\"t\":true,\"n\":null,\"absent\":null,\"empty\":\"\","
			       "\"list\":[{}]}");
}

static void
a_nul_is_kept_in_a_text(void **state)
{
	(void)state;
	struct json_t *object = json_new_object(), *again;
	struct buffer out = BUFFER_EMPTY;
	json_put_text(object, "k", SLICE("a\0b"));
	assert_ok(json_write(object, &out));
	assert_slice(buffer_slice(&out), "{\"k\":\"a\\u0000b\"}");
	assert_ok(json_parse(buffer_slice(&out), &again));
	assert_true(slice_equal(json_text(json_get(again, "k")), SLICE("a\0b")));
	json_free(again);
	json_free(object);
	buffer_done(&out);
}

#define FFFD "\xef\xbf\xbd"

static void
what_is_not_utf8_is_replaced_and_the_rest_stays(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		const char *expected;
	} rows[] = {
	    {SLICE_INIT("a\xff"
			"b"),
		"a" FFFD "b"},
	    {SLICE_INIT("\xc0\x80"), FFFD FFFD},                   /* overlong */
	    {SLICE_INIT("\xe0\x9f\xbf"), FFFD FFFD FFFD},          /* overlong */
	    {SLICE_INIT("\xed\xa0\x80"), FFFD FFFD FFFD},          /* a surrogate */
	    {SLICE_INIT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD}, /* beyond U+10FFFF */
	    {SLICE_INIT("\xf0\x8f\xbf\xbf"), FFFD FFFD FFFD FFFD},
	    {SLICE_INIT("x\xe2\x82"), "x" FFFD FFFD}, /* cut off */
	    {SLICE_INIT("\xc3\xa4\x80\xf0\x9f\x91\x8d"), "\xc3\xa4" FFFD "\xf0\x9f\x91\x8d"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer out = BUFFER_EMPTY;
		struct json_t *object = json_new_object(), *again;
		json_put_text(object, "k", rows[i].bytes);
		assert_ok(json_write(object, &out));
		assert_ok(json_parse(buffer_slice(&out), &again));
		assert_slice(json_text(json_get(again, "k")), rows[i].expected);
		json_free(object);
		json_free(again);
		buffer_done(&out);
	}
}

static void
any_bytes_give_json_that_can_be_read(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		char bytes[12];
		size_t len = random_below(sizeof bytes + 1);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(random_below(3) ? 0x80 + random_below(0x80)
							  : random_below(0x80));
		struct buffer out = BUFFER_EMPTY;
		struct json_t *object = json_new_object(), *again;
		json_put_text(object, "value", (struct slice){bytes, len});
		json_add_text(object, (struct slice){bytes, len}, SLICE("v"));
		assert_ok(json_write(object, &out));
		assert_ok(json_parse(buffer_slice(&out), &again));
		json_free(object);
		json_free(again);
		buffer_done(&out);
	}
}

static void
a_repeated_key_becomes_an_array_of_its_values(void **state)
{
	(void)state;
	struct json_t *object = json_new_object();
	json_add_text(object, SLICE("a"), SLICE("1"));
	json_add_text(object, SLICE("b"), SLICE("x"));
	json_add_text(object, SLICE("a"), SLICE("2"));
	json_add_text(object, SLICE("a"), SLICE(""));
	json_add_text(object, SLICE(""), SLICE("nameless"));
	assert_written(object, "{\"a\":[\"1\",\"2\",\"\"],\"b\":\"x\",\"\":\"nameless\"}");
}

static void
a_key_is_cut_at_its_nul_and_no_value_is_lost(void **state)
{
	(void)state;
	struct json_t *object = json_new_object();
	json_add_text(object, SLICE("a\0b"), SLICE("1"));
	json_add_text(object, SLICE("a"), SLICE("2"));
	json_add_text(object, SLICE("\0"), SLICE("3"));
	assert_written(object, "{\"a\":[\"1\",\"2\"],\"\":\"3\"}");
}

static void
only_one_whole_value_is_read(void **state)
{
	(void)state;
	static const char *const bad[] = {"", " ", "{", "{}x", "{} {}", "{\"a\":}", "[1,]",
	    "{'a':1}", "nul", "\"\xff\"", "[\"\xff\"]", "{\"a\":1", "\xef\xbb\xbf{}"};
	struct json_t *value = NULL;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (json_parse(slice_of(bad[i]), &value) != RESULT_INVALID)
			print_error("%s was read\n", bad[i]);
		assert_int_equal(json_parse(slice_of(bad[i]), &value), RESULT_INVALID);
	}
	assert_int_equal(json_parse(SLICE_NONE, &value), RESULT_INVALID);
	assert_int_equal(json_parse(SLICE("{}\0"), &value), RESULT_INVALID);
	assert_null(value);
}

static void
nesting_without_end_is_refused(void **state)
{
	(void)state;
	struct json_t *value = NULL;
	struct buffer deep = BUFFER_EMPTY;
	for (int i = 0; i < 100000; i++)
		buffer_append_byte(&deep, '[');
	assert_int_equal(json_parse(buffer_slice(&deep), &value), RESULT_INVALID);
	buffer_clear(&deep);
	for (int i = 0; i < 2048; i++)
		buffer_append_byte(&deep, '[');
	for (int i = 0; i < 2048; i++)
		buffer_append_byte(&deep, ']');
	assert_ok(json_parse(buffer_slice(&deep), &value));
	json_free(value);
	buffer_done(&deep);
}

static void
asking_the_wrong_kind_of_value_gives_nothing(void **state)
{
	(void)state;
	struct json_t *value;
	assert_ok(json_parse(SLICE("{\"a\":[{\"b\":\"c\"}],\"n\":5,\"e\":[]}"), &value));
	assert_null(json_get(value, "x"));
	assert_null(json_first(value));
	assert_null(json_get(json_get(value, "a"), "b"));
	assert_null(json_first(json_get(value, "e")));
	assert_null(json_get(NULL, "a"));
	assert_null(json_text(NULL).ptr);
	assert_null(json_text(json_get(value, "n")).ptr);
	assert_slice(json_text(json_get(json_first(json_get(value, "a")), "b")), "c");
	json_free(value);
	json_free(NULL);
}

static void
writing_nothing_is_a_failure(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	assert_int_equal(json_write(NULL, &out), RESULT_NO_MEMORY);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_written_compactly_in_their_order),
	    cmocka_unit_test(a_nul_is_kept_in_a_text),
	    cmocka_unit_test(what_is_not_utf8_is_replaced_and_the_rest_stays),
	    cmocka_unit_test(any_bytes_give_json_that_can_be_read),
	    cmocka_unit_test(a_repeated_key_becomes_an_array_of_its_values),
	    cmocka_unit_test(a_key_is_cut_at_its_nul_and_no_value_is_lost),
	    cmocka_unit_test(only_one_whole_value_is_read),
	    cmocka_unit_test(nesting_without_end_is_refused),
	    cmocka_unit_test(asking_the_wrong_kind_of_value_gives_nothing),
	    cmocka_unit_test(writing_nothing_is_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
