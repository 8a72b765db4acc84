#include "exchange.h"

#include "dlrd/base/thread.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)32 * 1024) /* that the library reads at a time */

struct exchanges {
	const struct endpoints_state *state;
	struct readers *readers;
	struct workers *workers;
	unsigned questions_max;
	int64_t request_timeout_us;
	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t changed; /* a question has ended; on the monotonic clock */
	unsigned questions;     /* in progress */
	bool draining, ended;
};

struct exchange {
	struct job job;
	struct exchanges *owner;
	struct streams *streams;
	struct connection *connection;
	struct MHD_Connection *mhd;
	char *target;
	enum exchange_stage stage;
	struct api_request request; /* its texts belong to the library until the request ends */
	bool http_1_0;
	bool counted; /* in the owner's questions */
	/* Used by a worker while the connection is suspended, otherwise by the library's thread. */
	struct api_answer answer;
	struct buffer page; /* of a list in pages; the library has the first sent bytes */
	size_t sent;
	size_t held; /* bytes that the workers count for this answer */
	bool failed; /* the next page could not be read */
};

/* --- shared state --- */

enum result
exchanges_new(const struct endpoints_state *state, struct readers *readers, struct workers *workers,
    unsigned questions_max, int64_t request_timeout_us, struct exchanges **out_exchanges)
{
	struct exchanges *exchanges = calloc(1, sizeof *exchanges);
	if (exchanges == NULL)
		return RESULT_NO_MEMORY;
	exchanges->state = state;
	exchanges->readers = readers;
	exchanges->workers = workers;
	exchanges->questions_max = questions_max;
	exchanges->request_timeout_us = request_timeout_us;
	pthread_mutex_init(&exchanges->lock, NULL);

	thread_condition_init(&exchanges->changed);
	*out_exchanges = exchanges;
	return RESULT_OK;
}

void
exchanges_drain(struct exchanges *exchanges, int64_t until_us)
{
	pthread_mutex_lock(&exchanges->lock);
	exchanges->draining = true;
	while (exchanges->questions > 0 &&
	       thread_wait_until(&exchanges->changed, &exchanges->lock, until_us))
		continue;
	exchanges->ended = true;
	pthread_mutex_unlock(&exchanges->lock);
}

void
exchanges_free(struct exchanges *exchanges)
{
	if (exchanges == NULL)
		return;
	pthread_cond_destroy(&exchanges->changed);
	pthread_mutex_destroy(&exchanges->lock);
	free(exchanges);
}

/* Counts the question. Returns false, with the reason, if it must be refused. */
static bool
begin_question(struct exchange *exchange, const char **out_why)
{
	struct exchanges *owner = exchange->owner;
	pthread_mutex_lock(&owner->lock);
	*out_why = owner->draining ? "dlrd is stopping" : "too many questions are in progress";
	exchange->counted = !owner->draining && owner->questions < owner->questions_max;
	owner->questions += exchange->counted ? 1 : 0;
	pthread_mutex_unlock(&owner->lock);
	return exchange->counted;
}

static void
end_question(struct exchange *exchange)
{
	struct exchanges *owner = exchange->owner;
	if (!exchange->counted)
		return;
	exchange->counted = false;
	pthread_mutex_lock(&owner->lock);
	owner->questions--;
	pthread_cond_broadcast(&owner->changed);
	pthread_mutex_unlock(&owner->lock);
}

/* --- the memory that an answer holds --- */

static void
hold(struct exchange *exchange, size_t bytes)
{
	if (bytes > exchange->held)
		workers_hold(exchange->owner->workers, bytes - exchange->held);
	else if (bytes < exchange->held)
		workers_release(exchange->owner->workers, exchange->held - bytes);
	exchange->held = bytes;
}

/* --- jobs --- */

/* Whether the answer can no longer be sent. */
static bool
is_pointless(struct exchange *exchange)
{
	struct exchanges *owner = exchange->owner;
	pthread_mutex_lock(&owner->lock);
	bool ended = owner->ended;
	pthread_mutex_unlock(&owner->lock);
	return ended || connection_is_late(exchange->connection);
}

static void
answer_question(struct job *job)
{
	struct exchange *exchange = (struct exchange *)job;
	struct exchanges *owner = exchange->owner;
	struct store_reader *reader = NULL;
	if (is_pointless(exchange))
		exchange->answer = endpoints_error(503, "this took too long");
	else {
		if (endpoints_needs_store(exchange->request.target))
			reader = readers_borrow(owner->readers);
		exchange->answer = endpoints_answer(owner->state, reader, &exchange->request);
		readers_give_back(owner->readers, reader);
	}
	hold(exchange, exchange->answer.body.cap);
	MHD_resume_connection(exchange->mhd);
}

