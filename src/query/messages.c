#include "messages.h"

#include "dlrd/engine/number_lists.h"
#include "dlrd/model/status.h"
#include "dlrd/query/ask.h"
#include "filters.h"
#include "message_states.h"
#include "parameters.h"
#include "people.h"

#include <assert.h>
#include <stdlib.h>

/* --- messages --- */

/* Columns of a message, m. Its outcome is 1 if it was delivered, 2 failed, 3 canceled (struct
 * message; the policy has decided about conflicts). */
#define STATE                                                                                  \
	"CASE m.outcome WHEN 1 THEN CASE WHEN m.read_us <> 0 THEN 'read' ELSE 'delivered' END" \
	" WHEN 2 THEN 'failed' WHEN 3 THEN 'canceled'"                                         \
	" ELSE CASE WHEN m.sent_us <> 0 THEN 'pending' ELSE 'waiting' END END"
#define FINAL_US                                                                        \
	"CASE m.outcome WHEN 1 THEN m.delivered_us WHEN 2 THEN m.failed_us WHEN 3 THEN" \
	" m.canceled_us END"

/* A message that was received and never sent is the person's. It counts among the replies. */
#define RECEIVED_BIT "2048"
static_assert(STATUS_BIT(STATUS_RECEIVED) == 2048, "RECEIVED_BIT is another");
#define IS_OURS "(m.seen & ~" RECEIVED_BIT ") <> 0"

/* Whether it counts in the figure, and the time of the fact that counts (model/rollup.h). */
#define IN_STATE(word)                                                                        \
	"(" word " IS NULL OR CASE " word " WHEN 'sent' THEN m.sent_us <> 0"                  \
	" WHEN 'delivered' THEN m.outcome = 1 WHEN 'failed' THEN m.outcome = 2"               \
	" WHEN 'canceled' THEN m.outcome = 3 WHEN 'pending' THEN m.outcome = 0 AND m.sent_us" \
	" <> 0 WHEN 'waiting' THEN m.outcome = 0 AND m.sent_us = 0 WHEN 'read' THEN"          \
	" m.read_us <> 0 WHEN 'clicked_messages' THEN m.links > 0 ELSE m.conflict = 1 END)"
#define FACT_US(word)                                                                              \
	"CASE " word " WHEN 'sent' THEN m.sent_us WHEN 'pending' THEN m.sent_us WHEN"              \
	" 'delivered' THEN m.delivered_us WHEN 'failed' THEN m.failed_us WHEN 'canceled' THEN"     \
	" m.canceled_us WHEN 'read' THEN m.read_us WHEN 'clicked_messages' THEN m.clicked_us ELSE" \
	" m.first_us END"
#define STATES "delivered|failed|pending|sent|read|canceled|waiting|clicked_messages|conflicts"

/* The codes of one kind or permanence. */
#define CODES(kind, permanence)                                         \
	"(SELECT x.code FROM error_catalogue x WHERE (" kind            \
	" IS NULL OR lower(x.kind) = lower(" kind ")) AND (" permanence \
	" IS NULL OR x.permanence = " permanence "))"

#define COLUMNS                                                                                   \
	"SELECT m.id AS place, m.sid AS sid, nullif(m.peer, '') AS \"to\","                       \
	" nullif(p.sender, '') AS \"from\", " PROVIDER_NAME(                                      \
	    "p") " AS provider,"                                                                  \
		 " c.workspace AS workspace, c.name AS campaign, t.variant AS variant, " STATE    \
		 " AS state, CASE WHEN m.outcome = 2 AND m.error_code >= 0 THEN m.error_code END" \
		 " AS error_code, k.kind AS kind, k.permanence AS permanence, m.first_us AS "     \
		 "first,"                                                                         \
		 " m.sent_us AS sent, " FINAL_US                                                  \
		 " AS final, CASE WHEN m.outcome = 1 AND m.sent_us <"                             \
		 " m.delivered_us THEN CAST(m.delivered_us - m.sent_us AS DOUBLE PRECISION) / "   \
		 "1000000"                                                                        \
		 " END AS seconds FROM "

