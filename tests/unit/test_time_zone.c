/* time_zone: local time is what the system itself says it is, and a name opens nothing but a zone.
 */
#define _DEFAULT_SOURCE /* tm_gmtoff */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/time_zone.h"

#include <time.h>

static int64_t
us_of(const char *text)
{
	int64_t wall_us;
	assert_ok(clock_parse(slice_of(text), &wall_us));
	return wall_us;
}

static int64_t
offset_at(const char *name, int64_t wall_us)
{
	struct time_zone *zone = NULL;
	struct failure failure;
	if (time_zone_open(slice_of(name), &zone, &failure) != RESULT_OK)
		print_error("%s: %s\n", name, failure.text);
	assert_non_null(zone);
	int64_t offset_s = time_zone_offset_s(zone, wall_us);
	time_zone_close(zone);
	return offset_s;
}

static void
utc_and_offsets_need_no_file(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int offset_s;
	} rows[] = {{"UTC", 0}, {"utc", 0}, {"Z", 0}, {"+05:30", 19800}, {"-08:00", -28800},
	    {"+00:00", 0}, {"-00:30", -1800}, {"+23:59", 86340}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(offset_at(rows[i].name, 0), rows[i].offset_s);
		assert_int_equal(offset_at(rows[i].name, INT64_MAX), rows[i].offset_s);
		assert_int_equal(offset_at(rows[i].name, INT64_MIN), rows[i].offset_s);
	}
}

static void
an_offset_changes_on_the_second(void **state)
{
	(void)state;
	static const struct {
		const char *name, *at; /* the first second of the new offset */
		int before_s, after_s;
	} rows[] = {
	    {"Europe/Berlin", "2026-03-29T01:00:00Z", 3600, 7200},
	    {"Europe/Berlin", "2026-10-25T01:00:00Z", 7200, 3600},
	    {"America/St_Johns", "2026-03-08T05:30:00Z", -12600, -9000},
	    {"America/St_Johns", "2026-11-01T04:30:00Z", -9000, -12600},
	    {"America/New_York", "2026-03-08T07:00:00Z", -18000, -14400},
	    /* Samoa left out the 30th of December 2011, and gave up summer time in 2021 */
	    {"Pacific/Apia", "2011-12-30T10:00:00Z", -36000, 50400},
	    {"Pacific/Apia", "2021-04-03T14:00:00Z", 50400, 46800},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t at_us = us_of(rows[i].at);
		assert_int_equal(offset_at(rows[i].name, at_us - 1), rows[i].before_s);
		assert_int_equal(offset_at(rows[i].name, at_us), rows[i].after_s);
	}
}

static void
a_zone_without_summer_time_stays(void **state)
{
	(void)state;
	assert_int_equal(offset_at("Asia/Kolkata", us_of("2026-01-01")), 19800);
	assert_int_equal(offset_at("Asia/Kolkata", us_of("2026-07-01")), 19800);
	assert_int_equal(offset_at("Asia/Kolkata", INT64_MAX), 19800);
	assert_int_equal(offset_at("Etc/GMT+12", 0), -43200);
	assert_int_equal(offset_at("Etc/GMT-10", 0), 36000);
}

static void
before_the_first_transition_it_is_local_mean_time(void **state)
{
	(void)state;
	assert_int_equal(offset_at("Europe/Berlin", us_of("1800-01-01")), 3208);
	assert_int_equal(offset_at("Europe/Berlin", INT64_MIN), 3208);
}

/* Every four hours or so from 1900 to 2100, the later ones by the rule, against the C library's own
 * reading of the file. */
static void
the_c_library_agrees(void **state)
{
	(void)state;
	static const char *const names[] = {"Europe/Berlin", "Asia/Kolkata", "America/St_Johns",
	    "Pacific/Apia", "America/New_York", "Europe/Dublin", "Africa/Casablanca",
	    "Australia/Lord_Howe", "Asia/Tehran", "America/Sao_Paulo", "Antarctica/Troll",
	    "Pacific/Kiritimati", "Asia/Kathmandu", "America/Santiago", "Africa/Cairo", "Asia/Gaza",
	    "America/Nuuk", "UTC"};
	int64_t from_s = us_of("1900-01-01") / CLOCK_SECOND_US,
		to_s = us_of("2100-01-01") / CLOCK_SECOND_US;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct time_zone *zone = NULL;
		assert_ok(time_zone_open(slice_of(names[i]), &zone, NULL));
		assert_int_equal(setenv("TZ", names[i], 1), 0);
		tzset();
		for (int64_t at_s = from_s; at_s < to_s; at_s += 14400 + random_below(3600)) {
			time_t at = (time_t)at_s;
			struct tm local;
			assert_non_null(localtime_r(&at, &local));
			int64_t offset_s = time_zone_offset_s(zone, at_s * CLOCK_SECOND_US);
			if (offset_s != local.tm_gmtoff)
				print_error("%s at %lld\n", names[i], (long long)at_s);
			assert_int_equal(offset_s, local.tm_gmtoff);
		}
		time_zone_close(zone);
	}
	unsetenv("TZ");
	tzset();
}

