/* writer: the thread that makes requests durable, with one fsync for all that arrived during the
 * last one.
 *
 * The intake submits writes. The writer appends all waiting writes in one transaction, syncs, and
 * returns each with its result. It is also the only thread that trims and checkpoints the journal.
 * It does so between batches, in steps small enough not to delay them.
 *
 * If the journal cannot be written, each batch is returned with its failure and the handle is
 * reopened. A probe once a second detects when the journal is writable again.
 *
 * Threads: submit, release, heartbeat and stop from any thread; the callbacks run on the writer's
 * own, except that writer_start calls on_health if closed_why is set. */
#pragma once

#include "dlrd/journal/journal.h"

/* One request on its way through the writer. The writer owns it between submit and on_done, the
 * submitter before and after. */
struct journal_write {
	struct journal_entry entry; /* its slices point into bytes */
	enum result result;         /* set before on_done */
	void *_Atomic owner;        /* the submitter's; the writer does not use it. Atomic, since a
				       submitter may forget a write that is with the writer
				       while on_done compares its owner. */
	struct journal_write *next;
	size_t size; /* bytes allocated, for the submitter's limits */
	char bytes[];
};

/* Copies the entry with all its bytes. Returns NULL if memory is short. Release with free(). */
struct journal_write *journal_write_new(const struct journal_entry *entry);

struct writer_options {
	struct journal *journal; /* the writer's own from now on, until writer_stop returns */
	/* If the journal is closed: the reason. The writer is then unhealthy until it can open the
	 * journal. NULL otherwise. Borrowed for the call. */
	const char *closed_why;
	struct metrics *metrics;
	int64_t keep_us;     /* entries older than this may be trimmed */
	uint64_t keep_bytes; /* the oldest entries may be trimmed while the journal is larger */
	void *context;
	/* Returns a list of finished writes to the submitter. */
	void (*on_done)(void *context, struct journal_write *list);
	/* All entries up to last_seq are durable. */
	void (*on_committed)(void *context, uint64_t last_seq);
	/* The journal has become writable or unwritable; why is a line for the log. */
	void (*on_health)(void *context, bool healthy, const char *why);
	/* A journal that was closed at the start has been opened; journal_found may be called. */
	void (*on_opened)(void *context);
	/* If release is true, closes all other connections to the journal and waits for that; else
	 * permits them to reopen it. Returns false if some are still open. */
	bool (*release_readers)(void *context, bool release);
	/* The entries first to last are lost: they were only in a log that another program cut. */
	void (*on_lost)(void *context, uint64_t first, uint64_t last);
	/* Removing old entries failed (false), or works again; why is a line for the log. */
	void (*on_trim)(void *context, bool trimmed, const char *why);
	/* stat(2) of the journal's path failed; why is a line for the log. */
	void (*on_unreachable)(void *context, const char *why);
	/* The sync of a checkpoint failed, so this process makes no more; why is a line for the
	 * log. */
	void (*on_checkpoint_failed)(void *context, const char *why);
};

struct writer;

must_check enum result writer_start(
    const struct writer_options *options, struct writer **out_writer, struct failure *failure);

/* Submits a list of writes, in order. */
void writer_submit(struct writer *writer, struct journal_write *list);

/* Entries up to seq are projected and synced in the store: they may be trimmed. */
void writer_release(struct writer *writer, uint64_t seq);

/* Replaces keep_us and keep_bytes. */
void writer_set_keep(struct writer *writer, int64_t keep_us, uint64_t keep_bytes);

/* Returns the monotonic time of the thread's last sign of life. */
int64_t writer_heartbeat_us(const struct writer *writer);

/* Returns whether the journal is writable, as far as the last write has shown. */
bool writer_healthy(const struct writer *writer);

/* Commits and returns all submitted writes, and ends the thread. No callback runs afterwards, and
 * the caller owns the journal again. Accepts NULL. */
void writer_stop(struct writer *writer);

/* Call it after writer_stop. Accepts NULL. */
void writer_free(struct writer *writer);