/* SQLite keeps the order of a CROSS JOIN: messages come first, in their order. */
#define JOINS                                                                                \
	" CROSS JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id" \
	" JOIN provider p ON p.id = m.provider_id"                                           \
	" LEFT JOIN error_catalogue k ON m.outcome = 2 AND k.code = m.error_code WHERE "

/* clang-format off */
#define FILTERS                                                                              \
	" AND m.id > $14 AND " IS_OURS " AND " IN_STATE("$1")                                \
	" AND ($5 IS NULL AND $6 IS NULL AND $7 IS NULL"                                     \
	"  OR m.tagset_id IN " TAGSETS("$5", "$6", "$7") ")"                                 \
	" AND ($8 IS NULL OR m.provider_id IN " PROVIDERS("$8") ")"                          \
	" AND (" FACT_US("$1") ") >= $10 AND (" FACT_US("$1") ") < $11"
/* clang-format on */
#define FAILED                                                \
	"m.outcome = 2 AND ($2 IS NULL OR m.error_code = $2)" \
	" AND ($3 IS NULL AND $4 IS NULL OR m.error_code IN " CODES("$3", "$4") ")"
#define IN_ORDER " ORDER BY m.id LIMIT $13"

/* The numbers of parameters that only the program gives: a message, or the end of a range. */
#define ONE_ID "$15"
#define RANGE_END "$16"

/* The rows of campaign_error with the codes and tags. */
#define ERRORS                                                                                \
	"campaign_error e WHERE ($2 IS NULL OR e.code = $2) AND ($3 IS NULL AND $4 IS NULL"   \
	"  OR e.code IN " CODES("$3", "$4") ") AND ($5 IS NULL AND $6 IS NULL AND $7 IS NULL" \
					    "  OR e.tagset_id IN " TAGSETS("$5", "$6", "$7") ")"

/* clang-format off */
/* All of them; one that its number finds; those that failed, by an index; few of these, by
 * another; those of one number. */
static const char messages_sql[] = COLUMNS "message m" JOINS "m.id > $14 AND " IS_OURS IN_ORDER;
static const char one_sql[] =
    COLUMNS "message m" JOINS "m.id = " ONE_ID " AND " IS_OURS
    " AND (" FACT_US("$1") ") >= $10 AND (" FACT_US("$1") ") < $11";
static const char one_failed_sql[] =
    COLUMNS "message m" JOINS "m.id = " ONE_ID " AND " FAILED
    " AND (" FACT_US("$1") ") >= $10 AND (" FACT_US("$1") ") < $11";
static const char failed_sql[] =
    COLUMNS "message m" JOINS FAILED " AND m.id < " RANGE_END FILTERS IN_ORDER;
static const char few_failed_sql[] =
    COLUMNS "message m" JOINS "m.id IN (SELECT x.id FROM (SELECT DISTINCT e.tagset_id AS tagset_id,"
    "  e.code AS code FROM " ERRORS ") k JOIN message x ON x.tagset_id = k.tagset_id"
    "  AND x.error_code = k.code AND x.outcome = 2) AND " FAILED FILTERS IN_ORDER;
static const char of_number_sql[] =
    COLUMNS "message m" JOINS
    "m.id IN (SELECT x.id FROM message x WHERE x.peer <> '' AND x.received_us = 0"
    "  AND x.peer = " PERSON("$9")
    "  UNION ALL SELECT y.message_id FROM reply y WHERE y.peer = " PERSON("$9") ")"
    " AND ($2 IS NULL AND $3 IS NULL AND $4 IS NULL OR " FAILED ")" FILTERS IN_ORDER;

static const char tagsets_sql[] =
    "SELECT g.id AS id FROM tagset g WHERE g.id IN " TAGSETS("$1", "$2", "$3") " ORDER BY g.id";
static const char providers_sql[] =
    "SELECT q.id AS id FROM provider q WHERE q.id IN " PROVIDERS("$1") " ORDER BY q.id";
/* One comparison of rows would be a walk over a group, since the index has columns that are
 * computed. */
