#include "request.h"

#include "dlrd/base/clock.h"
#include "head_reader.h"
#include "request_trace.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Requests that are handed to the writer at a time, while the loop still reads others. The writer
 * can begin before the loop's turn ends. */
#define HANDOVER_REQUESTS 32
/* A request's buffers are kept for the next one on its connection up to this size. */
#define KEEP_BUFFER_BYTES 8192

/* --- configurations --- */

void
request_end_config(struct shared_config *shared)
{
	if (shared == NULL)
		return;
	if (shared->config.on_retired != NULL)
		shared->config.on_retired(shared->config.context);
	free(shared);
}

static void
leave_config(struct intake *intake, struct shared_config *shared)
{
	if (--shared->requests > 0 || !shared->replaced)
		return;
	intake->replaced_configs--;
	request_end_config(shared);
}

void
request_take_config(struct intake *intake)
{
	struct shared_config *next = atomic_exchange(&intake->next_config, NULL),
			     *old = intake->shared;
	if (next == NULL)
		return;
	intake->shared = next;
	old->replaced = true;
	if (old->requests == 0)
		request_end_config(old);
	else
		intake->replaced_configs++;
}

/* --- connections and their deadlines --- */

void
request_move(struct connection *connection, struct connections *list)
{
	if (connection->list != NULL)
		TAILQ_REMOVE(connection->list, connection, entry);
	connection->list = list;
	connection->since_us = clock_monotonic_us();
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, connection, entry);
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
	first_bytes_watch(connection->fd, info == NULL ? NULL : info->client_addr);
	connection->peer = socket_peer_of(info == NULL ? NULL : info->client_addr);
	socket_peer_write(&connection->peer, connection->peer_text);
	request_move(connection, &listener->intake->busy);
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

/* The library calls this first for a request, with the raw target, which the signature covers byte
 * for byte. */
void *
request_on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct listener *listener = context;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info == NULL ? NULL : info->socket_context;
	if (connection == NULL)
		return NULL;
	struct request *request = &connection->request;
	struct buffer text = request->target, body = request->body;
	*request = (struct request){.target = text,
	    .body = body,
	    .shared = listener->intake->shared,
	    .trace = request_trace_begin()};
	request->shared->requests++;
	buffer_clear(&request->target);
	buffer_append(&request->target, slice_of(target));
	if (connection->list == &listener->intake->idle)
		request_move(connection, &listener->intake->busy);
	connection->in_request = true;
	listener->intake->in_flight++;
	listener->called = true;
	return connection;
}

/* Detaches the request from its journal write; the write still completes. */
static void
forget_write(struct connection *connection)
{
	if (connection->request.write == NULL)
		return;
	connection->request.write->owner = NULL;
	connection->request.write = NULL;
	connection->listener->waiting--;
}

/* Logs the way of a request that is answered, or whose connection ended before. */
static void
end_trace(struct request *request)
{
	if (request->trace != NULL)
		request_trace_end(
		    request->trace, &request->head.incoming, request->body.len, request->status);
	request->trace = NULL;
}

static void
end_request(struct connection *connection)
{
	struct intake *intake = connection->listener->intake;
	end_trace(&connection->request);
	forget_write(connection); /* the peer closed the connection while it waited */
	release_body(intake, &connection->request);
	if (connection->request.target.cap > KEEP_BUFFER_BYTES)
		buffer_done(&connection->request.target);
	connection->in_request = false;
	intake->in_flight--;
	leave_config(intake, connection->request.shared);
	connection->request.shared = NULL;
}

void
request_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
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
		request_move(connection, &listener->intake->idle);
	*request_context = NULL;
}

static void
close_connection(struct intake *intake, struct connection *connection)
{
	enum opening opening = first_bytes_forget(connection->fd);
	if (!connection->served || opening_is_mistake(opening))
		metric_add(intake->no_request_metrics[opening], 1);
	request_move(connection, NULL);
	/* The library forgets to end a request that it refuses a second time. */
	if (connection->in_request)
		end_request(connection);
	buffer_done(&connection->request.target);
	buffer_done(&connection->request.body);
	metric_set(intake->connections_metric, (double)--intake->open_connections);
	free(connection);
}

void
request_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
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
	struct MHD_Response *reply = NULL;
	end_trace(request);
	connection->listener->must_run = true; /* this run makes the head, the next one sends it */
	if (request->status == 200 && request->answer != NULL)
		reply = answers_make_reply(request->answer->reply, request->answer->media, close);
	if (reply == NULL) /* or memory is short: the message is stored, and no reply is sent */
		return MHD_queue_response(connection->mhd, request->status,
		    answers_get(&intake->answers, request->status, close));
	enum MHD_Result queued = MHD_queue_response(connection->mhd, request->status, reply);
	MHD_destroy_response(reply); /* the library holds it until it is sent */
	return queued;
}

/* --- waiting for the commit --- */

void
request_hand_over(struct intake *intake)
{
	if (intake->outbox == NULL)
		return;
	struct journal_write *list = intake->outbox;
	intake->outbox = NULL;
	intake->outbox_end = &intake->outbox;
	intake->outbox_count = 0;
	writer_submit(intake->options.writer, list);
}

/* Lets the request wait for its write. It is not suspended: in each MHD_run libmicrohttpd calls the
 * handler of a whole request that has no response yet (microhttpd.h, MHD_AccessHandlerCallback),
 * and this loop decides when that is. Suspending removes the socket from epoll and adds it back,
 * which took a quarter of the intake's processor time. */
