#define _GNU_SOURCE /* pthread_setname_np */
#include "dlrd/journal/writer.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 4096                      /* entries; bounds the time of one commit */
#define CHECKPOINT_BYTES (4u * 1024 * 1024) /* log size: a stall of some milliseconds */
#define PROBE_US CLOCK_SECOND_US
#define FAILED_BYTES_MAX (64u * 1024 * 1024) /* the most room that a probe requires */
#define TRIM_ROWS 1000                       /* a few milliseconds of work */
#define UPKEEP_US (CLOCK_SECOND_US / 10)     /* between checks of size and age */
#define CLOSE_LOOK_US CLOCK_SECOND_US
#define QUIET_ENTRIES 200 /* in a second: there is time to release disk space */
#define GIVE_BACK_PAUSE_US (CLOCK_SECOND_US / 10)
#define TRIM_RETRY_US (60 * CLOCK_SECOND_US)

struct writer {
	struct writer_options options;
	pthread_t thread;
	pthread_mutex_t lock; /* guards queue, queue_end, stopping */
	pthread_cond_t wake;
	struct journal_write *queue, **queue_end;
	bool stopping;
	_Atomic uint64_t released; /* entries up to here may be trimmed */
	_Atomic int64_t heartbeat_us;
	_Atomic bool healthy;
	/* the thread's own: */
	struct journal_entry *batch[BATCH_MAX];
	int64_t probe_us;    /* next probe of a failed journal */
	int64_t upkeep_us;   /* next check of size and age */
	uint64_t last_wal;   /* bytes after the last checkpoint */
	size_t failed_bytes; /* of the largest batch that did not fit; 0 in a healthy journal */
	bool must_reopen;    /* the handle may not be used again */
	bool closed;         /* the journal has not been open in this process */
	bool moved;          /* the journal's file was moved: no reader may have the old one open */
	bool must_save; /* the log was removed: only the handle has it, so it must not be closed */
	bool log_cut;   /* no other connection may be open when the handle is reopened */
	bool over_size; /* the journal is larger than keep_bytes */
	_Atomic int64_t keep_us;
	_Atomic uint64_t keep_bytes;
	uint64_t recent_entries; /* since the last check for a quiet second */
	int64_t give_back_us;    /* next such check */
	bool more_to_give;       /* the last step has not released all */
	bool more_to_trim;       /* the last step has not trimmed all */
	bool trim_failing;       /* the last step failed */
	bool unreachable;        /* stat(2) of the journal's path fails; logged once */
	int64_t trim_us;         /* no trim before this time */
	int64_t close_look_us;   /* next check that reads the log instead of only stat(2) */
	struct {
		struct metric *entries, *full, *io, *checkpoint, *trim, *commit_seconds,
		    *batch_entries, *bytes, *wal_bytes;
	} metrics;
};

static size_t
put(char **at, struct slice *text)
{
	if (text->ptr == NULL)
		return 0;
	if (text->len > 0)
		memcpy(*at, text->ptr, text->len);
	text->ptr = *at;
	*at += text->len;
	return text->len;
}

struct journal_write *
journal_write_new(const struct journal_entry *entry)
{
	size_t size = sizeof(struct journal_write) + entry->method.len + entry->route.len +
		      entry->query.len + entry->media_type.len + entry->body.len +
		      entry->account.len + entry->signature.len + 1;
	struct journal_write *write = malloc(size);
	if (write == NULL)
		return NULL;

	*write = (struct journal_write){.entry = *entry, .size = size};
	char *at = write->bytes;
	put(&at, &write->entry.method);
	put(&at, &write->entry.route);
	put(&at, &write->entry.query);
	put(&at, &write->entry.media_type);
	put(&at, &write->entry.body);
	put(&at, &write->entry.account);
	put(&at, &write->entry.signature);

	return write;
}

static void
set_health(struct writer *writer, bool healthy, const char *why)
{
	if (atomic_exchange(&writer->healthy, healthy) != healthy)
		writer->options.on_health(writer->options.context, healthy, why);
}

