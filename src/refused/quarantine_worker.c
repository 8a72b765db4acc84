#define _GNU_SOURCE /* pthread_setname_np */
#include "dlrd/refused/quarantine_worker.h"

#include "dlrd/base/log.h"
#include "dlrd/base/thread.h"
#include "dlrd/journal/admitted.h"
#include "dlrd/twilio/form.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_US CLOCK_SECOND_US            /* between searches for expired requests */
#define BATCH_MAX 64                       /* requests that are re-verified together */
#define BATCH_BYTES_MAX (4u * 1024 * 1024) /* the batch ends with the write that exceeds it */
#define WAIT_US (10 * CLOCK_SECOND_US)     /* for the journal's sync; shorter than the watchdog's */

/* A call of quarantine_worker_drop; on its caller's stack until it is done. */
struct drop {
	uint64_t id; /* 0: all */
	uint64_t dropped;
	enum result result;
	bool done; /* result and dropped are set, and the worker has let go of it */
	struct drop *next;
};

struct quarantine_worker {
	struct quarantine *quarantine; /* the worker's thread is its owner (quarantine.h) */
	struct writer *writer;
	struct metric *unproven, *proven, *bytes, *taken, *passed;
	pthread_t thread;
	bool started;

	/* for the worker's thread only: */
	struct quarantine_worker_config config;
	bool failing; /* the failure has been logged */

	/* Guards all below. No thread does work under it: the writer's thread takes it between a
	 * commit and its answers, and the main thread takes it between two signs of life to the
	 * watchdog. While it is free:
	 *   - the journal has exactly out + given_up writes of the worker, and returns those that
	 *     were given up first, as it returns writes in order;
	 *   - reverify.state is REVERIFY_RUNNING exactly while one is asked for or in progress;
	 *   - each drop whose caller waits is in drops, or in the hands of the worker's thread;
	 *     once stopping is set, none is added. */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* out is 0, drops has one, or stopping; monotonic */
	pthread_cond_t dropped; /* a drop is done */
	struct reverify reverify;
	bool reverify_asked;
	struct quarantine_worker_config next; /* replaces config at the next turn; without a
						 diagnoser: no change */
	struct drop *drops;                   /* that the worker has not taken yet */
	size_t out;                           /* writes that the journal has not returned */
	size_t given_up; /* earlier writes, for which the worker stopped waiting */

	/* Read without the lock, set under it. */
	_Atomic bool expecting; /* writes of the worker may come back */
	_Atomic bool stopping;
};

/* Requests that are re-verified together. */
struct batch {
	struct diagnoser *diagnoser;
	uint64_t ids[BATCH_MAX];
	struct journal_write *writes[BATCH_MAX]; /* NULL for a request that does not verify */
	size_t count;                            /* of ids and writes */
	size_t bytes;                            /* of all writes together */
};

enum result
quarantine_worker_new(const struct quarantine_options *options, struct metrics *metrics,
    struct quarantine_worker **out_worker, struct failure *failure)
{
	struct quarantine_worker *worker = calloc(1, sizeof *worker);

	if (worker == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	enum result result = quarantine_open(options, &worker->quarantine, failure);
	if (result != RESULT_OK) {
		free(worker);
		return result;
	}

	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->dropped, NULL);
	thread_condition_init(&worker->changed);

	worker->unproven = metrics_add(metrics, METRIC_QUARANTINE_ENTRIES, "proven=\"no\"");
	worker->proven = metrics_add(metrics, METRIC_QUARANTINE_ENTRIES, "proven=\"yes\"");
	worker->bytes = metrics_add(metrics, METRIC_QUARANTINE_BYTES, "");
	worker->taken = metrics_add(metrics, METRIC_QUARANTINE_OFFERED, "fate=\"taken\"");
	worker->passed = metrics_add(metrics, METRIC_QUARANTINE_OFFERED, "fate=\"rate\"");
	*out_worker = worker;
	return RESULT_OK;
}

struct quarantine *
quarantine_worker_quarantine(struct quarantine_worker *worker)
{
	return worker->quarantine;
}

/* --- quarantining --- */

