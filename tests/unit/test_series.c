/* series: figures by local hour and day, across the edges that clocks have. */
#include "testing.h"
#include "windows.h"

#include "dlrd/api/endpoints.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/json.h"
#include "dlrd/store/store.h"

#include <jansson.h>

/* One message an hour, on its hour, through both changes of Berlin's clocks in 2026: the campaign
 * "spring" from 28 to 30 March, "autumn" from 24 to 26 October, each by UTC. */
#define SPRING (INT64_C(1774656000) * CLOCK_SECOND_US) /* 2026-03-28T00:00:00Z */
#define AUTUMN (INT64_C(1792800000) * CLOCK_SECOND_US) /* 2026-10-24T00:00:00Z */
#define HOURS 72

static char *directory;
static struct store_reader *reader;
static const struct endpoints_state state_of_daemon;

static void
add(struct store *store, const char *campaign, const char *variant, int number, int64_t time_us)
{
	struct store_added added;
	char sid[64];
	int len = snprintf(sid, sizeof sid, "SM-%s-%d", campaign, number);
	const struct event event = {.journal_seq = 1,
	    .time_us = time_us,
	    .type = EVENT_SENT,
	    .status = STATUS_SENT,
	    .status_text = status_name(STATUS_SENT),
	    .error_code = -1,
	    .workspace = SLICE("w"),
	    .campaign = slice_of(campaign),
	    .variant = slice_of(variant),
	    .tags_fit = true,
	    .folds = true,
	    .message = {sid, (size_t)len},
	    .account = SLICE("AC1")};
	assert_ok(store_add(store, &event, &added));
}

static int
set_up(void **state)
{
	(void)state;
	struct store *store;
	struct failure failure;
	directory = private_directory();
	const char *path = path_in(directory, STORE_FILE);
	const struct store_options options = {
	    .path = path, .reply_window_us = REPLY_WINDOW_US, .reply_late_us = REPLY_LATE_US};
	assert_ok(store_open(&options, &store, &failure));
	assert_ok(store_begin(store));
	for (int hour = 0; hour < HOURS; hour++) {
		add(store, "spring", hour % 2 ? "odd" : "even", hour,
		    SPRING + hour * CLOCK_HOUR_US);
		add(store, "autumn", "", hour, AUTUMN + hour * CLOCK_HOUR_US);
	}
	add(store, "long", "", 0, CLOCK_HOUR_US);
	add(store, "long", "", 1, AUTUMN);
	assert_ok(store_commit(store, 1));
	store_close(store);
	assert_ok(store_reader_open(path, &reader, &failure));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_reader_close(reader);
	remove_directory(directory);
	return 0;
}

static struct json_t *
ask_for(const char *target, unsigned status)
{
	struct json_t *value;
	const struct api_request request = {.method = SLICE("GET"), .target = slice_of(target)};
	struct api_answer answer = endpoints_answer(&state_of_daemon, reader, &request);
	if (answer.status != status)
		print_error("%s: %.*s\n", target, SLICE_ARG(buffer_slice(&answer.body)));
	assert_int_equal(answer.status, status);
	while (answer.rest != NULL)
		assert_ok(endpoints_next_page(&answer, reader, &answer.body));
	assert_ok(json_parse(buffer_slice(&answer.body), &value));
	buffer_done(&answer.body);
	return value;
}

static struct json_t *
ask(const char *campaign, const char *query, unsigned status)
{
	char target[256];
	snprintf(target, sizeof target, "/v1/campaigns/%s/series?%s", campaign, query);
	return ask_for(target, status);
}

static int64_t
sent_of(const struct json_t *point)
{
	int64_t sent = -1;
	assert_true(json_int(json_get(point, "sent"), &sent));
	return sent;
}

