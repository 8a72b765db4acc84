/* course: a campaign's figures grouped by local hour or day, for the api and the command line.
 *
 * Figures are kept by the hour of UTC. A point sums the hours that begin in its local hour or day,
 * by the offset that holds then, and its time is the beginning of the first of them: no fact is
 * told in a time before it happened. A day of 23 or 25 hours is one point. Where the zone's offset
 * is no whole number of hours, the hour that a day's edge falls in counts whole for the day before:
 * the course is then not exact.
 *
 * Points without a fact are filled in, from `from` (or the first fact) to `to` (or the last), where
 * that gives at most COURSE_FILLED_MAX; in a longer time only points with facts are told. One
 * thread at a time. */
#ifndef DLRD_API_COURSE_H
#define DLRD_API_COURSE_H

#include "dlrd/base/time_zone.h"
#include "dlrd/store/reader.h"

#define COURSE_FILLED_MAX 10000 /* more than any chart shows */

enum course_interval { COURSE_HOUR, COURSE_DAY };

struct course {
	enum course_interval interval;
	struct time_zone *zone;
	int64_t from_hour, to_hour; /* to is exclusive; INT64_MIN, INT64_MAX where it is open */
	bool exact; /* after course_read: each point is its whole local hour or day, and no more */
};

/* The point of the hours from time_us on. */
typedef void (*course_point_fn)(
    void *context, int64_t time_us, const int64_t figures[FIGURE_COUNT]);

/* Results and failure are those of time_zone_open; then there is nothing to close. */
must_check enum result course_open(enum course_interval interval, struct slice zone,
    struct course *out_course, struct failure *failure);

/* Begins or ends the course at time_us, the hour that it falls in included; or, where it was given
 * as a day alone, at the local beginning of that day of UTC. */
void course_from(struct course *course, int64_t time_us, bool is_day);
void course_to(struct course *course, int64_t time_us, bool is_day);

/* Hands out the points in their order. variant: absent for all. */
must_check enum result course_read(struct course *course, struct store_reader *reader,
    int64_t campaign_id, struct slice variant, course_point_fn on_point, void *context);

void course_close(struct course *course);

#endif
