#define _GNU_SOURCE /* gettid, CPU_COUNT */
#include "dlrd/projector/projector.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/disk.h"
#include "dlrd/base/log.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/projector/decoder.h"
#include "opener.h"
#include "tally.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 2000                       /* entries in one transaction */
#define CHECKPOINT_BYTES (32u * 1024 * 1024) /* log size at which the store is checkpointed ... */
#define CHECKPOINT_US (5 * CLOCK_SECOND_US)  /* ... or this long after the first change */
#define MIB (1024u * 1024)
#define LOG_WARN_PART \
	8 /* of log_max: several checkpoints that did not let the log begin anew ... */
#define LOG_WARN_US (10 * CLOCK_SECOND_US)                       /* ... for at least so long */
#define LOG_KEPT_BYTES (CHECKPOINT_BYTES + CHECKPOINT_BYTES / 2) /* of its file, when idle */
#define NICENESS 10                                              /* the intake goes first */
/* Between two batches that were not full: a transaction for every few entries would cost more than
 * the entries, and nobody sees a hundredth of a second. */
#define PAUSE_US (CLOCK_SECOND_US / 50)
/* In a flood, which is when more than 1/FLOOD_PART as many callbacks come in as are projected in
 * the same time, the projector rests REST_FACTOR times as long as it worked, where it would take
 * the processor from the intake and the writer: on a machine with fewer than CPUS_ENOUGH. The
 * journal holds what waits; once the flood ebbs it goes at full speed. */
#define FLOOD_PART 3
#define REST_FACTOR 16
#define REST_STEP_US (CLOCK_SECOND_US / 200)
#define REST_QUIET_STEPS 6 /* without a callback: the flood has ended */
#define CPUS_ENOUGH 4
#define SLEEP_STEP_US (CLOCK_SECOND_US / 20)
#define RETRY_US CLOCK_SECOND_US /* after a failure */

/* What other threads have asked for. */
struct projector_upkeep {
	bool reconfigure;
	struct projector_config config;
	struct projector_store_config store_config;
	bool rebuild;
};

static void upkeep_done(struct projector_upkeep *upkeep);

struct projector {
	struct projector_options options;
	struct journal_reader *reader; /* NULL: the journal cannot be read, or must not be */
	struct opener opener;          /* has the store */
	struct decoder decoder;
	pthread_t thread;
	/* Rung by notify and stop. No lock: the writer must never wait for a thread that the
	 * scheduler puts behind it. */
	int event_fd;
	_Atomic int64_t stop_us; /* monotonic time by which the thread must end; 0: not stopping */
	_Atomic uint64_t journal_last;
	_Atomic bool reader_wanted_closed, reader_closed; /* projector_release_reader */
	/* the thread's own: */
	uint64_t last_seq;      /* the last entry of the batch in hand */
	bool in_batch;          /* a transaction is open */
	struct tally tally;     /* published once the batch is committed */
	bool store_failed;      /* why the batch ended early */
	bool failing;           /* the last batch failed: said once */
	bool unreadable;        /* the journal cannot be opened for reading: said once */
	uint64_t synced;        /* cursor known to be on the disk */
	uint64_t log_bytes;     /* of the store's log, when it was last looked at */
	int64_t log_since_us;   /* when it last began anew */
	bool log_warned;        /* since then */
	bool log_full;          /* it has log_max bytes: nothing is projected */
	int64_t dirty_since_us; /* first commit since the last checkpoint; 0: none */
	struct {
		struct metric *lag, *lag_seconds, *failures, *checkpoint_failures, *wal_bytes;
	} metrics;
	pthread_mutex_t lock; /* guards upkeep, rebuild */
	struct projector_upkeep upkeep;
	struct projector_rebuild rebuild;
};

static enum result
project_event(void *context, const struct event *event)
{
	struct projector *projector = context;
	struct store_added added;
	enum result result = store_add(projector->opener.store, event, &added);
	if (result == RESULT_OK)
		tally_add(&projector->tally, event, added);
	return result;
}

