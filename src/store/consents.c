#include "consents.h"

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/address.h"

#include <stdlib.h>

/* Evidence is in the order that decides: by arrival; of two pieces with the same time an opt-out
 * counts. */
#define IN_ORDER "ORDER BY time_us, state, cause, seq"

/* The last run of evidence with the same state, of each number and scope: its first row has the
 * current state and its start. */
#define LAST_RUNS                                                                           \
	"(SELECT number, scope, state, seq, max(n) FROM (SELECT number, scope, state, seq," \
	" state IS NOT lag(state) OVER w AS starts, row_number() OVER w AS n FROM consent"  \
	" WHERE correction = 0 WINDOW w AS (PARTITION BY number, scope " IN_ORDER           \
	")) WHERE starts GROUP BY number, scope)"

/* The same of one number and scope, from the ends of an index: the time of the latest evidence of
 * each state, and the first evidence of the later one after the other. */
#define LATEST(state)                                                            \
	"(SELECT max(time_us) FROM consent WHERE number = ?1 AND scope = ?2 AND" \
	" correction = 0 AND state = '" state "')"
#define LAST_RUN                                                                                  \
	"SELECT c.state, c.seq FROM (SELECT o, i, o IS NOT NULL AND o >= coalesce(i, o)"          \
	"  AS is_out FROM (SELECT " LATEST("out") " AS o, " LATEST(                               \
	    "in") " AS i)) x"                                                                     \
		  " JOIN consent c ON c.number = ?1 AND c.scope = ?2 AND c.correction = 0"        \
		  " AND c.state = iif(x.is_out, 'out', 'in')"                                     \
		  " AND c.time_us >= coalesce(iif(x.is_out, x.i, x.o + 1), -9223372036854775808)" \
		  " ORDER BY c.time_us, c.cause, c.seq LIMIT 1"

struct consents {
	sqlite3 *db;
	sqlite3_stmt *state, *newest, *has, *append, *announced, *mark, *set, *forget, *derive,
	    *correct, *of_event, *withdraw, *remove, *time, *scopes;
	/* A number becomes another: in this order. */
	sqlite3_stmt *copy_all, *remove_all, *withdraw_all, *correct_all, *forget_all;
};

#define FIELD(name) offsetof(struct consents, name)

