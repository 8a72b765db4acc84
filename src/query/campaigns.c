#include "dlrd/query/campaigns.h"

#include "dlrd/query/ask.h"
#include "figures.h"
#include "parameters.h"
#include "series.h"

#include <string.h>

/* --- campaigns --- */

#define SORT 11 /* the index of its parameter, $12 */

/* The whole hours between the last moment of an hour and now, at least 0. */
#define AGE "(CASE WHEN h.hour < $9 THEN $9 - h.hour - 1 ELSE 0 END)"
#define PENDING_OF_AGE(condition, name) \
	", coalesce(sum(h.pending) FILTER (WHERE " AGE condition "), 0) AS pending_" name
#define PENDING_AGES                                      \
	PENDING_OF_AGE(" < 1", "under_1h")                \
	PENDING_OF_AGE(" BETWEEN 1 AND 5", "under_6h")    \
	PENDING_OF_AGE(" BETWEEN 6 AND 23", "under_24h")  \
	PENDING_OF_AGE(" BETWEEN 24 AND 71", "under_72h") \
	PENDING_OF_AGE(" >= 72", "older")

/* clang-format off */
#define HOUR(age) "coalesce(sum(x.messages) FILTER (WHERE x.hour = $9 - " #age "), 0)"
#define AND(age) " || ' ' || " HOUR(age)
/* The messages of each of the last 24 hours, the current one last. */
#define LAST_24_HOURS \
	", (SELECT " HOUR(23) AND(22) AND(21) AND(20) AND(19) AND(18) AND(17) AND(16) AND(15) \
	AND(14) AND(13) AND(12) AND(11) AND(10) AND(9) AND(8) AND(7) AND(6) AND(5) AND(4) AND(3) \
	AND(2) AND(1) AND(0) \
	" FROM tagset w JOIN campaign_hour x ON x.tagset_id = w.id AND x.hour > $9 - 24" \
	" WHERE w.campaign_id = g.id AND ($2 IS NULL OR w.variant = $2)) AS last_24_hours"

/* Without a variant or a time, campaigns that have no fact any more are listed, too. */
#define COUNTED(condition) \
	"(SELECT c.id AS id, c.workspace AS workspace, c.name AS campaign," \
	" c.duplicates AS duplicates, c.first_us AS first, c.last_us AS last, " FIGURES \
	PENDING_AGES " FROM campaign c JOIN tagset t ON t.campaign_id = c.id" \
	" LEFT JOIN campaign_hour h ON h.tagset_id = t.id AND h.hour >= $3 AND h.hour < $4" \
	" WHERE ($1 IS NULL OR c.workspace = $1) AND ($8 IS NULL OR c.name = $8)" \
	" AND ($2 IS NULL OR t.variant = $2) AND ($11 IS NULL OR lower(c.name) LIKE '%' ||" \
	"  replace(replace(replace(lower($11), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'" \
	"  ESCAPE '\\')" condition " GROUP BY c.id" \
	" HAVING $2 IS NULL AND $3 = 0 AND $4 = 9223372036854775807 AND c.name <> ''" \
	" AND c.last_us > 0 OR " ANY_FIGURE " ORDER BY c.id DESC"

#define WITH_RATES \
	"SELECT g.*" RATES DELAYS("$3 = 0 AND $4 = 9223372036854775807 AND y.campaign_id = g.id" \
	" AND ($2 IS NULL OR y.variant = $2)") LAST_24_HOURS " FROM "

static const char campaigns_sql[] = WITH_RATES
    "(SELECT s.*, s.id AS place FROM " COUNTED(" AND c.id < $7") " LIMIT $6) s) g"
    " ORDER BY g.place DESC";

/* In an order that may change while the list is read, a place is the number of rows before it. */
static const char sorted_sql[] = WITH_RATES
    "(SELECT z.* FROM (SELECT s.*, row_number() OVER (ORDER BY"
    " CASE WHEN $12 = 'name' THEN s.campaign END,"
    " CASE WHEN $12 = 'delivery_rate' AND s.delivered + s.failed > 0"
    "  THEN CAST(s.delivered AS DOUBLE PRECISION) / (s.delivered + s.failed) ELSE 2 END,"
    " CASE $12 WHEN 'last' THEN s.last WHEN 'messages' THEN s.messages"
    "  WHEN 'failed' THEN s.failed END DESC, s.id DESC) AS place FROM " COUNTED("") ") s) z"
    " WHERE z.place > CASE WHEN $7 = 9223372036854775807 THEN 0 ELSE $7 END"
    " ORDER BY z.place LIMIT $6) g ORDER BY g.place";