static enum result
project_entry(void *context, const struct journal_entry *entry)
{
	struct projector *projector = context;
	enum result result = RESULT_OK;
	if (!projector->in_batch)
		result = store_begin(projector->opener.store);
	projector->in_batch = projector->in_batch || result == RESULT_OK;
	if (result == RESULT_OK)
		result = store_begin_request(projector->opener.store, entry->signature);
	if (result == RESULT_OK)
		result = decoder_decode(&projector->decoder, entry, project_event, projector);
	if (result != RESULT_OK) {
		projector->store_failed = true;
		return result;
	}
	projector->last_seq = entry->seq;
	return RESULT_OK;
}

/* Projects one stretch of journal, all or nothing. */
static enum result
project_batch(struct projector *projector)
{
	struct store *store = projector->opener.store;
	uint64_t cursor = store_cursor(store);
	projector->in_batch = projector->store_failed = false;
	projector->last_seq = cursor;
	tally_begin(&projector->tally);
	enum result result =
	    journal_reader_read(projector->reader, cursor, BATCH_MAX, project_entry, projector);
	if (projector->in_batch && result == RESULT_OK) {
		projector->store_failed = true; /* if it fails now, it is the store */
		result = store_commit(store, projector->last_seq);
		if (result == RESULT_OK)
			tally_publish(&projector->tally);
		if (result == RESULT_OK && projector->options.on_projected != NULL)
			projector->options.on_projected(projector->options.context);
		return result;
	}
	if (projector->in_batch)
		store_rollback(store);
	return result;
}

/* The arrival time of the first entry that is not counted, or now. */
static int64_t
first_waiting_us(struct projector *projector)
{
	uint64_t last;
	int64_t next_us = 0;
	enum result result = journal_reader_tail(
	    projector->reader, store_cursor(projector->opener.store), &last, &next_us);
	return result == RESULT_OK && next_us != 0 ? next_us : clock_wall_us();
}

static void
note_failed(struct projector *projector, enum result result)
{
	const char *why = projector->store_failed ? store_error(projector->opener.store)
						  : journal_reader_error(projector->reader);
	const char *remedy = projector->store_failed && result == RESULT_CORRUPT
				 ? "; restore a backup, or run 'dlrd recover'"
				 : "";
	metric_add(projector->metrics.failures, 1);
	opener_note(&projector->opener, first_waiting_us(projector), why);
	if (projector->failing)
		return;
	log_line(LOG_ERROR,
	    "the projector cannot go on at journal entry %llu: %s: %s%s; callbacks are accepted "
	    "and "
	    "stored, it tries again each second",
	    (unsigned long long)store_cursor(projector->opener.store) + 1, result_text(result), why,
	    remedy);
}

static void
note_result(struct projector *projector, enum result result)
{
	bool failed = result != RESULT_OK;
	if (failed)
		note_failed(projector, result);
	else if (projector->failing) {
		opener_note(&projector->opener, 0, "");
		log_line(LOG_INFO, "the projector goes on");
	}
	projector->failing = failed;
}

static void
measure_lag(struct projector *projector)
{
	uint64_t cursor = store_cursor(projector->opener.store), last = cursor;
	int64_t next_us = 0, now_us = clock_wall_us();
	if (journal_reader_tail(projector->reader, cursor, &last, &next_us) != RESULT_OK)
		return; /* the next batch will tell */
	metric_set(projector->metrics.lag, last > cursor ? (double)(last - cursor) : 0);
	metric_set(projector->metrics.lag_seconds,
	    next_us != 0 && now_us > next_us ? (double)(now_us - next_us) / 1e6 : 0);
}

static void
checkpoint(struct projector *projector)
{
	struct store *store = projector->opener.store;
	uint64_t synced = projector->synced;
	enum result result = store_checkpoint(store, &synced);
	if (result != RESULT_OK)
		metric_add(projector->metrics.checkpoint_failures, 1);
	if (result != RESULT_OK && store_checkpoints_ended(store))
		log_line(LOG_ERROR,
		    "a checkpoint of " STORE_FILE
		    " could not be synced (%s); none is tried until the "
		    "next start, its log grows, and the journal is not trimmed: restart dlrd when "
		    "the "
		    "disk is sound",
		    store_error(store));
	projector->dirty_since_us = synced < store_cursor(store) ? clock_monotonic_us() : 0;
	if (synced != projector->synced) {
		projector->synced = synced;
		projector->options.on_synced(projector->options.context, synced);
	}
}