static const struct sqlite_statement statements[] = {
    {"SELECT state FROM optout WHERE number = ?1 AND scope = ?2", FIELD(state)},
    {"SELECT max(time_us) FROM consent WHERE number = ?1 AND scope = ?2 AND correction = 0",
	FIELD(newest)},
    /* With the plus signs, the index of events finds it: a number may have much evidence. */
    {"SELECT 1 FROM consent WHERE event_seq = ?3 AND +number = ?1 AND +scope = ?2"
     " AND correction = 0",
	FIELD(has)},
    {"INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)"
     " VALUES(?1, ?2, ?3, ?4, 0, ?5, ?6)",
	FIELD(append)},
    {"SELECT state FROM consent WHERE number = ?1 AND scope = ?2 AND changed = 1"
     " ORDER BY seq DESC LIMIT 1",
	FIELD(announced)},
    {"UPDATE consent SET changed = 1 WHERE seq = ?1", FIELD(mark)},
    {"INSERT INTO optout VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
     " SET state = excluded.state, consent_seq = excluded.consent_seq",
	FIELD(set)},
    {"DELETE FROM optout WHERE number = ?1 AND scope = ?2", FIELD(forget)},
    {LAST_RUN, FIELD(derive)},
    {"INSERT INTO consent(number, scope, state, cause, changed, correction, event_seq,"
     " time_us) VALUES(?1, ?2, ?3, 'correction', 1, 1, ?4, ?5)",
	FIELD(correct)},
    {"SELECT seq, number, scope, state, cause, time_us FROM consent WHERE event_seq = ?1"
     " AND (?2 IS NULL OR scope = ?2) AND correction = 0 AND seq > ?3 ORDER BY seq LIMIT 1",
	FIELD(of_event)},
    {"UPDATE consent SET correction = 1 WHERE seq = ?1 AND changed = 1", FIELD(withdraw)},
    {"DELETE FROM consent WHERE seq = ?1 AND changed = 0", FIELD(remove)},
    {"UPDATE consent SET time_us = ?2 WHERE seq = ?1", FIELD(time)},
    {"SELECT scope, max(event_seq), time_us FROM consent WHERE number = ?1 AND correction = 0"
     " AND scope > ?2 GROUP BY scope ORDER BY scope LIMIT 1",
	FIELD(scopes)},
    {"INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)"
     " SELECT ?2, scope, state, cause, 0, event_seq, time_us FROM consent c"
     " WHERE number = ?1 AND correction = 0 AND NOT EXISTS (SELECT 1 FROM consent x"
     "  WHERE x.event_seq = c.event_seq AND +x.number = ?2 AND +x.scope = c.scope"
     "  AND x.correction = 0) ORDER BY seq",
	FIELD(copy_all)},
    {"DELETE FROM consent WHERE number = ?1 AND correction = 0 AND changed = 0", FIELD(remove_all)},
    {"UPDATE consent SET correction = 1 WHERE number = ?1 AND correction = 0", FIELD(withdraw_all)},
    {"INSERT INTO consent(number, scope, state, cause, changed, correction, event_seq, time_us)"
     " SELECT ?1, scope, 'in', 'correction', 1, 1, event_seq, time_us FROM"
     " (SELECT scope, state, event_seq, time_us, max(seq) FROM consent"
     "  WHERE number = ?1 AND changed = 1 GROUP BY scope) WHERE state = 'out'",
	FIELD(correct_all)},
    {"DELETE FROM optout WHERE number = ?1", FIELD(forget_all)},
    {NULL, 0},
};

enum result
consents_open(sqlite3 *db, struct consents **out_consents)
{
	struct consents *consents = calloc(1, sizeof *consents);
	int code = sqlite_prepare_all(db, statements, consents);
	if (code != SQLITE_OK) {
		consents_close(consents);
		return sqlite_result(code);
	}

	consents->db = db;
	*out_consents = consents;
	return RESULT_OK;
}

static void
bind_key(sqlite3_stmt *statement, struct slice number, struct slice scope)
{
	sqlite_bind_name(statement, 1, number);
	sqlite_bind_name(statement, 2, scope);
}

/* Whether the list says otherwise of the number and scope than state; absent: that it is not on the
 * list. */
static enum result
is_other_state(struct consents *consents, struct slice number, struct slice scope,
    struct slice state, bool *out_is_other)
{
	bind_key(consents->state, number, scope);
	int code = sqlite3_step(consents->state);
	bool is_listed = code == SQLITE_ROW;
	*out_is_other = is_listed != (state.ptr != NULL) ||
			(is_listed && !slice_equal(sqlite_column(consents->state, 0), state));
	sqlite3_reset(consents->state);
	return sqlite_result(code);
}

static int
set_state(struct consents *consents, struct slice number, struct slice scope, struct slice state,
    int64_t seq)
{
	bind_key(consents->set, number, scope);
	sqlite_bind_text(consents->set, 3, state);
	sqlite3_bind_int64(consents->set, 4, seq);
	return sqlite_run(consents->set);
}

/* A piece of evidence. */
struct evidence {
	struct slice number, scope, state, cause;
	int64_t event_seq, time_us;
};

/* Announces the state (absent: the number is not on the list) to followers, unless the last row
 * that they read has it. The evidence at seq, which was appended just now, is the announcement if
 * it has that state; else, or if seq is 0, a correction is appended. */
static enum result
announce(
    struct consents *consents, const struct evidence *evidence, int64_t seq, struct slice state)
{
	struct slice wanted = state.ptr == NULL ? SLICE("in") : state;
	bind_key(consents->announced, evidence->number, evidence->scope);
	int code = sqlite3_step(consents->announced);
	bool is_known = code == SQLITE_ROW
			    ? slice_equal(sqlite_column(consents->announced, 0), wanted)
			    : state.ptr == NULL;
	sqlite3_reset(consents->announced);
	if (is_known || (code != SQLITE_ROW && code != SQLITE_DONE))
		return sqlite_result(code);

