#include "dlrd/api/series.h"

#include "dlrd/api/campaigns.h"
#include "dlrd/api/list.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/time_zone.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define OFFSET_MAX_S (26 * HOUR_S) /* of any zone file, and more (RFC 9636, section 3.2) */
#define ZONE_MAX_BYTES 64          /* of a name in an error */

enum interval { INTERVAL_HOUR, INTERVAL_DAY };

static const char *const intervals[] = {[INTERVAL_HOUR] = "hour", [INTERVAL_DAY] = "day", NULL};

/* What is asked for. */
struct course {
	enum interval interval;
	struct time_zone *zone;
	int64_t from_hour, to_hour; /* to is exclusive; INT64_MIN, INT64_MAX where it is open */
};

/* --- local time; seconds since 1970, rounded down --- */

static int64_t
floor_to(int64_t number, int64_t unit)
{
	int64_t rest = number % unit;
	return number - rest - (rest < 0 ? unit : 0);
}

static int64_t
local_s(const struct course *course, int64_t utc_s)
{
	return utc_s + time_zone_offset_s(course->zone, utc_s * CLOCK_SECOND_US);
}

/* The first moment at which the local clock shows local_day (a multiple of DAY_S) or later: mostly
 * its midnight, but a clock may be put forward over that. */
static int64_t
day_start(const struct course *course, int64_t local_day)
{
	int64_t before = local_day - OFFSET_MAX_S - 1, at = local_day + OFFSET_MAX_S;
	while (at - before > 1) {
		int64_t middle = before + (at - before) / 2;
		if (local_s(course, middle) >= local_day)
			at = middle;
		else
			before = middle;
	}
	return at;
}

/* The local hour or day that an hour of UTC belongs to; different ones have different numbers. */
static int64_t
bucket_of(const struct course *course, int64_t hour)
{
	int64_t utc_s = hour * HOUR_S, local = local_s(course, utc_s);
	return course->interval == INTERVAL_DAY ? floor_to(local, DAY_S)
						: utc_s - (local - floor_to(local, HOUR_S));
}

static int64_t
bucket_start(const struct course *course, int64_t bucket)
{
	return course->interval == INTERVAL_DAY ? day_start(course, bucket) : bucket;
}

/* --- the hours that have facts --- */

struct fact {
	int64_t hour, figures[FIGURE_COUNT];
};

struct facts {
	struct fact *items;
	size_t count, capacity;
	bool failed;
};

static void
keep_hour(void *context, int64_t hour, const int64_t figures[FIGURE_COUNT])
{
	struct facts *facts = context;
	if (facts->count == facts->capacity) {
		size_t capacity = facts->capacity * 2 + 64;
		struct fact *more = realloc(facts->items, capacity * sizeof *more);
		facts->failed |= more == NULL;
		if (more == NULL)
			return;
		facts->items = more;
		facts->capacity = capacity;
	}
	struct fact *fact = &facts->items[facts->count++];
	fact->hour = hour;
	memcpy(fact->figures, figures, sizeof fact->figures);
}

/* --- points --- */

struct point {
	bool begun;
	int64_t bucket, figures[FIGURE_COUNT];
};

static void
end_point(const struct course *course, struct point *point, struct list *list)
{
	if (!point->begun)
		return;
	int64_t start_s = bucket_start(course, point->bucket);
	struct report_row cells = report_point_row(start_s * CLOCK_SECOND_US, point->figures);
	list_add(list, &cells, 0);
	*point = (struct point){0};
}

/* Adds an hour to its point; figures is NULL for one without a fact. */
static void
add_hour(const struct course *course, struct point *point, int64_t hour, const int64_t *figures,
    struct list *list)
{
	int64_t bucket = bucket_of(course, hour);
	if (point->begun && point->bucket != bucket)
		end_point(course, point, list);
	point->begun = true;
	point->bucket = bucket;
	for (int i = 0; figures != NULL && i < FIGURE_COUNT; i++)
		point->figures[i] += figures[i];
}

/* The hours to tell, empty ones included: as asked for, where it is open from or to a fact. */
static void
close_range(struct course *course, const struct facts *facts)
{
	bool any = facts->count > 0;
	if (course->from_hour == INT64_MIN)
		course->from_hour = any ? facts->items[0].hour : INT64_MAX;
	if (course->to_hour == INT64_MAX)
		course->to_hour = any ? facts->items[facts->count - 1].hour + 1 : course->from_hour;
}

static bool
may_be_filled(const struct course *course)
{
	int64_t hours = course->interval == INTERVAL_DAY ? 24 : 1;
	return course->from_hour < course->to_hour &&
	       (course->to_hour - course->from_hour) / hours <= SERIES_FILLED_MAX;
}