/* clang-format on */

static enum result
ask_in_order(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct query sorted = *query;
	struct slice order = values->items[SORT].text;
	if (values->items[SORT].kind != STORE_NULL && !slice_equal_nocase(order, SLICE("newest")))
		sorted.sql = sorted_sql;
	return query_ask_sql(reader, &sorted, values, on_row, context);
}

const struct query query_campaigns = {.path = "/v1/campaigns",
    .command = "stats",
    .summary = "figures of all campaigns, or of one",
    .help = "Shows each campaign's figures, newest first; --json and --csv have more of them "
	    "than the table. It only reads, also while the daemon runs.",
    .operation = "listCampaigns",
    .title = "All campaigns.",
    .answer = "A page of campaigns, the newest first.",
    .list_schema = "Campaigns",
    .row_schema = "Campaign",
    .row_description =
	"A campaign's figures: of all messages, or of those that the question asks for.",
    .parameters = {WORKSPACE_OF("only this workspace"),
	VARIANT("count only messages of this variant"), FROM_HOUR, TO_HOUR, FORMAT,
	{"limit", QUERY_LIMIT, .http_only = true}, {"next", QUERY_BEFORE, .http_only = true},
	{"campaign", QUERY_TAG, .names = QUERY_NAMES_CAMPAIGN, .command_only = true, .value = "C",
	    .help = "only this campaign (\"\" for receipts without fitting tags)"},
	{"hour", QUERY_HOUR, .command_only = true}, TZ,
	{"search", QUERY_TEXT, .value = "TEXT", .help = "only campaigns with this in their name",
	    .description = "Only campaigns with this text in their name, whatever the case of "
			   "ASCII letters."},
	{"sort", QUERY_CHOICE, .words = "newest|last|messages|failed|delivery_rate|name",
	    .help = "newest (the default), last, messages, failed, delivery_rate or name: the last "
		    "receipt, most messages or failures, or the worst rate first",
	    .description =
		"The order: newest first, the last receipt first, the most messages or "
		"failures first, the worst delivery_rate first, or by name. If "
		"receipts arrive meanwhile, pages of an order but the first may repeat or "
		"miss campaigns."}},
    .sql = campaigns_sql,
    .source = ask_in_order,
    .page_by = "place",
    .report = {"campaigns",
	REPORT_COLUMNS({"workspace", CELL_TEXT, .shown = true},
	    {"campaign", CELL_TEXT, .shown = true, .if_empty = REPORT_UNTAGGED,
		.description = "Empty for receipts without fitting tags."},
	    COLUMN_MESSAGES(true), COLUMN_SENT(true), COLUMN_DELIVERED(true), COLUMN_FAILED(true),
	    COLUMN_READ(true), COLUMN_REPLIED(true), COLUMN_CLICKED(false), COLUMN_OPTED_OUT(true),
	    COLUMN_PENDING(true),
	    {"delivery_rate", CELL_REAL, .nullable = true, .shown = true, .percent = true,
		.part = "delivered", .rest = "failed",
		.description = "delivered / (delivered + failed); null when both are 0."},
	    {"first", CELL_TIME, .nullable = true,
		.description = "The earliest event that carried its tags."},
	    {"last", CELL_TIME, .nullable = true}, COLUMN_CANCELED(false), COLUMN_CONFLICTS(false),
	    {"duplicates", CELL_INT, .counts = true,
		.description = "Receipts that had arrived before, of any time and variant."},
	    COLUMN_CLICKED_MESSAGES(false),
	    {"click_rate", CELL_REAL, .nullable = true,
		.description = "clicked_messages / delivered; null when nothing was delivered."},
	    {"delivery_rate_low", CELL_REAL, .nullable = true,
		.description = "The rate if all that is pending failed."},
	    {"delivery_rate_high", CELL_REAL, .nullable = true,
		.description = "The rate if all that is pending were delivered."},
	    COLUMNS_OF_DELAYS(false),
	    {"last_24_hours", CELL_NUMBERS,
		.description = "The messages of each of the last 24 hours, the current one last."},
	    {"pending_under_1h", CELL_INT, .counts = true},
	    {"pending_under_6h", CELL_INT, .counts = true},
	    {"pending_under_24h", CELL_INT, .counts = true},
	    {"pending_under_72h", CELL_INT, .counts = true},
	    {"pending_older", CELL_INT, .counts = true}),
	.has_total = true, .group_prefix = "pending_", .group_key = "pending_ages",
	.group_description =
	    "How long pending messages have been so, by the hour in which they were sent; a "
	    "message may be up to an hour older than its band says."}};

