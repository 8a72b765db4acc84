/* store: events, messages and hourly figures; the projector's access to dlrd.db.
 *
 * The store judges; the engine (engine.h) reads and writes rows. Everything derived from a range
 * of journal entries is written with the range's end (the cursor) in one transaction. Each journal
 * entry therefore counts exactly once, even after a crash: store_begin, store_add for each event,
 * store_commit with the last entry's number.
 *
 * One connection writes and checkpoints, owned by one thread; readers (reader.h) have their own.
 * Nothing here logs. */
#pragma once

#include "dlrd/engine/engine.h"
#include "dlrd/store/store_values.h"

/* The file's name in the store's directory. */
#define STORE_FILE "dlrd.db"

struct store;

/* Opens the store, creates it if it is missing, and migrates an older one to this version in one
 * transaction. Refolds messages with conflicting receipts if the policy has changed since they were
 * folded, and settles all replies again if the windows have. failure states the reason of a
 * failure. */
must_check enum result store_open(
    const struct store_options *options, struct store **out_store, struct failure *failure);

/* Replaces the policy and the windows (nothing else), and recomputes the figures that depend on
 * them. On failure the old ones stay. */
must_check enum result store_reconfigure(struct store *store, const struct store_options *options);

/* The database: for checkpoints and its files. Borrowed. */
struct engine *store_engine(const struct store *store);

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

/* Closes the store without the last checkpoint, which would copy a log that is not the store's. */
void store_abandon(struct store *store);

/* Refolds every message from its stored receipts, settles every reply, sums all figures and derives
 * the opt-out list from its evidence, in one transaction. The journal is not read. Takes about as
 * long as adding the receipts took. */
must_check enum result store_rebuild(struct store *store, struct store_rebuilt *out_rebuilt);

/* Gives the stored receipts the tags that `tag` reads in their URLs, and moves messages, figures
 * and replies with them, in one transaction. The tags of a duplicate that its receipt has not are
 * not known. The count of a campaign's duplicates stays with it, and ends with it. */
must_check enum result store_retag(
    struct store *store, const struct store_retag *retag, struct store_retagged *out_retagged);

/* Removes all receipts with that parameter (struct event, extra), and what follows of them, in one
 * transaction. Followers of the opt-out list read a correction. Which duplicates a campaign has
 * counted is not known, so their number stays with it. */
must_check enum result store_remove(
    struct store *store, struct slice name, struct slice text, struct store_removed *out_removed);

/* The engine's message for the last failure. Borrowed until the next call. */
const char *store_error(const struct store *store);

/* Accepts NULL. */
void store_close(struct store *store);