	if (seq != 0 && slice_equal(evidence->state, wanted)) {
		sqlite3_bind_int64(consents->mark, 1, seq);
		return sqlite_result(sqlite_run(consents->mark));
	}
	bind_key(consents->correct, evidence->number, evidence->scope);
	sqlite_bind_text(consents->correct, 3, wanted);
	sqlite3_bind_int64(consents->correct, 4, evidence->event_seq);
	sqlite3_bind_int64(consents->correct, 5, evidence->time_us);
	return sqlite_result(sqlite_run(consents->correct));
}

/* Derives the state of the evidence's number and scope from all evidence on them. seq is the
 * evidence if it was appended just now; 0: it changed or went. */
static enum result
derive_state(
    struct consents *consents, const struct evidence *evidence, int64_t seq, bool *out_changed)
{
	struct slice number = evidence->number, scope = evidence->scope;
	bind_key(consents->derive, number, scope);
	int code = sqlite3_step(consents->derive);
	bool is_known = code == SQLITE_ROW, is_other = false;
	struct slice state = is_known ? sqlite_column(consents->derive, 0) : SLICE_NONE;
	enum result result = sqlite_result(code);

	if (result == RESULT_OK)
		result = is_other_state(consents, number, scope, state, &is_other);
	if (result == RESULT_OK && is_known)
		result = sqlite_result(set_state(
		    consents, number, scope, state, sqlite3_column_int64(consents->derive, 1)));
	else if (result == RESULT_OK) {
		bind_key(consents->forget, number, scope);
		result = sqlite_result(sqlite_run(consents->forget));
	}
	if (result == RESULT_OK)
		result = announce(consents, evidence, seq, state);
	sqlite3_reset(consents->derive);
	*out_changed |= is_other;
	return result;
}

/* Whether all evidence of the number and scope arrived before time_us: new evidence alone decides
 * then. */
static enum result
is_newest(struct consents *consents, struct slice number, struct slice scope, int64_t time_us,
    bool *out_newest)
{
	bind_key(consents->newest, number, scope);
	int code = sqlite3_step(consents->newest);
	*out_newest =
	    code == SQLITE_ROW && (sqlite3_column_type(consents->newest, 0) == SQLITE_NULL ||
				      sqlite3_column_int64(consents->newest, 0) < time_us);
	sqlite3_reset(consents->newest);
	return sqlite_result(code);
}

static enum result
put(struct consents *consents, const struct evidence *evidence, bool *out_changed)
{
	struct slice number = evidence->number, scope = evidence->scope, state = evidence->state;
	bool newest = false, changes = false;
	enum result result = is_newest(consents, number, scope, evidence->time_us, &newest);
	if (result != RESULT_OK)
		return result;

	bind_key(consents->append, number, scope);
	sqlite_bind_text(consents->append, 3, state);
	sqlite_bind_name(consents->append, 4, evidence->cause);
	sqlite3_bind_int64(consents->append, 5, evidence->event_seq);
	sqlite3_bind_int64(consents->append, 6, evidence->time_us);
	result = sqlite_result(sqlite_run(consents->append));
	int64_t seq = sqlite3_last_insert_rowid(consents->db);
	if (result != RESULT_OK || !newest)
		return result != RESULT_OK ? result
					   : derive_state(consents, evidence, seq, out_changed);

	result = is_other_state(consents, number, scope, state, &changes);
	if (result == RESULT_OK && changes)
		result = sqlite_result(set_state(consents, number, scope, state, seq));
	if (result == RESULT_OK && changes)
		result = announce(consents, evidence, seq, state);
	*out_changed |= changes;
	return result;
}

static struct slice
scope_of(const struct event *event)
{
	return event->service.len > 0 ? event->service : event_sender(event);
}

