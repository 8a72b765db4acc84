#define _GNU_SOURCE /* gettid, CPU_COUNT */
#include "dlrd/projector/projector.h"

#include "checkpointer.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/disk.h"
#include "dlrd/base/log.h"
#include "dlrd/base/thread.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/projector/decoder.h"
#include "opener.h"
#include "read_ahead.h"
#include "requests.h"
#include "tally.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Entries in one transaction. Statuses of a message that arrived within that many entries are
 * folded before it is written once. */
#define BATCH_MAX 8192
#define NICENESS 10 /* the intake goes first */
/* Pause between two batches that were not full. A transaction for every few entries would cost more
 * than the entries themselves. */
#define PAUSE_US (CLOCK_SECOND_US / 50)
/* It is a flood if, during a batch, more callbacks arrive than 1/FLOOD_PART of those projected. The
 * projector then rests REST_FACTOR times as long as it worked, so that the intake and the writer
 * get the processor. A machine with CPUS_ENOUGH processors does not need that. Waiting callbacks
 * are in the journal; after the flood the projector runs at full speed.
 *
 * A low priority alone does not give the same, since projecting also uses the disk and the caches.
 * On two processors, without a rest, 0.76 times as many callbacks were acknowledged at a niceness
 * of 10 as with it, and 0.92 times in SCHED_IDLE, in which any other program could stop the
 * counting. From the first request until the last one was counted, 1.23 and 1.04 times as many were
 * counted (scripts/bench --counted). */
#define FLOOD_PART 3
#define REST_FACTOR 16
#define REST_STEP_US (CLOCK_SECOND_US / 200)
#define REST_QUIET_STEPS 6 /* without a callback: the flood is over */
#define CPUS_ENOUGH 4
#define SLEEP_STEP_US (CLOCK_SECOND_US / 20)
#define RETRY_US CLOCK_SECOND_US /* after a failure */

