/* slice: text as pointer and length; absent and empty are different. */
#include "testing.h"

static void
absent_and_empty_are_distinguished(void **state)
{
	(void)state;
	assert_null(slice_of(NULL).ptr);
	assert_non_null(slice_of("").ptr);
	assert_int_equal(slice_of("").len, 0);
	assert_null(slice_from(SLICE_NONE, 0).ptr);
	assert_true(slice_equal(SLICE_NONE, SLICE("")));
}

static void
equality_is_by_bytes_nul_included(void **state)
{
	(void)state;
	assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(slice_equal(SLICE("a"), SLICE("a\0")));
	assert_false(slice_equal(SLICE("a"), SLICE("A")));
}

static void
case_is_ignored_for_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(slice_equal_nocase(SLICE("StOp"), SLICE("sToP")));
	assert_false(slice_equal_nocase(SLICE("stop"), SLICE("stops")));
	/* 32 apart, but no letters */
	assert_false(slice_equal_nocase(SLICE("@[\\]^"), SLICE("`{|}~")));
	assert_false(slice_equal_nocase(SLICE("\xc3\x84"), SLICE("\xc3\xa4")));
}

static void
order_is_memcmp_then_the_shorter_first(void **state)
{
	(void)state;
	static const char *const sorted[] = {
	    "", "A", "A1", "AB", "CALLSID", "CallSid", "a", "callSid", "\x7f", "\x80", "\xff"};
	for (size_t i = 0; i < COUNT_OF(sorted); i++)
		for (size_t j = 0; j < COUNT_OF(sorted); j++) {
			int order = slice_compare(slice_of(sorted[i]), slice_of(sorted[j]));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void
a_start_is_found_only_whole(void **state)
{
	(void)state;
	assert_true(slice_starts_with(SLICE("unix:/x"), SLICE("unix:")));
	assert_true(slice_starts_with(SLICE("x"), SLICE("")));
	assert_false(slice_starts_with(SLICE("unix"), SLICE("unix:")));
	assert_false(slice_starts_with(SLICE_NONE, SLICE("a")));
}

static void
trimming_takes_ascii_white_space_off_the_ends_only(void **state)
{
	(void)state;
	assert_slice(slice_trim(SLICE(" \t\r\n\v\f a b \n")), "a b");
	assert_slice(slice_trim(SLICE(" \n ")), "");
	assert_slice(slice_trim(SLICE("\xc2\xa0x")), "\xc2\xa0x");
	assert_int_equal(slice_trim(SLICE("\0x\0")).len, 3);
}

static void
pieces_are_taken_in_order_empty_ones_too(void **state)
{
	(void)state;
	struct slice rest = SLICE("a,,b,");
	assert_slice(slice_take(&rest, ','), "a");
	assert_slice(slice_take(&rest, ','), "");
	assert_slice(slice_take(&rest, ','), "b");
	assert_non_null(rest.ptr);
	assert_slice(slice_take(&rest, ','), "");
	assert_null(rest.ptr);
}

static void
a_missing_byte_is_found_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(slice_find(SLICE("abc"), 'c'), 2);
	assert_int_equal(slice_find(SLICE("abc"), 'x'), 3);
	assert_int_equal(slice_find(SLICE("a\0b"), '\0'), 1);
	assert_int_equal(slice_find(SLICE_NONE, 'x'), 0);
}

static void
only_plain_digits_are_a_number(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "99999999999999999999", "\xd9\xa1"};
	int64_t number = 7;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(slice_to_int(slice_of(bad[i]), &number), RESULT_INVALID);
	assert_int_equal(slice_to_int(SLICE("1\0"), &number), RESULT_INVALID);
	assert_int_equal(slice_to_int(SLICE_NONE, &number), RESULT_INVALID);
	assert_int_equal(number, 7); /* untouched on failure */
	assert_ok(slice_to_int(SLICE("000"), &number));
	assert_int_equal(number, 0);
	assert_ok(slice_to_int(SLICE("999999999999999999"), &number));
	assert_true(number == INT64_C(999999999999999999));
}

