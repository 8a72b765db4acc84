#include "people.h"

#include "dlrd/model/attribution.h"
#include "inbound.h"
#include "parameters.h"

struct slice
people_number(struct slice typed, struct people_spelling *spelling)
{
	struct address_spellings *spellings = &spelling->spellings;
	address_spell(typed, 0, spellings);
	return address_of_person(spellings->items[spellings->count > 1 ? 1 : 0], spelling->made);
}

/* --- replies --- */

/* From the replies to their events: there are few of them among all events. SQLite keeps the order
 * of a CROSS JOIN; left to itself it would go through all events first, and sort. The campaign is
 * the one that the reply counts in. */
/* clang-format off */
static const char replies_sql[] =
    "SELECT e.seq AS seq, e.time_us AS time, c.workspace AS workspace, c.name AS campaign,"
    " t.variant AS variant, nullif(p.account, '') AS account, coalesce(m.sid, e.sid) AS message,"
    " e.peer AS \"from\", nullif(p.sender, '') AS \"to\", nullif(p.service, '') AS service,"
    " e.body AS body, e.keyword AS keyword, " INBOUND_SQL ", r.rule AS rule,"
    " r.candidates AS candidates, a.sid AS answers, r.message_id AS place"
    " FROM reply r CROSS JOIN event e"
    " JOIN message m ON m.id = r.message_id JOIN tagset t ON t.id = m.tagset_id"
    " JOIN campaign c ON c.id = t.campaign_id JOIN provider p ON p.id = e.provider_id"
    " LEFT JOIN message a ON a.id = r.answers LEFT JOIN inbound i ON i.event_seq = e.seq"
    " WHERE e.message_id = r.message_id AND e.type = 'Replied' AND r.message_id > $10"
    " AND ($1 IS NULL OR c.name = $1) AND ($2 IS NULL OR c.workspace = $2)"
    " AND ($3 IS NULL OR t.variant = $3) AND ($4 IS NULL OR lower(e.keyword) = lower($4))"
    " AND ($5 IS NULL OR r.rule = $5) AND e.time_us >= $6 AND e.time_us < $7"
    " ORDER BY r.message_id LIMIT $9";
/* clang-format on */

/* Replies of a campaign belong to it: how many belong to none is asked of all only. */
static const char unattributed_sql[] =
    "SELECT CASE WHEN $1 IS NULL AND $2 IS NULL AND $3 IS NULL THEN"
    " (SELECT count(*) FROM reply WHERE rule = 'none' AND time_us >= $6 AND time_us < $7) END"
    " AS unattributed";

const struct query query_replies = {.path = "/v1/replies",
    .command = "replies",
    .summary = "who answered, what, and which campaign they are taken to answer",
    .help = "Shows replies in the order they arrived.",
    .operation = "listReplies",
    .title = "Replies of people, and the campaigns they answer.",
    .answer = "A page of replies, in the order of their arrival.",
    .list_schema = "Replies",
    .row_schema = "Reply",
    .row_description = "An inbound message, with the campaign that it is taken to answer.",
    .parameters = {CAMPAIGN, WORKSPACE, VARIANT("only answers to this variant"),
	{"keyword", QUERY_TEXT, .value = "K",
	    .help = "only stop, start, help, or a keyword of the configuration",
	    .description = "Only replies with this keyword (stop, start, help)."},
	{"rule", QUERY_CHOICE, .words = ATTRIBUTION_RULES, .value = "R",
	    .help = "only those that were attributed so: original (Twilio says which message "
		    "is answered), tags (the URL does), latest (the last message before), late "
		    "(the first one after), none",
	    .description = "Only replies attributed by this rule."},
	FROM_TIME, TO_TIME, FORMAT, LIMIT, NEXT, TZ},
    .sql = replies_sql,
    .page_by = "place",
    .report = {"replies",
	REPORT_COLUMNS(
	    {"seq", CELL_INT, .description = "Counts up; no event ever gets a smaller one."},
	    {"time", CELL_TIME, .shown = true, .description = "When its request arrived."},
	    {"workspace", CELL_TEXT},
	    {"campaign", CELL_TEXT, .shown = true, .if_empty = REPORT_UNTAGGED},
	    {"variant", CELL_TEXT}, {"account", CELL_TEXT, .nullable = true},
	    {"message", CELL_TEXT, .nullable = true, .description = "The MessageSid."},
	    {"from", CELL_TEXT, .nullable = true, .shown = true},
	    {"to", CELL_TEXT, .nullable = true}, {"service", CELL_TEXT, .nullable = true},
	    {"body", CELL_TEXT, .nullable = true, .shown = true, .wraps = true,
		.description = "The text of a reply."},
	    {"keyword", CELL_TEXT, .nullable = true, .shown = true,
		.description = "\"stop\", \"start\", \"help\"."},
	    INBOUND_COLUMNS(true),
	    {"rule", CELL_TEXT, .shown = true, .dispensable = 2, .words = ATTRIBUTION_RULES},
	    {"candidates", CELL_INT, .counts = true, .shown = true, .dispensable = 3},
	    {"answers", CELL_TEXT, .nullable = true,
		.description = "The SID of the message that it answers."})},
    .members_sql = unattributed_sql,
    .members = {
	NULL, REPORT_COLUMNS({"unattributed", CELL_INT, .nullable = true, .counts = true,
		  .description = "Replies of from..to that belong to no campaign, with any keyword "
				 "and rule; null with the parameter workspace, campaign or "
				 "variant, since these replies have none."})}};

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

const struct query query_near_misses = {.path = "/v1/near-misses",
    .operation = "listNearMisses",
    .title = "Replies that sound like an opt-out and are not one.",
    .answer = "A page of near misses, in the order of their arrival.",
    .list_schema = "NearMisses",
    .row_schema = "NearMiss",
    .row_description = "A reply that sounds like an opt-out and is not one.",
    .parameters = {CAMPAIGN, WORKSPACE, FROM_TIME, TO_TIME, FORMAT, LIMIT, NEXT, TZ},
    .sql = near_misses_sql,
    .page_by = "seq",
    .report = {"near_misses",
	REPORT_COLUMNS({"seq", CELL_INT, .shown = true}, {"time", CELL_TIME, .shown = true},
	    {"number", CELL_TEXT, .nullable = true, .shown = true},
	    {"to", CELL_TEXT, .nullable = true}, {"service", CELL_TEXT, .nullable = true},
	    {"message", CELL_TEXT, .nullable = true},
	    {"body", CELL_TEXT, .nullable = true, .shown = true},
	    {"near_miss", CELL_TEXT, .shown = true, .description = "The words."},
	    {"state", CELL_TEXT, .nullable = true, .shown = true, .words = "out|in",
		.description = "The state of number and scope in the ledger now; null if it "
			       "has no entry."})}};
