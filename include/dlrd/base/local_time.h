/* local_time: times as text in a time zone, and texts that people write as times.
 *
 * A zone that is NULL is UTC. Thread-safe. */
#pragma once

#include "dlrd/base/clock.h"
#include "dlrd/base/time_zone.h"

/* Writes wall_us as RFC 3339 with milliseconds and the zone's offset at that time, rounded down to
 * a minute: "2026-11-20T15:05:22.123+01:00", or with Z in UTC. Returns out_text. */
const char *local_time_format(
    const struct time_zone *zone, int64_t wall_us, char out_text[CLOCK_TEXT_SIZE]);

/* Writes the local day that wall_us is in, "2026-11-20". Returns out_text. */
const char *local_time_format_day(
    const struct time_zone *zone, int64_t wall_us, char out_text[CLOCK_TEXT_SIZE]);

/* Returns when the day begins: mostly at its midnight, but a clock may be put forward over that. If
 * it is put back over midnight, so that the day begins twice, at either time. day_us is the day's
 * midnight as if it were in UTC. */
int64_t local_time_day_start_us(const struct time_zone *zone, int64_t day_us);

/* Reads a time as clock_parse does, but that a day begins when it does in the zone. *out_is_day:
 * the text is a day. Returns RESULT_INVALID for other text. */
must_check enum result local_time_parse(
    const struct time_zone *zone, struct slice text, int64_t *out_wall_us, bool *out_is_day);

/* The same, and as people say it at the time now_us: "today" and "yesterday" are days of the zone;
 * "-30m", "-24h" and "-7d" are minutes, hours and days of 24 hours before now. */
must_check enum result local_time_parse_spoken(const struct time_zone *zone, struct slice text,
    int64_t now_us, int64_t *out_wall_us, bool *out_is_day);
