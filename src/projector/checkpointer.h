/* checkpointer: checkpoints the store, and limits the size of its write-ahead log.
 *
 * SQLite restarts the log only when all of it is in the file and no connection reads it. If another
 * program keeps a transaction open, the log grows; above a limit nothing is projected, since the
 * journal holds waiting callbacks in less space than the log holds changes of figures.
 *
 * Belongs to the projector's thread. The store must be open unless a function states otherwise. */
#pragma once

#include "dlrd/base/metrics.h"
#include "opener.h"

struct checkpointer {
	struct opener *opener; /* has the store */
	uint64_t log_max;      /* bytes of the log above which nothing is projected */
	void *context;
	void (*on_synced)(void *context, uint64_t journal_seq); /* as in projector_options */
	uint64_t synced;        /* cursor that is known to be on the disk */
	uint64_t log_bytes;     /* size of the log when it was last checked */
	int64_t log_since_us;   /* monotonic time at which the log last restarted */
	bool log_warned;        /* a warning was logged since then */
	bool log_full;          /* the log has log_max bytes: nothing is projected */
	int64_t dirty_since_us; /* monotonic time of the first commit that is not synced; 0: none */
	struct {
		struct metric *failures, *wal_bytes;
	} metrics;
};

/* The arguments are borrowed. The store need not be open. */
void checkpointer_init(struct checkpointer *checkpointer, struct opener *opener, uint64_t log_max,
    struct metrics *metrics, void (*on_synced)(void *context, uint64_t journal_seq), void *context);

/* The store was opened: its cursor may not be synced. */
void checkpointer_opened(struct checkpointer *checkpointer);

/* The store was closed, and the next one may have counted less: reports that nothing is synced, so
 * that no journal entry is trimmed until the new cursor is known. */
void checkpointer_closed(struct checkpointer *checkpointer);

/* The store has changes that are not synced. The store need not be open. */
void checkpointer_mark_dirty(struct checkpointer *checkpointer);

/* Returns whether the log may grow; logs a warning if not. */
bool checkpointer_may_grow(struct checkpointer *checkpointer);

/* Checkpoints the store if the log is large or its oldest change is a few seconds old. */
void checkpointer_run_if_due(struct checkpointer *checkpointer);

/* Checkpoints the store. */
void checkpointer_run(struct checkpointer *checkpointer);

/* Truncates a large log that is not in use any more. The next idle second tries again if a reader
 * prevents it. */
void checkpointer_shrink_log(struct checkpointer *checkpointer);
