#include "dlrd/store/store.h"

#include "batch.h"
#include "changes.h"
#include "dlrd/base/sqlite_recovery.h"
#include "rebuild.h"
#include "receipts.h"
#include "schema.h"
#include "sql.h"
#include "store_handle.h"
#include "store_parameters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define CACHE_KIB 16384       /* the inner pages of the SID index of ten million messages */
#define READER_WAIT_MS 500    /* for readers that keep the log */
#define PROGRESS_STEPS 100000 /* of SQLite's virtual machine, some milliseconds */

/* --- long work --- */

static int
report_progress(void *context)
{
	const struct store *store = context;
	return store->on_progress(store->context, &store->progress) ? 0 : 1;
}

/* With on, SQLite reports progress and can be interrupted, until the call with false. */
static void
watch_progress(struct store *store, bool on)
{
	bool watched = on && store->on_progress != NULL;
	sqlite3_progress_handler(
	    store->db, watched ? PROGRESS_STEPS : 0, watched ? report_progress : NULL, store);
	store->progress.done = store->progress.total = 0;
}

/* Adds figures, whose values are bound from 3 on. */
#define CHANGE_HOUR(table, id)                                                 \
	"INSERT INTO " table "(" id ", hour, " FIGURE_COLUMNS ")"              \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)" \
	" ON CONFLICT(" id ", hour) DO UPDATE SET " FIGURE_SUMS

#define FIELD(name) offsetof(struct store, name)

static const struct sqlite_statement statements[] = {
    {"BEGIN IMMEDIATE", FIELD(begin)},
    {"COMMIT", FIELD(commit)},
    {"ROLLBACK", FIELD(rollback)},
    {"UPDATE state SET cursor = ?1", FIELD(move_cursor)},
    {"UPDATE campaign SET first_us = CASE WHEN ?3 = 0 THEN first_us"
     " WHEN last_us = 0 THEN ?2 ELSE min(first_us, ?2) END, last_us = max(last_us, ?3),"
     " duplicates = duplicates + ?4 WHERE id = ?1",
	FIELD(touch_campaign)},
    /* The untagged row has no events of its own: an event's message may have tags. */
    {"UPDATE campaign SET first_us = coalesce(e.first, 0), last_us = coalesce(e.last, 0)"
     " FROM (SELECT min(time_us) AS first, max(time_us) AS last FROM event"
     "  WHERE campaign_id = ?1 AND tagged = 1) e"
     " WHERE id = ?1 AND (first_us >= ?2 OR last_us <= ?3) AND name <> ''",
	FIELD(recount_campaign)},
    {"INSERT INTO campaign_error(tagset_id, code, hour, failed) VALUES(?1, ?2, ?3, ?4)"
     " ON CONFLICT(tagset_id, code, hour) DO UPDATE SET failed = failed + excluded.failed",
	FIELD(change_campaign_error)},
    {CHANGE_HOUR("campaign_hour", "tagset_id"), FIELD(change_campaign_hour)},
    {CHANGE_HOUR("provider_hour", "provider_id"), FIELD(change_provider_hour)},
    {NULL, 0},
};

/* Commits need no sync, since the journal keeps what is not yet in the synced part of the store. */
static const struct sqlite_settings settings = {.page_size = PAGE_SIZE,
    .synced = false,
    .cache_kib = CACHE_KIB,
    .pragmas = "PRAGMA foreign_keys = OFF;"};

/* Checks the owner before anything in the file is changed. */
static enum result
prepare_file(struct store *store, const char *path, struct failure *failure)
{
	int code = sqlite_open(path, NULL, &store->db);
	if (code != SQLITE_OK)
		return sqlite_fail(store->db, path, code, failure);

	enum result result = schema_check_owner(store->db, path, failure);
	if (result == RESULT_OK)
		result = sqlite_configure(store->db, path, &settings, failure);
	if (result != RESULT_OK)
		return result;

	sqlite_log_follow(&store->log, store->db);
	watch_progress(store, true);
	result = schema_versions(
	    store->db, path, &store->progress.from_version, &store->progress.to_version, failure);
	return result == RESULT_OK ? schema_bring_up(store->db, path, failure) : result;
}

static enum result
read_cursor(struct store *store)
{
	int64_t cursor = 0;
	int code = sqlite_number(store->db, "SELECT cursor FROM state", &cursor);
	store->cursor = (uint64_t)cursor;
	return sqlite_result(code);
}

static enum result
recompute(
    struct store *store, const struct store_options *options, const struct store_parameters *old)
{
	struct store_rebuilt rebuilt;
	if (old->stale == SCHEMA_STALE_ALL)
		return rebuild_all(store, &rebuilt);
	/* Only messages with different final statuses depend on the policy. */
	bool recounts = old->stale == SCHEMA_STALE_ORDER;
	enum result result = old->policy == options->policy && !recounts
				 ? RESULT_OK
				 : store_refold(store, old->policy, recounts);
	return result == RESULT_OK ? replies_note_all(store->replies) : result;
}

