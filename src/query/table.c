#include "dlrd/query/table.h"

#include "dlrd/twilio/address.h"

#include <string.h>

/* --- parameters that several questions have --- */

#define CAMPAIGN                                                                         \
	{                                                                                \
		"campaign", QUERY_TAG,                                                   \
		    .value = "C",                                                        \
		    .help = "only this campaign's (\"\" for those that belong to none)", \
		    .description = "Only this campaign."                                 \
	}
#define WORKSPACE                                                                      \
	{                                                                              \
		"workspace", QUERY_TAG, .value = "W", .help = "only this workspace's", \
					.description = "Only this workspace."          \
	}
#define FROM_HELP                                                                            \
	"Only what happened then or later; figures are kept by the hour, and the hour that " \
	"it falls in counts whole. A day means its first moment in UTC."
#define FROM(KIND)                                                            \
	{                                                                     \
		"from", KIND, .value = "T", .help = "only from this time on", \
			      .description = FROM_HELP                        \
	}
#define TO(KIND)                                                                      \
	{                                                                             \
		"to", KIND, .value = "T", .help = "only before this time",            \
			    .description = "Only what happened before; as with from." \
	}
#define FORMAT                                            \
	{                                                 \
		"format", QUERY_FORMAT, .http_only = true \
	}
#define LIMIT                                                                                 \
	{                                                                                     \
		"limit", QUERY_LIMIT, .value = "N", .help = "at most so many (default: all)", \
				      .description = "Rows of a page."                        \
	}
#define NEXT_HELP "The value of next in the previous page."
#define NEXT                                                                          \
	{                                                                             \
		"next", QUERY_AFTER,                                                  \
		    .option = "after", .value = "N",                                  \
		    .help = "only those after \"next\" of an earlier answer in JSON", \
		    .description = NEXT_HELP, .example = "1"                          \
	}

#define HTTP_NEXT                                      \
	{                                              \
		"next", QUERY_AFTER, .http_only = true \
	}

/* --- figures --- */

/* Sums over campaign_hour or provider_hour, which is h. */
#define FIGURES                                                      \
	"coalesce(sum(h.messages), 0) AS messages"                   \
	", coalesce(sum(h.sent), 0) AS sent"                         \
	", coalesce(sum(h.delivered), 0) AS delivered"               \
	", coalesce(sum(h.failed), 0) AS failed"                     \
	", coalesce(sum(h.canceled), 0) AS canceled"                 \
	", coalesce(sum(h.pending), 0) AS pending"                   \
	", coalesce(sum(h.read), 0) AS read"                         \
	", coalesce(sum(h.replied), 0) AS replied"                   \
	", coalesce(sum(h.clicked), 0) AS clicked"                   \
	", coalesce(sum(h.clicked_messages), 0) AS clicked_messages" \
	", coalesce(sum(h.opted_out), 0) AS opted_out"               \
	", coalesce(sum(h.conflicts), 0) AS conflicts"

#define ANY_FIGURE                                                                           \
	"sum(h.messages + h.sent + h.delivered + h.failed + h.canceled + h.pending + h.read" \
	" + h.replied + h.clicked + h.opted_out + h.conflicts) > 0"

/* Shares of FIGURES; null if there is nothing to divide by. */
#define RATIO(part, whole, name) \
	", CAST(" part " AS DOUBLE PRECISION) / nullif(" whole ", 0) AS " name
#define RATES                                                                              \
	RATIO("delivered", "delivered + failed", "delivery_rate")                          \
	RATIO("delivered", "delivered + failed + pending", "delivery_rate_low")            \
	RATIO("delivered + pending", "delivered + failed + pending", "delivery_rate_high") \
	RATIO("clicked_messages", "delivered", "click_rate")

/* --- campaigns --- */

/* The whole hours between the last moment of an hour and now, at least 0. */
#define AGE "CASE WHEN h.hour < $9 THEN $9 - h.hour - 1 ELSE 0 END"
#define PENDING_OF_AGE(condition, name) \
	", coalesce(sum(h.pending) FILTER (WHERE " condition "), 0) AS " name

