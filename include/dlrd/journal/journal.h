/* journal: the append-only file of genuine requests; the only door to journal.db.
 *
 * A request is in here, whole and synced to the disk, before it is answered 2xx; nobody has
 * interpreted it yet. Entries are numbered without gaps in the order they were appended, and
 * numbers are never used twice, also when everything was trimmed.
 *
 * One connection writes and checkpoints the file, since SQLite before 3.51.3 can lose pages of a
 * WAL that two connections write and checkpoint (sqlite.org/wal.html, "The WAL-Reset Bug"). A
 * failed fsync is never tried again on the same handle: after RESULT_IO the entries of that append
 * may or may not exist later, and journal_reopen must be called before the next one.
 *
 * A struct journal belongs to one thread. Readers: journal_reader.h. Nothing here logs. */
#ifndef DLRD_JOURNAL_JOURNAL_H
#define DLRD_JOURNAL_JOURNAL_H

#include "dlrd/base/metrics.h"
#include "dlrd/base/slice.h"
#include "dlrd/base/wal_file.h"

/* The file's name in the store's directory. */
#define JOURNAL_FILE "journal.db"

/* One request as it arrived. Slices are borrowed. */
struct journal_entry {
	uint64_t seq;            /* set by journal_append */
	int64_t received_us;     /* wall clock, microseconds */
	struct slice method;     /* "POST" or "GET" */
	struct slice route;      /* the path of the route that took it */
	struct slice query;      /* raw, without the question mark; absent where there was none */
	struct slice media_type; /* the Content-Type header; absent where there was none */
	struct slice body;       /* raw; absent for a GET */
	struct slice account;    /* the account whose token verified it */
	/* The X-Twilio-Signature that was verified; it has only one spelling. Absent in entries of
	 * an older dlrd. */
	struct slice signature;
};

struct journal_options {
	const char *path;
	uint64_t min_seq;     /* no entry gets a number up to this one: the projector's cursor */
	uint64_t restart_seq; /* nor up to this one if the file is new or its log damaged; for when
			       * the cursor is not known. 0: no more than min_seq says */
	struct metric *fsync_seconds; /* observes each fsync; may be NULL */
};

struct journal;

/* Opens the file, creates it where it is missing, proves with a synced write that it can be
 * written, and reads back that synchronous is FULL. failure says what is wrong. */
must_check enum result journal_open(
    const struct journal_options *options, struct journal **out_journal, struct failure *failure);

/* A closed journal, for a disk that cannot be written yet: every call but journal_reopen and
 * journal_close returns RESULT_IO. */
must_check enum result journal_new(
    const struct journal_options *options, struct journal **out_journal, struct failure *failure);

/* Drops the handle and opens the file anew, as journal_open does. On failure the journal is closed,
 * as after journal_new. */
must_check enum result journal_reopen(struct journal *journal, struct failure *failure);

/* Appends count entries in one transaction and numbers them. When it returns RESULT_OK they are
 * synced; otherwise none of them may be acknowledged. */
must_check enum result journal_append(
    struct journal *journal, struct journal_entry *const *entries, size_t count);

/* Proves with a synced write that the journal can be written now, and reserves room in its log for
 * entries of so many bytes; RESULT_FULL if there is not as much. */
must_check enum result journal_probe(struct journal *journal, size_t bytes);

/* Deletes the oldest entries, at most rows_max of them, up to and including last_seq, that arrived
 * before before_us; the newest entry always stays. *out_removed is how many. */
must_check enum result journal_trim(struct journal *journal, uint64_t last_seq, int64_t before_us,
    size_t rows_max, size_t *out_removed);

/* Copies the write-ahead log into the file as far as no reader is in the way. If that could not be
 * written, the next call tries again. If it could not be synced, the system may have dropped what
 * it could not write, but the log still has it, and the next open reads it from there: so until
 * then the call does nothing, and closing the journal leaves the log as it is. */
must_check enum result journal_checkpoint(struct journal *journal);

/* Gives disk space back that a flood has left, one small step of some milliseconds: the log down to
 * nothing if it has more than JOURNAL_LOG_KEPT bytes, and pages of the file that are free beyond
 * JOURNAL_FREE_KEPT. *out_more: there is more to give back. A reader in the way is no failure. */
#define JOURNAL_LOG_KEPT (16u * 1024 * 1024)
#define JOURNAL_FREE_KEPT (16u * 1024 * 1024)
must_check enum result journal_give_back(struct journal *journal, bool *out_more);

/* What the last successful open found in the file, before anything was appended. */
struct journal_found {
	uint64_t first_seq, last_seq; /* of the entries; 0 if there are none */
	bool log_damaged;             /* the log held more than could be read: see log_check.h */
	bool log_kept;                /* a copy of it is next to it, as LOG.damaged */
};

struct journal_found journal_found(const struct journal *journal);

/* Whether a sync that failed has ended the checkpoints. */
bool journal_checkpoints_ended(const struct journal *journal);

enum journal_place {
	JOURNAL_IN_PLACE,
	JOURNAL_MOVED,       /* what is appended now would be lost with the process */
	JOURNAL_UNREACHABLE, /* its path cannot be looked at: journal_error says why */
};

/* Whether the file at the journal's path is still the one that is open. */
enum journal_place journal_look_at_place(struct journal *journal);

/* Whether another program changed the write-ahead log since it was opened. Costs a stat(2), so that
 * it can come before each batch; closely: as for wal_file_look. */
enum wal_state journal_look_at_log(struct journal *journal, bool closely);

/* Copies the whole log into the file and syncs it, so that the handle can be closed although the
 * log was removed; other connections find an empty log then, and have to be opened again.
 * RESULT_BUSY if a reader is in the way: try again. */
must_check enum result journal_save(struct journal *journal);

/* After the log was cut: closes the handle without a checkpoint, and recovers what is left of the
 * log with no other connection open, whose index of the log would be wrong. RESULT_BUSY while there
 * is one. To be followed by journal_reopen. */
must_check enum result journal_recover_alone(struct journal *journal, struct failure *failure);

struct journal_size {
	uint64_t live_bytes; /* pages in use */
	uint64_t wal_bytes;  /* the log since it was last reset */
};

struct journal_size journal_size(struct journal *journal);

/* The number of the newest entry, or min_seq where there is none. */
uint64_t journal_last_seq(const struct journal *journal);

/* SQLite's words for the last failure. Borrowed until the next call. */
const char *journal_error(const struct journal *journal);

/* Accepts NULL. Readers must be closed before. */
void journal_close(struct journal *journal);

#endif