/* Recomputes the figures for these options, in one transaction. */
static enum result
follow_options(struct store *store, const struct store_options *options)
{
	struct store_parameters old = {.stale = SCHEMA_STALE_NONE};
	enum result result = store_parameters_read(store->db, &old);
	if (result != RESULT_OK ||
	    (old.stale == SCHEMA_STALE_NONE && old.policy == options->policy &&
		old.reply_window_us == options->reply_window_us &&
		old.reply_late_us == options->reply_late_us))
		return result;
	result = store_begin(store);
	if (result == RESULT_OK)
		result = recompute(store, options, &old);
	if (result == RESULT_OK)
		result = store_parameters_write(store->db, options);
	if (result == RESULT_OK)
		return store_commit(store, store->cursor);

	store_rollback(store);
	return result;
}

static enum result
open_parts(struct store *store)
{
	enum result result = sqlite_result(sqlite_prepare_all(store->db, statements, store));
	if (result == RESULT_OK) {
		names_repair(store->db);
		result = names_open(store->db, &store->names);
	}

	if (result == RESULT_OK)
		result = working_set_open(store->db, &store->set);
	if (result == RESULT_OK)
		result = receipts_open(store->db, &store->receipts);
	if (result == RESULT_OK)
		result = replies_open(store->db, &store->replies);
	if (result == RESULT_OK)
		result = consents_open(store->db, &store->consents);
	if (result == RESULT_OK)
		result = persons_open(store->db, &store->persons);
	if (result == RESULT_OK)
		result = signatures_open(store->db, &store->signatures);
	if (result == RESULT_OK)
		result = recount_open(store->db, store->names, &store->recount);
	return result == RESULT_OK ? read_cursor(store) : result;
}

enum result
store_open(const struct store_options *options, struct store **out_store, struct failure *failure)
{
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	store->policy = options->policy;
	store->on_progress = options->on_progress;
	store->context = options->context;
	enum result result = sqlite_log_init(&store->log, options->path, PAGE_SIZE);
	if (result != RESULT_OK) {
		free(store);
		return failure_set(failure, result, "no memory");
	}

	result = prepare_file(store, options->path, failure);
	if (result != RESULT_OK) {
		store_close(store);
		return result;
	}

	result = open_parts(store);
	if (result == RESULT_OK) {
		replies_set_window(
		    store->replies, options->reply_window_us, options->reply_late_us);
		result = follow_options(store, options);
	}

	if (result != RESULT_OK) {
		failure_set(failure, result, "%s: %s", options->path, sqlite3_errmsg(store->db));
		store_close(store);
		return result;
	}

	watch_progress(store, false);
	wal_file_open(&store->log.file);
	*out_store = store;
	return RESULT_OK;
}

enum result
store_peek_cursor(const char *path, uint64_t *out_cursor)
{
	sqlite3 *db = NULL;
	int64_t application = 0, cursor = 0;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return RESULT_NOT_FOUND;

	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "PRAGMA application_id", &application);
	if (code == SQLITE_OK && application != SCHEMA_APPLICATION_ID)
		code = SQLITE_NOTADB;
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT cursor FROM state", &cursor);
	sqlite3_close_v2(db);
	if (code == SQLITE_OK)
		*out_cursor = (uint64_t)cursor;
	return sqlite_result(code);
}

enum result
store_reconfigure(struct store *store, const struct store_options *options)
{
	const enum conflict_policy old_policy = store->policy;
	struct store_parameters old = {.stale = SCHEMA_STALE_NONE};
	enum result result = store_parameters_read(store->db, &old);
	if (result != RESULT_OK)
		return store_note(store, result);

	store->policy = options->policy;
	replies_set_window(store->replies, options->reply_window_us, options->reply_late_us);
	watch_progress(store, true);
	result = store_note(store, follow_options(store, options));
	watch_progress(store, false);
	if (result != RESULT_OK) {
		store->policy = old_policy;
		replies_set_window(store->replies, old.reply_window_us, old.reply_late_us);
	}

	return result;
}

void
store_versions(const struct store *store, int64_t *out_from, int64_t *out_to)
{
	*out_from = store->progress.from_version;
	*out_to = store->progress.to_version;
}

uint64_t
store_cursor(const struct store *store)
{
	return store->cursor;
}

enum result
store_begin(struct store *store)
{
	store->request = (struct request_signature){.is_known = false};
	store->is_lost_request = false;
	enum result result = sqlite_result(sqlite_run(store->begin));
	if (result == RESULT_OK)
		result = working_set_begin(store->set);
	if (store_note(store, result) != RESULT_OK)
		store_rollback(store);
	return result;
}

