#define _DEFAULT_SOURCE /* timegm */
#include "dlrd/base/time_zone.h"

#include "dlrd/base/buffer.h"
#include "dlrd/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define LOCAL_FILE "/etc/localtime"
#define NAME_MAX_LEN 64          /* IANA's longest name has 32 bytes */
#define FILE_MAX (1024 * 1024)   /* the largest zone has 4 KiB */
#define HEADER_LEN 44            /* RFC 9636, section 3.1 */
#define TYPE_LEN 6               /* a local time type record: offset, is DST, name (section 3.2) */
#define OFFSET_MAX_S (26 * 3600) /* section 3.2: more than -25 and less than 26 hours */

/* From at_s (seconds since 1970) on, local time is offset_s ahead of UTC. */
struct transition {
	int64_t at_s;
	int64_t offset_s;
};

/* A day and time of each year at which a rule changes the offset, as in a POSIX TZ text. */
struct change {
	enum {
		CHANGE_DAY,       /* n: day 0 to 365 of the year */
		CHANGE_DAY_NO_29, /* Jn: day 1 to 365, the 29th of February never counted */
		CHANGE_WEEKDAY, /* Mm.w.d: the w-th weekday d (0 is Sunday) of month m; 5: the last
				 */
	} form;
	int64_t month, week, day;
	int64_t time_s; /* after midnight, in the offset before the change */
};

/* The rule after the last transition. */
struct rule {
	bool is_known, has_summer;
	int64_t standard_s, summer_s; /* offsets */
	struct change start, end;     /* of summer time */
};

struct time_zone {
	int64_t first_offset_s; /* before the first transition */
	struct rule rule;
	size_t count;
	struct transition transitions[]; /* by time */
};

static struct time_zone *
new_time_zone(size_t count, int64_t first_offset_s)
{
	struct time_zone *zone = calloc(1, sizeof *zone + count * sizeof zone->transitions[0]);
	if (zone == NULL)
		return NULL;
	zone->first_offset_s = first_offset_s;
	zone->count = count;
	return zone;
}

/* "UTC", "Z", "+05:30". */
static bool
read_fixed(struct slice name, int64_t *out_offset_s)
{
	int64_t hours, minutes;
	if (slice_equal_nocase(name, SLICE("UTC")) || slice_equal_nocase(name, SLICE("Z"))) {
		*out_offset_s = 0;
		return true;
	}
	if (name.len != 6 || (name.ptr[0] != '+' && name.ptr[0] != '-') || name.ptr[3] != ':' ||
	    slice_to_int((struct slice){name.ptr + 1, 2}, &hours) != RESULT_OK ||
	    slice_to_int((struct slice){name.ptr + 4, 2}, &minutes) != RESULT_OK || hours > 23 ||
	    minutes > 59)
		return false;
	*out_offset_s = (hours * 60 + minutes) * 60 * (name.ptr[0] == '-' ? -1 : 1);
	return true;
}

/* A dot is not allowed, so a name cannot leave the folder. */
static bool
is_zone_name(struct slice name)
{
	return slice_is_name(name, "_+-/", NAME_MAX_LEN) && name.ptr[0] != '/';
}

/* Reads a big-endian two's-complement number of width bytes. */
static int64_t
number_at(const char *bytes, size_t width)
{
	uint64_t value = (unsigned char)bytes[0] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < width; i++)
		value = value << 8 | (unsigned char)bytes[i];
	return (int64_t)value;
}

/* One data block of a file, and the start of its parts. */
struct block {
	size_t time_count, type_count;
	size_t time_len; /* bytes of a transition time: 4 in the first block, 8 in the second */
	const char *times, *indexes, *types;
	char version;
};

