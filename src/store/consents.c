#include "consents.h"

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/address.h"

#include <stdlib.h>

struct consents {
	sqlite3 *db;
	sqlite3_stmt *state, *has, *append, *set, *of_event, *remove, *move, *rename, *scopes,
	    *mark, *forget, *derive;
};

enum result
consents_open(sqlite3 *db, struct consents **out_consents)
{
	struct consents *consents = calloc(1, sizeof *consents);
	if (consents == NULL)
		return RESULT_NO_MEMORY;

	consents->db = db;
	const struct {
		const char *sql;
		sqlite3_stmt **statement;
	} rows[] = {
	    {"SELECT state FROM optout WHERE number = ?1 AND scope = ?2", &consents->state},
	    {"SELECT 1 FROM consent WHERE event_seq = ?3 AND number = ?1 AND scope = ?2",
		&consents->has},
	    {"INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)"
	     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		&consents->append},
	    {"INSERT INTO optout VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
	     " SET state = excluded.state, consent_seq = excluded.consent_seq",
		&consents->set},
	    {"SELECT seq, number, scope FROM consent WHERE event_seq = ?1"
	     " AND (?2 IS NULL OR scope = ?2) LIMIT 1",
		&consents->of_event},
	    {"DELETE FROM consent WHERE seq = ?1", &consents->remove},
	    {"UPDATE consent SET scope = ?2 WHERE seq = ?1", &consents->move},
	    {"UPDATE consent SET number = ?2 WHERE number = ?1", &consents->rename},
	    {"SELECT scope FROM consent WHERE number = ?1 AND scope > ?2 ORDER BY scope LIMIT 1",
		&consents->scopes},
	    {"UPDATE consent SET changed = e.changes FROM (SELECT seq, state IS NOT lag(state)"
	     " OVER (ORDER BY seq) AS changes FROM consent WHERE number = ?1 AND scope = ?2) e"
	     " WHERE e.seq = consent.seq AND e.changes <> consent.changed",
		&consents->mark},
	    {"DELETE FROM optout WHERE number = ?1 AND scope = ?2", &consents->forget},
	    {"INSERT INTO optout SELECT number, scope, state, seq FROM consent"
	     " WHERE number = ?1 AND scope = ?2 AND changed = 1 ORDER BY seq DESC LIMIT 1",
		&consents->derive},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++)
		code = sqlite_prepare(db, rows[i].sql, rows[i].statement);
	if (code != SQLITE_OK) {
		consents_close(consents);
		return sqlite_result(code);
	}

	*out_consents = consents;
	return RESULT_OK;
}

static void
bind_key(sqlite3_stmt *statement, struct slice number, struct slice scope, struct slice state)
{
	sqlite_bind_text(statement, 1, number);
	sqlite_bind_text(statement, 2, scope);
	if (state.ptr != NULL)
		sqlite_bind_text(statement, 3, state);
}

/* Whether the evidence would change the state of its number and scope. */
static enum result
would_change(struct consents *consents, struct slice number, struct slice scope, struct slice state,
    bool *out_changes)
{
	bind_key(consents->state, number, scope, SLICE_NONE);
	int code = sqlite3_step(consents->state);
	*out_changes = code != SQLITE_ROW || !slice_equal(sqlite_column(consents->state, 0), state);
	sqlite3_reset(consents->state);
	return sqlite_result(code);
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

	bind_key(consents->has, number, scope, SLICE_NONE);
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
	struct slice number = event->person;
	struct slice scope = scope_of(event);
	struct slice state = consent_name(event->consent);
	bool changes = false;

	*out_changed = false;
	if (number.len == 0 || scope.len == 0)
		return RESULT_OK;

	enum result result = would_change(consents, number, scope, state, &changes);
	if (result != RESULT_OK)
		return result;

	bind_key(consents->append, number, scope, state);
	sqlite_bind_name(consents->append, 4, event->cause);
	sqlite3_bind_int(consents->append, 5, changes);
	sqlite3_bind_int64(consents->append, 6, event_seq);
	sqlite3_bind_int64(consents->append, 7, event->time_us);
	int code = sqlite_run(consents->append);
	if (code == SQLITE_OK && changes) {
		bind_key(consents->set, number, scope, state);
		sqlite3_bind_int64(consents->set, 4, sqlite3_last_insert_rowid(consents->db));
		code = sqlite_run(consents->set);
	}

	*out_changed = changes;
	return sqlite_result(code);
}

/* Derives the state of a number and scope, and which evidence changed it. */
static int
derive_state(struct consents *consents, struct slice number, struct slice scope)
{
	sqlite3_stmt *const steps[] = {consents->mark, consents->forget, consents->derive};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof steps[0]; i++) {
		bind_key(steps[i], number, scope, SLICE_NONE);
		code = sqlite_run(steps[i]);
	}
	return code;
}

