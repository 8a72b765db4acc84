#define _GNU_SOURCE /* pthread_setname_np */
#include "keeper.h"

#include "dlrd/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FORM_TYPE SLICE("application/x-www-form-urlencoded")
#define TICK_US CLOCK_SECOND_US            /* between looks at what is too old */
#define BURST_SECONDS 50                   /* of quarantine_rate, after a quiet time */
#define BATCH_MAX 64                       /* requests verified again in one go */
#define BATCH_BYTES_MAX (4u * 1024 * 1024) /* of their copies, and then one more */
/* Offered requests may take half of memory_limit: the rest is for callbacks. */
#define MEMORY_SHARE 2
#define QUEUE_BYTES_MAX (INT64_C(16) * 1024 * 1024) /* more would not be written any sooner */
#define WAIT_US (10 * CLOCK_SECOND_US) /* for the journal to sync them; shorter than watchdogs */

struct keeper {
	struct quarantine *quarantine;
	struct writer *writer;
	struct metric *unproven, *proven, *bytes, *taken, *passed;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards the quarantine, but for offers */

	/* the thread's: */
	struct generation *generation;
	bool failing; /* said once */

	pthread_mutex_t state_lock; /* guards what follows; held for moments only */
	struct reverify reverify;
	bool asked;              /* for all to be verified again */
	struct generation *next; /* to be taken next */
	_Atomic bool stopping;

	pthread_mutex_t done_lock; /* guards what follows */
	pthread_cond_t came_back;
	size_t out;             /* writes that are with the journal */
	size_t given_up;        /* of those before them, that were waited for in vain */
	_Atomic bool expecting; /* some may come back: look for them */
};

/* One batch: requests that verify now, as writes, and whose they are. */
struct batch {
	struct admission *admission;
	const struct generation *generation; /* in force */
	uint64_t ids[BATCH_MAX];
	struct journal_write *writes[BATCH_MAX]; /* NULL for one that does not verify */
	size_t count, bytes;                     /* bytes: of the writes */
};

enum result
keeper_new(const struct settings *settings, struct metrics *metrics, struct keeper **out_keeper,
    struct failure *failure)
{
	char path[4096];
	struct keeper *keeper = calloc(1, sizeof *keeper);
	if (keeper == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	snprintf(path, sizeof path, "%s/" QUARANTINE_FILE, settings->directory);
	int64_t queue_max = settings->memory_max / MEMORY_SHARE;
	const struct quarantine_options options = {.path = path,
	    .open_later = true,
	    .bytes_max = (uint64_t)settings->quarantine_size,
	    .keep_us = settings->quarantine_keep_us,
	    .queue_bytes_max = (size_t)(queue_max < QUEUE_BYTES_MAX ? queue_max : QUEUE_BYTES_MAX),
	    .unproven = {(uint32_t)settings->quarantine_rate,
		(uint32_t)settings->quarantine_rate * BURST_SECONDS},
	    .request_max =
		(size_t)(settings->body_max + settings->request_line_max + settings->headers_max)};
	enum result result = quarantine_open(&options, &keeper->quarantine, failure);
	if (result != RESULT_OK) {
		free(keeper);
		return result;
	}
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_mutex_init(&keeper->state_lock, NULL);
	pthread_mutex_init(&keeper->done_lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->came_back, &monotonic);
	pthread_condattr_destroy(&monotonic);
	keeper->unproven = metrics_add(metrics, METRIC_QUARANTINE_ENTRIES, "proven=\"no\"");
	keeper->proven = metrics_add(metrics, METRIC_QUARANTINE_ENTRIES, "proven=\"yes\"");
	keeper->bytes = metrics_add(metrics, METRIC_QUARANTINE_BYTES, "");
	keeper->taken = metrics_add(metrics, METRIC_QUARANTINE_OFFERED, "fate=\"taken\"");
	keeper->passed = metrics_add(metrics, METRIC_QUARANTINE_OFFERED, "fate=\"rate\"");
	*out_keeper = keeper;
	return RESULT_OK;
}

struct quarantine *
keeper_quarantine(struct keeper *keeper)
{
	return keeper->quarantine;
}

/* --- keeping --- */

/* Under the lock. */
static void
note_failure(struct keeper *keeper, enum result result)
{
	if (result != RESULT_OK && !keeper->failing)
		log_line(LOG_ERROR,
		    "the quarantine cannot be written: %s: %s; refused requests are not kept until "
		    "it can",
		    result_text(result), quarantine_error(keeper->quarantine));
	if (result == RESULT_OK && keeper->failing)
		log_line(LOG_INFO, "the quarantine can be written again");
	keeper->failing = result != RESULT_OK;
}

/* Under the lock. */
static void
publish_size(struct keeper *keeper)
{
	struct quarantine_size size = quarantine_size(keeper->quarantine);
	metric_set(keeper->unproven, (double)(size.entries - size.proven));
	metric_set(keeper->proven, (double)size.proven);
	metric_set(keeper->bytes, (double)size.bytes);
}

/* Under the lock. */
static void
keep(struct keeper *keeper)
{
	struct quarantine_changes kept = {0}, trimmed;
	int64_t now_us = clock_wall_us();
	enum result result = quarantine_look(keeper->quarantine);
	if (result != RESULT_OK)
		note_failure(keeper, result);
	result = quarantine_keep_offered(
	    keeper->quarantine, now_us, explainer_examine, keeper->generation->explainer, &kept);
	metric_add(keeper->taken, kept.fresh + kept.repeated);
	metric_add(keeper->passed, kept.passed);
	if (result == RESULT_OK)
		result = quarantine_trim(keeper->quarantine, now_us, &trimmed);
	if (result == RESULT_OK)
		result = quarantine_checkpoint(keeper->quarantine);
	note_failure(keeper, result);
	publish_size(keeper);
}

/* --- verifying again --- */

/* Returns the write that stores the request as if it came now, to that target and of that type;
 * NULL if it does not verify, or if memory is short, which sets *failed. */
static struct journal_write *
verify_as(const struct batch *batch, const struct incoming *request, struct slice target,
    struct slice media_type, bool *failed)
{
	const struct generation *generation = batch->generation;
	struct incoming incoming = *request;
	struct admission_decision decision;