static void
warn_of_log(struct projector *projector, uint64_t wal_bytes, const char *consequence)
{
	log_line(LOG_WARNING,
	    "a program that reads " STORE_FILE " has kept its log from beginning anew for %lld s; "
	    "the log has %llu MiB%s: end the transactions of other programs (sqlite3, a copy, a "
	    "report)",
	    (long long)((clock_monotonic_us() - projector->log_since_us) / CLOCK_SECOND_US),
	    (unsigned long long)(wal_bytes / MIB), consequence);
}

/* A reader in the middle of a transaction keeps the log, which SQLite begins anew only when all of
 * it is in the file and nobody reads it. Callbacks wait in the journal as well as in the log, and
 * the journal does not grow with each change of a figure. */
static void
watch_log(struct projector *projector, uint64_t wal_bytes)
{
	if (wal_bytes < projector->log_bytes || projector->log_since_us == 0) {
		projector->log_since_us = clock_monotonic_us();
		projector->log_warned = false;
	}
	projector->log_bytes = wal_bytes;
	uint64_t warn_bytes = projector->options.log_max / LOG_WARN_PART;
	int64_t age_us = clock_monotonic_us() - projector->log_since_us;
	if (wal_bytes >= warn_bytes && age_us >= LOG_WARN_US && !projector->log_warned) {
		projector->log_warned = true;
		warn_of_log(projector, wal_bytes, "");
	}
}

static void
note_log_full(struct projector *projector, uint64_t wal_bytes)
{
	if (!projector->log_full)
		warn_of_log(projector, wal_bytes,
		    ", the most that [store] log_limit allows, and nothing is counted until it "
		    "begins anew; callbacks are accepted and stored");
	opener_note(&projector->opener, clock_wall_us(),
	    "a program that reads " STORE_FILE " keeps its log from beginning anew");
	projector->log_full = true;
}

/* Returns whether the log may grow. */
static bool
may_project(struct projector *projector)
{
	uint64_t wal_bytes = store_wal_bytes(projector->opener.store);
	if (wal_bytes < projector->options.log_max)
		return true;
	if (store_save(projector->opener.store) != RESULT_OK) {
		note_log_full(projector, wal_bytes);
		return false;
	}
	projector->dirty_since_us = clock_monotonic_us();
	if (projector->log_full) {
		opener_note(&projector->opener, 0, "");
		log_line(
		    LOG_INFO, "the log of " STORE_FILE " began anew; callbacks are counted again");
	}
	projector->log_full = false;
	return true;
}

static void
checkpoint_if_due(struct projector *projector)
{
	uint64_t wal_bytes = store_wal_bytes(projector->opener.store);
	metric_set(projector->metrics.wal_bytes, (double)wal_bytes);
	watch_log(projector, wal_bytes);
	if (projector->dirty_since_us == 0)
		return;
	int64_t age_us = clock_monotonic_us() - projector->dirty_since_us;
	/* Beyond the size a reader may be in the way: not at every batch, then. */
	if (age_us >= CHECKPOINT_US ||
	    (wal_bytes >= CHECKPOINT_BYTES && age_us >= CLOCK_SECOND_US / 4))
		checkpoint(projector);
}

/* After a flood the file of the log stays as large as it was. Nothing is lost if a reader is in the
 * way: the next idle second tries again. */
static void
give_back(struct projector *projector)
{
	struct store *store = projector->opener.store;
	bool all_copied = projector->dirty_since_us == 0;
	if (all_copied && !store_checkpoints_ended(store) &&
	    store_log_bytes(store) > LOG_KEPT_BYTES)
		(void)!store_save(store);
}

