#include "dlrd/store/store.h"

#include "dlrd/base/buffer.h"
#include "dlrd/store/deltas.h"
#include "dlrd/store/messages.h"
#include "dlrd/store/names.h"
#include "dlrd/store/schema.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096
#define CACHE_KIB 16384 /* the inner pages of the SID index of ten million messages */

/* What a batch changes in a campaign's own row. */
struct touched {
	int64_t campaign_id;
	int64_t first_us, last_us; /* 0: no event, only duplicates */
	int64_t duplicates;
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *rollback, *add_event, *move_cursor, *touch_campaign,
	    *change_campaign_hour, *change_provider_hour, *change_campaign_error, *known_code;
	struct names *names;
	struct messages *messages;
	struct deltas deltas;
	struct touched *touched;
	size_t touched_count, touched_capacity;
	enum conflict_policy policy;
	uint64_t cursor;
	bool checkpoint_failed; /* none may be tried again */
	int wal_pages;
	char error[256];
};

static enum result
note(struct store *store, enum result result)
{
	if (result != RESULT_OK && store->db != NULL)
		sqlite3_snprintf(
		    sizeof store->error, store->error, "%s", sqlite3_errmsg(store->db));
	return result;
}

static int
note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((struct store *)context)->wal_pages = pages;
	return SQLITE_OK;
}

/* "INSERT ... ON CONFLICT ... DO UPDATE" over all figures, whose values are bound from 3 on. */
static int
prepare_figures(sqlite3 *db, const char *table, const char *id, sqlite3_stmt **out_statement)
{
	struct buffer sql = BUFFER_EMPTY;
	buffer_appendf(&sql, "INSERT INTO %s(%s, hour", table, id);
	for (int i = 0; i < FIGURE_COUNT; i++)
		buffer_appendf(&sql, ", %s", figure_name((enum figure)i));
	buffer_append(&sql, SLICE(") VALUES(?1, ?2"));
	for (int i = 0; i < FIGURE_COUNT; i++)
		buffer_appendf(&sql, ", ?%d", 3 + i);
	buffer_appendf(&sql, ") ON CONFLICT(%s, hour) DO UPDATE SET ", id);
	for (int i = 0; i < FIGURE_COUNT; i++) {
		const char *name = figure_name((enum figure)i);
		buffer_appendf(
		    &sql, "%s%s = %s + excluded.%s", i > 0 ? ", " : "", name, name, name);
	}
	buffer_append_byte(&sql, '\0');
	int code = sql.failed ? SQLITE_NOMEM : sql_prepare(db, sql.ptr, out_statement);
	buffer_done(&sql);
	return code;
}

static int
prepare_all(struct store *store)
{
	const struct {
		const char *sql;
		sqlite3_stmt **statement;
	} rows[] = {
	    {"BEGIN IMMEDIATE", &store->begin},
	    {"COMMIT", &store->commit},
	    {"ROLLBACK", &store->rollback},
	    {"INSERT INTO event(journal_seq, time_us, type, message_id, campaign_id, tagset_id,"
	     " provider_id, status, error_code, done_date, peer, body, keyword, sid, extra,"
	     " raw_query, raw_body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
	     " ?14, ?15, ?16, ?17)",
		&store->add_event},
	    {"UPDATE state SET cursor = ?1", &store->move_cursor},
	    {"UPDATE campaign SET first_us = min(first_us, ?2), last_us = max(last_us, ?3),"
	     " duplicates = duplicates + ?4 WHERE id = ?1",
		&store->touch_campaign},
	    {"INSERT INTO campaign_error(tagset_id, code, hour, failed) VALUES(?1, ?2, ?3, ?4)"
	     " ON CONFLICT(tagset_id, code, hour) DO UPDATE SET failed = failed + excluded.failed",
		&store->change_campaign_error},
	    {"SELECT 1 FROM error_catalogue WHERE code = ?1", &store->known_code},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++)
		code = sql_prepare(store->db, rows[i].sql, rows[i].statement);
	if (code == SQLITE_OK)
		code = prepare_figures(
		    store->db, "campaign_hour", "tagset_id", &store->change_campaign_hour);
	if (code == SQLITE_OK)
		code = prepare_figures(
		    store->db, "provider_hour", "provider_id", &store->change_provider_hour);
	return code;
}

