#include "store_parameters.h"

#include "message_change.h"
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

/* Replaces the contributions of one message by the old policy with those of its state now. */
static enum result
refold_row(
    struct store *store, struct message_row *row, enum conflict_policy old_policy, bool recounts)
{
	struct message_row after = *row;
	struct rollup old = rollup_of(&row->message, old_policy);
	enum result result = recounts ? message_recount(store, &after) : RESULT_OK;
	struct rollup new = rollup_of(&after.message, store->policy);
	/* A recount has set it. */
	struct slice status =
	    recounts ? SLICE_NONE : status_name(message_status(&after.message, store->policy));

	if (result == RESULT_OK)
		result = deltas_add(&store->deltas, &old, -1, row->tagset_id, row->provider_id);
	if (result == RESULT_OK)
		result = deltas_add(&store->deltas, &new, 1, after.tagset_id, after.provider_id);
	if (result != RESULT_OK)
		return result;

	if (status.len > 0) {
		after.status_len = status.len;
		memcpy(after.status, status.ptr, status.len);
	}
	return messages_save(store->messages, SLICE_NONE, row, &after, store->policy);
}

static enum result
refold_each(
    struct store *store, sqlite3_stmt *messages, enum conflict_policy old_policy, bool recounts)
{
	int64_t after_id = 0, last_id = 0;
	enum result result = sqlite_result(
	    sqlite_number(store->db, "SELECT coalesce(max(id), 0) FROM message", &last_id));

	store->progress.total = (uint64_t)last_id;
	while (result == RESULT_OK) {
		sqlite3_bind_int64(messages, 1, after_id);
		int code = sqlite3_step(messages);
		struct message_row row = {0};
		if (code == SQLITE_ROW)
			row = message_row_read(messages, 0);
		sqlite3_reset(messages);
		result = sqlite_result(code);
		if (code != SQLITE_ROW)
			break;
		result = refold_row(store, &row, old_policy, recounts);
		after_id = row.id;
		store->progress.done = (uint64_t)after_id;
	}

	return result;
}

/* An index finds the conflicts. Only failures can have several error codes. */
enum result
store_refold(struct store *store, enum conflict_policy old_policy, bool recounts)
{
	sqlite3_stmt *messages = NULL;
	const char *sql = recounts ? "SELECT " MESSAGE_COLUMNS " FROM message m"
				     " WHERE (m.conflict = 1 OR m.outcome = 2) AND m.id > ?1"
				     " ORDER BY m.id LIMIT 1"
				   : "SELECT " MESSAGE_COLUMNS " FROM message m"
				     " WHERE m.conflict = 1 AND m.id > ?1 ORDER BY m.id LIMIT 1";
	enum result result = sqlite_result(sqlite_prepare(store->db, sql, &messages));
	if (result == RESULT_OK)
		result = refold_each(store, messages, old_policy, recounts);
	sqlite3_finalize(messages);
	return result;
}