static void
note_failure(struct quarantine_worker *worker, enum result result)
{
	if (result != RESULT_OK && !worker->failing)
		log_line(LOG_ERROR,
		    "the quarantine cannot be written: %s: %s; refused requests are not stored "
		    "until it is writable",
		    result_text(result), quarantine_error(worker->quarantine));
	if (result == RESULT_OK && worker->failing)
		log_line(LOG_INFO, "quarantine is writable again");
	worker->failing = result != RESULT_OK;
}

static void
publish_size(struct quarantine_worker *worker)
{
	struct quarantine_size size = quarantine_size(worker->quarantine);
	metric_set(worker->unproven, (double)(size.entries - size.proven));
	metric_set(worker->proven, (double)size.proven);
	metric_set(worker->bytes, (double)size.bytes);
}

static void
process_offered(struct quarantine_worker *worker)
{
	struct quarantine_changes kept = {0}, trimmed;
	int64_t now_us = clock_wall_us();
	enum result result = quarantine_look(worker->quarantine);

	if (result != RESULT_OK)
		note_failure(worker, result);
	result = quarantine_keep_offered(
	    worker->quarantine, now_us, diagnoser_examine, worker->config.diagnoser, &kept);
	metric_add(worker->taken, kept.fresh + kept.repeated);
	metric_add(worker->passed, kept.passed);
	if (result == RESULT_OK)
		result = quarantine_trim(worker->quarantine, now_us, &trimmed);
	if (result == RESULT_OK)
		result = quarantine_checkpoint(worker->quarantine);
	note_failure(worker, result);
	publish_size(worker);
}

/* --- dropping --- */

struct dropping {
	uint64_t ids[BATCH_MAX];
	size_t count;
};

static enum result
note_id(void *context, const struct quarantined *request)
{
	struct dropping *dropping = context;
	dropping->ids[dropping->count++] = request->id;
	return RESULT_OK;
}

static enum result
drop_all(struct quarantine_worker *worker, uint64_t *out_dropped)
{
	const struct quarantine_page page = {.limit = BATCH_MAX};

	while (!atomic_load(&worker->stopping)) {
		struct dropping dropping = {.count = 0};
		size_t removed = 0;
		enum result result = quarantine_each(worker->quarantine, &page, note_id, &dropping);
		if (result == RESULT_OK && dropping.count > 0)
			result = quarantine_remove_all(
			    worker->quarantine, dropping.ids, dropping.count, &removed);
		*out_dropped += removed;
		if (result == RESULT_OK)
			result = quarantine_checkpoint(worker->quarantine);
		if (result != RESULT_OK || dropping.count == 0)
			return result;
	}
	return RESULT_BUSY;
}

static enum result
drop_one(struct quarantine_worker *worker, uint64_t id, uint64_t *out_dropped)
{
	size_t removed;
	enum result result = quarantine_remove_all(worker->quarantine, &id, 1, &removed);
	*out_dropped = removed;
	return result == RESULT_OK && removed == 0 ? RESULT_NOT_FOUND : result;
}

static void
carry_out(struct quarantine_worker *worker, struct drop *drop)
{
	drop->result = drop->id == 0 ? drop_all(worker, &drop->dropped)
				     : drop_one(worker, drop->id, &drop->dropped);
	publish_size(worker);

	pthread_mutex_lock(&worker->lock);
	drop->done = true;
	pthread_cond_broadcast(&worker->dropped);
	pthread_mutex_unlock(&worker->lock);
}

static void
carry_out_drops(struct quarantine_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	struct drop *list = worker->drops;
	worker->drops = NULL;
	pthread_mutex_unlock(&worker->lock);

	while (list != NULL) {
		struct drop *next = list->next; /* once it is done, it is its caller's again */
		carry_out(worker, list);
		list = next;
	}
}

/* Only the worker's thread uses the file, so the caller waits for it. */
enum result
quarantine_worker_drop(struct quarantine_worker *worker, uint64_t id, uint64_t *out_dropped)
{
	struct drop drop = {.id = id, .result = RESULT_BUSY};

	pthread_mutex_lock(&worker->lock);
	if (!atomic_load(&worker->stopping)) {
		drop.next = worker->drops;
		worker->drops = &drop;
		pthread_cond_signal(&worker->changed);
		quarantine_wake(worker->quarantine);
		while (!drop.done)
			pthread_cond_wait(&worker->dropped, &worker->lock);
	}
	pthread_mutex_unlock(&worker->lock);

	*out_dropped = drop.dropped;
	return drop.result;
}

/* --- re-verification --- */

