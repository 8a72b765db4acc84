#define _GNU_SOURCE /* syscall */
#include "dlrd/api/connections.h"

#include "dlrd/base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct connections *owner;
	int fd;
	/* Under the owner's lock. */
	bool loose, cut;
	int64_t deadline_us; /* monotonic; INT64_MAX: none */
};

struct connections {
	unsigned max;
	pthread_mutex_t lock; /* guards list, count, and the marked fields of connections */
	TAILQ_HEAD(, connection) list;
	unsigned count; /* without those that were cut */
};

enum result
connections_new(unsigned max, struct connections **out_connections)
{
	struct connections *connections = calloc(1, sizeof *connections);
	if (connections == NULL)
		return RESULT_NO_MEMORY;
	connections->max = max;
	TAILQ_INIT(&connections->list);
	pthread_mutex_init(&connections->lock, NULL);
	*out_connections = connections;
	return RESULT_OK;
}

static int64_t
deadline_in(int64_t timeout_us)
{
	return timeout_us == 0 ? INT64_MAX : clock_monotonic_us() + timeout_us;
}

/* Sends a reset instead of an end, and wakes the library: connect(2) to AF_UNSPEC ends the
 * association. A Unix socket has no resets. This uses the system call directly, because the thread
 * sanitizer treats connect() as the creation of a descriptor, and reports a race with the library.
 */
static void
reset(int fd)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	if (syscall(SYS_connect, fd, &none, sizeof none) != 0)
		shutdown(fd, SHUT_RDWR);
}

/* Under the lock. The library notices the end, and closes the connection. */
static void
cut(struct connection *connection)
{
	if (connection->cut)
		return;
	connection->cut = true;
	connection->owner->count--;
	if (connection->loose)
		shutdown(connection->fd, SHUT_RDWR);
	else
		reset(connection->fd);
}

/* Under the lock. Cuts the loose connection with the earliest deadline if there is no room. */
static void
make_room(struct connections *connections)
{
	struct connection *connection, *first = NULL;
	if (connections->count + CONNECTIONS_RESERVE <= connections->max)
		return;
	TAILQ_FOREACH(connection, &connections->list, entry)
	if (connection->loose && !connection->cut &&
	    (first == NULL || connection->deadline_us < first->deadline_us))
		first = connection;

	if (first != NULL)
		cut(first);
}

struct connection *
connections_open(struct connections *connections, int fd, int64_t timeout_us)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (connection == NULL)
		return NULL;

	connection->owner = connections;
	connection->fd = fd;
	connection->loose = true;
	connection->deadline_us = deadline_in(timeout_us);
	pthread_mutex_lock(&connections->lock);
	make_room(connections);
	TAILQ_INSERT_TAIL(&connections->list, connection, entry);
	connections->count++;
	pthread_mutex_unlock(&connections->lock);
	return connection;
}

static void
set(struct connection *connection, bool loose, int64_t timeout_us)
{
	int64_t deadline_us = deadline_in(timeout_us);
	pthread_mutex_lock(&connection->owner->lock);
	connection->loose = loose;
	connection->deadline_us = deadline_us;
	pthread_mutex_unlock(&connection->owner->lock);
}

void
connection_loosen(struct connection *connection, int64_t timeout_us)
{
	set(connection, true, timeout_us);
}

void
connection_keep(struct connection *connection, int64_t timeout_us)
{
	set(connection, false, timeout_us);
}

bool
connection_is_late(struct connection *connection)
{
	pthread_mutex_lock(&connection->owner->lock);
	bool late = connection->cut || clock_monotonic_us() >= connection->deadline_us;
	pthread_mutex_unlock(&connection->owner->lock);
	return late;
}

void
connection_reset(struct connection *connection)
{
	reset(connection->fd);
}

void
connections_close(struct connections *connections, struct connection *connection)
{
	pthread_mutex_lock(&connections->lock);
	TAILQ_REMOVE(&connections->list, connection, entry);
	connections->count -= connection->cut ? 0 : 1;
	pthread_mutex_unlock(&connections->lock);
	free(connection);
}

void
connections_tick(struct connections *connections)
{
	struct connection *connection;
	int64_t now_us = clock_monotonic_us();
	pthread_mutex_lock(&connections->lock);
	TAILQ_FOREACH(connection, &connections->list, entry)
	if (now_us >= connection->deadline_us)
		cut(connection);
	pthread_mutex_unlock(&connections->lock);
}

void
connections_free(struct connections *connections)
{
	if (connections == NULL)
		return;
	pthread_mutex_destroy(&connections->lock);
	free(connections);
}
