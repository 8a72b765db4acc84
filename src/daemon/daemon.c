#define _DEFAULT_SOURCE
#include "dlrd/daemon/daemon.h"

#include "daemon_gaps.h"
#include "daemon_start.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/log_queue.h"
#include "dlrd/daemon/signals.h"
#include "listeners.h"
#include "reload.h"
#include "secrets.h"
#include "systemd.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_US (CLOCK_SECOND_US / 4)

/* --- running --- */

/* Returns false if a thread hangs, for example in an fsync that never returns. */
static bool
is_alive(const struct daemon *daemon)
{
	int64_t now_us = clock_monotonic_us();
	return now_us - writer_heartbeat_us(daemon->writer) < DAEMON_HEARTBEAT_MAX_US &&
	       now_us - intake_heartbeat_us(daemon->intake) < DAEMON_HEARTBEAT_MAX_US;
}

/* Serves until a signal ends it, which is returned. */
static int
run(struct daemon *daemon)
{
	int64_t watchdog_us = systemd_watchdog_us();
	int64_t tick_us = watchdog_us > 0 && watchdog_us < TICK_US ? watchdog_us : TICK_US;
	struct pollfd events[] = {{.fd = daemon->signal_fd, .events = POLLIN},
	    {.fd = daemon->reload_fd, .events = POLLIN}};

	for (;;) {
		/* A poll that ends early, or with an error, is one more tick. */
		(void)!poll(events, 2, (int)(tick_us / 1000));
		int signal = signals_take(daemon->signal_fd);
		if (signal > 0 && signal != SIGHUP)
			return signal;

		reload_if_asked(daemon, signal == SIGHUP);
		daemon_gaps_follow(daemon);
		metric_set(daemon->log_dropped, (double)log_queue_dropped());
		api_tick(daemon->api);
		if (watchdog_us > 0 && is_alive(daemon))
			systemd_notify("WATCHDOG=1");
	}
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

/* --- from start to end --- */

static void
name_files(struct daemon *daemon, const char *directory)
{
	snprintf(daemon->directory, sizeof daemon->directory, "%s", directory);
	snprintf(daemon->journal_path, sizeof daemon->journal_path, "%s/" JOURNAL_FILE, directory);
	snprintf(daemon->store_path, sizeof daemon->store_path, "%s/" STORE_FILE, directory);
	snprintf(daemon->quarantine_path, sizeof daemon->quarantine_path, "%s/" QUARANTINE_FILE,
	    directory);
}

/* Returns a daemon of which nothing is started; NULL if memory is short. */
static struct daemon *
new_daemon(const struct settings *settings)
{
	struct daemon *daemon = calloc(1, sizeof *daemon);

	if (daemon == NULL)
		return NULL;
	daemon->metrics = metrics_new();
	if (daemon->metrics == NULL || signature_failures_new(&daemon->failures) != RESULT_OK) {
		metrics_free(daemon->metrics);
		free(daemon);
		return NULL;
	}

	daemon->lock = LOCK_NONE;
	daemon->signal_fd = daemon->reload_fd = -1;
	pthread_mutex_init(&daemon->state_lock, NULL);
	name_files(daemon, settings->directory);
	return daemon;
}

enum result
daemon_run(struct settings *settings, struct failure *failure)
{
	struct daemon *daemon = new_daemon(settings);

	if (daemon == NULL) {
		settings_free(settings);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}

	secrets_warn(settings);
	enum result result = daemon_start(daemon, settings, failure);
	if (result == RESULT_OK) {
		systemd_notify("READY=1\nSTATUS=storing callbacks");
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
