#include "checkpointer.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"

#define MIB (1024u * 1024)
#define CHECKPOINT_BYTES (32 * MIB)         /* log size at which the store is checkpointed ... */
#define CHECKPOINT_US (5 * CLOCK_SECOND_US) /* ... or this long after the first change */
#define CHECKPOINT_PAUSE_US (CLOCK_SECOND_US / 4) /* at least so long between two */
#define LOG_WARN_PART 8 /* of log_max: several checkpoints that did not restart the log ... */
#define LOG_WARN_US (10 * CLOCK_SECOND_US)                       /* ... for at least so long */
#define LOG_KEPT_BYTES (CHECKPOINT_BYTES + CHECKPOINT_BYTES / 2) /* of its file, when idle */

void
checkpointer_init(struct checkpointer *checkpointer, struct opener *opener, uint64_t log_max,
    struct metrics *metrics, void (*on_synced)(void *context, uint64_t journal_seq), void *context)
{
	*checkpointer = (struct checkpointer){
	    .opener = opener, .log_max = log_max, .on_synced = on_synced, .context = context};
	checkpointer->metrics.failures =
	    metrics_add(metrics, METRIC_CHECKPOINT_FAILURES, "file=\"" STORE_FILE "\"");
	checkpointer->metrics.wal_bytes = metrics_add(metrics, METRIC_STORE_WAL_BYTES, "");
}

void
checkpointer_opened(struct checkpointer *checkpointer)
{
	checkpointer->synced = 0;
	checkpointer->dirty_since_us = clock_monotonic_us();
}

void
checkpointer_closed(struct checkpointer *checkpointer)
{
	if (checkpointer->synced == 0)
		return;

	checkpointer->synced = 0;
	checkpointer->on_synced(checkpointer->context, 0);
}

void
checkpointer_mark_dirty(struct checkpointer *checkpointer)
{
	if (checkpointer->dirty_since_us == 0)
		checkpointer->dirty_since_us = clock_monotonic_us();
}

void
checkpointer_run(struct checkpointer *checkpointer)
{
	struct store *store = checkpointer->opener->store;
	uint64_t synced = checkpointer->synced;

	enum result result = engine_checkpoint(store_engine(store), &synced);
	if (result != RESULT_OK)
		metric_add(checkpointer->metrics.failures, 1);
	if (result != RESULT_OK && engine_checkpoints_ended(store_engine(store)))
		log_line(LOG_ERROR,
		    "a checkpoint of " STORE_FILE
		    " could not be synced (%s); no other is tried until the next start, its log "
		    "grows, and the journal is not trimmed: restart dlrd when the disk works again",
		    store_error(store));

	checkpointer->dirty_since_us = synced < store_cursor(store) ? clock_monotonic_us() : 0;
	if (synced != checkpointer->synced) {
		checkpointer->synced = synced;
		checkpointer->on_synced(checkpointer->context, synced);
	}
}

static void
warn_of_log(struct checkpointer *checkpointer, uint64_t wal_bytes, const char *consequence)
{
	log_line(LOG_WARNING,
	    "a program that reads " STORE_FILE " has kept its log from restarting for %lld s; "
	    "the log has %llu MiB%s: end the transactions of other programs (sqlite3, a copy, a "
	    "report)",
	    (long long)((clock_monotonic_us() - checkpointer->log_since_us) / CLOCK_SECOND_US),
	    (unsigned long long)(wal_bytes / MIB), consequence);
}

static void
watch_log(struct checkpointer *checkpointer, uint64_t wal_bytes)
{
	if (wal_bytes < checkpointer->log_bytes || checkpointer->log_since_us == 0) {
		checkpointer->log_since_us = clock_monotonic_us();
		checkpointer->log_warned = false;
	}
	checkpointer->log_bytes = wal_bytes;

	uint64_t warn_bytes = checkpointer->log_max / LOG_WARN_PART;
	int64_t age_us = clock_monotonic_us() - checkpointer->log_since_us;
	if (wal_bytes >= warn_bytes && age_us >= LOG_WARN_US && !checkpointer->log_warned) {
		checkpointer->log_warned = true;
		warn_of_log(checkpointer, wal_bytes, "");
	}
}

static void
note_log_full(struct checkpointer *checkpointer, uint64_t wal_bytes)
{
	if (!checkpointer->log_full)
		warn_of_log(checkpointer, wal_bytes,
		    ", the most that [store] log_limit allows, and nothing is counted until it "
		    "restarts; callbacks are accepted and stored");
	opener_note(checkpointer->opener, clock_wall_us(),
	    "a program that reads " STORE_FILE " keeps its log from restarting");
	checkpointer->log_full = true;
}

bool
checkpointer_may_grow(struct checkpointer *checkpointer)
{
	struct store *store = checkpointer->opener->store;
	uint64_t wal_bytes = engine_wal_bytes(store_engine(store));
	if (wal_bytes < checkpointer->log_max)
		return true;

	if (engine_save(store_engine(store)) != RESULT_OK) {
		note_log_full(checkpointer, wal_bytes);
		return false;
	}

	checkpointer->dirty_since_us = clock_monotonic_us();
	if (checkpointer->log_full) {
		opener_note(checkpointer->opener, 0, "");
		log_line(
		    LOG_INFO, "the log of " STORE_FILE " restarted; callbacks are counted again");
	}
	checkpointer->log_full = false;
	return true;
}

void
checkpointer_run_if_due(struct checkpointer *checkpointer)
{
	uint64_t wal_bytes = engine_wal_bytes(store_engine(checkpointer->opener->store));
	metric_set(checkpointer->metrics.wal_bytes, (double)wal_bytes);
	watch_log(checkpointer, wal_bytes);
	if (checkpointer->dirty_since_us == 0)
		return;

	/* A log that stays large may have a reader: it is not tried after every batch. */
	int64_t age_us = clock_monotonic_us() - checkpointer->dirty_since_us;
	if (age_us >= CHECKPOINT_US ||
	    (wal_bytes >= CHECKPOINT_BYTES && age_us >= CHECKPOINT_PAUSE_US))
		checkpointer_run(checkpointer);
}

void
checkpointer_shrink_log(struct checkpointer *checkpointer)
{
	struct store *store = checkpointer->opener->store;
	bool all_copied = checkpointer->dirty_since_us == 0;

	/* After a flood the file of the log stays as large as it was. */
	if (all_copied && !engine_checkpoints_ended(store_engine(store)) &&
	    engine_log_bytes(store_engine(store)) > LOG_KEPT_BYTES)
		(void)!engine_save(store_engine(store));
}
