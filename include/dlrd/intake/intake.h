/* intake: the listeners for Twilio's requests, and the one loop that serves them.
 *
 * It owns sockets, requests in progress and responses, and nothing else: handler.h decides about a
 * request, journal/writer.h stores it. The start and the end of the wait for a commit are next to
 * each other in request.c (wait_for_commit, end_wait).
 *
 * libmicrohttpd runs in external epoll mode, with one daemon for each listening socket. One thread
 * polls all of them, and an eventfd that the journal's writer rings. The library's own epoll
 * threads stall when a multiple of 128 sockets is ready: they call epoll_wait a second time, with
 * the first timeout, before they serve a full block of events.
 *
 * Threads: intake_done from any; open, start, drain and free from one. */
#pragma once

#include "dlrd/base/socket.h"
#include "dlrd/intake/handler.h"
#include "dlrd/journal/writer.h"

#define INTAKE_LISTENERS_MAX 8
#define INTAKE_PROXIES_MAX 16

/* The part of the configuration that can be replaced while the intake runs. A request is served to
 * its end with the configuration in force when its first line arrived: trust in its X-Forwarded
 * headers, its limits, keys and routes, its deadlines and its reply. Between two requests, and
 * before the first, a connection follows the configuration in force. memory_max bounds all requests
 * together. */
struct intake_config {
	struct handler *handler;                        /* the loop's own until on_retired */
	struct socket_peer proxies[INTAKE_PROXIES_MAX]; /* whose X-Forwarded headers are believed */
	size_t proxy_count;
	size_t body_max;   /* bytes; a longer body is read, dropped and refused */
	size_t memory_max; /* bytes that requests make dlrd allocate: bodies, decoded forms, copies
			      for the writer and the quarantine; beyond: 503 */
	int64_t request_timeout_us;   /* from a request's first line, or the connection's start, to
					 its last byte */
	int64_t keepalive_timeout_us; /* between two requests */
	int64_t commit_timeout_us;    /* for the journal; then the answer is 503 */
	void *context;
	/* No request uses this configuration any more. On the loop's thread, or on that of
	 * intake_free. */
	void (*on_retired)(void *context);
};

struct intake_options {
	struct intake_config config;
	struct writer *writer;
	struct metrics *metrics;
	int listen_fds[INTAKE_LISTENERS_MAX]; /* listening, non-blocking; the intake's now */
	size_t listen_count;
	size_t head_max;                  /* bytes of request line and headers together */
	unsigned connections_max;         /* on each listener */
	unsigned connections_per_address; /* 0: no limit of its own; a proxy is one address */
};

struct intake;

/* Makes an intake that does not run yet, so that the writer can have it before the first request
 * arrives. On failure the listening sockets are closed. */
must_check enum result intake_open(
    const struct intake_options *options, struct intake **out_intake, struct failure *failure);

/* Starts the loop. */
must_check enum result intake_start(struct intake *intake, struct failure *failure);

/* Replaces the configuration, for requests that begin from now on. RESULT_NO_MEMORY leaves it as it
 * was. From one thread that is not the loop's. */
must_check enum result intake_configure(struct intake *intake, const struct intake_config *config);

/* Takes finished writes back: the writer's on_done. */
void intake_done(struct intake *intake, struct journal_write *list);

/* Stops accepting connections; lets requests in flight be committed and answered, and new
 * connections send a request; then closes every connection and ends the loop, after at most
 * deadline_us. The writer must still run. Also for an intake that never started. */
void intake_drain(struct intake *intake, int64_t deadline_us);

/* Monotonic time at which the loop last showed that it is not stuck. */
int64_t intake_heartbeat_us(const struct intake *intake);

/* After intake_drain, when the writer has ended. Accepts NULL. */
void intake_free(struct intake *intake);