#define FIRST_GROUP(condition, order)                                                       \
	"SELECT a, b, c FROM (SELECT m.tagset_id AS a, m.provider_id AS b, m.facts AS c FROM message m WHERE " \
	condition " ORDER BY " order " LIMIT 1)"
static const char next_group_sql[] =
    FIRST_GROUP("m.tagset_id = $1 AND m.provider_id = $2 AND m.facts > $3", "m.facts") " UNION ALL "
    FIRST_GROUP("m.tagset_id = $1 AND m.provider_id > $2", "m.provider_id, m.facts") " UNION ALL "
    FIRST_GROUP("m.tagset_id > $1", "m.tagset_id, m.provider_id, m.facts") " LIMIT 1";
static const char group_ids_sql[] =
    "SELECT m.id AS id FROM message m WHERE m.tagset_id = $3 AND m.provider_id = $4"
    " AND m.facts = $5 AND m.id >= $1 AND m.id < $2 ORDER BY m.id LIMIT $6";
/* Without tags, a group is a provider and facts. */
static const char next_of_provider_sql[] =
    "SELECT 0 AS a, b, c FROM (SELECT provider_id AS b, facts AS c FROM message"
    " WHERE provider_id = $2 AND facts > $3 ORDER BY facts LIMIT 1) UNION ALL SELECT 0, b, c FROM"
    " (SELECT provider_id AS b, facts AS c FROM message WHERE provider_id > $2"
    " ORDER BY provider_id, facts LIMIT 1) LIMIT 1";
static const char provider_ids_sql[] =
    "SELECT m.id AS id FROM message m WHERE m.provider_id = $4 AND m.facts = $5 AND m.id >= $1"
    " AND m.id < $2 ORDER BY m.id LIMIT $6";
static const char ids_sql[] =
    "SELECT m.id AS id FROM message m WHERE m.id >= $1 AND m.id < $2 ORDER BY m.id LIMIT $6";

/* How many failed with the codes and tags, ever and in the hours of the time. */
static const char failures_sql[] =
    "SELECT coalesce(sum(e.failed), 0) AS ever, coalesce(sum(CASE WHEN e.hour >= $10 / 3600000000"
    " AND e.hour <= $11 / 3600000000 THEN e.failed ELSE 0 END), 0) AS now FROM " ERRORS;
/* clang-format on */

/* Up to so many failures are found by their tags and codes, and then sorted; more of them are met
 * soon enough in the order of all failures. */
#define FEW_FAILURES 20000

/* The values' indexes. */
enum {
	STATE_WORD,
	CODE,
	KIND,
	PERMANENCE,
	OF_CAMPAIGN,
	OF_WORKSPACE,
	OF_VARIANT,
	OF_PROVIDER,
	NUMBER,
	SINCE,
	BEFORE,
	FORMAT_WORD,
	ROWS,
	PLACE,
	ID, /* the program's alone */
	RANGE
};

/* An answer in progress. */
struct answering {
	struct store_reader *reader;
	struct query query; /* with its SQL, and the program's own parameters */
	struct query_values values;
	query_row_fn on_row;
	void *context;
	int64_t rows; /* handed out */
};

static bool
is_given(const struct answering *answering, size_t index)
{
	return answering->values.items[index].kind != STORE_NULL;
}

static void
hand_out(void *context, const struct report_row *row, int64_t place)
{
	struct answering *answering = context;
	answering->rows++;
	answering->on_row(answering->context, row, place);
}

static enum result
ask(struct answering *answering, const char *sql)
{
	answering->query.sql = sql;
	return query_ask_sql(
	    answering->reader, &answering->query, &answering->values, hand_out, answering);
}

static struct message_state
state_of(const struct answering *answering)
{
	return message_state_of(is_given(answering, STATE_WORD)
				    ? answering->values.items[STATE_WORD].text
				    : SLICE_NONE);
}

