/* api: the private listener that answers questions (endpoints.h). It accepts no callbacks.
 *
 * Each listening socket has one thread of libmicrohttpd, in epoll mode, because poll mode starves
 * connections while others are suspended. The thread reads requests, answers health checks and
 * sends answers. Workers (workers.h) answer questions over read-only connections to the store, so
 * questions delay neither commits nor health checks. The resources of clients are bounded:
 * connections (connections.h), questions in progress and their time (exchange.h), bytes of answers
 * (workers.h) and event streams (streams.h).
 *
 * Without a token the api serves loopback only. It does not start on another address, and refuses
 * requests with another Host (403). A page in a browser sends such a Host after it has resolved its
 * own name to 127.0.0.1 (DNS rebinding).
 *
 * api_notify may be called by any thread, all other functions by one. */
#pragma once

#include "dlrd/api/connections.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/api/workers.h"

#define API_LISTENERS_MAX 4

struct api_options {
	struct endpoints_state state;
	const char *store_path;
	struct api_tokens tokens;
	int listen_fds[API_LISTENERS_MAX]; /* owned by the api from now on */
	size_t listen_count;
	unsigned threads;           /* to answer questions, 1 to WORKERS_MAX */
	unsigned connections_max;   /* on each listener, CONNECTIONS_MIN to CONNECTIONS_MAX */
	int64_t request_timeout_us; /* from a question's last byte to its answer's */
};

struct api;

/* Starts to answer. The store's path and the tokens are borrowed. On failure the listening sockets
 * are closed. RESULT_INVALID if a socket is not loopback and there is no token. */
must_check enum result api_start(
    const struct api_options *options, struct api **out_api, struct failure *failure);

/* Wakes the event streams, because the store has new events. */
void api_notify(struct api *api);

/* Must be called about once a second: sends keep-alives to event streams, ends streams whose
 * clients are gone, and closes connections that are past their deadlines. */
void api_tick(struct api *api);

/* Whether a socket of the api is not loopback, so that a token is required. */
bool api_needs_token(const struct api *api);

/* Requires other tokens from now on, or none. Pages that logged in with a token that is another one
 * now must log in again. When this has returned, the old tokens are no longer in use. */
void api_set_tokens(struct api *api, const struct api_tokens *tokens);

/* Closes all of the api's connections to the store, or allows new ones; see readers_release. */
bool api_release_readers(struct api *api, bool release, int64_t timeout_us);

/* Closes the listeners, waits until until_us (monotonic) at most for the answers in progress, and
 * ends all requests and streams. api_notify may still be called. Accepts NULL. */
void api_stop(struct api *api, int64_t until_us);

/* After api_stop. Accepts NULL. */
void api_free(struct api *api);
