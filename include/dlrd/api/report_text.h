/* report_text: the rows of a report written out: as JSON, as CSV, and for a terminal. Pure. */
#ifndef DLRD_API_REPORT_TEXT_H
#define DLRD_API_REPORT_TEXT_H

#include "dlrd/api/report.h"

/* A new JSON object; NULL when memory is short. */
struct json_t *report_json(const struct report *report, const struct report_row *row);

/* Append a CSV line (RFC 4180), ended by CR LF. A text that a spreadsheet would run as a formula
 * gets an apostrophe in front (OWASP, "CSV Injection"); a telephone number keeps its plus. Each
 * cell is UTF-8: a byte that is none, and a control but TAB, LF and CR, which stand in quotes,
 * becomes U+FFFD. */
void report_csv_head(const struct report *report, struct buffer *out);
void report_csv_row(const struct report *report, const struct report_row *row, struct buffer *out);

/* Appends the cell as a person reads it, control bytes escaped; nothing for null. */
void report_cell_text(const struct cell *cell, struct buffer *out);

#endif
