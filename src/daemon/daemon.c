#define _DEFAULT_SOURCE
#include "dlrd/daemon/daemon.h"

#include "dlrd/api/api.h"
#include "dlrd/base/clock.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/daemon/systemd.h"
#include "dlrd/intake/intake.h"
#include "dlrd/journal/writer.h"
#include "dlrd/projector/projector.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEARTBEAT_MAX_US (10 * CLOCK_SECOND_US) /* a thread that is silent for longer is stuck */
#define TICK_US CLOCK_SECOND_US
#define SPARE_FDS 64 /* databases, logs, the api */

struct daemon {
	const struct settings *settings;
	char journal_path[4096], store_path[4096];
	int lock_fd;
	struct metrics *metrics;
	struct store *store;
	struct journal *journal;
	struct writer *writer;
	struct projector *projector;
	struct handler *handler;
	struct intake *intake;
	struct api *api;
	struct metric *ready;
	struct projector *_Atomic projector_running; /* whom on_committed may tell */
	struct api *_Atomic api_running;             /* whom on_projected may tell */
	_Atomic bool draining;
	bool own_sockets; /* opened here, not passed by systemd */
};

/* --- what the parts tell each other --- */

static void
on_done(void *context, struct journal_write *list)
{
	struct daemon *daemon = context;
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
	if (healthy)
		log_line(LOG_INFO, "%s", why);
	else
		log_line(LOG_ERROR,
		    "the journal cannot be written (%s): callbacks are answered 503 until it can",
		    why);
}

