#include "dlrd/engine/messages.h"

#include "dlrd/base/sqlite_rows.h"
#include "open_tables.h"
#include "sql.h"

#include <stdlib.h>
#include <string.h>

struct messages {
	sqlite3_stmt *find, *find_id, *each, *conflict, *failed, *last, *insert, *update,
	    *update_indexed;
	struct sqlite_rows written; /* by the statement that runs */
};

/* clang-format off */
/* The columns but id, sid, tagset_id and first_us: those of the state, and those that the index of
 * addresses holds, which hardly ever change after the first receipt. */
#define STATE(X) \
	X(provider_id, NUMBER, provider_id) X(status, SHORT, status) \
	X(outcome, NUMBER, outcome) X(conflict, NUMBER, conflict) \
	X(seen, SMALL, message.seen) X(first_final, SMALL, message.first_final) \
	X(opted_out, FLAG, message.opted_out) X(error_code, NUMBER, message.error_code) \
	X(last_us, NUMBER, message.last_us) X(sent_us, NUMBER, message.sent_us) \
	X(delivered_us, NUMBER, message.delivered_us) X(failed_us, NUMBER, message.failed_us) \
	X(canceled_us, NUMBER, message.canceled_us) X(read_us, NUMBER, message.read_us) \
	X(clicked_us, NUMBER, message.clicked_us) X(links, NUMBER, message.links) \
	X(left_us, NUMBER, message.left_us)
#define INDEXED(X) X(peer, SHORT, peer) X(received_us, NUMBER, message.received_us)
/* clang-format on */

#define NAME(name, type, field) ", " #name
#define SET(name, type, field) #name " = ?, "
#define READ(name, type, field) {#name, FIELD_##type, offsetof(struct message_row, field)},
#define WRITE(name, type, field) {#name, FIELD_##type, offsetof(struct message_write, row.field)},
#define READ_COLUMNS "id, tagset_id, first_us" STATE(NAME) INDEXED(NAME)
#define ALL_COLUMNS READ_COLUMNS ", sid"

static const struct sqlite_column columns[] = {READ(id, NUMBER, id) READ(tagset_id, NUMBER,
    tagset_id) READ(first_us, NUMBER, message.first_us) STATE(READ) INDEXED(READ)};
#define READ_COUNT (sizeof columns / sizeof columns[0])
static const struct sqlite_column written_columns[] = {
    {"sid", FIELD_TEXT, offsetof(struct message_write, sid)},
    WRITE(id, NUMBER, id) WRITE(tagset_id, NUMBER, tagset_id)
	WRITE(first_us, NUMBER, message.first_us) STATE(WRITE) INDEXED(WRITE)};

/* In the order of the values of the statements. */
static const struct sqlite_column updated_columns[] = {
    STATE(WRITE) WRITE(tagset_id, NUMBER, tagset_id) WRITE(id, NUMBER, id)};
static const struct sqlite_column indexed_columns[] = {
    INDEXED(WRITE) WRITE(first_us, NUMBER, message.first_us) WRITE(id, NUMBER, id)};

#define FIELD(name) offsetof(struct messages, name)

static const struct sqlite_statement statements[] = {
    {"SELECT " ALL_COLUMNS " FROM message WHERE sid = ?1", FIELD(find)},
    {"SELECT " ALL_COLUMNS " FROM message WHERE id = ?1", FIELD(find_id)},
    {"SELECT " READ_COLUMNS " FROM message ORDER BY id", FIELD(each)},
    {"SELECT id FROM message WHERE conflict = 1 AND id > ?1 ORDER BY id LIMIT 1", FIELD(conflict)},
    {"SELECT id FROM message WHERE (conflict = 1 OR outcome = 2) AND id > ?1 ORDER BY id LIMIT 1",
	FIELD(failed)},
    {"SELECT max(coalesce((SELECT max(id) FROM message WHERE id < " SQL_NUMBER_END "), 0),"
     " coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'message'), 0))",
	FIELD(last)},
    {"INSERT OR FAIL INTO message(" ALL_COLUMNS ") SELECT " ALL_COLUMNS " FROM written_message",
	FIELD(insert)},
    {"UPDATE message SET " STATE(SET) "tagset_id = ? WHERE id = ?", FIELD(update)},
    {"UPDATE message SET " INDEXED(SET) "first_us = ? WHERE id = ?", FIELD(update_indexed)},
    {NULL, 0},
};

