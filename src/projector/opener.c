#include "opener.h"

#include "dlrd/base/disk.h"
#include "dlrd/base/log.h"
#include "dlrd/store/recovered.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_US CLOCK_SECOND_US /* after an attempt that failed ... */
#define RETRY_FACTOR 10          /* ... or this many times as long as the attempt took ... */
#define RETRY_MAX_US (10 * 60 * CLOCK_SECOND_US) /* ... but no longer than this */
#define QUIET_US (CLOCK_SECOND_US / 2)           /* shorter work is not reported */
#define REPORT_US (30 * CLOCK_SECOND_US)

static void
free_catalogue(struct error_catalogue *catalogue)
{
	if (catalogue != NULL)
		error_catalogue_done(catalogue);
	free(catalogue);
}

/* --- progress --- */

static void
log_progress(const struct store_progress *progress, int64_t worked_us)
{
	char share[64] = "";
	if (progress->total > 0)
		snprintf(share, sizeof share, ", %llu of %llu messages counted",
		    (unsigned long long)progress->done, (unsigned long long)progress->total);
	if (progress->from_version != progress->to_version)
		log_line(LOG_INFO,
		    STORE_FILE ": migrating from version %lld to %lld for %lld s%s; callbacks are "
			       "stored, and counted afterwards",
		    (long long)progress->from_version, (long long)progress->to_version,
		    (long long)(worked_us / CLOCK_SECOND_US), share);
	else
		log_line(LOG_INFO,
		    STORE_FILE ": recomputing the figures for %lld s%s; callbacks are stored, "
			       "and counted afterwards",
		    (long long)(worked_us / CLOCK_SECOND_US), share);
}

static bool
on_progress(void *context, const struct store_progress *progress)
{
	struct opener *opener = context;
	int64_t now_us = clock_monotonic_us(), worked_us = now_us - opener->start_us;

	if (worked_us >= QUIET_US) {
		pthread_mutex_lock(&opener->lock);
		opener->counting.working = true;
		opener->counting.progress = *progress;
		opener->counting.worked_us = worked_us;
		if (opener->counting.not_counted_since_us == 0)
			opener->counting.not_counted_since_us = clock_wall_us() - worked_us;
		pthread_mutex_unlock(&opener->lock);
	}

	if (worked_us >= QUIET_US &&
	    (opener->reported_us < opener->start_us || now_us - opener->reported_us >= REPORT_US)) {
		opener->reported_us = now_us;
		log_progress(progress, worked_us);
	}

	return !atomic_load(&opener->stopping);
}

static void
begin_progress(struct opener *opener)
{
	opener->start_us = clock_monotonic_us();
}

static void
end_progress(struct opener *opener)
{
	struct projector_counting *counting = &opener->counting;

	pthread_mutex_lock(&opener->lock);
	if (counting->working && counting->why[0] == '\0')
		counting->not_counted_since_us = 0;
	counting->working = false;
	pthread_mutex_unlock(&opener->lock);
}

/* --- opening --- */

/* Returns the time of the last write to the store. While its cursor is not known, callbacks that
 * arrived later are not counted. */
static int64_t
last_write_us(const char *path)
{
	char log_path[4096];
	struct stat file;
	int64_t last_us = 0;

	snprintf(log_path, sizeof log_path, "%s-wal", path);
	const char *const paths[] = {path, log_path};
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		if (stat(paths[i], &file) != 0)
			continue;

		int64_t write_us =
		    (int64_t)file.st_mtim.tv_sec * CLOCK_SECOND_US + file.st_mtim.tv_nsec / 1000;
		last_us = write_us > last_us ? write_us : last_us;
	}
	return last_us != 0 ? last_us : clock_wall_us();
}

const char *
opener_remedy(enum result result)
{
	return result == RESULT_CORRUPT ? "; restore a backup, or run 'dlrd recover'" : "";
}

/* Adds the disk and the reason, which SQLite's message for an I/O error does not name. */
static void
explain(const struct opener *opener, enum result result, struct failure *failure)
{
	char trouble[DISK_TROUBLE_SIZE];
	struct failure reported = *failure;

	if ((result == RESULT_IO || result == RESULT_FULL) && disk_trouble(opener->path, trouble))
		failure_set(failure, result, "%.250s: %s", reported.text, trouble);
}

