/* store: meaning, kept: events, messages, hourly figures; the door to dlrd.db for the projector.
 *
 * This header knows no SQL: a second engine is to implement it. Everything the projector derives
 * from a stretch of journal goes in with the stretch's end (the cursor) in one transaction, so each
 * journal entry counts exactly once, whatever crashes:
 *
 *     store_begin, store_add for each event, store_commit with the last entry's number
 *
 * Commits are not synced one by one. A power cut may roll the last of them back, cursor included;
 * the journal must not be trimmed beyond a cursor that store_checkpoint has reported as synced.
 *
 * One connection writes and checkpoints, owned by one thread; readers (reader.h) have their own.
 * Nothing here logs. */
#ifndef DLRD_STORE_STORE_H
#define DLRD_STORE_STORE_H

#include "dlrd/store/store_values.h"

/* The file's name in the store's directory. */
#define STORE_FILE "dlrd.db"

struct store;

/* Reads the cursor of the file at path, which may have any version of the schema, and changes
 * nothing. RESULT_NOT_FOUND if there is no file. */
must_check enum result store_peek_cursor(const char *path, uint64_t *out_cursor);

/* Opens the store, creates it where it is missing, and brings an older one to this version in one
 * transaction; refolds messages with conflicting receipts where the policy is not the one they were
 * folded with, and settles the replies anew where the windows are others. failure says what is
 * wrong. */
must_check enum result store_open(
    const struct store_options *options, struct store **out_store, struct failure *failure);

/* Takes another policy and other windows than it was opened with (nothing else), and counts anew
 * what depends on them. On failure the old ones stay. */
must_check enum result store_reconfigure(struct store *store, const struct store_options *options);

/* The versions of the schema before and after store_open; equal unless it migrated. */
void store_versions(const struct store *store, int64_t *out_from, int64_t *out_to);

/* The last journal entry that has been projected; 0 for none. */
uint64_t store_cursor(const struct store *store);

must_check enum result store_begin(struct store *store);

/* The events that are added from here on, until the next call or store_begin, come from one request
 * with that signature (absent: it is not known). A signature counts once, for all events of the
 * first request by arrival that has it. Everything that a later request with it says is a
 * duplicate: it adds no message, event or figure and changes nothing, however the request was
 * divided into parameters, since Twilio signs names and values without separators. */
must_check enum result store_begin_request(struct store *store, struct slice signature);

/* The same for a request whose events may be lost, although its signature was noted: such a
 * signature is passed over, and its events are told from stored ones as if it was not known. Those
 * that are stored are not counted as duplicates. */
must_check enum result store_begin_lost_request(struct store *store, struct slice signature);

/* Adds one event: keeps it, folds its message, changes the figures. After any failure the whole
 * transaction must be rolled back and may be tried again. */
must_check enum result store_add(
    struct store *store, const struct event *event, struct store_added *out_added);

/* Ends the transaction with the cursor moved to journal_seq. On failure it has been rolled back. */
must_check enum result store_commit(struct store *store, uint64_t journal_seq);

void store_rollback(struct store *store);

/* Copies the write-ahead log into the file as far as readers allow. *out_synced is the cursor that
 * is known to be on the disk; untouched when none is known anew. RESULT_IO where it could not be
 * synced: as with the journal's, none is tried after that, and closing leaves the log to the next
 * start. */
must_check enum result store_checkpoint(struct store *store, uint64_t *out_synced);

/* Whether a sync that failed has ended the checkpoints. */
bool store_checkpoints_ended(const struct store *store);

/* Another program's changes to the files of an open store. */
enum store_place {
	STORE_IN_PLACE,
	STORE_MOVED,       /* moved or removed, or another file has its name */
	STORE_LOG_REMOVED, /* the log alone: the handle still has all of it */
	STORE_LOG_CUT,     /* truncated or overwritten: what only the log had is lost */
};

/* Costs a few system calls. Not within a transaction. */
enum store_place store_look(struct store *store);

/* Whether the file that has the log's name is the log of this store. */
bool store_owns_log(const struct store *store);

/* Copies the whole log into the file and syncs it, so that the handle can be closed although the
 * log was removed. RESULT_BUSY if a reader is in the way: try again. */
must_check enum result store_save(struct store *store);

/* store_close without the last checkpoint, which would copy a log that is not the store's. */
void store_abandon(struct store *store);

/* Recovers a store whose log was cut, after store_abandon; RESULT_BUSY while any reader is open. */
must_check enum result store_recover_alone(const char *path, struct failure *failure);

/* Bytes that the file of the write-ahead log has, in use or not. */
uint64_t store_log_bytes(const struct store *store);

/* Bytes in the write-ahead log since it was last reset. */
uint64_t store_wal_bytes(const struct store *store);

/* Folds every message anew from its stored receipts, settles every reply, adds up all figures and
 * derives the opt-out list from its evidence, all in one transaction. Nothing is read from the
 * journal. It takes about as long as the receipts took to add. */
must_check enum result store_rebuild(struct store *store, struct store_rebuilt *out_rebuilt);

/* The engine's words for the last failure. Borrowed until the next call. */
const char *store_error(const struct store *store);

/* Accepts NULL. */
void store_close(struct store *store);

#endif
