#include "dlrd/api/course.h"

#include "dlrd/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define OFFSET_MAX_S (26 * HOUR_S) /* of any zone file, and more (RFC 9636, section 3.2) */

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

/* What tells the hour's point from others: the hour itself, or the local day that it begins in. */
static int64_t
bucket_of(const struct course *course, int64_t hour)
{
	int64_t utc_s = hour * HOUR_S;
	return course->interval == COURSE_DAY ? floor_to(local_s(course, utc_s), DAY_S) : utc_s;
}

/* The first hour that begins in or after the local day. */
static int64_t
first_hour_of_day(const struct course *course, int64_t local_day)
{
	return floor_to(day_start(course, local_day) + HOUR_S - 1, HOUR_S) / HOUR_S;
}

static int64_t
bucket_start_us(const struct course *course, int64_t bucket)
{
	return course->interval == COURSE_DAY ? first_hour_of_day(course, bucket) * CLOCK_HOUR_US
					      : bucket * CLOCK_SECOND_US;
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

struct points {
	course_point_fn on_point;
	void *context;
	bool begun; /* the one that grows */
	int64_t bucket, figures[FIGURE_COUNT];
};

static void
end_point(const struct course *course, struct points *points)
{
	if (!points->begun)
		return;
	points->on_point(points->context, bucket_start_us(course, points->bucket), points->figures);
	points->begun = false;
	memset(points->figures, 0, sizeof points->figures);
}

/* Adds an hour to its point; figures is NULL for one without a fact. */
static void
add_hour(struct course *course, struct points *points, int64_t hour, const int64_t *figures)
{
	int64_t bucket = bucket_of(course, hour);
	if (points->begun && points->bucket != bucket)
		end_point(course, points);
	points->begun = true;
	points->bucket = bucket;
	course->exact &= local_s(course, hour * HOUR_S) % HOUR_S == 0;
	for (int i = 0; figures != NULL && i < FIGURE_COUNT; i++)
		points->figures[i] += figures[i];
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
	int64_t hours = course->interval == COURSE_DAY ? 24 : 1;
	return course->from_hour < course->to_hour &&
	       (course->to_hour - course->from_hour) / hours <= COURSE_FILLED_MAX;
}

static void
add_points(struct course *course, const struct facts *facts, struct points *points)
{
	close_range(course, facts);
	bool filled = may_be_filled(course);
	int64_t hour = course->from_hour;
	for (size_t i = 0; i < facts->count; i++) {
		if (facts->items[i].hour < hour || facts->items[i].hour >= course->to_hour)
			continue;
		for (; filled && hour < facts->items[i].hour; hour++)
			add_hour(course, points, hour, NULL);
		hour = facts->items[i].hour;
		add_hour(course, points, hour++, facts->items[i].figures);
	}
	for (; filled && hour < course->to_hour; hour++)
		add_hour(course, points, hour, NULL);
	end_point(course, points);
}

/* --- life --- */

enum result
course_open(enum course_interval interval, struct slice zone, struct course *out_course,
    struct failure *failure)
{
	struct course course = {.interval = interval, .from_hour = INT64_MIN, .to_hour = INT64_MAX};
	enum result result = time_zone_open(zone, &course.zone, failure);
	if (result == RESULT_OK)
		*out_course = course;
	return result;
}

static int64_t
hour_of(const struct course *course, int64_t time_us, bool is_day, bool round_up)
{
	if (is_day)
		return first_hour_of_day(course, floor_to(time_us, CLOCK_DAY_US) / CLOCK_SECOND_US);
	return floor_to(time_us + (round_up ? CLOCK_HOUR_US - 1 : 0), CLOCK_HOUR_US) /
	       CLOCK_HOUR_US;
}

void
course_from(struct course *course, int64_t time_us, bool is_day)
{
	course->from_hour = hour_of(course, time_us, is_day, false);
}

void
course_to(struct course *course, int64_t time_us, bool is_day)
{
	course->to_hour = hour_of(course, time_us, is_day, true);
}

enum result
course_read(struct course *course, struct store_reader *reader, int64_t campaign_id,
    struct slice variant, course_point_fn on_point, void *context)
{
	struct facts facts = {0};
	struct points points = {.on_point = on_point, .context = context};
	int64_t from_us = course->from_hour == INT64_MIN ? 0 : course->from_hour * CLOCK_HOUR_US;
	int64_t to_us = course->to_hour == INT64_MAX ? 0 : course->to_hour * CLOCK_HOUR_US;
	enum result result =
	    store_read_series(reader, campaign_id, variant, from_us, to_us, keep_hour, &facts);
	if (result == RESULT_OK && facts.failed)
		result = RESULT_NO_MEMORY;
	/* Without any hour it is the zone as it is now that can be judged. */
	int64_t now_s = clock_wall_us() / CLOCK_SECOND_US;
	course->exact = facts.count > 0 || (local_s(course, now_s) - now_s) % HOUR_S == 0;
	if (result == RESULT_OK)
		add_points(course, &facts, &points);
	free(facts.items);
	return result;
}

void
course_close(struct course *course)
{
	time_zone_close(course->zone);
	course->zone = NULL;
}