static void
add_points(struct course *course, const struct facts *facts, struct list *list)
{
	struct point point = {0};
	close_range(course, facts);
	bool filled = may_be_filled(course);
	int64_t hour = course->from_hour;
	for (size_t i = 0; i < facts->count; i++) {
		if (facts->items[i].hour < hour || facts->items[i].hour >= course->to_hour)
			continue;
		for (; filled && hour < facts->items[i].hour; hour++)
			add_hour(course, &point, hour, NULL, list);
		hour = facts->items[i].hour;
		add_hour(course, &point, hour++, facts->items[i].figures, list);
	}
	for (; filled && hour < course->to_hour; hour++)
		add_hour(course, &point, hour, NULL, list);
	end_point(course, &point, list);
}

/* --- what is asked for --- */

/* The first hour that begins in or after the local day of time_us, a day of UTC. */
static int64_t
first_hour_of_day(const struct course *course, int64_t time_us)
{
	int64_t start_s = day_start(course, time_us / CLOCK_SECOND_US);
	return floor_to(start_s + HOUR_S - 1, HOUR_S) / HOUR_S;
}

static int64_t
hour_of(const struct question *question, const struct course *course, const char *name,
    int64_t time_us, bool round_up)
{
	bool is_day = question_text(question, name).len == sizeof "2026-11-20" - 1;
	if (is_day) /* question_time moves 1970-01-01 by a microsecond */
		return first_hour_of_day(course, floor_to(time_us + 1, CLOCK_DAY_US));
	return floor_to(time_us + (round_up ? CLOCK_HOUR_US - 1 : 0), CLOCK_HOUR_US) /
	       CLOCK_HOUR_US;
}

static bool
open_zone(struct question *question, struct slice name, struct time_zone **out_zone)
{
	struct failure failure;
	enum result result = time_zone_open(name, out_zone, &failure);
	if (result == RESULT_OK)
		return true;
	if (result == RESULT_NO_MEMORY || result == RESULT_IO)
		return question_refuse(question, 503, "tz: %s", failure.text);
	return question_refuse(question, 400,
	    "tz must be UTC, an offset like +05:30 (in a URL, a plus sign is written %%2B) or a "
	    "name like Europe/Berlin, and \"%.*s\" is none",
	    (int)(name.len < ZONE_MAX_BYTES ? name.len : ZONE_MAX_BYTES), name.ptr);
}

static bool
read_course(struct question *question, struct slice zone, struct course *out_course)
{
	size_t interval;
	if (!question_choice(question, "interval", intervals, INTERVAL_HOUR, &interval) ||
	    !open_zone(question, zone, &out_course->zone))
		return false;
	out_course->interval = (enum interval)interval;
	out_course->from_hour = INT64_MIN;
	out_course->to_hour = INT64_MAX;
	if (question->from_us != 0)
		out_course->from_hour =
		    hour_of(question, out_course, "from", question->from_us, false);
	if (question->to_us != 0)
		out_course->to_hour = hour_of(question, out_course, "to", question->to_us, true);
	return true;
}

static enum result
read_facts(struct question *question, int64_t campaign_id, const struct course *course,
    struct facts *out_facts)
{
	int64_t from_us = course->from_hour == INT64_MIN ? 0 : course->from_hour * CLOCK_HOUR_US;
	int64_t to_us = course->to_hour == INT64_MAX ? 0 : course->to_hour * CLOCK_HOUR_US;
	enum result result = store_read_series(question->reader, campaign_id,
	    question_text(question, "variant"), from_us, to_us, keep_hour, out_facts);
	return result == RESULT_OK && out_facts->failed ? RESULT_NO_MEMORY : result;
}

void
series_answer(struct question *question)
{
	struct course course = {0};
	struct facts facts = {0};
	struct slice zone = question_text(question, "tz");
	int64_t campaign_id;
	if (zone.ptr == NULL)
		zone = SLICE("UTC");
	if (!read_course(question, zone, &course) || !campaigns_find(question, &campaign_id)) {
		time_zone_close(course.zone);
		return;
	}
	enum result result = read_facts(question, campaign_id, &course, &facts);
	struct list list = {.question = question, .report = &report_series};
	list_begin(&list);
	if (result == RESULT_OK)
		add_points(&course, &facts, &list);
	struct json_t *object = json_new_object();
	json_put_text(object, "campaign", question->name);
	json_put_text(object, "interval", slice_of(intervals[course.interval]));
	json_put_text(object, "time_zone", zone);
	list_put(&list, object);
	list_end(&list, object, result);
	free(facts.items);
	time_zone_close(course.zone);
}
