#define _GNU_SOURCE /* memmem, epoll_pwait2 */
#include "simulate_client.h"

#include "dlrd/base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 4096            /* of an answer; the daemon's are below 200 bytes */
#define EVENTS_MAX 512           /* taken from the kernel at once */
#define PAUSE_US 100000          /* before a broken connection is reopened */
#define SWEEP_US CLOCK_SECOND_US /* between checks of the deadlines */
#define SPARE_FILES 32           /* descriptors for everything else */

enum state {
	STATE_CLOSED,     /* until retry_us */
	STATE_CONNECTING, /* since since_us */
	STATE_IDLE,
	STATE_BUSY, /* since since_us */
};

struct connection {
	int fd; /* -1 while closed */
	enum state state;
	bool queued; /* is in the ring of idle connections, maybe no longer idle */
	int64_t since_us, retry_us;
	struct simulate_item item; /* the current request ... */
	int64_t latency_from_us;
	struct buffer out;
	size_t out_at;     /* bytes of it that are sent */
	char in[HEAD_MAX]; /* the part of the answer's head that arrived, then pieces of its body */
	size_t in_len;
	bool in_body;
	uint64_t body_left; /* bytes to come */
	unsigned status;
	bool must_close; /* after this answer */
	bool used;       /* has been answered since it was opened */
};

struct client {
	const struct simulate_client_options *options;
	int epoll;
	struct connection *connections;
	struct connection **idle; /* a ring as long as there are connections */
	size_t idle_first, idle_count;
	size_t established, busy;
	uint64_t issued;
	bool more; /* on_ready may have another request */
	int64_t start_us, lost_us /* since when nothing is established */, sweep_us, reopen_us;
};

static void
push_idle(struct client *client, struct connection *connection)
{
	connection->state = STATE_IDLE;
	if (connection->queued)
		return;
	connection->queued = true;
	client->idle[(client->idle_first + client->idle_count++) % client->options->connections] =
	    connection;
}

/* Returns the connection that has been idle longest; NULL if all are busy. */
static struct connection *
pop_idle(struct client *client)
{
	while (client->idle_count > 0) {
		struct connection *connection = client->idle[client->idle_first];
		client->idle_first = (client->idle_first + 1) % client->options->connections;
		client->idle_count--;
		connection->queued = false;
		if (connection->state == STATE_IDLE)
			return connection;
	}
	return NULL;
}

/* Closes a connection; its current request has failed. Closing an idle connection that has served
 * is not a failure. A connection that was accepted and closed at once counts as not made. */
static void
drop(struct client *client, struct connection *connection)
{
	const struct simulate_client_options *options = client->options;
	bool was_busy = connection->state == STATE_BUSY, was_idle = connection->state == STATE_IDLE;
	bool failed = !was_idle || !connection->used;
	int64_t now_us = clock_monotonic_us();
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->state = STATE_CLOSED;
	connection->retry_us = now_us + (failed ? PAUSE_US : 0);
	if (connection->retry_us < client->reopen_us)
		client->reopen_us = connection->retry_us;
	if ((was_idle || was_busy) && --client->established == 0)
		client->lost_us = now_us;
	if (was_busy)
		client->busy--;
	if (failed)
		options->on_failure(options->context, was_busy ? &connection->item : NULL);
}

static void
note_established(struct client *client, struct connection *connection)
{
	client->established++;
	connection->used = false;
	push_idle(client, connection);
}

static void
open_connection(struct client *client, struct connection *connection)
{
	const struct socket_address *address = &client->options->address;
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
	int on = 1;
	connection->state = STATE_CONNECTING;
	connection->since_us = clock_monotonic_us();
	connection->fd =
	    socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0) {
		drop(client, connection);
		return;
	}
	if (address->address.ss_family != AF_UNIX)
		setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	int code =
	    connect(connection->fd, (const struct sockaddr *)&address->address, address->len);
	if ((code != 0 && errno != EINPROGRESS) ||
	    epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		drop(client, connection);
	else if (code == 0)
		note_established(client, connection);
}

static void
send_rest(struct client *client, struct connection *connection)
{
	while (connection->out_at < connection->out.len) {
		ssize_t len = send(connection->fd, connection->out.ptr + connection->out_at,
		    connection->out.len - connection->out_at, MSG_NOSIGNAL);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			/* After a reset there may still be an answer to read; the next event shows
			 * it. */
			if (errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
				drop(client, connection);
			return;
		}
		connection->out_at += (size_t)len;
	}
}

static int64_t
intended_us(const struct client *client)
{
	return client->start_us + (int64_t)client->issued * CLOCK_SECOND_US / client->options->rate;
}

static void
begin_request(struct client *client, struct connection *connection, int64_t now_us)
{
	buffer_clear(&connection->out);
	connection->out_at = connection->in_len = 0;
	connection->in_body = connection->must_close = false;
	client->more = client->options->on_ready(
	    client->options->context, &connection->item, &connection->out);
	if (!client->more) {
		push_idle(client, connection);
		return;
	}

	connection->latency_from_us = client->options->rate > 0 ? intended_us(client) : now_us;
	connection->since_us = now_us;
	connection->state = STATE_BUSY;
	client->busy++;
	client->issued++;
	send_rest(client, connection);
}

