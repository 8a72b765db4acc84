#include "dlrd/engine/reply_table.h"

#include "dlrd/base/sqlite_rows.h"
#include "dlrd/model/status.h"
#include "open_tables.h"
#include "sql.h"

#include <stdlib.h>
#include <string.h>

struct reply_table {
	sqlite3_stmt *insert, *complete, *time, *answered_peers, *answered_sids, *of_peer,
	    *of_original, *all, *read, *by_sid, *before, *after, *correct;
	struct sqlite_rows answerables; /* of the statements that run */
};

/* As in the index message_peer: a person may have sent far more messages than were sent to them. */
#define OURS "received_us = 0"

/* Only messages that had left before the reply arrived can be answered. For a message that became
 * known later, or was scheduled, Twilio must report that it had left by then (?7). */
#define HAD_LEFT "left_us BETWEEN 1 AND ?7"
#define NOT_SCHEDULED "(seen & ?8 = 0 OR sent_us BETWEEN 1 AND ?7 OR " HAD_LEFT ")"

/* The nearest messages to a person are found first, and then those from the reply's sender. */
#define CANDIDATES(condition, order)                                                               \
	"SELECT x.id, x.tagset_id, t.campaign_id, x.first_us, x.outcome IN (2, 3) OR x.sent_us = " \
	"0, x.sid FROM"                                                                            \
	" (SELECT id, sid, tagset_id, provider_id, first_us, outcome, sent_us FROM message"        \
	"  WHERE peer = ?1 AND peer <> '' AND " OURS " AND first_us BETWEEN ?4 AND ?5"             \
	" AND " condition "  ORDER BY " order " LIMIT ?6) x"                                       \
	" JOIN provider p ON p.id = x.provider_id JOIN tagset t ON t.id = x.tagset_id"             \
	" WHERE p.sender = ?2 AND ?2 <> '' OR p.service = ?3 AND ?3 <> ''"

#define FIELD(name) offsetof(struct reply_table, name)

static const struct sqlite_statement statements[] = {
    {"INSERT INTO reply VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 'none', 0, NULL)"
     " ON CONFLICT DO NOTHING",
	FIELD(insert)},
    /* Of two senders or services the least, as the providers of a message are merged. */
    {"UPDATE reply SET peer = CASE WHEN peer = '' OR ?2 <> '' AND ?2 < peer THEN ?2 ELSE peer END,"
     " sender = CASE WHEN sender = '' OR ?3 <> '' AND ?3 < sender THEN ?3 ELSE sender END,"
     " service = CASE WHEN service = '' OR ?4 <> '' AND ?4 < service THEN ?4"
     " ELSE service END, time_us = min(time_us, ?7),"
     " original = min(coalesce(original, ?5), coalesce(?5, original)), tagset_id = (SELECT "
     "t.id"
     " FROM tagset t JOIN campaign c ON c.id = t.campaign_id"
     " WHERE t.id IN (reply.tagset_id, ?6)" TAGSET_PREFERENCE ") WHERE message_id = ?1",
	FIELD(complete)},
    {"UPDATE reply SET time_us = min(time_us, ?2) WHERE message_id = ?1", FIELD(time)},
    /* Hardly any of the messages of a batch has a reply yet. */
    {"SELECT a.number FROM answerable a WHERE EXISTS (SELECT 1 FROM reply WHERE peer = a.peer"
     " AND peer <> '' AND time_us BETWEEN a.first_us - ?1 AND a.first_us + ?2)",
	FIELD(answered_peers)},
    {"SELECT a.number FROM answerable a WHERE EXISTS (SELECT 1 FROM reply"
     " WHERE original = a.sid)",
	FIELD(answered_sids)},
    {"SELECT message_id FROM reply WHERE peer = ?1 AND peer <> ''"
     " AND time_us BETWEEN ?2 AND ?3 ORDER BY time_us DESC LIMIT ?4",
	FIELD(of_peer)},
    {"SELECT message_id FROM reply WHERE original = ?1 LIMIT ?2", FIELD(of_original)},
    {"SELECT message_id FROM reply", FIELD(all)},
    {"SELECT r.peer, r.sender, r.service, r.original, r.tagset_id, r.time_us, c.name <> '',"
     " r.rule, r.candidates, coalesce(r.answers, 0) FROM reply r"
     " JOIN tagset t ON t.id = r.tagset_id JOIN campaign c ON c.id = t.campaign_id"
     " WHERE r.message_id = ?1",
	FIELD(read)},
    {"SELECT id, tagset_id FROM message WHERE sid = ?1 AND " OURS, FIELD(by_sid)},
    {CANDIDATES(NOT_SCHEDULED, "first_us DESC, sid DESC"), FIELD(before)},
    {CANDIDATES(HAD_LEFT, "first_us, sid DESC"), FIELD(after)},
    {"UPDATE reply SET rule = ?2, candidates = ?3, answers = nullif(?4, 0)"
     " WHERE message_id = ?1",
	FIELD(correct)},
    {NULL, 0},
};