/* Removes a header and its block from the front of *rest (RFC 9636, sections 3.1 and 3.2). */
static bool
take_block(struct slice *rest, size_t time_len, struct block *out_block)
{
	if (rest->len < HEADER_LEN || memcmp(rest->ptr, "TZif", 4) != 0)
		return false;
	/* isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt */
	size_t counts[6];
	for (size_t i = 0; i < 6; i++) {
		int64_t count = number_at(rest->ptr + 20 + 4 * i, 4);
		if (count < 0 || count > FILE_MAX)
			return false;
		counts[i] = (size_t)count;
	}
	size_t times_len = counts[3] * time_len, types_len = counts[4] * TYPE_LEN,
	       len = times_len + counts[3] + types_len + counts[5] + counts[2] * (time_len + 4) +
		     counts[1] + counts[0];
	/* A zone below right/ counts leap seconds, which a wall clock does not. */
	if (rest->len - HEADER_LEN < len || counts[4] == 0 || counts[2] > 0)
		return false;
	const char *times = rest->ptr + HEADER_LEN;
	*out_block = (struct block){.time_count = counts[3],
	    .type_count = counts[4],
	    .time_len = time_len,
	    .times = times,
	    .indexes = times + times_len,
	    .types = times + times_len + counts[3],
	    .version = rest->ptr[4]};
	*rest = slice_from(*rest, HEADER_LEN + len);
	return true;
}

static bool
offset_of_type(const struct block *block, size_t type, int64_t *out_offset_s)
{
	if (type >= block->type_count)
		return false;
	*out_offset_s = number_at(block->types + type * TYPE_LEN, 4);
	return *out_offset_s > -OFFSET_MAX_S && *out_offset_s < OFFSET_MAX_S;
}

static bool
fill_transitions(const struct block *block, struct time_zone *zone)
{
	for (size_t i = 0; i < block->time_count; i++) {
		struct transition *transition = &zone->transitions[i];
		transition->at_s = number_at(block->times + i * block->time_len, block->time_len);
		if ((i > 0 && transition->at_s <= transition[-1].at_s) ||
		    !offset_of_type(block, (unsigned char)block->indexes[i], &transition->offset_s))
			return false;
	}
	return true;
}

