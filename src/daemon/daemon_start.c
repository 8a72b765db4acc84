#include "daemon_start.h"

#include "daemon_answers.h"
#include "daemon_events.h"
#include "daemon_gaps.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/daemon/reload_socket.h"
#include "dlrd/daemon/signals.h"
#include "listeners.h"
#include "systemd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_WAIT_US CLOCK_SECOND_US

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
	enum result result = engine_peek_cursor(daemon->store_path, &options.min_seq);
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
	daemon_gaps_look(daemon);

	const struct settings *settings = daemon->snapshot->settings;
	struct writer_options writer = {.journal = daemon->journal,
	    .closed_why = daemon->journal_opened ? NULL : closed.text,
	    .metrics = daemon->metrics,
	    .keep_us = settings->journal_keep_us,
	    .keep_bytes = (uint64_t)settings->journal_size};
	daemon_events_of_writer(daemon, &writer);
	return writer_start(&writer, &daemon->writer, failure);
}

static enum result
start_projector(struct daemon *daemon, struct failure *failure)
{
	struct projector_options options = {.journal_path = daemon->journal_path,
	    .store_path = daemon->store_path,
	    .log_max = (uint64_t)daemon->snapshot->settings->log_limit,
	    .metrics = daemon->metrics};
	daemon_events_of_projector(daemon, &options);

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
	struct api_options options = {.store_path = daemon->store_path,
	    .tokens = snapshot_api_tokens(settings),
	    .threads = (unsigned)settings->api_threads,
	    .connections_max = (unsigned)daemon->descriptors.api_connections,
	    .request_timeout_us = settings->api_request_timeout_us,
	    .listen_count = daemon->api_fd_count};
	daemon_answers_fill(daemon, &options.state);
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
		clock_sleep(CLOCK_SECOND_US / 1000);
	return RESULT_OK;
}

static void
add_metrics(struct daemon *daemon)
{
	daemon->ready = metrics_add(daemon->metrics, METRIC_READY, "");
	metric_set(daemon->ready, 1);
	daemon->log_dropped = metrics_add(daemon->metrics, METRIC_LOG_DROPPED, "");
}

static enum result
make_quarantine_worker(
    struct daemon *daemon, const struct settings *settings, struct failure *failure)
{
	struct quarantine_options options;

	snapshot_quarantine_options(settings, &options);
	options.path = daemon->quarantine_path;
	return quarantine_worker_new(
	    &options, daemon->metrics, &daemon->quarantine_worker, failure);
}

/* The steps before a snapshot of the configuration exists. */
static enum result
prepare(struct daemon *daemon, const struct settings *settings, struct failure *failure)
{
	enum result result = prepare_process(daemon, settings, failure);

	if (result == RESULT_OK)
		result = signals_open(&daemon->signal_fd, failure);
	if (result == RESULT_OK)
		result = lock_acquire(settings->directory, &daemon->lock, failure);
	if (result == RESULT_OK)
		result = make_quarantine_worker(daemon, settings, failure);
	return result;
}

enum result
daemon_start(struct daemon *daemon, struct settings *settings, struct failure *failure)
{
	static enum result (*const steps[])(struct daemon *, struct failure *) = {start_writer,
	    start_projector, start_quarantine_worker, open_intake, open_api, open_reload_socket,
	    start_intake, wait_for_store, start_api};
	enum result result = prepare(daemon, settings, failure);

	if (result != RESULT_OK) {
		settings_free(settings);
		return result;
	}
	result = snapshot_new(settings, daemon->metrics, daemon->failures,
	    quarantine_worker_quarantine(daemon->quarantine_worker), &daemon->snapshot, failure);
	if (result != RESULT_OK)
		return result;

	add_metrics(daemon);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		result = steps[i](daemon, failure);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}
