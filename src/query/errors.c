#include "errors.h"

#include "dlrd/query/ask.h"
#include "dlrd/query/support.h"
#include "filters.h"
#include "parameters.h"

/* --- errors of campaigns --- */

/* The time that counts as recent: from..to if any of them is given, else the last 24 hours. */
#define SINCE "CASE WHEN $4 = 0 AND $5 = 9223372036854775807 THEN $7 - 24 ELSE $4 END"
#define UNTIL "CASE WHEN $5 = 9223372036854775807 THEN $7 + 1 ELSE $5 END"

/* The campaigns, with all their failures. */
#define FAILURES                                                                               \
	"(SELECT c.id, c.workspace, c.name, (SELECT coalesce(sum(h.failed), 0)"                \
	" FROM tagset t JOIN campaign_hour h ON h.tagset_id = t.id WHERE t.campaign_id = c.id" \
	" AND " IN_VARIANT " AND h.hour >= $4 AND h.hour < $5) AS failed FROM campaign c"      \
	" WHERE ($1 IS NULL OR c.name = $1) AND ($2 IS NULL OR c.workspace = $2))"
#define IN_VARIANT "($3 IS NULL OR t.variant = $3)"

#define FAILED_BETWEEN(from, to) \
	"sum(CASE WHEN e.hour >= " from " AND e.hour < " to " THEN e.failed ELSE 0 END)"
#define COUNT FAILED_BETWEEN("$4", "$5")
#define RECENT FAILED_BETWEEN(SINCE, UNTIL)
#define PREVIOUS FAILED_BETWEEN("2 * (" SINCE ") - (" UNTIL ")", SINCE)

/* The time of the first or last failed message of a campaign under a code, x. An index has it at
 * its end, for each variant; so it has the samples. */
#define EDGE(function)                                                             \
	"(SELECT " function "((SELECT " function "(m.failed_us) FROM message m"    \
	"  WHERE m.tagset_id = t.id AND m.error_code = x.code AND m.outcome = 2))" \
	" FROM tagset t WHERE t.campaign_id = x.id AND " IN_VARIANT ")"
#define FIRST EDGE("min")
#define LAST EDGE("max")

/* group_concat is not in PostgreSQL, where a schema can define it as string_agg; a window function
 * in its place took a fifth of the time of the whole question. */
#define SAMPLES                                                                             \
	"(SELECT group_concat(s.sid, ' ') FROM (SELECT m.sid AS sid FROM tagset t"          \
	"  JOIN message m ON m.id IN"                                                       \
	"   (SELECT l.id FROM message l WHERE l.tagset_id = t.id AND l.error_code = x.code" \
	"    AND l.outcome = 2 ORDER BY l.failed_us DESC LIMIT 3)"                          \
	"  WHERE t.campaign_id = x.id AND " IN_VARIANT "  ORDER BY m.failed_us DESC LIMIT 3) s)"

/* SQLite keeps the order of a CROSS JOIN; left to itself it would read the errors of all campaigns.
 */
static const char errors_sql[] =
    "WITH f AS MATERIALIZED " FAILURES " SELECT x.workspace AS workspace, x.name AS campaign,"
    " CASE WHEN x.code >= 0 THEN x.code END AS code, k.name AS name, k.kind AS kind,"
    " k.permanence AS permanence, k.action AS action, x.count AS count,"
    " CAST(x.count AS DOUBLE PRECISION) / nullif(x.failed, 0) AS share, " FIRST " AS first,"
    " " LAST " AS last, x.recent AS recent, x.previous AS previous,"
    " CAST(x.recent - x.previous AS DOUBLE PRECISION) / nullif(x.previous, 0) AS trend,"
    " " SAMPLES " AS samples"
    " FROM (SELECT f.id, f.workspace, f.name, f.failed, e.code, " COUNT " AS count,"
    "  " RECENT " AS recent, " PREVIOUS " AS previous"
    "  FROM f CROSS JOIN tagset t JOIN campaign_error e ON e.tagset_id = t.id"
    "  WHERE t.campaign_id = f.id AND " IN_VARIANT
    "  GROUP BY f.id, f.workspace, f.name, f.failed, e.code HAVING " COUNT " > 0) x"
    " LEFT JOIN error_catalogue k ON k.code = x.code ORDER BY x.id DESC, x.count DESC, x.code";

static const char errors_members_sql[] =
    "WITH f AS " FAILURES " SELECT min(name) AS campaign, sum(failed) AS failed FROM f";