static void
note_failure(struct opener *opener, enum result result, const char *why)
{
	int64_t worked_us = clock_monotonic_us() - opener->start_us;
	int64_t wait_us = worked_us * RETRY_FACTOR;
	wait_us = wait_us < RETRY_US ? RETRY_US : wait_us > RETRY_MAX_US ? RETRY_MAX_US : wait_us;

	opener->open_us = clock_monotonic_us() + wait_us;
	atomic_store(&opener->tried, true);
	if (atomic_load(&opener->stopping))
		return;

	opener_note(opener, last_write_us(opener->path), why);
	if (strncmp(opener->failed, why, sizeof opener->failed - 1) == 0)
		return;
	snprintf(
	    opener->failed, sizeof opener->failed, "%.*s", (int)sizeof opener->failed - 1, why);
	log_line(LOG_ERROR,
	    "the store cannot be opened: %s%s; callbacks are accepted and stored in journal.db, "
	    "and counted once it can be opened; dlrd tries again every %lld s",
	    why, opener_remedy(result), (long long)(wait_us / CLOCK_SECOND_US));
}

static void
note_success(struct opener *opener, int64_t from_version, int64_t to_version)
{
	int64_t worked_us = clock_monotonic_us() - opener->start_us;

	if (from_version != to_version)
		log_line(LOG_INFO, STORE_FILE ": migrated from version %lld to %lld in %.1f s",
		    (long long)from_version, (long long)to_version, (double)worked_us / 1e6);
	else if (opener->failed[0] != '\0' || worked_us >= QUIET_US)
		log_line(LOG_INFO, "the store is open; callbacks are counted again");
	opener->failed[0] = '\0';
}

static enum result
take_lookups(struct store *store, const struct projector_store_config *config, const char *path,
    struct failure *failure)
{
	if (config->catalogue == NULL)
		return RESULT_OK;

	enum result result =
	    store_set_lookups(store, config->catalogue, config->providers, config->keywords);
	return result == RESULT_OK
		   ? result
		   : failure_set(failure, result, "%s: %s", path, store_error(store));
}

/* Closes the readers, or allows them. They share the index of the log, so they must be closed
 * before it is rebuilt. Returns false if one is still open. */
static bool
keep_readers_out(struct opener *opener, bool out)
{
	opener->readers_out = out;
	return opener->release_readers == NULL || opener->release_readers(opener->context, out);
}

static enum result
take_recovered(struct opener *opener, struct failure *failure)
{
	enum result result = recovered_take(opener->path, failure);
	if (result == RESULT_OK)
		log_line(LOG_INFO, "the store that 'dlrd recover' built is in use; the damaged "
				   "one is " STORE_FILE ".damaged");
	opener->replacing = true; /* its cursor differs */
	return result;
}

static enum result
attempt(struct opener *opener, struct store **out_store, struct failure *failure)
{
	struct store_options options = opener->config.options;
	options.path = opener->path;
	options.on_progress = on_progress;
	options.context = opener;
	enum result result = RESULT_OK;

	if (recovered_waits(opener->path))
		result = take_recovered(opener, failure);
	else if (opener->log_cut)
		result = engine_recover_alone(opener->path, failure);
	if (result == RESULT_OK)
		result = store_open(&options, out_store, failure);
	if (result != RESULT_OK)
		return result;

	result = take_lookups(*out_store, &opener->config, opener->path, failure);
	if (result != RESULT_OK)
		store_close(*out_store);
	return result;
}

bool
opener_open(struct opener *opener)
{
	struct failure failure;
	struct store *store = NULL;
	/* One attempt is made even while dlrd stops: entries in the journal are counted before the
	 * end unless that takes long work. */
	bool stopping = atomic_load(&opener->stopping) && opener->start_us != 0;
	if (opener->store != NULL || stopping || clock_monotonic_us() < opener->open_us)
		return false;

	/* Readers may have another file open, or this one without its log. If a question is in
	 * progress, the next round tries again. */
	if (!keep_readers_out(opener, true))
		return false;
	begin_progress(opener);
	enum result result = attempt(opener, &store, &failure);
	end_progress(opener);
	keep_readers_out(opener, false);
	if (result != RESULT_OK) {
		explain(opener, result, &failure);
		note_failure(opener, result, failure.text);
		return false;
	}

	int64_t from_version, to_version;
	engine_versions(store_engine(store), &from_version, &to_version);
	note_success(opener, from_version, to_version);
	opener_note(opener, 0, "");
	opener->store = store;
	opener->log_cut = opener->replacing = false;
	return true;
}

/* --- files that another program changed --- */

static void
log_replaced(struct opener *opener, const char *what)
{
	if (!opener->replacing)
		log_line(LOG_ERROR,
		    "another program %s; dlrd reopens the store, and counts the missing "
		    "callbacks from journal.db",
		    what);
	opener->replacing = true;
}

/* Renames the log and removes its index. Both belong to the file that was open, and SQLite would
 * apply them to the new file. */