static int
open_database(struct store *store, const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &store->db, flags, NULL);
	if (code == SQLITE_OK)
		sqlite3_busy_timeout(store->db, 5000);
	return code;
}

static int
configure(struct store *store)
{
	char *sql = sqlite3_mprintf("PRAGMA page_size = %d; PRAGMA journal_mode = WAL;"
				    "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;"
				    "PRAGMA secure_delete = OFF; PRAGMA mmap_size = 0;"
				    "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -%d;"
				    "PRAGMA trusted_schema = OFF",
	    PAGE_SIZE, CACHE_KIB);
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	sqlite3_wal_hook(store->db, note_wal_pages, store);
	return code;
}

/* Whose file it is comes before anything in it is changed. */
static enum result
prepare_file(struct store *store, const char *path, struct failure *failure)
{
	int code = open_database(store, path);
	enum result result = sql_result(code);
	if (code == SQLITE_OK) {
		result = schema_check_owner(store->db, path, failure);
		if (result != RESULT_OK)
			return result;
		code = configure(store);
		result = sql_result(code);
	}
	if (code != SQLITE_OK)
		return failure_set(failure, result, "%s: %s", path,
		    store->db == NULL ? "no memory" : sqlite3_errmsg(store->db));
	return schema_bring_up(store->db, path, failure);
}

static enum result
read_cursor(struct store *store)
{
	int64_t cursor = 0;
	int code = sql_number(store->db, "SELECT cursor FROM state", &cursor);
	store->cursor = (uint64_t)cursor;
	return sql_result(code);
}

static enum result
flush_row(struct store *store, const struct delta *row)
{
	sqlite3_stmt *statement = NULL;
	switch (row->table) {
	case DELTA_CAMPAIGN: statement = store->change_campaign_hour; break;
	case DELTA_PROVIDER: statement = store->change_provider_hour; break;
	case DELTA_ERROR:
		statement = store->change_campaign_error;
		sqlite3_bind_int64(statement, 1, row->id);
		sqlite3_bind_int64(statement, 2, row->code);
		sqlite3_bind_int64(statement, 3, row->hour);
		sqlite3_bind_int64(statement, 4, row->figures[FIGURE_FAILED]);
		return sql_result(sql_run(statement));
	}
	sqlite3_bind_int64(statement, 1, row->id);
	sqlite3_bind_int64(statement, 2, row->hour);
	for (int i = 0; i < FIGURE_COUNT; i++)
		sqlite3_bind_int64(statement, 3 + i, row->figures[i]);
	return sql_result(sql_run(statement));
}

static enum result
flush(struct store *store)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < store->deltas.capacity; i++)
		if (store->deltas.used[i] && !delta_is_zero(&store->deltas.rows[i]))
			result = flush_row(store, &store->deltas.rows[i]);
	for (size_t i = 0; result == RESULT_OK && i < store->touched_count; i++) {
		const struct touched *touched = &store->touched[i];
		bool has_event = touched->last_us != 0;
		sqlite3_bind_int64(store->touch_campaign, 1, touched->campaign_id);
		sqlite3_bind_int64(
		    store->touch_campaign, 2, has_event ? touched->first_us : INT64_MAX);
		sqlite3_bind_int64(store->touch_campaign, 3, touched->last_us);
		sqlite3_bind_int64(store->touch_campaign, 4, touched->duplicates);
		result = sql_result(sql_run(store->touch_campaign));
	}
	return result;
}

static void
forget_batch(struct store *store)
{
	deltas_clear(&store->deltas);
	store->touched_count = 0;
}

/* Takes the old policy's contributions of one message away and adds the new policy's. */
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
	return messages_save(store->messages, SLICE_NONE, row, store->policy);
}

