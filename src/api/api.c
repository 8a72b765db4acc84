#include "dlrd/api/api.h"

#include "dlrd/api/event_stream.h"
#include "dlrd/api/readers.h"
#include "dlrd/api/streams.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUESTION_MAX_US (10 * CLOCK_SECOND_US)
/* On each listener: a few people, a scraper, and the event streams. Below 128 for the reason in
 * api.h, with the two descriptors that are the library's own. */
#define CONNECTIONS_MAX 64u
/* Longer than a stream is silent, so that it cuts only those whose clients do not read. */
#define CONNECTION_TIMEOUT_S 30u
_Static_assert(STREAMS_KEEP_ALIVE_S * 2 < CONNECTION_TIMEOUT_S, "a quiet stream would be cut");
_Static_assert(STREAMS_MAX < CONNECTIONS_MAX, "streams leave room for questions");

/* Each thread is a daemon of the library's with a descriptor of its own for the one socket. A pool
 * would be the same, but that MHD_stop_daemon shuts a pool's socket down: also for systemd, which
 * keeps it for the next start. */
struct listener {
	struct api *api;
	struct MHD_Daemon *threads[API_THREADS_MAX];
	struct streams *streams;
};

struct api {
	struct api_options options;
	pthread_mutex_t token_lock; /* guards options.token */
	struct readers *readers;
	struct listener listeners[API_LISTENERS_MAX];
};

static struct slice
header_of(struct MHD_Connection *mhd, const char *name)
{
	return slice_of(MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name));
}

/* header: Authorization. */
static bool
is_token(struct api *api, struct slice header)
{
	struct slice scheme = SLICE("Bearer "), given = SLICE_NONE;
	if (header.len > scheme.len &&
	    slice_equal_nocase((struct slice){header.ptr, scheme.len}, scheme))
		given = slice_from(header, scheme.len);
	pthread_mutex_lock(&api->token_lock);
	const struct secret *token = api->options.token;
	bool authorised = token == NULL || (given.ptr != NULL && secret_equal(token, given));
	pthread_mutex_unlock(&api->token_lock);
	return authorised;
}

/* The headers lie in memory of the library's, which it gives back as it is: nobody reads this one
 * again. */
static enum MHD_Result
wipe_if_authorization(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)context, (void)kind;
	if (value != NULL &&
	    slice_equal_nocase(slice_of(name), SLICE(MHD_HTTP_HEADER_AUTHORIZATION)))
		wipe((char *)value, strlen(value));
	return MHD_YES;
}

static bool
is_authorised(struct api *api, struct MHD_Connection *mhd, struct slice target)
{
	bool authorised = endpoints_is_open(target) ||
			  is_token(api, header_of(mhd, MHD_HTTP_HEADER_AUTHORIZATION));
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, wipe_if_authorization, NULL);
	return authorised;
}

/* Every header of every answer of this listener: it is for programs and for its own pages. */
static const struct {
	const char *name, *value;
} headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

/* Adds the answer's link, and frees it: the library has a copy. */
static void
add_link(struct MHD_Response *response, struct buffer *link)
{
	buffer_append_byte(link, '\0');
	if (link->len > 1 && !link->failed)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LINK, link->ptr);
	buffer_done(link);
}

static void
add_headers(struct MHD_Response *response, struct api_answer *answer)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	if (answer->status == 401)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (answer->allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	if (answer->link.len > 0)
		add_link(response, &answer->link);
}