/* Its one row is found by campaigns_find. */
const struct query query_campaign = {.path = "/v1/campaigns/{campaign}",
    .operation = "getCampaign",
    .title = "One campaign.",
    .answer = "A campaign's figures: of all messages, or of those that the question asks for.",
    .rows_of = &query_campaigns,
    .parameters = {
	CAMPAIGN_OF_PATH(NULL, true), WORKSPACE, VARIANT(NULL), FROM_HOUR, TO_HOUR, FORMAT, TZ}};

static bool
is_name(const char *parameter)
{
	return strcmp(parameter, "campaign") == 0 || strcmp(parameter, "workspace") == 0;
}

enum result
campaigns_find(struct store_reader *reader, const struct query *row,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct query_values asked = query_values(&query_campaigns);
	bool by_hours = query_has_kind(row, QUERY_FROM_HOUR);
	for (size_t i = 0; i < query_parameter_count(&query_campaigns); i++)
		for (size_t k = 0; k < query_parameter_count(row); k++) {
			const char *name = query_campaigns.parameters[i].name;
			if (strcmp(name, row->parameters[k].name) == 0 &&
			    (by_hours || is_name(name)))
				asked.items[i] = values->items[k];
		}
	return query_ask(reader, &query_campaigns, &asked, on_row, context);
}

/* --- variants --- */

static const char variants_sql[] = "SELECT g.*" RATES DELAYS(
    "$3 = 0 AND $4 = 9223372036854775807 AND y.variant = g.variant"
    " AND y.campaign_id IN (SELECT v.id FROM campaign v WHERE v.name = $1"
    "  AND ($2 IS NULL OR v.workspace = $2))") " FROM (SELECT t.variant AS variant, " FIGURES
					       "  FROM campaign c JOIN tagset t ON t.campaign_id = "
					       "c.id"
					       "  JOIN campaign_hour h ON h.tagset_id = t.id AND "
					       "h.hour >= $3 AND h.hour < $4"
					       "  WHERE c.name = $1 AND ($2 IS NULL OR c.workspace "
					       "= $2) GROUP BY t.variant"
					       "  HAVING " ANY_FIGURE ") g ORDER BY g.variant";

static const char campaign_name_sql[] =
    "SELECT min(c.name) AS campaign FROM campaign c WHERE c.name = $1";

const struct query query_variants = {.path = "/v1/campaigns/{campaign}/variants",
    .command = "variants",
    .summary = "a campaign's figures by variant",
    .help = "Shows the figures of each variant of a campaign. --json and --csv have more of them "
	    "than the table.",
    .operation = "getCampaignVariants",
    .title = "A campaign's figures by variant.",
    .answer = "The variants of a campaign that have any figure, in the order of their names.",
    .list_schema = "Variants",
    .row_schema = "Variant",
    .row_description = "The figures of one variant.",
    .parameters = {CAMPAIGN_OF_PATH("this campaign (\"\" for receipts without fitting tags)", true),
	WORKSPACE_OF("needed if several workspaces have a campaign of that name"), FROM_HOUR,
	TO_HOUR, FORMAT, TZ},
    .sql = variants_sql,
    .report = {"variants",
	REPORT_COLUMNS({"variant", CELL_TEXT, .shown = true, .if_empty = "(none)"},
	    COLUMN_MESSAGES(true), COLUMN_SENT(true), COLUMN_DELIVERED(true), COLUMN_FAILED(true),
	    COLUMN_READ(true), COLUMN_REPLIED(true), COLUMN_CLICKED(true), COLUMN_OPTED_OUT(true),
	    COLUMN_PENDING(true),
	    {"delivery_rate", CELL_REAL, .nullable = true, .shown = true, .percent = true,
		.part = "delivered", .rest = "failed",
		.description = "delivered / (delivered + failed); null when both are 0."},
	    COLUMNS_OF_DELAYS(true), COLUMN_CANCELED(false), COLUMN_CONFLICTS(false),
	    COLUMN_CLICKED_MESSAGES(false),
	    {"click_rate", CELL_REAL, .nullable = true,
		.description = "clicked_messages / delivered; null when nothing was delivered."}),
	.has_total = true},
    .members_sql = campaign_name_sql,
    .members = {NULL, REPORT_COLUMNS({"campaign", CELL_TEXT})}};