static enum result
refold_conflicts(struct store *store, enum conflict_policy old_policy)
{
	sqlite3_stmt *conflicts;
	enum result result = sql_result(sql_prepare(store->db,
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
		result = sql_result(code);
		if (code != SQLITE_ROW)
			break;
		result = refold_row(store, &row, old_policy);
		after_id = row.id;
	}
	sqlite3_finalize(conflicts);
	return result;
}

static enum result
set_policy(struct store *store)
{
	sqlite3_stmt *statement = NULL;
	int code = sql_prepare(store->db, "UPDATE state SET policy = ?1", &statement);
	if (code == SQLITE_OK) {
		sql_bind_text(statement, 1, conflict_policy_name(store->policy));
		code = sql_run(statement);
	}
	sqlite3_finalize(statement);
	return sql_result(code);
}

/* Only messages with different final statuses depend on the policy, and an index finds them. */
static enum result
follow_policy(struct store *store)
{
	sqlite3_stmt *statement = NULL;
	enum conflict_policy old_policy = POLICY_DELIVERED_WINS;
	int code = sql_prepare(store->db, "SELECT policy FROM state", &statement);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW &&
	    !conflict_policy_from_name(sql_text(statement, 0), &old_policy))
		code = SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	if (sql_result(code) != RESULT_OK || old_policy == store->policy)
		return sql_result(code);
	enum result result = store_begin(store);
	if (result == RESULT_OK)
		result = refold_conflicts(store, old_policy);
	if (result == RESULT_OK)
		result = set_policy(store);
	if (result == RESULT_OK)
		return store_commit(store, store->cursor);
	store_rollback(store);
	return result;
}

enum result
store_open(const char *path, enum conflict_policy policy, struct store **out_store,
    struct failure *failure)
{
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	store->policy = policy;
	enum result result = prepare_file(store, path, failure);
	if (result != RESULT_OK) {
		store_close(store);
		return result;
	}
	result = sql_result(prepare_all(store));
	if (result == RESULT_OK)
		result = names_open(store->db, &store->names);
	if (result == RESULT_OK)
		result = messages_open(store->db, &store->messages);
	if (result == RESULT_OK)
		result = read_cursor(store);
	if (result == RESULT_OK)
		result = follow_policy(store);
	if (result != RESULT_OK) {
		failure_set(failure, result, "%s: %s", path, sqlite3_errmsg(store->db));
		store_close(store);
		return result;
	}
	*out_store = store;
	return RESULT_OK;
}

uint64_t
store_cursor(const struct store *store)
{
	return store->cursor;
}

enum result
store_begin(struct store *store)
{
	return note(store, sql_result(sql_run(store->begin)));
}

static enum result
touch(struct store *store, int64_t campaign_id, int64_t time_us, int64_t duplicates)
{
	size_t i = store->touched_count;
	while (i > 0 && store->touched[i - 1].campaign_id != campaign_id)
		i--;
	if (i == 0) {
		if (store->touched_count == store->touched_capacity) {
			size_t capacity = store->touched_capacity * 2 + 16;
			struct touched *more = realloc(store->touched, capacity * sizeof *more);
			if (more == NULL)
				return RESULT_NO_MEMORY;
			store->touched = more;
			store->touched_capacity = capacity;
		}
		i = ++store->touched_count;
		store->touched[i - 1] = (struct touched){.campaign_id = campaign_id};
	}
	struct touched *touched = &store->touched[i - 1];
	touched->duplicates += duplicates;
	if (duplicates > 0)
		return RESULT_OK;
	if (touched->last_us == 0 || time_us < touched->first_us)
		touched->first_us = time_us;
	if (time_us > touched->last_us)
		touched->last_us = time_us;
	return RESULT_OK;
}

