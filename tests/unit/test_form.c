/* form: the decoder loses nothing that the signature covers. */
#include "testing.h"

#include "dlrd/twilio/form.h"

struct pair {
	struct slice name, value;
};

static void
assert_pairs(struct slice text, const struct pair *pairs, size_t count)
{
	struct form form = FORM_EMPTY;
	assert_ok(form_decode(&form, text, 100));
	assert_int_equal(form.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_true(slice_equal(form.fields[i].name, pairs[i].name));
		assert_true(slice_equal(form.fields[i].value, pairs[i].value));
		assert_non_null(form.fields[i].value.ptr); /* empty, not absent */
	}
	form_done(&form);
}

#define ASSERT_PAIRS(text, ...)                                                   \
	do {                                                                      \
		const struct pair pairs[] = {__VA_ARGS__};                        \
		assert_pairs(SLICE(text), pairs, sizeof pairs / sizeof pairs[0]); \
	} while (0)
#define PAIR(name, value)                 \
	{                                 \
		SLICE(name), SLICE(value) \
	}

static void
plus_is_a_space_and_escapes_are_bytes(void **state)
{
	(void)state;
	ASSERT_PAIRS(
	    "Body=a+b%20c%2Bd%3d%26&T%6f=%2B1", PAIR("Body", "a b c+d=&"), PAIR("To", "+1"));
}

static void
an_empty_text_holds_no_field(void **state)
{
	(void)state;
	assert_pairs(SLICE(""), NULL, 0);
	assert_pairs(SLICE_NONE, NULL, 0);
	assert_pairs(SLICE("&&&"), NULL, 0);
}

static void
a_piece_without_equals_is_a_name_with_an_empty_value(void **state)
{
	(void)state;
	ASSERT_PAIRS("a&b=&=c&=", PAIR("a", ""), PAIR("b", ""), PAIR("", "c"), PAIR("", ""));
}

static void
an_empty_piece_is_no_field(void **state)
{
	(void)state;
	ASSERT_PAIRS("&a=1&&b=2&", PAIR("a", "1"), PAIR("b", "2"));
}

static void
only_the_first_equals_divides(void **state)
{
	(void)state;
	ASSERT_PAIRS("a=b=c==", PAIR("a", "b=c=="));
}

static void
repeated_names_keep_their_order(void **state)
{
	(void)state;
	ASSERT_PAIRS(
	    "a=2&b=x&a=1&a=2", PAIR("a", "2"), PAIR("b", "x"), PAIR("a", "1"), PAIR("a", "2"));
	struct form form = FORM_EMPTY;
	assert_ok(form_decode(&form, SLICE("a=2&a=1"), 10));
	assert_slice(form_get(&form, SLICE("a")), "2");
	assert_slice(form_get(&form, SLICE("A")), NULL);
	form_done(&form);
}

static void
any_byte_may_stand_in_name_and_value(void **state)
{
	(void)state;
	ASSERT_PAIRS("a%00b=c%00&%ff=%0D%0A", PAIR("a\0b", "c\0"), PAIR("\xff", "\r\n"));
	ASSERT_PAIRS("raw=\0\x01\xc3\xa4", PAIR("raw", "\0\x01\xc3\xa4"));
}

static void
a_malformed_escape_stays_as_it_stands(void **state)
{
	(void)state;
	ASSERT_PAIRS("a=%&b=%4&c=%4g&d=%zz%41&e=%%34%31", PAIR("a", "%"), PAIR("b", "%4"),
	    PAIR("c", "%4g"), PAIR("d", "%zzA"), PAIR("e", "%41"));
	ASSERT_PAIRS("a=%4&1=b", PAIR("a", "%4"), PAIR("1", "b")); /* not across fields */
	ASSERT_PAIRS("a%3=1", PAIR("a%3", "1"));
}

static void
more_fields_than_the_limit_are_refused_and_leave_the_form_empty(void **state)
{
	(void)state;
	struct form form = FORM_EMPTY;
	assert_ok(form_decode(&form, SLICE("a=1&&b=2&c=3"), 3));
	assert_int_equal(form.count, 3);
	assert_int_equal(form_decode(&form, SLICE("a=1&b=2&c=3&d"), 3), RESULT_LIMIT);
	assert_int_equal(form.count, 0);
	assert_int_equal(form_decode(&form, SLICE("a"), 0), RESULT_LIMIT);
	assert_ok(form_decode(&form, SLICE("x=y"), 3)); /* and can be used again */
	assert_slice(form_get(&form, SLICE("x")), "y");
	form_done(&form);
}

