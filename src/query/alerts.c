#include "alerts.h"

#include "dlrd/twilio/error_guide.h"
#include "parameters.h"

static const char alerts_sql[] =
    "SELECT e.seq AS seq, e.time_us AS time, e.reference AS sid, a.level AS level,"
    " nullif(p.account, '') AS account,"
    " CASE WHEN e.error_code >= 0 THEN e.error_code END AS error_code, k.name AS name,"
    " k.action AS action, a.ours AS ours, a.resource AS resource, a.request_url AS request_url,"
    " a.method AS method,"
    " CASE WHEN a.response_status >= 0 THEN a.response_status END AS response_status,"
    " a.text AS text, e.occurred AS occurred"
    " FROM alert a JOIN event e ON e.seq = a.event_seq JOIN provider p ON p.id = e.provider_id"
    " LEFT JOIN error_catalogue k ON k.code = e.error_code WHERE a.event_seq < $6"
    " AND e.time_us >= $2 AND e.time_us < $3 AND ($1 = 0 OR a.ours = 1)"
    " ORDER BY a.event_seq DESC LIMIT $5";

const struct query query_alerts = {.path = "/v1/alerts",
    .command = "alerts",
    .summary = "what Twilio's debugger complains about, and wrong settings in Twilio",
    .help = "Shows the errors and warnings that Twilio's debugger reported to a route of the "
	    "kind debugger, newest first. Also shows voice callbacks that arrived on a route, and "
	    "inbound messages for which Twilio called the fallback URL; their text names the "
	    "setting to change.",
    .operation = "listAlerts",
    .title = "Errors and warnings of Twilio's debugger, and wrong settings in Twilio.",
    .answer = "A page of alerts, the newest first.",
    .list_schema = "Alerts",
    .row_schema = "Alert",
    .row_description =
	"An error or warning of Twilio's debugger, a voice callback, or a call of the "
	"fallback URL.",
    .parameters = {{"ours", QUERY_FLAG,
		       .help = "only those about requests to this daemon's own routes",
		       .description = "Only alerts about requests to dlrd."},
	FROM_TIME, TO_TIME, FORMAT,
	{"limit", QUERY_LIMIT, .value = "N", .option_limit = 100,
	    .help = "at most so many (default 100; 0 for all)"},
	{"next", QUERY_BEFORE, .option = "before", .value = "SEQ",
	    .help = "only those before this one"},
	TZ},
    .sql = alerts_sql,
    .page_by = "seq",
    .report = {
	"alerts", REPORT_COLUMNS({"seq", CELL_INT, .shown = true, .description = "The event's."},
		      {"time", CELL_TIME, .shown = true}, {"sid", CELL_TEXT, .nullable = true},
		      {"level", CELL_TEXT, .shown = true}, {"account", CELL_TEXT, .nullable = true},
		      {"error_code", CELL_INT, .nullable = true, .shown = true},
		      {"name", CELL_TEXT, .nullable = true, .shown = true,
			  .description = "Of the code, if the catalogue has it."},
		      {"action", CELL_TEXT, .nullable = true},
		      {"ours", CELL_BOOL, .shown = true,
			  .description = "The request was to one of dlrd's routes."},
		      {"resource", CELL_TEXT, .nullable = true},
		      {"request_url", CELL_TEXT, .nullable = true, .shown = true},
		      {"method", CELL_TEXT, .nullable = true},
		      {"response_status", CELL_INT, .nullable = true, .shown = true},
		      {"text", CELL_TEXT, .nullable = true, .shown = true, .wraps = true},
		      {"occurred", CELL_TEXT, .nullable = true})}};

static const char catalogue_sql[] =
    "SELECT code, name, kind, permanence, action, '" ERROR_GUIDE_URL
    "' || code AS url FROM error_catalogue WHERE code > $3 ORDER BY code LIMIT $2";

static void
explain(const struct query *query, struct report_row *row)
{
	const struct error_guide *guide =
	    error_guide_find(report_cell(&query->report, row, "code")->number);
	struct cell *cause = &row->cells[report_index(&query->report, "cause")];
	struct cell *steps = &row->cells[report_index(&query->report, "steps")];
	*cause = cell_text(guide == NULL ? SLICE_NONE : slice_of(guide->cause));
	*steps = (struct cell){
	    .kind = CELL_LINES, .text = guide == NULL ? SLICE_NONE : slice_of(guide->steps)};
}

const struct query query_catalogue = {.path = "/v1/errors",
    .command = "catalogue",
    .summary = "the error codes that are known, and what to do about each",
    .help = "Shows Twilio's error codes, as the daemon was started with them: the table that "
	    "is built in, or error_codes of the configuration, with error_codes_site over it. With "
	    "CODE: what this code means, why it happens and what to do, from the table that is "
	    "built in, without configuration and store.",
    .operand = "[CODE]",
    .operation = "listErrorCodes",
    .title = "The catalogue of error codes, whole unless a limit is given.",
    .answer = "A page of error codes.",
    .list_schema = "ErrorCodes",
    .row_schema = "ErrorCode",
    .row_description = "An error code of the catalogue.",
    .parameters = {FORMAT, {"limit", QUERY_LIMIT, .http_only = true}, HTTP_NEXT},
    .sql = catalogue_sql,
    .page_by = "code",
    .is_short = true,
    .derive = explain,
    .report = {"errors", REPORT_COLUMNS({"code", CELL_INT, .shown = true},
			     {"name", CELL_TEXT, .shown = true}, {"kind", CELL_TEXT, .shown = true},
			     {"permanence", CELL_TEXT, .shown = true, .dispensable = 1},
			     {"action", CELL_TEXT, .shown = true, .wraps = true},
			     {"cause", CELL_TEXT, .nullable = true, .derived = true,
				 .description = "Why it happens; null for rare codes."},
			     {"steps", CELL_LINES, .derived = true,
				 .description = "What to do, one after the other."},
			     {"url", CELL_TEXT, .description = "Twilio's page about the code."})}};