#define ERROR_COLUMNS                                                                          \
	{"code", CELL_INT, .nullable = true, .shown = true,                                    \
	    .description = "null: failures without a code."},                                  \
	    {"name", CELL_TEXT, .nullable = true, .shown = true,                               \
		.description =                                                                 \
		    "null, as are the next three, for a code that is not in the catalogue."},  \
	    {"kind", CELL_TEXT, .nullable = true, .shown = true},                              \
	    {"permanence", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 1},      \
	    {"action", CELL_TEXT, .nullable = true, .shown = true, .wraps = true},             \
	    {"count", CELL_INT, .counts = true, .shown = true},                                \
	    {"share", CELL_REAL, .nullable = true, .shown = true, .percent = true,             \
		.description = "Of all that failed."},                                         \
	    {"first", CELL_TIME, .nullable = true}, {"last", CELL_TIME, .nullable = true},     \
	    {"recent", CELL_INT, .counts = true, .shown = true, .dispensable = 2,              \
		.description = "Failures in from..to; without either, in the last 24 hours."}, \
	    {"previous", CELL_INT, .counts = true,                                             \
		.description = "Failures in as long a time before."},                          \
	    {"trend", CELL_REAL, .nullable = true,                                             \
		.description = "(recent - previous) / previous; null when previous is 0."},    \
	{                                                                                      \
		"samples", CELL_LIST, .description = "SIDs of the latest, at most 3."          \
	}

const struct query query_campaign_errors = {.path = "/v1/campaigns/{campaign}/errors",
    .operation = "getCampaignErrors",
    .title = "Why messages of a campaign failed.",
    .answer = "Why messages of a campaign failed, the most frequent code first.",
    .list_schema = "CampaignErrors",
    .row_schema = "CampaignError",
    .row_description = "Failures under one code.",
    .parameters = {CAMPAIGN_OF_PATH("only this campaign", false),
	WORKSPACE_OF("only this workspace"), VARIANT("only messages of this variant"), FROM_HOUR,
	TO_HOUR, FORMAT, {"hour", QUERY_HOUR, .command_only = true}, TZ},
    .sql = errors_sql,
    .report = {"errors",
	REPORT_COLUMNS({"workspace", CELL_TEXT}, {"campaign", CELL_TEXT}, ERROR_COLUMNS)},
    .one = {"errors", REPORT_COLUMNS(ERROR_COLUMNS)},
    .members_sql = errors_members_sql,
    .members = {
	NULL, REPORT_COLUMNS({"campaign", CELL_TEXT}, {"failed", CELL_INT, .counts = true})}};

/* --- errors of all that failed, by any filter --- */

/* The failures of each code, x: counted by the hour, or from the failed messages if a provider is
 * given, by which the hours of codes are not kept. */
#define OF_TAGSETS "FROM f CROSS JOIN campaign_error e ON e.tagset_id = f.id"
#define FAILED_MESSAGES                                                                     \
	"FROM (SELECT m.tagset_id, m.error_code AS code, m.failed_us / 3600000000 AS hour," \
	" 1 AS failed FROM message m WHERE m.outcome = 2 AND m.provider_id IN " PROVIDERS(  \
	    "$8") ") e JOIN f ON f.id = e.tagset_id"
/* clang-format off */
#define CODES_OF(rows)                                                                       \
	"f AS MATERIALIZED " TAGSETS("$1", "$2", "$3")                                       \
	", x AS MATERIALIZED (SELECT e.code, " COUNT " AS count, " RECENT " AS recent, "     \
	PREVIOUS " AS previous " rows " GROUP BY e.code HAVING " COUNT " > 0)"
/* clang-format on */

/* first and last, and the samples, as of a campaign; or of the provider's failed messages. */
#define TAGSETS_EDGE(function)                                                        \
	"(SELECT " function "((SELECT " function "(m.failed_us) FROM message m WHERE" \
	" m.tagset_id = f.id AND m.error_code = x.code AND m.outcome = 2)) FROM f)"
#define TAGSETS_SAMPLES                                                                        \
	"(SELECT group_concat(s.sid, ' ') FROM (SELECT m.sid AS sid FROM f"                    \
	"  JOIN message m ON m.id IN (SELECT l.id FROM message l WHERE l.tagset_id = f.id AND" \
	"   l.error_code = x.code AND l.outcome = 2 ORDER BY l.failed_us DESC LIMIT 3)"        \
	"  ORDER BY m.failed_us DESC LIMIT 3) s)"
