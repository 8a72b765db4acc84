/* ask: a question of the table, put to the store.
 *
 * query_values and query_set make the values of the parameters; query_ask passes the rows.
 * One thread at a time for each reader. */
#pragma once

#include "dlrd/engine/reader.h"
#include "dlrd/query/row.h"

struct query_values {
	struct store_value items[QUERY_PARAMETERS_MAX]; /* one for each parameter of the row */
	bool past;                                      /* a time is given for QUERY_AT */
	const struct time_zone *zone; /* of times in the answer; borrowed; NULL: UTC */
	bool one; /* of one campaign: the rows have the columns of query.one, if there are any */
};

/* The values with no parameter given. */
struct query_values query_values(const struct query *query);

/* Reads the text of a time, or a day of the zone (NULL: UTC), for query_set; at now_us, if that is
 * not 0, also as people say it (local_time.h). 1970-01-01T00:00:00Z is moved by a microsecond,
 * since 0 is no time; nothing happened then. RESULT_INVALID for other text. */
must_check enum result query_read_time(const struct query_parameter *parameter,
    const struct time_zone *zone, struct slice text, int64_t now_us, int64_t *out_us);

/* Sets a parameter from what was given: a text (absent: not given) for texts and choices, else a
 * number: a time in microseconds (0: not given), a place, a limit (0: all), 1 for a flag. The text
 * is borrowed. */
void query_set(const struct query *query, struct query_values *values, size_t index,
    struct slice text, int64_t number);

/* The same for the parameter called name; the row must have it. */
void query_give(const struct query *query, struct query_values *values, const char *name,
    struct slice text, int64_t number);

/* Makes the values of query->by_campaign, which the question has. Returns false if it is not asked
 * in its place: no campaign is given, or something that it lacks. */
bool query_take_campaign(
    const struct query *query, const struct query_values *values, struct query_values *out_values);

/* The columns of the rows that query_ask passes for these values. */
const struct report *query_report(const struct query *query, const struct query_values *values);

must_check enum result query_ask(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context);

/* The rows of the question's SQL, for its source. */
must_check enum result query_ask_sql(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context);

/* The members next to the list that their SQL has: one row, or none. */
must_check enum result query_ask_member_row(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context);

/* Puts the members next to the list into object. */
must_check enum result query_ask_members(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object);