/* Without a variant or a time, campaigns that have no fact any more are shown, too. */
static const char campaigns_sql[] =
    "SELECT g.*" RATES " FROM (SELECT c.id AS id, c.workspace AS workspace, c.name AS campaign,"
    "  c.duplicates AS duplicates, c.first_us AS first, c.last_us AS last, " FIGURES PENDING_OF_AGE(
	AGE " < 1", "pending_under_1h") PENDING_OF_AGE(AGE " >= 1 AND " AGE " < 6",
	"pending_under_6h") PENDING_OF_AGE(AGE " >= 6 AND " AGE " < 24",
	"pending_under_24h") PENDING_OF_AGE(AGE " >= 24 AND " AGE " < 72",
	"pending_under_72h") PENDING_OF_AGE(AGE " >= 72",
	"pending_older") "  FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
			 "  LEFT JOIN campaign_hour h ON h.tagset_id = t.id AND h.hour >= $3 AND "
			 "h.hour < $4"
			 "  WHERE ($1 IS NULL OR c.workspace = $1) AND ($8 IS NULL OR c.name = $8)"
			 "  AND ($2 IS NULL OR t.variant = $2) AND c.id < $7 GROUP BY c.id"
			 "  HAVING $2 IS NULL AND $3 = 0 AND $4 = 9223372036854775807 AND c.name "
			 "<> ''"
			 "  AND c.last_us > 0 OR " ANY_FIGURE
			 " ORDER BY c.id DESC LIMIT $6) g ORDER BY g.id DESC";

/* --- errors of campaigns --- */

/* The time that counts as recent: from..to if any of them is given, else the last 24 hours. */
#define RECENT                                                                                \
	"r AS (SELECT CASE WHEN $4 = 0 AND $5 = 9223372036854775807 THEN $7 - 24 ELSE $4 END" \
	" AS since, CASE WHEN $5 = 9223372036854775807 THEN $7 + 1 ELSE $5 END AS until)"

/* The campaigns, with all their failures. */
#define FAILURES                                                                          \
	"f AS (SELECT c.id, c.workspace, c.name, (SELECT coalesce(sum(h.failed), 0)"      \
	" FROM tagset t JOIN campaign_hour h ON h.tagset_id = t.id"                       \
	" WHERE t.campaign_id = c.id AND ($3 IS NULL OR t.variant = $3) AND h.hour >= $4" \
	" AND h.hour < $5) AS failed FROM campaign c WHERE ($1 IS NULL OR c.name = $1)"   \
	" AND ($2 IS NULL OR c.workspace = $2))"

/* The latest failed messages of a campaign f under a code x. */
#define SAMPLES                                                                             \
	"(SELECT max(CASE WHEN s.place = 1 THEN s.sid END)"                                 \
	" || coalesce(' ' || max(CASE WHEN s.place = 2 THEN s.sid END), '')"                \
	" || coalesce(' ' || max(CASE WHEN s.place = 3 THEN s.sid END), '')"                \
	" FROM (SELECT m.sid, row_number() OVER (ORDER BY m.failed_us DESC) AS place"       \
	"  FROM tagset t JOIN message m ON m.id IN"                                         \
	"   (SELECT l.id FROM message l WHERE l.tagset_id = t.id AND l.error_code = x.code" \
	"    AND l.outcome = 2 ORDER BY l.failed_us DESC LIMIT 3)"                          \
	"  WHERE t.campaign_id = f.id AND ($3 IS NULL OR t.variant = $3)) s)"

#define FAILED_OF_HOURS(from, to) \
	"sum(CASE WHEN e.hour >= " from " AND e.hour < " to " THEN e.failed ELSE 0 END)"
#define TIME_OF_FAILURE(which)                                 \
	"(SELECT " which "(m.failed_us) FROM message m"        \
	" WHERE m.tagset_id = t.id AND m.error_code = e.code " \
	"AND m.outcome = 2)"

/* The times and the samples come from the ends of an index, one look-up each, not from all failed
 * messages. */
