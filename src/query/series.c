#include "series.h"

#include "dlrd/base/local_time.h"
#include "dlrd/query/ask.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define FIGURES 12 /* columns after the time */

/* The values' indexes. */
enum { CAMPAIGN, WORKSPACE, VARIANT, INTERVAL, ZONE, FROM, TO };

struct series {
	bool by_day;
	const struct time_zone *zone; /* NULL: UTC */
	int64_t from_hour, to_hour;   /* to is exclusive; INT64_MIN, INT64_MAX if it is open */
	bool exact; /* each point so far is its whole local hour or day, and no more */
};

/* --- local time; seconds since 1970, rounded down --- */

static int64_t
local_s(const struct series *series, int64_t utc_s)
{
	if (series->zone == NULL)
		return utc_s;
	return utc_s + time_zone_offset_s(series->zone, utc_s * CLOCK_SECOND_US);
}

/* The key of the hour's point: the hour itself, or the local day that it begins in. */
static int64_t
bucket_of(const struct series *series, int64_t hour)
{
	int64_t utc_s = hour * HOUR_S;
	return series->by_day ? clock_units(local_s(series, utc_s), DAY_S) * DAY_S : utc_s;
}

/* The first hour that begins in or after the local day. */
static int64_t
first_hour_of_day(const struct series *series, int64_t local_day)
{
	int64_t start_us = local_time_day_start_us(series->zone, local_day * CLOCK_SECOND_US);
	return clock_units(start_us + CLOCK_HOUR_US - 1, CLOCK_HOUR_US);
}

static int64_t
bucket_start_us(const struct series *series, int64_t bucket)
{
	return series->by_day ? first_hour_of_day(series, bucket) * CLOCK_HOUR_US
			      : bucket * CLOCK_SECOND_US;
}

/* --- the hours that have facts --- */

struct fact {
	int64_t hour, figures[FIGURES];
};

struct facts {
	struct fact *items;
	size_t count, capacity;
	bool failed;
};

static void
keep_hour(void *context, const struct store_value *values)
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
	fact->hour = values[0].number;
	for (size_t i = 0; i < FIGURES; i++)
		fact->figures[i] = values[i + 1].number;
}

/* Reads the hours with facts, with the figures that the row's columns name. */
static enum result
read_hours(struct store_reader *reader, const struct query *query,
    const struct query_values *values, const struct series *series, struct facts *facts)
{
	const char *columns[1 + FIGURES] = {"hour"};
	struct store_value parameters[TO + 1];
	assert(query->report.count == 1 + FIGURES);
	for (size_t i = 1; i <= FIGURES; i++)
		columns[i] = query->report.columns[i].name;

	memcpy(parameters, values->items, sizeof parameters);
	parameters[FROM] = (struct store_value){.kind = STORE_INT, .number = series->from_hour};
	parameters[TO] = (struct store_value){.kind = STORE_INT, .number = series->to_hour};
	const struct store_question question = {.sql = query->sql,
	    .parameters = parameters,
	    .parameter_count = TO + 1,
	    .columns = columns,
	    .column_count = 1 + FIGURES};
	enum result result = store_ask(reader, &question, keep_hour, facts);
	return result == RESULT_OK && facts->failed ? RESULT_NO_MEMORY : result;
}

/* --- points --- */

struct points {
	query_row_fn on_row; /* NULL: only series.exact is wanted */
	void *context;
	bool begun; /* the one that grows */
	int64_t bucket, figures[FIGURES];
};

static void
end_point(const struct series *series, struct points *points)
{
	if (!points->begun)
		return;
	struct report_row row = {{{.kind = series->by_day ? CELL_DAY : CELL_TIME}}};
	row.cells[0].number = bucket_start_us(series, points->bucket);
	for (size_t i = 0; i < FIGURES; i++)
		row.cells[1 + i] = (struct cell){.kind = CELL_INT, .number = points->figures[i]};
	if (points->on_row != NULL)
		points->on_row(points->context, &row, row.cells[0].number);
	points->begun = false;
	memset(points->figures, 0, sizeof points->figures);
}

/* Adds an hour to its point; figures is NULL for one without a fact. */
static void
add_hour(struct series *series, struct points *points, int64_t hour, const int64_t *figures)
{
	int64_t bucket = bucket_of(series, hour);
	if (points->begun && points->bucket != bucket)
		end_point(series, points);
	points->begun = true;
	points->bucket = bucket;
	series->exact &= local_s(series, hour * HOUR_S) % HOUR_S == 0;
	for (int i = 0; figures != NULL && i < FIGURES; i++)
		points->figures[i] += figures[i];
}

/* Sets the hours to report, empty ones included: as asked for, or from or to a fact. */
static void
close_range(struct series *series, const struct facts *facts)
{
	bool any = facts->count > 0;
	if (series->from_hour == INT64_MIN)
		series->from_hour = any ? facts->items[0].hour : INT64_MAX;
	if (series->to_hour == INT64_MAX)
		series->to_hour = any ? facts->items[facts->count - 1].hour + 1 : series->from_hour;
}

static bool
may_be_filled(const struct series *series)
{
	int64_t hours = series->by_day ? 24 : 1;
	return series->from_hour < series->to_hour &&
	       (series->to_hour - series->from_hour) / hours <= SERIES_FILLED_MAX;
}

static void
add_points(struct series *series, const struct facts *facts, struct points *points)
{
	close_range(series, facts);
	bool filled = may_be_filled(series);
	int64_t hour = series->from_hour;
	for (size_t i = 0; i < facts->count; i++) {
		if (facts->items[i].hour < hour || facts->items[i].hour >= series->to_hour)
			continue;
		for (; filled && hour < facts->items[i].hour; hour++)
			add_hour(series, points, hour, NULL);
		hour = facts->items[i].hour;
		add_hour(series, points, hour++, facts->items[i].figures);
	}
	for (; filled && hour < series->to_hour; hour++)
		add_hour(series, points, hour, NULL);
	end_point(series, points);
}

/* --- a question --- */

static struct series
series_of(const struct query_values *values)
{
	const struct store_value *items = values->items;
	bool has_from = items[FROM].kind != STORE_NULL, has_to = items[TO].kind != STORE_NULL;
	return (struct series){.by_day = slice_equal(items[INTERVAL].text, SLICE("day")),
	    .zone = values->zone,
	    .from_hour = has_from ? items[FROM].number : INT64_MIN,
	    .to_hour = has_to ? items[TO].number : INT64_MAX};
}

static enum result
read_points(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct points *points, bool *out_exact)
{
	struct series series = series_of(values);
	struct facts facts = {0};
	enum result result = read_hours(reader, query, values, &series, &facts);
	/* Without any hour, the zone is judged by its offset now. */
	int64_t now_s = clock_wall_us() / CLOCK_SECOND_US;
	series.exact = facts.count > 0 || (local_s(&series, now_s) - now_s) % HOUR_S == 0;
	if (result == RESULT_OK)
		add_points(&series, &facts, points);
	free(facts.items);
	*out_exact = series.exact;
	return result;
}

enum result
series_points(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct points points = {.on_row = on_row, .context = context};
	bool exact;
	return read_points(reader, query, values, &points, &exact);
}

/* Whether the series is exact is known after its last point. */
enum result
series_members(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	struct points none = {0};
	bool exact = false;
	enum result result = read_points(reader, query, values, &none, &exact);
	json_put_text(object, "campaign", values->items[CAMPAIGN].text);
	json_put_text(object, "interval", values->items[INTERVAL].text);
	json_put_text(object, "time_zone", values->items[ZONE].text);
	json_put_bool(object, "exact", exact);
	return result;
}