struct projector {
	struct projector_options options;
	struct journal_reader *reader; /* NULL: the journal cannot be read, or must not be */
	struct opener opener;          /* has the store */
	struct checkpointer checkpointer;
	struct decoder decoder;
	struct read_ahead ahead;
	pthread_t thread;
	/* Signaled by notify and stop. There is no lock: the writer must never wait for a thread
	 * of lower priority. */
	int event_fd;
	_Atomic int64_t stop_us; /* monotonic time by which the thread must end; 0: not stopping */
	_Atomic uint64_t journal_last;
	_Atomic bool reader_wanted_closed, reader_closed; /* projector_release_reader */
	/* only for the thread: */
	uint64_t last_seq;   /* the last entry of the batch in hand */
	size_t entries_left; /* that the batch may still take */
	bool in_batch;       /* a transaction is open */
	bool idle;           /* the last round projected nothing */
	struct tally tally;  /* published once the batch is committed */
	bool store_failed;   /* the batch failed in the store, not in the journal */
	bool failing;        /* the last batch failed; logged once */
	bool unreadable;     /* the journal cannot be opened for reading; logged once */
	struct {
		struct metric *lag, *lag_seconds, *failures;
	} metrics;
	struct requests requests;
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
begin_entry(struct projector *projector, struct slice signature)
{
	enum result result = RESULT_OK;

	if (!projector->in_batch)
		result = store_begin(projector->opener.store);
	projector->in_batch = projector->in_batch || result == RESULT_OK;
	return result == RESULT_OK ? store_begin_request(projector->opener.store, signature)
				   : result;
}

static enum result
end_entry(struct projector *projector, uint64_t seq, enum result result)
{
	if (result != RESULT_OK) {
		projector->store_failed = true;
		return result;
	}
	projector->last_seq = seq;
	projector->entries_left--;
	return RESULT_OK;
}

static enum result
project_entry(void *context, const struct journal_entry *entry)
{
	struct projector *projector = context;
	enum result result = begin_entry(projector, entry->signature);
	if (result == RESULT_OK)
		result = decoder_decode(&projector->decoder, entry, project_event, projector);
	return end_entry(projector, entry->seq, result);
}

/* Projects the entries that were read ahead. */
static enum result
project_decoded(struct projector *projector)
{
	const struct decoded_entry *entry =
	    read_ahead_entries(&projector->ahead, projector->last_seq);
	enum result result = RESULT_OK;

	for (; entry != NULL && result == RESULT_OK; entry = entry->next) {
		const struct decoded_event *decoded = entry->events;
		result = begin_entry(projector, entry->signature);
		for (; decoded != NULL && result == RESULT_OK; decoded = decoded->next)
			result = project_event(projector, &decoded->event);
		result = end_entry(projector, entry->seq, result);
	}

	return result;
}

/* Commits the batch. If there may be another full one, it is read meanwhile. */
static enum result
commit_batch(struct projector *projector)
{
	projector->store_failed = true; /* a failure from here on is the store's */
	if (projector->entries_left == 0)
		read_ahead_start(&projector->ahead, projector->reader, &projector->decoder,
		    projector->last_seq, BATCH_MAX);
	else
		read_ahead_drop(&projector->ahead);

	enum result result = store_commit(projector->opener.store, projector->last_seq);
	read_ahead_finish(&projector->ahead);
	if (result == RESULT_OK)
		tally_publish(&projector->tally);
	if (result == RESULT_OK && projector->options.on_projected != NULL)
		projector->options.on_projected(projector->options.context);
	return result;
}

/* Projects one range of journal entries, all or nothing. */
static enum result
project_batch(struct projector *projector)
{
	projector->in_batch = projector->store_failed = false;
	projector->last_seq = store_cursor(projector->opener.store);
	projector->entries_left = BATCH_MAX;
	tally_begin(&projector->tally);

	enum result result = project_decoded(projector);
	if (result == RESULT_OK && projector->entries_left > 0)
		result = journal_reader_read(projector->reader, projector->last_seq,
		    projector->entries_left, project_entry, projector);
	if (projector->in_batch && result == RESULT_OK)
		return commit_batch(projector);

	if (projector->in_batch)
		store_rollback(projector->opener.store);
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
	const char *remedy = projector->store_failed ? opener_remedy(result) : "";

	metric_add(projector->metrics.failures, 1);
	opener_note(&projector->opener, first_waiting_us(projector), why);
	if (projector->failing)
		return;
	log_line(LOG_ERROR,
	    "the projector cannot continue at journal entry %llu: %s: %s%s; callbacks are accepted "
	    "and stored, and dlrd tries again every second",
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
		log_line(LOG_INFO, "projector resumed");
	}
	projector->failing = failed;
}

static void
measure_lag(struct projector *projector)
{
	uint64_t cursor = store_cursor(projector->opener.store), last = cursor;
	int64_t next_us = 0, now_us = clock_wall_us();

	if (journal_reader_tail(projector->reader, cursor, &last, &next_us) != RESULT_OK)
		return; /* the next batch reports the failure */

	metric_set(projector->metrics.lag, last > cursor ? (double)(last - cursor) : 0);
	metric_set(projector->metrics.lag_seconds,
	    next_us != 0 && now_us > next_us ? (double)(now_us - next_us) / 1e6 : 0);
}

/* Sleeps until another thread signals, at most wait_us. */
static void
sleep_until_signaled(struct projector *projector, int64_t wait_us)
{
	struct pollfd polled = {.fd = projector->event_fd, .events = POLLIN};
	uint64_t signals;

	if (poll(&polled, 1, (int)(wait_us / 1000)) > 0 &&
	    read(projector->event_fd, &signals, sizeof signals) < 0)
		log_line(LOG_DEBUG, "cannot read the projector's eventfd: %s", strerror(errno));
}

/* Sleeps for wait_us regardless of signals, or until the thread is to stop. */
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

/* --- requests of other threads, between two batches --- */

/* Takes the new configuration. If the store cannot take its part, the requests stay pending, and
 * false is returned. */
static bool
reconfigure(struct projector *projector, struct pending_requests *requests)
{
	if (opener_configure(&projector->opener, &requests->store_config) != RESULT_OK) {
		log_line(LOG_ERROR,
		    "the store could not apply the new configuration: %s; dlrd tries again every "
		    "second",
		    store_error(projector->opener.store));
		requests_put_back(&projector->requests, requests);
		sleep_for(projector, RETRY_US);
		return false;
	}

	const struct projector_config old = projector->options.config;
	projector->options.config = requests->config;
	read_ahead_drop(&projector->ahead);
	decoder_done(&projector->decoder);
	decoder_init(&projector->decoder, requests->config.routes, requests->config.keywords,
	    requests->config.verifier);
	projector->tally.reported_code_count = 0;
	requests_retire(&old);
	return true;
}

static void
do_work(struct projector *projector, const struct work_order *order)
{
	struct work_result result =
	    opener_work(&projector->opener, order, projector->options.config.routes);
	work_log(order->kind, &result);
	requests_note_work(&projector->requests, &result);
}

/* Does the work that other threads requested and only the store's thread may do, also what they
 * requested during long work. Returns false if a configuration is still pending: entries that
 * arrived after it must not be decoded by the old one. */
static bool
serve_requests(struct projector *projector)
{
	for (;;) {
		struct pending_requests requests =
		    requests_take(&projector->requests, projector->opener.store != NULL);
		if (!requests.reconfigure && !requests.work)
			return true;

		checkpointer_mark_dirty(&projector->checkpointer);
		if (requests.reconfigure && !reconfigure(projector, &requests))
			return false;
		if (requests.work)
			do_work(projector, &requests.order);
	}
}

static int
count_cpus(void)
{
	cpu_set_t cpus;
	return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : CPUS_ENOUGH;
}

/* --- the loop --- */

/* Rests after a full batch while callbacks arrive. The writer commits nothing during a checkpoint
 * of the journal, so a few quiet steps are not yet the end of a flood. */
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
		    "the projector cannot read the journal: %s; nothing is counted until it is "
		    "readable",
		    why);
	projector->unreadable = true;
}