/* Removes the piece of evidence that the statement of_event is at, or moves it to another scope. */
static int
change_evidence(struct consents *consents, struct slice to_scope)
{
	sqlite3_stmt *row = consents->of_event;
	sqlite3_stmt *change = to_scope.ptr == NULL ? consents->remove : consents->move;
	struct slice number = sqlite_column(row, 1);

	sqlite3_bind_int64(change, 1, sqlite3_column_int64(row, 0));
	if (to_scope.ptr != NULL)
		sqlite_bind_text(change, 2, to_scope);
	int code = sqlite_run(change);
	if (code == SQLITE_OK)
		code = derive_state(consents, number, sqlite_column(row, 2));
	if (code == SQLITE_OK && to_scope.ptr != NULL)
		code = derive_state(consents, number, to_scope);
	return code;
}

/* Changes each piece of evidence of an event in the scope; absent scopes as in change_evidence. */
static enum result
change_all(struct consents *consents, int64_t event_seq, struct slice scope, struct slice to_scope,
    bool *out_changed)
{
	bool any = false;
	int code = SQLITE_DONE, changed = SQLITE_OK;

	sqlite3_bind_int64(consents->of_event, 1, event_seq);
	sqlite_bind_text(consents->of_event, 2, scope);
	while (changed == SQLITE_OK && (code = sqlite3_step(consents->of_event)) == SQLITE_ROW) {
		changed = change_evidence(consents, to_scope);
		any = true;
		sqlite3_reset(consents->of_event);
	}

	sqlite3_reset(consents->of_event);
	*out_changed = any;
	return sqlite_result(changed != SQLITE_OK ? changed : code);
}

enum result
consents_retract(struct consents *consents, int64_t event_seq)
{
	bool changed;
	return change_all(consents, event_seq, SLICE_NONE, SLICE_NONE, &changed);
}

enum result
consents_move(struct consents *consents, int64_t event_seq, struct slice scope,
    struct slice to_scope, bool *out_moved)
{
	*out_moved = false;
	if (slice_equal(scope, to_scope))
		return RESULT_OK;
	return change_all(consents, event_seq, scope, to_scope, out_moved);
}

/* Derives the number's states, one scope after the other. */
static enum result
derive_states(struct consents *consents, struct slice number)
{
	struct buffer scope = BUFFER_EMPTY;
	int code = SQLITE_ROW;

	while (code == SQLITE_ROW) {
		sqlite_bind_text(consents->scopes, 1, number);
		sqlite_bind_name(consents->scopes, 2, buffer_slice(&scope));
		struct buffer next = BUFFER_EMPTY;
		code = sqlite3_step(consents->scopes);
		if (code == SQLITE_ROW)
			buffer_append(&next, sqlite_column(consents->scopes, 0));
		sqlite3_reset(consents->scopes);
		buffer_done(&scope);
		scope = next;
		if (scope.failed)
			code = SQLITE_NOMEM;
		int derived = code == SQLITE_ROW
				  ? derive_state(consents, number, buffer_slice(&scope))
				  : SQLITE_OK;
		if (derived != SQLITE_OK)
			code = derived;
	}

	buffer_done(&scope);
	return sqlite_result(code);
}

enum result
consents_rename(struct consents *consents, struct slice number, struct slice to_number)
{
	sqlite3_stmt *forget_all = NULL;
	sqlite_bind_text(consents->rename, 1, number);
	sqlite_bind_text(consents->rename, 2, to_number);
	int code = sqlite_run(consents->rename);
	if (code != SQLITE_OK || sqlite3_changes(consents->db) == 0)
		return sqlite_result(code);

	code = sqlite_prepare(consents->db, "DELETE FROM optout WHERE number = ?1", &forget_all);
	if (code == SQLITE_OK) {
		sqlite_bind_text(forget_all, 1, number);
		code = sqlite_run(forget_all);
	}

	sqlite3_finalize(forget_all);
	return code == SQLITE_OK ? derive_states(consents, to_number) : sqlite_result(code);
}

/* Evidence with the state before it; 'changed' should be whether the two differ. */
#define EVIDENCE                                                   \
	"(SELECT seq, number, scope, state, changed, state IS NOT" \
	" lag(state) OVER (PARTITION BY number, scope ORDER BY seq) AS changes FROM consent)"

/* The last change of each number and scope. */
#define STATES                                                                  \
	"(SELECT number, scope, max(seq) AS seq FROM consent WHERE changed = 1" \
	" GROUP BY number, scope)"