static const struct sqlite_column answerable_columns[] = {
    {"number", FIELD_NUMBER, offsetof(struct answerable, number)},
    {"sid", FIELD_TEXT, offsetof(struct answerable, sid)},
    {"peer", FIELD_TEXT, offsetof(struct answerable, peer)},
    {"first_us", FIELD_NUMBER, offsetof(struct answerable, first_us)}};

enum result
reply_table_open(sqlite3 *db, struct reply_table **out_table)
{
	struct reply_table *table = calloc(1, sizeof *table);
	int code = SQLITE_NOMEM;
	if (table != NULL) {
		table->answerables = (struct sqlite_rows){.columns = answerable_columns,
		    .column_count = sizeof answerable_columns / sizeof answerable_columns[0]};
		code = sqlite_rows_add(db, "answerable", &table->answerables);
	}
	if (code == SQLITE_OK)
		code = sqlite_prepare_all(db, statements, table);
	if (code != SQLITE_OK) {
		reply_table_close(table);
		return sqlite_result(code);
	}

	*out_table = table;
	return RESULT_OK;
}

static enum result
run_with(sqlite3_stmt *statement, const struct reply *reply)
{
	sqlite3_bind_int64(statement, 1, reply->message_id);
	sqlite_bind_name(statement, 2, reply->peer);
	sqlite_bind_name(statement, 3, reply->sender);
	sqlite_bind_name(statement, 4, reply->service);
	sqlite_bind_text(statement, 5, reply->original);
	sqlite3_bind_int64(statement, 6, reply->tagset_id);
	sqlite3_bind_int64(statement, 7, reply->time_us);
	return sqlite_result(sqlite_run(statement));
}

enum result
reply_table_add(struct reply_table *table, const struct reply *reply)
{
	return run_with(table->insert, reply);
}

enum result
reply_table_complete(struct reply_table *table, const struct reply *reply)
{
	return run_with(table->complete, reply);
}

enum result
reply_table_set_time(struct reply_table *table, int64_t message_id, int64_t time_us)
{
	sqlite3_bind_int64(table->time, 1, message_id);
	sqlite3_bind_int64(table->time, 2, time_us);
	return sqlite_result(sqlite_run(table->time));
}

/* Passes each id that the statement returns. */
static enum result
pass_ids(sqlite3_stmt *statement, reply_id_fn on_id, void *context)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		result = on_id(context, sqlite3_column_int64(statement, 0));
	sqlite3_reset(statement);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
reply_table_all(struct reply_table *table, reply_id_fn on_id, void *context)
{
	return pass_ids(table->all, on_id, context);
}

enum result
reply_table_of_peer(struct reply_table *table, struct slice peer, int64_t from_us, int64_t to_us,
    size_t limit, reply_id_fn on_id, void *context)
{
	sqlite_bind_text(table->of_peer, 1, peer);
	sqlite3_bind_int64(table->of_peer, 2, from_us);
	sqlite3_bind_int64(table->of_peer, 3, to_us);
	sqlite3_bind_int64(table->of_peer, 4, (sqlite3_int64)limit);
	return pass_ids(table->of_peer, on_id, context);
}

enum result
reply_table_of_original(
    struct reply_table *table, struct slice sid, size_t limit, reply_id_fn on_id, void *context)
{
	sqlite_bind_text(table->of_original, 1, sid);
	sqlite3_bind_int64(table->of_original, 2, (sqlite3_int64)limit);
	return pass_ids(table->of_original, on_id, context);
}

/* Passes each of the messages that the statement returns. */
static enum result
pass_answered(
    struct reply_table *table, sqlite3_stmt *answered, answered_fn on_answered, void *context)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(answered)) == SQLITE_ROW)
		result = on_answered(
		    context, table->answerables.rows[sqlite3_column_int64(answered, 0)]);
	sqlite3_reset(answered);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