enum result
consents_has(struct consents *consents, const struct event *event, int64_t event_seq, bool *out_has)
{
	struct slice number = event->person, scope = scope_of(event);
	*out_has = true;
	if (number.len == 0 || scope.len == 0)
		return RESULT_OK;

	bind_key(consents->has, number, scope);
	sqlite3_bind_int64(consents->has, 3, event_seq);
	int code = sqlite3_step(consents->has);
	*out_has = code == SQLITE_ROW;
	sqlite3_reset(consents->has);
	return sqlite_result(code);
}

enum result
consents_add(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_changed)
{
	const struct evidence evidence = {.number = event->person,
	    .scope = scope_of(event),
	    .state = consent_name(event->consent),
	    .cause = event->cause,
	    .event_seq = event_seq,
	    .time_us = event->time_us};

	*out_changed = false;
	if (evidence.number.len == 0 || evidence.scope.len == 0)
		return RESULT_OK;
	return put(consents, &evidence, out_changed);
}

/* Steps to the event's evidence after the row after_seq, in that scope or (absent) any. Returns
 * SQLITE_ROW if there is any; the statement of_event must be reset then. */
static int
next_of_event(struct consents *consents, int64_t event_seq, struct slice scope, int64_t after_seq)
{
	sqlite3_bind_int64(consents->of_event, 1, event_seq);
	sqlite_bind_text(consents->of_event, 2, scope);
	sqlite3_bind_int64(consents->of_event, 3, after_seq);
	int code = sqlite3_step(consents->of_event);
	if (code != SQLITE_ROW)
		sqlite3_reset(consents->of_event);
	return code;
}

/* The evidence that the statement of_event is at, borrowed until that is reset. */
static struct evidence
read_evidence(const struct consents *consents, int64_t event_seq)
{
	sqlite3_stmt *row = consents->of_event;
	return (struct evidence){.number = sqlite_column(row, 1),
	    .scope = sqlite_column(row, 2),
	    .state = sqlite_column(row, 3),
	    .cause = sqlite_column(row, 4),
	    .event_seq = event_seq,
	    .time_us = sqlite3_column_int64(row, 5)};
}

/* Removes the evidence that the statement of_event is at, or puts it into another scope. A row that
 * followers read stays, and is no evidence any more. */
static enum result
move_evidence(
    struct consents *consents, int64_t event_seq, struct slice to_scope, bool *out_changed)
{
	sqlite3_stmt *const steps[] = {consents->withdraw, consents->remove};
	struct evidence evidence = read_evidence(consents, event_seq);
	enum result result = RESULT_OK;

	for (size_t i = 0; result == RESULT_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_bind_int64(steps[i], 1, sqlite3_column_int64(consents->of_event, 0));
		result = sqlite_result(sqlite_run(steps[i]));
	}
	if (result == RESULT_OK)
		result = derive_state(consents, &evidence, 0, out_changed);
	evidence.scope = to_scope;
	return result == RESULT_OK && to_scope.ptr != NULL ? put(consents, &evidence, out_changed)
							   : result;
}

/* Moves or removes each piece of evidence of an event in the scope. */
static enum result
move_all(struct consents *consents, int64_t event_seq, struct slice scope, struct slice to_scope,
    bool *out_changed)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;

	while (result == RESULT_OK &&
	       (code = next_of_event(consents, event_seq, scope, 0)) == SQLITE_ROW) {
		result = move_evidence(consents, event_seq, to_scope, out_changed);
		sqlite3_reset(consents->of_event);
	}
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
consents_retract(struct consents *consents, int64_t event_seq)
{
	bool changed = false;
	return move_all(consents, event_seq, SLICE_NONE, SLICE_NONE, &changed);
}

enum result
consents_move(struct consents *consents, int64_t event_seq, struct slice scope,
    struct slice to_scope, bool *out_changed)
{
	*out_changed = false;
	if (slice_equal(scope, to_scope))
		return RESULT_OK;
	return move_all(consents, event_seq, scope, to_scope, out_changed);
}

