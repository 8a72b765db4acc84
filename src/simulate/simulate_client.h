/* simulate_client: many keep-alive HTTP/1.1 connections to one address, in one thread.
 *
 * It does not use a library: a load generator must send prebuilt requests with one system call each
 * and needs only a status and a length, and libcurl's multi interface costs more than the daemon
 * under test. Each connection has one request outstanding.
 *
 * The loop is open: with a rate, each request has an intended time, and its latency counts from
 * that time, even if all connections were busy then. (Ignoring that wait is known as coordinated
 * omission.) Without a rate, a connection sends as soon as it was answered, and latency counts from
 * the sending.
 *
 * A request whose connection breaks before the answer has failed. It is not sent again, since it
 * may have been stored. All times are in microseconds. */
#pragma once

#include "dlrd/base/socket.h"
#include "simulate_traffic.h"

#define SIMULATE_CONNECTIONS_MAX 4096
#define SIMULATE_ANSWER_US INT64_C(30000000) /* the longest wait for an answer */

struct simulate_client_options {
	struct socket_address address;
	size_t connections;   /* 1 to SIMULATE_CONNECTIONS_MAX */
	int64_t rate;         /* requests a second; 0: as fast as they are answered */
	int64_t duration_us;  /* nothing is sent after this long; 0: no limit */
	int64_t reconnect_us; /* after this long without any connection, the peer is gone */

	void *context; /* of the functions below */
	/* Appends the next request to out. Returns false if there are no more. */
	bool (*on_ready)(void *context, struct simulate_item *out_item, struct buffer *out);
	void (*on_answer)(
	    void *context, const struct simulate_item *item, unsigned status, int64_t latency_us);
	/* item is NULL if a connection could not be made. */
	void (*on_failure)(void *context, const struct simulate_item *item);
	/* Called after each turn of the loop, at least once a second. Returning false ends it. */
	bool (*on_turn)(void *context);
};

enum simulate_client_end {
	SIMULATE_CLIENT_DONE,    /* every request was answered or has failed */
	SIMULATE_CLIENT_STOPPED, /* on_turn returned false */
	SIMULATE_CLIENT_GONE,    /* no connection was accepted for reconnect_us */
};

/* Sends until on_ready has no more requests. Returns RESULT_NO_MEMORY, RESULT_LIMIT if the system
 * does not permit so many connections, or RESULT_IO. */
must_check enum result simulate_client_run(const struct simulate_client_options *options,
    enum simulate_client_end *out_end, struct failure *failure);
