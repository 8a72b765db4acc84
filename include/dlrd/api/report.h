/* report: rows of the questions that are not in the table of query/table.h. Pure. */
#ifndef DLRD_API_REPORT_H
#define DLRD_API_REPORT_H

#include "dlrd/query/optouts.h"
#include "dlrd/store/reader.h"

/* One entry of the opt-out ledger: as a row of the list, as one of a number's scopes, as a piece of
 * a number's history, and as a change to be followed. */
struct report_row report_optout_row(const struct consent_row *row);
struct report_row report_scope_row(const struct consent_row *row);
struct report_row report_history_row(const struct consent_row *row);

#endif