static bool
take_byte(struct slice *rest, char byte)
{
	if (rest->len == 0 || rest->ptr[0] != byte)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static bool
take_number(struct slice *rest, int64_t min, int64_t max, int64_t *out_number)
{
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
		len++;
	if (slice_to_int((struct slice){rest->ptr, len}, out_number) != RESULT_OK)
		return false;
	*rest = slice_from(*rest, len);
	return *out_number >= min && *out_number <= max;
}

/* Skips an abbreviation, CET or <+0330>, which is not used. */
static bool
take_name(struct slice *rest)
{
	bool quoted = take_byte(rest, '<');
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] != '>' &&
	       (quoted || ((rest->ptr[len] | 32) >= 'a' && (rest->ptr[len] | 32) <= 'z')))
		len++;
	*rest = slice_from(*rest, len);
	return len >= 3 && (!quoted || take_byte(rest, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool
take_time(struct slice *rest, int64_t hours_max, int64_t *out_s)
{
	bool negative = take_byte(rest, '-');
	int64_t hours, minutes = 0, seconds = 0;
	if (!negative)
		take_byte(rest, '+');
	if (!take_number(rest, 0, hours_max, &hours) ||
	    (take_byte(rest, ':') &&
		(!take_number(rest, 0, 59, &minutes) ||
		    (take_byte(rest, ':') && !take_number(rest, 0, 59, &seconds)))))
		return false;
	*out_s = ((hours * 60 + minutes) * 60 + seconds) * (negative ? -1 : 1);
	return true;
}

/* ",M3.5.0/2": RFC 9636, section 3.3.1, lets the hour be as much as a week. */
static bool
take_change(struct slice *rest, struct change *out_change)
{
	struct change change = {.form = CHANGE_DAY, .time_s = INT64_C(2) * 3600};
	if (!take_byte(rest, ','))
		return false;
	if (take_byte(rest, 'M')) {
		change.form = CHANGE_WEEKDAY;
		if (!take_number(rest, 1, 12, &change.month) || !take_byte(rest, '.') ||
		    !take_number(rest, 1, 5, &change.week) || !take_byte(rest, '.') ||
		    !take_number(rest, 0, 6, &change.day))
			return false;
	} else {
		bool is_julian = take_byte(rest, 'J');
		change.form = is_julian ? CHANGE_DAY_NO_29 : CHANGE_DAY;
		if (!take_number(rest, is_julian, 365, &change.day))
			return false;
	}
	if (take_byte(rest, '/') && !take_time(rest, 167, &change.time_s))
		return false;
	*out_change = change;
	return true;
}

/* Reads the TZ text between line feeds at the end of a file: empty, "IST-5:30" or
 * "CET-1CEST,M3.5.0,M10.5.0/3". Its offsets are added to local time to get UTC. */
static bool
read_rule(struct slice footer, struct rule *out_rule)
{
	struct rule rule = {.is_known = true};
	if (!take_byte(&footer, '\n'))
		return footer.len == 0;
	struct slice text = slice_take(&footer, '\n');
	if (text.len == 0)
		return true;
	if (!take_name(&text) || !take_time(&text, 24, &rule.standard_s))
		return false;
	rule.standard_s = -rule.standard_s;
	rule.summer_s = rule.standard_s + 3600;
	rule.has_summer = text.len > 0;
	if (rule.has_summer) {
		if (!take_name(&text))
			return false;
		if (text.len > 0 && text.ptr[0] != ',') {
			if (!take_time(&text, 24, &rule.summer_s))
				return false;
			rule.summer_s = -rule.summer_s;
		}
		if (!take_change(&text, &rule.start) || !take_change(&text, &rule.end))
			return false;
	}
	if (text.len > 0)
		return false;
	*out_rule = rule;
	return true;
}

enum result
time_zone_read(struct slice file, struct time_zone **out_zone)
{
	struct block block;
	int64_t first_offset_s;
	if (!take_block(&file, 4, &block) ||
	    (block.version >= '2' && !take_block(&file, 8, &block)) ||
	    !offset_of_type(&block, 0, &first_offset_s))
		return RESULT_CORRUPT;
	struct time_zone *zone = new_time_zone(block.time_count, first_offset_s);
	if (zone == NULL)
		return RESULT_NO_MEMORY;
	if (!fill_transitions(&block, zone) ||
	    (block.version >= '2' && !read_rule(file, &zone->rule))) {
		time_zone_close(zone);
		return RESULT_CORRUPT;
	}
	*out_zone = zone;
	return RESULT_OK;
}

static enum result
read_path(const char *path, struct time_zone **out_zone)
{
	/* O_NONBLOCK, so that the name of a FIFO does not block the start. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? RESULT_NOT_FOUND : RESULT_IO;
	struct stat stat;
	FILE *file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? fdopen(fd, "r") : NULL;
	if (file == NULL) {
		close(fd);
		return RESULT_NOT_FOUND;
	}

	struct buffer text = BUFFER_EMPTY;
	enum result result = buffer_append_file(&text, file, FILE_MAX);
	fclose(file);
	if (result == RESULT_LIMIT)
		result = RESULT_CORRUPT;
	if (result == RESULT_OK)
		result = time_zone_read(buffer_slice(&text), out_zone);
	buffer_done(&text);
	return result;
}

static enum result
read_named(struct slice name, struct time_zone **out_zone)
{
	char path[sizeof ZONE_FOLDER + 1 + NAME_MAX_LEN];
	snprintf(path, sizeof path, ZONE_FOLDER "/%.*s", SLICE_ARG(name));
	return read_path(path, out_zone);
}

enum result
time_zone_open(struct slice name, struct time_zone **out_zone, struct failure *failure)
{
	int64_t offset_s;
	enum result result = RESULT_NOT_FOUND;
	if (read_fixed(name, &offset_s)) {
		struct time_zone *zone = new_time_zone(0, offset_s);
		result = zone == NULL ? RESULT_NO_MEMORY : RESULT_OK;
		if (zone != NULL)
			*out_zone = zone;
	} else if (is_zone_name(name))
		result = read_named(name, out_zone);
	if (result == RESULT_OK)
		return result;
	if (result == RESULT_NOT_FOUND)
		return failure_set(failure, result,
		    "\"%.*s\" is not a time zone: UTC, an offset like +05:30, or a name below %s "
		    "like Europe/Berlin",
		    SLICE_ARG(name), ZONE_FOLDER);
	return failure_set(failure, result, "cannot use the time zone %s/%.*s: %s", ZONE_FOLDER,
	    SLICE_ARG(name), result_text(result));
}

/* Opens a zone that has no transitions but those of a POSIX rule. */
static enum result
open_rule(struct slice text, struct time_zone **out_zone)
{
	struct buffer footer = BUFFER_EMPTY;
	struct rule rule;
	buffer_appendf(&footer, "\n%.*s\n", SLICE_ARG(text));
	bool is_rule = !footer.failed && text.len > 0 && read_rule(buffer_slice(&footer), &rule);
	buffer_done(&footer);
	if (!is_rule)
		return RESULT_NOT_FOUND;

	struct time_zone *zone = new_time_zone(0, rule.standard_s);
	if (zone == NULL)
		return RESULT_NO_MEMORY;
	zone->rule = rule;
	*out_zone = zone;
	return RESULT_OK;
}

enum result
time_zone_open_local(struct time_zone **out_zone)
{
	struct failure failure;
	struct slice name = slice_of(getenv("TZ"));
	enum result result = RESULT_NOT_FOUND;
	if (slice_starts_with(name, SLICE(":")))
		name = slice_from(name, 1);
	if (name.len > 0)
		result = time_zone_open(name, out_zone, &failure);
	if (name.len > 0 && result == RESULT_NOT_FOUND)
		result = open_rule(name, out_zone);
	if (name.ptr == NULL)
		result = read_path(LOCAL_FILE, out_zone);
	if (result == RESULT_OK || result == RESULT_NO_MEMORY)
		return result;
	return time_zone_open(SLICE("UTC"), out_zone, &failure);
}

bool
time_zone_is_utc(const struct time_zone *zone)
{
	const struct rule *rule = &zone->rule;
	return zone->count == 0 && zone->first_offset_s == 0 && !rule->has_summer &&
	       (!rule->is_known || rule->standard_s == 0);
}

#define DAY_S INT64_C(86400)

/* Returns midnight of a day in seconds since 1970, as if it were in UTC. month counts from 0, and
 * timegm carries a day beyond the month over to the next one. */
static int64_t
midnight(int year, int month, int day, int *out_weekday)
{
	struct tm date = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day};
	int64_t at_s = timegm(&date);
	*out_weekday = date.tm_wday;
	return at_s;
}

/* Returns the midnight of the day of a change. */
static int64_t
day_of_change(const struct change *change, int year)
{
	int weekday, month = (int)change->month - 1, day = (int)change->day;
	if (change->form == CHANGE_DAY)
		return midnight(year, 0, day + 1, &weekday);
	if (change->form == CHANGE_DAY_NO_29) /* day 60 is always the 1st of March */
		return day < 60 ? midnight(year, 0, day, &weekday)
				: midnight(year, 2, day - 59, &weekday);

	midnight(year, month, 1, &weekday);
	int first = 1 + (day - weekday + 7) % 7;
	int64_t at_s = midnight(year, month, first + 7 * ((int)change->week - 1), &weekday);
	int64_t next_s = midnight(year, month + 1, 1, &weekday);
	return at_s < next_s ? at_s : at_s - 7 * DAY_S;
}

static int64_t
offset_by_rule(const struct rule *rule, int64_t wall_s)
{
	if (!rule->has_summer)
		return rule->standard_s;
	struct tm date;
	time_t standard_s = (time_t)(wall_s + rule->standard_s);
	if (gmtime_r(&standard_s, &date) == NULL) /* a year beyond int */
		return rule->standard_s;
	int year = date.tm_year + 1900;
	int64_t start_s = day_of_change(&rule->start, year) + rule->start.time_s - rule->standard_s,
		end_s = day_of_change(&rule->end, year) + rule->end.time_s - rule->summer_s;
	bool is_summer = start_s < end_s ? wall_s >= start_s && wall_s < end_s
					 : wall_s >= start_s || wall_s < end_s;
	return is_summer ? rule->summer_s : rule->standard_s;
}

int64_t
time_zone_offset_s(const struct time_zone *zone, int64_t wall_us)
{
	/* Rounded down, so that the last microsecond before 1970 is second -1. */
	int64_t wall_s = clock_units(wall_us, CLOCK_SECOND_US);
	/* The transitions before `low` have happened, those from `high` on have not. */
	size_t low = 0, high = zone->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (zone->transitions[middle].at_s <= wall_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->rule.is_known)
		return offset_by_rule(&zone->rule, wall_s);
	return low == 0 ? zone->first_offset_s : zone->transitions[low - 1].offset_s;
}

void
time_zone_close(struct time_zone *zone)
{
	free(zone);
}
