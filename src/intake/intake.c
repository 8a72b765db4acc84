#include "dlrd/intake/intake.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/base/log_queue.h"
#include "dlrd/base/thread.h"
#include "loop.h"
#include "request.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Added to head_max for libmicrohttpd's own tables of a connection. The library zeroes the unused
 * memory after each request, so more of it costs time. */
#define CONNECTION_MEMORY_SPARE 6144

/* How strictly libmicrohttpd 1.0 reads requests. 3 is its strictest level: it rejects what RFC 9112
 * says a client SHOULD NOT send. nginx, HAProxy, Caddy and Apache send nothing of that kind, as
 * tests/integration/test_proxies.py shows. 0.9.75 has no such levels. */
#define CLIENT_DISCIPLINE_LEVEL 3

static void
log_library(void *context, const char *format, va_list arguments)
{
	/* The library logs a line for each unreadable request, with the bytes of an untrusted
	 * client. The counters show as much. */
	(void)context, (void)format, (void)arguments;
}

static void
panic(void *context, const char *file, unsigned line, const char *reason)
{
	(void)context;
	log_line(LOG_ERROR, "libmicrohttpd aborts at %s:%u: %s", file, line,
	    reason == NULL ? "no reason given" : reason);
	log_queue_flush(CLOCK_SECOND_US);
	abort();
}

static struct MHD_Daemon *
start_daemon(struct intake *intake, struct listener *listener, int fd)
{
	const struct intake_options *options = &intake->options;
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_LISTEN_SOCKET, fd, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		    (intptr_t)(options->head_max + CONNECTION_MEMORY_SPARE), NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)options->connections_max, NULL},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)options->connections_per_address,
		    NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL}, /* the lists above know better */
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_on_target, listener},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_on_completed, listener},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)request_on_connection, listener},
#if MHD_VERSION >= 0x00097701
		{MHD_OPTION_CLIENT_DISCIPLINE_LVL, CLIENT_DISCIPLINE_LEVEL, NULL},
#endif
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	return MHD_start_daemon(flags, 0, NULL, NULL, request_on_call, listener,
	    MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static enum result
start_daemons(struct intake *intake, struct failure *failure)
{
	MHD_set_panic_func(panic, NULL);
	for (size_t i = 0; i < intake->options.listen_count; i++) {
		struct listener *listener = &intake->listeners[i];
		listener->intake = intake;
		listener->daemon = start_daemon(intake, listener, intake->options.listen_fds[i]);
		if (listener->daemon == NULL)
			return failure_set(
			    failure, RESULT_IO, "cannot start libmicrohttpd: %s", strerror(errno));
		intake->options.listen_fds[i] = -1; /* the library's now */
	}
	return RESULT_OK;
}

static void
stop_daemons(struct intake *intake)
{
	for (size_t i = 0; i < intake->options.listen_count; i++) {
		if (intake->listeners[i].daemon != NULL)
			MHD_stop_daemon(intake->listeners[i].daemon);
		else if (intake->options.listen_fds[i] >= 0)
			close(intake->options.listen_fds[i]);
		intake->listeners[i].daemon = NULL;
		intake->options.listen_fds[i] = -1;
	}
}

static struct shared_config *
new_shared_config(const struct intake_config *config)
{
	struct shared_config *shared = calloc(1, sizeof *shared);
	if (shared != NULL)
		shared->config = *config;
	return shared;
}

enum result
intake_configure(struct intake *intake, const struct intake_config *config)
{
	struct shared_config *shared = new_shared_config(config);
	uint64_t one = 1;
	if (shared == NULL)
		return RESULT_NO_MEMORY;
	request_end_config(atomic_exchange(&intake->next_config, shared)); /* overtaken */
	if (write(intake->event_fd, &one, sizeof one) < 0)
		log_line(LOG_DEBUG, "the intake's eventfd is already signalled");
	return RESULT_OK;
}

enum result
intake_start(struct intake *intake, struct failure *failure)
{
	enum result result =
	    thread_start(&intake->thread, loop_run, intake, "the intake's thread", failure);
	intake->started = result == RESULT_OK;
	return result;
}

static void
add_metrics(struct intake *intake)
{
	struct metrics *metrics = intake->options.metrics;
	intake->connections_metric = metrics_add(metrics, METRIC_CONNECTIONS, "");
	intake->deadlines_metric = metrics_add(metrics, METRIC_DEADLINES, "");
	for (int i = 0; i < OPENING_COUNT; i++) {
		char label[64];
		snprintf(label, sizeof label, "reason=\"%s\"", opening_name((enum opening)i));
		intake->no_request_metrics[i] = metrics_add(metrics, METRIC_NO_REQUEST, label);
	}
}

enum result
intake_open(
    const struct intake_options *options, struct intake **out_intake, struct failure *failure)
{
	struct intake *intake = calloc(1, sizeof *intake);
	if (intake == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	intake->options = *options;
	intake->outbox_end = &intake->outbox;
	intake->heartbeat_us = clock_monotonic_us();
	TAILQ_INIT(&intake->busy);
	TAILQ_INIT(&intake->idle);
	TAILQ_INIT(&intake->waiting);
	pthread_mutex_init(&intake->done_lock, NULL);
	add_metrics(intake);
	intake->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	intake->shared = new_shared_config(&options->config);
	enum result result = answers_init(&intake->answers);
	if (result == RESULT_OK && intake->shared == NULL)
		result = RESULT_NO_MEMORY;
	if (result != RESULT_OK)
		failure_set(failure, result, "no memory");
	else
		result = intake->event_fd < 0
			     ? failure_set(failure, RESULT_IO, "eventfd: %s", strerror(errno))
			     : start_daemons(intake, failure);
	if (result != RESULT_OK) {
		stop_daemons(intake);
		intake_free(intake);
		return result;
	}
	*out_intake = intake;
	return RESULT_OK;
}

void
intake_done(struct intake *intake, struct journal_write *list)
{
	struct journal_write **end = &list;
	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&intake->done_lock);
	*end = intake->done;
	intake->done = list;
	pthread_mutex_unlock(&intake->done_lock);
	uint64_t one = 1;
	if (write(intake->event_fd, &one, sizeof one) < 0)
		return; /* the counter is at its maximum: it rings already */
}

void
intake_drain(struct intake *intake, int64_t deadline_us)
{
	int64_t now_us = clock_monotonic_us();
	uint64_t one = 1;
	atomic_store(&intake->drain_start_us, now_us);
	atomic_store(&intake->drain_end_us, now_us + deadline_us);
	if (write(intake->event_fd, &one, sizeof one) < 0)
		log_line(LOG_DEBUG, "the intake's eventfd is already signalled");
	if (intake->started)
		pthread_join(intake->thread, NULL);
	stop_daemons(intake);
}

int64_t
intake_heartbeat_us(const struct intake *intake)
{
	return atomic_load(&intake->heartbeat_us);
}

void
intake_free(struct intake *intake)
{
	if (intake == NULL)
		return;
	while (intake->done != NULL) {
		struct journal_write *write = intake->done;
		intake->done = write->next;
		free(write);
	}
	request_end_config(intake->next_config);
	request_end_config(intake->shared);
	answers_done(&intake->answers);
	if (intake->event_fd >= 0)
		close(intake->event_fd);
	pthread_mutex_destroy(&intake->done_lock);
	free(intake);
}
