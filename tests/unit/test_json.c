/* json: text of any bytes becomes JSON, and only JSON is read. */
#include "testing.h"

#include "dlrd/base/json.h"

#include <jansson.h>

/* The allocation that fails, counted down by the program's own (it is linked with --wrap); 0: none.
 */
static volatile int failing_allocation;
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
fails(void)
{
	return failing_allocation > 0 && --failing_allocation == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

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
	static const char *const bad[] = {"", " ", "{", "{}x", "{} {}", "{'a':1}", "[1 []]", "5",
	    "null", "\"text\"", "nul", "\"\xff", "{\"a\":1", "\xef\xbb\xbf",
	    "\xef\xbb\xbf\xef\xbb\xbf{}"};
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
	assert_null(json_array_get(value, 0));
	assert_null(json_get(json_get(value, "a"), "b"));
	assert_null(json_array_get(json_get(value, "e"), 0));
	assert_null(json_get(NULL, "a"));
	assert_null(json_text(NULL).ptr);
	assert_null(json_text(json_get(value, "n")).ptr);
	assert_slice(json_text(json_get(json_array_get(json_get(value, "a"), 0), "b")), "c");
	json_free(value);
	json_free(NULL);
}

static void
an_object_is_gone_through_in_its_order(void **state)
{
	(void)state;
	static const char *const expected[] = {"z", "a", "", "m"};
	struct json_t *object, *value;
	const char *key;
	size_t count = 0;
	assert_ok(json_parse(SLICE("{\"z\":\"0\",\"a\":\"1\",\"\":\"2\",\"m\":\"3\"}"), &object));
	for (void *cursor = NULL; json_next(object, &cursor, &key, &value); count++) {
		char digit[2] = {(char)('0' + count), '\0'};
		assert_true(count < COUNT_OF(expected));
		assert_string_equal(key, expected[count]);
		assert_slice(json_text(value), digit);
	}
	assert_int_equal(count, COUNT_OF(expected));
	json_free(object);
	for (int i = 0; i < 3; i++) {
		void *cursor = NULL;
		object = NULL;
		if (i > 0)
			assert_ok(json_parse(i == 1 ? SLICE("{}") : SLICE("[1]"), &object));
		assert_false(json_next(object, &cursor, &key, &value));
		json_free(object);
	}
}

static void
an_array_is_counted_and_asked_by_index(void **state)
{
	(void)state;
	struct json_t *array;
	assert_ok(json_parse(SLICE("[\"a\",null,\"c\"]"), &array));
	assert_int_equal(json_array_size(array), 3);
	assert_slice(json_text(json_array_get(array, 2)), "c");
	assert_null(json_array_get(array, 3));
	assert_null(json_array_get(array, SIZE_MAX));
	assert_int_equal(json_array_size(json_array_get(array, 0)), 0);
	assert_int_equal(json_array_size(NULL), 0);
	assert_null(json_array_get(NULL, 0));
	json_free(array);
}

static void
only_an_integer_is_an_integer(void **state)
{
	(void)state;
	struct json_t *array;
	int64_t number = 7;
	assert_ok(json_parse(
	    SLICE("[-9223372036854775808,9223372036854775807,5.0,5.5,\"5\",true,null,[]]"),
	    &array));
	assert_true(json_int(json_array_get(array, 0), &number));
	assert_true(number == INT64_MIN);
	assert_true(json_int(json_array_get(array, 1), &number));
	assert_true(number == INT64_MAX);
	assert_true(json_int(json_array_get(array, 2), &number));
	assert_int_equal(number, 5);
	for (size_t i = 3; i < json_array_size(array); i++)
		assert_false(json_int(json_array_get(array, i), &number));
	assert_false(json_int(NULL, &number));
	assert_int_equal(number, 5); /* untouched */
	json_free(array);
}

static void
each_value_has_a_kind(void **state)
{
	(void)state;
	static const enum json_kind kinds[] = {JSON_KIND_NULL, JSON_KIND_BOOL, JSON_KIND_BOOL,
	    JSON_KIND_NUMBER, JSON_KIND_NUMBER, JSON_KIND_TEXT, JSON_KIND_ARRAY, JSON_KIND_OBJECT,
	    JSON_KIND_ABSENT};
	struct json_t *array;
	assert_ok(json_parse(SLICE("[null,true,false,1,1.5,\"\",[],{}]"), &array));
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		assert_int_equal(json_kind(json_array_get(array, i)), kinds[i]);
	json_free(array);
}

