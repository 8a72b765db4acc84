/* local_time: times and days of a zone, as text and from text. */
#include "testing.h"

#include "dlrd/base/local_time.h"

#include <stdlib.h>

static int64_t
parsed(const char *text)
{
	int64_t wall_us;
	assert_ok(clock_parse(slice_of(text), &wall_us));
	return wall_us;
}

static struct time_zone *
zone_of(const char *name)
{
	struct time_zone *zone;
	struct failure failure;
	assert_ok(time_zone_open(slice_of(name), &zone, &failure));
	return zone;
}

static void
assert_formatted(const char *name, const char *utc, const char *expected)
{
	char text[CLOCK_TEXT_SIZE];
	struct time_zone *zone = zone_of(name);
	int64_t wall_us = parsed(utc);
	assert_string_equal(local_time_format(zone, wall_us, text), expected);
	if (wall_us % 60000000 == 0)
		assert_true(parsed(text) == wall_us);
	time_zone_close(zone);
}

static void
a_time_has_the_offset_that_holds_then(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	assert_formatted("UTC", "2026-11-20T14:05:22.123Z", "2026-11-20T14:05:22.123Z");
	assert_formatted("utc", "2026-11-20T14:05:22.123Z", "2026-11-20T14:05:22.123Z");
	assert_formatted("Etc/UTC", "2026-11-20T14:05:22.123Z", "2026-11-20T14:05:22.123Z");
	assert_formatted("Europe/Berlin", "2026-11-20T23:05:22Z", "2026-11-21T00:05:22.000+01:00");
	assert_formatted("Europe/Berlin", "2026-07-20T14:05:22Z", "2026-07-20T16:05:22.000+02:00");
	assert_formatted("Europe/London", "2026-11-20T14:05:22Z", "2026-11-20T14:05:22.000+00:00");
	assert_formatted("+05:30", "2026-11-20T14:05:22Z", "2026-11-20T19:35:22.000+05:30");
	assert_formatted("-03:30", "2026-11-20T02:00:00Z", "2026-11-19T22:30:00.000-03:30");
	/* The hour that is there twice. */
	assert_formatted("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00.000+02:00");
	assert_formatted("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00.000+01:00");
	/* The local mean time of Berlin was 53 minutes and 28 seconds ahead. */
	assert_formatted("Europe/Berlin", "1890-01-01T00:00:00Z", "1890-01-01T00:53:00.000+00:53");
	assert_string_equal(
	    local_time_format(NULL, parsed("2026-11-20"), text), "2026-11-20T00:00:00.000Z");
}

static void
a_day_is_its_date(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	struct time_zone *zone = zone_of("Europe/Berlin");
	int64_t start_us = local_time_day_start_us(zone, parsed("2026-11-20"));
	assert_string_equal(local_time_format_day(zone, start_us, text), "2026-11-20");
	assert_string_equal(local_time_format_day(zone, start_us - 1, text), "2026-11-19");
	assert_string_equal(local_time_format_day(NULL, start_us, text), "2026-11-19");
	time_zone_close(zone);
}

static int64_t
hours_of_day(const char *name, const char *day, const char *next)
{
	struct time_zone *zone = zone_of(name);
	int64_t start_us, end_us;
	bool is_day = false;
	assert_ok(local_time_parse(zone, slice_of(day), &start_us, &is_day));
	assert_true(is_day);
	assert_ok(local_time_parse(zone, slice_of(next), &end_us, &is_day));
	time_zone_close(zone);
	return (end_us - start_us) / CLOCK_HOUR_US;
}

static void
a_day_is_as_long_as_its_zone_makes_it(void **state)
{
	(void)state;
	assert_int_equal(hours_of_day("Europe/Berlin", "2026-03-28", "2026-03-29"), 24);
	assert_int_equal(hours_of_day("Europe/Berlin", "2026-03-29", "2026-03-30"), 23);
	assert_int_equal(hours_of_day("Europe/Berlin", "2026-10-25", "2026-10-26"), 25);
	assert_int_equal(hours_of_day("America/New_York", "2026-03-08", "2026-03-09"), 23);
	assert_int_equal(hours_of_day("America/New_York", "2026-11-01", "2026-11-02"), 25);
	/* Put forward at midnight; and a day that Samoa did not have. */
	assert_int_equal(hours_of_day("Asia/Beirut", "2026-03-29", "2026-03-30"), 23);
	assert_int_equal(hours_of_day("Pacific/Apia", "2011-12-30", "2011-12-31"), 0);
	assert_int_equal(hours_of_day("UTC", "2026-03-29", "2026-03-30"), 24);
}

