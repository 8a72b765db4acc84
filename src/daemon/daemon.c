#define _DEFAULT_SOURCE
#include "dlrd/daemon/daemon.h"

#include "descriptors.h"
#include "dlrd/api/api.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/log_queue.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/daemon/reload_socket.h"
#include "dlrd/daemon/signals.h"
#include "dlrd/intake/intake.h"
#include "dlrd/journal/writer.h"
#include "dlrd/projector/projector.h"
#include "gap_finder.h"
#include "listeners.h"
#include "reload.h"
#include "secrets.h"
#include "snapshot.h"
#include "systemd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEARTBEAT_MAX_US (10 * CLOCK_SECOND_US) /* a thread that is silent for longer is stuck */
#define TICK_US (CLOCK_SECOND_US / 4)
#define RELEASE_US                                                                    \
	(2 * CLOCK_SECOND_US) /* for the projector to close its reader of the journal \
			       */
#define STORE_WAIT_US CLOCK_SECOND_US

struct daemon {
	struct snapshot *snapshot; /* the configuration in use */
	char directory[4000], journal_path[4096], store_path[4096], quarantine_path[4096];
	struct descriptors descriptors;
	struct lock lock;
	int signal_fd; /* the handled signals */
	int reload_fd; /* dlrd reload connects here; -1 if the socket could not be opened */
	struct metrics *metrics;
	struct signature_failures *failures;
	struct quarantine_worker *quarantine_worker;
	struct journal *journal;
	struct writer *writer;
	struct projector *projector;
	struct intake *intake;
	struct api *api;
	struct metric *ready, *log_dropped, *gap_entries;
	pthread_mutex_t state_lock;                  /* guards the next four */
	char unhealthy_why[256];                     /* why the journal cannot be written */
	struct gap_summary gap;                      /* of the file, as of the last tick */
	struct journal_found found;                  /* when the journal was first opened */
	bool journal_opened;                         /* found is known */
	bool store_opened;                           /* at least once; the projector's thread */
	struct projector *_Atomic projector_running; /* notified by on_committed; NULL before */
	struct api *_Atomic api_running;             /* notified by on_projected; NULL before */
	_Atomic int64_t country_code; /* of the configuration in force, for the api's threads */
	_Atomic bool draining;
	int api_fds[API_LISTENERS_MAX]; /* until the api takes them over */
	size_t api_fd_count;
	bool own_sockets; /* opened here, not passed by systemd */
};

/* --- entries that are missing --- */

static void
set_gap(struct daemon *daemon, struct gap_summary gap)
{
	pthread_mutex_lock(&daemon->state_lock);
	daemon->gap = gap;
	pthread_mutex_unlock(&daemon->state_lock);
	metric_set(daemon->gap_entries, (double)gap.entries);
}

/* Re-reads the file of gaps, which `dlrd gap --accept` replaces. */
static void
follow_gaps(struct daemon *daemon)
{
	struct gaps gaps;
	struct failure failure;
	if (gaps_read(daemon->directory, &gaps, &failure) == RESULT_OK)
		set_gap(daemon, gaps_summarise(&gaps));
}

/* A damaged log is reported whether or not the store can be opened. */
static enum result
look_for_gaps(struct daemon *daemon, struct failure *failure)
{
	(void)failure;
	daemon->gap_entries = metrics_add(daemon->metrics, METRIC_GAP_ENTRIES, "");
	set_gap(daemon, gap_find_damage(daemon->directory, &daemon->found));
	return RESULT_OK;
}

/* --- calls between the parts --- */

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

/* Called if the disk could not be written at the start, and the journal is open now. */
static void
on_journal_opened(void *context)
{
	struct daemon *daemon = context;
	pthread_mutex_lock(&daemon->state_lock);
	daemon->found = journal_found(daemon->journal);
	daemon->journal_opened = true;
	pthread_mutex_unlock(&daemon->state_lock);
	set_gap(daemon, gap_find_damage(daemon->directory, &daemon->found));
}

/* The first time, the store is compared with the journal as it was at the start: entries that have
 * arrived since then would hide a gap. */
static void
on_store_opened(void *context, uint64_t cursor, uint64_t first, uint64_t last)
{
	struct daemon *daemon = context;
	struct journal_found now = {.first_seq = first, .last_seq = last};
	pthread_mutex_lock(&daemon->state_lock);
	bool at_start = daemon->journal_opened && !daemon->store_opened;
	if (at_start)
		now = daemon->found;
	pthread_mutex_unlock(&daemon->state_lock);
	if (at_start || first != 0)
		set_gap(daemon, gap_find(daemon->directory, &now, cursor));
	daemon->store_opened = true;
}

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

