/* api: the private listener that answers questions (endpoints.h) and takes no callbacks.
 *
 * libmicrohttpd's own pool of threads serves it, in poll mode; nothing is ever suspended here, so
 * none of the traps of intake.h apply. Each request borrows one of as many read-only connections to
 * the store as there are threads, so it can never slow a commit. start and stop from one thread. */
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

/* Ends all requests and frees the api. Accepts NULL. */
void api_stop(struct api *api);

#endif
