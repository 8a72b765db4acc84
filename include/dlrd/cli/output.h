/* output: rows as a table on a terminal, as JSON or as CSV.
 *
 * Columns and names are those of query/report.h, so that the command line and the api never
 * disagree.
 */
#ifndef DLRD_CLI_OUTPUT_H
#define DLRD_CLI_OUTPUT_H

#include "dlrd/query/report.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };

/* A list that is being written. Texts in rows are copied. */
struct output;

/* only lists the columns that a table shows, NULL-ended; NULL for all. JSON and CSV always have
 * all. */
struct output *output_new(
    enum output_format format, const struct report *report, const char *const *only);

/* The same with the columns that the report itself shows in a table; word is that of the question's
 * QUERY_CHOICE, for shown_if. */
struct output *output_new_shown(
    enum output_format format, const struct report *report, struct slice word);

void output_add(struct output *output, const struct report_row *row);

/* Writes everything to stdout: for JSON, object with the list in it under the report's key (object
 * may be NULL, is freed). False when it could not be written. Frees the output. */
bool output_finish(struct output *output, struct json_t *object);

/* Writes one JSON value to stdout. Returns false if it could not be written. */
bool output_json(const struct json_t *value);

/* Frees an output that is not to be written. Accepts NULL. */
void output_free(struct output *output);

#endif