static enum result
insert_event(struct store *store, const struct event *event, int64_t message_id,
    const struct tagset *tagset, int64_t provider_id)
{
	sqlite3_stmt *add = store->add_event;
	bool inbound = event->type == EVENT_REPLIED;
	sqlite3_bind_int64(add, 1, (sqlite3_int64)event->journal_seq);
	sqlite3_bind_int64(add, 2, event->time_us);
	sql_bind_text(add, 3, event_type_name(event->type));
	sqlite3_bind_null(add, 4);
	if (message_id != 0)
		sqlite3_bind_int64(add, 4, message_id);
	sqlite3_bind_int64(add, 5, tagset->campaign_id);
	sqlite3_bind_int64(add, 6, tagset->id);
	sqlite3_bind_int64(add, 7, provider_id);
	sql_bind_text(add, 8, event->status_text);
	sqlite3_bind_null(add, 9);
	if (event->error_code >= 0)
		sqlite3_bind_int64(add, 9, event->error_code);
	sql_bind_text(add, 10, event->done_date);
	sql_bind_text(add, 11, inbound ? event->from : event->to);
	sql_bind_text(add, 12, event->body);
	sql_bind_text(add, 13, event->keyword);
	sql_bind_text(add, 14, message_id != 0 ? SLICE_NONE : event->message);
	sql_bind_text(add, 15, event->extra);
	sql_bind_bytes(add, 16, event->raw_query);
	sql_bind_bytes(add, 17, event->raw_body);
	return sql_result(sql_run(add));
}

/* The row's message as it will be with the event, and the figures changed by the difference. */
static enum result
fold_event(struct store *store, const struct event *event, struct message_row *row,
    const struct tagset *tagset, int64_t provider_id, struct store_added *out_added)
{
	struct message_row old = *row;
	struct rollup before = rollup_of(&old.message, store->policy);
	enum result result = RESULT_OK;
	if (row->id == 0) {
		row->tagset_id = tagset->id;
		row->provider_id = provider_id;
	}
	if (row->tagset_id != tagset->id)
		result =
		    names_choose_tagset(store->names, row->tagset_id, tagset->id, &row->tagset_id);
	if (result == RESULT_OK && row->provider_id != provider_id)
		result = names_merge_providers(
		    store->names, row->provider_id, provider_id, &row->provider_id);
	if (result != RESULT_OK)
		return result;
	message_row_fold(row, event, store->policy);
	struct rollup after = rollup_of(&row->message, store->policy);
	out_added->conflict = message_conflicts(&row->message) && !message_conflicts(&old.message);
	result = deltas_add(&store->deltas, &before, -1, old.tagset_id, old.provider_id);
	if (result != RESULT_OK)
		return result;
	result = deltas_add(&store->deltas, &after, 1, row->tagset_id, row->provider_id);
	if (result != RESULT_OK)
		return result;
	return messages_save(store->messages, event->message, row, store->policy);
}

static enum result
add_duplicate(struct store *store, const struct message_row *row)
{
	int64_t campaign_id;
	enum result result = names_campaign_of(store->names, row->tagset_id, &campaign_id);
	return result != RESULT_OK ? result : touch(store, campaign_id, 0, 1);
}

static enum result
check_code(struct store *store, const struct event *event, bool *out_unknown)
{
	if (event->type != EVENT_FAILED || event->error_code < 0)
		return RESULT_OK;
	sqlite3_bind_int64(store->known_code, 1, event->error_code);
	int code = sqlite3_step(store->known_code);
	*out_unknown = code == SQLITE_DONE;
	sqlite3_reset(store->known_code);
	return sql_result(code);
}

static enum result
add(struct store *store, const struct event *event, struct store_added *out_added)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	bool folds = event->folds && event->message.ptr != NULL;
	enum result result =
	    folds ? messages_find(store->messages, event->message, &row) : RESULT_OK;
	if (result == RESULT_OK && row.id != 0)
		result =
		    messages_has_receipt(store->messages, row.id, event, &out_added->duplicate);
	if (result != RESULT_OK)
		return result;
	if (out_added->duplicate)
		return add_duplicate(store, &row);

	struct tagset tagset;
	int64_t provider_id;
	struct slice sender = event->type == EVENT_REPLIED ? event->to : event->from;
	result = names_tagset(store->names, event->workspace, event->campaign, event->variant,
	    event->time_us, &tagset);
	if (result == RESULT_OK)
		result = names_provider(
		    store->names, event->account, event->service, sender, &provider_id);
	if (result == RESULT_OK && folds)
		result = fold_event(store, event, &row, &tagset, provider_id, out_added);
	if (result == RESULT_OK)
		result = insert_event(store, event, row.id, &tagset, provider_id);
	if (result == RESULT_OK)
		result = check_code(store, event, &out_added->unknown_code);
	if (result == RESULT_OK)
		result = touch(store, tagset.campaign_id, event->time_us, 0);
	return result;
}