static struct numbers_wanted
wanted_of(const struct answering *answering)
{
	const struct store_value *items = answering->values.items;
	const struct message_state state = state_of(answering);
	return (struct numbers_wanted){.list_sql = ids_sql,
	    .has = state.has,
	    .figure = (int64_t)state.figure,
	    .from_us = items[SINCE].number,
	    .to_us = items[BEFORE].number,
	    .after = items[PLACE].number};
}

/* --- by groups --- */

static enum result
hand_out_listed(
    struct answering *answering, const struct numbers_wanted *wanted, const char *one_row_sql)
{
	struct number_lists lists;
	int64_t id;
	bool has = true;
	enum result result = number_lists_begin(answering->reader, wanted, &lists);
	while (
	    result == RESULT_OK && has && answering->rows < answering->values.items[ROWS].number) {
		result = number_lists_next(&lists, &id, &has);
		answering->values.items[ID].number = id;
		if (result == RESULT_OK && has)
			result = ask(answering, one_row_sql);
	}
	number_lists_done(&lists);
	return result;
}

static enum result
ask_by_lists(struct answering *answering, bool (*also)(int64_t facts), const char *one_row_sql)
{
	const struct store_value *items = answering->values.items;
	struct numbers_wanted wanted = wanted_of(answering);
	wanted.also = also;
	struct number_set tagsets = {.items = NULL}, providers = {.items = NULL};
	bool by_tags = false, by_provider = is_given(answering, OF_PROVIDER);
	enum result result = RESULT_OK;
	for (size_t i = OF_CAMPAIGN; i <= OF_VARIANT; i++)
		by_tags |= is_given(answering, i);
	if (by_tags)
		result = number_set_ask(
		    answering->reader, tagsets_sql, &items[OF_CAMPAIGN], 3, &tagsets);
	if (result == RESULT_OK && by_provider)
		result = number_set_ask(
		    answering->reader, providers_sql, &items[OF_PROVIDER], 1, &providers);

	wanted.sets[0] = by_tags ? &tagsets : NULL;
	wanted.sets[1] = by_provider ? &providers : NULL;
	if (by_tags) {
		wanted.next_group_sql = next_group_sql;
		wanted.list_sql = group_ids_sql;
	} else if (by_provider || is_given(answering, STATE_WORD)) {
		wanted.next_group_sql = next_of_provider_sql;
		wanted.list_sql = provider_ids_sql;
	}
	if (result == RESULT_OK)
		result = hand_out_listed(answering, &wanted, one_row_sql);
	free(tagsets.items);
	free(providers.items);
	return result;
}

/* --- failures --- */

struct failures {
	int64_t ever, now;
};

static void
note_failures(void *context, const struct store_value *values)
{
	*(struct failures *)context = (struct failures){values[0].number, values[1].number};
}

static enum result
count_failures(const struct answering *answering, struct failures *out_failures)
{
	static const char *const columns[] = {"ever", "now"};
	const struct store_question question = {.sql = failures_sql,
	    .parameters = answering->values.items,
	    .parameter_count = QUERY_PARAMETERS_MAX,
	    .columns = columns,
	    .column_count = 2};
	return store_ask(answering->reader, &question, note_failures, out_failures);
}

/* Reads all failures in their order, but only ranges that may have some of the time. */
static enum result
ask_by_ranges(struct answering *answering)
{
	const struct numbers_wanted wanted = wanted_of(answering);
	struct number_lists lists;
	struct store_value *items = answering->values.items;
	int64_t limit = items[ROWS].number, after = wanted.after;
	enum result result = number_lists_find_ranges(answering->reader, &wanted, &lists);
	for (size_t i = 0; result == RESULT_OK && i < lists.range_count && answering->rows < limit;
	     i++) {
		const struct number_range *range = &lists.ranges[i];
		if (range->to <= after)
			continue;
		items[PLACE].number = range->from > after ? range->from - 1 : after;
		items[RANGE].number = range->to;
		items[ROWS].number = limit - answering->rows;
		result = ask(answering, failed_sql);
	}
	number_lists_done(&lists);
	return result;
}

/* Whether the state is one of these. */
static bool
is_state(const struct answering *answering, const char *words)
{
	return is_given(answering, STATE_WORD) &&
	       query_has_word(words, answering->values.items[STATE_WORD].text);
}

