/* clock: the clocks, and times as text.
 *
 * All times are int64_t microseconds. Wall times count from 1970-01-01 UTC; people and the store
 * use them. Deadlines and latencies use monotonic times, since the wall clock may jump.
 * Thread-safe. */
#pragma once

#include "dlrd/base/slice.h"

#define CLOCK_SECOND_US INT64_C(1000000)
#define CLOCK_HOUR_US (3600 * CLOCK_SECOND_US)
#define CLOCK_DAY_US (24 * CLOCK_HOUR_US)

/* Long enough for any time that clock_format writes, with its NUL. */
#define CLOCK_TEXT_SIZE 40

int64_t clock_wall_us(void);
int64_t clock_monotonic_us(void);

/* CPU time of the calling thread. */
int64_t clock_processor_us(void);

void clock_sleep(int64_t us);

/* Returns how many whole units a time is, rounded down before 1970 as well. unit, above 0, has the
 * unit of measure of the time. */
int64_t clock_units(int64_t time, int64_t unit);

/* Writes wall_us as RFC 3339 in UTC with milliseconds, "2026-11-20T14:05:22.123Z", into out_text
 * and returns out_text. */
const char *clock_format(int64_t wall_us, char out_text[CLOCK_TEXT_SIZE]);

/* Reads RFC 3339: a date and time with Z or an offset and an optional fraction, or a date alone
 * ("2026-11-20"), which is its first moment in UTC. Returns RESULT_INVALID for other text. */
must_check enum result clock_parse(struct slice text, int64_t *out_wall_us);