static const char errors_sql[] =
    "WITH " RECENT ", " FAILURES " SELECT f.workspace AS workspace, f.name AS campaign,"
    " CASE WHEN x.code >= 0 THEN x.code END AS code, k.name AS name, k.kind AS kind,"
    " k.permanence AS permanence, k.action AS action, x.count AS count" RATIO("x.count", "f.failed",
	"share") ", x.first AS first, x.last AS last, x.recent AS recent, x.previous AS "
		 "previous" RATIO("(x.recent - x.previous)", "x.previous",
		     "trend") ", " SAMPLES " AS samples FROM f JOIN (SELECT y.campaign_id, y.code, "
					   "sum(y.n) AS count,"
			      "  min(y.first) AS first, max(y.last) AS last, sum(y.recent) AS "
			      "recent,"
			      "  sum(y.previous) AS previous FROM (SELECT t.campaign_id, e.code AS "
			      "code,"
			      "  " FAILED_OF_HOURS("$4",
				  "$5") " AS n,"
					"  " FAILED_OF_HOURS("r.since",
					    "r.until") " AS recent,"
						       "  " FAILED_OF_HOURS("2 * r.since - r.until",
							   "r.since") " AS previous,"
								      "  " TIME_OF_FAILURE("min") " AS first, " TIME_OF_FAILURE(
									  "max") " AS last"
										 "  FROM f JOIN "
										 "tagset t ON "
										 "t.campaign_id = "
										 "f.id"
										 "  JOIN "
										 "campaign_error e "
										 "ON e.tagset_id = "
										 "t.id CROSS JOIN r"
										 "  WHERE ($3 IS "
										 "NULL OR "
										 "t.variant = $3)"
										 "  GROUP BY "
										 "t.campaign_id, "
										 "t.id, e.code, "
										 "r.since, "
										 "r.until) y WHERE "
										 "y.n > 0"
										 "  GROUP BY "
										 "y.campaign_id, "
										 "y.code) x ON "
										 "x.campaign_id = "
										 "f.id"
										 " LEFT JOIN "
										 "error_catalogue "
										 "k ON k.code = "
										 "x.code"
										 " ORDER BY f.id "
										 "DESC, x.count "
										 "DESC, x.code";

static const char errors_beside_sql[] =
    "WITH " FAILURES " SELECT min(name) AS campaign, sum(failed) AS failed FROM f";

#define ERROR_COLUMNS                                                                          \
	{"code", CELL_INT, .nullable = true, .shown = true,                                    \
	    .description = "null: failures without a code."},                                  \
	    {"name", CELL_TEXT, .nullable = true, .shown = true,                               \
		.description =                                                                 \
		    "null, as are the next three, for a code that is not in the catalogue."},  \
	    {"kind", CELL_TEXT, .nullable = true, .shown = true},                              \
	    {"permanence", CELL_TEXT, .nullable = true, .shown = true},                        \
	    {"action", CELL_TEXT, .nullable = true, .shown = true},                            \
	    {"count", CELL_INT, .counts = true, .shown = true},                                \
	    {"share", CELL_REAL, .nullable = true, .shown = true,                              \
		.description = "Of all that failed."},                                         \
	    {"first", CELL_TIME, .nullable = true}, {"last", CELL_TIME, .nullable = true},     \
	    {"recent", CELL_INT, .counts = true, .shown = true,                                \
		.description = "Failures in from..to; without either, in the last 24 hours."}, \
	    {"previous", CELL_INT, .counts = true,                                             \
		.description = "Failures in as long a time before."},                          \
	    {"trend", CELL_REAL, .nullable = true,                                             \
		.description = "(recent - previous) / previous; null when previous is 0."},    \
	{                                                                                      \
		"samples", CELL_LIST, .description = "SIDs of the latest, at most 3."          \
	}

/* --- replies --- */

/* From the replies to their events: there are few of them among all events. SQLite keeps the order
 * of a CROSS JOIN; left to itself it would go through all events first, and sort. The campaign is
 * the one that the reply counts in. */
static const char replies_sql[] =
    "SELECT e.seq AS seq, e.time_us AS time, c.workspace AS workspace, c.name AS campaign,"
    " t.variant AS variant, nullif(p.account, '') AS account, coalesce(m.sid, e.sid) AS message,"
    " e.peer AS \"from\", nullif(p.sender, '') AS \"to\", nullif(p.service, '') AS service,"
    " e.body AS body, e.keyword AS keyword, r.rule AS rule, r.candidates AS candidates,"
    " a.sid AS answers, r.message_id AS place"
    " FROM reply r CROSS JOIN event e"
    " JOIN message m ON m.id = r.message_id JOIN tagset t ON t.id = m.tagset_id"
    " JOIN campaign c ON c.id = t.campaign_id JOIN provider p ON p.id = e.provider_id"
    " LEFT JOIN message a ON a.id = r.answers"
    " WHERE e.message_id = r.message_id AND e.type = 'Replied' AND r.message_id > $10"
    " AND ($1 IS NULL OR c.name = $1) AND ($2 IS NULL OR c.workspace = $2)"
    " AND ($3 IS NULL OR t.variant = $3) AND ($4 IS NULL OR e.keyword = $4)"
    " AND ($5 IS NULL OR r.rule = $5) AND e.time_us >= $6 AND e.time_us < $7"
    " ORDER BY r.message_id LIMIT $9";