static enum MHD_Result
wait_for_commit(struct intake *intake, struct connection *connection, struct journal_write *write)
{
	struct request *request = &connection->request;
	request->stage = STAGE_COMMIT;
	request->write = write;
	if (request->trace != NULL)
		request->trace->submitted_us = clock_monotonic_us();
	write->owner = connection;
	intake->memory += write->size;
	connection->listener->waiting++;
	request_move(connection, &intake->waiting);
	*intake->outbox_end = write;
	intake->outbox_end = &write->next;
	if (++intake->outbox_count == HANDOVER_REQUESTS)
		request_hand_over(intake);
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
	handler_count(request->shared->config.handler, buffer_slice(&request->target),
	    status == 503 ? HANDLER_UNAVAILABLE : HANDLER_KEPT);
	request_move(connection, &intake->busy);
	connection->listener->must_run = true;
}

static void
note_commit(struct request_trace *trace, const struct journal_write *write)
{
	if (trace == NULL)
		return;
	trace->finished_us = clock_monotonic_us();
	trace->number = write->result == RESULT_OK ? write->entry.seq : 0;
}

void
request_take_done(struct intake *intake)
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
			note_commit(connection->request.trace, write);
		if (connection != NULL)
			end_wait(intake, connection,
			    write->result == RESULT_OK ? connection->request.kept_status : 503);
		intake->memory -= write->size;
		free(write);
	}
}

void
request_give_up(struct intake *intake, struct connection *connection)
{
	end_wait(intake, connection, 503);
}

/* --- one request, call by call --- */

static enum MHD_Result
take_head(
    struct intake *intake, struct connection *connection, const char *method, const char *version)
{
	struct request *request = &connection->request;
	connection->served = true;
	request->head = head_read(connection->mhd, method, version);
	request->head.incoming.target = buffer_slice(&request->target);
	request->head.incoming.peer = slice_of(connection->peer_text);
	/* By the request's own configuration: a reload may change it between two on a connection.
	 */
	request->head.incoming.from_trusted_proxy =
	    socket_peers_cover(request->shared->config.proxies, request->shared->config.proxy_count,
		&connection->peer);
	request->status = request->target.failed ? 503
						 : handler_head(request->shared->config.handler,
						       &request->head, &request->close);
	request->stage = request->status == 0 ? STAGE_BODY : STAGE_ANSWER;
	return request->status == 0 ? MHD_YES : answer(intake, connection);
}

static void
refuse_body(
    struct intake *intake, struct request *request, unsigned status, enum handler_outcome outcome)
{
	request->stage = STAGE_REFUSED;
	request->status = status;
	request->close = true;
	release_body(intake, request);
	handler_count(request->shared->config.handler, buffer_slice(&request->target), outcome);
}

/* Whether extra more bytes fit into memory_max. A request that is alone always fits: otherwise a
 * limit that is too low for a callback would refuse it each time. */
static bool
has_room(const struct intake *intake, const struct request *request, size_t extra)
{
	const struct intake_config *config = &request->shared->config;
	return intake->memory == request->counted ||
	       intake->memory + handler_memory(config->handler) + extra <= config->memory_max;
}

static void
take_body(struct intake *intake, struct request *request, struct slice bytes)
{
	if (request->stage != STAGE_BODY)
		return;
	const struct intake_config *config = &request->shared->config;
	if (request->body.len + bytes.len > config->body_max) {
		refuse_body(intake, request, 413, HANDLER_TOO_LARGE);
		return;
	}
	size_t room = request->body.cap - request->body.len;
	if (bytes.len > room &&
	    intake->memory + handler_memory(config->handler) + bytes.len > config->memory_max) {
		refuse_body(intake, request, 503, HANDLER_UNAVAILABLE);
		return;
	}
	buffer_append(&request->body, bytes);
	intake->memory += request->body.cap - request->counted;
	request->counted = request->body.cap;
	if (request->body.failed)
		refuse_body(intake, request, 503, HANDLER_UNAVAILABLE);
}

static struct decision
decide(struct handler *handler, const struct incoming *incoming, struct request_trace *trace)
{
	if (trace != NULL)
		trace->deciding_us = clock_monotonic_us();
	struct decision decision = handler_body(handler, incoming, trace);
	if (trace != NULL)
		trace->decided_us = clock_monotonic_us();
	return decision;
}

static enum MHD_Result
take_end(struct intake *intake, struct connection *connection)
{
	struct request *request = &connection->request;
	if (request->stage == STAGE_COMMIT)
		return MHD_YES; /* not yet */
	intake->last_whole_us = clock_monotonic_us();
	if (request->stage != STAGE_BODY)
		return answer(intake, connection);
	const struct intake_config *config = &request->shared->config;
	struct incoming *incoming = &request->head.incoming;
	struct decision decision = {.status = 503};

	incoming->body = buffer_slice(&request->body);
	incoming->arrived_us = clock_wall_us();
	if (has_room(intake, request, handler_work(config->handler, incoming)))
		decision = decide(config->handler, incoming, request->trace);
	else
		handler_count(config->handler, buffer_slice(&request->target), HANDLER_UNAVAILABLE);
	request->status = decision.status;
	if (decision.status == 0) {
		struct journal_write *write = NULL;
		if (has_room(intake, request, request->target.len + incoming->body.len))
			write = journal_write_new(&decision.entry);
		request->kept_status = decision.kept_status;
		request->answer = decision.answer;
		if (write != NULL)
			return wait_for_commit(intake, connection, write);
		handler_count(config->handler, buffer_slice(&request->target), HANDLER_UNAVAILABLE);
		request->status = 503;
	}
	request->stage = STAGE_ANSWER;
	return answer(intake, connection);
}

enum MHD_Result
request_on_call(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
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
