#define _GNU_SOURCE /* pthread_setname_np */
#include "loop.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Times of a drain. Idle connections stay open for this long, since a proxy may just be sending a
 * request on one of them. */
#define DRAIN_GRACE_US (CLOCK_SECOND_US / 4)
/* A new connection may be silent for this long: its client is about to send a request, and an
 * accepted connection is not refused. */
#define DRAIN_NEW_US CLOCK_SECOND_US
/* Requests that have begun must be complete this long after the start of the drain, or after the
 * last request that became complete. Otherwise a vanished client would delay the stop by
 * request_timeout. A stop takes less than a second with it. */
#define DRAIN_REST_US (CLOCK_SECOND_US * 3 / 4)
#define LOOP_MAX_MS 500
#define LOOP_DRAIN_MS 20
#define LOOP_RETRY_MS 2
#define RUNS_MAX 2 /* of one listener, before the others and the writer have their turn */

static void
stop_ringing(struct intake *intake)
{
	uint64_t rings;
	if (read(intake->event_fd, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_line(LOG_ERROR, "cannot read the intake's eventfd: %s", strerror(errno));
}

/* The library then notices the end of the connection and takes it down. */
static void
shut(struct connection *connection)
{
	request_move(connection, NULL);
	shutdown(connection->fd, SHUT_RDWR);
}

/* The configuration whose deadlines hold for a connection: that of its request. */
static const struct intake_config *
config_of(const struct intake *intake, const struct connection *connection)
{
	return connection->in_request ? &connection->request.shared->config
				      : &intake->shared->config;
}

/* Whether a connection may exceed its deadline before one that waits longer: if requests of more
 * than one configuration are served. */
static bool
is_mixed(const struct intake *intake)
{
	return intake->replaced_configs > 0;
}

static void
close_late_requests(struct intake *intake, int64_t now_us)
{
	struct connection *connection, *next;
	for (connection = TAILQ_FIRST(&intake->busy); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		bool late = now_us - connection->since_us >=
			    config_of(intake, connection)->request_timeout_us;
		if (late) {
			metric_add(intake->deadlines_metric, 1);
			shut(connection);
		} else if (!is_mixed(intake))
			return;
	}
}

static void
close_late_idle(struct intake *intake, int64_t now_us)
{
	struct connection *connection;
	while ((connection = TAILQ_FIRST(&intake->idle)) != NULL &&
	       now_us - connection->since_us >= intake->shared->config.keepalive_timeout_us) {
		metric_add(intake->deadlines_metric, 1);
		shut(connection);
	}
}

/* Whether bytes have arrived that the library will read in its next run. */
static bool
has_unread(const struct connection *connection)
{
	int bytes;
	return ioctl(connection->fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

/* Whether a drain need not wait for the connection: it has no request, or one that does not
 * complete. */
static bool
is_unused(const struct intake *intake, const struct connection *connection, int64_t now_us)
{
	int64_t drain_us = atomic_load(&intake->drain_start_us);
	int64_t last_us = intake->last_whole_us > drain_us ? intake->last_whole_us : drain_us;
	if (connection->in_request)
		return connection->request.stage <= STAGE_REFUSED &&
		       now_us - last_us >= DRAIN_REST_US;
	return now_us - connection->since_us >= DRAIN_NEW_US && !has_unread(connection);
}

static void
close_unused(struct intake *intake, int64_t now_us)
{
	struct connection *connection, *next;
	for (connection = TAILQ_FIRST(&intake->idle); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (!has_unread(connection))
			shut(connection);
	}
	for (connection = TAILQ_FIRST(&intake->busy); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (is_unused(intake, connection, now_us))
			shut(connection);
	}
}

/* If the journal does not commit in time, a 503 now is better than silence until Twilio gives up.
 */
static void
give_up_commits(struct intake *intake, int64_t now_us)
{
	struct connection *connection, *next;
	for (connection = TAILQ_FIRST(&intake->waiting); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		bool late = now_us - connection->since_us >=
			    config_of(intake, connection)->commit_timeout_us;
		if (late)
			request_give_up(intake, connection);
		else if (!is_mixed(intake))
			return;
	}
}

static void
enforce_deadlines(struct intake *intake)
{
	int64_t now_us = clock_monotonic_us();
	int64_t drain_us = atomic_load(&intake->drain_start_us);
	close_late_requests(intake, now_us);
	close_late_idle(intake, now_us);
	if (drain_us != 0 && now_us - drain_us >= DRAIN_GRACE_US)
		close_unused(intake, now_us);
	give_up_commits(intake, now_us);
}

/* Returns the milliseconds after which the library wants to run without an event, or -1 for never.
 * The library wants to run at once while a request waits for its commit; the loop waits for the
 * writer instead. It also wants to run at once, for as long as the peer likes, if the line of a
 * chunk has outgrown its memory. So if its last run called none of our functions, it runs again
 * only after a while. */
static int
library_timeout(const struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG wanted;
	if (listener->waiting > 0 || MHD_get_timeout(listener->daemon, &wanted) != MHD_YES)
		return -1;
	if (wanted == 0 && !listener->called)
		return LOOP_RETRY_MS;
	return wanted < LOOP_MAX_MS ? (int)wanted : LOOP_MAX_MS;
}

/* Milliseconds until the loop has to run without an event. */
static int
loop_timeout(const struct intake *intake)
{
	int timeout_ms = atomic_load(&intake->drain_start_us) != 0 ? LOOP_DRAIN_MS : LOOP_MAX_MS;
	for (size_t i = 0; i < intake->options.listen_count; i++) {
		const struct listener *listener = &intake->listeners[i];
		int wanted_ms = listener->must_run ? 0 : library_timeout(listener);
		if (wanted_ms >= 0 && wanted_ms < timeout_ms)
			timeout_ms = wanted_ms;
	}
	return timeout_ms;
}

/* Lets the library read, call the handlers and write: for a listener with an event, while its
 * requests progress; for all listeners after a timeout. */
static void
run_listeners(struct intake *intake, const struct pollfd *polled, bool timed_out)
{
	for (size_t i = 0; i < intake->options.listen_count; i++) {
		struct listener *listener = &intake->listeners[i];
		if (!timed_out && polled[i].revents == 0 && !listener->must_run)
			continue;
		listener->called = false;
		for (int run = 0; run == 0 || (listener->must_run && run < RUNS_MAX); run++) {
			listener->must_run = false;
			MHD_run(listener->daemon);
			/* Requests committed meanwhile are answered in the same run. */
			request_take_done(intake);
		}
		listener->called |= listener->must_run;
	}
}

static void
quiesce(struct intake *intake)
{
	for (size_t i = 0; i < intake->options.listen_count; i++) {
		MHD_socket fd = MHD_quiesce_daemon(intake->listeners[i].daemon);
		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	intake->quiesced = true;
}

/* Whether the loop may end: every request is answered and every connection closed, or the drain's
 * time is over. */
static bool
is_drained(struct intake *intake)
{
	int64_t end_us = atomic_load(&intake->drain_end_us);
	if (end_us == 0)
		return false;
	if (!intake->quiesced)
		quiesce(intake);
	bool late = clock_monotonic_us() >= end_us;
	while (late && !TAILQ_EMPTY(&intake->waiting))
		request_give_up(intake, TAILQ_FIRST(&intake->waiting));
	return late || (intake->in_flight == 0 && intake->open_connections == 0);
}

void *
loop_run(void *context)
{
	struct intake *intake = context;
	struct pollfd polled[INTAKE_LISTENERS_MAX + 1];
	size_t count = intake->options.listen_count;
	pthread_setname_np(pthread_self(), "dlrd-intake");
	for (size_t i = 0; i < count; i++) {
		const union MHD_DaemonInfo *info =
		    MHD_get_daemon_info(intake->listeners[i].daemon, MHD_DAEMON_INFO_EPOLL_FD);
		polled[i] = (struct pollfd){.fd = info->epoll_fd, .events = POLLIN};
	}
	polled[count] = (struct pollfd){.fd = intake->event_fd, .events = POLLIN};
	while (!is_drained(intake)) {
		int ready = poll(polled, count + 1, loop_timeout(intake));
		if (ready < 0 && errno != EINTR)
			log_line(LOG_ERROR, "poll failed in the intake: %s", strerror(errno));
		atomic_store(&intake->heartbeat_us, clock_monotonic_us());
		if (polled[count].revents != 0)
			stop_ringing(intake);
		request_take_config(intake);
		request_take_done(intake);
		run_listeners(intake, polled, ready == 0);
		request_hand_over(intake);
		enforce_deadlines(intake);
	}
	/* Answers requests that were just given up: one run makes the heads, the next sends them.
	 */
	for (size_t i = 0; i < 2 * count; i++)
		MHD_run(intake->listeners[i % count].daemon);
	request_hand_over(intake);
	return NULL;
}