static enum MHD_Result
queue(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result queued = MHD_queue_response(mhd, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
send_answer(struct MHD_Connection *mhd, struct api_answer *answer)
{
	struct slice body = buffer_slice(&answer->body);
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    body.len, (void *)body.ptr, answer->body.ptr == NULL ? NULL : free);
	if (response == NULL) {
		endpoints_answer_done(answer);
		return MHD_NO;
	}
	add_headers(response, answer);
	return queue(mhd, answer->status, response);
}

/* A proxy that collects what it passes on (nginx) would keep events back. */
static enum MHD_Result
send_stream(struct listener *listener, struct MHD_Connection *mhd, struct api_answer *answer)
{
	struct MHD_Response *response = streams_open(listener->streams, mhd, answer->stream);
	if (response == NULL) {
		struct api_answer refusal = endpoints_error(503,
		    "%d event streams are open here, and no more are answered; close one, or ask "
		    "for /v1/events?after=",
		    STREAMS_MAX);
		return send_answer(mhd, &refusal);
	}
	add_headers(response, answer);
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	return queue(mhd, answer->status, response);
}

static struct api_answer
answer_request(struct api *api, struct MHD_Connection *mhd, const char *method, struct slice target)
{
	if (!is_authorised(api, mhd, target))
		return endpoints_error(401,
		    "send the header Authorization: Bearer TOKEN, with the token of [api] "
		    "token_file");
	struct slice length = header_of(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const struct api_request request = {.method = slice_of(method),
	    .target = target,
	    .last_event_id = header_of(mhd, "Last-Event-ID"),
	    .origin = header_of(mhd, MHD_HTTP_HEADER_ORIGIN),
	    .has_body = header_of(mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING).ptr != NULL ||
			(length.ptr != NULL && !slice_equal(length, SLICE("0")))};
	struct store_reader *reader = readers_borrow(api->readers);
	struct api_answer answer = endpoints_answer(&api->options.state, reader, &request);
	readers_give_back(api->readers, reader);
	return answer;
}

static void *
on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	(void)context, (void)mhd;
	return strdup(target);
}

static void
on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	(void)context, (void)mhd, (void)code;
	free(*request_context);
	*request_context = NULL;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **request_context)
{
	struct listener *listener = context;
	(void)url, (void)version, (void)data, (void)data_size;
	if (*request_context == NULL)
		return MHD_NO;
	struct api_answer answer =
	    answer_request(listener->api, mhd, method, slice_of(*request_context));
	return answer.stream != NULL ? send_stream(listener, mhd, &answer)
				     : send_answer(mhd, &answer);
}

static struct MHD_Daemon *
start_thread(struct listener *listener, int fd)
{
	const struct api_options *options = &listener->api->options;
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
	    NULL, on_request, listener, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    CONNECTIONS_MAX / options->threads, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, listener->api, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, listener->api, MHD_OPTION_END);
}

static enum result
start_listener(struct api *api, size_t index)
{
	struct listener *listener = &api->listeners[index];
	listener->api = api;
	if (streams_new(api->readers, &listener->streams) != RESULT_OK)
		return RESULT_NO_MEMORY;
	for (unsigned i = 0; i < api->options.threads; i++) {
		int fd = fcntl(api->options.listen_fds[index], F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return RESULT_IO;
		listener->threads[i] = start_thread(listener, fd);
		if (listener->threads[i] == NULL) {
			close(fd);
			return RESULT_IO;
		}
	}
	return RESULT_OK;
}

enum result
api_start(const struct api_options *options, struct api **out_api, struct failure *failure)
{
	struct api *api = calloc(1, sizeof *api);
	if (api == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	api->options = *options;
	pthread_mutex_init(&api->token_lock, NULL);
	enum result result = readers_new(options->store_path, QUESTION_MAX_US, &api->readers);
	for (size_t i = 0; result == RESULT_OK && i < options->listen_count; i++)
		result = start_listener(api, i);
	if (result != RESULT_OK) {
		failure_set(failure, result, "the api's listener does not start: %s",
		    result == RESULT_IO ? strerror(errno) : result_text(result));
		api_stop(api);
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
	for (size_t i = 0; i < api->options.listen_count; i++)
		streams_tick(api->listeners[i].streams);
}

bool
api_release_readers(struct api *api, bool release, int64_t timeout_us)
{
	return readers_release(api->readers, release, timeout_us);
}

void
api_set_token(struct api *api, const struct secret *token)
{
	pthread_mutex_lock(&api->token_lock);
	api->options.token = token;
	pthread_mutex_unlock(&api->token_lock);
}

static void
stop_listener(struct listener *listener)
{
	if (listener->streams != NULL)
		streams_end(listener->streams);
	for (unsigned i = 0; i < API_THREADS_MAX; i++) {
		if (listener->threads[i] != NULL)
			MHD_stop_daemon(listener->threads[i]);
		listener->threads[i] = NULL;
	}
}

void
api_stop(struct api *api)
{
	if (api == NULL)
		return;
	for (size_t i = 0; i < api->options.listen_count; i++) {
		stop_listener(&api->listeners[i]);
		if (api->options.listen_fds[i] >= 0)
			close(api->options.listen_fds[i]);
		api->options.listen_fds[i] = -1;
	}
	/* The projector closes the store's last connection, which leaves no log. */
	readers_release(api->readers, true, 0);
}

void
api_free(struct api *api)
{
	if (api == NULL)
		return;
	for (size_t i = 0; i < api->options.listen_count; i++)
		streams_free(api->listeners[i].streams);
	readers_free(api->readers);
	pthread_mutex_destroy(&api->token_lock);
	free(api);
}
