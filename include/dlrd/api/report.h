/* report: rows of the questions that are not in the table of query/table.h. Pure. */
#ifndef DLRD_API_REPORT_H
#define DLRD_API_REPORT_H

#include "dlrd/query/report.h"
#include "dlrd/refused/quarantine.h"
#include "dlrd/refused/signature_failures.h"
#include "dlrd/store/reader.h"

extern const struct report report_scopes, report_history, report_signature_failures,
    report_quarantine, report_quarantined;

/* One entry of the opt-out ledger: as a row of the list, as one of a number's scopes, as a piece of
 * a number's history, and as a change to be followed. */
struct report_row report_optout_row(const struct consent_row *row);
struct report_row report_scope_row(const struct consent_row *row);
struct report_row report_history_row(const struct consent_row *row);

struct report_row report_signature_failure_row(const struct signature_failure *failure);

/* A request in the quarantine: as a row of the list, and with all that there is of it, raw being
 * the whole request. */
struct report_row report_quarantine_row(const struct quarantined *request);
struct report_row report_quarantined_row(const struct quarantined *request, struct slice raw);

#endif