/* Sleeps until it is rung, at most wait_us. */
static void
sleep_until_rung(struct projector *projector, int64_t wait_us)
{
	struct pollfd polled = {.fd = projector->event_fd, .events = POLLIN};
	uint64_t rings;
	if (poll(&polled, 1, (int)(wait_us / 1000)) > 0 &&
	    read(projector->event_fd, &rings, sizeof rings) < 0)
		log_line(LOG_DEBUG, "the projector's eventfd: %s", strerror(errno));
}

/* Sleeps whatever rings, but not beyond the moment at which the thread is to stop. */
static void
sleep_for(struct projector *projector, int64_t wait_us)
{
	int64_t end_us = clock_monotonic_us() + wait_us, left_us = wait_us;
	while (left_us > 0 && atomic_load(&projector->stop_us) == 0) {
		int64_t step_us = left_us < SLEEP_STEP_US ? left_us : SLEEP_STEP_US;
		struct timespec step = {.tv_nsec = step_us * 1000};
		nanosleep(&step, NULL);
		left_us = end_us - clock_monotonic_us();
	}
}

/* --- upkeep, between two batches --- */

static void
retire(const struct projector_config *config)
{
	if (config->on_retired != NULL)
		config->on_retired(config->context);
}

/* Lets go of a configuration that is asked for and not taken. */
static void
upkeep_done(struct projector_upkeep *upkeep)
{
	if (!upkeep->reconfigure)
		return;
	error_catalogue_done(upkeep->store_config.catalogue);
	free(upkeep->store_config.catalogue);
	retire(&upkeep->config);
	upkeep->reconfigure = false;
}

/* Takes the new configuration; the store's part again later where it does not succeed. */
static void
reconfigure(struct projector *projector, struct projector_upkeep *upkeep)
{
	if (opener_configure(&projector->opener, &upkeep->store_config) != RESULT_OK) {
		log_line(LOG_ERROR,
		    "the store could not take the new configuration, and is asked again: %s",
		    store_error(projector->opener.store));
		pthread_mutex_lock(&projector->lock);
		bool newer = projector->upkeep.reconfigure;
		if (!newer) {
			upkeep->rebuild |= projector->upkeep.rebuild;
			projector->upkeep = *upkeep;
		}
		pthread_mutex_unlock(&projector->lock);
		if (newer)
			upkeep_done(upkeep);
		upkeep->reconfigure = upkeep->rebuild = false;
		sleep_for(projector, RETRY_US);
		return;
	}
	const struct projector_config old = projector->options.config;
	projector->options.config = upkeep->config;
	decoder_done(&projector->decoder);
	decoder_init(&projector->decoder, upkeep->config.routes, upkeep->config.keywords,
	    upkeep->config.verifier);
	projector->tally.told_code_count = 0;
	upkeep->reconfigure = false;
	retire(&old);
}

static void
note_rebuilt(struct projector *projector, enum result result, const struct store_rebuilt *rebuilt)
{
	struct projector_rebuild noted = {
	    .state = result == RESULT_OK ? REBUILD_DONE : REBUILD_FAILED, .rebuilt = *rebuilt};
	if (result != RESULT_OK)
		snprintf(noted.why, sizeof noted.why, "%s: %s", result_text(result),
		    store_error(projector->opener.store));
	pthread_mutex_lock(&projector->lock);
	projector->rebuild = noted;
	pthread_mutex_unlock(&projector->lock);
	if (result == RESULT_OK)
		log_line(LOG_INFO, "rebuilt from the receipts: %llu messages, %llu of them mended",
		    (unsigned long long)rebuilt->messages, (unsigned long long)rebuilt->mended);
	else
		log_line(LOG_ERROR, "the rebuild failed, and nothing was changed: %s", noted.why);
}