static void
a_name_that_is_none_is_not_found(void **state)
{
	(void)state;
	static const char *const odd[] = {"", "utcs", "Europe/Nowhere", "/etc/localtime",
	    "../../../etc/passwd", "Europe/../UTC", "Europe", "Europe/", ".", "..", "zone.tab",
	    "Europe/Berlin\n", "Europe\\Berlin", "Europe/Berlin/x", "+5:30", "+05:60", "+24:00",
	    "05:30", "+0530", "+05:3x", "\xc3\xa4",
	    "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct time_zone *zone = NULL;
		struct failure failure = {""};
		if (time_zone_open(slice_of(odd[i]), &zone, &failure) != RESULT_NOT_FOUND)
			print_error("%s was opened\n", odd[i]);
		assert_int_equal(
		    time_zone_open(slice_of(odd[i]), &zone, &failure), RESULT_NOT_FOUND);
		assert_null(zone);
		assert_true(strlen(failure.text) > 0);
	}
	struct time_zone *zone = NULL;
	assert_int_equal(time_zone_open(SLICE_NONE, &zone, NULL), RESULT_NOT_FOUND);
	assert_int_equal(time_zone_open(SLICE("UTC\0x"), &zone, NULL), RESULT_NOT_FOUND);
}

static void
a_file_that_is_no_zone_is_corrupt(void **state)
{
	(void)state;
	struct time_zone *zone = NULL;
	struct failure failure;
	if (access("/usr/share/zoneinfo/leapseconds", R_OK) != 0)
		skip();
	assert_int_equal(time_zone_open(SLICE("leapseconds"), &zone, &failure), RESULT_CORRUPT);
	assert_null(zone);
	assert_contains(slice_of(failure.text), "leapseconds");
}

/* A version 2 file of one transition, at second 100, from an hour east to two; the first block is
 * empty, and of one local time type as it must be. */
#define EMPTY_COUNTS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
#define COUNTS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\1"
#define UNUSED "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define HOUR "\0\0\x0e\x10\0\0"
#define TWO_HOURS "\0\0\x1c\x20\1\0"
#define FIRST_BLOCK                                \
	"TZif2" UNUSED EMPTY_COUNTS "\0\0\0\0\0\0" \
	"\0"
#define SECOND_BLOCK                            \
	"TZif2" UNUSED COUNTS "\0\0\0\0\0\0\0d" \
	"\1" HOUR TWO_HOURS "\0"
/* The same of version 1, whose times have 32 bits. */
#define ONLY_BLOCK                       \
	"TZif\0" UNUSED COUNTS "\0\0\0d" \
	"\1" HOUR TWO_HOURS "\0"

static void
both_versions_of_the_format_are_read(void **state)
{
	(void)state;
	const struct slice files[] = {SLICE(FIRST_BLOCK SECOND_BLOCK "\n\n"), SLICE(ONLY_BLOCK)};
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct time_zone *zone;
		assert_ok(time_zone_read(files[i], &zone));
		assert_int_equal(time_zone_offset_s(zone, 100 * CLOCK_SECOND_US - 1), 3600);
		assert_int_equal(time_zone_offset_s(zone, 100 * CLOCK_SECOND_US), 7200);
		time_zone_close(zone);
	}
}

static void
after_the_last_transition_the_rule_holds(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *at; /* the first second of the new offset */
		int before_s, after_s;
	} rows[] = {
	    {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 3600, 7200},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 7200, 3600},
	    {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-04-04T15:00:00Z", 39600, 37800},
	    {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-03-29T01:00:00Z", 0, 3600},
	    {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -7200, -3600},
	    {"AAA1BBB,J60/0,300", "2028-03-01T01:00:00Z", -3600, 0},
	    {"AAA1BBB,59/0,300", "2028-02-29T01:00:00Z", -3600, 0},
	    {"AAA1BBB,J60/0,J300/0:30:15", "2026-10-27T00:30:15Z", 0, -3600},
	    {"AAA1BBB,59/0,300", "2000-02-29T01:00:00Z", -3600, 0},
	    {"AAA1BBB,59/0,300", "2100-03-01T01:00:00Z", -3600, 0},
	    {"AAA1BBB,0/0,J10", "2026-01-01T01:00:00Z", -3600, 0},
	    {"XXX3EDT4,0/0,J365/23", "2026-01-01T03:00:00Z", -14400, -14400},
	    {"IST-5:30", "2026-01-01T00:00:00Z", 19800, 19800},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct time_zone *zone = NULL;
		struct buffer file = BUFFER_EMPTY;
		buffer_append(&file, SLICE(FIRST_BLOCK SECOND_BLOCK "\n"));
		buffer_appendf(&file, "%s\n", rows[i].rule);
		assert_ok(time_zone_read(buffer_slice(&file), &zone));
		buffer_done(&file);
		int64_t at_us = us_of(rows[i].at);
		assert_int_equal(time_zone_offset_s(zone, at_us - 1), rows[i].before_s);
		assert_int_equal(time_zone_offset_s(zone, at_us), rows[i].after_s);
		assert_int_equal(time_zone_offset_s(zone, 0), 3600); /* before that */
		time_zone_close(zone);
	}
}

