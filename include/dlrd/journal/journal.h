/* journal: the append-only file of genuine requests; the only door to journal.db.
 *
 * A request is stored here completely, and synced to disk, before it is answered 2xx. It is not
 * interpreted. Entries are numbered without gaps in the order in which they are appended. Numbers
 * are never reused, not even after all entries were trimmed.
 *
 * One connection writes and checkpoints the file, since SQLite before 3.51.3 can lose pages of a
 * WAL that two connections write and checkpoint (sqlite.org/wal.html, "The WAL-Reset Bug"). A
 * failed fsync is never retried on the same handle: after RESULT_IO the entries of that append may
 * or may not exist later, and journal_reopen must be called before the next append.
 *
 * A struct journal belongs to one thread. Readers: journal_reader.h. The module does not log. */
#pragma once

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
	struct slice query;      /* raw, without the question mark; absent if there was none */
	struct slice media_type; /* the Content-Type header; absent if there was none */
	struct slice body;       /* raw; absent for a GET */
	struct slice account;    /* the account whose token verified it */
	/* The verified X-Twilio-Signature; it has only one spelling. Absent in entries that
	 * dlrd wrote before it stored signatures. */
	struct slice signature;
};

struct journal_options {
	const char *path;
	uint64_t min_seq;     /* new entries get higher numbers: the projector's cursor */
	uint64_t restart_seq; /* the same, if the file is new or its log damaged; for a cursor that
				 is not known. 0: min_seq is enough */
	struct metric *fsync_seconds; /* observes each fsync; may be NULL */
};

struct journal;

/* Creates a closed journal, for a disk that is not writable yet. All calls except journal_reopen
 * and journal_close return RESULT_IO. */
must_check enum result journal_new(
    const struct journal_options *options, struct journal **out_journal, struct failure *failure);

/* Drops the handle, if there is one, and opens the file, or creates it if it is missing. Verifies
 * with a synced write that it is writable, and that the setting synchronous is FULL. On failure
 * fills failure, and the journal is closed, as after journal_new. */
must_check enum result journal_reopen(struct journal *journal, struct failure *failure);

/* Appends count entries in one transaction and numbers them. After RESULT_OK they are synced. After
 * any other result none of them may be acknowledged. */
must_check enum result journal_append(
    struct journal *journal, struct journal_entry *const *entries, size_t count);

/* Verifies with a synced write that the journal is writable now, and reserves room in its log for
 * entries of so many bytes. Returns RESULT_FULL if there is less room. */
must_check enum result journal_probe(struct journal *journal, size_t bytes);

/* Deletes the oldest entries, at most rows_max of them: those up to and including last_seq that
 * arrived before before_us. The newest entry always stays. *out_removed is the number of deleted
 * entries. */
must_check enum result journal_trim(struct journal *journal, uint64_t last_seq, int64_t before_us,
    size_t rows_max, size_t *out_removed);

/* Copies the write-ahead log into the file, as far as readers permit. If a write failed, the next
 * call tries again. After a failed sync the system may have dropped pages that it could not write.
 * The log still has them, and the next open recovers them. Until then the call does nothing, and
 * closing the journal does not touch the log. */
must_check enum result journal_checkpoint(struct journal *journal);

/* Returns disk space that a flood has left, in one small step of some milliseconds. Empties the log
 * if it has more than JOURNAL_LOG_KEPT bytes, and releases free pages of the file beyond
 * JOURNAL_FREE_KEPT bytes. *out_more: there is more to release. A busy reader is not a failure. */
#define JOURNAL_LOG_KEPT (16u * 1024 * 1024)
#define JOURNAL_FREE_KEPT (16u * 1024 * 1024)
must_check enum result journal_give_back(struct journal *journal, bool *out_more);

/* Findings of the last successful open, before anything was appended. */
struct journal_found {
	uint64_t first_seq, last_seq; /* of the entries; 0 if the file is empty */
	bool log_damaged;             /* SQLite could not read all of the log: see log_check.h */
	bool log_kept;                /* a copy of it is next to it, as LOG.damaged */
};

struct journal_found journal_found(const struct journal *journal);

/* Returns whether a failed sync has ended the checkpoints. */
bool journal_checkpoints_ended(const struct journal *journal);

enum journal_place {
	JOURNAL_IN_PLACE,
	JOURNAL_MOVED,       /* entries appended now would be lost when the process ends */
	JOURNAL_UNREACHABLE, /* stat(2) of its path failed: journal_error has the reason */
};

/* Returns whether the file at the journal's path is still the open one. */
enum journal_place journal_look_at_place(struct journal *journal);

/* Returns whether another program changed the write-ahead log since it was opened. Costs one
 * statx(2), so that it can be called before each batch. closely: see wal_file_look. */
enum wal_state journal_look_at_log(struct journal *journal, bool closely);

/* Copies the whole log into the file and syncs it, so that the handle can be closed although the
 * log was removed. Other connections then find an empty log and must be reopened. Returns
 * RESULT_BUSY if a reader prevents it; try again later. */
must_check enum result journal_save(struct journal *journal);

/* After the log was cut: closes the handle without a checkpoint and recovers the rest of the log.
 * No other connection may be open, since its index of the log would be wrong. Returns RESULT_BUSY
 * while there is one. Must be followed by journal_reopen. */
must_check enum result journal_recover_alone(struct journal *journal, struct failure *failure);

struct journal_size {
	uint64_t live_bytes; /* pages in use */
	uint64_t wal_bytes;  /* the log since it was last reset */
};

struct journal_size journal_size(struct journal *journal);

/* Returns the number of the newest entry, or min_seq if there is no entry. */
uint64_t journal_last_seq(const struct journal *journal);

/* Returns SQLite's message for the last failure, borrowed until the next call. */
const char *journal_error(const struct journal *journal);

/* Accepts NULL. Readers must be closed first. */
void journal_close(struct journal *journal);
