#include "dlrd/api/api.h"

#include "access.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/socket.h"
#include "dlrd/base/wipe.h"
#include "dlrd/twilio/url.h"
#include "exchange.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUESTION_MAX_US (10 * CLOCK_SECOND_US) /* for one question to the store */
/* Longer than the pauses of a stream, so that it ends only streams whose clients do not read. */
#define CONNECTION_TIMEOUT_S 30u
_Static_assert(STREAMS_KEEP_ALIVE_S * 2 < CONNECTION_TIMEOUT_S, "a quiet stream would be cut");
_Static_assert(EXCHANGES_QUESTIONS_MAX + STREAMS_MAX + 2 * CONNECTIONS_RESERVE <= CONNECTIONS_MAX,
    "questions and streams leave room for health checks");

struct listener {
	struct api *api;
	struct MHD_Daemon *daemon;
	struct connections *connections;
	struct streams *streams;
	bool is_unix; /* browsers cannot reach it, so Host is not checked */
	_Atomic bool is_starting;
	char start_failure[256]; /* the last line that the library logged while starting */
};

struct api {
	struct api_options options;
	struct access *access;
	struct readers *readers;
	struct workers *workers;
	struct exchanges *exchanges;
	struct listener listeners[API_LISTENERS_MAX];
	bool needs_token;
};

/* --- authorisation --- */

/* The library frees the memory of headers without wiping it. The token is not read again. */
static enum MHD_Result
wipe_if_authorization(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)context, (void)kind;
	if (value != NULL &&
	    slice_equal_nocase(slice_of(name), SLICE(MHD_HTTP_HEADER_AUTHORIZATION)))
		wipe((char *)value, strlen(value));
	return MHD_YES;
}

static struct slice
header_of(struct MHD_Connection *mhd, const char *name)
{
	return slice_of(MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name));
}

static bool
is_authorised(struct api *api, struct MHD_Connection *mhd, struct slice target, struct slice method,
    struct caller *out_caller)
{
	const struct access_headers headers = {
	    .authorization = header_of(mhd, MHD_HTTP_HEADER_AUTHORIZATION),
	    .cookie = header_of(mhd, MHD_HTTP_HEADER_COOKIE),
	    .csrf = header_of(mhd, "X-Dlrd-Csrf")};
	bool known = access_check(api->access, &headers, out_caller);
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, wipe_if_authorization, NULL);
	return known || endpoints_is_open(target, method);
}

/* context: a bool that becomes false for a Host that is not loopback. */
static enum MHD_Result
check_if_host(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	if (slice_equal_nocase(slice_of(name), SLICE(MHD_HTTP_HEADER_HOST)))
		*(bool *)context &= value != NULL && socket_host_is_loopback(slice_of(value));
	return MHD_YES;
}

/* A request without Host is allowed: an HTTP/1.0 program may omit it, a browser never does. */
static bool
is_for_loopback(struct listener *listener, struct MHD_Connection *mhd)
{
	bool loopback = true;
	if (!access_needs_token(listener->api->access) && !listener->is_unix)
		MHD_get_connection_values(mhd, MHD_HEADER_KIND, check_if_host, &loopback);
	return loopback;
}

static enum MHD_Result
take_head(struct listener *listener, struct exchange *exchange, struct MHD_Connection *mhd,
    const char *method, const char *version)
{
	struct access *access = listener->api->access;
	struct slice target = exchange_target(exchange), verb = slice_of(method);
	struct caller caller;
	bool logs_in =
	    slice_equal(verb, SLICE("POST")) && slice_equal(url_path(target), SLICE("/session"));
	if (logs_in && access_is_slowed(access))
		return exchange_refuse(
		    exchange, endpoints_error(429, "too many wrong tokens; try again in a minute"));
	bool has_token = header_of(mhd, MHD_HTTP_HEADER_AUTHORIZATION).ptr != NULL;
	bool authorised = is_authorised(listener->api, mhd, target, verb, &caller);
	/* Pages of others can have a browser send this request, but not with a token. */
	if (logs_in && has_token && (!authorised || caller.has_session))
		access_note_failure(access);
	if (!authorised)
		return exchange_refuse(exchange,
		    endpoints_error(401,
			"send the header Authorization: Bearer TOKEN, with the token of [api] "
			"token_file; in a browser, log in at /"));
	if (!is_for_loopback(listener, mhd))
		return exchange_refuse(exchange,
		    endpoints_error(403,
			"without [api] token_file only requests for 127.0.0.1, [::1] or localhost "
			"are answered; send that as Host, or set a token"));
	return exchange_take_head(exchange, method, version, &caller);
}

