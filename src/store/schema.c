#include "schema.h"

#include "sql.h"

/* address_of_person of the event e's peer, as far as SQL can derive it. */
#define PERSON                                                                     \
	"CASE WHEN e.peer LIKE 'rcs:+%' AND substr(e.peer, 6) NOT GLOB '*[^0-9]*'" \
	" THEN substr(e.peer, 5) ELSE coalesce(e.peer, '') END"

/* event_left_us as SQL can derive it: the end of the second, or of the minute. */
#define END_OF(time) "CAST(strftime('%s', " time ") AS INTEGER) * 1000000 + 999999"
#define OCCURRED_US "CASE WHEN length(occurred) > 10 THEN " END_OF("occurred") " END"
#define DONE_US                                                                                   \
	"CASE WHEN length(done_date) IN (10, 12) AND done_date NOT GLOB '*[^0-9]*' THEN " END_OF( \
	    "'20' || substr(done_date, 1, 2) || '-' || substr(done_date, 3, 2) || '-' ||"         \
	    " substr(done_date, 5, 2) || 'T' || substr(done_date, 7, 2) || ':' ||"                \
	    " substr(done_date, 9, 2) || ':' || CASE length(done_date) WHEN 12"                   \
	    " THEN substr(done_date, 11, 2) ELSE '59' END") " END"

/* address_of_person of a column, but for "rcs:", which the columns do not have, and which columns
 * it may change. */
#define DIGITS(column) "substr(" column ", instr(" column ", '+') + 1)"
#define BEFORE(column) "substr(" column ", 1, instr(" column ", '+'))"
#define HAS_FORMS(column)                        \
	"(" column " GLOB '+5[245]*' OR " column \
	" GLOB 'whatsapp:+5[245]*') AND " DIGITS(column) " NOT GLOB '*[^0-9]*'"
#define PERSON_OF(column)                                                                                                               \
	"CASE WHEN NOT (" HAS_FORMS(                                                                                                    \
	    column) ") THEN " column                                                                                                    \
		    " WHEN length(" DIGITS(column) ") = 13 AND " DIGITS(                                                                \
			column) " GLOB '521[1-9]*'"                                                                                     \
				" THEN " BEFORE(column) " || '52' || substr(" DIGITS(                                                   \
				    column) ", 4)"                                                                                      \
					    " WHEN length(" DIGITS(column) ") = 12 AND " DIGITS(                                        \
						column) " GLOB '54[1-8]*'"                                                              \
							" THEN " BEFORE(                                                                \
							    column) " || '549' || "                                                     \
								    "substr(" DIGITS(                                                   \
									column) ", 3)"                                                  \
										" WHE"                                                  \
										"N "                                                    \
										"leng"                                                  \
										"th"                                                    \
										"(" DIGITS(column) ") = 12 AND " DIGITS(                \
										    column) " GLO"                                      \
											    "B "                                        \
											    "'55?"                                      \
											    "?[6-"                                      \
											    "9]*'"                                      \
											    " THE"                                      \
											    "N"                                         \
											    " " BEFORE(column) " || substr(" DIGITS(    \
												column) ", 1, 4) || '9' ||"             \
													" substr(" DIGITS(              \
													    column) ", 5) ELSE " column \
														    " END"

/* A person's ID, in a form's parameters or in the data of Event Streams. */
#define ALIAS                                                                 \
	"coalesce(json_extract(extra, '$.ExternalUserId'),"                   \
	" json_extract(extra, '$.data.externalUserId'), json_extract(extra, " \
	"'$.data.external_user_id'))"

/* The table optout, and which evidence changed a state, from the evidence. */
#define DERIVE_OPTOUTS                                                                      \
	"UPDATE consent SET changed = x.changes FROM (SELECT seq, state IS NOT lag(state)"  \
	" OVER (PARTITION BY number, scope ORDER BY seq) AS changes FROM consent) x"        \
	" WHERE x.seq = consent.seq AND x.changes <> consent.changed;"                      \
	"DELETE FROM optout;"                                                               \
	"INSERT INTO optout SELECT l.number, l.scope, l.state, l.seq FROM (SELECT max(seq)" \
	" AS seq FROM consent WHERE changed = 1 GROUP BY number, scope) s"                  \
	" JOIN consent l ON l.seq = s.seq;"