#define OF_PROVIDER                                                     \
	" FROM message m WHERE m.outcome = 2 AND m.error_code = x.code" \
	" AND m.tagset_id IN (SELECT f.id FROM f) AND m.provider_id IN " PROVIDERS("$8")
#define PROVIDERS_EDGE(function) "(SELECT " function "(m.failed_us)" OF_PROVIDER ")"
#define PROVIDERS_SAMPLES                                                        \
	"(SELECT group_concat(s.sid, ' ') FROM (SELECT m.sid AS sid" OF_PROVIDER \
	"  ORDER BY m.failed_us DESC LIMIT 3) s)"

/* clang-format off */
#define FAILURE_ROWS(edge, samples)                                                          \
	" SELECT CASE WHEN x.code >= 0 THEN x.code END AS code, k.name AS name,"             \
	" k.kind AS kind, k.permanence AS permanence, k.action AS action, x.count AS count," \
	" CAST(x.count AS DOUBLE PRECISION) / (SELECT sum(y.count) FROM x y) AS share, "     \
	edge("min") " AS first, " edge("max") " AS last, x.recent AS recent,"                \
	" x.previous AS previous, CAST(x.recent - x.previous AS DOUBLE PRECISION)"           \
	"  / nullif(x.previous, 0) AS trend, " samples " AS samples"                         \
	" FROM x LEFT JOIN error_catalogue k ON k.code = x.code"                             \
	" ORDER BY x.count DESC, x.code"
/* clang-format on */
#define FAILED_COUNT " SELECT coalesce(sum(x.count), 0) AS failed FROM x"

static const char failures_sql[] =
    "WITH " CODES_OF(OF_TAGSETS) FAILURE_ROWS(TAGSETS_EDGE, TAGSETS_SAMPLES);
static const char providers_failures_sql[] =
    "WITH " CODES_OF(FAILED_MESSAGES) FAILURE_ROWS(PROVIDERS_EDGE, PROVIDERS_SAMPLES);
static const char failed_sql[] = "WITH " CODES_OF(OF_TAGSETS) FAILED_COUNT;
static const char providers_failed_sql[] = "WITH " CODES_OF(FAILED_MESSAGES) FAILED_COUNT;

/* The values' index. */
enum { PROVIDER_WORD = 7 };

static struct query
by_provider(const struct query *query, const struct query_values *values)
{
	struct query chosen = *query;
	bool given = values->items[PROVIDER_WORD].kind != STORE_NULL;
	chosen.sql = given ? providers_failures_sql : failures_sql;
	chosen.members_sql = given ? providers_failed_sql : failed_sql;
	chosen.members_source = NULL;
	return chosen;
}

static enum result
ask_for_failures(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct query chosen = by_provider(query, values);
	return query_ask_sql(reader, &chosen, values, on_row, context);
}

static enum result
put_failed(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	struct query chosen = by_provider(query, values);
	return query_ask_members(reader, &chosen, values, object);
}

const struct query query_failures = {.path = "/v1/failures",
    .command = "errors",
    .summary = "why messages failed",
    .help = "Shows the error codes of failed messages, the most frequent first, with their kind, "
	    "whether a later try could succeed, what to do, and how many of them are recent: of "
	    "the last 24 hours, or from T to T. --json and --csv add how many there were in the "
	    "same time before, the trend, and the latest messages. With --campaign, if several "
	    "workspaces have a campaign of that name, each is a part of its own.",
    .variation = {"support",
	"SIDs of messages of the last 24 hours that failed with this code, for a ticket at "
	"Twilio's "
	"support; alone, or with --limit",
	&query_support},
    .by_campaign = &query_campaign_errors,
    .operation = "getFailures",
    .title = "Why messages failed, of all campaigns or by any filter.",
    .answer = "Why messages failed, the most frequent code first.",
    .list_schema = "Failures",
    .rows_of = &query_campaign_errors,
    .parameters = {CAMPAIGN, WORKSPACE, VARIANT("only messages of this variant"), FROM_HOUR,
	TO_HOUR, FORMAT, {"hour", QUERY_HOUR, .command_only = true}, PROVIDER, TZ},
    .sql = failures_sql,
    .source = ask_for_failures,
    .report = {"errors", REPORT_COLUMNS(ERROR_COLUMNS)},
    .members_source = put_failed,
    .members = {NULL, REPORT_COLUMNS({"failed", CELL_INT, .counts = true})}};