/* expected: "TIME sent; TIME sent; ..." */
static void
assert_points(const char *campaign, const char *query, const char *expected)
{
	struct json_t *value = ask(campaign, query, 200), *points = json_get(value, "points");
	struct buffer found = BUFFER_EMPTY;
	for (size_t i = 0; i < json_array_size(points); i++) {
		struct slice time = json_text(json_get(json_array_get(points, i), "time"));
		/* without the seconds */
		buffer_appendf(&found, "%s%.16s %lld", i > 0 ? "; " : "", time.ptr,
		    (long long)sent_of(json_array_get(points, i)));
	}
	assert_slice(buffer_slice(&found).ptr == NULL ? SLICE("") : buffer_slice(&found), expected);
	buffer_done(&found);
	json_free(value);
}

static void
days_are_local_and_as_long_as_they_are(void **state)
{
	(void)state;
	assert_points("spring", "interval=day",
	    "2026-03-28T00:00 24; 2026-03-29T00:00 24; 2026-03-30T00:00 24");
	/* Of the first day the first hour is missing, the last day has but two. */
	assert_points("spring", "interval=day&tz=Europe/Berlin",
	    "2026-03-28T00:00 23; 2026-03-29T00:00 23; 2026-03-30T00:00 24; 2026-03-31T00:00 2");
	assert_points("autumn", "interval=day&tz=Europe/Berlin",
	    "2026-10-24T00:00 22; 2026-10-25T00:00 25; 2026-10-26T00:00 24; 2026-10-27T00:00 1");
	assert_points("spring", "interval=day&tz=-08:00",
	    "2026-03-27T00:00 8; 2026-03-28T00:00 24; 2026-03-29T00:00 24; 2026-03-30T00:00 16");
}

/* In Beirut the clocks are put forward at midnight: the 29th of March begins at 01:00. */
static void
a_day_without_a_midnight_begins_when_it_does(void **state)
{
	(void)state;
	assert_points("spring", "interval=day&tz=Asia/Beirut&from=2026-03-28&to=2026-03-30",
	    "2026-03-28T00:00 22; 2026-03-29T01:00 23");
}

static void
assert_exact(const char *campaign, const char *query, bool exact)
{
	struct json_t *value = ask(campaign, query, 200);
	struct buffer out = BUFFER_EMPTY;
	assert_ok(json_write(value, &out));
	assert_contains(buffer_slice(&out), exact ? "\"exact\":true" : "\"exact\":false");
	buffer_done(&out);
	json_free(value);
}

/* The points of Kolkata are those of the hours of UTC that begin in its days: none of them has a
 * fact of before its time. */
static void
a_point_begins_with_the_first_hour_that_it_counts(void **state)
{
	(void)state;
	assert_points("spring", "tz=Asia/Kolkata&to=2026-03-28T02:00:00Z",
	    "2026-03-28T05:30 1; 2026-03-28T06:30 1");
	assert_points("spring", "interval=day&tz=Asia/Kolkata&from=2026-03-29&to=2026-03-31",
	    "2026-03-29T00:30 24; 2026-03-30T00:30 24");
	assert_points("spring", "interval=day&tz=Asia/Kathmandu&from=2026-03-29&to=2026-03-30",
	    "2026-03-29T00:45 24");
	assert_points(
	    "spring", "tz=UTC&to=2026-03-28T02:00:00Z", "2026-03-28T00:00 1; 2026-03-28T01:00 1");
}

static void
a_zone_without_whole_hours_is_reported_not_to_be_exact(void **state)
{
	(void)state;
	static const char *const exact[] = {"", "tz=Europe/Berlin", "tz=Asia/Beirut", "tz=-08:00"};
	static const char *const inexact[] = {
	    "tz=Asia/Kolkata", "tz=Asia/Kathmandu", "tz=-03:30", "tz=America/St_Johns"};
	for (size_t i = 0; i < COUNT_OF(exact); i++) {
		char query[64];
		assert_exact("spring", exact[i], true);
		assert_exact("spring", inexact[i], false);
		snprintf(query, sizeof query, "interval=day&%s", inexact[i]);
		assert_exact("spring", query, false);
	}
	assert_exact("spring", "tz=Asia/Kolkata&to=2020-01-01", false); /* without a point, too */
	assert_exact("spring", "tz=Europe/Berlin&to=2020-01-01", true);
	/* Half an hour forward in their summer, from half past ten to eleven. */
	assert_exact("spring", "tz=Australia/Lord_Howe", true);
	assert_exact("spring", "tz=Australia/Lord_Howe&from=2026-06-01&to=2026-06-02", false);
}

