#include "store_parameters.h"

#include "changes.h"
#include "schema.h"

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

/* Folds one message anew, or only decides between its statuses. The figures have its contributions
 * by the old policy. */
static enum result
refold_row(struct store *store, struct known_message *known, enum conflict_policy old_policy,
    bool recounts)
{
	const struct message_row *stored = &known->write.stored;
	struct message_row after = *stored;
	struct rollup old = rollup_of(&stored->message, old_policy);
	struct rollup new = rollup_of(&stored->message, store->policy);
	uint64_t events;
	enum result result =
	    deltas_add(&store->deltas, &old, -1, stored->tagset_id, stored->provider_id);
	if (result == RESULT_OK)
		result =
		    deltas_add(&store->deltas, &new, 1, stored->tagset_id, stored->provider_id);
	if (result == RESULT_OK && recounts)
		result = recount_message(store->recount, store->policy, stored, &after, &events);
	else
		message_row_show_status(&after, store->policy);
	after.tagset_id = stored->tagset_id;
	working_set_change(store->set, known, &after);
	return result;
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
		struct known_message *known;
		sqlite3_bind_int64(messages, 1, after_id);
		int code = sqlite3_step(messages);
		if (code == SQLITE_ROW)
			after_id = sqlite3_column_int64(messages, 0);
		sqlite3_reset(messages);
		result = sqlite_result(code);
		if (code != SQLITE_ROW)
			break;
		if (result == RESULT_OK)
			result = changes_make_room(store);
		if (result == RESULT_OK)
			result = working_set_find_id(store->set, after_id, &known);
		if (result == RESULT_OK)
			result = refold_row(store, known, old_policy, recounts);
		store->progress.done = (uint64_t)after_id;
	}

	return result;
}

/* An index finds the conflicts. Only failures can have several error codes. */
enum result
store_refold(struct store *store, enum conflict_policy old_policy, bool recounts)
{
	sqlite3_stmt *messages = NULL;
	const char *sql = recounts ? "SELECT id FROM message WHERE (conflict = 1 OR outcome = 2)"
				     " AND id > ?1 ORDER BY id LIMIT 1"
				   : "SELECT id FROM message WHERE conflict = 1 AND id > ?1"
				     " ORDER BY id LIMIT 1";
	enum result result = sqlite_result(sqlite_prepare(store->db, sql, &messages));
	if (result == RESULT_OK)
		result = refold_each(store, messages, old_policy, recounts);
	sqlite3_finalize(messages);
	return result;
}
