#include "dlrd/query/ask.h"

#include <assert.h>
#include <string.h>

static struct store_value
number_value(int64_t number)
{
	return (struct store_value){.kind = STORE_INT, .number = number};
}

static struct store_value
text_value(enum store_kind kind, struct slice text)
{
	return (struct store_value){.kind = text.ptr == NULL ? STORE_NULL : kind, .text = text};
}

/* A moment of 1970-01-01 or before counts as a time, not as none. */
static int64_t
hour_of(int64_t time_us)
{
	int64_t hour = time_us / CLOCK_HOUR_US;
	return time_us % CLOCK_HOUR_US < 0 ? hour - 1 : hour;
}

static struct store_value
value_of(const struct query_parameter *parameter, struct slice text, int64_t number)
{
	const struct store_value null = {.kind = STORE_NULL};
	switch (parameter->kind) {
	case QUERY_NAME:
	case QUERY_TEXT: return text_value(STORE_TEXT, text);
	case QUERY_CAMPAIGN:
	case QUERY_TAG: return text_value(STORE_TAG, text);
	case QUERY_ZONE:
	case QUERY_CHOICE:
		return text_value(STORE_TEXT, text.ptr == NULL ? slice_of(parameter->usual) : text);
	case QUERY_CODE: return text.ptr == NULL ? null : number_value(number);
	case QUERY_FORMAT: return null;
	case QUERY_FLAG:
	case QUERY_AT:
	case QUERY_FROM:
	case QUERY_AFTER:
	case QUERY_SKIP: return number_value(number);
	case QUERY_TO:
	case QUERY_BEFORE: return number_value(number == 0 ? INT64_MAX : number);
	case QUERY_FROM_HOUR: return number_value(hour_of(number));
	case QUERY_TO_HOUR:
		return number_value(number == 0 ? INT64_MAX : hour_of(number + CLOCK_HOUR_US - 1));
	case QUERY_OPEN_FROM: return number == 0 ? null : number_value(hour_of(number));
	case QUERY_OPEN_TO:
		return number == 0 ? null : number_value(hour_of(number + CLOCK_HOUR_US - 1));
	case QUERY_LIMIT: return number_value(number <= 0 ? INT64_MAX : number);
	case QUERY_HOUR: return number_value(hour_of(clock_wall_us()));
	}
	return null;
}

enum result
query_read_time(const struct query_parameter *parameter, const struct time_zone *zone,
    struct slice text, int64_t now_us, int64_t *out_us)
{
	int64_t time_us;
	bool is_day;
	enum result result = now_us == 0
				 ? local_time_parse(zone, text, &time_us, &is_day)
				 : local_time_parse_spoken(zone, text, now_us, &time_us, &is_day);
	if (result != RESULT_OK)
		return result;
	if (is_day && (parameter->kind == QUERY_FROM_HOUR || parameter->kind == QUERY_OPEN_FROM))
		time_us = hour_of(time_us + CLOCK_HOUR_US - 1) * CLOCK_HOUR_US;
	*out_us = time_us == 0 ? -1 : time_us;
	return RESULT_OK;
}

void
query_set(const struct query *query, struct query_values *values, size_t index, struct slice text,
    int64_t number)
{
	const struct query_parameter *parameter = &query->parameters[index];
	values->items[index] = value_of(parameter, text, number);
	if (parameter->kind == QUERY_AT)
		values->past = number != 0;
	if (parameter->kind == QUERY_CAMPAIGN)
		values->one = text.ptr != NULL;
}

void
query_give(const struct query *query, struct query_values *values, const char *name,
    struct slice text, int64_t number)
{
	size_t i = 0, count = query_parameter_count(query);
	while (i < count && strcmp(query->parameters[i].name, name) != 0)
		i++;
	assert(i < count);
	query_set(query, values, i, text, number);
}

struct query_values
query_values(const struct query *query)
{
	struct query_values values = {0};
	for (size_t i = 0; i < query_parameter_count(query); i++)
		query_set(query, &values, i, SLICE_NONE, 0);
	return values;
}