static bool
is_ready(void *context, const char **out_why)
{
	struct daemon *daemon = context;
	if (atomic_load(&daemon->draining)) {
		*out_why = "stopping";
		return false;
	}
	if (clock_monotonic_us() - writer_heartbeat_us(daemon->writer) > HEARTBEAT_MAX_US) {
		*out_why = "the journal hangs";
		return false;
	}
	if (clock_monotonic_us() - intake_heartbeat_us(daemon->intake) > HEARTBEAT_MAX_US) {
		*out_why = "the intake hangs";
		return false;
	}
	if (!writer_healthy(daemon->writer)) {
		/* One text for each calling thread. */
		static _Thread_local char text[sizeof daemon->unhealthy_why + 64];
		pthread_mutex_lock(&daemon->state_lock);
		snprintf(
		    text, sizeof text, "the journal cannot be written: %s", daemon->unhealthy_why);
		pthread_mutex_unlock(&daemon->state_lock);
		*out_why = text;
		return false;
	}
	*out_why = "callbacks are kept";
	return true;
}

static void
read_gap(void *context, struct endpoints_gap *out)
{
	struct daemon *daemon = context;
	pthread_mutex_lock(&daemon->state_lock);
	struct gap_summary gap = daemon->gap;
	pthread_mutex_unlock(&daemon->state_lock);
	*out = (struct endpoints_gap){
	    .count = gap.count, .entries = gap.entries, .first = gap.first, .last = gap.last};
}

static void
read_counting(void *context, struct projector_counting *out)
{
	struct daemon *daemon = context;
	projector_read_counting(daemon->projector, out);
}

static bool
ask_rebuild(void *context)
{
	struct daemon *daemon = context;
	return projector_ask_rebuild(daemon->projector);
}

static void
read_rebuild(void *context, struct projector_rebuild *out_rebuild)
{
	struct daemon *daemon = context;
	projector_read_rebuild(daemon->projector, out_rebuild);
}

static struct quarantine_worker *
worker_of(void *context)
{
	return ((struct daemon *)context)->quarantine_worker;
}

static bool
ask_reverify(void *context)
{
	return quarantine_worker_ask_reverify(worker_of(context));
}

static void
read_reverify(void *context, struct endpoints_reverify *out)
{
	static const char *const states[] = {[REVERIFY_NONE] = "none",
	    [REVERIFY_RUNNING] = "running",
	    [REVERIFY_DONE] = "done",
	    [REVERIFY_FAILED] = "failed"};
	struct reverify reverify;
	quarantine_worker_read_reverify(worker_of(context), &reverify);
	*out = (struct endpoints_reverify){.state = states[reverify.state],
	    .tried = reverify.tried,
	    .kept = reverify.kept,
	    .refused = reverify.refused};
	snprintf(out->why, sizeof out->why, "%s", reverify.why);
}

static enum result
drop_quarantined(void *context, uint64_t id, uint64_t *out_dropped)
{
	return quarantine_worker_drop(worker_of(context), id, out_dropped);
}

/* --- starting, in order --- */

/* Makes new files unreadable for others, and reserves file descriptors for all connections. */
static enum result
prepare_process(struct daemon *daemon, const struct settings *settings, struct failure *failure)
{
	const struct descriptors_wanted wanted = {
	    .intake_listeners = listeners_count("intake", &settings->listen),
	    .intake_connections = (size_t)settings->connections_max,
	    .api_listeners = listeners_count("api", &settings->api_listen),
	    .api_connections = CONNECTIONS_MAX,
	    .api_connections_min = CONNECTIONS_MIN,
	    .api_threads = (size_t)settings->api_threads};
	umask(0027);
	return descriptors_prepare(&wanted, &daemon->descriptors, failure);
}

/* Returns a number beyond every cursor, and exact in JSON: no journal has stored a million entries
 * a second since 1970. */
static uint64_t
restart_seq(void)
{
	return (uint64_t)(clock_wall_us() / CLOCK_SECOND_US) << 20;
}

/* The store is opened later, but a new entry must not get a number that it has already counted. */
static struct journal_options
journal_options(const struct daemon *daemon)
{
	struct journal_options options = {.path = daemon->journal_path,
	    .fsync_seconds = metrics_add(daemon->metrics, METRIC_FSYNC_SECONDS, "")};
	enum result result = store_peek_cursor(daemon->store_path, &options.min_seq);
	if (result != RESULT_OK && result != RESULT_NOT_FOUND)
		options.restart_seq = restart_seq();
	return options;
}