static void
on_checkpoint_failed(void *context, const char *why)
{
	(void)context;
	log_line(LOG_ERROR,
	    "a checkpoint of " JOURNAL_FILE
	    " could not be synced (%s); none is tried until the next "
	    "start, and its log grows: restart dlrd when the disk is sound",
	    why);
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
	if (!writer_healthy(daemon->writer)) {
		*out_why = "the journal cannot be written";
		return false;
	}
	*out_why = "callbacks are kept";
	return true;
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

/* --- starting, in order --- */

/* Files that only this user and group read, no core dumps with tokens in them, room for all
 * connections. */
static void
prepare_process(const struct settings *settings)
{
	struct rlimit files;
	umask(0027);
	prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	rlim_t wanted = (rlim_t)settings->connections_max * settings->listen.count + SPARE_FDS;
	if (files.rlim_cur < wanted)
		files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
		log_line(LOG_WARNING,
		    "only %llu file descriptors for %lld connections; raise LimitNOFILE= or lower "
		    "connection_limit",
		    (unsigned long long)files.rlim_cur, (long long)settings->connections_max);
}

static enum result
load_catalogue(
    const struct settings *settings, struct error_catalogue *out_catalogue, struct failure *failure)
{
	struct error_catalogue catalogue;
	enum result result = settings->error_codes[0] == '\0'
				 ? error_catalogue_load_built_in(&catalogue, failure)
				 : error_catalogue_load(settings->error_codes, &catalogue, failure);
	if (result != RESULT_OK)
		return result;
	if (settings->error_codes_site[0] != '\0')
		result = error_catalogue_overlay(&catalogue, settings->error_codes_site, failure);
	if (result == RESULT_OK)
		*out_catalogue = catalogue;
	else
		error_catalogue_done(&catalogue);
	return result;
}

static enum result
open_store(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->settings;
	struct error_catalogue catalogue;
	enum result result = load_catalogue(settings, &catalogue, failure);
	if (result != RESULT_OK)
		return result;
	const struct store_options options = {.path = daemon->store_path,
	    .policy = settings->conflicts,
	    .reply_window_us = settings->reply_window_us,
	    .reply_late_us = settings->reply_late_us};
	result = store_open(&options, &daemon->store, failure);
	if (result == RESULT_OK) {
		result = store_set_catalogue(daemon->store, &catalogue);
		if (result == RESULT_OK)
			result = store_set_provider_names(daemon->store, &settings->providers);
		if (result != RESULT_OK)
			failure_set(failure, result, "%s: %s", daemon->store_path,
			    store_error(daemon->store));
	}
	error_catalogue_done(&catalogue);
	return result;
}

static enum result
start_writer(struct daemon *daemon, struct failure *failure)
{
	struct journal_options options = {.path = daemon->journal_path,
	    .min_seq = store_cursor(daemon->store),
	    .fsync_seconds = metrics_add(daemon->metrics, METRIC_FSYNC_SECONDS, "")};
	enum result result = journal_open(&options, &daemon->journal, failure);
	if (result != RESULT_OK)
		return result;
	struct writer_options writer = {.journal = daemon->journal,
	    .metrics = daemon->metrics,
	    .keep_us = daemon->settings->journal_keep_us,
	    .keep_bytes = (uint64_t)daemon->settings->journal_size,
	    .context = daemon,
	    .on_done = on_done,
	    .on_committed = on_committed,
	    .on_health = on_health,
	    .on_checkpoint_failed = on_checkpoint_failed};
	return writer_start(&writer, &daemon->writer, failure);
}

static enum result
start_projector(struct daemon *daemon, struct failure *failure)
{
	struct projector_options options = {.journal_path = daemon->journal_path,
	    .store = daemon->store,
	    .routes = &daemon->settings->routes,
	    .keywords = daemon->settings->keywords,
	    .verifier = daemon->settings->verifier,
	    .metrics = daemon->metrics,
	    .context = daemon,
	    .on_projected = on_projected,
	    .on_synced = on_synced};
	enum result result = projector_start(&options, &daemon->projector, failure);
	atomic_store(&daemon->projector_running, daemon->projector);
	return result;
}

/* Sockets passed by systemd win over the configured addresses. */
static enum result
open_sockets(const char *name, const struct settings_list *addresses, int *out_fds, size_t fds_max,
    size_t *out_count, struct failure *failure)
{
	size_t count = systemd_sockets(name, out_fds, fds_max);
	if (count > 0) {
		log_line(LOG_INFO, "%s: %zu sockets passed by systemd", name, count);
		*out_count = count;
		return RESULT_OK;
	}
	for (; count < addresses->count && count < fds_max; count++) {
		enum result result =
		    socket_listen(slice_of(addresses->items[count]), &out_fds[count], failure);
		if (result != RESULT_OK) {
			while (count > 0)
				close(out_fds[--count]);
			return result;
		}
		log_line(LOG_INFO, "%s: listening on %s", name, addresses->items[count]);
	}
	*out_count = count;
	return RESULT_OK;
}

static enum result
open_intake(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->settings;
	struct handler_options handler = {.routes = &settings->routes,
	    .verifier = settings->verifier,
	    .keywords = settings->keywords,
	    .limits = {.target_max = (size_t)settings->request_line_max,
		.headers_max = (size_t)settings->headers_max,
		.body_max = (size_t)settings->body_max,
		.fields_max = (size_t)settings->fields_max},
	    .metrics = daemon->metrics};
	if (handler_new(&handler, &daemon->handler) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	struct intake_options options = {.handler = daemon->handler,
	    .writer = daemon->writer,
	    .metrics = daemon->metrics,
	    .head_max = (size_t)(settings->request_line_max + settings->headers_max),
	    .body_max = (size_t)settings->body_max,
	    .memory_max = (size_t)settings->memory_max,
	    .connections_max = (unsigned)settings->connections_max,
	    .connections_per_address = (unsigned)settings->connections_per_address,
	    .request_timeout_us = settings->request_timeout_us,
	    .keepalive_timeout_us = settings->keepalive_timeout_us,
	    .commit_timeout_us = settings->commit_timeout_us};
	for (size_t i = 0; i < settings->trusted_proxies.count; i++) {
		enum result result = socket_peer_read(slice_of(settings->trusted_proxies.items[i]),
		    &options.proxies[options.proxy_count++], failure);
		if (result != RESULT_OK)
			return result;
	}
	enum result result = open_sockets("intake", &settings->listen, options.listen_fds,
	    INTAKE_LISTENERS_MAX, &options.listen_count, failure);
	daemon->own_sockets = result == RESULT_OK && systemd_socket_count() == 0;
	if (result == RESULT_OK)
		result = intake_open(&options, &daemon->intake, failure);
	return result;
}

static enum result
start_api(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->settings;
	struct api_options options = {.state = {.metrics = daemon->metrics,
					  .context = daemon,
					  .ready = is_ready,
					  .ask_rebuild = ask_rebuild,
					  .read_rebuild = read_rebuild},
	    .store_path = daemon->store_path,
	    .token = settings->api_token,
	    .threads = (unsigned)settings->api_threads};
	enum result result = open_sockets("api", &settings->api_listen, options.listen_fds,
	    API_LISTENERS_MAX, &options.listen_count, failure);
	if (result == RESULT_OK)
		result = api_start(&options, &daemon->api, failure);
	atomic_store(&daemon->api_running, daemon->api);
	return result;
}

static enum result
start_intake(struct daemon *daemon, struct failure *failure)
{
	return intake_start(daemon->intake, failure);
}

static enum result
start(struct daemon *daemon, struct failure *failure)
{
	const struct settings *settings = daemon->settings;
	enum result result = lock_acquire(settings->directory, &daemon->lock_fd, failure);
	if (result != RESULT_OK)
		return result;
	daemon->metrics = metrics_new();
	if (daemon->metrics == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	daemon->ready = metrics_add(daemon->metrics, METRIC_READY, "");
	metric_set(daemon->ready, 1);
	/* All metrics are added before the api starts to show them, and every socket is open before
	 * the first callback is taken. */
	enum result (*const steps[])(struct daemon *, struct failure *) = {
	    open_store, start_writer, start_projector, open_intake, start_api, start_intake};
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
	atomic_store(&daemon->draining, true);
	if (daemon->intake != NULL)
		intake_drain(daemon->intake, daemon->settings->drain_timeout_us);
	/* The writer's thread tells the projector of commits, the projector tells the writer what
	 * it has synced: the thread ends first, its struct last. So it is with the api, which asks
	 * the projector about rebuilds and is told of what it has projected. */
	writer_stop(daemon->writer);
	api_stop(daemon->api);
	projector_stop(daemon->projector);
	api_free(daemon->api);
	writer_free(daemon->writer);
	intake_free(daemon->intake);
	handler_free(daemon->handler);
	store_close(daemon->store);
	journal_close(daemon->journal);
	metrics_free(daemon->metrics);
	for (size_t i = 0; i < daemon->settings->listen.count && daemon->own_sockets; i++)
		socket_unlink(slice_of(daemon->settings->listen.items[i]));
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
}

/* --- running --- */

/* A thread that hangs (an fsync that never returns) must not look alive. */
static bool
is_alive(const struct daemon *daemon)
{
	int64_t now_us = clock_monotonic_us();
	return now_us - writer_heartbeat_us(daemon->writer) < HEARTBEAT_MAX_US &&
	       now_us - intake_heartbeat_us(daemon->intake) < HEARTBEAT_MAX_US;
}

/* SIGHUP. Nothing else of the configuration is read again. */
static void
reload_catalogue(struct daemon *daemon)
{
	struct failure failure = {"no memory"};
	struct error_catalogue *catalogue = malloc(sizeof *catalogue);
	if (catalogue == NULL ||
	    load_catalogue(daemon->settings, catalogue, &failure) != RESULT_OK) {
		log_line(
		    LOG_ERROR, "SIGHUP: the error catalogue stays as it was: %s", failure.text);
		free(catalogue);
		return;
	}
	log_line(LOG_INFO,
	    "SIGHUP: %zu error codes were read again; restart dlrd to take any other change of "
	    "the configuration",
	    catalogue->count);
	projector_set_catalogue(daemon->projector, catalogue);
}

static int
wait_for_signal(struct daemon *daemon, const sigset_t *signals)
{
	int64_t watchdog_us = systemd_watchdog_us();
	int64_t tick_us = watchdog_us > 0 && watchdog_us < TICK_US ? watchdog_us : TICK_US;
	struct timespec tick = {
	    .tv_sec = tick_us / CLOCK_SECOND_US, .tv_nsec = tick_us % CLOCK_SECOND_US * 1000};
	for (;;) {
		int signal = sigtimedwait(signals, NULL, &tick);
		if (signal == SIGHUP)
			reload_catalogue(daemon);
		else if (signal > 0)
			return signal;
		api_tick(daemon->api);
		if (watchdog_us > 0 && is_alive(daemon))
			systemd_notify("WATCHDOG=1");
	}
}

enum result
daemon_run(const struct settings *settings, struct failure *failure)
{
	struct daemon *daemon = calloc(1, sizeof *daemon);
	if (daemon == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	daemon->settings = settings;
	daemon->lock_fd = -1;
	snprintf(daemon->journal_path, sizeof daemon->journal_path, "%s/" JOURNAL_FILE,
	    settings->directory);
	snprintf(
	    daemon->store_path, sizeof daemon->store_path, "%s/" STORE_FILE, settings->directory);

	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL); /* all threads inherit it */
	signal(SIGPIPE, SIG_IGN);
	prepare_process(settings);

	enum result result = start(daemon, failure);
	if (result == RESULT_OK) {
		systemd_notify("READY=1\nSTATUS=keeping callbacks");
		int signal = wait_for_signal(daemon, &signals);
		log_line(LOG_INFO, "%s: finishing what is in flight", strsignal(signal));
		systemd_notify("STOPPING=1");
	}
	stop(daemon);
	if (result == RESULT_OK)
		log_line(LOG_INFO, "stopped");
	free(daemon);
	return result;
}