static bool
is_over(const struct client *client, int64_t now_us)
{
	int64_t duration_us = client->options->duration_us;
	return duration_us > 0 && now_us - client->start_us >= duration_us;
}

/* Sends the requests that are due. */
static void
send_due(struct client *client)
{
	const struct simulate_client_options *options = client->options;
	while (client->more && client->idle_count > 0) {
		int64_t now_us = clock_monotonic_us();
		if (is_over(client, now_us) || (options->rate > 0 && intended_us(client) > now_us))
			return;
		struct connection *connection = pop_idle(client);
		if (connection != NULL)
			begin_request(client, connection, now_us);
	}
}

/* Reads one header line of an answer. Returns false for lines that this client does not support. */
static bool
read_header(struct connection *connection, struct slice line)
{
	size_t colon = slice_find(line, ':');
	struct slice name = {line.ptr, colon};
	if (colon == line.len)
		return false;

	struct slice value = slice_trim(slice_from(line, colon + 1));
	int64_t len;
	if (slice_equal_nocase(name, SLICE("Content-Length"))) {
		if (slice_to_int(value, &len) != RESULT_OK)
			return false;
		connection->body_left = (uint64_t)len;
	} else if (slice_equal_nocase(name, SLICE("Connection")))
		connection->must_close =
		    connection->must_close || slice_equal_nocase(value, SLICE("close"));

	return !slice_equal_nocase(name, SLICE("Transfer-Encoding"));
}

/* Reads "HTTP/1.1 204 No Content" and the header lines. Without a Content-Length, an answer that
 * may have a body has no known end, and is not supported. */
static bool
read_head(struct connection *connection, struct slice head)
{
	struct slice line = slice_trim(slice_take(&head, '\n'));
	int64_t status;
	if (line.len < 12 || !slice_starts_with(line, SLICE("HTTP/1.")) || line.ptr[8] != ' ' ||
	    slice_to_int((struct slice){line.ptr + 9, 3}, &status) != RESULT_OK)
		return false;

	connection->status = (unsigned)status;
	connection->must_close = line.ptr[7] == '0';
	connection->body_left = UINT64_MAX;
	while (head.ptr != NULL) {
		line = slice_trim(slice_take(&head, '\n'));
		if (line.len > 0 && !read_header(connection, line))
			return false;
	}

	if (status < 200 || status == 204 || status == 304)
		connection->body_left = 0;

	return connection->body_left != UINT64_MAX;
}

enum progress { PROGRESS_MORE, PROGRESS_DONE, PROGRESS_BROKEN };

/* Processes the bytes that arrived. `in` has the head until it is complete, then a piece of the
 * body. */
static enum progress
take_input(struct connection *connection)
{
	while (!connection->in_body) {
		const char *end = memmem(connection->in, connection->in_len, "\r\n\r\n", 4);
		if (end == NULL)
			return connection->in_len == HEAD_MAX ? PROGRESS_BROKEN : PROGRESS_MORE;
		size_t head_len = (size_t)(end - connection->in) + 4;
		if (!read_head(connection, (struct slice){connection->in, head_len}))
			return PROGRESS_BROKEN;
		connection->in_len -= head_len;
		memmove(connection->in, connection->in + head_len, connection->in_len);
		connection->in_body = connection->status >= 200; /* 100 Continue is not an answer */
	}

	if (connection->in_len > connection->body_left)
		return PROGRESS_BROKEN; /* more bytes than announced */

	connection->body_left -= connection->in_len;
	connection->in_len = 0;

	return connection->body_left == 0 ? PROGRESS_DONE : PROGRESS_MORE;
}

static void
note_answer(struct client *client, struct connection *connection)
{
	int64_t latency_us = clock_monotonic_us() - connection->latency_from_us;
	client->busy--;
	connection->used = true;
	push_idle(client, connection);
	client->options->on_answer(
	    client->options->context, &connection->item, connection->status, latency_us);
	if (connection->must_close || connection->out_at < connection->out.len)
		drop(client, connection);
}

/* On an idle connection only its end may arrive. */
static void
receive(struct client *client, struct connection *connection)
{
	while (connection->state == STATE_BUSY || connection->state == STATE_IDLE) {
		ssize_t len = recv(connection->fd, connection->in + connection->in_len,
		    HEAD_MAX - connection->in_len, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0 || connection->state == STATE_IDLE) {
			drop(client, connection);
			return;
		}
		connection->in_len += (size_t)len;
		switch (take_input(connection)) {
		case PROGRESS_MORE: break;
		case PROGRESS_BROKEN: drop(client, connection); return;
		case PROGRESS_DONE: note_answer(client, connection); return;
		}
	}
}