/* --- callbacks of the library --- */

static void
on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = context;
	const union MHD_ConnectionInfo *info;
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED:
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info != NULL)
			*socket_context = connections_open(
			    listener->connections, info->connect_fd, EXCHANGES_ARRIVAL_US);
		return;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		if (*socket_context != NULL)
			connections_close(listener->connections, *socket_context);
		*socket_context = NULL;
		return;
	}
}

static void *
on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct listener *listener = context;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info == NULL || info->socket_context == NULL)
		return NULL;
	return exchange_new(
	    listener->api->exchanges, listener->streams, info->socket_context, mhd, target);
}

static void
on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	(void)context, (void)mhd, (void)code;
	exchange_free(*request_context);
	*request_context = NULL;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **request_context)
{
	struct exchange *exchange = *request_context;
	(void)url, (void)data;
	if (exchange == NULL)
		return MHD_NO;
	switch (exchange_stage(exchange)) {
	case EXCHANGE_HEAD: return take_head(context, exchange, mhd, method, version);
	case EXCHANGE_BODY:
		if (*data_size == 0)
			return exchange_ask(exchange);
		*data_size = 0;
		return MHD_YES;
	case EXCHANGE_ANSWERED: return exchange_send(exchange);
	}
	return MHD_NO;
}

/* --- start and stop --- */

static enum result
look_at_socket(struct listener *listener, int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return RESULT_IO;
	listener->is_unix = address.ss_family == AF_UNIX;
	if (!socket_is_loopback((const struct sockaddr *)&address))
		listener->api->needs_token = true;
	return RESULT_OK;
}

static void note_start_failure(void *context, const char *format, va_list arguments)
    printf_like(2, 0);

/* libmicrohttpd overwrites errno after a failed start, but logs the cause. While it runs it logs
 * unreadable requests, with their bytes: those are ignored. */
static void
note_start_failure(void *context, const char *format, va_list arguments)
{
	struct listener *listener = context;

	if (atomic_load(&listener->is_starting))
		vsnprintf(
		    listener->start_failure, sizeof listener->start_failure, format, arguments);
}

static enum result
start_listener(struct api *api, size_t index)
{
	struct listener *listener = &api->listeners[index];
	const struct api_options *options = &api->options;
	size_t half = options->connections_max / 2;
	size_t streams = half < STREAMS_MAX ? half : STREAMS_MAX;
	if (streams_new(api->readers, api->workers, streams, &listener->streams) != RESULT_OK ||
	    connections_new(options->connections_max, &listener->connections) != RESULT_OK)
		return RESULT_NO_MEMORY;

	atomic_store(&listener->is_starting, true);
	listener->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, note_start_failure, listener,
	    MHD_OPTION_LISTEN_SOCKET, options->listen_fds[index], MHD_OPTION_CONNECTION_LIMIT,
	    options->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, listener, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
	    MHD_OPTION_END);
	atomic_store(&listener->is_starting, false);
	if (listener->daemon != NULL)
		return RESULT_OK;

	listener->start_failure[strcspn(listener->start_failure, "\n")] = '\0';
	return RESULT_IO;
}

/* Returns the cause that the library has logged, of the listener that did not start. */
static const char *
start_failure_of(const struct api *api)
{
	for (size_t i = 0; i < api->options.listen_count; i++)
		if (api->listeners[i].daemon == NULL && api->listeners[i].start_failure[0] != '\0')
			return api->listeners[i].start_failure;
	return "libmicrohttpd names no cause";
}

static enum result
look_at_sockets(struct api *api, struct failure *failure)
{
	for (size_t i = 0; i < api->options.listen_count; i++) {
		api->listeners[i].api = api;
		if (look_at_socket(&api->listeners[i], api->options.listen_fds[i]) != RESULT_OK)
			return failure_set(
			    failure, RESULT_IO, "a socket of the api: %s", strerror(errno));
	}

	if (api->needs_token && api->options.tokens.operator_token == NULL)
		return failure_set(failure, RESULT_INVALID,
		    "a socket of the api is not loopback: set [api] token_file, or pass one of "
		    "127.0.0.1");
	return RESULT_OK;
}