enum result
messages_open(sqlite3 *db, struct messages **out_messages)
{
	struct messages *messages = calloc(1, sizeof *messages);
	int code = SQLITE_NOMEM;
	if (messages != NULL) {
		messages->written = (struct sqlite_rows){.columns = written_columns,
		    .column_count = sizeof written_columns / sizeof written_columns[0]};
		code = sqlite_rows_add(db, "written_message", &messages->written);
	}
	if (code == SQLITE_OK)
		code = sqlite_prepare_all(db, statements, messages);
	if (code != SQLITE_OK) {
		messages_close(messages);
		return sqlite_result(code);
	}

	*out_messages = messages;
	return RESULT_OK;
}

static enum result
read_found(sqlite3_stmt *statement, struct arena *arena, struct message_write *out_write)
{
	struct message_write found = {.row = {.message = MESSAGE_EMPTY}};
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		sqlite_read_row(statement, columns, READ_COUNT, arena, &found.row);
		found.stored = found.row;
		found.sid = arena_copy(arena, sqlite_column(statement, READ_COUNT));
	}
	sqlite3_reset(statement);
	if (arena->failed)
		return RESULT_NO_MEMORY;
	*out_write = found;
	return sqlite_result(code);
}

enum result
messages_find(struct messages *messages, struct slice sid, struct arena *arena,
    struct message_write *out_write)
{
	sqlite_bind_text(messages->find, 1, sid);
	return read_found(messages->find, arena, out_write);
}

enum result
messages_find_id(
    struct messages *messages, int64_t id, struct arena *arena, struct message_write *out_write)
{
	sqlite3_bind_int64(messages->find_id, 1, id);
	return read_found(messages->find_id, arena, out_write);
}

enum result
messages_last(struct messages *messages, int64_t *out_id)
{
	return sqlite_first_number(messages->last, out_id);
}

enum result
messages_each(struct messages *messages, message_fn on_message, void *context)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(messages->each)) == SQLITE_ROW) {
		struct message_row row = {.id = 0};
		sqlite_read_row(messages->each, columns, READ_COUNT, NULL, &row);
		result = on_message(context, &row);
	}

	sqlite3_reset(messages->each);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
messages_next_conflict(struct messages *messages, int64_t after_id, bool or_failed, int64_t *out_id)
{
	sqlite3_stmt *next = or_failed ? messages->failed : messages->conflict;
	sqlite3_bind_int64(next, 1, after_id);
	return sqlite_first_number(next, out_id);
}

/* Whether what the index of addresses holds is as it was. */
static bool
is_indexed_alike(const struct message_row *a, const struct message_row *b)
{
	return a->message.first_us == b->message.first_us &&
	       a->message.received_us == b->message.received_us &&
	       slice_equal(short_text_slice(&a->peer), short_text_slice(&b->peer));
}

static enum result
insert(struct messages *messages, struct message_write **writes, size_t count)
{
	if (count == 0)
		return RESULT_OK;
	messages->written.rows = (const void *const *)writes;
	messages->written.count = count;
	return sqlite_result(sqlite_run(messages->insert));
}

/* One statement over all rows would keep them in a temporary file. */
static enum result
update(struct messages *messages, const struct message_write *write)
{
	sqlite_bind_row(messages->update, updated_columns,
	    sizeof updated_columns / sizeof updated_columns[0], write);
	int code = sqlite_run(messages->update);
	if (code == SQLITE_OK && !is_indexed_alike(&write->stored, &write->row)) {
		sqlite_bind_row(messages->update_indexed, indexed_columns,
		    sizeof indexed_columns / sizeof indexed_columns[0], write);
		code = sqlite_run(messages->update_indexed);
	}
	return sqlite_result(code);
}

/* New ones first, in the order of their ids. */
static int
compare_writes(const void *a, const void *b)
{
	const struct message_write *x = *(struct message_write *const *)a;
	const struct message_write *y = *(struct message_write *const *)b;
	bool x_is_new = x->stored.id == 0, y_is_new = y->stored.id == 0;
	return x_is_new != y_is_new ? y_is_new - x_is_new
				    : (x->row.id > y->row.id) - (x->row.id < y->row.id);
}

enum result
messages_write(struct messages *messages, struct message_write **writes, size_t count)
{
	size_t added = 0;
	if (count > 1)
		qsort(writes, count, sizeof *writes, compare_writes);
	while (added < count && writes[added]->stored.id == 0)
		added++;

	enum result result = insert(messages, writes, added);
	for (size_t i = added; result == RESULT_OK && i < count; i++)
		result = update(messages, writes[i]);
	for (size_t i = 0; result == RESULT_OK && i < count; i++)
		writes[i]->stored = writes[i]->row;
	return result;
}

void
messages_close(struct messages *messages)
{
	sqlite_free_owner(statements, messages);
}
