#include "dlrd/api/api.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUESTION_MAX_US (10 * CLOCK_SECOND_US)
#define CONNECTIONS_MAX 64u /* on each listener: a few people and a scraper */
#define CONNECTION_TIMEOUT_S 30u
#define READERS_MAX (API_LISTENERS_MAX * API_THREADS_MAX)

struct api {
	struct api_options options;
	struct MHD_Daemon *daemons[API_LISTENERS_MAX];
	pthread_mutex_t lock; /* guards readers, reader_count */
	struct store_reader *readers[READERS_MAX];
	size_t reader_count;
};

/* An open connection that nobody uses, or a new one; NULL when the store cannot be opened. */
static struct store_reader *
borrow_reader(struct api *api)
{
	struct store_reader *reader = NULL;
	struct failure failure;
	pthread_mutex_lock(&api->lock);
	if (api->reader_count > 0)
		reader = api->readers[--api->reader_count];
	pthread_mutex_unlock(&api->lock);
	if (reader == NULL &&
	    store_reader_open(api->options.store_path, &reader, &failure) != RESULT_OK) {
		log_line(LOG_ERROR, "the api cannot open the store: %s", failure.text);
		return NULL;
	}
	store_reader_set_limit(reader, QUESTION_MAX_US);
	return reader;
}

static void
give_back_reader(struct api *api, struct store_reader *reader)
{
	if (reader == NULL)
		return;
	pthread_mutex_lock(&api->lock);
	if (api->reader_count < READERS_MAX) {
		api->readers[api->reader_count++] = reader;
		reader = NULL;
	}
	pthread_mutex_unlock(&api->lock);
	store_reader_close(reader);
}

static bool
is_authorised(const struct api *api, struct MHD_Connection *mhd, struct slice target)
{
	if (api->options.token == NULL || endpoints_is_open(target))
		return true;
	struct slice header = slice_of(
	    MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION));
	struct slice scheme = SLICE("Bearer ");
	return header.len > scheme.len &&
	       slice_equal_nocase((struct slice){header.ptr, scheme.len}, scheme) &&
	       secret_equal(api->options.token, slice_from(header, scheme.len));
}

/* Every header of every answer of this listener: it is for programs and for its own pages. */
static const struct {
	const char *name, *value;
} headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

static enum MHD_Result
send_answer(struct MHD_Connection *mhd, struct api_answer *answer)
{
	struct slice body = buffer_slice(&answer->body);
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    body.len, (void *)body.ptr, answer->body.ptr == NULL ? NULL : free);
	if (response == NULL) {
		buffer_done(&answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	if (answer->status == 401)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (answer->status == 405)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result queued = MHD_queue_response(mhd, answer->status, response);
	MHD_destroy_response(response);
	return queued;
}

static struct api_answer
answer_request(struct api *api, struct MHD_Connection *mhd, const char *method, struct slice target)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return endpoints_error(405, "only GET is answered here");
	if (!is_authorised(api, mhd, target))
		return endpoints_error(401,
		    "send the header Authorization: Bearer TOKEN, with the token of [api] "
		    "token_file");
	struct store_reader *reader = borrow_reader(api);
	struct api_answer answer = endpoints_answer(&api->options.state, reader, target);
	give_back_reader(api, reader);
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
	(void)url, (void)version, (void)data, (void)data_size;
	if (*request_context == NULL)
		return MHD_NO;
	struct api_answer answer = answer_request(context, mhd, method, slice_of(*request_context));
	return send_answer(mhd, &answer);
}

static enum result
start_daemon(struct api *api, size_t index)
{
	api->daemons[index] = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL,
	    on_request, api, MHD_OPTION_LISTEN_SOCKET, api->options.listen_fds[index],
	    MHD_OPTION_THREAD_POOL_SIZE, api->options.threads > 1 ? api->options.threads : 0u,
	    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	    CONNECTION_TIMEOUT_S, MHD_OPTION_URI_LOG_CALLBACK, on_target, api,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, api, MHD_OPTION_END);
	if (api->daemons[index] == NULL)
		return RESULT_IO;
	api->options.listen_fds[index] = -1; /* the library's now */
	return RESULT_OK;
}

enum result
api_start(const struct api_options *options, struct api **out_api, struct failure *failure)
{
	struct api *api = calloc(1, sizeof *api);
	if (api == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	api->options = *options;
	pthread_mutex_init(&api->lock, NULL);
	for (size_t i = 0; i < options->listen_count; i++)
		if (start_daemon(api, i) != RESULT_OK) {
			failure_set(failure, RESULT_IO, "the api's listener does not start: %s",
			    strerror(errno));
			api_stop(api);
			return RESULT_IO;
		}
	*out_api = api;
	return RESULT_OK;
}

void
api_stop(struct api *api)
{
	if (api == NULL)
		return;
	for (size_t i = 0; i < api->options.listen_count; i++) {
		if (api->daemons[i] != NULL)
			MHD_stop_daemon(api->daemons[i]);
		else if (api->options.listen_fds[i] >= 0)
			close(api->options.listen_fds[i]);
	}
	while (api->reader_count > 0)
		store_reader_close(api->readers[--api->reader_count]);
	pthread_mutex_destroy(&api->lock);
	free(api);
}