/* Reopens the journal if entries are missing or cannot be read: its file or its log may have been
 * replaced, and the reader still has the old one open. */
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

	read_ahead_drop(&projector->ahead);
	journal_reader_close(projector->reader);
	projector->reader = reader;
	if (projector->unreadable)
		opener_note(&projector->opener, 0, "");
	projector->unreadable = false;
}

/* Closes the reader while the writer wants no other connection to the journal, else opens it.
 * Returns whether a reader is open. */
static bool
follow_reader(struct projector *projector)
{
	if (atomic_load(&projector->reader_wanted_closed)) {
		read_ahead_drop(&projector->ahead);
		journal_reader_close(projector->reader);
		projector->reader = NULL;
		atomic_store(&projector->reader_closed, true);
		return false;
	}

	if (projector->reader == NULL)
		reopen_reader(projector);
	return projector->reader != NULL;
}

/* Opens the store if it is not open, or closes it if another program changed it. Returns whether it
 * is open. */
static bool
follow_store(struct projector *projector)
{
	uint64_t first = 0, last = 0;

	opener_look(&projector->opener);
	if (projector->opener.store == NULL)
		checkpointer_closed(&projector->checkpointer);

	if (opener_open(&projector->opener)) {
		projector->failing = false;
		checkpointer_opened(&projector->checkpointer);
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

/* Waits until there is something to project, or for a second after a failure. Returns false when
 * the thread must end. */
static bool
wait_for_work(struct projector *projector)
{
	bool idle = projector->idle;

	if (projector->failing) {
		sleep_for(projector, RETRY_US);
		if (!projector->store_failed)
			reopen_reader(projector);
	} else if (idle && has_work(projector)) {
		reopen_reader(projector);
		sleep_for(projector, RETRY_US);
	} else if (idle && atomic_load(&projector->stop_us) == 0)
		sleep_until_signaled(projector, CLOCK_SECOND_US);
	else if (projector->entries_left > 0)
		sleep_for(projector, PAUSE_US);

	int64_t stop_us = atomic_load(&projector->stop_us);
	bool done = idle && (projector->failing || !has_work(projector));
	return stop_us == 0 || (!done && clock_monotonic_us() < stop_us);
}

/* Projects a batch. Rests after it if there is a flood. */
static void
project(struct projector *projector)
{
	uint64_t before = store_cursor(projector->opener.store);
	uint64_t last_before = atomic_load(&projector->journal_last);
	int64_t start_us = clock_monotonic_us();

	note_result(projector, project_batch(projector));
	uint64_t projected = store_cursor(projector->opener.store) - before;
	projector->idle = projected == 0;

	uint64_t arrived = atomic_load(&projector->journal_last) - last_before;
	bool flood = projected >= BATCH_MAX && arrived * FLOOD_PART > projected;
	if (flood && count_cpus() < CPUS_ENOUGH)
		rest(projector, clock_monotonic_us() - start_us);
}

/* After a batch or in an idle second: measures the lag, and checkpoints the store if that is due.
 */
static void
maintain_store(struct projector *projector)
{
	if (!projector->idle)
		checkpointer_mark_dirty(&projector->checkpointer);
	measure_lag(projector);
	checkpointer_run_if_due(&projector->checkpointer);
	if (projector->idle)
		checkpointer_shrink_log(&projector->checkpointer);
}

static void *
run(void *context)
{
	struct projector *projector = context;
	pthread_setname_np(pthread_self(), "dlrd-projector");
	id_t thread = (id_t)gettid();
	setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + NICENESS);

	while (wait_for_work(projector)) {
		projector->idle = true;
		bool open = follow_reader(projector) && follow_store(projector);
		if (!serve_requests(projector))
			continue;
		if (!open) {
			sleep_for(projector, SLEEP_STEP_US);
		} else if (!checkpointer_may_grow(&projector->checkpointer)) {
			measure_lag(projector);
			sleep_for(projector, RETRY_US);
		} else {
			project(projector);
			maintain_store(projector);
		}
	}

	if (projector->opener.store != NULL)
		checkpointer_run(&projector->checkpointer);
	return NULL;
}

static void
add_metrics(struct projector *projector, struct metrics *metrics)
{
	projector->metrics.lag = metrics_add(metrics, METRIC_PROJECTOR_LAG, "");
	projector->metrics.lag_seconds = metrics_add(metrics, METRIC_PROJECTOR_LAG_SECONDS, "");
	projector->metrics.failures = metrics_add(metrics, METRIC_PROJECTOR_FAILURES, "");
	tally_init(&projector->tally, metrics);
}

static void
free_projector(struct projector *projector)
{
	read_ahead_drop(&projector->ahead);
	journal_reader_close(projector->reader);
	opener_done(&projector->opener);
	decoder_done(&projector->decoder);
	if (projector->event_fd >= 0)
		close(projector->event_fd);
	requests_done(&projector->requests);
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
	requests_init(&projector->requests);
	decoder_init(&projector->decoder, options->config.routes, options->config.keywords,
	    options->config.verifier);
	add_metrics(projector, options->metrics);
	checkpointer_init(&projector->checkpointer, &projector->opener, options->log_max,
	    options->metrics, options->on_synced, options->context);

	projector->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum result result = opener_init(&projector->opener, options->store_path,
	    &options->store_config, options->release_readers, options->context);
	if (result != RESULT_OK)
		failure_set(failure, result, "no memory");
	else if (projector->event_fd < 0)
		result = failure_set(failure, RESULT_IO, "eventfd: %s", strerror(errno));

	if (result == RESULT_OK)
		result = thread_start(
		    &projector->thread, run, projector, "the projector's thread", failure);
	if (result != RESULT_OK) {
		free_projector(projector);
		return result;
	}

	*out_projector = projector;
	return RESULT_OK;
}

static void
signal_thread(struct projector *projector)
{
	uint64_t one = 1;

	if (write(projector->event_fd, &one, sizeof one) < 0)
		return; /* the counter is at its maximum: it is signaled already */
}

void
projector_notify(struct projector *projector, uint64_t last_seq)
{
	atomic_store(&projector->journal_last, last_seq);
	signal_thread(projector);
}

bool
projector_release_reader(struct projector *projector, bool release, int64_t timeout_us)
{
	int64_t end_us = clock_monotonic_us() + timeout_us;

	if (release && !atomic_load(&projector->reader_wanted_closed))
		atomic_store(&projector->reader_closed, false); /* of an earlier release */
	atomic_store(&projector->reader_wanted_closed, release);
	signal_thread(projector);
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
	requests_configure(&projector->requests, config, store_config);
	signal_thread(projector);
}

bool
projector_ask_work(struct projector *projector, const struct work_order *order)
{
	bool accepted = requests_ask_work(&projector->requests, order);
	signal_thread(projector);
	return accepted;
}

void
projector_read_work(
    struct projector *projector, enum work_kind kind, struct work_result *out_result)
{
	requests_read_work(&projector->requests, kind, out_result);
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
	opener_stop(&projector->opener); /* work that is rolled back can be repeated */
	signal_thread(projector);
	pthread_join(projector->thread, NULL);
	requests_retire(&projector->options.config);
	free_projector(projector);
}