static void
read_page(struct job *job)
{
	struct exchange *exchange = (struct exchange *)job;
	struct exchanges *owner = exchange->owner;
	struct store_reader *reader = NULL;

	bool pointless = is_pointless(exchange);
	if (!pointless && endpoints_needs_store(exchange->request.target))
		reader = readers_borrow(owner->readers);
	exchange->failed = pointless || endpoints_next_page(&exchange->answer, reader,
					    &exchange->page) != RESULT_OK;
	readers_give_back(owner->readers, reader);
	hold(exchange, exchange->page.cap);
	MHD_resume_connection(exchange->mhd);
}

/* The connection is suspended first: the job may resume it before this returns. */
static void
submit(struct exchange *exchange, void (*run)(struct job *job))
{
	exchange->job.run = run;
	MHD_suspend_connection(exchange->mhd);
	workers_submit(exchange->owner->workers, &exchange->job);
}

/* --- answers --- */

/* The library's content reader. Sends the rest of the page, then has a worker read the next one. */
static ssize_t
on_more(void *context, uint64_t position, char *out, size_t max)
{
	struct exchange *exchange = context;
	size_t left = exchange->page.len - exchange->sent, len = left < max ? left : max;
	(void)position;
	if (exchange->failed) {
		if (exchange->http_1_0)
			connection_reset(exchange->connection);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (left > 0) {
		memcpy(out, exchange->page.ptr + exchange->sent, len);
		exchange->sent += len;
		return (ssize_t)len;
	}
	if (exchange->answer.rest == NULL)
		return MHD_CONTENT_READER_END_OF_STREAM;
	buffer_done(&exchange->page);
	exchange->sent = 0;
	/* Otherwise lists that wait for their next pages could hold all bytes, and no job would
	 * start. */
	hold(exchange, 0);
	submit(exchange, read_page);
	return 0;
}

/* The library would send a last chunk after the answer to a HEAD, and a client would read it as the
 * start of the next answer. So HEAD is answered without chunks, and the connection is closed. */
static void
leave_out_chunks(const struct exchange *exchange, struct MHD_Response *response)
{
	if (slice_equal(exchange->request.method, SLICE("HEAD")))
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

static struct MHD_Response *
make_pages(struct exchange *exchange)
{
	exchange->page = exchange->answer.body;
	exchange->answer.body = BUFFER_EMPTY;
	struct MHD_Response *response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_more, exchange, NULL);
	if (response != NULL)
		leave_out_chunks(exchange, response);
	return response;
}

/* The library's function for bytes that stay is replaced (intake/error_pages.c). */
static struct MHD_Response *
make_file(const struct api_answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    answer->file.len, (void *)answer->file.ptr, NULL);
	if (response == NULL)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	if (answer->file_is_gzipped)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return response;
}

static struct MHD_Response *
make_whole(struct exchange *exchange)
{
	if (exchange->answer.file.ptr != NULL)
		return make_file(&exchange->answer);
	struct buffer body = exchange->answer.body;
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    body.len, (void *)buffer_slice(&body).ptr, body.ptr == NULL ? NULL : free);
	if (response != NULL)
		exchange->answer.body = BUFFER_EMPTY; /* owned by the response now */
	return response;
}

/* Headers of every answer. */
static const struct {
	const char *name, *value;
} headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static const char usual_cache[] = "no-store";
static const char usual_policy[] = "default-src 'none'; frame-ancestors 'none'";

/* Adds a text of the answer, and frees it, since the library copies it. */
static void
add_text(struct MHD_Response *response, const char *name, struct buffer *text)
{
	buffer_append_byte(text, '\0');
	if (text->len > 1 && !text->failed)
		MHD_add_response_header(response, name, text->ptr);
	buffer_done(text);
}

static void
add_headers(struct MHD_Response *response, struct api_answer *answer)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
	    answer->cache != NULL ? answer->cache : usual_cache);
	MHD_add_response_header(response, "Content-Security-Policy",
	    answer->policy != NULL ? answer->policy : usual_policy);
	if (answer->etag != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, answer->etag);
	if (answer->status == 401)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (answer->allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	if (answer->link.len > 0)
		add_text(response, MHD_HTTP_HEADER_LINK, &answer->link);
	if (answer->cookie.len > 0)
		add_text(response, MHD_HTTP_HEADER_SET_COOKIE, &answer->cookie);
}

/* X-Accel-Buffering: nginx would otherwise buffer events. */
static struct MHD_Response *
make_stream(struct exchange *exchange)
{
	struct event_stream *events = exchange->answer.stream;
	exchange->answer.stream = NULL;
	struct MHD_Response *response = streams_open(
	    exchange->streams, exchange->mhd, events, exchange->request.caller.generation);
	if (response == NULL)
		return NULL;
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	leave_out_chunks(exchange, response);
	connection_keep(exchange->connection, 0);
	end_question(exchange);
	return response;
}

