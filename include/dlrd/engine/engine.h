/* engine: the database of a store: rows in and out, in sets, inside of transactions.
 *
 * It knows no meaning: the store (store.h) judges events and receipts, and says what to write.
 * Everything derived from a range of journal entries is written with the range's end (the cursor)
 * in one transaction. This header has no SQL, so that a second engine can implement it.
 *
 * Commits are not synced one by one. A power cut may roll back the last of them, cursor included.
 * The journal must not be trimmed beyond a cursor that engine_checkpoint has reported as synced.
 *
 * One thread. Nothing here logs. */
#pragma once

#include "dlrd/engine/engine_parameters.h"
#include "dlrd/engine/tables.h"

struct engine;

struct engine_options {
	const char *path;
	/* Called every few milliseconds while engine_watch is on, and during a migration between
	 * these versions of the schema (equal: none). If it returns false, the work fails at once.
	 * May be NULL. */
	bool (*on_progress)(void *context, int64_t from_version, int64_t to_version);
	void *context;
};

/* No journal has a higher number, and JSON represents all numbers up to it exactly. */
#define ENGINE_CURSOR_MAX ((INT64_C(1) << 53) - 1)

/* Reads the cursor of the file at path, which may have any version of the schema, and changes
 * nothing. RESULT_NOT_FOUND if there is no file. */
must_check enum result engine_peek_cursor(const char *path, uint64_t *out_cursor);

/* Opens the file, creates it if it is missing, and migrates an older one to this version in one
 * transaction. failure states the reason of a failure. */
must_check enum result engine_open(
    const struct engine_options *options, struct engine **out_engine, struct failure *failure);

/* Begins to watch the log's file, once the work that follows the opening is committed. */
void engine_opened(struct engine *engine);

/* Reports progress, and can be interrupted, until the call with false. */
void engine_watch(struct engine *engine, bool on);

/* Borrowed; they live as long as the engine. */
const struct tables *engine_tables(const struct engine *engine);

/* The versions of the schema before and after engine_open; equal unless it migrated. */
void engine_versions(const struct engine *engine, int64_t *out_from, int64_t *out_to);

must_check enum result engine_read_parameters(
    struct engine *engine, struct engine_parameters *out_parameters);
/* No row is stale after that. */
must_check enum result engine_write_parameters(
    struct engine *engine, const struct engine_parameters *parameters);

/* --- transactions --- */

/* The number of the last journal entry of a committed transaction; 0 for none. */
uint64_t engine_cursor(const struct engine *engine);

must_check enum result engine_begin(struct engine *engine);

/* Moves the cursor and commits. After a failure the transaction must be rolled back. */
must_check enum result engine_commit(struct engine *engine, uint64_t cursor);

/* From now on, commits are on the disk when engine_commit returns (or, with false, no longer; if
 * that fails, they stay so). Not inside a transaction. */
enum result engine_sync_commits(struct engine *engine, bool on);

/* Also if there is no transaction. */
void engine_rollback(struct engine *engine);

/* --- write-ahead log and checkpoints --- */

/* Copies the write-ahead log into the file as far as readers allow. *out_synced is the cursor that
 * is known to be on the disk; untouched if nothing more was synced. RESULT_IO if the file could not
 * be synced: as with the journal, no further sync is tried, and closing leaves the log to the next
 * start. */
must_check enum result engine_checkpoint(struct engine *engine, uint64_t *out_synced);

/* Whether a sync that failed has ended the checkpoints. */
bool engine_checkpoints_ended(const struct engine *engine);

/* State of the files of an open engine, which another program may have changed. */
enum engine_place {
	ENGINE_IN_PLACE,
	ENGINE_MOVED,       /* moved or removed, or another file has its name */
	ENGINE_LOG_REMOVED, /* the log alone: the handle still has all of it */
	ENGINE_LOG_CUT,     /* truncated or overwritten: what only the log had is lost */
};

/* Checks the files, with a few system calls. Not inside a transaction. */
enum engine_place engine_look(struct engine *engine);

/* Whether the file with the log's name is the log of this engine. */
bool engine_owns_log(const struct engine *engine);

/* Copies the whole log into the file and syncs it, so that the handle can be closed although the
 * log was removed. RESULT_BUSY if a reader prevents it: try again. */
must_check enum result engine_save(struct engine *engine);

/* Closing makes no last checkpoint, which would copy a log that is not the engine's. */
void engine_keep_log(struct engine *engine);

/* Recovers a file whose log was cut, after it was closed with engine_keep_log. RESULT_BUSY while
 * any reader is open. */
must_check enum result engine_recover_alone(const char *path, struct failure *failure);

/* Size of the write-ahead log's file in bytes, in use or not. */
uint64_t engine_log_bytes(const struct engine *engine);

/* Bytes in the write-ahead log since it was last reset. */
uint64_t engine_wal_bytes(const struct engine *engine);

/* Keeps the database's message for a failure, for engine_error. Returns result. */
enum result engine_note(struct engine *engine, enum result result);

/* The message for the last failure. Borrowed until the next call. */
const char *engine_error(const struct engine *engine);

/* Accepts NULL. */
void engine_close(struct engine *engine);
