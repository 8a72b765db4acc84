/* report: rows of answers as JSON objects, CSV lines or cells of a table, from one description
 * each.
 *
 * A report is a list of columns; a row is as many cells. The api, the command line's --json and
 * --csv and its tables all come from the same description, so they never disagree about a name.
 * Pure. */
#ifndef DLRD_API_REPORT_H
#define DLRD_API_REPORT_H

#include "dlrd/base/json.h"
#include "dlrd/store/reader.h"

#define REPORT_COLUMNS_MAX 24

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_INT, CELL_REAL, CELL_TIME, CELL_BOOL };

struct cell {
	enum cell_kind kind;
	struct slice text; /* borrowed */
	int64_t number;    /* CELL_INT; CELL_TIME in microseconds; CELL_BOOL 0 or 1 */
	double real;
};

struct report {
	const char *list_key; /* the JSON array's name: "campaigns" */
	size_t count;
	const char *columns[REPORT_COLUMNS_MAX];
};

struct report_row {
	struct cell cells[REPORT_COLUMNS_MAX];
};

extern const struct report report_campaigns, report_errors, report_events, report_receipts,
    report_catalogue, report_all_errors;

struct report_row report_campaign_row(const struct campaign_row *row);

/* failed is the campaign's failures in all, for the share. */
struct report_row report_error_row(const struct campaign_error_row *row, int64_t failed);

/* The same behind its campaign's names, for the errors of several campaigns in one list. */
struct report_row report_all_errors_row(struct slice workspace, struct slice campaign,
    const struct campaign_error_row *row, int64_t failed);

struct report_row report_event_row(const struct event_row *row);

/* An event as one of its message's receipts, with what has no column of its own. */
struct report_row report_receipt_row(const struct event_row *row);

struct report_row report_catalogue_row(const struct catalogue_row *row);

/* A new JSON object; NULL when memory is short. */
struct json_t *report_json(const struct report *report, const struct report_row *row);

/* Append a CSV line (RFC 4180), ended by CR LF. A text that a spreadsheet would run as a formula
 * gets an apostrophe in front (OWASP, "CSV Injection"); a telephone number keeps its plus. */
void report_csv_head(const struct report *report, struct buffer *out);
void report_csv_row(const struct report *report, const struct report_row *row, struct buffer *out);

/* Appends the cell as a person reads it, control bytes escaped; nothing for null. */
void report_cell_text(const struct cell *cell, struct buffer *out);

#endif