/* Each step is executed as one text, inside the migration's transaction.
 *
 * state       one row: the cursor into the journal, the conflict policy the figures follow
 * campaign    workspace and campaign as the tags named them; '' if they did not fit
 * tagset      a campaign's variants; messages and figures refer to them
 * provider    account, messaging service and our own side's address
 * message     one row a MessageSid: the folded state (model/fold.h); error_code -1 for none,
 *             times 0 for never, outcome 0 none, 1 delivered, 2 failed, 3 canceled
 * event       one row a receipt that is not a duplicate; peer is the person's address; message_id
 *             is NULL and sid set if no message was folded from it; tagged is whether its own tags
 *             named a campaign (else it has its message's); reference identifies an event without
 *             a message
 * campaign_hour, provider_hour, campaign_error: the sums of model/rollup.h
 * reply       one row an inbound message: its sender, the campaign that it answers, and by which
 *             rule (store/replies.h); tagset_id is from its own URL
 * consent     the opt-out ledger, append-only: each piece of evidence in the order of arrival
 * optout      derived from it: the current state of each number and scope
 * alert       reports of Twilio's debugger
 * provider_name  the configured nicknames
 * person      the number of an address that is not a number (store/persons.h)
 * signature   keys of counted signatures that no event has (store/signatures.h) */