/* Replies of a campaign belong to it: how many belong to none is asked of all only. */
static const char unattributed_sql[] =
    "SELECT CASE WHEN $1 IS NULL AND $2 IS NULL AND $3 IS NULL THEN"
    " (SELECT count(*) FROM reply WHERE rule = 'none' AND time_us >= $6 AND time_us < $7) END"
    " AS unattributed";

#define REPLIES                                                                                  \
	.path = "/v1/replies", .command = "replies",                                             \
	.summary = "who answered, what, and which campaign they are taken to answer",            \
	.help = "Shows replies in the order they arrived.", .operation = "listReplies",          \
	.title = "Replies of people, and the campaigns they answer.",                            \
	.answer = "A page of replies, in the order of their arrival.", .list_schema = "Replies", \
	.row_schema = "Reply",                                                                   \
	.row_description = "An inbound message, with the campaign that it is taken to answer."

/* --- near misses --- */

/* Filtered by the campaign that the reply counts in, too. */
static const char near_misses_sql[] =
    "SELECT e.seq AS seq, e.time_us AS time,"
    " CASE e.type WHEN 'Replied' THEN e.peer ELSE nullif(p.sender, '') END AS number,"
    " CASE e.type WHEN 'Replied' THEN nullif(p.sender, '') ELSE e.peer END AS \"to\","
    " nullif(p.service, '') AS service, coalesce(m.sid, e.sid) AS message, e.body AS body,"
    " e.near_miss AS near_miss, (SELECT max(o.state) FROM optout o"
    "  WHERE o.number = coalesce(nullif(m.peer, ''), e.peer) AND o.scope IN (p.account,"
    "  CASE p.service WHEN '' THEN p.sender ELSE p.service END)) AS state FROM event e"
    " JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id"
    " JOIN tagset t ON t.id = coalesce(m.tagset_id, e.tagset_id)"
    " JOIN campaign c ON c.id = t.campaign_id"
    " WHERE e.near_miss IS NOT NULL AND e.seq > $7 AND ($1 IS NULL OR c.name = $1)"
    " AND ($2 IS NULL OR c.workspace = $2) AND e.time_us >= $3 AND e.time_us < $4"
    " ORDER BY e.seq LIMIT $6";

/* --- the opt-out ledger --- */

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

/* In the order of the ledger, so that a page costs what it shows: the changes that have no later
 * one before that time. */
static const char past_optouts_sql[] = EVIDENCE
    " FROM consent l" EVIDENCE_JOINS
    " WHERE l.changed = 1 AND l.seq > $8 AND l.time_us <= $3" OPTOUT_FILTERS(
	"l") " AND NOT EXISTS (SELECT 1 FROM consent n WHERE n.number = l.number AND n.scope = "
	     "l.scope"
	     "  AND n.seq > l.seq AND n.changed = 1 AND n.time_us <= $3) ORDER BY l.seq LIMIT $7";

/* --- providers --- */

/* Each provider's name is looked up once, and then its hours. */
static const char providers_sql[] =
    "WITH x AS MATERIALIZED (SELECT p.id, p.account, p.service, p.sender,"
    "  (SELECT n.name FROM provider_name n WHERE n.kind = 'sender' AND n.value = p.sender"
    "  OR n.kind = 'service' AND n.value = p.service"
    "  OR n.kind = 'account' AND n.value = p.account OR n.kind = 'default'"
    "  ORDER BY n.kind = 'default', n.kind = 'account', n.kind = 'service' LIMIT 1) AS name"
    "  FROM provider p)"
    " SELECT g.name AS provider, nullif(g.by_account, '') AS account,"
    " nullif(g.by_service, '') AS service, nullif(g.by_sender, '') AS sender, g.*" RATES
    " FROM (SELECT x.name, CASE WHEN $1 <> 'provider' THEN x.account END AS by_account,"
    "  CASE WHEN $1 IN ('service', 'sender') THEN x.service END AS by_service,"
    "  CASE WHEN $1 = 'sender' THEN x.sender END AS by_sender, " FIGURES
    "  FROM x CROSS JOIN provider_hour h WHERE h.provider_id = x.id"
    "  AND h.hour >= $6 AND h.hour < $7 AND ($2 IS NULL OR x.name = $2)"
    "  AND ($3 IS NULL OR x.account = $3) AND ($4 IS NULL OR x.service = $4)"
    "  AND ($5 IS NULL OR x.sender = $5) GROUP BY 1, 2, 3, 4 HAVING " ANY_FIGURE ") g"
    " ORDER BY g.name NULLS FIRST, g.by_account NULLS FIRST, g.by_service NULLS FIRST,"
    " g.by_sender NULLS FIRST LIMIT $9 OFFSET $10";

