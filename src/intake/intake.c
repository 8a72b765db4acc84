#define _GNU_SOURCE
#include "dlrd/intake/intake.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/intake/answers.h"
#include "dlrd/intake/head_reader.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

/* libmicrohttpd's memory for one connection: the request line, the headers and its own tables. It
 * zeroes what is unused after each request, so more of it costs time. */
#define CONNECTION_MEMORY_SPARE 6144
/* Requests that are handed to the writer in one go, while the loop is still reading others: the
 * writer need not wait for the whole turn. */
#define HANDOVER_REQUESTS 32
/* A request's buffers are kept for the next one on its connection up to this size. */
#define KEEP_BUFFER_BYTES 8192
/* How long idle connections stay open in a drain: a proxy may just be sending on one of them. */
#define DRAIN_GRACE_US (CLOCK_SECOND_US / 4)
#define LOOP_MAX_MS 500
#define LOOP_DRAIN_MS 20
#define LOOP_RETRY_MS 2
#define RUNS_MAX 2 /* of one listener, before the others and the writer have their turn */

enum stage {
	STAGE_HEAD,    /* nothing judged yet */
	STAGE_BODY,    /* reading the body */
	STAGE_REFUSED, /* status is decided; the rest of the body is read away */
	STAGE_COMMIT,  /* waiting until the journal has it */
	STAGE_ANSWER,  /* status is decided; to be answered now */
};

/* One request on its way down: head, body, commit, answer. It lives in its connection. */
struct request {
	enum stage stage;
	unsigned status;
	unsigned kept_status; /* the answer once it is kept */
	bool close;           /* the connection ends with the answer */
	struct request_head head;
	struct buffer target, body;
	size_t counted; /* bytes of body in the intake's memory account */
	struct journal_write *write;
};

TAILQ_HEAD(connections, connection);

/* Each open connection stands in one list, in the order of its deadline. */
struct connection {
	TAILQ_ENTRY(connection) entry;
	struct connections *list; /* which, or NULL: it is being closed */
	int64_t since_us;         /* when it came into that list */
	struct listener *listener;
	struct MHD_Connection *mhd;
	int fd;
	bool trusted;
	bool in_request; /* between a request's first line and the end of its answer */
	struct request request;
};

struct listener {
	struct intake *intake;
	struct MHD_Daemon *daemon;
	size_t waiting; /* requests that wait for their commit */
	bool must_run;  /* a request got on: the library has more to do, and no event will say so */
	bool called;    /* in its last run it called us at all */
};

struct intake {
	struct intake_options options;
	struct listener listeners[INTAKE_LISTENERS_MAX];
	struct answers answers;
	struct connections busy, idle, waiting;
	size_t open_connections, in_flight;
	struct journal_write *outbox, **outbox_end; /* waiting, not yet handed over */
	size_t outbox_count;
	size_t memory; /* bytes of bodies in progress and of writes that are out */
	int event_fd;
	pthread_mutex_t done_lock;  /* guards done */
	struct journal_write *done; /* finished writes, handed back by the writer */
	pthread_t thread;
	bool started;
	_Atomic int64_t heartbeat_us;
	_Atomic int64_t drain_start_us, drain_end_us; /* monotonic; 0: not draining */
	bool quiesced;
	struct metric *connections_metric, *deadlines_metric;
};

/* --- connections and their deadlines --- */

static void
move_to(struct connection *connection, struct connections *list)
{
	if (connection->list != NULL)
		TAILQ_REMOVE(connection->list, connection, entry);
	connection->list = list;
	connection->since_us = clock_monotonic_us();
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, connection, entry);
}

static bool
is_trusted(const struct intake *intake, const struct sockaddr *peer)
{
	for (size_t i = 0; i < intake->options.proxy_count; i++)
		if (socket_peer_matches(&intake->options.proxies[i], peer))
			return true;
	return false;
}

static void
open_connection(struct listener *listener, struct MHD_Connection *mhd, void **context)
{
	struct connection *connection = calloc(1, sizeof *connection);
	const union MHD_ConnectionInfo *info;
	if (connection == NULL)
		return; /* its first request is closed unanswered */
	connection->listener = listener;
	connection->mhd = mhd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->fd = info == NULL ? -1 : info->connect_fd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	connection->trusted = is_trusted(listener->intake, info == NULL ? NULL : info->client_addr);
	move_to(connection, &listener->intake->busy);
	metric_set(
	    listener->intake->connections_metric, (double)++listener->intake->open_connections);
	*context = connection;
}

/* --- requests --- */