/* Each part needs the earlier ones; the listeners are last. */
static enum result
start_parts(struct api *api, struct failure *failure)
{
	const struct api_options *options = &api->options;
	unsigned questions = options->connections_max * 2 / 5;
	if (questions > EXCHANGES_QUESTIONS_MAX)
		questions = EXCHANGES_QUESTIONS_MAX;
	enum result result = look_at_sockets(api, failure);
	if (result == RESULT_OK)
		result = workers_start(options->threads, &api->workers, failure);
	if (result != RESULT_OK)
		return result;
	result = readers_new(options->store_path, QUESTION_MAX_US, &api->readers);
	if (result == RESULT_OK)
		result = exchanges_new(&api->options.state, api->readers, api->workers, questions,
		    options->request_timeout_us, &api->exchanges);
	for (size_t i = 0; result == RESULT_OK && i < options->listen_count; i++)
		result = start_listener(api, i);
	if (result == RESULT_OK)
		return RESULT_OK;

	const char *why = result == RESULT_IO ? start_failure_of(api) : result_text(result);
	bool needs_thread = strstr(why, "thread") != NULL;
	return failure_set(failure, result, "the api's listener does not start: %s%s", why,
	    needs_thread ? "; raise TasksMax= of the unit, or ulimit -u" : "");
}

enum result
api_start(const struct api_options *options, struct api **out_api, struct failure *failure)
{
	struct api *api = calloc(1, sizeof *api);
	if (api == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	api->options = *options;
	enum result result = access_new(&options->tokens, &api->access);
	api->options.state.access = api->access;
	result = result == RESULT_OK
		     ? start_parts(api, failure)
		     : failure_set(failure, result, "the api: %s", result_text(result));
	if (result != RESULT_OK) {
		api_stop(api, 0);
		api_free(api);
		return result;
	}
	*out_api = api;
	return RESULT_OK;
}

void
api_notify(struct api *api)
{
	for (size_t i = 0; i < api->options.listen_count; i++)
		streams_notify(api->listeners[i].streams);
}

void
api_tick(struct api *api)
{
	access_tick(api->access);
	uint64_t generation = access_generation(api->access);
	for (size_t i = 0; i < api->options.listen_count; i++) {
		streams_tick(api->listeners[i].streams, generation);
		connections_tick(api->listeners[i].connections);
	}
}

bool
api_needs_token(const struct api *api)
{
	return api->needs_token;
}

bool
api_release_readers(struct api *api, bool release, int64_t timeout_us)
{
	return readers_release(api->readers, release, timeout_us);
}

void
api_set_tokens(struct api *api, const struct api_tokens *tokens)
{
	access_set_tokens(api->access, tokens);
}

/* The library returns a quiesced socket without a shutdown, which would end the socket for systemd,
 * too. */
static void
close_listener(struct api *api, size_t index)
{
	struct MHD_Daemon *daemon = api->listeners[index].daemon;
	if (daemon != NULL && MHD_quiesce_daemon(daemon) == MHD_INVALID_SOCKET)
		return;
	if (api->options.listen_fds[index] >= 0)
		close(api->options.listen_fds[index]);
	api->options.listen_fds[index] = -1;
}

void
api_stop(struct api *api, int64_t until_us)
{
	if (api == NULL)
		return;

	size_t count = api->options.listen_count;
	for (size_t i = 0; i < count; i++)
		close_listener(api, i);
	if (api->exchanges != NULL)
		exchanges_drain(api->exchanges, until_us);
	/* The library must not stop while connections are suspended. The workers resume them. */
	if (api->readers != NULL)
		readers_stop(api->readers);
	if (api->workers != NULL)
		workers_unbound(api->workers);
	for (size_t i = 0; i < count; i++)
		streams_end(api->listeners[i].streams);
	workers_stop(api->workers);
	for (size_t i = 0; i < count; i++)
		if (api->listeners[i].daemon != NULL)
			MHD_stop_daemon(api->listeners[i].daemon);
	/* The projector must be the last to close the store: SQLite then removes the log. */
	if (api->readers != NULL)
		readers_release(api->readers, true, 0);
}

void
api_free(struct api *api)
{
	if (api == NULL)
		return;
	for (size_t i = 0; i < api->options.listen_count; i++) {
		streams_free(api->listeners[i].streams);
		connections_free(api->listeners[i].connections);
	}
	exchanges_free(api->exchanges);
	readers_free(api->readers);
	workers_free(api->workers);
	access_free(api->access);
	free(api);
}
