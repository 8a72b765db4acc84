/* simulate_client: many keep-alive HTTP/1.1 connections to one address, in one thread.
 *
 * It is written by hand because a load generator has to send prebuilt requests with one system call
 * each and wants only a status and a length back; libcurl's multi interface costs more than the
 * daemon under test. One request is outstanding on each connection. The loop is open: with a rate,
 * each request has an intended time, and its latency counts from there, also when every connection
 * was busy then (what is left out otherwise is known as coordinated omission). Without a rate each
 * connection sends again as soon as it was answered, and latency counts from the sending.
 *
 * A request whose connection breaks before the answer has failed, and is not sent again: nobody
 * knows whether it was kept. All times are in microseconds. */
#ifndef DLRD_SIMULATE_SIMULATE_CLIENT_H
#define DLRD_SIMULATE_SIMULATE_CLIENT_H

#include "dlrd/base/socket.h"
#include "simulate_traffic.h"

#define SIMULATE_CONNECTIONS_MAX 4096
#define SIMULATE_ANSWER_US INT64_C(30000000) /* a later answer is none */

struct simulate_client_options {
	struct socket_address address;
	size_t connections;   /* 1 to SIMULATE_CONNECTIONS_MAX */
	int64_t rate;         /* requests a second; 0: as fast as they are answered */
	int64_t duration_us;  /* nothing is sent after this long; 0: no limit */
	int64_t reconnect_us; /* without any connection for longer than this, the peer is gone */

	void *context; /* of the functions below */
	/* Appends the next request to out. False when there is none, now or later. */
	bool (*on_ready)(void *context, struct simulate_item *out_item, struct buffer *out);
	void (*on_answer)(
	    void *context, const struct simulate_item *item, unsigned status, int64_t latency_us);
	/* item is NULL where a connection could not be made. */
	void (*on_failure)(void *context, const struct simulate_item *item);
	/* After each turn of the loop, at least once a second. False ends it at once. */
	bool (*on_turn)(void *context);
};

enum simulate_client_end {
	SIMULATE_CLIENT_DONE,    /* every request was answered or has failed */
	SIMULATE_CLIENT_STOPPED, /* on_turn said so */
	SIMULATE_CLIENT_GONE,    /* nobody has taken a connection for reconnect_us */
};

/* Sends until on_ready has no more. RESULT_NO_MEMORY, RESULT_LIMIT where the system does not allow
 * so many connections, RESULT_IO. */
must_check enum result simulate_client_run(const struct simulate_client_options *options,
    enum simulate_client_end *out_end, struct failure *failure);

#endif
