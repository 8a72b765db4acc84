#define _DEFAULT_SOURCE /* timegm */
#include "dlrd/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
now_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND_US + now.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

int64_t
clock_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

int64_t
clock_processor_us(void)
{
	return now_us(CLOCK_THREAD_CPUTIME_ID);
}

void
clock_sleep(int64_t us)
{
	nanosleep(&(struct timespec){.tv_sec = us / CLOCK_SECOND_US,
		      .tv_nsec = us % CLOCK_SECOND_US * 1000},
	    NULL);
}

int64_t
clock_units(int64_t time, int64_t unit)
{
	return time / unit - (time % unit < 0);
}

const char *
clock_format(int64_t wall_us, char out_text[CLOCK_TEXT_SIZE])
{
	int64_t seconds = wall_us / CLOCK_SECOND_US, rest = wall_us % CLOCK_SECOND_US;
	if (rest < 0) {
		seconds--;
		rest += CLOCK_SECOND_US;
	}
	time_t when = (time_t)seconds;
	struct tm parts;
	if (gmtime_r(&when, &parts) == NULL)
		memset(&parts, 0, sizeof parts);
	/* strftime's %Y has no leading zeros. */
	size_t len = (size_t)snprintf(out_text, CLOCK_TEXT_SIZE, "%04d", parts.tm_year + 1900);
	len += strftime(out_text + len, CLOCK_TEXT_SIZE - len, "-%m-%dT%H:%M:%S", &parts);
	snprintf(out_text + len, CLOCK_TEXT_SIZE - len, ".%03dZ", (int)(rest / 1000));
	return out_text;
}

/* Reads exactly `digits` digits from the front of *text; the number may be at most max. */
static bool
take_number(struct slice *text, size_t digits, int max, int *out_value)
{
	int64_t value;
	if (text->len < digits ||
	    slice_to_int((struct slice){text->ptr, digits}, &value) != RESULT_OK)
		return false;
	*text = slice_from(*text, digits);
	*out_value = (int)value;
	return value <= max;
}

static bool
take_byte(struct slice *text, const char *allowed)
{
	if (text->len == 0 || strchr(allowed, text->ptr[0]) == NULL || text->ptr[0] == '\0')
		return false;
	*text = slice_from(*text, 1);
	return true;
}

/* Reads ".5" or ".123456789" as microseconds; further digits are dropped. */
static bool
take_fraction(struct slice *text, int64_t *out_us)
{
	int64_t us = 0, unit = CLOCK_SECOND_US / 10;
	size_t digits = 0;
	*out_us = 0;
	if (!take_byte(text, "."))
		return true;
	for (; text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9'; digits++) {
		us += (text->ptr[0] - '0') * unit;
		unit /= 10;
		*text = slice_from(*text, 1);
	}
	*out_us = us;
	return digits > 0;
}

static bool
take_offset(struct slice *text, int64_t *out_us)
{
	int hours, minutes;
	if (take_byte(text, "Zz")) {
		*out_us = 0;
		return true;
	}
	bool west = text->len > 0 && text->ptr[0] == '-';
	if (!take_byte(text, "+-") || !take_number(text, 2, 23, &hours) || !take_byte(text, ":") ||
	    !take_number(text, 2, 59, &minutes))
		return false;
	*out_us = (hours * 60 + minutes) * 60 * CLOCK_SECOND_US * (west ? -1 : 1);
	return true;
}

enum result
clock_parse(struct slice text, int64_t *out_wall_us)
{
	struct tm parts = {0};
	int64_t fraction_us = 0, offset_us = 0;
	if (!take_number(&text, 4, 9999, &parts.tm_year) || !take_byte(&text, "-") ||
	    !take_number(&text, 2, 12, &parts.tm_mon) || !take_byte(&text, "-") ||
	    !take_number(&text, 2, 31, &parts.tm_mday) || parts.tm_mon == 0 || parts.tm_mday == 0)
		return RESULT_INVALID;
	parts.tm_year -= 1900;
	parts.tm_mon -= 1;
	if (text.len > 0 &&
	    (!take_byte(&text, "Tt ") || !take_number(&text, 2, 23, &parts.tm_hour) ||
		!take_byte(&text, ":") || !take_number(&text, 2, 59, &parts.tm_min) ||
		!take_byte(&text, ":") || !take_number(&text, 2, 60, &parts.tm_sec) ||
		!take_fraction(&text, &fraction_us) || !take_offset(&text, &offset_us) ||
		text.len > 0))
		return RESULT_INVALID;
	int month = parts.tm_mon, leap = parts.tm_sec == 60;
	parts.tm_sec -=
	    leap; /* a leap second must not carry into the next month before the check below */
	int64_t seconds = (int64_t)timegm(&parts) + leap;
	if (parts.tm_mon != month) /* the 30th of February */
		return RESULT_INVALID;
	*out_wall_us = seconds * CLOCK_SECOND_US + fraction_us - offset_us;
	return RESULT_OK;
}