/* Notes the result of a write of so many bytes. After a full disk the same handle works again once
 * there is room. After any other failure the handle must not be used (a failed fsync is never
 * retried). On a disk that is nearly full, small callbacks fit while larger ones do not: the
 * journal is healthy only if it could store as much as failed. */
static void
note_result(struct writer *writer, enum result result, size_t bytes)
{
	if (result == RESULT_OK) {
		if (bytes >= writer->failed_bytes) {
			writer->failed_bytes = 0;
			set_health(writer, true, "journal is writable again");
		}
		return;
	}
	if (result == RESULT_FULL && bytes > writer->failed_bytes)
		writer->failed_bytes = bytes < FAILED_BYTES_MAX ? bytes : FAILED_BYTES_MAX;
	writer->probe_us = clock_monotonic_us() + PROBE_US;
	writer->must_reopen = result != RESULT_FULL && result != RESULT_NO_MEMORY;
	set_health(writer, false, journal_error(writer->options.journal));
}

/* Checks whether another program removed, truncated or overwrote the log. If so, nothing is
 * appended before the log is sound again. */
static void
look_at_log(struct writer *writer, bool closely)
{
	if (writer->must_save || writer->must_reopen)
		return;
	switch (journal_look_at_log(writer->options.journal, closely)) {
	case WAL_SOUND: return;
	case WAL_REMOVED:
		set_health(
		    writer, false, JOURNAL_FILE "-wal was removed or replaced by another program");
		writer->must_save = writer->must_reopen = true;
		return;
	case WAL_CUT:
		set_health(writer, false,
		    JOURNAL_FILE "-wal was truncated or overwritten by another program");
		writer->log_cut = writer->must_reopen = true;
		return;
	}
}

/* Reports the entries that were lost with a cut log. */
static void
report_lost(struct writer *writer)
{
	struct journal *journal = writer->options.journal;
	uint64_t left = journal_found(journal).last_seq, last = journal_last_seq(journal);
	if (left < last)
		writer->options.on_lost(writer->options.context, left + 1, last);
}

static enum result
reopen(struct writer *writer, struct failure *failure)
{
	struct journal *journal = writer->options.journal;
	void *context = writer->options.context;
	bool alone = writer->log_cut || writer->moved;
	if (alone && !writer->options.release_readers(context, true))
		return failure_set(failure, RESULT_BUSY, "a reader of " JOURNAL_FILE " is busy");

	enum result result = writer->log_cut ? journal_recover_alone(journal, failure) : RESULT_OK;
	if (result == RESULT_OK)
		result = journal_reopen(journal, failure);
	if (writer->log_cut && result == RESULT_OK) {
		report_lost(writer);
		writer->log_cut = false;
	}
	if (alone && result == RESULT_OK) {
		writer->moved = false;
		writer->options.release_readers(context, false);
	}

	return result;
}

static bool
reopen_if_needed(struct writer *writer)
{
	struct failure failure;
	if (!writer->must_reopen)
		return true;

	/* This handle may be the last one that has the log. The rest of a cut log must not be
	 * copied. */
	enum wal_state log = journal_look_at_log(writer->options.journal, false);
	if (!writer->log_cut && log == WAL_REMOVED)
		writer->must_save = true;
	if (log == WAL_CUT)
		writer->log_cut = true;
	if (writer->must_save && journal_save(writer->options.journal) != RESULT_OK) {
		set_health(writer, false, journal_error(writer->options.journal));
		return false;
	}

	writer->must_save = false;
	enum result result = reopen(writer, &failure);
	writer->must_reopen = result != RESULT_OK;
	if (result != RESULT_OK)
		set_health(writer, false, failure.text);
	else if (writer->closed)
		writer->options.on_opened(writer->options.context);

	writer->closed = writer->closed && result != RESULT_OK;
	return result == RESULT_OK;
}