static void
hex_digits_are_read_in_both_cases_and_nothing_else_is(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		int expected = -1;
		if (byte >= '0' && byte <= '9')
			expected = byte - '0';
		else if ((byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'))
			expected = (byte | 0x20) - 'a' + 10;
		assert_int_equal(slice_hex_digit((char)byte), expected);
	}
}

static void
an_escape_is_a_percent_sign_and_two_hex_digits(void **state)
{
	(void)state;
	assert_int_equal(slice_escaped_byte(SLICE("%41")), 'A');
	assert_int_equal(slice_escaped_byte(SLICE("%fFx")), 0xff);
	assert_int_equal(slice_escaped_byte(SLICE("%00")), 0);
	static const struct slice others[] = {SLICE_INIT(""), SLICE_INIT("%"), SLICE_INIT("%4"),
	    SLICE_INIT("%4g"), SLICE_INIT("%g4"), SLICE_INIT("A41"), SLICE_INIT("%%41")};
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(slice_escaped_byte(others[i]), -1);
	assert_int_equal(slice_escaped_byte((struct slice){"%41", 2}), -1);
}

static void
a_name_has_letters_digits_and_what_is_allowed(void **state)
{
	(void)state;
	assert_true(slice_is_name(SLICE("azAZ09"), "", 6));
	assert_true(slice_is_name(SLICE("-a_"), "-_", 3));
	assert_false(slice_is_name(SLICE("-a."), "-_", 3));
	assert_false(slice_is_name(SLICE("abcd"), "", 3));
	assert_false(slice_is_name(SLICE(""), "", 3));
	assert_false(slice_is_name(SLICE_NONE, "", 3));
	assert_false(slice_is_name(SLICE("a\0"), "-", 3));
	assert_false(slice_is_name(SLICE("\xc3\xa9"), "-", 3));
}

static void
text_is_cut_between_characters(void **state)
{
	(void)state;
	static const struct {
		struct slice text;
		size_t max, len;
	} cuts[] = {
	    {SLICE_INIT(""), 0, 0}, {SLICE_INIT("abc"), 3, 3}, {SLICE_INIT("abc"), 2, 2},
	    {SLICE_INIT("a\xc3\xa9"), 3, 3}, {SLICE_INIT("a\xc3\xa9"), 2, 1},
	    {SLICE_INIT("\xc3\xa9"), 1, 0}, {SLICE_INIT("a\xf0\x9f\x98\x80"), 4, 1},
	    {SLICE_INIT("a\xf0\x9f\x98\x80z"), 5, 5},
	    {SLICE_INIT("\x80\x80\x80\x80\x80\x80"), 5, 5}, /* not UTF-8 */
	};
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		struct slice cut = slice_cut(cuts[i].text, cuts[i].max);
		assert_ptr_equal(cut.ptr, cuts[i].text.ptr);
		assert_int_equal(cut.len, cuts[i].len);
	}
	assert_null(slice_cut(SLICE_NONE, 3).ptr);
}

static void
a_hash_is_of_every_byte(void **state)
{
	(void)state;
	assert_true(slice_hash(SLICE("")) == UINT64_C(0xcbf29ce44fd0bfc1));
	assert_true(slice_hash(SLICE("a")) == UINT64_C(0xaf63dc4c296230c0));
	assert_true(slice_hash(SLICE("a\0b")) != slice_hash(SLICE("a\0c")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(absent_and_empty_are_distinguished),
	    cmocka_unit_test(equality_is_by_bytes_nul_included),
	    cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
	    cmocka_unit_test(order_is_memcmp_then_the_shorter_first),
	    cmocka_unit_test(a_start_is_found_only_whole),
	    cmocka_unit_test(trimming_takes_ascii_white_space_off_the_ends_only),
	    cmocka_unit_test(pieces_are_taken_in_order_empty_ones_too),
	    cmocka_unit_test(a_missing_byte_is_found_at_the_end),
	    cmocka_unit_test(only_plain_digits_are_a_number),
	    cmocka_unit_test(hex_digits_are_read_in_both_cases_and_nothing_else_is),
	    cmocka_unit_test(an_escape_is_a_percent_sign_and_two_hex_digits),
	    cmocka_unit_test(a_name_has_letters_digits_and_what_is_allowed),
	    cmocka_unit_test(text_is_cut_between_characters),
	    cmocka_unit_test(a_hash_is_of_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
