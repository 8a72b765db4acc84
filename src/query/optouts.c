#include "dlrd/query/optouts.h"

#include "dlrd/model/event.h"
#include "dlrd/query/ask.h"
#include "dlrd/twilio/address.h"
#include "parameters.h"

/* --- the list --- */

/* A piece of evidence, l, with the event that it came from. That of a correction may be removed. */
#define EVIDENCE                                                                               \
	"SELECT l.seq AS seq, l.number AS number, l.scope AS scope, l.state AS state,"         \
	" l.cause AS cause, l.time_us AS time, l.time_us AS since, coalesce(m.sid, e.sid) AS " \
	"message,"                                                                             \
	" coalesce(c.workspace, '') AS workspace, coalesce(c.name, '') AS campaign"
#define EVIDENCE_JOINS                                  \
	" LEFT JOIN event e ON e.seq = l.event_seq"     \
	" LEFT JOIN campaign c ON c.id = e.campaign_id" \
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

/* clang-format off */

/* The order of evidence (store/consents.h). */
#define KEY(row) "(" row ".time_us, " row ".state, " row ".cause, " row ".seq)"

/* Other evidence on the number and scope of l. */
#define OTHERS(row)                                                                  \
	" FROM consent " row " WHERE " row ".number = l.number AND " row ".scope = " \
	"l.scope AND " row ".correction = 0 AND "

/* The evidence l has the state of its number and scope at that time, and is the first that has had
 * it since another: the one before l has another state, and no later one until then. */
#define STATE_AT(time)                                                                        \
	" l.correction = 0 AND l.time_us <= " time                                            \
	" AND coalesce((SELECT p.state" OTHERS("p") KEY("p") " < " KEY("l")                   \
	"  ORDER BY p.time_us DESC, p.state DESC, p.cause DESC, p.seq DESC LIMIT 1), '')"     \
	"  <> l.state"                                                                        \
	" AND NOT EXISTS (SELECT 1" OTHERS("n") "n.state <> l.state AND " KEY("n") " > "      \
	KEY("l") " AND n.time_us <= " time ")"

/* clang-format on */

/* In the order of the ledger, so that a page reads no more than its rows. */
static const char past_optouts_sql[] = EVIDENCE " FROM consent l" EVIDENCE_JOINS " WHERE" STATE_AT(
    "$3") " AND l.seq > $8" OPTOUT_FILTERS("l") " ORDER BY l.seq LIMIT $7";

#define OPTOUT_COLUMNS(ALL_SHOWN)                                                           \
	{"number", CELL_TEXT, .shown = true}, {"scope", CELL_TEXT, .shown = true},          \
	    {"state", CELL_TEXT, .shown = true, .words = "out|in"},                         \
	    {"since", CELL_TIME, .shown = true}, {"cause", CELL_TEXT, .shown = true},       \
	    {"message", CELL_TEXT, .nullable = true, .shown = ALL_SHOWN, .dispensable = 3}, \
	    {"workspace", CELL_TEXT, .shown = ALL_SHOWN, .dispensable = 2},                 \
	{                                                                                   \
		"campaign", CELL_TEXT, .shown = ALL_SHOWN, .dispensable = 1,                \
				       .if_empty = REPORT_UNTAGGED                          \
	}

static void
add_note(const struct query *query, struct report_row *row)
{
	struct slice scope = report_cell(&query->report, row, "scope")->text;
	if (!address_can_receive(address_kind(scope)))
		row->cells[report_index(&query->report, "note")] =
		    cell_text(SLICE(ADDRESS_CANNOT_RECEIVE));
}

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
	    .description = "Only states since then or later. A day means its first moment in tz."},
	{"to", QUERY_TO, .description = "Only states since before then; as with from."}, FORMAT,
	LIMIT, HTTP_NEXT, TZ},
    .sql = optouts_sql,
    .page_by = "seq",
    .sql_at = past_optouts_sql,
    .derive = add_note,
    .report = {"optouts",
	REPORT_COLUMNS(OPTOUT_COLUMNS(true),
	    {"note", CELL_TEXT, .derived = true, .nullable = true, .shown = true, .wraps = true,
		.words = ADDRESS_CANNOT_RECEIVE,
		.description = "Of a scope that is an alphanumeric sender, which cannot receive: "
			       "the person cannot opt in to it by text either; else null."})}};

