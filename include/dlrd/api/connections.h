/* connections: the open connections of one of the api's listeners, and their deadlines.
 *
 * A connection is in one of three phases. Waiting for a request, reading it, or taking an answer
 * that is made at once (a health check's, a refusal), it is *loose*: if another client connects and
 * there is no room, the loose connection with the earliest deadline is closed. So a client that
 * sends a whole request is answered, however many others hold connections. With a question in
 * progress or an open event stream it is kept; both are bounded in number.
 *
 * What is past its deadline is closed by connections_tick; one that is taking an answer is reset,
 * so that the answer looks cut. A deadline is absolute, whatever trickles in or out meanwhile;
 * event streams have none. Thread-safe; a connection is closed by its opener. */
#ifndef DLRD_API_CONNECTIONS_H
#define DLRD_API_CONNECTIONS_H

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below 128: libmicrohttpd's epoll threads stall when 128 sockets are ready at once. */
#define CONNECTIONS_MAX 120u
/* The fewest that leave room for questions, event streams and health checks. */
#define CONNECTIONS_MIN 32u
/* Kept free for those that connect now: the library accepts up to ten in one go. */
#define CONNECTIONS_RESERVE 12u

struct connections;
struct connection;

must_check enum result connections_new(unsigned max, struct connections **out_connections);

/* fd stays the library's. NULL without memory. */
struct connection *connections_open(struct connections *connections, int fd, int64_t timeout_us);

/* The connection is loose again, until timeout_us from now. */
void connection_loosen(struct connection *connection, int64_t timeout_us);

/* The connection is kept until timeout_us from now; 0: without a deadline. */
void connection_keep(struct connection *connection, int64_t timeout_us);

/* Whether its deadline has passed: its request need not be answered any more. */
bool connection_is_late(struct connection *connection);

/* Resets it, so that its client sees the answer as cut, also without Transfer-Encoding. */
void connection_reset(struct connection *connection);

/* To be called before the library closes fd. */
void connections_close(struct connections *connections, struct connection *connection);

/* Closes what is past its deadline. */
void connections_tick(struct connections *connections);

/* Closes all that are loose, at a stop. */
void connections_close_loose(struct connections *connections);

/* When all are closed. Accepts NULL. */
void connections_free(struct connections *connections);

#endif
