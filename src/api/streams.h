/* streams: the open event streams of one listener, which wait suspended until there is news.
 *
 * A stream has no thread of its own. When libmicrohttpd asks its content reader for more than there
 * is, the connection is suspended and a worker looks into the store. If there is news, the worker
 * resumes the connection; if there is none, it stays suspended, and streams_notify submits the next
 * look. No wake-up is lost: each notify has a number, the worker reads it before it looks, and
 * looks once more if it has changed since.
 *
 * A suspended connection has no timeout and does not notice that its client has gone; streams_tick
 * looks for that, and lets a keep-alive be sent. A client that does not read is asked nothing more
 * by the library, so it holds one batch of events at most, until the connection times out.
 *
 * Threads: notify and tick from any; open and the readers on the library's; end and free on the
 * owner's. */
#ifndef DLRD_API_STREAMS_H
#define DLRD_API_STREAMS_H

#include "dlrd/api/workers.h"
#include "event_stream.h"
#include "readers.h"

#define STREAMS_MAX 16 /* open at a time: a few pages and programs, and room for questions */
#define STREAMS_KEEP_ALIVE_S \
	10 /* a proxy's patience is seldom below a minute, a browser's longer */

struct MHD_Connection;
struct MHD_Response;
struct streams;

/* readers and workers are borrowed. */
must_check enum result streams_new(
    struct readers *readers, struct workers *workers, struct streams **out_streams);

/* A response that goes on with events, to be queued on that connection; takes events over. NULL
 * where there are STREAMS_MAX streams already, where the streams are ending, or without memory;
 * events is freed then. */
struct MHD_Response *streams_open(
    struct streams *streams, struct MHD_Connection *mhd, struct event_stream *events);

/* There is something new in the store. */
void streams_notify(struct streams *streams);

/* Has those resumed whose clients are gone, or have heard nothing for STREAMS_KEEP_ALIVE_S. */
void streams_tick(struct streams *streams);

/* Ends every stream and takes no more. When it returns no connection is suspended, as
 * MHD_stop_daemon requires; the library's threads must be running until then. */
void streams_end(struct streams *streams);

/* After MHD_stop_daemon. Accepts NULL. */
void streams_free(struct streams *streams);

#endif
