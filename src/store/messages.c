#include "dlrd/store/messages.h"

#include <stdlib.h>
#include <string.h>

struct messages {
	sqlite3 *db;
	sqlite3_stmt *find, *receipts, *insert, *update;
};

enum result
messages_open(sqlite3 *db, struct messages **out_messages)
{
	struct messages *messages = calloc(1, sizeof *messages);
	if (messages == NULL)
		return RESULT_NO_MEMORY;
	messages->db = db;
	int code = sql_prepare(
	    db, "SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.sid = ?1", &messages->find);
	if (code == SQLITE_OK)
		code = sql_prepare(db,
		    "SELECT type, status, error_code, done_date FROM event WHERE message_id = ?1",
		    &messages->receipts);
	if (code == SQLITE_OK)
		code = sql_prepare(db,
		    "INSERT INTO message(tagset_id, provider_id, status, outcome, conflict, seen,"
		    " first_final, opted_out, error_code, first_us, last_us, sent_us, delivered_us,"
		    " failed_us, canceled_us, read_us, received_us, sid) VALUES(?1, ?2, ?3, ?4, ?5,"
		    " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
		    &messages->insert);
	if (code == SQLITE_OK)
		code = sql_prepare(db,
		    "UPDATE message SET tagset_id = ?1, provider_id = ?2, status = ?3, outcome = "
		    "?4,"
		    " conflict = ?5, seen = ?6, first_final = ?7, opted_out = ?8, error_code = ?9,"
		    " first_us = ?10, last_us = ?11, sent_us = ?12, delivered_us = ?13,"
		    " failed_us = ?14, canceled_us = ?15, read_us = ?16, received_us = ?17"
		    " WHERE id = ?18",
		    &messages->update);
	if (code != SQLITE_OK) {
		messages_close(messages);
		return sql_result(code);
	}
	*out_messages = messages;
	return RESULT_OK;
}

static void
set_status(struct message_row *row, struct slice status)
{
	row->status_len = status.len < MESSAGE_STATUS_MAX ? status.len : MESSAGE_STATUS_MAX;
	if (row->status_len > 0)
		memcpy(row->status, status.ptr, row->status_len);
}

struct message_row
message_row_read(sqlite3_stmt *statement, int first)
{
	int at = first;
	struct message_row row = {.id = sqlite3_column_int64(statement, at++)};
	row.tagset_id = sqlite3_column_int64(statement, at++);
	row.provider_id = sqlite3_column_int64(statement, at++);
	set_status(&row, sql_text(statement, at++));
	struct message *message = &row.message;
	message->seen = (uint32_t)sqlite3_column_int64(statement, at++);
	message->first_final = (enum message_status)sqlite3_column_int(statement, at++);
	message->opted_out = sqlite3_column_int(statement, at++) != 0;
	message->error_code = sqlite3_column_int64(statement, at++);
	int64_t *const times[] = {&message->first_us, &message->last_us, &message->sent_us,
	    &message->delivered_us, &message->failed_us, &message->canceled_us, &message->read_us,
	    &message->received_us};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		*times[i] = sqlite3_column_int64(statement, at++);
	row.outcome = sqlite3_column_int64(statement, at++);
	row.conflict = sqlite3_column_int64(statement, at++);
	return row;
}

void
message_row_fold(struct message_row *row, const struct event *event, enum conflict_policy policy)
{
	message_fold(&row->message, event);
	enum message_status status = message_status(&row->message, policy);
	struct slice shown = {row->status, row->status_len};
	if (status != STATUS_UNKNOWN)
		set_status(row, status_name(status));
	/* Of several unknown ones the greatest in byte order, so that their order does not matter.
	 */
	else if (slice_compare(event->status_text, shown) > 0)
		set_status(row, event->status_text);
}

enum result
messages_find(struct messages *messages, struct slice sid, struct message_row *out_row)
{
	sql_bind_text(messages->find, 1, sid);
	int code = sqlite3_step(messages->find);
	if (code == SQLITE_ROW)
		*out_row = message_row_read(messages->find, 0);
	else if (code == SQLITE_DONE)
		*out_row = (struct message_row){.message = MESSAGE_EMPTY};
	sqlite3_reset(messages->find);
	return sql_result(code);
}

enum result
messages_has_receipt(
    struct messages *messages, int64_t message_id, const struct event *event, bool *out_has)
{
	int code;
	bool has = false;
	sqlite3_bind_int64(messages->receipts, 1, message_id);
	while (!has && (code = sqlite3_step(messages->receipts)) == SQLITE_ROW) {
		struct event stored = {.status_text = sql_text(messages->receipts, 1),
		    .error_code = sqlite3_column_type(messages->receipts, 2) == SQLITE_NULL
				      ? -1
				      : sqlite3_column_int64(messages->receipts, 2),
		    .done_date = sql_text(messages->receipts, 3)};
		has = event_type_from_name(sql_text(messages->receipts, 0), &stored.type) &&
		      receipt_is_duplicate(&stored, event);
	}
	sqlite3_reset(messages->receipts);
	if (!has && sql_result(code) != RESULT_OK)
		return sql_result(code);
	*out_has = has;
	return RESULT_OK;
}

enum result
messages_save(struct messages *messages, struct slice sid, struct message_row *row,
    enum conflict_policy policy)
{
	const struct message *message = &row->message;
	sqlite3_stmt *statement = row->id == 0 ? messages->insert : messages->update;
	const int64_t numbers[] = {message_outcome(message, policy), message_conflicts(message),
	    message->seen, message->first_final, message->opted_out, message->error_code,
	    message->first_us, message->last_us, message->sent_us, message->delivered_us,
	    message->failed_us, message->canceled_us, message->read_us, message->received_us};
	sqlite3_bind_int64(statement, 1, row->tagset_id);
	sqlite3_bind_int64(statement, 2, row->provider_id);
	sql_bind_name(statement, 3, (struct slice){row->status, row->status_len});
	for (int i = 0; i < 14; i++)
		sqlite3_bind_int64(statement, 4 + i, numbers[i]);
	if (row->id == 0)
		sql_bind_text(statement, 18, sid);
	else
		sqlite3_bind_int64(statement, 18, row->id);
	int code = sql_run(statement);
	if (code == SQLITE_OK && row->id == 0)
		row->id = sqlite3_last_insert_rowid(messages->db);
	return sql_result(code);
}

void
messages_close(struct messages *messages)
{
	if (messages == NULL)
		return;
	sqlite3_finalize(messages->find);
	sqlite3_finalize(messages->receipts);
	sqlite3_finalize(messages->insert);
	sqlite3_finalize(messages->update);
	free(messages);
}