	incoming.target = target;
	incoming.media_type = media_type;
	incoming.from_trusted_proxy =
	    incoming_is_trusted(request, generation->proxies, generation->proxy_count);
	if (!incoming_target_is_readable(&incoming))
		return NULL;

	admission_check(batch->admission, &incoming, &decision);
	*failed |= decision.outcome == ADMISSION_UNDECIDED;
	if (decision.outcome != ADMISSION_ADMITTED)
		return NULL;

	const struct journal_entry entry = handler_entry(&incoming, &decision);
	struct journal_write *write = journal_write_new(&entry);
	*failed |= write == NULL;
	return write;
}

/* A proven request whose Content-Type was lost on the way is verified as a form, too. */
static struct journal_write *
verify_at(
    const struct batch *batch, const struct quarantined *request, struct slice target, bool *failed)
{
	const struct incoming *incoming = &request->incoming;
	struct journal_write *write =
	    verify_as(batch, incoming, target, incoming->media_type, failed);

	if (write == NULL && request->proven && !form_is_body(incoming->media_type, incoming->body))
		write = verify_as(batch, incoming, target, FORM_TYPE, failed);
	return write;
}

/* To the target that one of our tokens proves to have been signed. */
static struct journal_write *
verify_as_signed(struct batch *batch, const struct quarantined *request, bool *failed)
{
	struct buffer target = BUFFER_EMPTY;
	struct journal_write *write = NULL;

	if (explainer_signed_target(batch->generation->explainer, request, &target))
		write = verify_at(batch, request, buffer_slice(&target), failed);
	buffer_done(&target);
	return write;
}

/* A proxy that rewrote the target may have told how it was before (X-Original-URI), and where it
 * has not, a diagnosis may find out. Where the signature is right for that, it is what Twilio
 * called, whoever says so. */
static enum result
verify_again(void *context, const struct quarantined *request)
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

/* Under done_lock. What has come back has no owner; the rest is freed when it comes. */
static void
give_up(struct keeper *keeper, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->writes[i] != NULL && batch->writes[i]->owner == NULL)
			free(batch->writes[i]);
	keeper->given_up += keeper->out;
	keeper->out = 0;
}

/* Hands the batch's writes to the journal and waits until they are back; false where they do not
 * come. */
static bool
keep_in_journal(struct keeper *keeper, struct batch *batch)
{
	struct journal_write *list = NULL, **end = &list;
	int64_t until_us = clock_monotonic_us() + WAIT_US;
	const struct timespec until = {
	    .tv_sec = until_us / CLOCK_SECOND_US, .tv_nsec = until_us % CLOCK_SECOND_US * 1000};
	int code = 0;
	pthread_mutex_lock(&keeper->done_lock);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->writes[i] != NULL) {
			batch->writes[i]->owner = keeper;
			*end = batch->writes[i];
			end = &batch->writes[i]->next;
			keeper->out++;
		}
	atomic_store(&keeper->expecting, true);
	pthread_mutex_unlock(&keeper->done_lock);
	if (list != NULL)
		writer_submit(keeper->writer, list);
	pthread_mutex_lock(&keeper->done_lock);
	while (keeper->out > 0 && code == 0 && !atomic_load(&keeper->stopping))
		code = pthread_cond_timedwait(&keeper->came_back, &keeper->done_lock, &until);
	bool back = keeper->out == 0;
	if (!back)
		give_up(keeper, batch);
	atomic_store(&keeper->expecting, keeper->given_up > 0);
	pthread_mutex_unlock(&keeper->done_lock);
	return back;
}