static void
set_log_aside(struct opener *opener)
{
	char path[4096], aside[4096];

	snprintf(path, sizeof path, "%s-wal", opener->path);
	snprintf(aside, sizeof aside, "%s-wal.replaced", opener->path);
	if (engine_owns_log(store_engine(opener->store)) && rename(path, aside) != 0)
		log_line(LOG_WARNING, "cannot rename %s: %s", path, strerror(errno));

	snprintf(path, sizeof path, "%s-shm", opener->path);
	if (unlink(path) != 0 && errno != ENOENT)
		log_line(LOG_WARNING, "cannot remove %s: %s", path, strerror(errno));
}

static void
leave_store(struct opener *opener, bool moved)
{
	if (!keep_readers_out(opener, true))
		return; /* a question is in progress: opener_look tries again in a second */

	if (moved)
		set_log_aside(opener);
	store_abandon(opener->store);
	opener->store = NULL;
	opener->log_cut = !moved;
	opener->open_us = 0;
}

void
opener_look(struct opener *opener)
{
	int64_t now_us = clock_monotonic_us();
	if (opener->store == NULL || now_us < opener->look_us)
		return;

	opener->look_us = now_us + CLOCK_SECOND_US;
	if (recovered_waits(opener->path) && keep_readers_out(opener, true)) {
		store_close(opener->store);
		opener->store = NULL;
		opener->open_us = 0;
		return;
	}

	switch (engine_look(store_engine(opener->store))) {
	case ENGINE_IN_PLACE:
		/* The files are in place again, and some readers had already been closed. */
		if (opener->readers_out)
			keep_readers_out(opener, false);
		opener->replacing = false;
		return;
	case ENGINE_MOVED:
		log_replaced(opener, "moved, removed or replaced " STORE_FILE);
		leave_store(opener, true);
		return;
	case ENGINE_LOG_CUT:
		log_replaced(opener, "truncated or overwrote " STORE_FILE "-wal");
		leave_store(opener, false);
		return;
	case ENGINE_LOG_REMOVED:
		log_replaced(opener, "removed or replaced " STORE_FILE "-wal");
		/* Only the handle has the log: it stays open until all of it is in the file. */
		if (engine_save(store_engine(opener->store)) == RESULT_OK)
			leave_store(opener, false);
		return;
	}
}

struct work_result
opener_work(struct opener *opener, const struct work_order *order, const struct routes *routes)
{
	begin_progress(opener);
	struct work_result result = work_do(order, opener->store, routes);
	end_progress(opener);
	return result;
}

enum result
opener_configure(struct opener *opener, const struct projector_store_config *config)
{
	enum result result = RESULT_OK;

	if (opener->store != NULL) {
		begin_progress(opener);
		result = store_reconfigure(opener->store, &config->options);
		end_progress(opener);
	}
	if (result == RESULT_OK && opener->store != NULL && config->catalogue != NULL)
		result = store_set_lookups(
		    opener->store, config->catalogue, config->providers, config->keywords);
	if (result != RESULT_OK)
		return result;

	free_catalogue(opener->config.catalogue);
	opener->config = *config;
	return RESULT_OK;
}

/* --- for other threads --- */

void
opener_note(struct opener *opener, int64_t since_us, const char *why)
{
	struct projector_counting *counting = &opener->counting;

	pthread_mutex_lock(&opener->lock);
	if (since_us == 0 || counting->not_counted_since_us == 0 ||
	    since_us < counting->not_counted_since_us)
		counting->not_counted_since_us = since_us;
	snprintf(counting->why, sizeof counting->why, "%.*s", (int)sizeof counting->why - 1, why);
	pthread_mutex_unlock(&opener->lock);
}

void
opener_read_counting(struct opener *opener, struct projector_counting *out_counting)
{
	pthread_mutex_lock(&opener->lock);
	*out_counting = opener->counting;
	pthread_mutex_unlock(&opener->lock);
}

void
opener_stop(struct opener *opener)
{
	atomic_store(&opener->stopping, true);
}

enum result
opener_init(struct opener *opener, const char *path, const struct projector_store_config *config,
    bool (*release_readers)(void *context, bool release), void *context)
{
	*opener = (struct opener){
	    .path = strdup(path), .release_readers = release_readers, .context = context};
	if (opener->path == NULL)
		return RESULT_NO_MEMORY;
	opener->config = *config;
	pthread_mutex_init(&opener->lock, NULL);
	return RESULT_OK;
}

void
opener_done(struct opener *opener)
{
	if (opener->path == NULL)
		return;
	store_close(opener->store);
	free_catalogue(opener->config.catalogue);
	pthread_mutex_destroy(&opener->lock);
	free(opener->path);
	opener->path = NULL;
}