/* Returns the journal write of the request as if it arrived now, with this target and media type.
 * Returns NULL if the request does not verify, or if there is no memory: then *failed is set. */
static struct journal_write *
verify_as(const struct batch *batch, const struct incoming *request, struct slice target,
    struct slice media_type, bool *failed)
{
	struct incoming incoming = *request;
	struct admission_decision decision;

	incoming.target = target;
	incoming.media_type = media_type;
	if (!incoming_target_is_readable(&incoming))
		return NULL;

	diagnoser_check(batch->diagnoser, &incoming, &decision);
	*failed |= decision.result == ADMISSION_UNDECIDED;
	if (decision.result != ADMISSION_ADMITTED)
		return NULL;

	const struct journal_entry entry = admitted_entry(&incoming, &decision);
	struct journal_write *write = journal_write_new(&entry);
	*failed |= write == NULL;
	return write;
}

/* A proxy may have removed the Content-Type of a form, so a request that is proven genuine is also
 * tried as a form. */
static struct journal_write *
verify_at(
    const struct batch *batch, const struct quarantined *request, struct slice target, bool *failed)
{
	const struct incoming *incoming = &request->incoming;
	struct journal_write *write =
	    verify_as(batch, incoming, target, incoming->media_type, failed);

	if (write == NULL && request->proven && !form_is_body(incoming->media_type, incoming->body))
		write = verify_as(batch, incoming, target, SLICE(FORM_MEDIA_TYPE), failed);
	return write;
}

/* Tries the target that a diagnosis found to be the signed one. */
static struct journal_write *
verify_as_signed(struct batch *batch, const struct quarantined *request, bool *failed)
{
	struct buffer target = BUFFER_EMPTY;
	struct journal_write *write = NULL;

	if (diagnoser_signed_target(batch->diagnoser, request, &target))
		write = verify_at(batch, request, buffer_slice(&target), failed);
	buffer_done(&target);
	return write;
}

/* Tries the request's own target first. A proxy that rewrote it may have sent the original in
 * X-Original-URI; if it did not, a diagnosis may find it. Neither source has to be trusted: a
 * target for which the signature is valid is the one that Twilio called. */
static enum result
reverify_one(void *context, const struct quarantined *request)
{
	struct batch *batch = context;
	bool failed = false;
	struct journal_write *write = verify_at(batch, request, request->incoming.target, &failed);

	if (write == NULL && request->incoming.original_uri.len > 0)
		write = verify_at(batch, request, request->incoming.original_uri, &failed);
	if (write == NULL && request->proven)
		write = verify_as_signed(batch, request, &failed);
	if (failed) {
		free(write);
		return RESULT_NO_MEMORY;
	}
	batch->ids[batch->count] = request->id;
	batch->writes[batch->count++] = write;
	batch->bytes += write == NULL ? 0 : write->size;
	return batch->bytes < BATCH_BYTES_MAX ? RESULT_OK : RESULT_LIMIT;
}

/* Under the lock. Writes that came back have no owner and are freed here; the others are freed by
 * quarantine_worker_take_done. */
static void
give_up(struct quarantine_worker *worker, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->writes[i] != NULL && batch->writes[i]->owner == NULL)
			free(batch->writes[i]);
	worker->given_up += worker->out;
	worker->out = 0;
}

/* Waits until the journal has returned all writes of the batch, and carries out drops meanwhile.
 * Returns false if it does not return them in time. */
static bool
wait_for_journal(struct quarantine_worker *worker, struct batch *batch)
{
	int64_t until_us = clock_monotonic_us() + WAIT_US;
	bool waits = true;

	pthread_mutex_lock(&worker->lock);
	while (worker->out > 0 && waits && !atomic_load(&worker->stopping)) {
		if (worker->drops == NULL) {
			waits = thread_wait_until(&worker->changed, &worker->lock, until_us);
			continue;
		}
		pthread_mutex_unlock(&worker->lock);
		carry_out_drops(worker);
		pthread_mutex_lock(&worker->lock);
	}
	bool back = worker->out == 0;
	if (!back)
		give_up(worker, batch);
	atomic_store(&worker->expecting, worker->given_up > 0);
	pthread_mutex_unlock(&worker->lock);
	return back;
}