/* What the journal has synced leaves the quarantine. Under the lock. */
static enum result
finish_batch(struct keeper *keeper, struct batch *batch, struct reverify *reverify)
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
	enum result removal = quarantine_remove_all(keeper->quarantine, kept, kept_count, &removed);
	if (removal == RESULT_OK)
		removal = quarantine_checkpoint(keeper->quarantine);
	return result == RESULT_OK ? removal : result;
}

static enum result
note_last(void *context, const struct quarantined *request)
{
	*(uint64_t *)context = request->id;
	return RESULT_OK;
}

/* Under the lock, which is open while the journal syncs: a drop may come in between. What is
 * offered meanwhile is kept, but not verified in this turn. The quarantine's log is copied before
 * there is much of it. */
static enum result
reverify_batches(struct keeper *keeper, struct admission *admission, struct reverify *reverify)
{
	const struct quarantine_page newest = {.limit = 1, .newest_first = true};
	struct quarantine_page page = {.limit = BATCH_MAX};
	uint64_t last = 0;
	enum result result = quarantine_each(keeper->quarantine, &newest, note_last, &last);
	while (result == RESULT_OK && page.beyond_id < last) {
		struct batch batch = {.admission = admission, .generation = keeper->generation};
		result = quarantine_each(keeper->quarantine, &page, verify_again, &batch);
		if (result == RESULT_LIMIT) /* the rest is the next batch's */
			result = RESULT_OK;
		if (batch.count == 0)
			return result;
		page.beyond_id = batch.ids[batch.count - 1];
		/* They stay in the quarantine; that the journal may have them, too, does no harm.
		 */
		pthread_mutex_unlock(&keeper->lock);
		bool back = keep_in_journal(keeper, &batch);
		pthread_mutex_lock(&keeper->lock);
		if (!back)
			return RESULT_BUSY;
		enum result finished = finish_batch(keeper, &batch, reverify);
		if (result == RESULT_OK)
			result = finished;
		if (result == RESULT_OK && atomic_load(&keeper->stopping))
			result = RESULT_BUSY;
		if (result == RESULT_OK)
			keep(keeper);
	}
	return result;
}

/* Under the lock. */
static void
reverify(struct keeper *keeper)
{
	const struct settings *settings = keeper->generation->settings;
	struct reverify found = {.state = REVERIFY_DONE};
	struct admission admission;

	admission_init(&admission, &settings->routes, settings->verifier, settings->keywords,
	    (size_t)settings->fields_max);
	enum result result = reverify_batches(keeper, &admission, &found);
	admission_done(&admission);
	if (result != RESULT_OK) {
		found.state = REVERIFY_FAILED;
		if (result == RESULT_BUSY)
			snprintf(found.why, sizeof found.why,
			    "the journal or the quarantine did not answer in time; try again");
		else
			snprintf(found.why, sizeof found.why, "%s: %s", result_text(result),
			    quarantine_error(keeper->quarantine));
	}
	log_line(result == RESULT_OK ? LOG_INFO : LOG_ERROR,
	    "the quarantine was verified again: %llu requests, %llu of them kept now%s%s",
	    (unsigned long long)found.tried, (unsigned long long)found.kept,
	    result == RESULT_OK ? "" : "; then it failed: ", found.why);
	pthread_mutex_lock(&keeper->state_lock);
	keeper->reverify = found;
	pthread_mutex_unlock(&keeper->state_lock);
}

/* --- the thread --- */

/* Takes the generation in force, and gives whether all is to be verified again: with no older one
 * than whoever asks for it knows. */
static bool
take_orders(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->state_lock);
	bool asked = keeper->asked;
	struct generation *next = keeper->next;
	keeper->asked = false;
	keeper->next = NULL;
	pthread_mutex_unlock(&keeper->state_lock);
	if (next != NULL) {
		explainer_inherit(next->explainer, keeper->generation->explainer);
		generation_release(keeper->generation);
		keeper->generation = next;
	}
	return asked;
}

static void *
run(void *context)
{
	struct keeper *keeper = context;
	pthread_setname_np(pthread_self(), "dlrd-keeper");
	while (!atomic_load(&keeper->stopping)) {
		bool asked = take_orders(keeper);
		pthread_mutex_lock(&keeper->lock);
		keep(keeper);
		if (asked) {
			reverify(keeper);
			publish_size(keeper);
		}
		pthread_mutex_unlock(&keeper->lock);
		quarantine_wait(keeper->quarantine, TICK_US);
	}
	return NULL;
}

