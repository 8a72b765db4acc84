#include "daemon_events.h"

#include "daemon_gaps.h"
#include "dlrd/base/log.h"
#include "gap_finder.h"

#include <stdio.h>

#define RELEASE_US (2 * CLOCK_SECOND_US) /* for another part to close its readers of a file */

/* --- of the writer --- */

static void
on_done(void *context, struct journal_write *list)
{
	struct daemon *daemon = context;
	list = quarantine_worker_take_done(daemon->quarantine_worker, list);
	if (list != NULL)
		intake_done(daemon->intake, list);
}

static void
on_committed(void *context, uint64_t last_seq)
{
	struct daemon *daemon = context;
	struct projector *projector = atomic_load(&daemon->projector_running);
	if (projector != NULL)
		projector_notify(projector, last_seq);
}

static void
on_health(void *context, bool healthy, const char *why)
{
	struct daemon *daemon = context;
	metric_set(daemon->ready, healthy ? 1 : 0);
	pthread_mutex_lock(&daemon->state_lock);
	snprintf(daemon->unhealthy_why, sizeof daemon->unhealthy_why, "%s", why);
	pthread_mutex_unlock(&daemon->state_lock);
	if (healthy)
		log_line(LOG_INFO, "%s", why);
	else
		log_line(LOG_ERROR,
		    "the journal cannot be written (%s): callbacks are answered 503 until it is "
		    "writable",
		    why);
}

static bool
release_readers(void *context, bool release)
{
	struct daemon *daemon = context;
	struct projector *projector = atomic_load(&daemon->projector_running);
	return projector == NULL || projector_release_reader(projector, release, RELEASE_US);
}

static void
on_lost(void *context, uint64_t first, uint64_t last)
{
	struct daemon *daemon = context;
	struct projector *projector = atomic_load(&daemon->projector_running);
	gap_note_lost(daemon->directory, first, last);
	if (projector != NULL)
		projector_notify(projector, first - 1);
}

static void
on_trim(void *context, bool trimmed, const char *why)
{
	(void)context;
	if (trimmed)
		log_line(LOG_INFO, "old entries of " JOURNAL_FILE " can be removed again");
	else
		log_line(LOG_ERROR,
		    "old entries of " JOURNAL_FILE
		    " cannot be removed (%s); callbacks are still stored and counted, but the file "
		    "grows: check the disk; dlrd tries again in a minute",
		    why);
}

static void
on_checkpoint_failed(void *context, const char *why)
{
	(void)context;
	log_line(LOG_ERROR,
	    "a checkpoint of " JOURNAL_FILE
	    " could not be synced (%s); no other is tried until the next start, and its log grows: "
	    "restart dlrd when the disk works again",
	    why);
}

static void
on_unreachable(void *context, const char *why)
{
	(void)context;
	log_line(LOG_ERROR,
	    "%s; callbacks are still stored, but dlrd cannot start again until its user can enter "
	    "the directory and read and write its files",
	    why);
}

void
daemon_events_of_writer(struct daemon *daemon, struct writer_options *options)
{
	options->context = daemon;
	options->on_done = on_done;
	options->on_committed = on_committed;
	options->on_health = on_health;
	options->on_opened = daemon_gaps_on_journal_opened;
	options->release_readers = release_readers;
	options->on_lost = on_lost;
	options->on_trim = on_trim;
	options->on_unreachable = on_unreachable;
	options->on_checkpoint_failed = on_checkpoint_failed;
}

/* --- of the projector --- */

static bool
release_store_readers(void *context, bool release)
{
	struct daemon *daemon = context;
	struct api *api = atomic_load(&daemon->api_running);
	return api == NULL || api_release_readers(api, release, RELEASE_US);
}

static void
on_projected(void *context)
{
	struct daemon *daemon = context;
	struct api *api = atomic_load(&daemon->api_running);
	if (api != NULL)
		api_notify(api);
}

static void
on_synced(void *context, uint64_t journal_seq)
{
	struct daemon *daemon = context;
	writer_release(daemon->writer, journal_seq);
}

void
daemon_events_of_projector(struct daemon *daemon, struct projector_options *options)
{
	options->context = daemon;
	options->on_projected = on_projected;
	options->on_synced = on_synced;
	options->on_opened = daemon_gaps_on_store_opened;
	options->release_readers = release_store_readers;
}