static void
a_rule_that_cannot_be_read_is_corrupt(void **state)
{
	(void)state;
	static const char *const odd[] = {"CET", "CET-", "-1", "CE-1", "<CET-1", "CET-1x",
	    "CET-1CEST", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
	    "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,M3.5,M10.5.0",
	    "CET-1CEST,J0,J5", "CET-1CEST,J366,J5", "CET-1CEST,366,5", "CET-1CEST,0,5x",
	    "CET-1CEST,0/168,5", "CET-25", "CET-1:60", "CET-1CEST,0,5,7", "A1",
	    "CET-99999999999999999999"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct time_zone *zone = NULL;
		struct buffer file = BUFFER_EMPTY;
		buffer_append(&file, SLICE(FIRST_BLOCK SECOND_BLOCK "\n"));
		buffer_appendf(&file, "%s\n", odd[i]);
		if (time_zone_read(buffer_slice(&file), &zone) != RESULT_CORRUPT)
			print_error("%s was read\n", odd[i]);
		assert_int_equal(time_zone_read(buffer_slice(&file), &zone), RESULT_CORRUPT);
		assert_null(zone);
		buffer_done(&file);
	}
}

static void
a_cut_file_is_corrupt(void **state)
{
	(void)state;
	const struct slice file = SLICE(FIRST_BLOCK SECOND_BLOCK);
	struct time_zone *zone = NULL;
	assert_ok(time_zone_read(file, &zone));
	time_zone_close(zone);
	zone = NULL;
	for (size_t len = 0; len < file.len; len++) {
		/* of its exact size, so that a sanitizer detects an overflow by one byte */
		char *copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy + 1, file.ptr, len);
		assert_int_equal(
		    time_zone_read((struct slice){copy + 1, len}, &zone), RESULT_CORRUPT);
		free(copy);
	}
	assert_int_equal(time_zone_read(SLICE_NONE, &zone), RESULT_CORRUPT);
	assert_null(zone);
}

static void
a_damaged_file_does_no_harm(void **state)
{
	(void)state;
	struct buffer file = read_whole_file("/usr/share/zoneinfo/Europe/Berlin");
	char *damaged = malloc(file.len);
	assert_non_null(damaged);
	for (int round = 0; round < 20000; round++) {
		struct time_zone *zone = NULL;
		memcpy(damaged, file.ptr, file.len);
		/* the headers are hit as often as all the rest */
		for (unsigned i = 0, count = 1 + random_below(4); i < count; i++)
			damaged[random_below(random_below(2) ? 44 : (unsigned)file.len)] =
			    (char)random_below(256);
		if (time_zone_read((struct slice){damaged, file.len}, &zone) == RESULT_OK) {
			int64_t offset_s = time_zone_offset_s(zone, clock_wall_us());
			assert_true(offset_s > -26 * 3600 && offset_s < 26 * 3600);
		}
		time_zone_close(zone);
	}
	free(damaged);
	buffer_done(&file);
}

static void
closing_nothing_is_harmless(void **state)
{
	(void)state;
	time_zone_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(utc_and_offsets_need_no_file),
	    cmocka_unit_test(an_offset_changes_on_the_second),
	    cmocka_unit_test(a_zone_without_summer_time_stays),
	    cmocka_unit_test(before_the_first_transition_it_is_local_mean_time),
	    cmocka_unit_test(the_c_library_agrees),
	    cmocka_unit_test(a_name_that_is_none_is_not_found),
	    cmocka_unit_test(a_file_that_is_no_zone_is_corrupt),
	    cmocka_unit_test(both_versions_of_the_format_are_read),
	    cmocka_unit_test(after_the_last_transition_the_rule_holds),
	    cmocka_unit_test(a_rule_that_cannot_be_read_is_corrupt),
	    cmocka_unit_test(a_cut_file_is_corrupt),
	    cmocka_unit_test(a_damaged_file_does_no_harm),
	    cmocka_unit_test(closing_nothing_is_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
