/* report: rows of answers as JSON objects, CSV lines or cells of a table, from one description
 * each.
 *
 * A report is a list of columns; a row is as many cells. The api, the command line's --json and
 * --csv and its tables all come from the same description, so they never disagree about a name.
 * Pure. */
#ifndef DLRD_API_REPORT_H
#define DLRD_API_REPORT_H

#include "dlrd/base/json.h"
#include "dlrd/journal/quarantine.h"
#include "dlrd/store/reader.h"
#include "dlrd/twilio/signature_failures.h"

#define REPORT_COLUMNS_MAX 28

enum cell_kind {
	CELL_NULL,
	CELL_TEXT,
	CELL_INT,
	CELL_REAL,
	CELL_TIME,
	CELL_BOOL,
	CELL_LIST, /* text is words with a space between: in JSON an array of them */
};

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
	/* In JSON the columns whose names start with group_prefix are members of one object,
	 * group_key, under the rest of their names. NULL where there are none. */
	const char *group_prefix, *group_key;
};

struct report_row {
	struct cell cells[REPORT_COLUMNS_MAX];
};

extern const struct report report_campaigns, report_errors, report_all_errors, report_series,
    report_providers, report_events, report_receipts, report_replies, report_near_misses,
    report_optouts, report_scopes, report_history, report_consent_changes, report_alerts,
    report_catalogue, report_signature_failures, report_quarantine, report_quarantined;

struct report_row report_campaign_row(const struct campaign_row *row);

/* What to ask for the errors of a campaign: recent counts the failures in from..to and previous
 * those in as long a time before. Without either (0), recent is of the last 24 hours; without
 * from_us it is all before to_us, without to_us it goes on until now. */
struct error_filter report_error_filter(
    int64_t campaign_id, struct slice variant, int64_t from_us, int64_t to_us);

/* failed is the campaign's failures in all, for the share. */
struct report_row report_error_row(const struct campaign_error_row *row, int64_t failed);

/* The same behind its campaign's names, for the errors of several campaigns in one list. */
struct report_row report_all_errors_row(struct slice workspace, struct slice campaign,
    const struct campaign_error_row *row, int64_t failed);

/* The figures of an hour or a day that begins at time_us. */
struct report_row report_point_row(int64_t time_us, const int64_t figures[FIGURE_COUNT]);

struct report_row report_provider_row(const struct provider_row *row);

struct report_row report_event_row(const struct event_row *row);

/* An event as one of its message's receipts, with what has no column of its own. */
struct report_row report_receipt_row(const struct event_row *row);

struct report_row report_reply_row(const struct event_row *row);
struct report_row report_near_miss_row(const struct event_row *row);

/* One entry of the opt-out ledger: as a row of the list, as one of a number's scopes, as a piece of
 * a number's history, and as a change to be followed. */
struct report_row report_optout_row(const struct consent_row *row);
struct report_row report_scope_row(const struct consent_row *row);
struct report_row report_history_row(const struct consent_row *row);
struct report_row report_consent_change_row(const struct consent_row *row);

struct report_row report_alert_row(const struct alert_row *row);

struct report_row report_catalogue_row(const struct catalogue_row *row);

struct report_row report_signature_failure_row(const struct signature_failure *failure);

/* A request in the quarantine: as a row of the list, and with all that there is of it, raw being
 * the whole request. */
struct report_row report_quarantine_row(const struct quarantined *request);
struct report_row report_quarantined_row(const struct quarantined *request, struct slice raw);

#endif