static void
a_copy_outlives_what_it_was_made_of(void **state)
{
	(void)state;
	struct json_t *from, *to = json_new_object();
	assert_ok(json_parse(SLICE("{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}"), &from));
	json_put_copy(to, "x", json_get(from, "a"));
	json_put_copy(to, "none", NULL);
	json_put_text(json_get(from, "a"), "b", SLICE("changed"));
	json_free(from);
	assert_written(to, "{\"x\":{\"b\":[1,{\"c\":\"d\"}]}}");
}

static void
of_a_repeated_key_the_last_value_counts(void **state)
{
	(void)state;
	struct json_t *value = NULL;
	assert_ok(json_parse(SLICE("{\"a\":1,\"a\":\"last\"}"), &value));
	assert_slice(json_text(json_get(value, "a")), "last");
	json_free(value);
}

static void
what_is_odd_in_one_place_does_not_hide_the_rest(void **state)
{
	(void)state;
	struct json_t *value = NULL;
	assert_ok(json_parse(SLICE("\xef\xbb\xbf[\"a\"]"), &value));
	assert_slice(json_text(json_array_get(value, 0)), "a");
	json_free(value);
	assert_ok(json_parse(SLICE("[\"a\xff\xc3(\",9223372036854775808,7,1e999,"
				   "{\"k\\u0000\":\"\\ud83d\"}]"),
	    &value));
	assert_slice(json_text(json_array_get(value, 0)), "a\xef\xbf\xbd\xef\xbf\xbd(");
	assert_int_equal(json_array_size(value), 5);
	assert_slice(json_text(json_get(json_array_get(value, 1), "raw")),
	    "9223372036854775808"); /* exactly */
	int64_t number = 0;
	assert_true(json_int(json_array_get(value, 2), &number));
	assert_int_equal(number, 7);
	assert_slice(json_text(json_get(json_array_get(value, 3), "raw")), "1e999");
	assert_slice(json_text(json_get(json_array_get(value, 4), "k" FFFD)), FFFD);
	json_free(value);
}

static void
writing_nothing_is_a_failure(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	assert_int_equal(json_write(NULL, &out), RESULT_NO_MEMORY);
	buffer_done(&out);
}

/* The buffer has room already, so writing alone would not notice. */
static void
a_value_that_lacks_a_member_is_not_written(void **state)
{
	(void)state;
	static const char whole[] =
	    "{\"a\":[\"1\",\"2\"],\"\xef\xbf\xbd\":\"\xef\xbf\xbd\",\"i\":7}";
	struct buffer out = BUFFER_EMPTY;
	size_t failures = 0;
	assert_true(buffer_reserve(&out, 1000));
	for (int allocation = 1; allocation < 100; allocation++) {
		buffer_clear(&out);
		failing_allocation = allocation;
		struct json_t *object = json_new_object();
		json_add_text(object, SLICE("a"), SLICE("1"));
		json_add_text(object, SLICE("a"), SLICE("2"));
		json_add_text(object, SLICE("\xff"), SLICE("\xff"));
		json_put_int(object, "i", 7);
		enum result result = json_write(object, &out);
		failures += result != RESULT_OK;
		if (result == RESULT_OK)
			assert_slice(buffer_slice(&out), whole);
		json_free(object);
		failing_allocation = 0;
	}
	assert_true(failures > 10 && failures < 99);

	/* It is reported once. */
	failing_allocation = 1;
	assert_null(json_new_object());
	assert_int_equal(json_write(NULL, &out), RESULT_NO_MEMORY);
	assert_written(json_new_object(), "{}");
	buffer_done(&out);
}

static void
every_control_character_is_escaped(void **state)
{
	(void)state;
	struct json_t *object = json_new_object();
	json_put_text(
	    object, "\x7f", SLICE("\x1b[\xc2\x80\xc2\x9b\x31m\xc2\x9f\xc2\xa0\xc3\x9b\x7f"));
	assert_written(
	    object, "{\"\\u007F\":\"\\u001B[\\u0080\\u009B1m\\u009F\xc2\xa0\xc3\x9b\\u007F\"}");
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
	    cmocka_unit_test(an_object_is_gone_through_in_its_order),
	    cmocka_unit_test(an_array_is_counted_and_asked_by_index),
	    cmocka_unit_test(only_an_integer_is_an_integer),
	    cmocka_unit_test(each_value_has_a_kind),
	    cmocka_unit_test(a_copy_outlives_what_it_was_made_of),
	    cmocka_unit_test(of_a_repeated_key_the_last_value_counts),
	    cmocka_unit_test(what_is_odd_in_one_place_does_not_hide_the_rest),
	    cmocka_unit_test(writing_nothing_is_a_failure),
	    cmocka_unit_test(a_value_that_lacks_a_member_is_not_written),
	    cmocka_unit_test(every_control_character_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