static void
name_kind(const struct query *query, struct report_row *row)
{
	struct slice sender = report_cell(&query->report, row, "sender")->text;
	struct slice service = report_cell(&query->report, row, "service")->text;
	enum address_kind kind = address_kind_of_sender(sender, service);
	if (kind != ADDRESS_NONE)
		*report_cell(&query->report, row, "kind") =
		    (struct cell){.kind = CELL_TEXT, .text = address_kind_name(kind)};
}

/* --- alerts and the error catalogue --- */

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

static const char catalogue_sql[] =
    "SELECT code, name, kind, permanence, action FROM error_catalogue"
    " WHERE code > $3 ORDER BY code LIMIT $2";

/* --- the table --- */

static const struct query queries[] = {
    {.path = "/v1/campaigns",
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
	.parameters = {{"workspace", QUERY_TAG, .value = "W", .help = "only this workspace",
			   .description = "Only this workspace."},
	    {"variant", QUERY_TAG, .value = "V", .help = "count only messages of this variant",
		.description = "Only this variant; empty is one, too."},
	    FROM(QUERY_FROM_HOUR), TO(QUERY_TO_HOUR), FORMAT,
	    {"limit", QUERY_LIMIT, .http_only = true}, {"next", QUERY_BEFORE, .http_only = true},
	    {"campaign", QUERY_TAG, .command_only = true, .value = "C",
		.help = "only this campaign (\"\" for what had no fitting tags)"},
	    {"hour", QUERY_HOUR, .command_only = true}},
	.sql = campaigns_sql,
	.page_by = "id",
	.report = {"campaigns", 26,
	    {{"workspace", CELL_TEXT, .shown = true},
		{"campaign", CELL_TEXT, .shown = true,
		    .description = "Empty for what had no fitting tags."},
		{"messages", CELL_INT, .counts = true, .shown = true,
		    .description = "Different messages."},
		{"sent", CELL_INT, .counts = true, .shown = true,
		    .description = "Messages known to have left."},
		{"delivered", CELL_INT, .counts = true, .shown = true},
		{"failed", CELL_INT, .counts = true, .shown = true,
		    .description = "Failed or undelivered, by status alone."},
		{"read", CELL_INT, .counts = true, .shown = true},
		{"replied", CELL_INT, .counts = true, .shown = true, .description = "Replies."},
		{"clicked", CELL_INT, .counts = true,
		    .description =
			"Different links of each message that were clicked; previews not at all."},
		{"opted_out", CELL_INT, .counts = true, .shown = true,
		    .description = "Replies that say STOP."},
		{"pending", CELL_INT, .counts = true, .shown = true,
		    .description = "Sent, without a final word."},
		{"delivery_rate", CELL_REAL, .nullable = true, .shown = true,
		    .description = "delivered / (delivered + failed); null when both are 0."},
		{"first", CELL_TIME, .nullable = true,
		    .description = "The earliest event that carried its tags."},
		{"last", CELL_TIME, .nullable = true}, {"canceled", CELL_INT, .counts = true},
		{"conflicts", CELL_INT, .counts = true,
		    .description = "Messages with two different final statuses."},
		{"duplicates", CELL_INT, .counts = true,
		    .description = "Receipts that had arrived before, of any time and variant."},
		{"clicked_messages", CELL_INT, .counts = true,
		    .description = "Messages of which any link was clicked."},
		{"click_rate", CELL_REAL, .nullable = true,
		    .description =
			"clicked_messages / delivered; null when nothing was delivered."},
		{"delivery_rate_low", CELL_REAL, .nullable = true,
		    .description = "The rate if all that is pending failed."},
		{"delivery_rate_high", CELL_REAL, .nullable = true,
		    .description = "The rate if all that is pending were delivered."},
		{"pending_under_1h", CELL_INT, .counts = true},
		{"pending_under_6h", CELL_INT, .counts = true},
		{"pending_under_24h", CELL_INT, .counts = true},
		{"pending_under_72h", CELL_INT, .counts = true},
		{"pending_older", CELL_INT, .counts = true}},
	    .group_prefix = "pending_", .group_key = "pending_ages",
	    .group_description =
		"How long pending messages have been so, by the hour in which they were sent; a "
		"message may be up to an hour older than its band says."}},
    {.path = "/v1/campaigns/{campaign}/errors",
	.command = "errors",
	.summary = "why messages failed, by campaign",
	.help = "Shows the error codes of a campaign's failed messages, the most frequent first, "
		"with their kind, whether a later try could succeed, what to do, and how many of "
		"them are recent: of the last 24 hours, or from T to T. --json and --csv add how "
		"many there were in the same time before, the trend, and the latest messages. "
		"Without --campaign, of all campaigns with failures, in one list.",
	.operation = "getCampaignErrors",
	.title = "Why messages of a campaign failed.",
	.answer = "Why messages of a campaign failed, the most frequent code first.",
	.list_schema = "CampaignErrors",
	.row_schema = "CampaignError",
	.row_description = "Failures under one code.",
	.parameters = {{"campaign", QUERY_CAMPAIGN, .value = "C", .help = "only this campaign",
			   .description = "The campaign's name, escaped as a segment of a path."},
	    {"workspace", QUERY_TAG, .value = "W", .help = "only this workspace",
		.description = "Only this workspace."},
	    {"variant", QUERY_TAG, .value = "V", .help = "only messages of this variant",
		.description = "Only this variant; empty is one, too."},
	    FROM(QUERY_FROM_HOUR), TO(QUERY_TO_HOUR), FORMAT,
	    {"hour", QUERY_HOUR, .command_only = true}},
	.sql = errors_sql,
	.report = {"errors", 15,
	    {{"workspace", CELL_TEXT}, {"campaign", CELL_TEXT}, ERROR_COLUMNS}},
	.one = {"errors", 13, {ERROR_COLUMNS}},
	.beside_sql = errors_beside_sql,
	.beside = {NULL, 2, {{"campaign", CELL_TEXT}, {"failed", CELL_INT, .counts = true}}}},
    {REPLIES,
	.parameters = {CAMPAIGN, WORKSPACE,
	    {"variant", QUERY_TAG, .value = "V", .help = "only answers to this variant",
		.description = "Only this variant; empty is one, too."},
	    {"keyword", QUERY_TEXT, .value = "K",
		.help = "only stop, start, help, or a keyword of the configuration",
		.description = "Only replies with this keyword (stop, start, help)."},
	    {"rule", QUERY_CHOICE, .words = "none|original|tags|latest|late", .value = "R",
		.help = "only those that were attributed so: original (Twilio says which message "
			"is answered), tags (the URL does), latest (the last message before), late "
			"(the first one after), none",
		.description = "Only replies attributed by this rule."},
	    FROM(QUERY_FROM), TO(QUERY_TO), FORMAT, LIMIT, NEXT},
	.sql = replies_sql, .page_by = "place",
	.report = {"replies", 15,
	    {{"seq", CELL_INT, .description = "Counts up; no event ever gets a smaller one."},
		{"time", CELL_TIME, .shown = true, .description = "When its request arrived."},
		{"workspace", CELL_TEXT}, {"campaign", CELL_TEXT, .shown = true},
		{"variant", CELL_TEXT}, {"account", CELL_TEXT, .nullable = true},
		{"message", CELL_TEXT, .nullable = true, .description = "The MessageSid."},
		{"from", CELL_TEXT, .nullable = true, .shown = true},
		{"to", CELL_TEXT, .nullable = true}, {"service", CELL_TEXT, .nullable = true},
		{"body", CELL_TEXT, .nullable = true, .shown = true,
		    .description = "The text of a reply."},
		{"keyword", CELL_TEXT, .nullable = true, .shown = true,
		    .description = "\"stop\", \"start\", \"help\"."},
		{"rule", CELL_TEXT, .shown = true, .words = "none|original|tags|latest|late"},
		{"candidates", CELL_INT, .counts = true, .shown = true},
		{"answers", CELL_TEXT, .nullable = true,
		    .description = "The SID of the message that it answers."}}},
	.beside_sql = unattributed_sql,
	.beside = {NULL, 1,
	    {{"unattributed", CELL_INT, .nullable = true, .counts = true,
		.description = "Replies of from..to that belong to no campaign, with any keyword "
			       "and rule; null with the parameter workspace, campaign or "
			       "variant, since these replies have none."}}}},
    {.path = "/v1/near-misses",
	.operation = "listNearMisses",
	.title = "Replies that sound like an opt-out and are not one.",
	.answer = "A page of near misses, in the order of their arrival.",
	.list_schema = "NearMisses",
	.row_schema = "NearMiss",
	.row_description = "A reply that sounds like an opt-out and is not one.",
	.parameters = {CAMPAIGN, WORKSPACE, FROM(QUERY_FROM), TO(QUERY_TO), FORMAT, LIMIT, NEXT},
	.sql = near_misses_sql,
	.page_by = "seq",
	.report = {"near_misses", 9,
	    {{"seq", CELL_INT, .shown = true}, {"time", CELL_TIME, .shown = true},
		{"number", CELL_TEXT, .nullable = true, .shown = true},
		{"to", CELL_TEXT, .nullable = true}, {"service", CELL_TEXT, .nullable = true},
		{"message", CELL_TEXT, .nullable = true},
		{"body", CELL_TEXT, .nullable = true, .shown = true},
		{"near_miss", CELL_TEXT, .shown = true, .description = "The words."},
		{"state", CELL_TEXT, .nullable = true, .shown = true, .words = "out|in",
		    .description = "The state of number and scope in the ledger now; null if it "
				   "has no entry."}}}},
    {.path = "/v1/optouts",
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
		.description =
		    "Only states since then or later. A day means its first moment in UTC."},
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
		{"workspace", CELL_TEXT, .shown = true}, {"campaign", CELL_TEXT, .shown = true}}}},
    {.path = "/v1/optouts/changes",
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
		{"workspace", CELL_TEXT}, {"campaign", CELL_TEXT, .shown = true}}}},
    {.path = "/v1/providers",
	.command = "providers",
	.summary = "figures by sender, messaging service, account or nickname",
	.help = "Shows what became of the messages that each of our senders sent; --json and --csv "
		"have more figures than the table. The nickname is that of the sender, else of the "
		"messaging service, else of the account, else the default one.",
	.operation = "listProviders",
	.title = "Figures by who sent.",
	.answer = "A page of providers.",
	.note = "They are kept by sender and hour, not by campaign: there is no filter workspace "
		"or campaign.",
	.list_schema = "Providers",
	.row_schema = "Provider",
	.row_description =
	    "Figures by sender. Columns that the grouping does not distinguish are null.",
	.parameters = {{"by", QUERY_CHOICE, .words = "sender|service|account|provider",
			   .usual = "sender", .value = "GROUPING",
			   .help = "sender (the default), service, account, or provider: the "
				   "nicknames of the configuration's [provider ...] sections",
			   .description = "What makes a row."},
	    {"provider", QUERY_TEXT, .value = "N", .help = "only what has this nickname",
		.description = "Only this nickname."},
	    {"account", QUERY_TEXT, .http_only = true, .description = "Only this account."},
	    {"service", QUERY_TEXT, .http_only = true,
		.description = "Only this messaging service."},
	    {"sender", QUERY_TEXT, .http_only = true, .description = "Only this sender."},
	    FROM(QUERY_FROM_HOUR), TO(QUERY_TO_HOUR), FORMAT,
	    {"limit", QUERY_LIMIT, .http_only = true}, {"next", QUERY_SKIP, .http_only = true}},
	.sql = providers_sql,
	.derive = name_kind,
	.report = {"providers", 21,
	    {{"provider", CELL_TEXT, .nullable = true, .shown = true,
		 .description = "The nickname: the sender's, else the messaging service's, else "
				"the account's, else the default; null if there is no nickname."},
		{"kind", CELL_TEXT, .derived = true, .nullable = true, .shown = true,
		    .shown_if = "sender",
		    .words = "long_code|short_code|toll_free|alphanumeric|whatsapp|rcs|messaging_"
			     "service|other"},
		{"account", CELL_TEXT, .nullable = true, .shown = true,
		    .shown_if = "sender|service|account"},
		{"service", CELL_TEXT, .nullable = true, .shown = true,
		    .shown_if = "sender|service"},
		{"sender", CELL_TEXT, .nullable = true, .shown = true, .shown_if = "sender"},
		{"messages", CELL_INT, .counts = true, .description = "Different messages."},
		{"sent", CELL_INT, .counts = true, .shown = true,
		    .description = "Messages known to have left."},
		{"delivered", CELL_INT, .counts = true, .shown = true},
		{"failed", CELL_INT, .counts = true, .shown = true,
		    .description = "Failed or undelivered, by status alone."},
		{"read", CELL_INT, .counts = true},
		{"replied", CELL_INT, .counts = true, .shown = true, .shown_if = "provider",
		    .description = "Replies."},
		{"clicked", CELL_INT, .counts = true,
		    .description =
			"Different links of each message that were clicked; previews not at all."},
		{"opted_out", CELL_INT, .counts = true, .description = "Replies that say STOP."},
		{"pending", CELL_INT, .counts = true, .shown = true,
		    .description = "Sent, without a final word."},
		{"delivery_rate", CELL_REAL, .nullable = true, .shown = true,
		    .description = "delivered / (delivered + failed); null when both are 0."},
		{"delivery_rate_low", CELL_REAL, .nullable = true,
		    .description = "The rate if all that is pending failed."},
		{"delivery_rate_high", CELL_REAL, .nullable = true,
		    .description = "The rate if all that is pending were delivered."},
		{"canceled", CELL_INT, .counts = true},
		{"conflicts", CELL_INT, .counts = true,
		    .description = "Messages with two different final statuses."},
		{"clicked_messages", CELL_INT, .counts = true,
		    .description = "Messages of which any link was clicked."},
		{"click_rate", CELL_REAL, .nullable = true,
		    .description =
			"clicked_messages / delivered; null when nothing was delivered."}}}},
    {.path = "/v1/alerts",
	.command = "alerts",
	.summary = "what Twilio's debugger complains about",
	.help = "Shows the errors and warnings that Twilio's debugger reported to a route of the "
		"kind debugger, newest first.",
	.operation = "listAlerts",
	.title = "Errors and warnings of Twilio's debugger.",
	.answer = "A page of alerts, the newest first.",
	.list_schema = "Alerts",
	.row_schema = "Alert",
	.row_description = "Errors and warnings of Twilio's debugger.",
	.parameters =
	    {{"ours", QUERY_FLAG, .help = "only those about requests to this daemon's own routes",
		 .description = "Only alerts about requests to dlrd."},
		FROM(QUERY_FROM), TO(QUERY_TO), FORMAT,
		{"limit", QUERY_LIMIT, .value = "N", .option_limit = 100,
		    .help = "at most so many (default 100; 0 for all)"},
		{"next", QUERY_BEFORE, .option = "before", .value = "SEQ",
		    .help = "only those before this one"}},
	.sql = alerts_sql,
	.page_by = "seq",
	.report = {"alerts", 15,
	    {{"seq", CELL_INT, .shown = true, .description = "The event's."},
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
		{"text", CELL_TEXT, .nullable = true}, {"occurred", CELL_TEXT, .nullable = true}}}},
    {.path = "/v1/errors",
	.command = "catalogue",
	.summary = "the error codes that are known, and what to do about each",
	.help = "Shows Twilio's error codes, as the daemon was started with them: the table that "
		"is built in, or error_codes of the configuration, with error_codes_site over it.",
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
	.report = {"errors", 5,
	    {{"code", CELL_INT, .shown = true}, {"name", CELL_TEXT, .shown = true},
		{"kind", CELL_TEXT, .shown = true}, {"permanence", CELL_TEXT, .shown = true},
		{"action", CELL_TEXT, .shown = true}}}},
};