static void
handle_event(struct client *client, struct connection *connection, uint32_t events)
{
	const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	if (connection->state == STATE_CONNECTING) {
		if ((events & (EPOLLERR | EPOLLHUP)) != 0)
			drop(client, connection);
		else if ((events & EPOLLOUT) != 0)
			note_established(client, connection);
	}
	if (connection->state == STATE_BUSY && (events & EPOLLOUT) != 0)
		send_rest(client, connection);
	if ((events & (EPOLLIN | ended)) != 0)
		receive(client, connection);
	if (connection->state == STATE_IDLE && (events & ended) != 0)
		drop(client, connection);
}

static void
reopen_closed(struct client *client, int64_t now_us)
{
	if (now_us < client->reopen_us)
		return;

	client->reopen_us = INT64_MAX;
	for (size_t i = 0; i < client->options->connections; i++) {
		struct connection *connection = &client->connections[i];
		if (connection->state != STATE_CLOSED)
			continue;
		if (connection->retry_us <= now_us)
			open_connection(client, connection);
		else if (connection->retry_us < client->reopen_us)
			client->reopen_us = connection->retry_us;
	}
}

static void
drop_late(struct client *client, int64_t now_us)
{
	if (now_us < client->sweep_us)
		return;
	client->sweep_us = now_us + SWEEP_US;
	for (size_t i = 0; i < client->options->connections; i++) {
		struct connection *connection = &client->connections[i];
		if ((connection->state == STATE_BUSY || connection->state == STATE_CONNECTING) &&
		    now_us - connection->since_us > SIMULATE_ANSWER_US)
			drop(client, connection);
	}
}

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* Waits for an event, or until a request is due. */
static void
wait_and_handle(struct client *client, int64_t now_us)
{
	const struct simulate_client_options *options = client->options;
	struct epoll_event events[EVENTS_MAX];
	int64_t until_us = client->sweep_us;
	if (client->more)
		until_us = earlier(until_us, client->reopen_us);
	if (client->more && options->rate > 0 && client->idle_count > 0)
		until_us = earlier(until_us, intended_us(client));
	if (client->more && options->duration_us > 0)
		until_us = earlier(until_us, client->start_us + options->duration_us);
	int64_t left_us = until_us > now_us ? until_us - now_us : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left_us / CLOCK_SECOND_US),
	    .tv_nsec = (long)(left_us % CLOCK_SECOND_US) * 1000};
	int count = epoll_pwait2(client->epoll, events, EVENTS_MAX, &timeout, NULL);
	for (int i = 0; i < count; i++)
		handle_event(client, events[i].data.ptr, events[i].events);
}

static enum simulate_client_end
loop(struct client *client)
{
	const struct simulate_client_options *options = client->options;
	while (client->more || client->busy > 0) {
		int64_t now_us = clock_monotonic_us();
		client->more = client->more && !is_over(client, now_us);
		if (client->more && client->established == 0 &&
		    now_us - client->lost_us > options->reconnect_us)
			return SIMULATE_CLIENT_GONE;
		if (client->more)
			reopen_closed(client, now_us);
		drop_late(client, now_us);
		send_due(client);
		wait_and_handle(client, now_us);
		if (!options->on_turn(options->context))
			return SIMULATE_CLIENT_STOPPED;
	}

	return SIMULATE_CLIENT_DONE;
}

static enum result
allow_connections(size_t connections, struct failure *failure)
{
	struct rlimit files;
	rlim_t wanted = connections + SPARE_FILES;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
		return RESULT_OK;

	files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
		return failure_set(failure, RESULT_LIMIT,
		    "%zu connections need %llu open files, and the limit is %llu (ulimit -Hn)",
		    connections, (unsigned long long)wanted, (unsigned long long)files.rlim_max);

	return RESULT_OK;
}

static enum result
open_client(struct client *client, struct failure *failure)
{
	size_t count = client->options->connections;
	enum result result = allow_connections(count, failure);
	if (result != RESULT_OK)
		return result;

	client->connections = calloc(count, sizeof *client->connections);
	client->idle = calloc(count, sizeof(struct connection *));
	if (client->connections == NULL || client->idle == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	for (size_t i = 0; i < count; i++)
		client->connections[i].fd = -1;
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (client->epoll < 0)
		return failure_set(failure, RESULT_IO, "epoll: %s", strerror(errno));

	return RESULT_OK;
}

static void
close_client(struct client *client)
{
	for (size_t i = 0; client->connections != NULL && i < client->options->connections; i++) {
		if (client->connections[i].fd >= 0)
			close(client->connections[i].fd);
		buffer_done(&client->connections[i].out);
	}
	if (client->epoll >= 0)
		close(client->epoll);
	free(client->connections);
	free(client->idle);
}

enum result
simulate_client_run(const struct simulate_client_options *options,
    enum simulate_client_end *out_end, struct failure *failure)
{
	struct client client = {.options = options, .epoll = -1, .more = true};
	client.start_us = client.lost_us = clock_monotonic_us();
	client.sweep_us = client.start_us + SWEEP_US;
	enum result result = open_client(&client, failure);
	if (result == RESULT_OK)
		*out_end = loop(&client);
	close_client(&client);
	return result;
}