/* The hour that the clocks repeat counts as two hours, and the skipped one is absent. */
static void
each_hour_of_a_changed_clock_is_a_point(void **state)
{
	(void)state;
	assert_points("autumn",
	    "tz=Europe/Berlin&from=2026-10-25T00:00:00Z&to=2026-10-25T03:00:00Z",
	    "2026-10-25T02:00 1; 2026-10-25T02:00 1; 2026-10-25T03:00 1");
	assert_points("spring",
	    "tz=Europe/Berlin&from=2026-03-29T00:00:00Z&to=2026-03-29T02:00:00Z",
	    "2026-03-29T01:00 1; 2026-03-29T03:00 1");
}

static void
a_bare_day_is_one_of_the_zone(void **state)
{
	(void)state;
	assert_points("spring", "interval=day&tz=Europe/Berlin&from=2026-03-29&to=2026-03-30",
	    "2026-03-29T00:00 23");
	assert_points(
	    "spring", "interval=day&from=2026-03-29&to=2026-03-30", "2026-03-29T00:00 24");
	assert_points("autumn", "interval=day&tz=Europe/Berlin&from=2026-10-25&to=2026-10-26",
	    "2026-10-25T00:00 25");
}

/* Over a day: the figure of the campaign, and how many messages are listed. */
static void
assert_sent_on(const char *campaign, const char *day, const char *next, const char *zone, int sent)
{
	char target[256];
	snprintf(target, sizeof target, "/v1/campaigns/%s?from=%s&to=%s&tz=%s", campaign, day, next,
	    zone);
	struct json_t *value = ask_for(target, 200);
	assert_int_equal(sent_of(value), sent);
	json_free(value);
	snprintf(target, sizeof target,
	    "/v1/messages?campaign=%s&state=sent&from=%s&to=%s&tz=%s&limit=1000", campaign, day,
	    next, zone);
	value = ask_for(target, 200);
	assert_int_equal(json_array_size(json_get(value, "messages")), sent);
	json_free(value);
}

static void
a_day_of_any_question_is_one_of_the_zone(void **state)
{
	(void)state;
	assert_sent_on("spring", "2026-03-29", "2026-03-30", "UTC", 24);
	assert_sent_on("spring", "2026-03-29", "2026-03-30", "Europe/Berlin", 23);
	assert_sent_on("autumn", "2026-10-25", "2026-10-26", "Europe/Berlin", 25);
	assert_sent_on("spring", "2026-03-29", "2026-03-30", "Asia/Beirut", 23);
	/* As in the series: the hours that begin in the day. */
	assert_sent_on("spring", "2026-03-29", "2026-03-30", "Asia/Kolkata", 24);
	assert_sent_on("spring", "2026-03-28", "2026-03-29", "-08:00", 24);
}

static void
gaps_are_filled_between_the_bounds(void **state)
{
	(void)state;
	assert_points("spring", "from=2026-03-27T22:00:00Z&to=2026-03-28T01:00:00Z",
	    "2026-03-27T22:00 0; 2026-03-27T23:00 0; 2026-03-28T00:00 1");
	assert_points("spring", "from=2030-01-01&to=2030-01-03&interval=day",
	    "2030-01-01T00:00 0; 2030-01-02T00:00 0");
	assert_points("spring", "variant=odd&to=2026-03-28T04:00:00Z",
	    "2026-03-28T01:00 1; 2026-03-28T02:00 0; 2026-03-28T03:00 1");
	assert_points("spring", "from=2030-01-01", "");
	assert_points("spring", "to=2020-01-01", "");
	assert_points("spring", "from=2026-03-29&to=2026-03-28", "");
	assert_points("spring", "to=1970-01-01", "");
}

