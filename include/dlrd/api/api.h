/* api: the private listener that answers questions (endpoints.h) and takes no callbacks.
 *
 * Each listening socket has one thread of libmicrohttpd's, in epoll mode (poll mode starves
 * connections while others are suspended), which reads requests, answers health checks and sends.
 * Questions are answered by workers (workers.h) over read-only connections to the store, so they
 * can never slow a commit, nor a health check. What clients can take is bounded: connections
 * (connections.h), questions in progress and their time (exchange.h), bytes of answers
 * (workers.h), event streams (streams.h).
 *
 * Without a token the api answers loopback alone: it does not start on another address, and
 * refuses requests with another Host (403), which a page in a browser sends after it has made its
 * own name mean 127.0.0.1 (DNS rebinding).
 *
 * start, tick, stop and free from one thread; notify from any. */
#ifndef DLRD_API_API_H
#define DLRD_API_API_H

#include "dlrd/api/connections.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/api/workers.h"
#include "dlrd/twilio/signature.h"

#define API_LISTENERS_MAX 4

struct api_options {
	struct endpoints_state state;
	const char *store_path;
	const struct secret *token;        /* the bearer token; NULL: none is asked for */
	int listen_fds[API_LISTENERS_MAX]; /* the api's now */
	size_t listen_count;
	unsigned threads;           /* that answer questions, 1 to WORKERS_MAX */
	unsigned connections_max;   /* on each listener, CONNECTIONS_MIN to CONNECTIONS_MAX */
	int64_t request_timeout_us; /* from a question's last byte to that of its answer */
};

struct api;

/* On failure the listening sockets are closed. RESULT_INVALID without a token on a socket that is
 * not loopback. */
must_check enum result api_start(
    const struct api_options *options, struct api **out_api, struct failure *failure);

/* There is something new in the store: wakes the event streams. */
void api_notify(struct api *api);

/* To be called about once a second: keeps the event streams alive, and ends those whose clients are
 * gone. */
void api_tick(struct api *api);

/* Whether a socket of the api is not loopback, so that it must not be without a token. */
bool api_needs_token(const struct api *api);

/* Asks for another bearer token from now on, or for none (NULL). Once it has returned, the old one
 * is not used any more. */
void api_set_token(struct api *api, const struct secret *token);

/* readers_release, for all of the api's connections to the store. */
bool api_release_readers(struct api *api, bool release, int64_t timeout_us);

/* Closes the listeners, lets the answers in progress be sent until until_us (monotonic) at most,
 * and ends all requests and streams; api_notify still does no harm. Accepts NULL. */
void api_stop(struct api *api, int64_t until_us);

/* After api_stop. Accepts NULL. */
void api_free(struct api *api);

#endif
