#define _GNU_SOURCE /* POLLRDHUP */
#include "streams.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/base/thread.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)32 * 1024) /* that the library reads at a time */
#define KEPT_BYTES ((size_t)64 * 1024)  /* of a stream's buffer, kept between two batches */

#define LAST_WORDS_US (CLOCK_SECOND_US / 2) /* to send the ends of streams, at a stop */

enum stream_state {
	STREAM_RUNNING,
	STREAM_READING, /* suspended; a job reads the store, or is queued */
	STREAM_WAITING, /* suspended until there are new events */
	STREAM_RESUMED, /* resumed, but the library has not run it yet */
};

struct stream {
	struct job job;
	struct streams *owner;
	struct MHD_Connection *mhd;
	int fd;
	/* Used by a worker in STREAM_READING, otherwise by the library's thread. last_us is written
	 * under the lock. */
	struct event_stream *events;
	struct buffer text; /* to be sent ... */
	size_t sent;        /* ... and how much of it has been */
	size_t held;        /* bytes that the workers count for this stream */
	bool failed;        /* the store could not be read, or memory is short */
	uint64_t generation;
	int64_t last_us; /* monotonic; when bytes were last written */
	/* Under the lock. */
	enum stream_state state;
	bool outdated; /* it must end */
	struct stream *previous, *next;
};

struct streams {
	struct readers *readers;
	struct workers *workers;
	size_t max;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t ran;   /* a stream has run, or is gone */
	struct stream *first;
	size_t count;
	uint64_t news; /* the number of calls of streams_notify */
	bool ending;
};

enum result
streams_new(
    struct readers *readers, struct workers *workers, size_t max, struct streams **out_streams)
{
	struct streams *streams = calloc(1, sizeof *streams);
	if (streams == NULL)
		return RESULT_NO_MEMORY;
	streams->readers = readers;
	streams->workers = workers;
	streams->max = max;
	pthread_mutex_init(&streams->lock, NULL);

	thread_condition_init(&streams->ran);
	*out_streams = streams;
	return RESULT_OK;
}

size_t
streams_max(const struct streams *streams)
{
	return streams->max;
}

/* --- waiting and waking --- */

/* Under the lock. */
static void
resume(struct stream *stream)
{
	stream->state = STREAM_RESUMED;
	MHD_resume_connection(stream->mhd);
}

/* Under the lock, for a suspended stream. */
static void
look(struct stream *stream)
{
	stream->state = STREAM_READING;
	workers_submit(stream->owner->workers, &stream->job);
}

/* Suspends the stream, and has a worker read the store. Returns false if the stream must end. */
static bool
suspend(struct stream *stream)
{
	struct streams *owner = stream->owner;
	pthread_mutex_lock(&owner->lock);
	bool goes_on = !owner->ending && !stream->outdated;
	if (goes_on) {
		MHD_suspend_connection(stream->mhd);
		look(stream);
	}
	pthread_mutex_unlock(&owner->lock);
	return goes_on;
}

/* Records that the stream runs. Returns false if it must end. */
static bool
run(struct stream *stream)
{
	struct streams *owner = stream->owner;
	pthread_mutex_lock(&owner->lock);
	stream->state = STREAM_RUNNING;
	pthread_cond_broadcast(&owner->ran);
	bool goes_on = !owner->ending && !stream->outdated;
	pthread_mutex_unlock(&owner->lock);
	return goes_on;
}

void
streams_notify(struct streams *streams)
{
	pthread_mutex_lock(&streams->lock);
	streams->news++;
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next)
		if (stream->state == STREAM_WAITING)
			look(stream);
	pthread_mutex_unlock(&streams->lock);
}

/* A client that has closed its side of the connection counts as gone. */
static bool
is_gone(const struct stream *stream)
{
	struct pollfd look = {.fd = stream->fd, .events = POLLRDHUP};
	return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool
is_silent(const struct stream *stream, int64_t now_us)
{
	return now_us - stream->last_us >= STREAMS_KEEP_ALIVE_S * CLOCK_SECOND_US;
}

void
streams_tick(struct streams *streams, uint64_t generation)
{
	int64_t now_us = clock_monotonic_us();
	pthread_mutex_lock(&streams->lock);
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
		stream->outdated |= stream->generation < generation;
		if (stream->state == STREAM_WAITING && stream->outdated)
			resume(stream);
		else if (stream->state == STREAM_WAITING &&
			 (is_silent(stream, now_us) || is_gone(stream)))
			look(stream);
	}
	pthread_mutex_unlock(&streams->lock);
}

/* --- on a worker --- */

/* Appends new events to the text, or a keep-alive if one is due. */
static void
read_news(struct stream *stream)
{
	static struct log_limit limit;
	struct store_reader *reader = readers_borrow(stream->owner->readers);
	enum result result =
	    reader == NULL ? RESULT_IO : event_stream_read(stream->events, reader, &stream->text);
	uint64_t swallowed;
	if (reader != NULL && result != RESULT_OK && log_limit_allows(&limit, 1, &swallowed))
		log_line(LOG_WARNING, "an event stream is cut; its client may reconnect: %s",
		    result_text(result));

	readers_give_back(stream->owner->readers, reader);
	stream->failed = result != RESULT_OK;
	if (stream->text.len == 0 && is_silent(stream, clock_monotonic_us()))
		event_stream_keep_alive(&stream->text);
	stream->failed |= stream->text.failed;
	workers_hold(stream->owner->workers, stream->text.cap - stream->held);
	stream->held = stream->text.cap;
}

