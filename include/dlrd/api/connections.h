/* connections: the open connections of one listener of the api, and their deadlines.
 *
 * A connection is *loose* while it waits for a request, reads one, or receives an answer that needs
 * no worker, such as a health check or a refusal. If another client connects and there is no room,
 * the loose connection with the earliest deadline is closed. Therefore a client that sends a
 * complete request is answered, however many connections other clients hold. A connection with a
 * question in progress or an open event stream is *kept*; the number of both is bounded.
 *
 * connections_tick closes connections that are past their deadlines. A kept connection is reset, so
 * that its client sees an incomplete answer. Deadlines are absolute: traffic does not extend them.
 * Event streams have none. Thread-safe; the thread that opened a connection closes it. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stdint.h>

/* Below 128: libmicrohttpd's epoll threads stall when 128 sockets are ready at once. */
#define CONNECTIONS_MAX 120u
/* The fewest that leave room for questions, event streams and health checks. */
#define CONNECTIONS_MIN 32u
/* Kept free for new connections: the library accepts up to ten at once. */
#define CONNECTIONS_RESERVE 12u

struct connections;
struct connection;

must_check enum result connections_new(unsigned max, struct connections **out_connections);

/* Adds a loose connection. The library keeps owning fd. Returns NULL if memory is short. */
struct connection *connections_open(struct connections *connections, int fd, int64_t timeout_us);

/* Makes the connection loose, with a deadline timeout_us from now. */
void connection_loosen(struct connection *connection, int64_t timeout_us);

/* Makes the connection kept, with a deadline timeout_us from now; 0: without a deadline. */
void connection_keep(struct connection *connection, int64_t timeout_us);

/* Whether the deadline has passed, so that the request need not be answered. */
bool connection_is_late(struct connection *connection);

/* Resets the connection, so that its client sees an incomplete answer, also with HTTP/1.0. */
void connection_reset(struct connection *connection);

/* Removes and frees the connection. Must be called before the library closes fd. */
void connections_close(struct connections *connections, struct connection *connection);

/* Closes the connections that are past their deadlines. */
void connections_tick(struct connections *connections);

/* Must be called after all connections were closed. Accepts NULL. */
void connections_free(struct connections *connections);