/* Appends the first BATCH_MAX of the list, and returns the rest. */
static struct journal_write *
commit_batch(struct writer *writer, struct journal_write *list)
{
	size_t count = 0, bytes = list->size;
	struct journal_write *last = list;
	writer->batch[count++] = &list->entry;
	for (; last->next != NULL && count < BATCH_MAX; last = last->next) {
		writer->batch[count++] = &last->next->entry;
		bytes += last->next->size;
	}

	struct journal_write *rest = last->next;
	last->next = NULL;
	int64_t start_us = clock_monotonic_us();
	enum result result = RESULT_IO;
	look_at_log(writer, false);
	if (reopen_if_needed(writer))
		result = journal_append(writer->options.journal, writer->batch, count);
	metric_observe(
	    writer->metrics.commit_seconds, (double)(clock_monotonic_us() - start_us) / 1e6);
	metric_observe(writer->metrics.batch_entries, (double)count);
	for (struct journal_write *write = list; write != NULL; write = write->next)
		write->result = result;
	if (result != RESULT_OK)
		metric_add(result == RESULT_FULL ? writer->metrics.full : writer->metrics.io, 1);

	/* Unhealthy before the 503s are out, healthy before the 204s. */
	note_result(writer, result, bytes);
	writer->options.on_done(writer->options.context, list);
	if (result == RESULT_OK) {
		metric_add(writer->metrics.entries, count);
		writer->recent_entries += count;
		writer->options.on_committed(
		    writer->options.context, journal_last_seq(writer->options.journal));
	}

	return rest;
}

/* After a failure, tests once a second whether the journal is writable again. A load balancer that
 * checks readyz may send no request that would show it. */
static void
probe_if_due(struct writer *writer)
{
	if (atomic_load(&writer->healthy) || clock_monotonic_us() < writer->probe_us)
		return;
	writer->probe_us = clock_monotonic_us() + PROBE_US;
	if (reopen_if_needed(writer))
		note_result(writer, journal_probe(writer->options.journal, writer->failed_bytes),
		    writer->failed_bytes);
}

/* Entries that cannot be removed only cost room. Callbacks are still stored, so the journal stays
 * healthy. */
static void
note_trim(struct writer *writer, enum result result)
{
	bool failed = result != RESULT_OK;
	if (result == RESULT_FULL || result == RESULT_BUSY)
		return; /* a retry would free nothing, and appends report it themselves */
	if (failed) {
		metric_add(writer->metrics.trim, 1);
		writer->trim_us = clock_monotonic_us() + TRIM_RETRY_US;
		/* After a failed sync the handle may not be used again. */
		writer->must_reopen = result == RESULT_IO;
	}
	if (failed != writer->trim_failing)
		writer->options.on_trim(writer->options.context, !failed,
		    failed ? journal_error(writer->options.journal) : "");
	writer->trim_failing = failed;
}

static void
trim(struct writer *writer)
{
	size_t removed;
	if (clock_monotonic_us() < writer->trim_us)
		return;

	int64_t before_us = clock_wall_us() - atomic_load(&writer->keep_us);
	uint64_t released = atomic_load(&writer->released);
	if (writer->over_size)
		before_us = INT64_MAX;
	enum result result =
	    journal_trim(writer->options.journal, released, before_us, TRIM_ROWS, &removed);
	note_trim(writer, result);
	writer->more_to_trim = result == RESULT_OK && removed == TRIM_ROWS;
	if (writer->more_to_trim)
		writer->upkeep_us = 0;
}

/* After a failed sync no checkpoint may be made until the journal is reopened. */
static void
note_failed_checkpoint(struct writer *writer)
{
	if (journal_checkpoints_ended(writer->options.journal))
		writer->options.on_checkpoint_failed(
		    writer->options.context, journal_error(writer->options.journal));
	metric_add(writer->metrics.checkpoint, 1);
}

static void
checkpoint(struct writer *writer, uint64_t wal_bytes)
{
	/* If a reader prevents the reset of the log, wait until the log has grown further. */
	if (wal_bytes < writer->last_wal)
		writer->last_wal = 0;
	if (wal_bytes < writer->last_wal + CHECKPOINT_BYTES)
		return;

	/* A checkpoint does not verify the log, so check it first. */
	look_at_log(writer, true);
	if (writer->must_reopen)
		return;

	enum result result = journal_checkpoint(writer->options.journal);
	if (result != RESULT_OK)
		note_failed_checkpoint(writer);
	writer->last_wal = wal_bytes;
}

