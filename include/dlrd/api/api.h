/* api: the private listener that answers questions (endpoints.h) and takes no callbacks.
 *
 * libmicrohttpd's own threads serve it, in epoll mode: poll mode starves connections while others
 * are suspended, as open event streams are (streams.h). What epoll mode is known to do, to stall
 * when exactly 128 sockets are ready, cannot happen with the few connections allowed here.
 * Each request borrows one of as many read-only connections to the store as there are threads, so
 * it can never slow a commit. start, tick, stop and free from one thread; notify from any. */
#ifndef DLRD_API_API_H
#define DLRD_API_API_H

#include "dlrd/api/endpoints.h"
#include "dlrd/twilio/signature.h"

#define API_LISTENERS_MAX 4
#define API_THREADS_MAX 16

struct api_options {
	struct endpoints_state state;
	const char *store_path;
	const struct secret *token;        /* the bearer token; NULL: none is asked for */
	int listen_fds[API_LISTENERS_MAX]; /* the api's now */
	size_t listen_count;
	unsigned threads; /* for each listener, 1 to API_THREADS_MAX */
};

struct api;

/* On failure the listening sockets are closed. */
must_check enum result api_start(
    const struct api_options *options, struct api **out_api, struct failure *failure);

/* There is something new in the store: wakes the event streams. */
void api_notify(struct api *api);

/* To be called about once a second: keeps the event streams alive, and ends those whose clients are
 * gone. */
void api_tick(struct api *api);

/* Asks for another bearer token from now on, or for none (NULL). Once it has returned, the old one
 * is not used any more. */
void api_set_token(struct api *api, const struct secret *token);

/* readers_release, for all of the api's connections to the store. */
bool api_release_readers(struct api *api, bool release, int64_t timeout_us);

/* Ends all requests and streams, and closes the listeners; api_notify still does no harm. Accepts
 * NULL. */
void api_stop(struct api *api);

/* After api_stop. Accepts NULL. */
void api_free(struct api *api);

#endif