bool
query_take_campaign(
    const struct query *query, const struct query_values *values, struct query_values *out_values)
{
	const struct query *other = query->by_campaign;
	*out_values = query_values(other);
	out_values->zone = values->zone;
	for (size_t i = 0; i < query_parameter_count(query); i++) {
		size_t k = 0, count = query_parameter_count(other);
		while (
		    k < count && strcmp(other->parameters[k].name, query->parameters[i].name) != 0)
			k++;
		if (k < count)
			out_values->items[k] = values->items[i];
		else if (values->items[i].kind != STORE_NULL)
			return false;
	}
	out_values->one =
	    out_values->items[query_find_kind(other, QUERY_CAMPAIGN)].kind != STORE_NULL;
	return out_values->one;
}

const struct report *
query_report(const struct query *query, const struct query_values *values)
{
	return values->one && query->one.count > 0 ? &query->one : &query->report;
}

/* --- rows --- */

static struct cell
cell_of(const struct report_column *column, const struct store_value *value)
{
	bool is_null =
	    value->kind == STORE_NULL || (column->kind == CELL_TIME && value->number == 0);
	if (is_null)
		return (struct cell){.kind = CELL_NULL};
	return (struct cell){.kind = column->kind,
	    .text = value->text,
	    .number = value->number,
	    .real = value->kind == STORE_INT ? (double)value->number : value->real};
}

static struct report_row
row_of(const struct report *report, const struct store_value *values)
{
	struct report_row row = {0};
	for (size_t i = 0; i < report->count; i++)
		row.cells[i] = cell_of(&report->columns[i], &values[i]);
	return row;
}

static void
name_columns(const struct report *report, const char **out_names)
{
	for (size_t i = 0; i < report->count; i++)
		out_names[i] = report->columns[i].derived ? NULL : report->columns[i].name;
}

struct asking {
	const struct query *query;
	const struct report *report;
	query_row_fn on_row;
	void *context;
	int64_t skipped; /* rows before this one, if the list goes on by their number */
};

static void
hand_out(void *context, const struct store_value *values)
{
	struct asking *asking = context;
	const struct query *query = asking->query;
	struct report_row row = row_of(asking->report, values);
	if (query->derive != NULL)
		query->derive(query, &row);

	asking->skipped++;
	bool has_place = query->page_by != NULL;
	asking->on_row(asking->context, &row,
	    has_place ? values[asking->report->count].number : asking->skipped);
}

enum result
query_ask_sql(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	const char *names[STORE_COLUMNS_MAX];
	size_t skip = query_find_kind(query, QUERY_SKIP), count = query_parameter_count(query);
	const struct report *report = query_report(query, values);
	struct asking asking = {
	    .query = query, .report = report, .on_row = on_row, .context = context};
	if (skip < count)
		asking.skipped = values->items[skip].number;
	name_columns(report, names);
	names[report->count] = query->page_by;

	const struct store_question question = {
	    .sql = values->past && query->sql_at != NULL ? query->sql_at : query->sql,
	    .parameters = values->items,
	    .parameter_count = count,
	    .columns = names,
	    .column_count = report->count + 1};
	return store_ask(reader, &question, hand_out, &asking);
}

enum result
query_ask(struct store_reader *reader, const struct query *query, const struct query_values *values,
    query_row_fn on_row, void *context)
{
	query_source_fn source = query->source != NULL ? query->source : query_ask_sql;
	return source(reader, query, values, on_row, context);
}

/* --- members next to the list --- */

static void
hand_out_members(void *context, const struct store_value *values)
{
	struct asking *asking = context;
	struct report_row row = row_of(asking->report, values);
	asking->on_row(asking->context, &row, 0);
}

enum result
query_ask_member_row(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	const char *names[STORE_COLUMNS_MAX];
	struct asking asking = {.report = &query->members, .on_row = on_row, .context = context};
	if (query->members_sql == NULL)
		return RESULT_OK;
	name_columns(&query->members, names);

	const struct store_question question = {.sql = query->members_sql,
	    .parameters = values->items,
	    .parameter_count = query_parameter_count(query),
	    .columns = names,
	    .column_count = query->members.count};
	return store_ask(reader, &question, hand_out_members, &asking);
}

struct adding_members {
	const struct report *report;
	const struct time_zone *zone;
	struct json_t *object;
};

static void
put_members(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct adding_members *members = context;
	report_put(members->report, row, members->zone, members->object);
}

enum result
query_ask_members(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	struct adding_members members = {
	    .report = &query->members, .zone = values->zone, .object = object};
	enum result result = query_ask_member_row(reader, query, values, put_members, &members);
	if (result == RESULT_OK && query->members_source != NULL)
		result = query->members_source(reader, query, values, object);
	return result;
}