static const char *const steps[] = {
    /* Version 1. */
    "CREATE TABLE state("
    " id INTEGER PRIMARY KEY CHECK(id = 1),"
    " cursor INTEGER NOT NULL,"
    " policy TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO state VALUES(1, 0, 'delivered-wins');"

    "CREATE TABLE campaign("
    " id INTEGER PRIMARY KEY,"
    " workspace TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL,"
    " duplicates INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(workspace, name)"
    ") STRICT;"

    "CREATE TABLE tagset("
    " id INTEGER PRIMARY KEY,"
    " campaign_id INTEGER NOT NULL REFERENCES campaign,"
    " variant TEXT NOT NULL,"
    " UNIQUE(campaign_id, variant)"
    ") STRICT;"

    "CREATE TABLE provider("
    " id INTEGER PRIMARY KEY,"
    " account TEXT NOT NULL,"
    " service TEXT NOT NULL,"
    " sender TEXT NOT NULL,"
    " UNIQUE(account, service, sender)"
    ") STRICT;"

    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY,"
    " sid TEXT NOT NULL UNIQUE,"
    " tagset_id INTEGER NOT NULL REFERENCES tagset,"
    " provider_id INTEGER NOT NULL REFERENCES provider,"
    " status TEXT NOT NULL,"
    " outcome INTEGER NOT NULL,"
    " conflict INTEGER NOT NULL,"
    " seen INTEGER NOT NULL,"
    " first_final INTEGER NOT NULL,"
    " opted_out INTEGER NOT NULL,"
    " error_code INTEGER NOT NULL,"
    " first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL,"
    " sent_us INTEGER NOT NULL,"
    " delivered_us INTEGER NOT NULL,"
    " failed_us INTEGER NOT NULL,"
    " canceled_us INTEGER NOT NULL,"
    " read_us INTEGER NOT NULL,"
    " received_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX message_failed ON message(tagset_id, error_code, failed_us) WHERE outcome = 2;"
    "CREATE INDEX message_conflict ON message(id) WHERE conflict = 1;"

    "CREATE TABLE event("
    " seq INTEGER PRIMARY KEY,"
    " journal_seq INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL,"
    " type TEXT NOT NULL,"
    " message_id INTEGER REFERENCES message,"
    " campaign_id INTEGER NOT NULL REFERENCES campaign,"
    " tagset_id INTEGER NOT NULL REFERENCES tagset,"
    " provider_id INTEGER NOT NULL REFERENCES provider,"
    " status TEXT,"
    " error_code INTEGER,"
    " done_date TEXT,"
    " peer TEXT,"
    " body TEXT,"
    " keyword TEXT,"
    " sid TEXT,"
    " extra TEXT,"
    " raw_query BLOB,"
    " raw_body BLOB"
    ") STRICT;"
    "CREATE INDEX event_message ON event(message_id);"
    "CREATE INDEX event_sid ON event(sid) WHERE sid IS NOT NULL;"
    "CREATE INDEX event_campaign ON event(campaign_id, seq);"

    "CREATE TABLE campaign_hour("
    " tagset_id INTEGER NOT NULL REFERENCES tagset,"
    " hour INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, sent INTEGER NOT NULL, delivered INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, canceled INTEGER NOT NULL, pending INTEGER NOT NULL,"
    " read INTEGER NOT NULL, replied INTEGER NOT NULL, clicked INTEGER NOT NULL,"
    " opted_out INTEGER NOT NULL, conflicts INTEGER NOT NULL,"
    " PRIMARY KEY(tagset_id, hour)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE provider_hour("
    " provider_id INTEGER NOT NULL REFERENCES provider,"
    " hour INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, sent INTEGER NOT NULL, delivered INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, canceled INTEGER NOT NULL, pending INTEGER NOT NULL,"
    " read INTEGER NOT NULL, replied INTEGER NOT NULL, clicked INTEGER NOT NULL,"
    " opted_out INTEGER NOT NULL, conflicts INTEGER NOT NULL,"
    " PRIMARY KEY(provider_id, hour)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE campaign_error("
    " tagset_id INTEGER NOT NULL REFERENCES tagset,"
    " code INTEGER NOT NULL,"
    " hour INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " PRIMARY KEY(tagset_id, code, hour)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE error_catalogue("
    " code INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " permanence TEXT NOT NULL,"
    " action TEXT NOT NULL"
    ") STRICT;"

    "CREATE VIEW events AS SELECT e.seq,"
    " strftime('%Y-%m-%dT%H:%M:%S', e.time_us / 1000000, 'unixepoch') ||"
    " printf('.%03dZ', e.time_us / 1000 % 1000) AS time, e.type,"
    " c.workspace, c.name AS campaign, t.variant, p.account,"
    " coalesce(m.sid, e.sid) AS message, e.status, e.error_code,"
    " CASE e.type WHEN 'Replied' THEN e.peer ELSE nullif(p.sender, '') END AS \"from\","
    " CASE e.type WHEN 'Replied' THEN nullif(p.sender, '') ELSE e.peer END AS \"to\","
    " nullif(p.service, '') AS service, e.body, e.keyword, e.done_date, e.extra,"
    " e.raw_query, e.raw_body, e.journal_seq"
    " FROM event e JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = e.campaign_id"
    " JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id;"

    "CREATE VIEW campaign_stats AS SELECT c.workspace, c.name AS campaign, t.variant,"
    " coalesce(sum(h.messages), 0) AS messages, coalesce(sum(h.sent), 0) AS sent, "
    "coalesce(sum(h.delivered), 0) AS delivered,"
    " coalesce(sum(h.failed), 0) AS failed, coalesce(sum(h.canceled), 0) AS canceled, "
    "coalesce(sum(h.pending), 0) AS pending,"
    " coalesce(sum(h.read), 0) AS read, coalesce(sum(h.replied), 0) AS replied, "
    "coalesce(sum(h.clicked), 0) AS clicked,"
    " coalesce(sum(h.opted_out), 0) AS opted_out, coalesce(sum(h.conflicts), 0) AS conflicts,"
    " sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate"
    " FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
    " LEFT JOIN campaign_hour h ON h.tagset_id = t.id GROUP BY t.id;"

    "CREATE VIEW campaign_errors AS SELECT c.workspace, c.name AS campaign, t.variant,"
    " nullif(e.code, -1) AS code, k.name, k.kind, k.permanence, k.action,"
    " sum(e.failed) AS count"
    " FROM campaign_error e JOIN tagset t ON t.id = e.tagset_id"
    " JOIN campaign c ON c.id = t.campaign_id LEFT JOIN error_catalogue k ON k.code = e.code"
    " GROUP BY t.id, e.code HAVING sum(e.failed) > 0;"

    "CREATE VIEW provider_stats AS SELECT p.account, p.service, p.sender,"
    " coalesce(sum(h.messages), 0) AS messages, coalesce(sum(h.sent), 0) AS sent, "
    "coalesce(sum(h.delivered), 0) AS delivered,"
    " coalesce(sum(h.failed), 0) AS failed, coalesce(sum(h.canceled), 0) AS canceled, "
    "coalesce(sum(h.pending), 0) AS pending,"
    " coalesce(sum(h.read), 0) AS read, coalesce(sum(h.replied), 0) AS replied, "
    "coalesce(sum(h.clicked), 0) AS clicked,"
    " coalesce(sum(h.opted_out), 0) AS opted_out, coalesce(sum(h.conflicts), 0) AS conflicts,"
    " sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate"
    " FROM provider p LEFT JOIN provider_hour h ON h.provider_id = p.id GROUP BY p.id;",

    /* Version 2: meaning of replies, clicks, opt-outs and alerts. */
    "DROP VIEW events; DROP VIEW campaign_stats; DROP VIEW provider_stats;"

    "ALTER TABLE state ADD COLUMN reply_window_us INTEGER NOT NULL DEFAULT 604800000000;"
    "ALTER TABLE state ADD COLUMN reply_late_us INTEGER NOT NULL DEFAULT 3600000000;"
    "ALTER TABLE state ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;"

    "ALTER TABLE campaign_hour ADD COLUMN clicked_messages INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE provider_hour ADD COLUMN clicked_messages INTEGER NOT NULL DEFAULT 0;"

    "ALTER TABLE message ADD COLUMN peer TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE message ADD COLUMN clicked_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN links INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX message_peer ON message(peer, first_us) WHERE peer <> '' AND received_us = 0;"

    "ALTER TABLE event ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN link TEXT;"
    "ALTER TABLE event ADD COLUMN occurred TEXT;"
    "ALTER TABLE event ADD COLUMN reference TEXT;"
    "ALTER TABLE event ADD COLUMN consent TEXT;"
    "ALTER TABLE event ADD COLUMN cause TEXT;"
    "ALTER TABLE event ADD COLUMN near_miss TEXT;"
    "CREATE INDEX event_reference ON event(reference) WHERE reference IS NOT NULL;"
    "CREATE INDEX event_link ON event(message_id, link, occurred) WHERE link IS NOT NULL;"
    "CREATE INDEX event_near_miss ON event(seq) WHERE near_miss IS NOT NULL;"

    "CREATE TABLE reply("
    " message_id INTEGER PRIMARY KEY REFERENCES message,"
    " peer TEXT NOT NULL,"
    " sender TEXT NOT NULL,"
    " service TEXT NOT NULL,"
    " original TEXT,"
    " tagset_id INTEGER NOT NULL REFERENCES tagset,"
    " time_us INTEGER NOT NULL,"
    " rule TEXT NOT NULL,"
    " candidates INTEGER NOT NULL,"
    " answers INTEGER REFERENCES message"
    ") STRICT;"
    "CREATE INDEX reply_peer ON reply(peer, time_us);"
    "CREATE INDEX reply_original ON reply(original) WHERE original IS NOT NULL;"
    "CREATE INDEX reply_rule ON reply(rule);"

    "CREATE TABLE consent("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " number TEXT NOT NULL,"
    " scope TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " cause TEXT NOT NULL,"
    " changed INTEGER NOT NULL,"
    " event_seq INTEGER NOT NULL REFERENCES event,"
    " time_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX consent_number ON consent(number, scope, seq);"
    "CREATE INDEX consent_changed ON consent(seq) WHERE changed = 1;"
    "CREATE INDEX consent_event ON consent(event_seq);"

    "CREATE TABLE optout("
    " number TEXT NOT NULL,"
    " scope TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " consent_seq INTEGER NOT NULL REFERENCES consent,"
    " PRIMARY KEY(number, scope)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX optout_seq ON optout(consent_seq);"

    "CREATE TABLE alert("
    " event_seq INTEGER PRIMARY KEY REFERENCES event,"
    " level TEXT NOT NULL,"
    " ours INTEGER NOT NULL,"
    " resource TEXT,"
    " request_url TEXT,"
    " method TEXT,"
    " response_status INTEGER,"
    " text TEXT"
    ") STRICT;"

    "CREATE TABLE provider_name("
    " kind TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " PRIMARY KEY(kind, value)"
    ") STRICT, WITHOUT ROWID;"

    /* Fills the new columns from the rows of version 1 as far as possible; the rest follows when
     * the daemon recomputes everything. */
    "UPDATE event SET tagged = 1"
    " WHERE campaign_id IN (SELECT id FROM campaign WHERE name <> '');"
    "UPDATE event SET consent = CASE keyword WHEN 'stop' THEN 'out' ELSE 'in' END,"
    " cause = 'keyword' WHERE type = 'Replied' AND keyword IN ('stop', 'start');"
    "UPDATE event SET consent = 'out', cause = 'error-21610'"
    " WHERE type = 'Failed' AND error_code = 21610;"
    "UPDATE event SET (campaign_id, tagset_id) = (SELECT t.campaign_id, t.id FROM message m"
    " JOIN tagset t ON t.id = m.tagset_id WHERE m.id = message_id)"
    " WHERE tagged = 0 AND message_id IS NOT NULL;"
    "INSERT INTO reply SELECT e.message_id, " PERSON ", p.sender, p.service,"
    " CASE WHEN json_valid(e.extra) THEN json_extract(e.extra, '$.OriginalRepliedMessageSid')"
    " END, e.tagset_id, e.time_us, 'none', 0, NULL FROM event e JOIN provider p ON p.id = "
    "e.provider_id"
    " WHERE e.type = 'Replied' AND e.message_id IS NOT NULL GROUP BY e.message_id;"
    "INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)"
    " SELECT " PERSON ", coalesce(nullif(p.service, ''), p.sender), e.consent, e.cause, 0, e.seq,"
    " e.time_us FROM event e JOIN provider p ON p.id = e.provider_id"
    " WHERE e.consent IS NOT NULL AND e.peer <> '' AND (p.service <> '' OR p.sender <> '')"
    " ORDER BY e.seq;"
    "UPDATE state SET stale = EXISTS(SELECT 1 FROM event);"

    "CREATE VIEW events AS SELECT e.seq,"
    " strftime('%Y-%m-%dT%H:%M:%S', e.time_us / 1000000, 'unixepoch') ||"
    " printf('.%03dZ', e.time_us / 1000 % 1000) AS time, e.type,"
    " c.workspace, c.name AS campaign, t.variant, p.account,"
    " coalesce(m.sid, e.sid) AS message, e.status, e.error_code,"
    " CASE e.type WHEN 'Replied' THEN e.peer ELSE nullif(p.sender, '') END AS \"from\","
    " CASE e.type WHEN 'Replied' THEN nullif(p.sender, '') ELSE e.peer END AS \"to\","
    " nullif(p.service, '') AS service, e.body, e.keyword, e.done_date, e.link, e.occurred,"
    " e.near_miss, e.extra, e.raw_query, e.raw_body, e.journal_seq"
    " FROM event e JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = e.campaign_id"
    " JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id;"

    "CREATE VIEW campaign_stats AS SELECT c.workspace, c.name AS campaign, t.variant,"
    " coalesce(sum(h.messages), 0) AS messages,"
    " coalesce(sum(h.sent), 0) AS sent,"
    " coalesce(sum(h.delivered), 0) AS delivered,"
    " coalesce(sum(h.failed), 0) AS failed,"
    " coalesce(sum(h.canceled), 0) AS canceled,"
    " coalesce(sum(h.pending), 0) AS pending,"
    " coalesce(sum(h.read), 0) AS read,"
    " coalesce(sum(h.replied), 0) AS replied,"
    " coalesce(sum(h.clicked), 0) AS clicked,"
    " coalesce(sum(h.clicked_messages), 0) AS clicked_messages,"
    " coalesce(sum(h.opted_out), 0) AS opted_out,"
    " coalesce(sum(h.conflicts), 0) AS conflicts,"
    " sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate"
    " FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
    " LEFT JOIN campaign_hour h ON h.tagset_id = t.id GROUP BY t.id;"

    "CREATE VIEW provider_stats AS SELECT " PROVIDER_NAME " AS provider,"
    " p.account, p.service, p.sender,"
    " coalesce(sum(h.messages), 0) AS messages,"
    " coalesce(sum(h.sent), 0) AS sent,"
    " coalesce(sum(h.delivered), 0) AS delivered,"
    " coalesce(sum(h.failed), 0) AS failed,"
    " coalesce(sum(h.canceled), 0) AS canceled,"
    " coalesce(sum(h.pending), 0) AS pending,"
    " coalesce(sum(h.read), 0) AS read,"
    " coalesce(sum(h.replied), 0) AS replied,"
    " coalesce(sum(h.clicked), 0) AS clicked,"
    " coalesce(sum(h.clicked_messages), 0) AS clicked_messages,"
    " coalesce(sum(h.opted_out), 0) AS opted_out,"
    " coalesce(sum(h.conflicts), 0) AS conflicts,"
    " sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate"
    " FROM provider p LEFT JOIN provider_hour h ON h.provider_id = p.id GROUP BY p.id;"

    "CREATE VIEW replies AS SELECT m.sid AS message, r.peer AS \"from\", r.sender AS \"to\","
    " r.service, c.workspace, c.name AS campaign, t.variant, r.rule, r.candidates,"
    " a.sid AS answers FROM reply r JOIN message m ON m.id = r.message_id"
    " JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id"
    " LEFT JOIN message a ON a.id = r.answers;"

    "CREATE VIEW optouts AS SELECT o.number, o.scope, o.state,"
    " strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS since, l.cause"
    " FROM optout o JOIN consent l ON l.seq = o.consent_seq;"

    "CREATE VIEW optout_history AS SELECT l.seq, l.number, l.scope, l.state, l.cause, l.changed,"
    " strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS time,"
    " coalesce(m.sid, e.sid) AS message, l.event_seq FROM consent l"
    " JOIN event e ON e.seq = l.event_seq LEFT JOIN message m ON m.id = e.message_id;"

    "CREATE VIEW alerts AS SELECT e.seq, e.reference AS sid,"
    " strftime('%Y-%m-%dT%H:%M:%SZ', e.time_us / 1000000, 'unixepoch') AS time, a.level,"
    " p.account, e.error_code, k.name, a.ours, a.resource, a.request_url, a.method,"
    " a.response_status, a.text FROM alert a JOIN event e ON e.seq = a.event_seq"
    " JOIN provider p ON p.id = e.provider_id"
    " LEFT JOIN error_catalogue k ON k.code = e.error_code;",

    /* Version 3: a reply answers only what had left; numbers are found by their last digits; an
     * opt-out without a sender is one from the account. */
    "ALTER TABLE message ADD COLUMN left_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN left_us INTEGER NOT NULL DEFAULT 0;"
    "UPDATE event SET left_us = coalesce(min(" OCCURRED_US ", " DONE_US "), " OCCURRED_US
    ", " DONE_US ", 0) WHERE (status IN ('sent', 'delivered', 'undelivered', 'read')"
    " OR type = 'Clicked') AND message_id IN (SELECT m.id FROM reply r JOIN message m"
    "  ON m.peer = r.peer AND m.peer <> '' AND m.received_us = 0 AND m.first_us > r.time_us"
    "  AND m.first_us <= r.time_us + (SELECT reply_late_us FROM state));"
    "UPDATE message SET left_us = e.left_us FROM (SELECT message_id, min(left_us) AS left_us"
    " FROM event WHERE left_us > 0 GROUP BY message_id) e WHERE e.message_id = message.id;"
    "UPDATE state SET stale = 2 WHERE stale = 0 AND EXISTS(SELECT 1 FROM reply);"

    "ALTER TABLE event ADD COLUMN signature BLOB;"
    "CREATE TABLE signature(key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;"

    "CREATE TABLE person(alias TEXT PRIMARY KEY, number TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO person SELECT 'whatsapp:' || " ALIAS ", " PERSON_OF(
	"peer") " FROM event WHERE peer LIKE 'whatsapp:+%'"
		" AND extra LIKE '%External%User%Id%' AND json_valid(extra)"
		" AND " ALIAS " <> '' ORDER BY seq ON CONFLICT DO NOTHING;"
		"UPDATE message SET peer = " PERSON_OF("peer") " WHERE " HAS_FORMS(
		    "peer") ";"
			    "UPDATE reply SET peer = " PERSON_OF("peer") " WHERE " HAS_FORMS(
				"peer") ";"
					"UPDATE message SET peer = p.number FROM person p WHERE "
					"p.alias = peer;"
					"UPDATE reply SET peer = p.number FROM person p WHERE "
					"p.alias = peer;"

					"CREATE INDEX optout_ending ON optout(substr(number, -7));"
					"INSERT INTO consent(number, scope, state, cause, changed, "
					"event_seq, time_us)"
					" SELECT " PERSON ", " CONSENT_SCOPE
					", 'out', coalesce(e.cause, ''), 0, e.seq, e.time_us"
					" FROM event e" CONSENT_SCOPE_JOINS " WHERE " REFUSAL
					" AND e.peer <> ''"
					" AND p.account <> '' AND p.service = '' AND p.sender = ''"
					" AND NOT EXISTS (SELECT 1 FROM consent l WHERE "
					"l.event_seq = e.seq) ORDER BY "
					"e.seq;"
					"UPDATE consent SET number = " PERSON_OF(
					    "number") " WHERE " HAS_FORMS("number") ";"
										    "UPDATE "
										    "consent SET "
										    "number = "
										    "p.number FROM "
										    "person p "
										    "WHERE p.alias "
										    "= "
										    "consent."
										    "number"
										    ";" DERIVE_OPTOUTS,
};

#define STEP_COUNT ((int64_t)(sizeof steps / sizeof steps[0]))

static int
read_version(sqlite3 *db, int64_t *out_version, int64_t *out_application)
{
	int code = sqlite_number(db, "PRAGMA user_version", out_version);
	return code != SQLITE_OK ? code
				 : sqlite_number(db, "PRAGMA application_id", out_application);
}

static enum result
refuse(sqlite3 *db, const char *path, int code, int64_t version, int64_t application,
    struct failure *failure)
{
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);
	if (application != SCHEMA_APPLICATION_ID)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s: is a database of another program; dlrd does not change it", path);
	return failure_set(failure, RESULT_CORRUPT,
	    "%s: has schema version %lld, this dlrd reads version %lld", path, (long long)version,
	    (long long)STEP_COUNT);
}

