#include "dlrd/query/optouts.h"

#include "parameters.h"

/* --- the list --- */

/* A piece of evidence, l, with the event that it came from. */
#define EVIDENCE                                                                               \
	"SELECT l.seq AS seq, l.number AS number, l.scope AS scope, l.state AS state,"         \
	" l.cause AS cause, l.time_us AS time, l.time_us AS since, coalesce(m.sid, e.sid) AS " \
	"message,"                                                                             \
	" c.workspace AS workspace, c.name AS campaign"
#define EVIDENCE_JOINS                                                                 \
	" JOIN event e ON e.seq = l.event_seq JOIN campaign c ON c.id = e.campaign_id" \
	" LEFT JOIN message m ON m.id = e.message_id"

static const char consent_changes_sql[] = EVIDENCE
    " FROM consent l" EVIDENCE_JOINS " WHERE l.changed = 1 AND l.seq > $1 ORDER BY l.seq LIMIT $3";

/* An opt-out from an account holds for each of its services and senders. */
#define OPTOUT_FILTERS(row)                                            \
	" AND ($2 IS NULL OR " row ".scope = $2 OR " row ".scope"      \
	"  IN (SELECT p.account FROM provider p WHERE p.account <> ''" \
	"  AND (p.service = $2 OR p.sender = $2)))"                    \
	" AND ($1 = 'any' OR " row ".state = $1) AND l.time_us >= $4 AND l.time_us < $5"

static const char optouts_sql[] =
    EVIDENCE " FROM optout o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
	     " WHERE o.consent_seq > $8" OPTOUT_FILTERS("o") " ORDER BY o.consent_seq LIMIT $7";

/* In the order of the ledger, so that a page reads no more than its rows: the changes that have no
 * later one before that time. */
static const char past_optouts_sql[] = EVIDENCE
    " FROM consent l" EVIDENCE_JOINS
    " WHERE l.changed = 1 AND l.seq > $8 AND l.time_us <= $3" OPTOUT_FILTERS(
	"l") " AND NOT EXISTS (SELECT 1 FROM consent n WHERE n.number = l.number AND n.scope = "
	     "l.scope"
	     "  AND n.seq > l.seq AND n.changed = 1 AND n.time_us <= $3) ORDER BY l.seq LIMIT $7";

const struct query query_optouts = {.path = "/v1/optouts",
    .operation = "listOptouts",
    .title = "Numbers that must not be texted.",
    .answer = "A page of the opt-out list, the least recently changed first.",
    .list_schema = "Optouts",
    .row_schema = "Optout",
    .row_description = "The state of a number towards a messaging service or sender.",
    .parameters = {{"state", QUERY_CHOICE, .words = "out|in|any", .usual = "out",
		       .description = "any is both."},
	{"scope", QUERY_TEXT,
	    .description = "Only this messaging service or sender, or the whole account that "
			   "it belongs to."},
	{"at", QUERY_AT, .description = "As it was then; now, without it."},
	{"from", QUERY_FROM,
	    .description = "Only states since then or later. A day means its first moment in UTC."},
	{"to", QUERY_TO, .description = "Only states since before then; as with from."}, FORMAT,
	LIMIT, HTTP_NEXT},
    .sql = optouts_sql,
    .page_by = "seq",
    .sql_at = past_optouts_sql,
    .report = {"optouts", 8,
	{{"number", CELL_TEXT, .shown = true}, {"scope", CELL_TEXT, .shown = true},
	    {"state", CELL_TEXT, .shown = true, .words = "out|in"},
	    {"since", CELL_TIME, .shown = true}, {"cause", CELL_TEXT, .shown = true},
	    {"message", CELL_TEXT, .nullable = true, .shown = true},
	    {"workspace", CELL_TEXT, .shown = true}, {"campaign", CELL_TEXT, .shown = true}}}};

const struct query query_consent_changes = {.path = "/v1/optouts/changes",
    .operation = "listConsentChanges",
    .title = "Changes of the opt-out list, to be followed by seq.",
    .answer = "A page of changes, the oldest first.",
    .list_schema = "ConsentChanges",
    .row_schema = "ConsentChange",
    .row_description = "A change of state.",
    .parameters = {{"after", QUERY_AFTER}, FORMAT, LIMIT},
    .sql = consent_changes_sql,
    .page_by = "seq",
    .report = {"changes", 9,
	{{"seq", CELL_INT, .shown = true, .description = "Of the ledger."},
	    {"time", CELL_TIME, .shown = true}, {"number", CELL_TEXT, .shown = true},
	    {"scope", CELL_TEXT, .shown = true},
	    {"state", CELL_TEXT, .shown = true, .words = "out|in"},
	    {"cause", CELL_TEXT, .shown = true}, {"message", CELL_TEXT, .nullable = true},
	    {"workspace", CELL_TEXT}, {"campaign", CELL_TEXT, .shown = true}}}};

/* --- one number --- */

const struct query query_scopes = {.row_schema = "Scope",
    .row_description = "A number's state towards one messaging service or sender.",
    .report = {"scopes", 5,
	{{"scope", CELL_TEXT, .shown = true},
	    {"state", CELL_TEXT, .shown = true, .words = "out|in"},
	    {"since", CELL_TIME, .shown = true}, {"cause", CELL_TEXT, .shown = true},
	    {"message", CELL_TEXT, .nullable = true, .shown = true}}}};

const struct query query_number = {.path = "/v1/optouts/{number}",
    .operation = "getNumber",
    .title = "One number's state and history.",
    .answer = "A number in the opt-out ledger, with its evidence, the oldest first.",
    .wrong = "BadNumber",
    .list_schema = "Number",
    .row_schema = "Evidence",
    .row_description = "Evidence of a number's consent.",
    .parameters = {{"number", QUERY_NAME,
		       .description =
			   "In E.164, escaped or not, or after a channel (whatsapp:+15550000001). "
			   "The text is looked up as it is; then as a number without its plus or "
			   "with 00 instead, with spaces, hyphens, dots, slashes or brackets "
			   "between the digits, or as a URI (tel:, sms:). A number without a plus "
			   "is also read as one of [numbers] country_code. Text that is not an "
			   "address is answered 400, and so is a number that is not found and "
			   "whose country code is not known."},
	{"at", QUERY_AT, .description = "As it was then; now, without it."}, FORMAT},
    .report = {"history", 8,
	{{"time", CELL_TIME, .shown = true}, {"state", CELL_TEXT, .shown = true, .words = "out|in"},
	    {"cause", CELL_TEXT, .shown = true}, {"scope", CELL_TEXT, .shown = true},
	    {"message", CELL_TEXT, .nullable = true, .shown = true},
	    {"changed", CELL_BOOL, .shown = true,
		.description = "The state was another one before."},
	    {"body", CELL_TEXT, .nullable = true, .shown = true},
	    {"seq", CELL_INT, .description = "The event's."}}},
    .members = {NULL, 3,
	{{"number", CELL_TEXT},
	    {"state", CELL_TEXT, .words = "out|in", .description = "out, if any scope is."},
	    {"scopes", CELL_LIST, .list = &query_scopes}}}};