static void
release_body(struct intake *intake, struct request *request)
{
	intake->memory -= request->counted;
	request->counted = 0;
	request->body.len = 0;
	request->body.failed = false;
	if (request->body.cap > KEEP_BUFFER_BYTES)
		buffer_done(&request->body);
}

/* The library's first word of a request: its raw target, which the signature covers byte for byte.
 */
static void *
on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct listener *listener = context;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info == NULL ? NULL : info->socket_context;
	if (connection == NULL)
		return NULL;
	struct request *request = &connection->request;
	struct buffer text = request->target, body = request->body;
	*request = (struct request){.target = text, .body = body};
	buffer_clear(&request->target);
	buffer_append(&request->target, slice_of(target));
	if (connection->list == &listener->intake->idle)
		move_to(connection, &listener->intake->busy);
	connection->in_request = true;
	listener->intake->in_flight++;
	listener->called = true;
	return connection;
}

/* Parts a request from its write, which goes its own way. */
static void
forget_write(struct connection *connection)
{
	if (connection->request.write == NULL)
		return;
	connection->request.write->owner = NULL;
	connection->request.write = NULL;
	connection->listener->waiting--;
}

static void
end_request(struct connection *connection)
{
	struct intake *intake = connection->listener->intake;
	forget_write(connection); /* the peer went away while it waited */
	release_body(intake, &connection->request);
	if (connection->request.target.cap > KEEP_BUFFER_BYTES)
		buffer_done(&connection->request.target);
	connection->in_request = false;
	intake->in_flight--;
}

static void
on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	struct listener *listener = context;
	struct connection *connection = *request_context;
	(void)mhd, (void)code;
	listener->called = true;
	if (connection == NULL)
		return;
	end_request(connection);
	if (connection->list != NULL)
		move_to(connection, &listener->intake->idle);
	*request_context = NULL;
}

static void
close_connection(struct intake *intake, struct connection *connection)
{
	move_to(connection, NULL);
	/* The library forgets to end a request that it refuses a second time. */
	if (connection->in_request)
		end_request(connection);
	buffer_done(&connection->request.target);
	buffer_done(&connection->request.body);
	metric_set(intake->connections_metric, (double)--intake->open_connections);
	free(connection);
}

static void
on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = context;
	listener->called = true;
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED: open_connection(listener, mhd, socket_context); return;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		if (*socket_context != NULL)
			close_connection(listener->intake, *socket_context);
		*socket_context = NULL;
		return;
	}
}

/* --- answers --- */

static enum MHD_Result
answer(struct intake *intake, struct connection *connection)
{
	struct request *request = &connection->request;
	bool close = request->close || intake->quiesced;
	connection->listener->must_run = true; /* this run makes the head, the next one sends it */
	return MHD_queue_response(connection->mhd, request->status,
	    answers_get(&intake->answers, request->status, close));
}

/* --- the way into the journal and back --- */

static void
hand_over(struct intake *intake)
{
	if (intake->outbox == NULL)
		return;
	struct journal_write *list = intake->outbox;
	intake->outbox = NULL;
	intake->outbox_end = &intake->outbox;
	intake->outbox_count = 0;
	writer_submit(intake->options.writer, list);
}

/* Lets the request wait for its write. It is not suspended: libmicrohttpd calls the handler of a
 * whole request without an answer again in each MHD_run (microhttpd.h, MHD_AccessHandlerCallback),
 * and this loop decides when that is. Suspending takes the socket out of epoll and puts it back,
 * which cost a quarter of the intake's processor time. */
static enum MHD_Result
wait_for_commit(struct intake *intake, struct connection *connection, struct journal_write *write)
{
	struct request *request = &connection->request;
	request->stage = STAGE_COMMIT;
	request->write = write;
	write->owner = connection;
	intake->memory += write->size;
	connection->listener->waiting++;
	move_to(connection, &intake->waiting);
	*intake->outbox_end = write;
	intake->outbox_end = &write->next;
	if (++intake->outbox_count == HANDOVER_REQUESTS)
		hand_over(intake);
	return MHD_YES;
}