static struct api_answer
refuse_stream(const struct streams *streams)
{
	return endpoints_error(503,
	    "%zu event streams are open here, and no more are answered; close one, or ask "
	    "for /v1/events?after=",
	    streams_max(streams));
}

enum MHD_Result
exchange_send(struct exchange *exchange)
{
	struct MHD_Response *response = NULL;
	if (exchange->answer.stream != NULL) {
		response = make_stream(exchange);
		if (response == NULL)
			exchange->answer = refuse_stream(exchange->streams);
	}
	if (response == NULL)
		response =
		    exchange->answer.rest != NULL ? make_pages(exchange) : make_whole(exchange);
	if (response == NULL)
		return MHD_NO;

	add_headers(response, &exchange->answer);
	enum MHD_Result queued =
	    MHD_queue_response(exchange->mhd, exchange->answer.status, response);
	MHD_destroy_response(response);
	return queued;
}

enum MHD_Result
exchange_refuse(struct exchange *exchange, struct api_answer answer)
{
	exchange->answer = answer;
	return exchange_send(exchange);
}

/* --- one request --- */

struct exchange *
exchange_new(struct exchanges *owner, struct streams *streams, struct connection *connection,
    struct MHD_Connection *mhd, const char *target)
{
	struct exchange *exchange = calloc(1, sizeof *exchange);
	if (exchange == NULL || (exchange->target = strdup(target)) == NULL) {
		free(exchange);
		return NULL;
	}
	exchange->owner = owner;
	exchange->streams = streams;
	exchange->connection = connection;
	exchange->mhd = mhd;
	connection_loosen(connection, EXCHANGES_ARRIVAL_US);
	return exchange;
}

enum exchange_stage
exchange_stage(const struct exchange *exchange)
{
	return exchange->stage;
}

struct slice
exchange_target(const struct exchange *exchange)
{
	return slice_of(exchange->target);
}

static struct slice
header_of(const struct exchange *exchange, const char *name)
{
	return slice_of(MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name));
}

static enum MHD_Result
answer_quickly(struct exchange *exchange)
{
	return exchange_refuse(
	    exchange, endpoints_answer(exchange->owner->state, NULL, &exchange->request));
}

/* Browsers send "gzip, deflate, br". A gzip with a weight ("gzip;q=0") is left out. */
static bool
accepts_gzip(struct slice header)
{
	while (header.ptr != NULL)
		if (slice_equal_nocase(slice_trim(slice_take(&header, ',')), SLICE("gzip")))
			return true;
	return false;
}

enum MHD_Result
exchange_take_head(
    struct exchange *exchange, const char *method, const char *version, const struct caller *caller)
{
	struct slice length = header_of(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
	exchange->http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	exchange->request = (struct api_request){.method = slice_of(method),
	    .target = exchange_target(exchange),
	    .last_event_id = header_of(exchange, "Last-Event-ID"),
	    .origin = header_of(exchange, MHD_HTTP_HEADER_ORIGIN),
	    .cookie = header_of(exchange, MHD_HTTP_HEADER_COOKIE),
	    .caller = *caller,
	    .if_none_match = header_of(exchange, MHD_HTTP_HEADER_IF_NONE_MATCH),
	    .accepts_gzip = accepts_gzip(header_of(exchange, MHD_HTTP_HEADER_ACCEPT_ENCODING)),
	    .has_body = header_of(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING).ptr != NULL ||
			(length.ptr != NULL && !slice_equal(length, SLICE("0")))};
	exchange->stage = EXCHANGE_BODY;

	/* An answer before the body has come closes the connection. */
	bool at_once = endpoints_is_quick(exchange->request.target) && exchange->request.has_body;
	return at_once ? answer_quickly(exchange) : MHD_YES;
}

enum MHD_Result
exchange_ask(struct exchange *exchange)
{
	const char *why;
	if (endpoints_is_quick(exchange->request.target))
		return answer_quickly(exchange);
	if (!begin_question(exchange, &why))
		return exchange_refuse(exchange, endpoints_error(503, "%s; retry later", why));
	connection_keep(exchange->connection, exchange->owner->request_timeout_us);
	exchange->stage = EXCHANGE_ANSWERED;
	submit(exchange, answer_question);
	return MHD_YES;
}

void
exchange_free(struct exchange *exchange)
{
	if (exchange == NULL)
		return;
	connection_loosen(exchange->connection, EXCHANGES_IDLE_US);
	hold(exchange, 0);
	end_question(exchange);
	endpoints_answer_done(&exchange->answer);
	buffer_done(&exchange->page);
	free(exchange->target);
	free(exchange);
}