enum result
keeper_start(struct keeper *keeper, struct generation *generation, struct writer *writer,
    struct failure *failure)
{
	generation_use(generation);
	keeper->generation = generation;
	keeper->writer = writer;
	/* Creates quarantine.db if it is missing, so that it is there to be read once the daemon is
	 * ready. If it cannot be opened, the log says so and the thread tries again. */
	pthread_mutex_lock(&keeper->lock);
	keep(keeper);
	pthread_mutex_unlock(&keeper->lock);
	int error = pthread_create(&keeper->thread, NULL, run, keeper);
	keeper->started = error == 0;
	if (error != 0)
		return failure_set(
		    failure, RESULT_IO, "cannot start the keeper's thread: %s", strerror(error));
	return RESULT_OK;
}

void
keeper_configure(struct keeper *keeper, struct generation *generation)
{
	generation_use(generation);
	pthread_mutex_lock(&keeper->state_lock);
	struct generation *overtaken = keeper->next;
	keeper->next = generation;
	pthread_mutex_unlock(&keeper->state_lock);
	generation_release(overtaken);
	quarantine_wake(keeper->quarantine);
}

void
keeper_stop(struct keeper *keeper)
{
	if (keeper == NULL || !keeper->started)
		return;
	pthread_mutex_lock(&keeper->done_lock);
	atomic_store(&keeper->stopping, true);
	pthread_cond_signal(&keeper->came_back);
	pthread_mutex_unlock(&keeper->done_lock);
	quarantine_wake(keeper->quarantine);
	pthread_join(keeper->thread, NULL);
	keeper->started = false;
}

bool
keeper_ask_reverify(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->state_lock);
	bool idle = keeper->reverify.state != REVERIFY_RUNNING;
	if (idle) {
		keeper->asked = true;
		keeper->reverify = (struct reverify){.state = REVERIFY_RUNNING};
	}
	pthread_mutex_unlock(&keeper->state_lock);
	quarantine_wake(keeper->quarantine);
	return idle;
}

void
keeper_read_reverify(struct keeper *keeper, struct reverify *out_reverify)
{
	pthread_mutex_lock(&keeper->state_lock);
	*out_reverify = keeper->reverify;
	pthread_mutex_unlock(&keeper->state_lock);
}

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

/* Under the lock. */
static enum result
drop_all(struct keeper *keeper, uint64_t *out_dropped)
{
	const struct quarantine_page page = {.limit = BATCH_MAX};
	while (!atomic_load(&keeper->stopping)) {
		struct dropping dropping = {.count = 0};
		size_t removed = 0;
		enum result result = quarantine_each(keeper->quarantine, &page, note_id, &dropping);
		if (result == RESULT_OK && dropping.count > 0)
			result = quarantine_remove_all(
			    keeper->quarantine, dropping.ids, dropping.count, &removed);
		*out_dropped += removed;
		if (result == RESULT_OK)
			result = quarantine_checkpoint(keeper->quarantine);
		if (result != RESULT_OK || dropping.count == 0)
			return result;
	}
	return RESULT_BUSY;
}

enum result
keeper_drop(struct keeper *keeper, uint64_t id, uint64_t *out_dropped)
{
	*out_dropped = 0;
	pthread_mutex_lock(&keeper->lock);
	enum result result =
	    id == 0 ? drop_all(keeper, out_dropped) : quarantine_remove(keeper->quarantine, id);
	if (id != 0 && result == RESULT_OK)
		*out_dropped = 1;
	publish_size(keeper);
	pthread_mutex_unlock(&keeper->lock);
	return result;
}

/* --- writes that come back --- */

struct journal_write *
keeper_take_done(struct keeper *keeper, struct journal_write *list)
{
	struct journal_write *rest = NULL, **end = &rest;
	if (!atomic_load(&keeper->expecting))
		return list;
	pthread_mutex_lock(&keeper->done_lock);
	for (struct journal_write *write = list, *next; write != NULL; write = next) {
		next = write->next;
		if (write->owner == keeper && keeper->given_up > 0) { /* in the order they went */
			keeper->given_up--;
			free(write);
			continue;
		}
		if (write->owner == keeper) {
			write->owner = NULL;
			keeper->out--;
			continue;
		}
		*end = write;
		end = &write->next;
	}
	*end = NULL;
	pthread_cond_signal(&keeper->came_back);
	pthread_mutex_unlock(&keeper->done_lock);
	return rest;
}

void
keeper_free(struct keeper *keeper)
{
	if (keeper == NULL)
		return;
	if (keeper->generation != NULL) /* what the last handlers have refused */
		keep(keeper);
	generation_release(keeper->generation);
	generation_release(keeper->next);
	quarantine_close(keeper->quarantine);
	pthread_cond_destroy(&keeper->came_back);
	pthread_mutex_destroy(&keeper->done_lock);
	pthread_mutex_destroy(&keeper->state_lock);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}