/* If the disk is full or temporarily read-only, dlrd starts and answers callbacks 503. If this user
 * has no permission to write the file, the start fails: that is a mistake of the installation. */
static bool
may_start_closed(const struct daemon *daemon, enum result result)
{
	bool denied = access(daemon->journal_path, W_OK) != 0 && errno == EACCES;
	return result == RESULT_FULL || (result == RESULT_IO && !denied);
}

static enum result
open_journal(struct daemon *daemon, struct failure *failure)
{
	const struct journal_options options = journal_options(daemon);
	enum result result = journal_new(&options, &daemon->journal, failure);
	if (result != RESULT_OK)
		return result;
	result = journal_reopen(daemon->journal, failure);
	if (result == RESULT_OK) {
		daemon->found = journal_found(daemon->journal);
		daemon->journal_opened = true;
		return RESULT_OK;
	}
	return may_start_closed(daemon, result) ? RESULT_OK : result;
}

static enum result
start_writer(struct daemon *daemon, struct failure *failure)
{
	struct failure closed;
	enum result result = open_journal(daemon, &closed);
	if (result != RESULT_OK) {
		*failure = closed;
		return result;
	}
	const struct settings *settings = daemon->snapshot->settings;
	struct writer_options writer = {.journal = daemon->journal,
	    .closed_why = daemon->journal_opened ? NULL : closed.text,
	    .metrics = daemon->metrics,
	    .keep_us = settings->journal_keep_us,
	    .keep_bytes = (uint64_t)settings->journal_size,
	    .context = daemon,
	    .on_done = on_done,
	    .on_committed = on_committed,
	    .on_health = on_health,
	    .on_opened = on_journal_opened,
	    .release_readers = release_readers,
	    .on_lost = on_lost,
	    .on_trim = on_trim,
	    .on_unreachable = on_unreachable,
	    .on_checkpoint_failed = on_checkpoint_failed};
	return writer_start(&writer, &daemon->writer, failure);
}

static enum result
start_projector(struct daemon *daemon, struct failure *failure)
{
	struct projector_options options = {.journal_path = daemon->journal_path,
	    .store_path = daemon->store_path,
	    .log_max = (uint64_t)daemon->snapshot->settings->log_limit,
	    .metrics = daemon->metrics,
	    .context = daemon,
	    .on_projected = on_projected,
	    .on_synced = on_synced,
	    .on_opened = on_store_opened,
	    .release_readers = release_store_readers};
	enum result result =
	    snapshot_store_config(daemon->snapshot, &options.store_config, failure);
	if (result != RESULT_OK)
		return result;
	snapshot_projector_config(daemon->snapshot, &options.config);
	result = projector_start(&options, &daemon->projector, failure);
	if (result != RESULT_OK)
		snapshot_release(daemon->snapshot);
	atomic_store(&daemon->projector_running, daemon->projector);
	return result;
}

static enum result
open_intake(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->snapshot->settings;
	struct intake_options options = {.writer = daemon->writer,
	    .metrics = daemon->metrics,
	    .head_max = (size_t)(settings->request_line_max + settings->headers_max),
	    .connections_max = (unsigned)daemon->descriptors.intake_connections,
	    .connections_per_address = (unsigned)settings->connections_per_address};
	enum result result = listeners_open("intake", &settings->listen, options.listen_fds,
	    INTAKE_LISTENERS_MAX, &options.listen_count, failure);
	daemon->own_sockets = result == RESULT_OK && systemd_socket_count() == 0;
	if (result != RESULT_OK)
		return result;
	snapshot_intake_config(daemon->snapshot, &options.config);
	return intake_open(&options, &daemon->intake, failure);
}

static int64_t
read_country_code(void *context)
{
	return atomic_load(&((struct daemon *)context)->country_code);
}

static enum result
open_api(struct daemon *daemon, struct failure *failure)
{
	return listeners_open("api", &daemon->snapshot->settings->api_listen, daemon->api_fds,
	    API_LISTENERS_MAX, &daemon->api_fd_count, failure);
}

