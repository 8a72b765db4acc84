#include "dlrd/engine/consent_table.h"

#include "dlrd/twilio/address.h"
#include "open_tables.h"
#include "sql.h"

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

/* Events whose evidence is not in the ledger. */
#define UNRECORDED                                                                               \
	" FROM event e" CONSENT_SCOPE_JOINS " WHERE e.consent IN ('in', 'out') AND e.peer <> ''" \
	" AND (p.service <> '' OR p.sender <> ''"                                                \
	"  OR " REFUSAL " AND p.account <> '')"                                                  \
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

struct consent_table {
	sqlite3 *db;
	sqlite3_stmt *state, *newest, *has, *append, *announced, *mark, *set, *forget, *derive,
	    *correct, *of_event, *withdraw, *remove, *time, *scopes, *unrecorded;
	/* A number becomes another: in this order. */
	sqlite3_stmt *copy_all, *remove_all, *withdraw_all, *correct_all, *forget_all;
};

#define FIELD(name) offsetof(struct consent_table, name)

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
    {"SELECT e.seq, " EVENT_PEER ", " CONSENT_SCOPE ", e.consent, e.cause, e.time_us" UNRECORDED
     " AND e.seq > ?1 ORDER BY e.seq LIMIT 1",
	FIELD(unrecorded)},
    {NULL, 0},
};