const struct query query_consent_changes = {.path = "/v1/optouts/changes",
    .operation = "listConsentChanges",
    .title = "Changes of the opt-out list, to be followed by seq.",
    .answer = "A page of changes, the oldest first.",
    .list_schema = "ConsentChanges",
    .row_schema = "ConsentChange",
    .row_description = "A change of state.",
    .parameters = {{"after", QUERY_AFTER}, FORMAT, LIMIT, TZ},
    .sql = consent_changes_sql,
    .page_by = "seq",
    .report = {
	"changes", REPORT_COLUMNS({"seq", CELL_INT, .shown = true, .description = "Of the ledger."},
		       {"time", CELL_TIME, .shown = true}, {"number", CELL_TEXT, .shown = true},
		       {"scope", CELL_TEXT, .shown = true},
		       {"state", CELL_TEXT, .shown = true, .words = "out|in"},
		       {"cause", CELL_TEXT, .shown = true},
		       {"message", CELL_TEXT, .nullable = true}, {"workspace", CELL_TEXT},
		       {"campaign", CELL_TEXT, .shown = true, .if_empty = REPORT_UNTAGGED})}};

/* --- the scopes of one number --- */

/* The values' indexes, of query_scopes and query_number. */
enum { NUMBER, AT };

/* The number that is known for an address that is not a number. */
#define PERSON "coalesce((SELECT number FROM person WHERE alias = $1), $1)"

/* The source of both: the ledger has each number as address_of_person spells it. */
static enum result
ask_of_person(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	char made[ADDRESS_MAX];
	struct query_values of_person = *values;
	of_person.items[NUMBER].text = address_of_person(values->items[NUMBER].text, made);
	return query_ask_sql(reader, query, &of_person, on_row, context);
}

static const char scopes_sql[] =
    EVIDENCE " FROM optout o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
	     " WHERE o.number = " PERSON " ORDER BY o.scope";

static const char past_scopes_sql[] =
    EVIDENCE " FROM consent l" EVIDENCE_JOINS " WHERE l.number = " PERSON
	     " AND" STATE_AT("$2") " ORDER BY l.scope";

const struct query query_scopes = {.row_schema = "Scope",
    .row_description = "A number's state towards one messaging service or sender.",
    .parameters = {{"number", QUERY_NAME}, {"at", QUERY_AT}},
    .sql = scopes_sql,
    .source = ask_of_person,
    .sql_at = past_scopes_sql,
    .report = {
	"scopes", REPORT_COLUMNS({"scope", CELL_TEXT, .shown = true},
		      {"state", CELL_TEXT, .shown = true, .words = "out|in"},
		      {"since", CELL_TIME, .shown = true}, {"cause", CELL_TEXT, .shown = true},
		      {"message", CELL_TEXT, .nullable = true, .shown = true})}};

enum result
optouts_scopes(struct store_reader *reader, struct slice number, int64_t at_us, query_row_fn on_row,
    void *context)
{
	struct query_values values = query_values(&query_scopes);
	query_give(&query_scopes, &values, "number", number, 0);
	query_give(&query_scopes, &values, "at", SLICE_NONE, at_us);
	return query_ask(reader, &query_scopes, &values, on_row, context);
}

/* --- one number --- */

/* All evidence on one number, in its order. */
#define HISTORY(until)                                                                         \
	"SELECT l.time_us AS time, l.state AS state, l.cause AS cause, l.scope AS scope,"      \
	" coalesce(m.sid, e.sid) AS message, l.changed AS changed, e.body AS body,"            \
	" l.event_seq AS seq, l.place AS place FROM"                                           \
	" (SELECT time_us, state, cause, scope, event_seq,"                                    \
	"  coalesce(lag(state) OVER (PARTITION BY scope ORDER BY time_us, state, cause, seq)," \
	"   '') <> state AS changed,"                                                          \
	"  row_number() OVER (ORDER BY time_us, state, cause, seq) AS place FROM consent"      \
	"  WHERE number = " PERSON " AND correction = 0" until ") l" EVIDENCE_JOINS            \
	" WHERE l.place > $4 ORDER BY l.place LIMIT $5"