/* Returns whether the journal's file was moved. If its path cannot be checked, the journal is still
 * written, since nothing shows that it was. */
static bool
was_moved(struct writer *writer)
{
	enum journal_place place = journal_look_at_place(writer->options.journal);
	bool unreachable = place == JOURNAL_UNREACHABLE;
	if (unreachable && !writer->unreachable)
		writer->options.on_unreachable(
		    writer->options.context, journal_error(writer->options.journal));
	writer->unreachable = unreachable;
	return place == JOURNAL_MOVED;
}

/* Releases disk space in a second with few callbacks. Its last step is a checkpoint. */
static void
give_back(struct writer *writer)
{
	struct journal *journal = writer->options.journal;
	int64_t now_us = clock_monotonic_us();
	bool more = false, had_ended = journal_checkpoints_ended(journal);

	if (now_us < writer->give_back_us)
		return;

	bool quiet = writer->recent_entries < QUIET_ENTRIES;
	writer->recent_entries = 0;
	writer->give_back_us = now_us + CLOCK_SECOND_US;
	writer->more_to_give = false;
	if (!quiet || !atomic_load(&writer->healthy))
		return;

	enum result result = journal_give_back(journal, &more);
	/* It may have written much, and a retry would do so again. */
	if (result != RESULT_OK)
		writer->give_back_us = now_us + TRIM_RETRY_US;
	bool has_ended = journal_checkpoints_ended(journal);
	if (has_ended && !had_ended)
		note_failed_checkpoint(writer);
	writer->must_reopen = result == RESULT_IO && !has_ended;
	writer->more_to_give = more;
	if (more)
		writer->give_back_us = now_us + GIVE_BACK_PAUSE_US;
}

static void
do_upkeep(struct writer *writer)
{
	int64_t now_us = clock_monotonic_us();
	if (now_us < writer->upkeep_us && !writer->must_reopen)
		return;

	writer->more_to_trim = false; /* otherwise a failed journal would cause a busy loop */
	if (writer->must_reopen) {
		if (atomic_load(&writer->healthy) && !reopen_if_needed(writer))
			writer->probe_us = now_us + PROBE_US;
		return;
	}

	writer->upkeep_us = now_us + UPKEEP_US;
	if (was_moved(writer)) {
		set_health(writer, false, "journal.db was moved or deleted while dlrd was running");
		writer->must_reopen = writer->moved = true;
		return;
	}

	look_at_log(writer, now_us >= writer->close_look_us);
	if (now_us >= writer->close_look_us)
		writer->close_look_us = now_us + CLOSE_LOOK_US;
	if (writer->must_reopen) {
		writer->probe_us = now_us; /* now: there may be no request for a while */
		probe_if_due(writer);
		return;
	}

	struct journal_size size = journal_size(writer->options.journal);
	metric_set(writer->metrics.bytes, (double)size.live_bytes);
	metric_set(writer->metrics.wal_bytes, (double)size.wal_bytes);
	writer->over_size = size.live_bytes > atomic_load(&writer->keep_bytes);
	trim(writer);
	if (!writer->must_reopen)
		checkpoint(writer, size.wal_bytes);
	if (!writer->must_reopen)
		give_back(writer);
}

/* Waits up to a second for writes, less while there is space to release, and not at all while there
 * is more to trim. Returns false if there are no writes and the writer must stop. */
static bool
take_queue(struct writer *writer, struct journal_write **out_list)
{
	int64_t until_us =
	    clock_monotonic_us() + (writer->more_to_give ? GIVE_BACK_PAUSE_US : CLOCK_SECOND_US);

	pthread_mutex_lock(&writer->lock);
	bool waits = !writer->more_to_trim;
	while (writer->queue == NULL && !writer->stopping && waits)
		waits = thread_wait_until(&writer->wake, &writer->lock, until_us);
	*out_list = writer->queue;
	writer->queue = NULL;
	writer->queue_end = &writer->queue;
	bool goes_on = *out_list != NULL || !writer->stopping;
	pthread_mutex_unlock(&writer->lock);

	return goes_on;
}