enum result
consents_set_time(struct consents *consents, int64_t event_seq, int64_t time_us)
{
	enum result result = RESULT_OK;
	bool changed = false;
	int64_t seq = 0;
	int code = SQLITE_DONE;

	while (result == RESULT_OK &&
	       (code = next_of_event(consents, event_seq, SLICE_NONE, seq)) == SQLITE_ROW) {
		seq = sqlite3_column_int64(consents->of_event, 0);
		sqlite3_bind_int64(consents->time, 1, seq);
		sqlite3_bind_int64(consents->time, 2, time_us);
		result = sqlite_result(sqlite_run(consents->time));
		struct evidence evidence = read_evidence(consents, event_seq);
		evidence.time_us = time_us;
		if (result == RESULT_OK)
			result = derive_state(consents, &evidence, 0, &changed);
		sqlite3_reset(consents->of_event);
	}
	return result != RESULT_OK ? result : sqlite_result(code);
}

/* Derives the number's states, one scope after the other. */
static enum result
derive_states(struct consents *consents, struct slice number)
{
	struct buffer scope = BUFFER_EMPTY;
	enum result result = RESULT_OK;
	int code = SQLITE_ROW;

	while (result == RESULT_OK && code == SQLITE_ROW) {
		bool changed = false;
		bind_key(consents->scopes, number, buffer_slice(&scope));
		code = sqlite3_step(consents->scopes);
		struct evidence evidence = {.number = number};
		buffer_clear(&scope);
		if (code == SQLITE_ROW) {
			evidence.event_seq = sqlite3_column_int64(consents->scopes, 1);
			evidence.time_us = sqlite3_column_int64(consents->scopes, 2);
			buffer_append(&scope, sqlite_column(consents->scopes, 0));
		}
		sqlite3_reset(consents->scopes);
		result = scope.failed ? RESULT_NO_MEMORY : sqlite_result(code);
		evidence.scope = buffer_slice(&scope);
		if (result == RESULT_OK && code == SQLITE_ROW)
			result = derive_state(consents, &evidence, 0, &changed);
	}

	buffer_done(&scope);
	return result;
}

/* Evidence that an event states for both numbers counts once. Followers learn that the old number
 * is on the list no more. */
enum result
consents_rename(struct consents *consents, struct slice number, struct slice to_number)
{
	sqlite3_stmt *const steps[] = {consents->copy_all, consents->remove_all,
	    consents->withdraw_all, consents->correct_all, consents->forget_all};
	const int before = sqlite3_total_changes(consents->db);
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite_bind_text(steps[i], 1, number);
		if (sqlite3_bind_parameter_count(steps[i]) > 1)
			sqlite_bind_text(steps[i], 2, to_number);
		code = sqlite_run(steps[i]);
	}
	return code == SQLITE_OK && sqlite3_total_changes(consents->db) != before
		   ? derive_states(consents, to_number)
		   : sqlite_result(code);
}

/* Events whose evidence is not in the ledger. */
#define UNRECORDED                                                                          \
	" FROM event e" CONSENT_SCOPE_JOINS " WHERE e.consent IS NOT NULL AND e.peer <> ''" \
	" AND (p.service <> '' OR p.sender <> ''"                                           \
	"  OR " REFUSAL " AND p.account <> '')"                                             \
	" AND NOT EXISTS (SELECT 1 FROM consent l WHERE l.event_seq = e.seq AND l.correction = 0)"

/* Evidence that does not say what its event says. */
#define WRONG_EVIDENCE                                                               \
	" FROM consent l JOIN event e ON e.seq = l.event_seq WHERE l.correction = 0" \
	" AND (l.time_us <> e.time_us OR l.state <> e.consent)"

/* Rows of the list that do not follow from the evidence. */
#define WRONG_STATES                                                      \
	" FROM " LAST_RUNS " a FULL JOIN optout o ON o.number = a.number" \
	" AND o.scope = a.scope WHERE o.state IS NOT a.state OR o.consent_seq IS NOT a.seq"