static enum result
start_api(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->snapshot->settings;
	struct api_options options = {.state = {.metrics = daemon->metrics,
					  .failures = daemon->failures,
					  .context = daemon,
					  .ready = is_ready,
					  .gap = read_gap,
					  .counting = read_counting,
					  .country_code = read_country_code,
					  .ask_rebuild = ask_rebuild,
					  .read_rebuild = read_rebuild,
					  .quarantine_path = daemon->quarantine_path,
					  .ask_reverify = ask_reverify,
					  .read_reverify = read_reverify,
					  .drop_quarantined = drop_quarantined},
	    .store_path = daemon->store_path,
	    .token = settings->api_token,
	    .threads = (unsigned)settings->api_threads,
	    .connections_max = (unsigned)daemon->descriptors.api_connections,
	    .request_timeout_us = settings->api_request_timeout_us,
	    .listen_count = daemon->api_fd_count};
	atomic_store(&daemon->country_code, settings->country_code);
	memcpy(options.listen_fds, daemon->api_fds, sizeof options.listen_fds);
	daemon->api_fd_count = 0;
	enum result result = api_start(&options, &daemon->api, failure);
	atomic_store(&daemon->api_running, daemon->api);
	return result;
}

/* Without the socket only `dlrd reload` fails, so this is not fatal. */
static enum result
open_reload_socket(struct daemon *daemon, struct failure *failure)
{
	if (reload_socket_open(
		daemon->snapshot->settings->directory, &daemon->reload_fd, failure) != RESULT_OK)
		log_line(LOG_WARNING, "%s; dlrd reload does not work, SIGHUP does", failure->text);
	return RESULT_OK;
}

static enum result
start_intake(struct daemon *daemon, struct failure *failure)
{
	return intake_start(daemon->intake, failure);
}

static enum result
start_quarantine_worker(struct daemon *daemon, struct failure *failure)
{
	struct quarantine_worker_config config;

	snapshot_quarantine_worker_config(daemon->snapshot, &config);
	return quarantine_worker_start(daemon->quarantine_worker, &config, daemon->writer, failure);
}

/* Most stores open within milliseconds, so that the first question finds the store open. A longer
 * migration continues in the projector's thread. */
static enum result
wait_for_store(struct daemon *daemon, struct failure *failure)
{
	(void)failure;
	int64_t end_us = clock_monotonic_us() + STORE_WAIT_US;
	while (!projector_has_tried(daemon->projector) && clock_monotonic_us() < end_us)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return RESULT_OK;
}