reply_table_answered(struct reply_table *table, struct answerable **answerables, size_t count,
    int64_t before_us, int64_t after_us, answered_fn on_peer, answered_fn on_sid, void *context)
{
	table->answerables.rows = (const void *const *)answerables;
	table->answerables.count = count;
	for (size_t i = 0; i < count; i++)
		answerables[i]->number = (int64_t)i;
	if (count == 0)
		return RESULT_OK;

	sqlite3_bind_int64(table->answered_peers, 1, before_us);
	sqlite3_bind_int64(table->answered_peers, 2, after_us);
	enum result result = pass_answered(table, table->answered_peers, on_peer, context);
	return result == RESULT_OK ? pass_answered(table, table->answered_sids, on_sid, context)
				   : result;
}

enum result
reply_table_read(
    struct reply_table *table, int64_t message_id, struct arena *arena, struct reply_row *out_row)
{
	struct reply_row row = {.reply = {.message_id = 0}};
	sqlite3_stmt *read = table->read;
	sqlite3_bind_int64(read, 1, message_id);
	int code = sqlite3_step(read);
	if (code == SQLITE_ROW)
		row = (struct reply_row){.reply = {.message_id = message_id,
					     .peer = arena_copy(arena, sqlite_column(read, 0)),
					     .sender = arena_copy(arena, sqlite_column(read, 1)),
					     .service = arena_copy(arena, sqlite_column(read, 2)),
					     .original = arena_copy(arena, sqlite_column(read, 3)),
					     .tagset_id = sqlite3_column_int64(read, 4),
					     .time_us = sqlite3_column_int64(read, 5)},
		    .tagged = sqlite3_column_int(read, 6) != 0,
		    .rule = arena_copy(arena, sqlite_column(read, 7)),
		    .candidates = sqlite3_column_int64(read, 8),
		    .answers = sqlite3_column_int64(read, 9)};
	sqlite3_reset(read);
	*out_row = row;
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

static struct candidate
read_candidate(sqlite3_stmt *statement)
{
	struct candidate candidate = {.message_id = sqlite3_column_int64(statement, 0),
	    .tagset_id = sqlite3_column_int64(statement, 1),
	    .campaign_id = sqlite3_column_int64(statement, 2),
	    .first_us = sqlite3_column_int64(statement, 3),
	    .failed = sqlite3_column_int(statement, 4) != 0};
	struct slice sid = sqlite_column(statement, 5);

	candidate.sid_len = sid.len < sizeof candidate.sid ? sid.len : sizeof candidate.sid;
	if (candidate.sid_len > 0)
		memcpy(candidate.sid, sid.ptr, candidate.sid_len);
	return candidate;
}

enum result
reply_table_candidates(struct reply_table *table, const struct reply *reply, bool before,
    int64_t from_us, int64_t to_us, size_t limit, struct candidate *candidates, size_t *out_count)
{
	sqlite3_stmt *statement = before ? table->before : table->after;
	int code;
	sqlite_bind_name(statement, 1, reply->peer);
	sqlite_bind_name(statement, 2, reply->sender);
	sqlite_bind_name(statement, 3, reply->service);
	sqlite3_bind_int64(statement, 4, from_us);
	sqlite3_bind_int64(statement, 5, to_us);
	sqlite3_bind_int64(statement, 6, (sqlite3_int64)limit);
	sqlite3_bind_int64(statement, 7, reply->time_us);
	sqlite3_bind_int64(statement, 8, STATUS_BIT(STATUS_SCHEDULED));
	*out_count = 0;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		candidates[(*out_count)++] = read_candidate(statement);
	sqlite3_reset(statement);
	return sqlite_result(code);
}

enum result
reply_table_original(
    struct reply_table *table, struct slice sid, int64_t *out_message_id, int64_t *out_tagset_id)
{
	sqlite_bind_text(table->by_sid, 1, sid);
	int code = sqlite3_step(table->by_sid);
	*out_message_id = *out_tagset_id = 0;
	if (code == SQLITE_ROW) {
		*out_message_id = sqlite3_column_int64(table->by_sid, 0);
		*out_tagset_id = sqlite3_column_int64(table->by_sid, 1);
	}
	sqlite3_reset(table->by_sid);
	return sqlite_result(code);
}

enum result
reply_table_attribute(struct reply_table *table, int64_t message_id, struct slice rule,
    int64_t candidates, int64_t answers)
{
	sqlite3_bind_int64(table->correct, 1, message_id);
	sqlite_bind_text(table->correct, 2, rule);
	sqlite3_bind_int64(table->correct, 3, candidates);
	sqlite3_bind_int64(table->correct, 4, answers);
	return sqlite_result(sqlite_run(table->correct));
}

void
reply_table_close(struct reply_table *table)
{
	sqlite_free_owner(statements, table);
}
