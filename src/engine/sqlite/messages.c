#include "dlrd/engine/messages.h"

#include "dlrd/base/sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

struct messages {
	sqlite3_stmt *find, *find_id, *next, *conflict, *failed, *last, *insert, *update,
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
#define SET(name, type, field) ", " #name " = w." #name
#define READ(name, type, field) {#name, FIELD_##type, offsetof(struct message_row, field)},
#define WRITE(name, type, field) {#name, FIELD_##type, offsetof(struct message_write, row.field)},
#define FROM_WRITTEN " FROM written_message w WHERE message.id = w.id"
#define READ_COLUMNS "id, tagset_id, first_us" STATE(NAME) INDEXED(NAME)
#define ALL_COLUMNS READ_COLUMNS ", sid"

static const struct sqlite_column columns[] = {READ(id, NUMBER, id) READ(tagset_id, NUMBER,
    tagset_id) READ(first_us, NUMBER, message.first_us) STATE(READ) INDEXED(READ)};
#define READ_COUNT (sizeof columns / sizeof columns[0])
static const struct sqlite_column written_columns[] = {
    {"sid", FIELD_TEXT, offsetof(struct message_write, sid)},
    WRITE(id, NUMBER, id) WRITE(tagset_id, NUMBER, tagset_id)
	WRITE(first_us, NUMBER, message.first_us) STATE(WRITE) INDEXED(WRITE)};

#define FIELD(name) offsetof(struct messages, name)

static const struct sqlite_statement statements[] = {
    {"SELECT " ALL_COLUMNS " FROM message WHERE sid = ?1", FIELD(find)},
    {"SELECT " ALL_COLUMNS " FROM message WHERE id = ?1", FIELD(find_id)},
    {"SELECT " READ_COLUMNS " FROM message WHERE id > ?1 ORDER BY id LIMIT 1", FIELD(next)},
    {"SELECT id FROM message WHERE conflict = 1 AND id > ?1 ORDER BY id LIMIT 1", FIELD(conflict)},
    {"SELECT id FROM message WHERE (conflict = 1 OR outcome = 2) AND id > ?1 ORDER BY id LIMIT 1",
	FIELD(failed)},
    {"SELECT max(id) FROM message", FIELD(last)},
    {"INSERT OR FAIL INTO message(" ALL_COLUMNS ") SELECT " ALL_COLUMNS " FROM written_message",
	FIELD(insert)},
    {"UPDATE OR FAIL message SET tagset_id = w.tagset_id" STATE(SET) FROM_WRITTEN, FIELD(update)},
    {"UPDATE OR FAIL message SET first_us = w.first_us" INDEXED(SET) FROM_WRITTEN,
	FIELD(update_indexed)},
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
messages_next(struct messages *messages, int64_t after_id, struct message_row *out_row)
{
	struct message_row row = {.id = 0};
	sqlite3_bind_int64(messages->next, 1, after_id);
	int code = sqlite3_step(messages->next);
	if (code == SQLITE_ROW)
		sqlite_read_row(messages->next, columns, READ_COUNT, NULL, &row);
	sqlite3_reset(messages->next);
	*out_row = row;
	return sqlite_result(code);
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
write_some(
    struct messages *messages, sqlite3_stmt *statement, struct message_write **writes, size_t count)
{
	if (count == 0)
		return RESULT_OK;
	messages->written.rows = (const void *const *)writes;
	messages->written.count = count;
	return sqlite_result(sqlite_run(statement));
}

/* New ones first, in the order of their ids; then those whose indexed columns change. */
static int
compare_writes(const void *a, const void *b)
{
	const struct message_write *x = *(struct message_write *const *)a;
	const struct message_write *y = *(struct message_write *const *)b;
	int x_rank = x->stored.id == 0 ? 0 : 2 - !is_indexed_alike(&x->stored, &x->row);
	int y_rank = y->stored.id == 0 ? 0 : 2 - !is_indexed_alike(&y->stored, &y->row);
	return x_rank != y_rank ? x_rank - y_rank
				: (x->row.id > y->row.id) - (x->row.id < y->row.id);
}

enum result
messages_write(struct messages *messages, struct message_write **writes, size_t count)
{
	size_t added = 0, moved = 0;
	if (count > 1)
		qsort(writes, count, sizeof *writes, compare_writes);
	while (added < count && writes[added]->stored.id == 0)
		added++;
	while (added + moved < count &&
	       !is_indexed_alike(&writes[added + moved]->stored, &writes[added + moved]->row))
		moved++;

	enum result result = write_some(messages, messages->insert, writes, added);
	if (result == RESULT_OK)
		result = write_some(messages, messages->update, writes + added, count - added);
	if (result == RESULT_OK)
		result = write_some(messages, messages->update_indexed, writes + added, moved);
	for (size_t i = 0; result == RESULT_OK && i < count; i++)
		writes[i]->stored = writes[i]->row;
	return result;
}

void
messages_close(struct messages *messages)
{
	sqlite_free_owner(statements, messages);
}