static enum result
ask_for_failures(struct answering *answering)
{
	struct failures failures = {0, 0};
	if (is_state(answering, "delivered|canceled|pending|waiting"))
		return RESULT_OK; /* no failure is */

	/* Few messages that failed were read, clicked or reported otherwise as well. */
	if (is_state(answering, "read|clicked_messages|conflicts"))
		return ask_by_lists(
		    answering, message_state_of(SLICE("failed")).has, one_failed_sql);

	/* The hour of a failure is no other fact's. */
	bool of_failure = is_state(answering, "failed");
	enum result result = count_failures(answering, &failures);
	if (result != RESULT_OK || failures.ever == 0 || (of_failure && failures.now == 0))
		return result;
	return failures.ever <= FEW_FAILURES ? ask(answering, few_failed_sql)
					     : ask_by_ranges(answering);
}

/* --- any --- */

static enum result
ask_by_group(struct answering *answering)
{
	return ask_by_lists(answering, NULL, one_sql);
}

/* All that the answer is made of is of one state of the store. */
static enum result
ask_held(struct answering *answering, enum result (*ask_for)(struct answering *answering))
{
	enum result result = store_reader_hold(answering->reader);
	if (result == RESULT_OK)
		result = ask_for(answering);
	store_reader_release(answering->reader);
	return result;
}

static enum result
ask_for_messages(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	struct people_spelling scratch;
	struct answering answering = {.reader = reader,
	    .query = *query,
	    .values = *values,
	    .on_row = on_row,
	    .context = context};
	struct store_value *items = answering.values.items;
	for (size_t i = ID; i <= RANGE; i++) {
		answering.query.parameters[i] =
		    (struct query_parameter){.name = "", .kind = QUERY_BEFORE};
		items[i] = (struct store_value){.kind = STORE_INT, .number = INT64_MAX};
	}

	if (is_given(&answering, NUMBER)) {
		items[NUMBER].text = people_number(items[NUMBER].text, &scratch);
		return ask(&answering, of_number_sql);
	}
	if (is_given(&answering, CODE) || is_given(&answering, KIND) ||
	    is_given(&answering, PERMANENCE))
		return ask_held(&answering, ask_for_failures);

	bool by_lists = items[SINCE].number > 0 || items[BEFORE].number != INT64_MAX;
	for (size_t i = STATE_WORD; i <= OF_PROVIDER; i++)
		by_lists |= is_given(&answering, i);
	return by_lists ? ask_held(&answering, ask_by_group) : ask(&answering, messages_sql);
}

#define STATE_PARAMETER                                                                    \
	{                                                                                  \
		"state", QUERY_CHOICE,                                                     \
		    .words = STATES,                                                       \
		    .help = "only messages that count in this figure: delivered, failed, " \
			    "pending, sent, read, canceled, waiting, clicked_messages or " \
			    "conflicts",                                                   \
		    .description = "Only messages that the figure of this name counts. "   \
				   "waiting: not known to have left."                      \
	}
#define CODE_PARAMETER                                                                  \
	{                                                                               \
		"error_code", QUERY_CODE,                                               \
		    .names = QUERY_NAMES_CODE, .option = "error-code", .value = "CODE", \
		    .help = "only messages that failed with this error code (none: "    \
			    "without one)",                                             \
		    .description = "Only messages that failed with this error code; "   \
				   "none: without one."                                 \
	}