/* Events whose evidence is not in the ledger. */
#define UNRECORDED                                                                          \
	" FROM event e" CONSENT_SCOPE_JOINS " WHERE e.consent IS NOT NULL AND e.peer <> ''" \
	" AND (p.service <> '' OR p.sender <> ''"                                           \
	"  OR " REFUSAL " AND p.account <> '')"                                             \
	" AND NOT EXISTS (SELECT 1 FROM consent l WHERE l.event_seq = e.seq)"

/* Restores evidence that only an event still has: at its old position if that is free, which
 * follows that of earlier events, else at the end. */
static enum result
restore_evidence(sqlite3 *db)
{
	sqlite3_stmt *unrecorded = NULL, *insert = NULL;
	int code = sqlite_prepare(db,
	    "SELECT e.seq, " EVENT_PEER ", " CONSENT_SCOPE
	    ", e.consent, e.cause, e.time_us" UNRECORDED " AND e.seq > ?1 ORDER BY e.seq LIMIT 1",
	    &unrecorded);
	if (code == SQLITE_OK)
		code = sqlite_prepare(db,
		    "INSERT INTO consent(seq, number, scope, state, cause, changed, event_seq,"
		    " time_us) SELECT iif(EXISTS(SELECT 1 FROM consent WHERE seq = x.place), NULL,"
		    " x.place), ?2, ?3, ?4, coalesce(?5, ''), 0, ?1, ?6 FROM (SELECT 1 +"
		    " coalesce((SELECT max(seq) FROM consent WHERE event_seq < ?1), 0) AS place) x",
		    &insert);
	enum result result = sqlite_result(code);
	for (int64_t seq = 0; result == RESULT_OK;) {
		char made[ADDRESS_MAX];
		sqlite3_bind_int64(unrecorded, 1, seq);
		code = sqlite3_step(unrecorded);
		if (code != SQLITE_ROW) {
			result = sqlite_result(code);
			break;
		}
		seq = sqlite3_column_int64(unrecorded, 0);
		sqlite3_bind_int64(insert, 1, seq);
		sqlite_bind_text(insert, 2, address_of_person(sqlite_column(unrecorded, 1), made));
		for (int column = 2; column < 5; column++)
			sqlite_bind_text(insert, column + 1, sqlite_column(unrecorded, column));
		sqlite3_bind_int64(insert, 6, sqlite3_column_int64(unrecorded, 5));
		result = sqlite_result(sqlite_run(insert));
		sqlite3_reset(unrecorded);
	}

	sqlite3_finalize(unrecorded);
	sqlite3_finalize(insert);
	return result;
}

enum result
consents_rebuild(struct consents *consents, uint64_t *out_mended)
{
	uint64_t states, wrong = 0;
	enum result result = consents_audit(consents->db, &states, &wrong);
	if (result != RESULT_OK || wrong == 0) {
		*out_mended = 0;
		return result;
	}

	result = restore_evidence(consents->db);
	if (result != RESULT_OK)
		return result;

	int code = sqlite3_exec(consents->db,
	    "UPDATE consent SET changed = e.changes FROM " EVIDENCE " e"
	    " WHERE e.seq = consent.seq AND e.changes <> consent.changed;"
	    "DELETE FROM optout;"
	    "INSERT INTO optout SELECT l.number, l.scope, l.state, l.seq FROM " STATES
	    " s JOIN consent l ON l.seq = s.seq",
	    NULL, NULL, NULL);
	*out_mended = wrong;
	return sqlite_result(code);
}

enum result
consents_audit(sqlite3 *db, uint64_t *out_states, uint64_t *out_wrong)
{
	int64_t states = 0, flags = 0, rows = 0, events = 0;
	int code = sqlite_number(db, "SELECT count(*) FROM optout", &states);
	if (code == SQLITE_OK)
		code = sqlite_number(
		    db, "SELECT count(*) FROM " EVIDENCE " WHERE changed <> changes", &flags);
	if (code == SQLITE_OK)
		code = sqlite_number(db,
		    "SELECT count(*) FROM (SELECT l.number, l.scope, l.state, l.seq FROM " STATES
		    " s JOIN consent l ON l.seq = s.seq) a FULL JOIN optout o"
		    " ON o.number = a.number AND o.scope = a.scope"
		    " WHERE o.state IS NOT a.state OR o.consent_seq IS NOT a.seq",
		    &rows);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*)" UNRECORDED, &events);
	if (code != SQLITE_OK)
		return sqlite_result(code);

	*out_states = (uint64_t)states;
	*out_wrong = (uint64_t)(flags + rows + events);
	return RESULT_OK;
}

void
consents_close(struct consents *consents)
{
	if (consents == NULL)
		return;
	sqlite3_stmt *statements[] = {consents->state, consents->has, consents->append,
	    consents->set, consents->of_event, consents->remove, consents->move, consents->rename,
	    consents->scopes, consents->mark, consents->forget, consents->derive};
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		sqlite3_finalize(statements[i]);
	free(consents);
}