enum result
schema_check(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0;
	int code = read_version(db, &version, &application);
	if (code != SQLITE_OK || application != SCHEMA_APPLICATION_ID || version != STEP_COUNT)
		return refuse(db, path, code, version, application, failure);
	return RESULT_OK;
}

static int
take_steps(sqlite3 *db, int64_t version, int64_t last_version)
{
	int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (; code == SQLITE_OK && version < last_version; version++)
		code = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
	char *stamp =
	    sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		SCHEMA_APPLICATION_ID, (int)last_version);
	if (code == SQLITE_OK)
		code = stamp == NULL ? SQLITE_NOMEM : sqlite3_exec(db, stamp, NULL, NULL, NULL);
	sqlite3_free(stamp);
	return code;
}

enum result
schema_check_owner(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0, tables = 0;
	int code = read_version(db, &version, &application);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	bool fresh = application == 0 && version == 0 && tables == 0;
	bool ours = application == SCHEMA_APPLICATION_ID && version <= STEP_COUNT;
	if (code != SQLITE_OK || (!fresh && !ours))
		return refuse(db, path, code, version, application, failure);
	return RESULT_OK;
}

/* A new file has no version to migrate from. */
enum result
schema_versions(
    sqlite3 *db, const char *path, int64_t *out_from, int64_t *out_to, struct failure *failure)
{
	int64_t version = 0, application = 0;
	int code = read_version(db, &version, &application);
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);
	*out_from = application == 0 ? STEP_COUNT : version;
	*out_to = STEP_COUNT;
	return RESULT_OK;
}

enum result
schema_create(sqlite3 *db, const char *path, int64_t version, struct failure *failure)
{
	bool known = version >= 1 && version <= STEP_COUNT;
	int code = take_steps(db, 0, known ? version : STEP_COUNT);
	return code == SQLITE_OK ? RESULT_OK : sqlite_fail(db, path, code, failure);
}

enum result
schema_bring_up(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0;
	enum result result = schema_check_owner(db, path, failure);
	if (result != RESULT_OK)
		return result;
	int code = read_version(db, &version, &application);
	if (code == SQLITE_OK && version < STEP_COUNT)
		code = take_steps(db, version, STEP_COUNT);
	if (code == SQLITE_OK)
		return RESULT_OK;
	result = sqlite_fail(db, path, code, failure);
	sqlite_roll_back(db);
	return result;
}