struct scopes {
	struct json_t *array;
	const struct time_zone *zone;
	bool out; /* of any */
};

static void
add_scope(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct scopes *scopes = context;
	struct slice state = report_cell(&query_scopes.report, row, "state")->text;
	json_push(scopes->array, report_json(&query_scopes.report, row, scopes->zone));
	scopes->out |= slice_equal(state, consent_name(CONSENT_OUT));
}

static enum result
put_scopes(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	(void)query;
	struct scopes scopes = {.array = json_new_array(), .zone = values->zone};
	struct slice number = values->items[NUMBER].text;
	enum result result =
	    optouts_scopes(reader, number, values->items[AT].number, add_scope, &scopes);
	json_put_text(object, "number", number);
	json_put_text(object, "state", consent_name(scopes.out ? CONSENT_OUT : CONSENT_IN));
	json_put(object, query_scopes.report.list_key, scopes.array);
	return result;
}

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
	{"at", QUERY_AT, .description = "As it was then; now, without it."}, FORMAT, OWN_NEXT,
	OWN_LIMIT, TZ},
    .is_short = true,
    .sql = HISTORY(""),
    .source = ask_of_person,
    .sql_at = HISTORY(" AND time_us <= $2"),
    .page_by = "place",
    .report = {"history",
	REPORT_COLUMNS({"time", CELL_TIME, .shown = true},
	    {"state", CELL_TEXT, .shown = true, .words = "out|in"},
	    {"cause", CELL_TEXT, .shown = true}, {"scope", CELL_TEXT, .shown = true},
	    {"message", CELL_TEXT, .nullable = true, .shown = true},
	    {"changed", CELL_BOOL, .shown = true,
		.description = "The state was another one before."},
	    {"body", CELL_TEXT, .nullable = true, .shown = true},
	    {"seq", CELL_INT, .description = "The event's."})},
    .members_source = put_scopes,
    .members = {
	NULL, REPORT_COLUMNS({"number", CELL_TEXT},
		  {"state", CELL_TEXT, .words = "out|in", .description = "out, if any scope is."},
		  {"scopes", CELL_LIST, .list = &query_scopes})}};

/* --- the number that a text means --- */

static void
count_row(void *context, const struct report_row *row, int64_t place)
{
	(void)row, (void)place;
	++*(size_t *)context;
}

enum result
optouts_find(struct store_reader *reader, const struct address_spellings *spellings, int64_t at_us,
    struct slice *out_number)
{
	bool is_found = false;
	struct slice found = SLICE_NONE;
	for (size_t i = 0; i < spellings->count; i++) {
		size_t count = 0;
		enum result result =
		    optouts_scopes(reader, spellings->items[i], at_us, count_row, &count);
		if (result != RESULT_OK)
			return result;
		if (count == 0)
			continue;
		if (is_found)
			return RESULT_LIMIT;
		is_found = true;
		found = spellings->items[i];
		if (spellings->bare_digits.ptr == NULL)
			break;
	}
	if (!is_found)
		return RESULT_NOT_FOUND;
	*out_number = found;
	return RESULT_OK;
}

/* --- numbers without a country code --- */

#define ENDING_MIN 7          /* digits of a number that an index has */
#define CANDIDATE_ROWS_MAX 50 /* of a number, on the average */

/* The expression of the index, which is SQLite's. */
#define ENDING "substr(number, -7) = substr($1, -7) AND number LIKE '%' || $1"

static const char ending_sql[] = EVIDENCE
    " FROM (SELECT number, scope, consent_seq FROM optout WHERE " ENDING
    "  ORDER BY number, scope LIMIT $3) o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
    " ORDER BY o.number, o.scope";

/* A number that is not in the table optout has no evidence either. */
static const char past_ending_sql[] = EVIDENCE
    " FROM consent l" EVIDENCE_JOINS " WHERE l.number IN (SELECT number FROM optout WHERE " ENDING
    ") AND" STATE_AT("$2") " ORDER BY l.number, l.scope LIMIT $3";