static void
a_time_with_an_offset_is_the_same_in_any_zone(void **state)
{
	(void)state;
	struct time_zone *zone = zone_of("Asia/Kolkata");
	int64_t time_us;
	bool is_day = true;
	assert_ok(local_time_parse(zone, SLICE("2026-11-20T14:00:00Z"), &time_us, &is_day));
	assert_true(time_us == parsed("2026-11-20T14:00:00Z") && !is_day);
	assert_int_equal(
	    local_time_parse(zone, SLICE("2026-02-30"), &time_us, &is_day), RESULT_INVALID);
	assert_int_equal(local_time_parse(zone, SLICE("today"), &time_us, &is_day), RESULT_INVALID);
	time_zone_close(zone);
}

static void
times_are_read_as_people_say_them(void **state)
{
	(void)state;
	/* In Berlin it is the 21st already. */
	const int64_t now_us = parsed("2026-11-20T23:05:22.123Z");
	static const struct {
		const char *text, *utc, *berlin;
		bool is_day;
	} rows[] = {{"today", "2026-11-20T00:00:00Z", "2026-11-20T23:00:00Z", true},
	    {"Yesterday", "2026-11-19T00:00:00Z", "2026-11-19T23:00:00Z", true},
	    {"-24h", "2026-11-19T23:05:22.123Z", "2026-11-19T23:05:22.123Z", false},
	    {"-7d", "2026-11-13T23:05:22.123Z", "2026-11-13T23:05:22.123Z", false},
	    {"-30m", "2026-11-20T22:35:22.123Z", "2026-11-20T22:35:22.123Z", false},
	    {"-0h", "2026-11-20T23:05:22.123Z", "2026-11-20T23:05:22.123Z", false},
	    {"2026-07-01", "2026-07-01T00:00:00Z", "2026-06-30T22:00:00Z", true},
	    {"2026-11-01T10:00:00+02:00", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", false}};
	static const char *const bad[] = {"", "-", "-h", "-24", "24h", "-24s", "-1000001d", "--1h",
	    "-1.5h", "-99999999999999999999h", "tomorrow", "today ", "now-1h"};
	struct time_zone *zone = zone_of("Europe/Berlin");
	int64_t time_us = 77;
	bool is_day = false;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(
		    local_time_parse_spoken(zone, slice_of(bad[i]), now_us, &time_us, &is_day),
		    RESULT_INVALID);
	assert_int_equal(time_us, 77);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_ok(local_time_parse_spoken(
		    NULL, slice_of(rows[i].text), now_us, &time_us, &is_day));
		assert_true(time_us == parsed(rows[i].utc) && is_day == rows[i].is_day);
		assert_ok(local_time_parse_spoken(
		    zone, slice_of(rows[i].text), now_us, &time_us, &is_day));
		assert_true(time_us == parsed(rows[i].berlin) && is_day == rows[i].is_day);
	}
	time_zone_close(zone);
}

static void
assert_machine(const char *tz, const char *utc, const char *expected)
{
	char text[CLOCK_TEXT_SIZE];
	struct time_zone *zone;
	assert_int_equal(setenv("TZ", tz, 1), 0);
	assert_ok(time_zone_open_local(&zone));
	assert_string_equal(local_time_format(zone, parsed(utc), text), expected);
	time_zone_close(zone);
	unsetenv("TZ");
}

static void
the_machines_zone_is_that_of_its_variable(void **state)
{
	(void)state;
	const char *summer = "2026-07-20T14:00:00Z";
	assert_machine("Europe/Berlin", summer, "2026-07-20T16:00:00.000+02:00");
	assert_machine(":Europe/Berlin", summer, "2026-07-20T16:00:00.000+02:00");
	assert_machine("CET-1CEST,M3.5.0,M10.5.0/3", summer, "2026-07-20T16:00:00.000+02:00");
	assert_machine("IST-5:30", summer, "2026-07-20T19:30:00.000+05:30");
	assert_machine("", summer, "2026-07-20T14:00:00.000Z");
	assert_machine("nonsense", summer, "2026-07-20T14:00:00.000Z");
	assert_machine("../../../etc/passwd", summer, "2026-07-20T14:00:00.000Z");
	struct time_zone *zone;
	assert_ok(time_zone_open_local(&zone)); /* of /etc/localtime, or UTC */
	time_zone_close(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_time_has_the_offset_that_holds_then),
	    cmocka_unit_test(a_day_is_its_date),
	    cmocka_unit_test(a_day_is_as_long_as_its_zone_makes_it),
	    cmocka_unit_test(a_time_with_an_offset_is_the_same_in_any_zone),
	    cmocka_unit_test(times_are_read_as_people_say_them),
	    cmocka_unit_test(the_machines_zone_is_that_of_its_variable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
