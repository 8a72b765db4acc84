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

#include "dlrd/model/fold.h"
#include "dlrd/twilio/error_catalogue.h"

/* The file's name in the store's directory. */
#define STORE_FILE "dlrd.db"

struct store;

/* Opens the store, creates it where it is missing, brings an older one to this version in one
 * transaction, and refolds messages with conflicting receipts where the policy is not the one they
 * were folded with. failure says what is wrong. */
must_check enum result store_open(const char *path, enum conflict_policy policy,
    struct store **out_store, struct failure *failure);

/* The last journal entry that has been projected; 0 for none. */
uint64_t store_cursor(const struct store *store);

must_check enum result store_begin(struct store *store);

/* What became of an event. */
struct store_added {
	bool duplicate;    /* it had arrived before: counted as a duplicate, nothing else changed */
	bool conflict;     /* with it, its message has two different final statuses */
	bool unknown_code; /* a failure whose code the catalogue does not know */
};

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

/* Bytes in the write-ahead log since it was last reset. */
uint64_t store_wal_bytes(const struct store *store);

/* Replaces the error catalogue, history included, in one transaction. */
must_check enum result store_set_catalogue(
    struct store *store, const struct error_catalogue *catalogue);

/* The engine's words for the last failure. Borrowed until the next call. */
const char *store_error(const struct store *store);

/* Accepts NULL. */
void store_close(struct store *store);

#endif