const struct query query_candidates = {
    .parameters = {{"digits", QUERY_TEXT}, {"at", QUERY_AT}, {"limit", QUERY_LIMIT}},
    .sql = ending_sql,
    .sql_at = past_ending_sql,
    .report = {"candidates", REPORT_COLUMNS(OPTOUT_COLUMNS(false))}};

struct candidates {
	struct slice channel;
	query_row_fn on_row;
	void *context;
	size_t count;
	struct buffer number; /* of the last row */
};

static struct slice
number_of(const struct report_row *row)
{
	return report_cell(&query_candidates.report, row, "number")->text;
}

/* Whether the row is of another number than the last one, which is noted in last. */
static bool
is_new_number(const struct report_row *row, struct buffer *last)
{
	struct slice number = number_of(row);
	if (slice_equal(number, buffer_slice(last)))
		return false;
	buffer_clear(last);
	buffer_append(last, number);
	return true;
}

static void
add_candidate(void *context, const struct report_row *row, int64_t place)
{
	struct candidates *candidates = context;
	if (!slice_starts_with(number_of(row), candidates->channel))
		return;
	candidates->count += is_new_number(row, &candidates->number);
	if (candidates->count <= OPTOUT_CANDIDATES_MAX)
		candidates->on_row(candidates->context, row, place);
}

/* Within a country a 0 may be dialled in front of a number, which does not end in it then. */
static struct slice
without_trunk_zero(struct slice digits)
{
	return slice_starts_with(digits, SLICE("0")) ? slice_from(digits, 1) : digits;
}

enum result
optouts_candidates(struct store_reader *reader, const struct address_spellings *spellings,
    int64_t at_us, query_row_fn on_row, void *context, size_t *out_count)
{
	struct query_values values = query_values(&query_candidates);
	struct candidates candidates = {
	    .channel = spellings->channel, .on_row = on_row, .context = context};
	const struct slice endings[] = {
	    spellings->bare_digits, without_trunk_zero(spellings->bare_digits)};
	enum result result = RESULT_OK;
	query_give(&query_candidates, &values, "at", SLICE_NONE, at_us);
	query_give(&query_candidates, &values, "limit", SLICE_NONE,
	    (int64_t)OPTOUT_CANDIDATES_MAX * CANDIDATE_ROWS_MAX);

	for (size_t i = 0; i < 2 && result == RESULT_OK && candidates.count == 0; i++) {
		query_give(&query_candidates, &values, "digits", endings[i], 0);
		if (endings[i].len >= ENDING_MIN)
			result = query_ask(
			    reader, &query_candidates, &values, add_candidate, &candidates);
	}
	if (result == RESULT_OK && candidates.number.failed)
		result = RESULT_NO_MEMORY;
	buffer_done(&candidates.number);
	if (result == RESULT_OK)
		*out_count = candidates.count;
	return result;
}

struct candidate_array {
	struct json_t *array, *scopes; /* scopes: of the last number */
	const struct time_zone *zone;
	struct buffer number;
};

static void
add_candidate_json(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct candidate_array *made = context;
	const struct report *report = &query_scopes.report;
	struct report_row scope = {0};
	if (is_new_number(row, &made->number)) {
		struct json_t *object = json_new_object();
		made->scopes = json_new_array();
		json_put_text(object, "number", number_of(row));
		json_put(object, report->list_key, made->scopes);
		json_push(made->array, object);
	}
	for (size_t i = 0; i < report->count; i++)
		scope.cells[i] =
		    *report_cell(&query_candidates.report, row, report->columns[i].name);
	json_push(made->scopes, report_json(report, &scope, made->zone));
}

enum result
optouts_candidates_json(struct store_reader *reader, const struct address_spellings *spellings,
    int64_t at_us, const struct time_zone *zone, struct json_t **out_array, size_t *out_count)
{
	struct candidate_array made = {.array = json_new_array(), .zone = zone};
	enum result result =
	    optouts_candidates(reader, spellings, at_us, add_candidate_json, &made, out_count);
	if (result == RESULT_OK && (made.array == NULL || made.number.failed))
		result = RESULT_NO_MEMORY;
	buffer_done(&made.number);
	if (result != RESULT_OK) {
		json_free(made.array);
		return result;
	}
	*out_array = made.array;
	return RESULT_OK;
}