/* States of which followers read another one last. */
#define WRONG_CHANGES                                                                   \
	" FROM (SELECT number, scope, state, event_seq, time_us, max(seq) FROM consent" \
	"  WHERE changed = 1 GROUP BY number, scope) f FULL JOIN optout o"              \
	" ON o.number = f.number AND o.scope = f.scope LEFT JOIN consent l"             \
	" ON l.seq = o.consent_seq WHERE coalesce(f.state, 'in') <> coalesce(o.state, 'in')"

/* Restores evidence that only an event still has. */
static enum result
restore_evidence(struct consents *consents)
{
	sqlite3_stmt *unrecorded = NULL;
	int code = sqlite_prepare(consents->db,
	    "SELECT e.seq, " EVENT_PEER ", " CONSENT_SCOPE
	    ", e.consent, e.cause, e.time_us" UNRECORDED " AND e.seq > ?1 ORDER BY e.seq LIMIT 1",
	    &unrecorded);
	enum result result = sqlite_result(code);

	for (int64_t seq = 0; result == RESULT_OK;) {
		char made[ADDRESS_MAX];
		bool changed = false;
		sqlite3_bind_int64(unrecorded, 1, seq);
		code = sqlite3_step(unrecorded);
		if (code != SQLITE_ROW) {
			result = sqlite_result(code);
			break;
		}
		seq = sqlite3_column_int64(unrecorded, 0);
		const struct evidence evidence = {
		    .number = address_of_person(sqlite_column(unrecorded, 1), made),
		    .scope = sqlite_column(unrecorded, 2),
		    .state = sqlite_column(unrecorded, 3),
		    .cause = sqlite_column(unrecorded, 4),
		    .event_seq = seq,
		    .time_us = sqlite3_column_int64(unrecorded, 5)};
		result = put(consents, &evidence, &changed);
		sqlite3_reset(unrecorded);
	}

	sqlite3_finalize(unrecorded);
	return result;
}

enum result
consents_rebuild(struct consents *consents, uint64_t *out_mended)
{
	uint64_t states, wrong = 0;
	enum result result = consents_audit(consents->db, &states, &wrong);
	*out_mended = wrong;
	if (result != RESULT_OK || wrong == 0)
		return result;

	result = restore_evidence(consents);
	if (result != RESULT_OK)
		return result;
	return sqlite_result(sqlite3_exec(consents->db,
	    "UPDATE consent SET time_us = e.time_us, state = coalesce(e.consent, state) FROM event "
	    "e"
	    " WHERE e.seq = event_seq AND correction = 0"
	    " AND (consent.time_us <> e.time_us OR consent.state <> e.consent);"
	    "DELETE FROM optout;"
	    "INSERT INTO optout SELECT number, scope, state, seq FROM " LAST_RUNS ";"
	    "INSERT INTO consent(number, scope, state, cause, changed, correction, event_seq,"
	    " time_us) SELECT coalesce(o.number, f.number), coalesce(o.scope, f.scope),"
	    " coalesce(o.state, 'in'), 'correction', 1, 1, coalesce(l.event_seq, f.event_seq),"
	    " coalesce(l.time_us, f.time_us)" WRONG_CHANGES,
	    NULL, NULL, NULL));
}

enum result
consents_audit(sqlite3 *db, uint64_t *out_states, uint64_t *out_wrong)
{
	int64_t states = 0, rows = 0, evidence = 0, changes = 0, events = 0;
	int code = sqlite_number(db, "SELECT count(*) FROM optout", &states);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*)" WRONG_STATES, &rows);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*)" WRONG_EVIDENCE, &evidence);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*)" WRONG_CHANGES, &changes);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*)" UNRECORDED, &events);
	if (code != SQLITE_OK)
		return sqlite_result(code);

	*out_states = (uint64_t)states;
	*out_wrong = (uint64_t)(rows + evidence + changes + events);
	return RESULT_OK;
}

void
consents_close(struct consents *consents)
{
	sqlite_finalize_all(statements, consents);
	free(consents);
}