const struct query query_messages = {.path = "/v1/messages",
    .command = "messages",
    .summary = "messages with their final state, one line a message",
    .help = "Shows what became of each message that was sent, in the order in which they became "
	    "known. --state F lists exactly the messages that the figure F of 'dlrd stats' counts, "
	    "and --from and --to then mean the time of that fact, else that of the first receipt. "
	    "With --suppress, lists the numbers to take off a list of recipients, and why: those "
	    "of messages that failed for a permanent reason of the handset, and those that opted "
	    "out; each number once.",
    .variation = {"suppress",
	"list numbers that failed permanently or opted out; not with --state, --number, "
	"--error-code, "
	"--kind, "
	"--permanence and --after",
	&query_suppressed},
    .operation = "listMessages",
    .title = "Messages with their final state.",
    .answer = "A page of messages, in the order in which they became known.",
    .list_schema = "Messages",
    .row_schema = "MessageState",
    .row_description = "A message that was sent, with what became of it.",
    .parameters = {STATE_PARAMETER, CODE_PARAMETER,
	{"kind", QUERY_TEXT, .names = QUERY_NAMES_KIND, .value = "K",
	    .help = "only those that failed with a code of this kind, such as handset, carrier "
		    "or content",
	    .description = "Only messages that failed with a code of this kind of the catalogue."},
	{"permanence", QUERY_CHOICE, .words = "permanent|transient|unknown",
	    .help = "only those that failed with a permanent, transient or unknown code",
	    .description = "Only messages that failed with a code of this permanence."},
	CAMPAIGN, WORKSPACE, VARIANT("only messages of this variant"), PROVIDER,
	{"number", QUERY_TEXT, .value = "N", .help = "only messages to this number",
	    .description = "Only messages to this number."},
	FROM_TIME, TO_TIME, FORMAT,
	{"limit", QUERY_LIMIT, .value = "N", .table_limit = 100,
	    .help =
		"at most so many (default: 100 in a table, 1000 in JSON, all in CSV; 0 for all)",
	    .description = "Rows of a page."},
	NEXT, TZ},
    .sql = messages_sql,
    .source = ask_for_messages,
    .page_by = "place",
    .report = {"messages",
	REPORT_COLUMNS({"sid", CELL_TEXT, .shown = true, .dispensable = 3},
	    {"to", CELL_TEXT, .nullable = true, .shown = true},
	    {"from", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 4,
		.description = "The sender."},
	    {"provider", CELL_TEXT, .nullable = true, .description = "The nickname."},
	    {"workspace", CELL_TEXT},
	    {"campaign", CELL_TEXT, .shown = true, .dispensable = 1, .if_empty = REPORT_UNTAGGED},
	    {"variant", CELL_TEXT},
	    {"state", CELL_TEXT, .shown = true,
		.words = "delivered|failed|read|canceled|pending|waiting",
		.description = "pending: sent, without a final word; waiting: not known to have "
			       "left."},
	    {"error_code", CELL_INT, .nullable = true, .shown = true,
		.description = "Of a failed message."},
	    {"kind", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 2,
		.description = "Of the error code; null if it is not in the catalogue."},
	    {"permanence", CELL_TEXT, .nullable = true},
	    {"first", CELL_TIME, .shown = true, .description = "When its first receipt arrived."},
	    {"sent", CELL_TIME, .nullable = true,
		.description = "When the first receipt arrived that shows that it had left."},
	    {"final", CELL_TIME, .nullable = true,
		.description = "When the receipt with the final state arrived."},
	    {"seconds", CELL_REAL, .nullable = true, .shown = true, .dispensable = 5,
		.description = "From sent to delivered; null if either is not known."})}};

/* --- numbers to take off a list --- */

/* Two lists, one after the other: numbers that opted out, at the first of their opt-outs, and those
 * that failed and have not opted out, at the first of their failures. A number's place does not
 * change when others come or go, so that no page misses any. */
#define FAILURES_START "1099511627776" /* places of failures; 2 to the power of 40 */

/* clang-format off */
#define PERMANENT(m)                                                                         \
	m ".outcome = 2 AND " m ".peer <> '' AND " m ".error_code IN"                        \
	" (SELECT x.code FROM error_catalogue x WHERE x.permanence = 'permanent'"            \
	"  AND x.kind = 'handset')"                                                          \
	" AND ($1 IS NULL AND $2 IS NULL AND $3 IS NULL"                                     \
	"  OR " m ".tagset_id IN " TAGSETS("$1", "$2", "$3") ")"                             \
	" AND ($4 IS NULL OR " m ".provider_id IN " PROVIDERS("$4") ")"                      \
	" AND " m ".failed_us >= $5 AND " m ".failed_us < $6"

