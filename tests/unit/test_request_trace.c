/* request_trace: what a debug line may show of a number. */
#include "testing.h"

#include "intake/request_trace.h"

static void
assert_masked(const char *number, const char *expected)
{
	char text[TRACE_NUMBER_SIZE];
	assert_string_equal(request_trace_mask(slice_of(number), text), expected);
}

static void
a_number_keeps_its_last_four_digits(void **state)
{
	(void)state;
	assert_masked("+15005550006", "..0006");
	assert_masked("15005550006", "..0006");
	assert_masked("whatsapp:+15005550006", "whatsapp:..0006");
	assert_masked("+999999999999999999999999999990001", "..0001");
}

static void
what_is_not_a_number_is_not_shown(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "12345", "ACME", "secret 15005550006", "+", ":",
	    "\x1b[31m:+15005550006", "averylongchannel:+15005550006", "a:b:+15005550006",
	    "++15005550006", ":+15005550006", "+1500555 0006x"};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_masked(texts[i], "");
	char text[TRACE_NUMBER_SIZE] = "x";
	assert_string_equal(request_trace_mask(SLICE_NONE, text), "");
}

static void
without_debug_there_is_no_trace(void **state)
{
	(void)state;
	assert_null(request_trace_begin());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_keeps_its_last_four_digits),
	    cmocka_unit_test(what_is_not_a_number_is_not_shown),
	    cmocka_unit_test(without_debug_there_is_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