/* What was asked for from other threads and only the store's own may do. */
static void
do_upkeep(struct projector *projector)
{
	struct store_rebuilt rebuilt = {0};
	pthread_mutex_lock(&projector->lock);
	struct projector_upkeep upkeep = projector->upkeep;
	projector->upkeep = (struct projector_upkeep){.reconfigure = false};
	if (projector->opener.store == NULL) { /* a rebuild waits for the store */
		projector->upkeep.rebuild = upkeep.rebuild;
		upkeep.rebuild = false;
	}
	pthread_mutex_unlock(&projector->lock);
	if (!upkeep.reconfigure && !upkeep.rebuild)
		return;
	if (projector->dirty_since_us == 0)
		projector->dirty_since_us = clock_monotonic_us();
	if (upkeep.reconfigure)
		reconfigure(projector, &upkeep);
	if (upkeep.rebuild)
		note_rebuilt(projector, opener_rebuild(&projector->opener, &rebuilt), &rebuilt);
}

static int
count_cpus(void)
{
	cpu_set_t cpus;
	return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : CPUS_ENOUGH;
}

/* Rests after a full batch, as long as callbacks arrive. The writer commits nothing during a
 * checkpoint of the journal: that is not yet the end of a flood. */
static void
rest(struct projector *projector, int64_t worked_us)
{
	uint64_t last = atomic_load(&projector->journal_last);
	int quiet_steps = 0;

	for (int64_t rest_us = worked_us * REST_FACTOR;
	     rest_us > 0 && quiet_steps < REST_QUIET_STEPS; rest_us -= REST_STEP_US) {
		if (atomic_load(&projector->stop_us) != 0)
			return;
		sleep_for(projector, REST_STEP_US);
		uint64_t now = atomic_load(&projector->journal_last);
		quiet_steps = now == last ? quiet_steps + 1 : 0;
		last = now;
	}
}

static bool
has_work(const struct projector *projector)
{
	return projector->opener.store != NULL &&
	       atomic_load(&projector->journal_last) > store_cursor(projector->opener.store);
}

static void
note_unreadable(struct projector *projector, const struct failure *failure)
{
	char trouble[DISK_TROUBLE_SIZE], why[256];
	bool seen = disk_trouble(projector->options.journal_path, trouble);
	snprintf(why, sizeof why, "%.120s%s%.120s", failure->text, seen ? ": " : "",
	    seen ? trouble : "");
	opener_note(&projector->opener, clock_wall_us(), why);
	if (!projector->unreadable)
		log_line(LOG_ERROR,
		    "the projector cannot read the journal: %s; nothing is counted until it can",
		    why);
	projector->unreadable = true;
}

/* The journal says that it holds more, and the reader does not see it, or cannot read it: the file
 * or its log was replaced, and the reader still has the old one. */
static void
reopen_reader(struct projector *projector)
{
	struct journal_reader *reader;
	struct failure failure;
	if (atomic_load(&projector->reader_wanted_closed))
		return;
	if (journal_reader_open(projector->options.journal_path, &reader, &failure) != RESULT_OK) {
		atomic_store(&projector->opener.tried, true);
		if (projector->reader == NULL)
			note_unreadable(projector, &failure);
		return; /* the next round tries again */
	}
	journal_reader_close(projector->reader);
	projector->reader = reader;
	if (projector->unreadable)
		opener_note(&projector->opener, 0, "");
	projector->unreadable = false;
}

/* While the writer wants no other connection to the journal there is none. Returns whether there is
 * a reader. */
static bool
follow_reader(struct projector *projector)
{
	if (atomic_load(&projector->reader_wanted_closed)) {
		journal_reader_close(projector->reader);
		projector->reader = NULL;
		atomic_store(&projector->reader_closed, true);
		return false;
	}
	if (projector->reader == NULL)
		reopen_reader(projector);
	return projector->reader != NULL;
}

/* Returns whether the store is open. */
static bool
follow_store(struct projector *projector)
{
	uint64_t first = 0, last = 0;
	opener_look(&projector->opener);
	if (projector->opener.store == NULL && projector->synced != 0) {
		/* The next store may have counted less: nothing is trimmed before that is known. */
		projector->synced = 0;
		projector->options.on_synced(projector->options.context, 0);
	}
	if (opener_open(&projector->opener)) {
		projector->failing = false;
		projector->synced = 0;
		projector->dirty_since_us = clock_monotonic_us(); /* the cursor may not be synced */
		if (journal_reader_range(projector->reader, &first, &last) != RESULT_OK)
			first = last = 0;
		if (last > atomic_load(&projector->journal_last))
			atomic_store(&projector->journal_last, last);
		if (projector->options.on_opened != NULL)
			projector->options.on_opened(projector->options.context,
			    store_cursor(projector->opener.store), first, last);
		atomic_store(&projector->opener.tried, true);
	}
	return projector->opener.store != NULL;
}