static void
look_for_news(struct job *job)
{
	struct stream *stream = (struct stream *)job;
	struct streams *owner = stream->owner;
	pthread_mutex_lock(&owner->lock);
	uint64_t seen = owner->news;
	bool ends = owner->ending;
	pthread_mutex_unlock(&owner->lock);

	stream->failed = is_gone(stream);
	if (!stream->failed && !ends)
		read_news(stream);

	pthread_mutex_lock(&owner->lock);
	if (stream->failed || stream->text.len > 0 || owner->ending)
		resume(stream);
	else if (owner->news != seen)
		look(stream);
	else
		stream->state = STREAM_WAITING;
	pthread_mutex_unlock(&owner->lock);
}

/* --- sending --- */

static void
forget_sent(struct stream *stream)
{
	if (stream->text.cap > KEPT_BYTES) {
		buffer_done(&stream->text);
		workers_release(stream->owner->workers, stream->held);
		stream->held = 0;
	}
	buffer_clear(&stream->text);
	stream->sent = 0;
}

/* Copies the next bytes of the text to the library. */
static ssize_t
send_text(struct stream *stream, char *out, size_t max)
{
	size_t left = stream->text.len - stream->sent, len = left < max ? left : max;
	memcpy(out, stream->text.ptr + stream->sent, len);
	stream->sent += len;
	pthread_mutex_lock(&stream->owner->lock);
	stream->last_us = clock_monotonic_us();
	pthread_mutex_unlock(&stream->owner->lock);
	return (ssize_t)len;
}

/* The library's content reader. Sends the rest of the text, or suspends the stream. */
static ssize_t
on_more(void *context, uint64_t position, char *out, size_t max)
{
	struct stream *stream = context;
	(void)position;
	if (!run(stream))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (stream->failed)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->sent < stream->text.len)
		return send_text(stream, out, max);
	forget_sent(stream);
	return suspend(stream) ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
}

/* --- life --- */

/* Adds the stream to the list. Returns false if there is no room, or at the end. */
static bool
enter(struct streams *streams, struct stream *stream)
{
	pthread_mutex_lock(&streams->lock);
	bool fits = streams->count < streams->max && !streams->ending;
	if (fits) {
		stream->next = streams->first;
		if (streams->first != NULL)
			streams->first->previous = stream;
		streams->first = stream;
		streams->count++;
	}
	pthread_mutex_unlock(&streams->lock);
	return fits;
}

static void
leave(struct stream *stream)
{
	struct streams *owner = stream->owner;
	pthread_mutex_lock(&owner->lock);
	if (stream->previous != NULL)
		stream->previous->next = stream->next;
	else
		owner->first = stream->next;
	if (stream->next != NULL)
		stream->next->previous = stream->previous;
	owner->count--;
	pthread_cond_broadcast(&owner->ran);
	pthread_mutex_unlock(&owner->lock);
}

static void
free_stream(struct stream *stream)
{
	event_stream_free(stream->events);
	buffer_done(&stream->text);
	workers_release(stream->owner->workers, stream->held);
	free(stream);
}

/* Called by the library when the response is no longer in use. */
static void
on_free(void *context)
{
	struct stream *stream = context;
	leave(stream);
	free_stream(stream);
}

static int
socket_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info == NULL ? -1 : info->connect_fd;
}

struct MHD_Response *
streams_open(struct streams *streams, struct MHD_Connection *mhd, struct event_stream *events,
    uint64_t generation)
{
	struct stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL) {
		event_stream_free(events);
		return NULL;
	}

	stream->job.run = look_for_news;
	stream->owner = streams;
	stream->mhd = mhd;
	stream->fd = socket_of(mhd);
	stream->events = events;
	stream->generation = generation;
	stream->last_us = clock_monotonic_us();
	event_stream_begin(&stream->text);
	if (stream->text.failed || !enter(streams, stream)) {
		free_stream(stream);
		return NULL;
	}

	struct MHD_Response *response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_more, stream, on_free);
	if (response == NULL)
		on_free(stream);
	return response;
}

/* Under the lock. */
static bool
any_waits(const struct streams *streams)
{
	for (const struct stream *stream = streams->first; stream != NULL; stream = stream->next)
		if (stream->state != STREAM_RUNNING)
			return true;
	return false;
}

/* Under the lock. Waits until the last chunks are sent, but not long: a client may not read. */
static void
wait_for_last_words(struct streams *streams)
{
	int64_t until_us = clock_monotonic_us() + LAST_WORDS_US;
	while (streams->count > 0 && thread_wait_until(&streams->ran, &streams->lock, until_us))
		continue;
}

void
streams_end(struct streams *streams)
{
	if (streams == NULL)
		return;
	pthread_mutex_lock(&streams->lock);
	streams->ending = true;
	for (struct stream *stream = streams->first; stream != NULL; stream = stream->next)
		if (stream->state == STREAM_WAITING)
			resume(stream);
	while (any_waits(streams))
		pthread_cond_wait(&streams->ran, &streams->lock);
	wait_for_last_words(streams);
	pthread_mutex_unlock(&streams->lock);
}

void
streams_free(struct streams *streams)
{
	if (streams == NULL)
		return;
	pthread_cond_destroy(&streams->ran);
	pthread_mutex_destroy(&streams->lock);
	free(streams);
}
