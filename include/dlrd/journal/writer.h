/* writer: the thread that makes requests durable, one fsync for whatever arrived during the last.
 *
 * The intake submits writes; the writer appends all that are waiting in one transaction, syncs, and
 * hands them back with a result. It is also the only thread that trims and checkpoints the journal,
 * between two batches, in steps small enough not to stall them.
 *
 * When the journal cannot be written, each batch is handed back with its failure, the handle is
 * opened anew, and a probe once a second finds out when it can be written again.
 *
 * Threads: submit, release, heartbeat and stop from any thread; on_done, on_committed and on_health
 * run on the writer's own. */
#ifndef DLRD_JOURNAL_WRITER_H
#define DLRD_JOURNAL_WRITER_H

#include "dlrd/journal/journal.h"

/* One request on its way through the writer. Made by journal_write_new, owned by the writer between
 * submit and on_done, by the submitter otherwise. */
struct journal_write {
	struct journal_entry entry; /* its slices point into bytes */
	enum result result;         /* set before on_done */
	void *owner;                /* the submitter's; the writer does not look at it */
	struct journal_write *next;
	size_t size; /* bytes allocated, for the submitter's accounts */
	char bytes[];
};

/* Copies the entry with all its bytes. NULL when memory is short. free() releases it. */
struct journal_write *journal_write_new(const struct journal_entry *entry);

struct writer_options {
	struct journal *journal; /* the writer's own from now on, until writer_stop returns */
	/* If the journal is closed: why. The writer is unhealthy then, and opens it as soon as that
	 * works. NULL otherwise. Borrowed for the call. */
	const char *closed_why;
	struct metrics *metrics;
	int64_t keep_us;     /* entries older than this may be trimmed */
	uint64_t keep_bytes; /* the oldest entries may be trimmed while the journal is larger */
	void *context;
	/* A list of finished writes, the submitter's again. */
	void (*on_done)(void *context, struct journal_write *list);
	/* Everything up to last_seq is durable now. */
	void (*on_committed)(void *context, uint64_t last_seq);
	/* The journal stopped or began to take writes; why is a line for the log. */
	void (*on_health)(void *context, bool healthy, const char *why);
	/* The journal of closed_why was opened; the call may use journal_found. */
	void (*on_opened)(void *context);
	/* Has every other connection to the journal closed (true), which the call waits for, or
	 * lets them open it again. Returns false if they are still open. */
	bool (*release_readers)(void *context, bool release);
	/* Entries from first on, up to last, were only in a log that another program cut. */
	void (*on_lost)(void *context, uint64_t first, uint64_t last);
	/* Old entries could not be removed, or could be again; why is a line for the log. */
	void (*on_trim)(void *context, bool trimmed, const char *why);
	/* The journal's path cannot be looked at; why is a line for the log. */
	void (*on_unreachable)(void *context, const char *why);
	/* A checkpoint could not be synced, and none is tried again in this process; why is a line
	 * for the log. */
	void (*on_checkpoint_failed)(void *context, const char *why);
};

struct writer;

must_check enum result writer_start(
    const struct writer_options *options, struct writer **out_writer, struct failure *failure);

/* Takes over a list of writes, in order. */
void writer_submit(struct writer *writer, struct journal_write *list);

/* Entries up to seq are projected and synced in the store: they may be trimmed. */
void writer_release(struct writer *writer, uint64_t seq);

/* Replaces keep_us and keep_bytes. */
void writer_set_keep(struct writer *writer, int64_t keep_us, uint64_t keep_bytes);

/* Monotonic time at which the thread last showed that it is not stuck. */
int64_t writer_heartbeat_us(const struct writer *writer);

/* Whether the last write to the journal went well. */
bool writer_healthy(const struct writer *writer);

/* Commits and hands back everything submitted, and ends the thread: no callback comes after that.
 * The journal is the caller's again. Accepts NULL. */
void writer_stop(struct writer *writer);

/* After writer_stop. Accepts NULL. */
void writer_free(struct writer *writer);

#endif
