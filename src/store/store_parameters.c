#include "store_parameters.h"

#include "schema.h"

#include <string.h>

enum result
store_parameters_read(sqlite3 *db, struct store_parameters *out_parameters)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite_prepare(
	    db, "SELECT policy, reply_window_us, reply_late_us, stale FROM state", &statement);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		out_parameters->reply_window_us = sqlite3_column_int64(statement, 1);
		out_parameters->reply_late_us = sqlite3_column_int64(statement, 2);
		out_parameters->stale = sqlite3_column_int(statement, 3);
		if (!conflict_policy_from_name(
			sqlite_column(statement, 0), &out_parameters->policy))
			code = SQLITE_CORRUPT;
	}

	sqlite3_finalize(statement);
	return sqlite_result(code);
}

enum result
store_parameters_write(sqlite3 *db, const struct store_options *options)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite_prepare(db,
	    "UPDATE state SET policy = ?1, reply_window_us = ?2, reply_late_us = ?3, stale = 0",
	    &statement);
	if (code == SQLITE_OK) {
		sqlite_bind_text(statement, 1, conflict_policy_name(options->policy));
		sqlite3_bind_int64(statement, 2, options->reply_window_us);
		sqlite3_bind_int64(statement, 3, options->reply_late_us);
		code = sqlite_run(statement);
	}

	sqlite3_finalize(statement);
	return sqlite_result(code);
}

/* Replaces the old policy's contributions of one message with the new policy's. */
static enum result
refold_row(struct store *store, struct message_row *row, enum conflict_policy old_policy)
{
	struct rollup before = rollup_of(&row->message, old_policy);
	struct rollup after = rollup_of(&row->message, store->policy);
	struct slice status = status_name(message_status(&row->message, store->policy));
	enum result result =
	    deltas_add(&store->deltas, &before, -1, row->tagset_id, row->provider_id);
	if (result == RESULT_OK)
		result = deltas_add(&store->deltas, &after, 1, row->tagset_id, row->provider_id);
	if (result != RESULT_OK)
		return result;

	row->status_len = status.len;
	memcpy(row->status, status.ptr, status.len);
	return messages_save(store->messages, SLICE_NONE, row, row, store->policy);
}

enum result
store_refold_conflicts(struct store *store, enum conflict_policy old_policy)
{
	sqlite3_stmt *conflicts;
	enum result result = sqlite_result(sqlite_prepare(store->db,
	    "SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.conflict = 1 AND m.id > ?1"
	    " ORDER BY m.id LIMIT 1",
	    &conflicts));
	int64_t after_id = 0;

	while (result == RESULT_OK) {
		sqlite3_bind_int64(conflicts, 1, after_id);
		int code = sqlite3_step(conflicts);
		struct message_row row = {0};
		if (code == SQLITE_ROW)
			row = message_row_read(conflicts, 0);
		sqlite3_reset(conflicts);
		result = sqlite_result(code);
		if (code != SQLITE_ROW)
			break;
		result = refold_row(store, &row, old_policy);
		after_id = row.id;
	}

	sqlite3_finalize(conflicts);
	return result;
}