/* Ends the wait: the request is answered in the next MHD_run. */
static void
end_wait(struct intake *intake, struct connection *connection, unsigned status)
{
	struct request *request = &connection->request;
	request->stage = STAGE_ANSWER;
	request->status = status;
	forget_write(connection);
	handler_count(intake->options.handler, buffer_slice(&request->target),
	    status == 503 ? OUTCOME_UNAVAILABLE : OUTCOME_KEPT);
	move_to(connection, &intake->busy);
	connection->listener->must_run = true;
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

static void
stop_ringing(struct intake *intake)
{
	uint64_t rings;
	if (read(intake->event_fd, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_line(LOG_ERROR, "the intake's eventfd: %s", strerror(errno));
}

static void
take_done(struct intake *intake)
{
	pthread_mutex_lock(&intake->done_lock);
	struct journal_write *list = intake->done;
	intake->done = NULL;
	pthread_mutex_unlock(&intake->done_lock);
	while (list != NULL) {
		struct journal_write *write = list;
		list = write->next;
		struct connection *connection = write->owner;
		/* The promise to Twilio: a 2xx only for a write that the journal has synced. */
		if (connection != NULL)
			end_wait(intake, connection,
			    write->result == RESULT_OK ? connection->request.kept_status : 503);
		intake->memory -= write->size;
		free(write);
	}
}

/* --- one request, call by call --- */

static enum MHD_Result
take_head(
    struct intake *intake, struct connection *connection, const char *method, const char *version)
{
	struct request *request = &connection->request;
	request->head = head_read(connection->mhd, method, version);
	request->head.target = buffer_slice(&request->target);
	request->head.from_trusted_proxy = connection->trusted;
	request->status = request->target.failed ? 503
						 : handler_head(intake->options.handler,
						       &request->head, &request->close);
	request->stage = request->status == 0 ? STAGE_BODY : STAGE_ANSWER;
	return request->status == 0 ? MHD_YES : answer(intake, connection);
}

static void
refuse_body(
    struct intake *intake, struct request *request, unsigned status, enum outcome_label outcome)
{
	request->stage = STAGE_REFUSED;
	request->status = status;
	request->close = true;
	release_body(intake, request);
	handler_count(intake->options.handler, buffer_slice(&request->target), outcome);
}

static void
take_body(struct intake *intake, struct request *request, struct slice bytes)
{
	if (request->stage != STAGE_BODY)
		return;
	if (request->body.len + bytes.len > intake->options.body_max) {
		refuse_body(intake, request, 413, OUTCOME_TOO_LARGE);
		return;
	}
	if (intake->memory + bytes.len > intake->options.memory_max) {
		refuse_body(intake, request, 503, OUTCOME_UNAVAILABLE);
		return;
	}
	buffer_append(&request->body, bytes);
	intake->memory += bytes.len;
	request->counted += bytes.len;
	if (request->body.failed)
		refuse_body(intake, request, 503, OUTCOME_UNAVAILABLE);
}

static enum MHD_Result
take_end(struct intake *intake, struct connection *connection)
{
	struct request *request = &connection->request;
	if (request->stage == STAGE_COMMIT)
		return MHD_YES; /* not yet */
	if (request->stage != STAGE_BODY)
		return answer(intake, connection);
	struct ruling ruling = handler_body(
	    intake->options.handler, &request->head, buffer_slice(&request->body), clock_wall_us());
	request->status = ruling.status;
	if (ruling.status == 0) {
		struct journal_write *write = NULL;
		if (intake->memory < intake->options.memory_max)
			write = journal_write_new(&ruling.entry);
		request->kept_status = ruling.kept_status;
		if (write != NULL)
			return wait_for_commit(intake, connection, write);
		handler_count(
		    intake->options.handler, buffer_slice(&request->target), OUTCOME_UNAVAILABLE);
		request->status = 503;
	}
	request->stage = STAGE_ANSWER;
	return answer(intake, connection);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **request_context)
{
	struct listener *listener = context;
	struct connection *connection = *request_context;
	(void)mhd, (void)url;
	if (connection == NULL)
		return MHD_NO; /* no memory for it: close */
	if (connection->request.stage == STAGE_HEAD) {
		listener->must_run = true;
		return take_head(listener->intake, connection, method, version);
	}
	if (*data_size > 0) {
		listener->must_run = true;
		take_body(listener->intake, &connection->request, (struct slice){data, *data_size});
		*data_size = 0;
		return MHD_YES;
	}
	return take_end(listener->intake, connection);
}

/* --- the loop --- */

/* The library then notices the end of the connection and takes it down. */
static void
shut(struct connection *connection)
{
	move_to(connection, NULL);
	shutdown(connection->fd, SHUT_RDWR);
}

static void
close_expired(struct intake *intake, struct connections *list, int64_t timeout_us, int64_t now_us)
{
	struct connection *connection;
	while ((connection = TAILQ_FIRST(list)) != NULL &&
	       now_us - connection->since_us >= timeout_us) {
		metric_add(intake->deadlines_metric, 1);
		shut(connection);
	}
}

/* In a drain: connections on which no request is being served. */
static void
close_unused(struct intake *intake)
{
	struct connection *connection, *next;
	while ((connection = TAILQ_FIRST(&intake->idle)) != NULL)
		shut(connection);
	for (connection = TAILQ_FIRST(&intake->busy); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (!connection->in_request)
			shut(connection);
	}
}

/* A journal that does not come back in time: better a 503 now than silence until Twilio gives up.
 */
static void
give_up_commits(struct intake *intake, int64_t now_us)
{
	struct connection *connection;
	while ((connection = TAILQ_FIRST(&intake->waiting)) != NULL &&
	       now_us - connection->since_us >= intake->options.commit_timeout_us)
		end_wait(intake, connection, 503);
}

static void
enforce_deadlines(struct intake *intake)
{
	int64_t now_us = clock_monotonic_us();
	int64_t drain_us = atomic_load(&intake->drain_start_us);
	close_expired(intake, &intake->busy, intake->options.request_timeout_us, now_us);
	close_expired(intake, &intake->idle, intake->options.keepalive_timeout_us, now_us);
	if (drain_us != 0 && now_us - drain_us >= DRAIN_GRACE_US)
		close_unused(intake);
	give_up_commits(intake, now_us);
}

/* Milliseconds after which the library wants to run without an event, as it says itself; -1 for
 * never. It says "at once" of each request that waits for its commit, too; those are the writer's
 * to ring for. And it says so, for as long as the peer likes, of a chunk's line that has outgrown
 * its memory: where the last run called none of our functions, it is not believed, but tried again
 * after a while. */
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

/* Milliseconds until the loop has something to do by itself. */
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

/* Lets the library read, call the handlers and write: for a listener with an event, and as long as
 * its requests get on; for all of them when the wait ran out. */
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
			take_done(intake); /* what was committed meanwhile goes out with the rest */
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

/* Whether the loop has nothing left to do: every request answered and every connection closed, or
 * the drain's time is over. */
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
		end_wait(intake, TAILQ_FIRST(&intake->waiting), 503);
	return late || (intake->in_flight == 0 && intake->open_connections == 0);
}

static void *
run(void *context)
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
			log_line(LOG_ERROR, "the intake's poll: %s", strerror(errno));
		atomic_store(&intake->heartbeat_us, clock_monotonic_us());
		if (polled[count].revents != 0)
			stop_ringing(intake);
		take_done(intake);
		run_listeners(intake, polled, ready == 0);
		hand_over(intake);
		enforce_deadlines(intake);
	}
	/* What was given up just now is answered: one run makes the heads, another sends them. */
	for (size_t i = 0; i < 2 * count; i++)
		MHD_run(intake->listeners[i % count].daemon);
	hand_over(intake);
	return NULL;
}

