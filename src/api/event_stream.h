/* event_stream: the feed of events as server-sent events (html.spec.whatwg.org, section 9.2).
 *
 * Knows how far it has told, and writes what is new since; whoever holds it decides when to look
 * and waits in between. An event's id is its seq, so that a client that comes back goes on where it
 * was. One thread at a time. */
#ifndef DLRD_API_EVENT_STREAM_H
#define DLRD_API_EVENT_STREAM_H

#include "dlrd/base/buffer.h"
#include "dlrd/store/reader.h"

#define EVENT_STREAM_EVENTS_MAX 100 /* told at a time */

struct event_stream;

/* filter's type, workspace, campaign and variant are copied; events behind after_seq are told. */
must_check enum result event_stream_new(
    const struct event_filter *filter, struct event_stream **out_stream);

/* How the stream begins: when to come back after it was cut. */
void event_stream_begin(struct buffer *out);

/* Appends what is new, at most EVENT_STREAM_EVENTS_MAX events; a comment where it looked at many
 * events and none of them passed the filter, and has not come to the end; nothing where there is
 * nothing new. What came before a failure stands in out, and will not be told again. */
must_check enum result event_stream_read(
    struct event_stream *stream, struct store_reader *reader, struct buffer *out);

/* A line that says nothing but that the stream is alive. */
void event_stream_keep_alive(struct buffer *out);

/* Accepts NULL. */
void event_stream_free(struct event_stream *stream);

#endif