static void
empty_pieces_without_number_cost_no_fields(void **state)
{
	(void)state;
	struct form form = FORM_EMPTY;
	struct buffer text = BUFFER_EMPTY;
	for (int i = 0; i < 100000; i++)
		buffer_append_byte(&text, '&');
	buffer_append(&text, SLICE("a=1"));
	assert_ok(form_decode(&form, buffer_slice(&text), 1));
	assert_slice(form_get(&form, SLICE("a")), "1");
	form_done(&form);
	buffer_done(&text);
}

/* Encodes every byte of random pairs, decodes, and compares; also into the same form again. */
static void
what_was_encoded_is_decoded_again(void **state)
{
	(void)state;
	struct form form = FORM_EMPTY;
	for (int round = 0; round < 500; round++) {
		struct buffer text = BUFFER_EMPTY, plain = BUFFER_EMPTY;
		size_t ends[64], count = random_below(30) + 1;
		for (size_t i = 0; i < 2 * count; i++) {
			size_t len = random_below(12) + (i % 2 == 0);
			for (size_t k = 0; k < len; k++) {
				unsigned byte = random_below(256);
				buffer_append_byte(&plain, (char)byte);
				buffer_appendf(&text, random_below(2) ? "%%%02x" : "%%%02X", byte);
			}
			ends[i] = plain.len;
			buffer_append_byte(&text, i % 2 == 0 ? '=' : '&');
		}
		assert_ok(form_decode(&form, buffer_slice(&text), count));
		assert_int_equal(form.count, count);
		for (size_t i = 0; i < 2 * count; i++) {
			size_t start = i == 0 ? 0 : ends[i - 1];
			struct slice wanted = {plain.ptr + start, ends[i] - start};
			assert_true(slice_equal(
			    i % 2 == 0 ? form.fields[i / 2].name : form.fields[i / 2].value,
			    wanted));
		}
		buffer_done(&text);
		buffer_done(&plain);
	}
	form_done(&form);
}

static void
a_path_segment_keeps_its_plus_signs(void **state)
{
	(void)state;
	char out[64];
	assert_slice(form_unescape(SLICE("a+b%2B%2f%41%"), out), "a+b+/A%");
	assert_true(slice_equal(form_unescape(SLICE("%00"), out), SLICE("\0")));
	assert_int_equal(form_unescape(SLICE(""), out).len, 0);
}

static void
a_body_is_a_form_by_its_type_or_for_lack_of_one(void **state)
{
	(void)state;
	const struct slice body = SLICE("a=1");
	assert_true(form_is_body(SLICE("application/x-www-form-urlencoded"), body));
	assert_true(form_is_body(SLICE("Application/X-WWW-Form-Urlencoded"), body));
	assert_true(form_is_body(SLICE("application/x-www-form-urlencoded; charset=UTF-8"), body));
	assert_true(form_is_body(SLICE(" application/x-www-form-urlencoded ;x"), body));
	assert_false(form_is_body(SLICE("application/json"), SLICE("")));
	assert_true(form_is_body(SLICE("application/x-www-form-urlencoded"), SLICE("")));
	assert_true(form_is_body(SLICE_NONE, SLICE_NONE));
	assert_false(form_is_body(SLICE("application/json"), body));
	assert_false(form_is_body(SLICE("multipart/form-data; boundary=x"), body));
	assert_false(form_is_body(SLICE("application/x-www-form-urlencodedx"), body));
	assert_false(form_is_body(SLICE("x; application/x-www-form-urlencoded"), body));
	assert_false(form_is_body(SLICE_NONE, body));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plus_is_a_space_and_escapes_are_bytes),
	    cmocka_unit_test(an_empty_text_holds_no_field),
	    cmocka_unit_test(a_piece_without_equals_is_a_name_with_an_empty_value),
	    cmocka_unit_test(an_empty_piece_is_no_field),
	    cmocka_unit_test(only_the_first_equals_divides),
	    cmocka_unit_test(repeated_names_keep_their_order),
	    cmocka_unit_test(any_byte_may_stand_in_name_and_value),
	    cmocka_unit_test(a_malformed_escape_stays_as_it_stands),
	    cmocka_unit_test(more_fields_than_the_limit_are_refused_and_leave_the_form_empty),
	    cmocka_unit_test(empty_pieces_without_number_cost_no_fields),
	    cmocka_unit_test(what_was_encoded_is_decoded_again),
	    cmocka_unit_test(a_path_segment_keeps_its_plus_signs),
	    cmocka_unit_test(a_body_is_a_form_by_its_type_or_for_lack_of_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
