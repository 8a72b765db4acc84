/* clock: RFC 3339 both ways. */
#include "testing.h"

#include "dlrd/base/clock.h"

static int64_t
parsed(const char *text)
{
	int64_t time_us = -1;
	enum result result = clock_parse(slice_of(text), &time_us);
	if (result != RESULT_OK)
		print_error("\"%s\" was not read\n", text);
	assert_ok(result);
	return time_us;
}

static void
assert_parsed(const char *text, int64_t expected_us)
{
	int64_t time_us = parsed(text);
	if (time_us != expected_us)
		print_error("\"%s\" is %lld, should be %lld\n", text, (long long)time_us,
		    (long long)expected_us);
	assert_true(time_us == expected_us);
}

static void
a_time_is_written_in_utc_with_milliseconds(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(
	    clock_format(INT64_C(1795183522123999), text), "2026-11-20T14:05:22.123Z");
	assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_format(INT64_C(-62135596800) * CLOCK_SECOND_US, text),
	    "0001-01-01T00:00:00.000Z");
	assert_string_equal(
	    clock_format(INT64_C(2147483648) * CLOCK_SECOND_US, text), "2038-01-19T03:14:08.000Z");
}

static void
any_time_fits_the_text(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE + 1];
	const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -CLOCK_DAY_US};
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		text[CLOCK_TEXT_SIZE] = '#';
		assert_in_range(strlen(clock_format(times[i], text)), 20, CLOCK_TEXT_SIZE - 1);
		assert_int_equal(text[CLOCK_TEXT_SIZE], '#');
	}
}

static void
what_was_written_is_read_back(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	for (int i = 0; i < 5000; i++) {
		int64_t time_us = (int64_t)random_below(2000000000) * 2 * CLOCK_SECOND_US +
				  random_below(1000) * 1000;
		assert_parsed(clock_format(time_us, text), time_us);
	}
}

static void
offsets_fractions_and_bare_dates_are_read(void **state)
{
	(void)state;
	const int64_t base = INT64_C(1795183522) * CLOCK_SECOND_US;
	assert_parsed("2026-11-20T14:05:22Z", base);
	assert_parsed("2026-11-20t14:05:22z", base);
	assert_parsed("2026-11-20 14:05:22Z", base);
	assert_parsed("2026-11-20T16:05:22+02:00", base);
	assert_parsed("2026-11-20T08:35:22-05:30", base);
	assert_parsed("2026-11-21T00:05:22+10:00", base);
	assert_parsed("2026-11-20T14:05:22-00:00", base);
	assert_parsed("2026-11-20T14:05:22.5Z", base + 500000);
	assert_parsed("2026-11-20T14:05:22.123456789Z", base + 123456);
	assert_parsed("2026-11-20", base - (14 * 3600 + 5 * 60 + 22) * CLOCK_SECOND_US);
	assert_parsed("2024-02-29", INT64_C(1709164800) * CLOCK_SECOND_US);
	assert_parsed("1969-12-31T23:59:59Z", -CLOCK_SECOND_US);
}

static void
what_is_no_time_is_refused_and_leaves_the_output(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "2026", "2026-11", "2026-1-2", "2026-13-01",
	    "2026-00-01", "2026-01-00", "2026-01-32", "2026-02-29", "2026-02-30", "2026-04-31",
	    "2026-11-20T", "2026-11-20T14:05", "2026-11-20T14:05:22", "2026-11-20T24:00:00Z",
	    "2026-11-20T14:60:22Z", "2026-11-20T14:05:61Z", "2026-11-20T14:05:22.Z",
	    "2026-11-20T14:05:22+2:00", "2026-11-20T14:05:22+0200", "2026-11-20T14:05:22+24:00",
	    "2026-11-20T14:05:22+02:60", "2026-11-20T14:05:22Z ", " 2026-11-20", "2026-11-20Z",
	    "2026/11/20", "-026-11-20", "+026-11-20", "20261120T140522Z", "yesterday"};
	int64_t time_us = 7;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (clock_parse(slice_of(bad[i]), &time_us) != RESULT_INVALID)
			print_error("\"%s\" was read as a time\n", bad[i]);
		assert_int_equal(clock_parse(slice_of(bad[i]), &time_us), RESULT_INVALID);
	}
	assert_int_equal(clock_parse(SLICE("2026-11-20T14:05:22Z\0"), &time_us), RESULT_INVALID);
	assert_int_equal(clock_parse(SLICE_NONE, &time_us), RESULT_INVALID);
	assert_int_equal(time_us, 7);
}

/* RFC 3339, section 5.8, has this one as an example. They only ever come at the end of a month. */
static void
a_leap_second_is_read(void **state)
{
	(void)state;
	assert_parsed("1990-12-31T23:59:60Z", parsed("1991-01-01T00:00:00Z"));
	assert_parsed("1990-12-31T15:59:60-08:00", parsed("1991-01-01T00:00:00Z"));
}

static void
the_monotonic_clock_does_not_go_back(void **state)
{
	(void)state;
	int64_t last = clock_monotonic_us();
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_us();
		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_wall_us() > parsed("2024-01-01"));
}

static void
units_are_whole_ones_before_1970_as_well(void **state)
{
	(void)state;
	assert_true(clock_units(0, 60) == 0);
	assert_true(clock_units(59, 60) == 0);
	assert_true(clock_units(60, 60) == 1);
	assert_true(clock_units(-1, 60) == -1);
	assert_true(clock_units(-60, 60) == -1);
	assert_true(clock_units(-61, 60) == -2);
	assert_true(clock_units(INT64_MIN, INT64_MAX) == -2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(units_are_whole_ones_before_1970_as_well),
	    cmocka_unit_test(a_time_is_written_in_utc_with_milliseconds),
	    cmocka_unit_test(any_time_fits_the_text),
	    cmocka_unit_test(what_was_written_is_read_back),
	    cmocka_unit_test(offsets_fractions_and_bare_dates_are_read),
	    cmocka_unit_test(what_is_no_time_is_refused_and_leaves_the_output),
	    cmocka_unit_test(a_leap_second_is_read),
	    cmocka_unit_test(the_monotonic_clock_does_not_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