/* Waits until there is something to project; after a failure for a second, whatever comes in. False
 * when the thread must end. */
static bool
wait_for_work(struct projector *projector, bool idle, bool full)
{
	if (projector->failing) {
		sleep_for(projector, RETRY_US);
		if (!projector->store_failed)
			reopen_reader(projector);
	} else if (idle && has_work(projector)) {
		reopen_reader(projector);
		sleep_for(projector, RETRY_US);
	} else if (idle && atomic_load(&projector->stop_us) == 0)
		sleep_until_rung(projector, CLOCK_SECOND_US);
	else if (!full)
		sleep_for(projector, PAUSE_US);
	int64_t stop_us = atomic_load(&projector->stop_us);
	bool done = idle && (projector->failing || !has_work(projector));
	return stop_us == 0 || (!done && clock_monotonic_us() < stop_us);
}

static void *
run(void *context)
{
	struct projector *projector = context;
	pthread_setname_np(pthread_self(), "dlrd-projector");
	id_t thread = (id_t)gettid();
	setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + NICENESS);
	bool idle = false, full = true;
	projector->dirty_since_us =
	    clock_monotonic_us(); /* so that the cursor is known as synced */
	while (wait_for_work(projector, idle, full)) {
		do_upkeep(projector);
		if (!follow_reader(projector) || !follow_store(projector)) {
			idle = true;
			sleep_for(projector, SLEEP_STEP_US);
			continue;
		}
		if (!may_project(projector)) {
			measure_lag(projector);
			idle = true;
			sleep_for(projector, RETRY_US);
			continue;
		}
		uint64_t before = store_cursor(projector->opener.store);
		uint64_t last_before = atomic_load(&projector->journal_last);
		int64_t start_us = clock_monotonic_us();
		enum result result = project_batch(projector);
		uint64_t after = store_cursor(projector->opener.store);
		note_result(projector, result);
		idle = after == before;
		full = after - before >= BATCH_MAX;
		uint64_t arrived = atomic_load(&projector->journal_last) - last_before;
		bool flood = full && arrived * FLOOD_PART > after - before;
		if (flood && count_cpus() < CPUS_ENOUGH)
			rest(projector, clock_monotonic_us() - start_us);
		if (!idle && projector->dirty_since_us == 0)
			projector->dirty_since_us = clock_monotonic_us();
		measure_lag(projector);
		checkpoint_if_due(projector);
		if (idle)
			give_back(projector);
	}
	if (projector->opener.store != NULL)
		checkpoint(projector);
	return NULL;
}

static void
add_metrics(struct projector *projector, struct metrics *metrics)
{
	projector->metrics.lag = metrics_add(metrics, METRIC_PROJECTOR_LAG, "");
	projector->metrics.lag_seconds = metrics_add(metrics, METRIC_PROJECTOR_LAG_SECONDS, "");
	projector->metrics.failures = metrics_add(metrics, METRIC_PROJECTOR_FAILURES, "");
	projector->metrics.checkpoint_failures =
	    metrics_add(metrics, METRIC_CHECKPOINT_FAILURES, "file=\"" STORE_FILE "\"");
	projector->metrics.wal_bytes = metrics_add(metrics, METRIC_STORE_WAL_BYTES, "");
	tally_init(&projector->tally, metrics);
}

static void
free_projector(struct projector *projector)
{
	journal_reader_close(projector->reader);
	opener_done(&projector->opener);
	decoder_done(&projector->decoder);
	if (projector->event_fd >= 0)
		close(projector->event_fd);
	upkeep_done(&projector->upkeep);
	pthread_mutex_destroy(&projector->lock);
	free(projector);
}