/* Submits the batch's writes to the journal. */
static void
submit_batch(struct quarantine_worker *worker, struct batch *batch)
{
	struct journal_write *list = NULL, **end = &list;

	pthread_mutex_lock(&worker->lock);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->writes[i] != NULL) {
			batch->writes[i]->owner = worker;
			*end = batch->writes[i];
			end = &batch->writes[i]->next;
			worker->out++;
		}
	atomic_store(&worker->expecting, true);
	pthread_mutex_unlock(&worker->lock);
	if (list != NULL)
		writer_submit(worker->writer, list);
}

/* Removes the requests that the journal has synced. */
static enum result
finish_batch(struct quarantine_worker *worker, struct batch *batch, struct reverify *reverify)
{
	enum result result = RESULT_OK;
	uint64_t kept[BATCH_MAX];
	size_t kept_count = 0, removed;

	for (size_t i = 0; i < batch->count; i++) {
		struct journal_write *write = batch->writes[i];
		reverify->tried++;
		reverify->refused += write == NULL;
		if (write != NULL && result == RESULT_OK)
			result = write->result;
		if (write != NULL && write->result == RESULT_OK)
			kept[kept_count++] = batch->ids[i];
		free(write);
	}
	reverify->kept += kept_count;
	if (kept_count == 0)
		return result;
	enum result removal = quarantine_remove_all(worker->quarantine, kept, kept_count, &removed);
	if (removal == RESULT_OK)
		removal = quarantine_checkpoint(worker->quarantine);
	return result == RESULT_OK ? removal : result;
}

static enum result
note_last(void *context, const struct quarantined *request)
{
	*(uint64_t *)context = request->id;
	return RESULT_OK;
}

/* While the journal syncs, and between batches, requests may be dropped. Requests that are offered
 * meanwhile are written, but re-verified only by the next run. Each batch ends with a checkpoint,
 * which keeps the quarantine's write-ahead log short. */
static enum result
reverify_batches(struct quarantine_worker *worker, struct reverify *reverify)
{
	const struct quarantine_page newest = {.limit = 1, .newest_first = true};
	struct quarantine_page page = {.limit = BATCH_MAX};
	uint64_t last = 0;
	enum result result = quarantine_each(worker->quarantine, &newest, note_last, &last);

	while (result == RESULT_OK && page.beyond_id < last) {
		struct batch batch = {.diagnoser = worker->config.diagnoser};
		result = quarantine_each(worker->quarantine, &page, reverify_one, &batch);
		if (result == RESULT_LIMIT) /* the next batch has the rest */
			result = RESULT_OK;
		if (batch.count == 0)
			return result;
		page.beyond_id = batch.ids[batch.count - 1];
		submit_batch(worker, &batch);
		/* The journal may store the writes later. Requests in both files do no harm: each
		 * callback counts once. */
		if (!wait_for_journal(worker, &batch))
			return RESULT_BUSY;

		enum result finished = finish_batch(worker, &batch, reverify);
		if (result == RESULT_OK)
			result = finished;
		if (result == RESULT_OK && atomic_load(&worker->stopping))
			result = RESULT_BUSY;
		carry_out_drops(worker);
		if (result == RESULT_OK)
			process_offered(worker);
	}
	return result;
}

static void
reverify(struct quarantine_worker *worker)
{
	struct reverify found = {.state = REVERIFY_DONE};
	enum result result = reverify_batches(worker, &found);

	diagnoser_release(worker->config.diagnoser);
	if (result != RESULT_OK) {
		found.state = REVERIFY_FAILED;
		if (result == RESULT_BUSY)
			snprintf(found.why, sizeof found.why,
			    "the journal or the quarantine did not answer in time; try again");
		else
			snprintf(found.why, sizeof found.why, "%s: %s", result_text(result),
			    quarantine_error(worker->quarantine));
	}
	log_line(result == RESULT_OK ? LOG_INFO : LOG_ERROR,
	    "quarantine re-verified: %llu requests, %llu of them accepted%s%s",
	    (unsigned long long)found.tried, (unsigned long long)found.kept,
	    result == RESULT_OK ? "" : "; then it failed: ", found.why);
	pthread_mutex_lock(&worker->lock);
	worker->reverify = found;
	pthread_mutex_unlock(&worker->lock);
}

/* --- the thread --- */

/* Ends the use of a configuration, if it has a diagnoser. */
static void
retire(const struct quarantine_worker_config *config)
{
	if (config->diagnoser != NULL)
		config->on_retired(config->context);
}

