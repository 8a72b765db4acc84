/* store: events, messages and hourly figures; the projector's access to dlrd.db.
 *
 * This header has no SQL, so that a second engine can implement it. Everything derived from a range
 * of journal entries is written with the range's end (the cursor) in one transaction. Each journal
 * entry therefore counts exactly once, even after a crash: store_begin, store_add for each event,
 * store_commit with the last entry's number.
 *
 * Commits are not synced one by one. A power cut may roll back the last of them, cursor included.
 * The journal must not be trimmed beyond a cursor that store_checkpoint has reported as synced.
 *
 * One connection writes and checkpoints, owned by one thread; readers (reader.h) have their own.
 * Nothing here logs. */
#pragma once

#include "dlrd/store/store_values.h"

/* The file's name in the store's directory. */
#define STORE_FILE "dlrd.db"

struct store;

/* Reads the cursor of the file at path, which may have any version of the schema, and changes
 * nothing. RESULT_NOT_FOUND if there is no file. */
must_check enum result store_peek_cursor(const char *path, uint64_t *out_cursor);

/* Opens the store, creates it if it is missing, and migrates an older one to this version in one
 * transaction. Refolds messages with conflicting receipts if the policy has changed since they were
 * folded, and settles all replies again if the windows have. failure states the reason of a
 * failure. */
must_check enum result store_open(
    const struct store_options *options, struct store **out_store, struct failure *failure);

/* Replaces the policy and the windows (nothing else), and recomputes the figures that depend on
 * them. On failure the old ones stay. */
must_check enum result store_reconfigure(struct store *store, const struct store_options *options);

/* The versions of the schema before and after store_open; equal unless it migrated. */
void store_versions(const struct store *store, int64_t *out_from, int64_t *out_to);

/* The number of the last journal entry that was projected; 0 for none. */
uint64_t store_cursor(const struct store *store);

must_check enum result store_begin(struct store *store);

/* Begins a request: the events added until the next call or store_begin come from one request with
 * that signature (absent: not known). A signature counts once, for all events of the first request
 * by arrival that has it. All events of a later request with it are duplicates: they add no
 * message, event or figure and change nothing. That holds however the request was divided into
 * parameters, since Twilio signs names and values without separators. */
must_check enum result store_begin_request(struct store *store, struct slice signature);

/* Begins a request whose events may be lost although its signature was noted. Such a signature is
 * ignored, and events are compared with stored ones as if it was not known. Stored events are not
 * counted as duplicates. */
must_check enum result store_begin_lost_request(struct store *store, struct slice signature);

/* Adds one event: stores it, folds its message, changes the figures. After any failure the whole
 * transaction must be rolled back, and may be tried again. */
must_check enum result store_add(
    struct store *store, const struct event *event, struct store_added *out_added);

/* Moves the cursor to journal_seq and commits the transaction. On failure it was rolled back. */
must_check enum result store_commit(struct store *store, uint64_t journal_seq);

void store_rollback(struct store *store);

/* Copies the write-ahead log into the file as far as readers allow. *out_synced is the cursor that
 * is known to be on the disk; untouched if nothing more was synced. RESULT_IO if the file could not
 * be synced: as with the journal, no further sync is tried, and closing leaves the log to the next
 * start. */
must_check enum result store_checkpoint(struct store *store, uint64_t *out_synced);

/* Whether a sync that failed has ended the checkpoints. */
bool store_checkpoints_ended(const struct store *store);

/* State of the files of an open store, which another program may have changed. */
enum store_place {
	STORE_IN_PLACE,
	STORE_MOVED,       /* moved or removed, or another file has its name */
	STORE_LOG_REMOVED, /* the log alone: the handle still has all of it */
	STORE_LOG_CUT,     /* truncated or overwritten: what only the log had is lost */
};

/* Checks the files, with a few system calls. Not inside a transaction. */
enum store_place store_look(struct store *store);

/* Whether the file with the log's name is the log of this store. */
bool store_owns_log(const struct store *store);

/* Copies the whole log into the file and syncs it, so that the handle can be closed although the
 * log was removed. RESULT_BUSY if a reader prevents it: try again. */
must_check enum result store_save(struct store *store);

/* Closes the store without the last checkpoint, which would copy a log that is not the store's. */
void store_abandon(struct store *store);

/* Recovers a store whose log was cut, after store_abandon. RESULT_BUSY while any reader is open. */
must_check enum result store_recover_alone(const char *path, struct failure *failure);

/* Size of the write-ahead log's file in bytes, in use or not. */
uint64_t store_log_bytes(const struct store *store);

/* Bytes in the write-ahead log since it was last reset. */
uint64_t store_wal_bytes(const struct store *store);

/* Refolds every message from its stored receipts, settles every reply, sums all figures and derives
 * the opt-out list from its evidence, in one transaction. The journal is not read. Takes about as
 * long as adding the receipts took. */
must_check enum result store_rebuild(struct store *store, struct store_rebuilt *out_rebuilt);

/* The engine's message for the last failure. Borrowed until the next call. */
const char *store_error(const struct store *store);

/* Accepts NULL. */
void store_close(struct store *store);
