/* streams: the open event streams of one listener, which are suspended until there are new events.
 *
 * A stream has no thread. When libmicrohttpd asks the content reader for bytes and it has no more,
 * the connection is suspended and a worker reads the store. If there are new events, the worker
 * resumes the connection. If not, it stays suspended until streams_notify submits the next read. No
 * wake-up is lost: streams_notify counts its calls, and the worker reads the store once more if the
 * count changed during its read.
 *
 * A suspended connection has no timeout, and does not detect that its client is gone. streams_tick
 * checks for this, and has keep-alives sent. The library requests no bytes for a client that does
 * not read, so such a client holds one batch of events at most, until its connection times out.
 *
 * Any thread may call notify and tick. The library's threads call open and the content readers, the
 * owner's thread end and free. */
#pragma once

#include "dlrd/api/workers.h"
#include "event_stream.h"
#include "readers.h"

#define STREAMS_MAX 56          /* open at a time, at most; each page of the dashboard has one */
#define STREAMS_KEEP_ALIVE_S 10 /* proxies seldom time out below a minute, browsers later */

struct MHD_Connection;
struct MHD_Response;
struct streams;

/* readers and workers are borrowed. max: of streams at a time, at most STREAMS_MAX. */
must_check enum result streams_new(
    struct readers *readers, struct workers *workers, size_t max, struct streams **out_streams);

/* That max. */
size_t streams_max(const struct streams *streams);

/* Returns a response that continues with events, to be queued on connection mhd. Takes events over,
 * and frees it on failure. generation: that of the tokens and sessions by which the client may ask
 * (caller.h). Returns NULL if max streams are open, if the streams are ending, or if memory is
 * short. */
struct MHD_Response *streams_open(struct streams *streams, struct MHD_Connection *mhd,
    struct event_stream *events, uint64_t generation);

/* Has all waiting streams read the store, which has new events. */
void streams_notify(struct streams *streams);

/* Resumes streams whose clients are gone, or got nothing for STREAMS_KEEP_ALIVE_S seconds, and ends
 * those of an older generation (access.h): their clients ask again, if they may. */
void streams_tick(struct streams *streams, uint64_t generation);

/* Ends all streams, and refuses new ones. When it returns, no connection is suspended, as
 * MHD_stop_daemon requires. The library's threads must run until then. Accepts NULL. */
void streams_end(struct streams *streams);

/* Must be called after MHD_stop_daemon. Accepts NULL. */
void streams_free(struct streams *streams);