enum result
store_add(struct store *store, const struct event *event, struct store_added *out_added)
{
	struct store_added added = {0};
	enum result result = add(store, event, &added);
	if (result == RESULT_OK)
		*out_added = added;
	return note(store, result);
}

enum result
store_commit(struct store *store, uint64_t journal_seq)
{
	sqlite3_bind_int64(store->move_cursor, 1, (sqlite3_int64)journal_seq);
	enum result result = flush(store);
	if (result == RESULT_OK)
		result = sql_result(sql_run(store->move_cursor));
	if (result == RESULT_OK)
		result = sql_result(sql_run(store->commit));
	if (note(store, result) != RESULT_OK) {
		store_rollback(store);
		return result;
	}
	forget_batch(store);
	store->cursor = journal_seq;
	return RESULT_OK;
}

void
store_rollback(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		sql_run(store->rollback);
	forget_batch(store);
	if (store->names != NULL)
		names_forget(store->names);
}

enum result
store_checkpoint(struct store *store, uint64_t *out_synced)
{
	int pages = 0, copied = 0;
	if (store->checkpoint_failed)
		return RESULT_OK;
	int code =
	    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	if (code == SQLITE_BUSY)
		return RESULT_OK;
	/* The file is synced after the last page was copied; a reader may have kept some back. */
	if (code == SQLITE_OK && pages == copied)
		*out_synced = store->cursor;
	store->checkpoint_failed = sql_result(code) == RESULT_IO;
	if (store->checkpoint_failed)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return note(store, sql_result(code));
}

uint64_t
store_wal_bytes(const struct store *store)
{
	return (uint64_t)store->wal_pages * PAGE_SIZE;
}

static enum result
insert_catalogue(struct store *store, const struct error_catalogue *catalogue)
{
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(store->db, "DELETE FROM error_catalogue", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sql_prepare(
		    store->db, "INSERT INTO error_catalogue VALUES(?1, ?2, ?3, ?4, ?5)", &insert);
	for (size_t i = 0; code == SQLITE_OK && i < catalogue->count; i++) {
		const struct error_entry *entry = &catalogue->entries[i];
		sqlite3_bind_int64(insert, 1, entry->code);
		sql_bind_name(insert, 2, entry->name);
		sql_bind_name(insert, 3, entry->kind);
		sql_bind_name(insert, 4, entry->permanence);
		sql_bind_name(insert, 5, entry->action);
		code = sql_run(insert);
	}
	sqlite3_finalize(insert);
	return note(store, sql_result(code));
}

enum result
store_set_catalogue(struct store *store, const struct error_catalogue *catalogue)
{
	enum result result = store_begin(store);
	if (result != RESULT_OK)
		return result;
	result = insert_catalogue(store, catalogue);
	if (result == RESULT_OK)
		return store_commit(store, store->cursor);
	store_rollback(store);
	return result;
}

const char *
store_error(const struct store *store)
{
	return store->error;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	sqlite3_stmt *statements[] = {store->begin, store->commit, store->rollback,
	    store->add_event, store->move_cursor, store->touch_campaign,
	    store->change_campaign_hour, store->change_provider_hour, store->change_campaign_error,
	    store->known_code};
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		sqlite3_finalize(statements[i]);
	names_close(store->names);
	messages_close(store->messages);
	deltas_done(&store->deltas);
	free(store->touched);
	sqlite3_close_v2(store->db);
	free(store);
}