/* Takes the newest configuration and returns whether a re-verification was requested. Both are read
 * under one lock, so a re-verification never uses an older one than its caller had seen. */
static bool
take_changes(struct quarantine_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	bool asked = worker->reverify_asked;
	struct quarantine_worker_config next = worker->next;
	worker->reverify_asked = false;
	worker->next.diagnoser = NULL;
	pthread_mutex_unlock(&worker->lock);
	if (next.diagnoser != NULL) {
		diagnoser_inherit(next.diagnoser, worker->config.diagnoser);
		retire(&worker->config);
		worker->config = next;
	}
	return asked;
}

static void *
run(void *context)
{
	struct quarantine_worker *worker = context;

	pthread_setname_np(pthread_self(), "dlrd-quarantine");
	while (!atomic_load(&worker->stopping)) {
		bool asked = take_changes(worker);
		carry_out_drops(worker);
		process_offered(worker);
		if (asked) {
			reverify(worker);
			publish_size(worker);
		}
		quarantine_wait(worker->quarantine, TICK_US);
	}
	carry_out_drops(worker); /* their callers wait; one for all ends with RESULT_BUSY */
	return NULL;
}

enum result
quarantine_worker_start(struct quarantine_worker *worker,
    const struct quarantine_worker_config *config, struct writer *writer, struct failure *failure)
{
	worker->config = *config;
	worker->writer = writer;
	/* Creates a missing quarantine.db, so that it can be read once the daemon is ready. If it
	 * cannot be opened, this logs the reason and the thread retries. */
	process_offered(worker);
	enum result result =
	    thread_start(&worker->thread, run, worker, "the quarantine worker's thread", failure);
	worker->started = result == RESULT_OK;
	return result;
}

void
quarantine_worker_configure(
    struct quarantine_worker *worker, const struct quarantine_worker_config *config)
{
	pthread_mutex_lock(&worker->lock);
	struct quarantine_worker_config overtaken = worker->next;
	worker->next = *config;
	pthread_mutex_unlock(&worker->lock);

	retire(&overtaken);
	quarantine_wake(worker->quarantine);
}

void
quarantine_worker_stop(struct quarantine_worker *worker)
{
	if (worker == NULL || !worker->started)
		return;
	pthread_mutex_lock(&worker->lock);
	atomic_store(&worker->stopping, true);
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	quarantine_wake(worker->quarantine);
	pthread_join(worker->thread, NULL);
	worker->started = false;
}

bool
quarantine_worker_ask_reverify(struct quarantine_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	bool idle = worker->reverify.state != REVERIFY_RUNNING;
	if (idle) {
		worker->reverify_asked = true;
		worker->reverify = (struct reverify){.state = REVERIFY_RUNNING};
	}
	pthread_mutex_unlock(&worker->lock);
	quarantine_wake(worker->quarantine);
	return idle;
}

void
quarantine_worker_read_reverify(struct quarantine_worker *worker, struct reverify *out_reverify)
{
	pthread_mutex_lock(&worker->lock);
	*out_reverify = worker->reverify;
	pthread_mutex_unlock(&worker->lock);
}

/* --- writes that come back --- */

struct journal_write *
quarantine_worker_take_done(struct quarantine_worker *worker, struct journal_write *list)
{
	struct journal_write *rest = NULL, **end = &rest;

	if (!atomic_load(&worker->expecting))
		return list;
	pthread_mutex_lock(&worker->lock);
	for (struct journal_write *write = list, *next; write != NULL; write = next) {
		next = write->next;
		if (write->owner == worker && worker->given_up > 0) { /* they come back in order */
			worker->given_up--;
			free(write);
			continue;
		}
		if (write->owner == worker) {
			write->owner = NULL;
			worker->out--;
			continue;
		}
		*end = write;
		end = &write->next;
	}
	*end = NULL;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	return rest;
}

void
quarantine_worker_free(struct quarantine_worker *worker)
{
	if (worker == NULL)
		return;
	if (worker->config.diagnoser != NULL) /* requests that were refused after the last turn */
		process_offered(worker);
	retire(&worker->config);
	retire(&worker->next);
	quarantine_close(worker->quarantine);
	pthread_cond_destroy(&worker->changed);
	pthread_cond_destroy(&worker->dropped);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}