enum result
projector_start(const struct projector_options *options, struct projector **out_projector,
    struct failure *failure)
{
	struct projector *projector = calloc(1, sizeof *projector);
	if (projector == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	projector->options = *options;
	pthread_mutex_init(&projector->lock, NULL);
	decoder_init(&projector->decoder, options->config.routes, options->config.keywords,
	    options->config.verifier);
	add_metrics(projector, options->metrics);
	projector->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum result result = opener_init(&projector->opener, options->store_path,
	    &options->store_config, options->release_readers, options->context);
	if (result != RESULT_OK)
		failure_set(failure, result, "no memory");
	else if (projector->event_fd < 0)
		result = failure_set(failure, RESULT_IO, "eventfd: %s", strerror(errno));
	if (result == RESULT_OK) {
		int error = pthread_create(&projector->thread, NULL, run, projector);
		if (error != 0)
			result = failure_set(failure, RESULT_IO,
			    "cannot start the projector's thread: %s", strerror(error));
	}
	if (result != RESULT_OK) {
		free_projector(projector);
		return result;
	}
	*out_projector = projector;
	return RESULT_OK;
}

static void
ring(struct projector *projector)
{
	uint64_t one = 1;
	if (write(projector->event_fd, &one, sizeof one) < 0)
		return; /* the counter is at its maximum: it rings already */
}

void
projector_notify(struct projector *projector, uint64_t last_seq)
{
	atomic_store(&projector->journal_last, last_seq);
	ring(projector);
}

bool
projector_release_reader(struct projector *projector, bool release, int64_t timeout_us)
{
	int64_t end_us = clock_monotonic_us() + timeout_us;
	if (release && !atomic_load(&projector->reader_wanted_closed))
		atomic_store(&projector->reader_closed, false); /* of the time before */
	atomic_store(&projector->reader_wanted_closed, release);
	ring(projector);
	while (
	    release && !atomic_load(&projector->reader_closed) && clock_monotonic_us() < end_us) {
		struct timespec step = {.tv_nsec = 1000000};
		nanosleep(&step, NULL);
	}
	return !release || atomic_load(&projector->reader_closed);
}

void
projector_configure(struct projector *projector, const struct projector_config *config,
    const struct projector_store_config *store_config)
{
	pthread_mutex_lock(&projector->lock);
	struct projector_upkeep overtaken = projector->upkeep;
	projector->upkeep.reconfigure = true;
	projector->upkeep.config = *config;
	projector->upkeep.store_config = *store_config;
	pthread_mutex_unlock(&projector->lock);
	upkeep_done(&overtaken);
	ring(projector);
}

bool
projector_ask_rebuild(struct projector *projector)
{
	pthread_mutex_lock(&projector->lock);
	bool asked = projector->rebuild.state != REBUILD_RUNNING;
	if (asked) {
		projector->upkeep.rebuild = true;
		projector->rebuild = (struct projector_rebuild){.state = REBUILD_RUNNING};
	}
	pthread_mutex_unlock(&projector->lock);
	ring(projector);
	return asked;
}

void
projector_read_rebuild(struct projector *projector, struct projector_rebuild *out_rebuild)
{
	pthread_mutex_lock(&projector->lock);
	*out_rebuild = projector->rebuild;
	pthread_mutex_unlock(&projector->lock);
}

bool
projector_has_tried(const struct projector *projector)
{
	return atomic_load(&projector->opener.tried);
}

void
projector_read_counting(struct projector *projector, struct projector_counting *out_counting)
{
	opener_read_counting(&projector->opener, out_counting);
}

void
projector_stop(struct projector *projector)
{
	if (projector == NULL)
		return;
	atomic_store(&projector->stop_us, clock_monotonic_us() + PROJECTOR_STOP_US);
	opener_stop(&projector->opener); /* what is rolled back can be done again */
	ring(projector);
	pthread_join(projector->thread, NULL);
	retire(&projector->options.config);
	free_projector(projector);
}