/* The provider of an opt-out is its scope: the service or sender, or a whole account. */
#define OPTED_OUT(o)                                                                         \
	"optout " o " JOIN consent l" o " ON l" o ".seq = " o ".consent_seq"                 \
	" JOIN event e" o " ON e" o ".seq = l" o ".event_seq"                                \
	" WHERE " o ".state = 'out' AND ($1 IS NULL AND $2 IS NULL AND $3 IS NULL"           \
	"  OR e" o ".tagset_id IN " TAGSETS("$1", "$2", "$3") ")"                            \
	" AND ($4 IS NULL OR EXISTS (SELECT 1 FROM provider s WHERE s.id IN " PROVIDERS("$4") \
	"  AND " o ".scope IN (s.account, s.service, s.sender)))"                            \
	" AND l" o ".time_us >= $5 AND l" o ".time_us < $6"

static const char suppressed_sql[] =
    "SELECT g.place AS place, g.number AS number, g.reason AS reason, g.code AS error_code,"
    " g.time_us AS since, k.name AS name FROM (SELECT * FROM"
    " (SELECT o.consent_seq AS place, o.number AS number, 'opted_out' AS reason, (SELECT"
    "   f.error_code FROM message f WHERE f.peer = o.number AND f.received_us = 0 AND "
    PERMANENT("f") " ORDER BY f.failed_us DESC LIMIT 1) AS code, lo.time_us AS time_us"
    "  FROM " OPTED_OUT("o") " AND o.consent_seq > $9 AND NOT EXISTS (SELECT 1 FROM "
    OPTED_OUT("q") " AND q.number = o.number AND q.consent_seq < o.consent_seq)"
    "  ORDER BY o.consent_seq LIMIT $8)"
    " UNION ALL SELECT * FROM"
    " (SELECT m.id + " FAILURES_START ", m.peer, 'failed', m.error_code, m.failed_us"
    "  FROM message m WHERE m.id > $9 - " FAILURES_START " AND " PERMANENT("m")
    "  AND NOT EXISTS (SELECT 1 FROM message d WHERE d.peer = m.peer AND d.received_us = 0"
    "   AND d.id < m.id AND " PERMANENT("d") ")"
    "  AND NOT EXISTS (SELECT 1 FROM " OPTED_OUT("q") " AND q.number = m.peer)"
    "  ORDER BY m.id LIMIT $8)) g"
    " LEFT JOIN error_catalogue k ON k.code = g.code ORDER BY g.place LIMIT $8";
/* clang-format on */

const struct query query_suppressed = {.path = "/v1/suppressed",
    .summary = "numbers to take off a list of recipients",
    .help = "Lists the numbers to take off a list of recipients, and why: those of messages that "
	    "failed for a permanent reason of the handset, and those that opted out; each number "
	    "once. Opt-outs of a provider are those from its sender, its messaging service or its "
	    "account.",
    .operation = "listSuppressed",
    .title = "Numbers to take off a list of recipients.",
    .answer = "A page of numbers: first those that opted out.",
    .list_schema = "Suppressed",
    .row_schema = "SuppressedNumber",
    .row_description = "A number that should not be texted again.",
    .parameters = {CAMPAIGN, WORKSPACE, VARIANT("only those of this variant"), PROVIDER, FROM_TIME,
	TO_TIME, FORMAT, LIMIT, HTTP_NEXT, TZ},
    .sql = suppressed_sql,
    .page_by = "place",
    .report = {
	"numbers", REPORT_COLUMNS({"number", CELL_TEXT, .shown = true},
		       {"reason", CELL_TEXT, .shown = true, .words = "opted_out|failed",
			   .description = "opted_out, if both are true."},
		       {"error_code", CELL_INT, .nullable = true, .shown = true,
			   .description = "Of a permanent failure of the handset."},
		       {"since", CELL_TIME, .shown = true,
			   .description = "When the opt-out arrived, or when it failed first."},
		       {"name", CELL_TEXT, .nullable = true, .shown = true, .wraps = true,
			   .description = "Of the error code."})}};
