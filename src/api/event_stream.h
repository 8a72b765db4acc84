/* event_stream: writes events as server-sent events (html.spec.whatwg.org, section 9.2).
 *
 * A stream remembers the last event that it has written. Each call writes newer events; the caller
 * decides when to call, and waits in between. The id of an event is its seq, so a client that
 * reconnects continues after the last event that it received. One thread at a time. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/engine/events_reader.h"

#define EVENT_STREAM_EVENTS_MAX 100 /* written by one call */

struct event_stream;

/* Begins after the filter's after_seq. Its type, workspace, campaign and variant are copied.
 * masked: numbers are (mask.h). */
must_check enum result event_stream_new(
    const struct event_filter *filter, bool masked, struct event_stream **out_stream);

/* Appends the beginning of a stream: the time after which to reconnect if it is cut. */
void event_stream_begin(struct buffer *out);

/* Appends new events, EVENT_STREAM_EVENTS_MAX at most. If none of many events passed the filter and
 * there are more to read, appends a keep-alive. If there are no new events, appends nothing. On
 * failure, out has the events that were read before, and later calls do not repeat them. */
must_check enum result event_stream_read(
    struct event_stream *stream, struct store_reader *reader, struct buffer *out);

/* Appends a comment, which only shows that the stream is alive. */
void event_stream_keep_alive(struct buffer *out);

/* Accepts NULL. */
void event_stream_free(struct event_stream *stream);