enum result
consent_table_open(sqlite3 *db, struct consent_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct consent_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

static void
bind_key(sqlite3_stmt *statement, struct slice number, struct slice scope)
{
	sqlite_bind_name(statement, 1, number);
	sqlite_bind_name(statement, 2, scope);
}

/* CONSENT_SILENT if the column has no such word. */
static enum consent
read_state(sqlite3_stmt *statement, int column)
{
	struct slice word = sqlite_column(statement, column);
	if (slice_equal(word, consent_name(CONSENT_OUT)))
		return CONSENT_OUT;
	return slice_equal(word, consent_name(CONSENT_IN)) ? CONSENT_IN : CONSENT_SILENT;
}

/* Reads the state in the first row of a statement whose key is bound. */
static enum result
find_state(sqlite3_stmt *statement, enum consent *out_state)
{
	int code = sqlite3_step(statement);
	*out_state = code == SQLITE_ROW ? read_state(statement, 0) : CONSENT_SILENT;
	sqlite3_reset(statement);
	return sqlite_result(code);
}

enum result
consent_table_listed(
    struct consent_table *table, struct slice number, struct slice scope, enum consent *out_state)
{
	bind_key(table->state, number, scope);
	return find_state(table->state, out_state);
}

enum result
consent_table_announced(
    struct consent_table *table, struct slice number, struct slice scope, enum consent *out_state)
{
	bind_key(table->announced, number, scope);
	return find_state(table->announced, out_state);
}

enum result
consent_table_list(struct consent_table *table, struct slice number, struct slice scope,
    enum consent state, int64_t seq)
{
	sqlite3_stmt *statement = state == CONSENT_SILENT ? table->forget : table->set;
	bind_key(statement, number, scope);
	if (state != CONSENT_SILENT) {
		sqlite_bind_text(statement, 3, consent_name(state));
		sqlite3_bind_int64(statement, 4, seq);
	}
	return sqlite_result(sqlite_run(statement));
}

enum result
consent_table_last_run(struct consent_table *table, struct slice number, struct slice scope,
    enum consent *out_state, int64_t *out_seq)
{
	bind_key(table->derive, number, scope);
	int code = sqlite3_step(table->derive);
	*out_state = code == SQLITE_ROW ? read_state(table->derive, 0) : CONSENT_SILENT;
	*out_seq = code == SQLITE_ROW ? sqlite3_column_int64(table->derive, 1) : 0;
	sqlite3_reset(table->derive);
	return sqlite_result(code);
}

enum result
consent_table_newest(
    struct consent_table *table, struct slice number, struct slice scope, int64_t *out_time_us)
{
	bind_key(table->newest, number, scope);
	int code = sqlite3_step(table->newest);
	*out_time_us =
	    code == SQLITE_ROW ? sqlite_column_or(table->newest, 0, INT64_MIN) : INT64_MIN;
	sqlite3_reset(table->newest);
	return sqlite_result(code);
}

enum result
consent_table_has(struct consent_table *table, struct slice number, struct slice scope,
    int64_t event_seq, bool *out_has)
{
	bind_key(table->has, number, scope);
	sqlite3_bind_int64(table->has, 3, event_seq);
	return sqlite_has_row(table->has, out_has);
}

enum result
consent_table_add(struct consent_table *table, const struct evidence *evidence, int64_t *out_seq)
{
	sqlite3_stmt *append = table->append;
	bind_key(append, evidence->number, evidence->scope);
	sqlite_bind_text(append, 3, consent_name(evidence->state));
	sqlite_bind_name(append, 4, evidence->cause);
	sqlite3_bind_int64(append, 5, evidence->event_seq);
	sqlite3_bind_int64(append, 6, evidence->time_us);
	int code = sqlite_run(append);
	*out_seq = sqlite3_last_insert_rowid(table->db);
	return sqlite_result(code);
}

enum result
consent_table_announce(struct consent_table *table, int64_t seq)
{
	sqlite3_bind_int64(table->mark, 1, seq);
	return sqlite_result(sqlite_run(table->mark));
}

enum result
consent_table_correct(
    struct consent_table *table, const struct evidence *evidence, enum consent state)
{
	bind_key(table->correct, evidence->number, evidence->scope);
	sqlite_bind_text(table->correct, 3, consent_name(state));
	sqlite3_bind_int64(table->correct, 4, evidence->event_seq);
	sqlite3_bind_int64(table->correct, 5, evidence->time_us);
	return sqlite_result(sqlite_run(table->correct));
}

/* Reads the evidence in the first row of a statement whose values are bound: seq, number, scope,
 * state, cause, time_us. seq is 0 if there is no row. */
static enum result
find_evidence(sqlite3_stmt *statement, struct arena *arena, struct evidence *out_evidence)
{
	struct evidence evidence = {.seq = 0};
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		evidence = (struct evidence){.seq = sqlite3_column_int64(statement, 0),
		    .number = arena_copy(arena, sqlite_column(statement, 1)),
		    .scope = arena_copy(arena, sqlite_column(statement, 2)),
		    .state = read_state(statement, 3),
		    .cause = arena_copy(arena, sqlite_column(statement, 4)),
		    .time_us = sqlite3_column_int64(statement, 5)};
	sqlite3_reset(statement);
	*out_evidence = evidence;
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

enum result
consent_table_of_event(struct consent_table *table, int64_t event_seq, struct slice scope,
    int64_t after_seq, struct arena *arena, struct evidence *out_evidence)
{
	sqlite3_bind_int64(table->of_event, 1, event_seq);
	sqlite_bind_text(table->of_event, 2, scope);
	sqlite3_bind_int64(table->of_event, 3, after_seq);
	enum result result = find_evidence(table->of_event, arena, out_evidence);
	out_evidence->event_seq = event_seq;
	return result;
}

enum result
consent_table_next_unrecorded(struct consent_table *table, int64_t after_event_seq,
    struct arena *arena, struct evidence *out_evidence)
{
	char made[ADDRESS_MAX];
	sqlite3_bind_int64(table->unrecorded, 1, after_event_seq);
	enum result result = find_evidence(table->unrecorded, arena, out_evidence);
	out_evidence->event_seq = out_evidence->seq;
	if (result == RESULT_OK && out_evidence->seq != 0)
		out_evidence->number =
		    arena_copy(arena, address_of_person(out_evidence->number, made));
	return arena->failed ? RESULT_NO_MEMORY : result;
}

enum result
consent_table_next_scope(struct consent_table *table, struct slice number, struct slice after_scope,
    struct arena *arena, struct evidence *out_evidence)
{
	struct evidence evidence = {.number = number, .scope = SLICE_NONE};
	bind_key(table->scopes, number, after_scope);
	int code = sqlite3_step(table->scopes);
	if (code == SQLITE_ROW) {
		evidence.scope = arena_copy(arena, sqlite_column(table->scopes, 0));
		evidence.event_seq = sqlite3_column_int64(table->scopes, 1);
		evidence.time_us = sqlite3_column_int64(table->scopes, 2);
	}
	sqlite3_reset(table->scopes);
	*out_evidence = evidence;
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

enum result
consent_table_withdraw(struct consent_table *table, int64_t seq)
{
	sqlite3_bind_int64(table->withdraw, 1, seq);
	sqlite3_bind_int64(table->remove, 1, seq);
	int code = sqlite_run(table->withdraw);
	return sqlite_result(code == SQLITE_OK ? sqlite_run(table->remove) : code);
}

enum result
consent_table_set_time(struct consent_table *table, int64_t seq, int64_t time_us)
{
	sqlite3_bind_int64(table->time, 1, seq);
	sqlite3_bind_int64(table->time, 2, time_us);
	return sqlite_result(sqlite_run(table->time));
}

enum result
consent_table_rename(
    struct consent_table *table, struct slice number, struct slice to_number, bool *out_changed)
{
	sqlite3_stmt *const steps[] = {table->copy_all, table->remove_all, table->withdraw_all,
	    table->correct_all, table->forget_all};
	const int before = sqlite3_total_changes(table->db);
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite_bind_text(steps[i], 1, number);
		if (sqlite3_bind_parameter_count(steps[i]) > 1)
			sqlite_bind_text(steps[i], 2, to_number);
		code = sqlite_run(steps[i]);
	}
	*out_changed = sqlite3_total_changes(table->db) != before;
	return sqlite_result(code);
}

enum result
consent_table_correct_all(struct consent_table *table)
{
	return sqlite_result(sqlite3_exec(table->db,
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
consent_table_audit(struct consent_table *table, uint64_t *out_states, uint64_t *out_wrong)
{
	static const char *const counts[] = {"SELECT count(*) FROM optout",
	    "SELECT count(*)" WRONG_STATES, "SELECT count(*)" WRONG_EVIDENCE,
	    "SELECT count(*)" WRONG_CHANGES, "SELECT count(*)" UNRECORDED};
	int64_t states = 0, wrong = 0;
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof counts / sizeof counts[0]; i++) {
		int64_t count = 0;
		code = sqlite_number(table->db, counts[i], &count);
		*(i == 0 ? &states : &wrong) += count;
	}
	*out_states = (uint64_t)states;
	*out_wrong = (uint64_t)wrong;
	return sqlite_result(code);
}

void
consent_table_close(struct consent_table *table)
{
	sqlite_free_owner(statements, table);
}
