#include "dlrd/base/local_time.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_US (60 * CLOCK_SECOND_US)
#define OFFSET_MAX_S INT64_C(93600) /* of any zone file, and more (RFC 9636, section 3.2) */
#define DAY_LEN (sizeof "2026-11-20" - 1)

/* The local clock at wall_us, as if it were in UTC. */
static int64_t
local_us(const struct time_zone *zone, int64_t wall_us)
{
	return wall_us + (zone == NULL ? 0 : time_zone_offset_s(zone, wall_us)) * CLOCK_SECOND_US;
}

/* --- as text --- */

const char *
local_time_format(const struct time_zone *zone, int64_t wall_us, char out_text[CLOCK_TEXT_SIZE])
{
	if (zone == NULL || time_zone_is_utc(zone))
		return clock_format(wall_us, out_text);

	int minutes = (int)clock_units(local_us(zone, wall_us) - wall_us, MINUTE_US);
	int size = minutes < 0 ? -minutes : minutes;
	clock_format(wall_us + minutes * MINUTE_US, out_text);
	size_t len = strlen(out_text) - 1; /* without its Z */
	snprintf(out_text + len, CLOCK_TEXT_SIZE - len, "%c%02d:%02d", minutes < 0 ? '-' : '+',
	    size / 60, size % 60);
	return out_text;
}

const char *
local_time_format_day(const struct time_zone *zone, int64_t wall_us, char out_text[CLOCK_TEXT_SIZE])
{
	clock_format(local_us(zone, wall_us), out_text);
	out_text[strcspn(out_text, "T")] = '\0';
	return out_text;
}

/* --- from text --- */

int64_t
local_time_day_start_us(const struct time_zone *zone, int64_t day_us)
{
	int64_t day_s = day_us / CLOCK_SECOND_US;
	int64_t before = day_s - OFFSET_MAX_S - 1, at = day_s + OFFSET_MAX_S;
	if (zone == NULL)
		return day_us;
	while (at - before > 1) {
		int64_t middle = before + (at - before) / 2;
		if (local_us(zone, middle * CLOCK_SECOND_US) >= day_us)
			at = middle;
		else
			before = middle;
	}
	return at * CLOCK_SECOND_US;
}

enum result
local_time_parse(
    const struct time_zone *zone, struct slice text, int64_t *out_wall_us, bool *out_is_day)
{
	int64_t wall_us;
	if (clock_parse(text, &wall_us) != RESULT_OK)
		return RESULT_INVALID;
	*out_is_day = text.len == DAY_LEN;
	*out_wall_us = *out_is_day ? local_time_day_start_us(zone, wall_us) : wall_us;
	return RESULT_OK;
}

/* "30m", "24h", "7d" */
static enum result
parse_duration(struct slice text, int64_t *out_us)
{
	static const struct {
		char unit;
		int64_t us;
	} units[] = {{'m', 60 * CLOCK_SECOND_US}, {'h', CLOCK_HOUR_US}, {'d', CLOCK_DAY_US}};
	int64_t count;
	if (text.len == 0)
		return RESULT_INVALID;
	char unit = text.ptr[text.len - 1];
	if (slice_to_int((struct slice){text.ptr, text.len - 1}, &count) != RESULT_OK ||
	    count > 1000000)
		return RESULT_INVALID;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].unit == unit) {
			*out_us = count * units[i].us;
			return RESULT_OK;
		}
	return RESULT_INVALID;
}

enum result
local_time_parse_spoken(const struct time_zone *zone, struct slice text, int64_t now_us,
    int64_t *out_wall_us, bool *out_is_day)
{
	bool is_today = slice_equal_nocase(text, SLICE("today"));
	int64_t before_us;
	if (is_today || slice_equal_nocase(text, SLICE("yesterday"))) {
		int64_t today_us = clock_units(local_us(zone, now_us), CLOCK_DAY_US) * CLOCK_DAY_US;
		*out_is_day = true;
		*out_wall_us =
		    local_time_day_start_us(zone, today_us - (is_today ? 0 : CLOCK_DAY_US));
		return RESULT_OK;
	}
	if (slice_starts_with(text, SLICE("-")) &&
	    parse_duration(slice_from(text, 1), &before_us) == RESULT_OK) {
		*out_is_day = false;
		*out_wall_us = now_us - before_us;
		return RESULT_OK;
	}
	return local_time_parse(zone, text, out_wall_us, out_is_day);
}
