/* output: writes rows to stdout as a table for people, as JSON or as CSV.
 *
 * Columns and names are those of query/report.h, so the command line and the api agree.
 * output_new aborts if memory is short. One thread. */
#pragma once

#include "dlrd/query/report.h"

/* A table is fitted to the terminal, a wide one is not. */
enum output_format { OUTPUT_TABLE, OUTPUT_WIDE_TABLE, OUTPUT_JSON, OUTPUT_CSV };

static inline bool
output_is_table(enum output_format format)
{
	return format == OUTPUT_TABLE || format == OUTPUT_WIDE_TABLE;
}

/* A list that is being written. Texts in rows are copied. */
struct output;

/* A table has the columns that the report marks as shown; JSON and CSV have all. word: the value of
 * the question's QUERY_CHOICE, which decides about columns with shown_if. zone: of times; borrowed;
 * NULL: UTC. The caller frees the output with output_finish or output_free. */
struct output *output_new(enum output_format format, const struct report *report, struct slice word,
    const struct time_zone *zone);

/* Adds a row. Failures are reported by output_finish. */
void output_add(struct output *output, const struct report_row *row);

/* The same, for the rows of a question; output is a struct output. */
void output_add_row(void *output, const struct report_row *row, int64_t place);

/* Writes everything to stdout, and frees output and object. JSON is object, or a new one if object
 * is NULL, with the list under the report's key; on a terminal it is indented. Returns false if it
 * could not be written. */
bool output_finish(struct output *output, struct json_t *object);

/* Adds a row of a list without an end: a line of JSON or CSV, or texts that are aligned with those
 * before. output is a struct output. */
void output_add_line(void *output, const struct report_row *row, int64_t place);

/* Writes the lines, or the rows of CSV, that were added. Call it while no question is asked: a
 * reader of stdout may wait for any time, and a question that waits with it would keep the store's
 * log from being reset. Returns false if they could not be written. */
bool output_flush(struct output *output);

/* Writes one JSON value to stdout, and frees it. Returns false if it could not be written. */
bool output_json(struct json_t *value);

/* Frees an output without writing it. Accepts NULL. */
void output_free(struct output *output);