#define QUERY_COUNT (sizeof queries / sizeof queries[0])

static const struct query *added;

void
query_add(const struct query *query)
{
	added = query;
}

const struct query *
query_at(size_t index)
{
	if (index < QUERY_COUNT)
		return &queries[index];
	return index == QUERY_COUNT ? added : NULL;
}

const struct query *
query_find(const char *path)
{
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++)
		if (strcmp(query->path, path) == 0)
			return query;
	return NULL;
}

size_t
query_parameter_count(const struct query *query)
{
	size_t count = 0;
	while (count < QUERY_PARAMETERS_MAX && query->parameters[count].kind != 0)
		count++;
	return count;
}

size_t
query_find_kind(const struct query *query, enum query_kind kind)
{
	size_t i = 0, count = query_parameter_count(query);
	while (i < count && query->parameters[i].kind != kind)
		i++;
	return i;
}

bool
query_has_kind(const struct query *query, enum query_kind kind)
{
	return query_find_kind(query, kind) < query_parameter_count(query);
}

const struct report *
query_http_report(const struct query *query)
{
	return query->one.count > 0 ? &query->one : &query->report;
}

bool
query_is_place(const struct query_parameter *parameter)
{
	return parameter->kind == QUERY_AFTER || parameter->kind == QUERY_BEFORE ||
	       parameter->kind == QUERY_SKIP;
}

bool
query_follows(const struct query *query)
{
	size_t place = query_find_kind(query, QUERY_AFTER);
	return place < query_parameter_count(query) &&
	       slice_equal(slice_of(query->parameters[place].name), SLICE("after"));
}
