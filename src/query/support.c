#include "dlrd/query/support.h"

#include "dlrd/query/ask.h"
#include "parameters.h"

/* The values' indexes. */
enum { CODE, FORMAT_WORD, ROWS, SINCE };

/* Both read the end of an index of failures, for each tagset. SQLite keeps the order of a CROSS
 * JOIN. */
/* clang-format off */
static const char support_sql[] =
    "SELECT m.sid AS sid, m.failed_us AS time, nullif(p.sender, '') AS \"from\","
    " nullif(m.peer, '') AS \"to\", CASE WHEN m.error_code >= 0 THEN m.error_code END AS"
    " error_code, nullif(p.account, '') AS account FROM tagset t"
    " CROSS JOIN message m ON m.id IN (SELECT l.id FROM message l WHERE l.tagset_id = t.id"
    "  AND l.error_code = $1 AND l.outcome = 2 AND l.failed_us >= $4"
    "  ORDER BY l.failed_us DESC LIMIT $3)"
    " JOIN provider p ON p.id = m.provider_id ORDER BY m.failed_us DESC, m.id DESC LIMIT $3";

static const char counted_sql[] =
    "SELECT CASE WHEN $1 >= 0 THEN $1 END AS code,"
    " (SELECT k.name FROM error_catalogue k WHERE k.code = $1) AS name,"
    " (SELECT coalesce(sum((SELECT count(*) FROM message m WHERE m.tagset_id = t.id"
    "  AND m.error_code = $1 AND m.outcome = 2 AND m.failed_us >= $4)), 0) FROM tagset t)"
    " AS failed, $4 AS since";
/* clang-format on */

/* The values with the code as a number, and the time from which on messages count. Returns false if
 * the text is not a code. */
static bool
read_values(const struct query_values *values, struct query_values *out_values)
{
	int64_t code;
	if (!query_read_code(values->items[CODE].text, &code))
		return false;
	*out_values = *values;
	out_values->items[CODE] = (struct store_value){.kind = STORE_INT, .number = code};
	out_values->items[SINCE] =
	    (struct store_value){.kind = STORE_INT, .number = clock_wall_us() - CLOCK_DAY_US};
	if (out_values->items[ROWS].number > SUPPORT_MESSAGES_MAX)
		out_values->items[ROWS].number = SUPPORT_MESSAGES_MAX;
	return true;
}

static enum result
ask_for_messages(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct query_values read;
	return read_values(values, &read) ? query_ask_sql(reader, query, &read, on_row, context)
					  : RESULT_NOT_FOUND;
}

static enum result
put_counted(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	struct query chosen = *query;
	struct query_values read;
	chosen.members_sql = counted_sql;
	chosen.members_source = NULL;
	return read_values(values, &read) ? query_ask_members(reader, &chosen, &read, object)
					  : RESULT_OK;
}

const struct query query_support = {.path = "/v1/failures/{code}/support",
    .summary = "messages to name to Twilio's support",
    .help = "Shows messages of the last 24 hours that failed with CODE, the newest first, as "
	    "Twilio's support asks for them: their SIDs, with time in UTC, from, to and code. It "
	    "needs at least three, and does not look into older ones. Copy the output into the "
	    "ticket, with what you expected instead. --json and --csv add the account.",
    .operation = "listSupportMessages",
    .title = "Messages to name to Twilio's support about an error code.",
    .answer =
	"The newest messages of the last 24 hours that failed with the code, 100 at most, and "
	"how many there are.",
    .note = "Twilio's support asks for the SIDs of at least three messages of the last 24 hours.",
    .list_schema = "SupportMessages",
    .row_schema = "SupportMessage",
    .row_description = "A failed message.",
    .parameters = {{"code", QUERY_NAME, .names = QUERY_NAMES_CODE, .value = "CODE", .help = "code",
		       .description = "The error code, or none."},
	FORMAT,
	{"limit", QUERY_LIMIT, .value = "N", .option_limit = 10, .command_only = true,
	    .help = "at most so many (default 10; never more than 100)"},
	{"since", QUERY_FROM, .http_only = true, .command_only = true}},
    .sql = support_sql,
    .source = ask_for_messages,
    .report = {"messages",
	REPORT_COLUMNS({"sid", CELL_TEXT, .shown = true},
	    {"time", CELL_TIME, .shown = true,
		.description = "When the receipt of the failure arrived, in UTC."},
	    {"from", CELL_TEXT, .nullable = true, .shown = true},
	    {"to", CELL_TEXT, .nullable = true, .shown = true},
	    {"error_code", CELL_INT, .nullable = true, .shown = true},
	    {"account", CELL_TEXT, .nullable = true})},
    .members_source = put_counted,
    .members = {NULL, REPORT_COLUMNS({"code", CELL_INT, .nullable = true},
			  {"name", CELL_TEXT, .nullable = true,
			      .description = "null for a code that is not in the catalogue."},
			  {"failed", CELL_INT, .counts = true,
			      .description = "All that failed with the code in the last 24 hours."},
			  {"since", CELL_TIME, .description = "24 hours ago."})}};