/* Takes settings over. */
static enum result
start(struct daemon *daemon, struct settings *settings, struct failure *failure)
{
	enum result result = lock_acquire(settings->directory, &daemon->lock, failure);
	if (result != RESULT_OK) {
		settings_free(settings);
		return result;
	}
	struct quarantine_options options;
	snapshot_quarantine_options(settings, &options);
	options.path = daemon->quarantine_path;
	result =
	    quarantine_worker_new(&options, daemon->metrics, &daemon->quarantine_worker, failure);
	if (result != RESULT_OK) {
		settings_free(settings);
		return result;
	}
	result = snapshot_new(settings, daemon->metrics, daemon->failures,
	    quarantine_worker_quarantine(daemon->quarantine_worker), &daemon->snapshot, failure);
	if (result != RESULT_OK)
		return result;
	daemon->ready = metrics_add(daemon->metrics, METRIC_READY, "");
	metric_set(daemon->ready, 1);
	daemon->log_dropped = metrics_add(daemon->metrics, METRIC_LOG_DROPPED, "");
	/* All metrics are added before the api starts to show them, and every socket is open before
	 * the first callback is taken. Callbacks do not wait for the store. */
	enum result (*const steps[])(struct daemon *, struct failure *) = {start_writer,
	    look_for_gaps, start_projector, start_quarantine_worker, open_intake, open_api,
	    open_reload_socket, start_intake, wait_for_store, start_api};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		result = steps[i](daemon, failure);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

/* --- stopping, in reverse --- */

static void
stop(struct daemon *daemon)
{
	int64_t drain_us =
	    daemon->snapshot == NULL ? 0 : daemon->snapshot->settings->drain_timeout_us;
	int64_t until_us = clock_monotonic_us() + drain_us;
	atomic_store(&daemon->draining, true);
	if (daemon->intake != NULL)
		intake_drain(daemon->intake, drain_us);
	/* The writer notifies the projector of commits, and the projector notifies the writer of
	 * what it has synced: each thread ends before the other's struct is freed. The same holds
	 * for the api and the projector. */
	quarantine_worker_stop(daemon->quarantine_worker);
	writer_stop(daemon->writer);
	api_stop(daemon->api, until_us);
	projector_stop(daemon->projector);
	api_free(daemon->api);
	while (daemon->api_fd_count > 0)
		close(daemon->api_fds[--daemon->api_fd_count]);
	writer_free(daemon->writer);
	intake_free(daemon->intake);
	journal_close(daemon->journal);
	if (daemon->own_sockets)
		listeners_unlink(&daemon->snapshot->settings->listen);
	quarantine_worker_free(daemon->quarantine_worker);
	snapshot_release(daemon->snapshot);
	signature_failures_free(daemon->failures);
	metrics_free(daemon->metrics);
	lock_release(&daemon->lock);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	if (daemon->reload_fd >= 0)
		close(daemon->reload_fd);
}

/* --- running --- */

/* Returns false if a thread hangs, for example in an fsync that never returns. */
static bool
is_alive(const struct daemon *daemon)
{
	int64_t now_us = clock_monotonic_us();
	return now_us - writer_heartbeat_us(daemon->writer) < HEARTBEAT_MAX_US &&
	       now_us - intake_heartbeat_us(daemon->intake) < HEARTBEAT_MAX_US;
}

static void
reload_on_signal(struct daemon *daemon, const struct reload_parts *parts)
{
	struct buffer lines = BUFFER_EMPTY;
	reload(parts, &daemon->snapshot, &lines);
	buffer_done(&lines);
}

/* Serves until a signal ends it, which is returned. */
static int
run(struct daemon *daemon)
{
	int64_t watchdog_us = systemd_watchdog_us();
	int64_t tick_us = watchdog_us > 0 && watchdog_us < TICK_US ? watchdog_us : TICK_US;
	const struct reload_parts parts = {.metrics = daemon->metrics,
	    .failures = daemon->failures,
	    .quarantine_worker = daemon->quarantine_worker,
	    .writer = daemon->writer,
	    .projector = daemon->projector,
	    .intake = daemon->intake,
	    .api = daemon->api,
	    .country_code = &daemon->country_code};
	struct pollfd events[] = {{.fd = daemon->signal_fd, .events = POLLIN},
	    {.fd = daemon->reload_fd, .events = POLLIN}};
	for (;;) {
		/* A poll that ends early, or with an error, is one more tick. */
		(void)!poll(events, 2, (int)(tick_us / 1000));
		int signal = signals_take(daemon->signal_fd);
		if (signal == SIGHUP)
			reload_on_signal(daemon, &parts);
		else if (signal > 0)
			return signal;
		reload_for_clients(&parts, &daemon->snapshot, daemon->reload_fd);
		follow_gaps(daemon);
		metric_set(daemon->log_dropped, (double)log_queue_dropped());
		api_tick(daemon->api);
		if (watchdog_us > 0 && is_alive(daemon))
			systemd_notify("WATCHDOG=1");
	}
}

enum result
daemon_run(struct settings *settings, struct failure *failure)
{
	struct daemon *daemon = calloc(1, sizeof *daemon);
	if (daemon == NULL || (daemon->metrics = metrics_new()) == NULL ||
	    signature_failures_new(&daemon->failures) != RESULT_OK) {
		if (daemon != NULL)
			metrics_free(daemon->metrics);
		free(daemon);
		settings_free(settings);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	daemon->lock = LOCK_NONE;
	pthread_mutex_init(&daemon->state_lock, NULL);
	daemon->signal_fd = daemon->reload_fd = -1;
	snprintf(daemon->directory, sizeof daemon->directory, "%s", settings->directory);
	snprintf(daemon->journal_path, sizeof daemon->journal_path, "%s/" JOURNAL_FILE,
	    settings->directory);
	snprintf(
	    daemon->store_path, sizeof daemon->store_path, "%s/" STORE_FILE, settings->directory);
	snprintf(daemon->quarantine_path, sizeof daemon->quarantine_path, "%s/" QUARANTINE_FILE,
	    settings->directory);

	secrets_warn(settings);

	enum result result = prepare_process(daemon, settings, failure);
	if (result == RESULT_OK)
		result = signals_open(&daemon->signal_fd, failure);
	if (result == RESULT_OK)
		result = start(daemon, settings, failure);
	else
		settings_free(settings);
	if (result == RESULT_OK) {
		systemd_notify("READY=1\nSTATUS=keeping callbacks");
		int signal = run(daemon);
		log_line(LOG_INFO, "%s: finishing requests in flight", strsignal(signal));
		systemd_notify("STOPPING=1");
	}
	stop(daemon);
	if (result == RESULT_OK)
		log_line(LOG_INFO, "stopped");
	pthread_mutex_destroy(&daemon->state_lock);
	free(daemon);
	return result;
}