/* 20,751 days are too many points to fill, of hours all the more. */
static void
a_long_time_has_points_with_facts_alone(void **state)
{
	(void)state;
	assert_points("long", "", "1970-01-01T01:00 1; 2026-10-24T00:00 1");
	assert_points("long", "interval=day", "1970-01-01T00:00 1; 2026-10-24T00:00 1");
	assert_points(
	    "long", "from=0001-01-01&to=9999-12-31", "1970-01-01T01:00 1; 2026-10-24T00:00 1");
	struct json_t *value = ask("long", "interval=day&from=2000-01-01&to=2026-10-25", 200);
	assert_int_equal(json_array_size(json_get(value, "points")), 9794);
	json_free(value);
}

static void
nothing_is_lost_in_any_zone(void **state)
{
	(void)state;
	static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
	    "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
	    "Pacific/Chatham", "America/St_Johns", "Asia/Beirut", "%2B14:00", "-12:00"};
	static const char *const ways[] = {"hour", "day"};
	for (size_t i = 0; i < COUNT_OF(zones) * COUNT_OF(ways); i++) {
		char query[64];
		snprintf(query, sizeof query, "tz=%s&interval=%s", zones[i / 2], ways[i % 2]);
		struct json_t *value = ask(i % 4 < 2 ? "spring" : "autumn", query, 200);
		struct json_t *points = json_get(value, "points");
		int64_t before = INT64_MIN, time_us, sent = 0;
		for (size_t k = 0; k < json_array_size(points); k++) {
			struct slice time = json_text(json_get(json_array_get(points, k), "time"));
			assert_ok(clock_parse(time, &time_us));
			assert_true(before < time_us);
			before = time_us;
			sent += sent_of(json_array_get(points, k));
		}
		assert_int_equal(sent, HOURS);
		json_free(value);
	}
}

static void
what_is_asked_for_is_reported_with_it(void **state)
{
	(void)state;
	struct json_t *value = ask("spring", "tz=Europe/Berlin&interval=day", 200);
	assert_slice(json_text(json_get(value, "campaign")), "spring");
	assert_slice(json_text(json_get(value, "interval")), "day");
	assert_slice(json_text(json_get(value, "time_zone")), "Europe/Berlin");
	json_free(value);
	value = ask("spring", "", 200);
	assert_slice(json_text(json_get(value, "interval")), "hour");
	assert_slice(json_text(json_get(value, "time_zone")), "UTC");
	json_free(value);
}

static void
assert_refused(const char *campaign, const char *query, unsigned status, const char *part)
{
	struct json_t *value = ask(campaign, query, status);
	assert_contains(json_text(json_get(value, "error")), part);
	json_free(value);
}

static void
what_is_wrong_is_refused(void **state)
{
	(void)state;
	assert_refused("spring", "tz=Mars/Base", 400, "Europe/Berlin");
	assert_refused("spring", "tz=", 400, "tz must be");
	assert_refused("spring", "tz=../../etc/passwd", 400, "tz must be");
	assert_refused("spring", "tz=+05:30", 400, "%2B"); /* a plus in a query is a space */
	assert_refused("spring", "interval=week", 400, "interval must be hour or day");
	assert_refused("spring", "from=x", 400, "from must be");
	assert_refused("none", "", 404, "no campaign");
	assert_refused("spring", "workspace=z", 404, "no workspace");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(days_are_local_and_as_long_as_they_are),
	    cmocka_unit_test(a_day_without_a_midnight_begins_when_it_does),
	    cmocka_unit_test(a_point_begins_with_the_first_hour_that_it_counts),
	    cmocka_unit_test(a_zone_without_whole_hours_is_reported_not_to_be_exact),
	    cmocka_unit_test(each_hour_of_a_changed_clock_is_a_point),
	    cmocka_unit_test(a_bare_day_is_one_of_the_zone),
	    cmocka_unit_test(a_day_of_any_question_is_one_of_the_zone),
	    cmocka_unit_test(gaps_are_filled_between_the_bounds),
	    cmocka_unit_test(a_long_time_has_points_with_facts_alone),
	    cmocka_unit_test(nothing_is_lost_in_any_zone),
	    cmocka_unit_test(what_is_asked_for_is_reported_with_it),
	    cmocka_unit_test(what_is_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