/* --- life --- */

static void
log_library(void *context, const char *format, va_list arguments)
{
	/* The library logs a line for each unreadable request, with the stranger's bytes; the
	 * counters say as much. */
	(void)context, (void)format, (void)arguments;
}

static void
panic(void *context, const char *file, unsigned line, const char *reason)
{
	(void)context;
	log_line(LOG_ERROR, "libmicrohttpd gives up at %s:%u: %s", file, line,
	    reason == NULL ? "no reason given" : reason);
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
	    {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)options->connections_per_address, NULL},
	    {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL}, /* the lists above know better */
	    {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, listener},
	    {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, listener},
	    {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener},
	    {MHD_OPTION_END, 0, NULL},
	};
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener,
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
			return failure_set(failure, RESULT_IO, "libmicrohttpd does not start: %s",
			    strerror(errno));
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

enum result
intake_start(struct intake *intake, struct failure *failure)
{
	int error = pthread_create(&intake->thread, NULL, run, intake);
	intake->started = error == 0;
	if (error != 0)
		return failure_set(
		    failure, RESULT_IO, "cannot start the intake's thread: %s", strerror(error));
	return RESULT_OK;
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
	intake->connections_metric = metrics_add(options->metrics, METRIC_CONNECTIONS, "");
	intake->deadlines_metric = metrics_add(options->metrics, METRIC_DEADLINES, "");
	intake->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum result result = answers_init(&intake->answers);
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
intake_drain(struct intake *intake, int64_t deadline_us)
{
	int64_t now_us = clock_monotonic_us();
	uint64_t one = 1;
	atomic_store(&intake->drain_start_us, now_us);
	atomic_store(&intake->drain_end_us, now_us + deadline_us);
	if (write(intake->event_fd, &one, sizeof one) < 0)
		log_line(LOG_DEBUG, "the intake's eventfd rings already");
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
	answers_done(&intake->answers);
	if (intake->event_fd >= 0)
		close(intake->event_fd);
	pthread_mutex_destroy(&intake->done_lock);
	free(intake);
}