static void *
run(void *context)
{
	struct writer *writer = context;
	struct journal_write *list;
	pthread_setname_np(pthread_self(), "dlrd-journal");
	while (take_queue(writer, &list)) {
		atomic_store(&writer->heartbeat_us, clock_monotonic_us());
		while (list != NULL)
			list = commit_batch(writer, list);
		probe_if_due(writer);
		do_upkeep(writer);
	}

	return NULL;
}

static void
add_metrics(struct writer *writer, struct metrics *metrics)
{
	writer->metrics.entries = metrics_add(metrics, METRIC_JOURNAL_ENTRIES, "");
	writer->metrics.full = metrics_add(metrics, METRIC_JOURNAL_FAILURES, "cause=\"full\"");
	writer->metrics.io = metrics_add(metrics, METRIC_JOURNAL_FAILURES, "cause=\"io\"");
	writer->metrics.checkpoint =
	    metrics_add(metrics, METRIC_CHECKPOINT_FAILURES, "file=\"" JOURNAL_FILE "\"");
	writer->metrics.trim = metrics_add(metrics, METRIC_TRIM_FAILURES, "");
	writer->metrics.commit_seconds = metrics_add(metrics, METRIC_COMMIT_SECONDS, "");
	writer->metrics.batch_entries = metrics_add(metrics, METRIC_BATCH_ENTRIES, "");
	writer->metrics.bytes = metrics_add(metrics, METRIC_JOURNAL_BYTES, "");
	writer->metrics.wal_bytes = metrics_add(metrics, METRIC_JOURNAL_WAL_BYTES, "");
}

enum result
writer_start(
    const struct writer_options *options, struct writer **out_writer, struct failure *failure)
{
	struct writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	writer->options = *options;
	writer_set_keep(writer, options->keep_us, options->keep_bytes);
	writer->queue_end = &writer->queue;
	writer->closed = writer->must_reopen = options->closed_why != NULL;
	writer->healthy = !writer->closed;
	writer->probe_us = clock_monotonic_us() + PROBE_US;
	writer->heartbeat_us = clock_monotonic_us();
	add_metrics(writer, options->metrics);
	thread_condition_init(&writer->wake);
	pthread_mutex_init(&writer->lock, NULL);
	enum result result =
	    thread_start(&writer->thread, run, writer, "the journal's thread", failure);
	if (result != RESULT_OK) {
		pthread_mutex_destroy(&writer->lock);
		pthread_cond_destroy(&writer->wake);
		free(writer);
		return result;
	}

	*out_writer = writer;
	if (options->closed_why != NULL)
		options->on_health(options->context, false, options->closed_why);

	return RESULT_OK;
}

void
writer_submit(struct writer *writer, struct journal_write *list)
{
	if (list == NULL)
		return;

	struct journal_write **end = &list;
	while (*end != NULL)
		end = &(*end)->next;

	pthread_mutex_lock(&writer->lock);
	bool was_empty = writer->queue == NULL;
	*writer->queue_end = list;
	writer->queue_end = end;
	pthread_mutex_unlock(&writer->lock);
	if (was_empty)
		pthread_cond_signal(&writer->wake);
}

void
writer_release(struct writer *writer, uint64_t seq)
{
	atomic_store(&writer->released, seq);
}

void
writer_set_keep(struct writer *writer, int64_t keep_us, uint64_t keep_bytes)
{
	atomic_store(&writer->keep_us, keep_us);
	atomic_store(&writer->keep_bytes, keep_bytes);
}

int64_t
writer_heartbeat_us(const struct writer *writer)
{
	return atomic_load(&writer->heartbeat_us);
}

bool
writer_healthy(const struct writer *writer)
{
	return atomic_load(&writer->healthy);
}

void
writer_stop(struct writer *writer)
{
	if (writer == NULL)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_signal(&writer->wake);
	pthread_join(writer->thread, NULL);
}

void
writer_free(struct writer *writer)
{
	if (writer == NULL)
		return;
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->wake);
	free(writer);
}