enum result
store_begin_request(struct store *store, struct slice signature)
{
	store->is_lost_request = false;
	return store_note(store, signatures_begin(store->signatures, signature, &store->request));
}

enum result
store_begin_lost_request(struct store *store, struct slice signature)
{
	enum result result = store_begin_request(store, signature);
	if (result == RESULT_OK && store->request.is_noted)
		result = store_begin_request(store, SLICE_NONE);
	store->is_lost_request = true;
	return result;
}

enum result
store_add(struct store *store, const struct event *event, struct store_added *out_added)
{
	struct store_added added = {0};
	enum result result = changes_make_room(store);
	if (result == RESULT_OK)
		result = receipts_add(store, event, &added);
	if (result == RESULT_OK)
		*out_added = added;
	return store_note(store, result);
}

enum result
store_commit(struct store *store, uint64_t journal_seq)
{
	sqlite3_bind_int64(store->move_cursor, 1, (sqlite3_int64)journal_seq);
	enum result result = batch_flush(store);
	if (result == RESULT_OK)
		result = sqlite_result(sqlite_run(store->move_cursor));
	if (result == RESULT_OK)
		result = sqlite_result(sqlite_run(store->commit));
	if (store_note(store, result) != RESULT_OK) {
		store_rollback(store);
		return result;
	}

	batch_forget(store);
	store->cursor = journal_seq;
	return RESULT_OK;
}

void
store_rollback(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		sqlite_run(store->rollback);
	store->log.known = false; /* the log may have restarted */
	batch_forget(store);
	if (store->names != NULL)
		names_forget(store->names);
}

/* A failed write is repeated by the next checkpoint; a failed sync ends the checkpoints. */
static enum result
note_checkpoint(struct store *store, int code)
{
	sqlite_log_note_checkpoint(&store->log, store->db, code);
	return store_note(store, sqlite_result(code));
}

enum result
store_checkpoint(struct store *store, uint64_t *out_synced)
{
	int pages = 0, copied = 0;
	if (store->log.checkpoint_failed)
		return RESULT_OK;

	int code = sqlite_checkpoint(store->db, &pages, &copied);
	if (code == SQLITE_BUSY)
		return RESULT_OK;

	/* The file is synced after its last page was copied; a reader may have held some pages
	 * back. */
	if (code == SQLITE_OK && pages == copied)
		*out_synced = store->cursor;
	return note_checkpoint(store, code);
}

bool
store_checkpoints_ended(const struct store *store)
{
	return store->log.checkpoint_failed;
}

enum store_place
store_look(struct store *store)
{
	struct stat now;
	const char *path = sqlite3_db_filename(store->db, "main");
	if (sqlite_has_moved(store->db) && (stat(path, &now) == 0 || errno == ENOENT))
		return STORE_MOVED;

	switch (sqlite_log_look(&store->log, true)) {
	case WAL_SOUND: return STORE_IN_PLACE;
	case WAL_REMOVED: return STORE_LOG_REMOVED;
	case WAL_CUT: return STORE_LOG_CUT;
	}
	return STORE_IN_PLACE;
}

bool
store_owns_log(const struct store *store)
{
	return access(store->log.file.path, F_OK) == 0 &&
	       wal_file_look(&store->log.file, 0, false) == WAL_SOUND;
}

enum result
store_save(struct store *store)
{
	return note_checkpoint(store, sqlite_log_empty(&store->log, store->db, READER_WAIT_MS));
}

void
store_abandon(struct store *store)
{
	sqlite_forbid_checkpoint_on_close(store->db);
	store_close(store);
}

enum result
store_recover_alone(const char *path, struct failure *failure)
{
	return sqlite_recover_alone(path, READER_WAIT_MS, failure);
}

uint64_t
store_log_bytes(const struct store *store)
{
	return wal_file_bytes(&store->log.file);
}

uint64_t
store_wal_bytes(const struct store *store)
{
	return sqlite_log_bytes(&store->log);
}

enum result
store_rebuild(struct store *store, struct store_rebuilt *out_rebuilt)
{
	struct store_rebuilt rebuilt;
	enum result result = store_begin(store);
	if (result != RESULT_OK)
		return result;

	watch_progress(store, true);
	result = store_note(store, rebuild_all(store, &rebuilt));
	watch_progress(store, false);
	if (result != RESULT_OK)
		store_rollback(store);
	else
		result = store_commit(store, store->cursor);
	if (result == RESULT_OK)
		*out_rebuilt = rebuilt;
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

	sqlite_finalize_all(statements, store);
	names_close(store->names);
	working_set_close(store->set);
	receipts_close(store->receipts);
	replies_close(store->replies);
	consents_close(store->consents);
	persons_close(store->persons);
	signatures_close(store->signatures);
	recount_close(store->recount);
	deltas_done(&store->deltas);
	free(store->touched);
	sqlite3_close_v2(store->db);
	sqlite_log_done(&store->log);
	free(store);
}