/* --- time series --- */

static const char series_sql[] =
    "SELECT h.hour AS hour, " FIGURES " FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
    " JOIN campaign_hour h ON h.tagset_id = t.id WHERE c.name = $1"
    " AND ($2 IS NULL OR c.workspace = $2) AND ($3 IS NULL OR t.variant = $3)"
    " AND h.hour >= $6 AND h.hour < $7 GROUP BY h.hour ORDER BY h.hour";

const struct query query_series = {.path = "/v1/campaigns/{campaign}/series",
    .command = "series",
    .summary = "a campaign's figures by hour or by day",
    .help = "Shows the figures of each hour or day, including empty ones. Figures "
	    "are stored by the hour of UTC: a day of a zone whose offset is not a whole "
	    "number of hours, like Asia/Kolkata, is the sum of the hours that begin in it "
	    "(\"exact\":false in JSON).",
    .operation = "getCampaignSeries",
    .title = "A campaign's figures by hour or by day.",
    .answer = "A campaign as a time series. Points without a fact are filled in, from `from` (or "
	      "the first fact) to `to` (or the last), if there are at most 10,000 points; in a "
	      "longer time only points with facts are listed.",
    .list_schema = "Series",
    .row_schema = "Point",
    .row_description = "The figures of one hour or day.",
    .parameters = {CAMPAIGN_OF_PATH("this campaign (\"\" for receipts without fitting tags)", true),
	WORKSPACE_OF("needed if several workspaces have a campaign of that name"),
	VARIANT("count only messages of this variant"),
	{"interval", QUERY_CHOICE, .words = "hour|day", .usual = "hour",
	    .help = "hour (the default) or day", .description = "One point for each."},
	{"tz", QUERY_ZONE, .usual = "UTC", .value = "ZONE",
	    .help = "the time zone of hours and days: UTC, +05:30, Europe/Berlin (default: the "
		    "machine's in a table, UTC in JSON and CSV)",
	    .description =
		"The time zone of the hours and days, of times, and of from and to: UTC, an offset "
		"like +05:30, or an IANA name. An hour of UTC belongs to the local hour or day in "
		"which it begins; exact is false if that makes a difference.",
	    .example = "Europe/Berlin"},
	OPEN_FROM, OPEN_TO, FORMAT},
    .sql = series_sql,
    .source = series_points,
    .report = {"points",
	REPORT_COLUMNS(
	    {"time", CELL_TIME, .shown = true,
		.description = "Its first moment: the beginning of the first hour of UTC that is "
			       "summed in it."},
	    COLUMN_MESSAGES(true), COLUMN_SENT(true), COLUMN_DELIVERED(true), COLUMN_FAILED(true),
	    COLUMN_READ(true), COLUMN_REPLIED(true), COLUMN_CLICKED(true), COLUMN_OPTED_OUT(true),
	    COLUMN_PENDING(true), COLUMN_CANCELED(false), COLUMN_CONFLICTS(false),
	    COLUMN_CLICKED_MESSAGES(false))},
    .members_source = series_members,
    .members = {NULL,
	REPORT_COLUMNS({"campaign", CELL_TEXT}, {"interval", CELL_TEXT, .words = "hour|day"},
	    {"time_zone", CELL_TEXT},
	    {"exact", CELL_BOOL,
		.description =
		    "Whether each point is its whole local hour or day and no more. false if the "
		    "zone's offset is not a whole number of hours (Asia/Kolkata): a point then "
		    "sums the hours of UTC that begin in it, and of the hour that a day's edge "
		    "falls in all counts for the day before."})}};
