#define _GNU_SOURCE /* memmem */
#include "control.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/wipe.h"
#include "dlrd/daemon/token_file.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a request with the longest token. All are reserved at once: a buffer that grows would
 * leave a copy of the token behind. */
#define REQUEST_MAX 4096
#define READ_SIZE 4096

/* --- the answer --- */

/* "HTTP/1.1 202 Accepted" */
static bool
read_status(struct slice line, unsigned *out_status)
{
	int64_t status;
	struct slice version = slice_take(&line, ' ');
	struct slice digits = line.ptr == NULL ? SLICE_NONE : slice_take(&line, ' ');
	if ((!slice_equal(version, SLICE("HTTP/1.1")) &&
		!slice_equal(version, SLICE("HTTP/1.0"))) ||
	    digits.len != 3 || slice_to_int(digits, &status) != RESULT_OK || status < 200 ||
	    status > 599)
		return false;
	*out_status = (unsigned)status;
	return true;
}

/* Returns whether the header allows a body of that length. */
static bool
check_header(struct slice line, size_t body_len)
{
	struct slice value = line, name = slice_take(&value, ':');
	int64_t len;
	if (slice_equal_nocase(name, SLICE("Content-Length")))
		return slice_to_int(slice_trim(value), &len) == RESULT_OK &&
		       (uint64_t)len == body_len;
	return value.ptr != NULL && !slice_equal_nocase(name, SLICE("Transfer-Encoding"));
}

bool
control_read(struct slice answer, unsigned *out_status, struct slice *out_body)
{
	const char *end = answer.ptr == NULL ? NULL : memmem(answer.ptr, answer.len, "\r\n\r\n", 4);
	unsigned status;
	if (end == NULL)
		return false;

	struct slice head = {answer.ptr, (size_t)(end - answer.ptr)};
	struct slice body = slice_from(answer, head.len + 4);
	if (!read_status(slice_trim(slice_take(&head, '\n')), &status))
		return false;
	while (head.ptr != NULL)
		if (!check_header(slice_trim(slice_take(&head, '\n')), body.len))
			return false;
	*out_status = status;
	*out_body = body;
	return true;
}

/* --- the connection --- */

/* Waits for events on fd. Returns false if the deadline passes first. */
static bool
wait_for(int fd, short events, int64_t deadline_us)
{
	struct pollfd item = {.fd = fd, .events = events};
	int64_t left_us;
	while ((left_us = deadline_us - clock_monotonic_us()) > 0) {
		int count = poll(&item, 1, (int)(left_us / 1000 + 1));
		if (count > 0)
			return true;
		if (count < 0 && errno != EINTR)
			return false;
	}
	return false;
}

/* Returns a connected, non-blocking socket, or -1 with errno set. */
static int
connect_to(struct slice text, int64_t deadline_us)
{
	struct socket_address address;
	int error = EAFNOSUPPORT;
	socklen_t len = sizeof error;
	if (socket_address_read(text, &address, NULL) != RESULT_OK) {
		errno = error;
		return -1;
	}

	int fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;

	if (connect(fd, (const struct sockaddr *)&address.address, address.len) == 0)
		return fd;
	error = errno;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (wait_for(fd, POLLOUT, deadline_us) &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
			error = errno;
	}
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* Connects to the first address that accepts a connection. */
static enum result
connect_to_any(const struct settings_list *addresses, int64_t deadline_us, size_t *out_index,
    int *out_fd, struct failure *failure)
{
	for (size_t i = 0; i < addresses->count; i++) {
		int fd = connect_to(slice_of(addresses->items[i]), deadline_us);
		if (fd >= 0) {
			*out_index = i;
			*out_fd = fd;
			return RESULT_OK;
		}
		failure_set(failure, RESULT_NOT_FOUND, "cannot connect to %s ([api] listen): %s",
		    addresses->items[i], strerror(errno));
	}
	return addresses->count > 0
		   ? RESULT_NOT_FOUND
		   : failure_set(failure, RESULT_NOT_FOUND, "[api] listen names no address");
}

static bool
send_all(int fd, struct slice text, int64_t deadline_us)
{
	while (text.len > 0) {
		ssize_t len = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
		if (len >= 0)
			text = slice_from(text, (size_t)len);
		else if (errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT, deadline_us))
				return false;
		} else if (errno != EINTR)
			return false;
	}
	return true;
}

/* Reads until the daemon closes the connection, as the request asks for. The caller frees received,
 * also on failure. */
static enum result
receive(int fd, int64_t deadline_us, size_t max, struct buffer *received, unsigned *out_status,
    struct slice *out_body)
{
	ssize_t len = -1;
	while (len != 0) {
		if (received->len > max)
			return RESULT_INVALID;
		if (!wait_for(fd, POLLIN, deadline_us))
			return RESULT_BUSY;
		if (!buffer_reserve(received, READ_SIZE))
			return RESULT_NO_MEMORY;
		len = recv(fd, received->ptr + received->len, READ_SIZE, 0);
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			return RESULT_INVALID;
		received->len += len > 0 ? (size_t)len : 0;
	}
	return control_read(buffer_slice(received), out_status, out_body) ? RESULT_OK
									  : RESULT_INVALID;
}

/* --- request and answer --- */

static bool
is_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
			return false;
	return true;
}

/* Writes the request, which may contain the token: the caller wipes out. */
static enum result
write_request(const char *method, const char *path, struct slice host, const struct secret *token,
    struct buffer *out, struct failure *failure)
{
	if (!buffer_reserve(out, REQUEST_MAX))
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	if (slice_starts_with(host, SLICE("unix:")))
		host = SLICE("localhost");
	buffer_appendf(out, "%s %s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n", method, path,
	    SLICE_ARG(host));
	if (strcmp(method, "GET") != 0)
		buffer_append(out, SLICE("Content-Length: 0\r\n"));

	if (token != NULL) {
		struct slice text = secret_text(token);
		if (!is_visible(text) || text.len > REQUEST_MAX / 2)
			return failure_set(failure, RESULT_INVALID,
			    "the token of [api] token_file does not fit into a header");
		buffer_append(out, SLICE("Authorization: Bearer "));
		buffer_append(out, text);
		buffer_append(out, SLICE("\r\n"));
	}
	buffer_append(out, SLICE("\r\n"));
	return out->failed ? failure_set(failure, RESULT_NO_MEMORY, "no memory") : RESULT_OK;
}

static enum result
read_json(unsigned status, struct slice body, const char *address, struct control_answer *out,
    struct failure *failure)
{
	struct control_answer answer = {.status = status};
	enum result result = body.len == 0 ? RESULT_OK : json_parse(body, &answer.body);
	if (result == RESULT_NO_MEMORY)
		return failure_set(failure, result, "no memory");
	if (result != RESULT_OK)
		return failure_set(failure, RESULT_INVALID,
		    "%s ([api] listen) answered %u without JSON; is it dlrd?", address, status);
	*out = answer;
	return RESULT_OK;
}

/* What an answer may take, and the answer as it came. */
struct exchange {
	size_t max;          /* bytes, head and body */
	int64_t timeout_us;  /* from connecting to the last byte */
	const char *address; /* that accepted the connection; borrowed from the settings */
	struct buffer bytes; /* the caller frees it */
	unsigned status;
	struct slice body; /* borrowed from bytes */
};

/* Sends request and reads the answer. */
static enum result
send_and_receive(int fd, struct slice request, int64_t deadline_us, struct exchange *exchange,
    struct failure *failure)
{
	struct buffer *bytes = &exchange->bytes;
	/* A daemon that refuses early may close before all is sent, but it has answered. */
	bool sent = send_all(fd, request, deadline_us);
	enum result result =
	    receive(fd, deadline_us, exchange->max, bytes, &exchange->status, &exchange->body);
	if (result == RESULT_BUSY)
		failure_set(failure, result, "%s ([api] listen) did not answer within %d s",
		    exchange->address, (int)(exchange->timeout_us / CLOCK_SECOND_US));
	else if (result == RESULT_INVALID)
		failure_set(failure, result, "%s ([api] listen) %s", exchange->address,
		    sent && bytes->len > 0 ? "sent an unexpected answer; is it dlrd?"
					   : "closed the connection without an answer");
	else if (result != RESULT_OK)
		failure_set(failure, result, "no memory");
	return result;
}

static enum result
ask_with(const struct settings *settings, const char *method, const char *path,
    const struct secret *token, struct exchange *exchange, struct failure *failure)
{
	int64_t deadline_us = clock_monotonic_us() + exchange->timeout_us;
	struct buffer request = BUFFER_EMPTY;
	size_t index = 0;
	int fd = -1;
	enum result result =
	    connect_to_any(&settings->api_listen, deadline_us, &index, &fd, failure);
	if (result != RESULT_OK)
		return result;

	exchange->address = settings->api_listen.items[index];
	result = write_request(method, path, slice_of(exchange->address), token, &request, failure);
	if (result == RESULT_OK)
		result =
		    send_and_receive(fd, buffer_slice(&request), deadline_us, exchange, failure);

	if (request.ptr != NULL)
		wipe(request.ptr, request.cap);
	buffer_done(&request);
	close(fd);
	return result;
}

static enum result
ask(const struct settings *settings, const char *method, const char *path,
    struct exchange *exchange, struct failure *failure)
{
	struct secret *token = NULL;
	enum result result = RESULT_OK;
	if (settings->api_token_file[0] != '\0')
		result = token_file_read(
		    slice_of(settings->api_token_file), settings->path, &token, failure);
	if (result == RESULT_OK)
		result = ask_with(settings, method, path, token, exchange, failure);
	secret_free(token);
	return result;
}

enum result
control_ask(const struct settings *settings, const char *method, const char *path,
    struct control_answer *out_answer, struct failure *failure)
{
	struct exchange exchange = {.max = CONTROL_ANSWER_MAX, .timeout_us = CONTROL_TIMEOUT_US};
	enum result result = ask(settings, method, path, &exchange, failure);
	if (result == RESULT_OK)
		result = read_json(
		    exchange.status, exchange.body, exchange.address, out_answer, failure);
	buffer_done(&exchange.bytes);
	return result;
}

enum result
control_get(const struct settings *settings, const char *path, int64_t timeout_us,
    unsigned *out_status, struct buffer *out_body, struct failure *failure)
{
	struct exchange exchange = {.max = CONTROL_TEXT_MAX, .timeout_us = timeout_us};
	enum result result = ask(settings, "GET", path, &exchange, failure);
	if (result == RESULT_OK) {
		*out_status = exchange.status;
		buffer_append(out_body, exchange.body);
		if (out_body->failed)
			result = failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	buffer_done(&exchange.bytes);
	return result;
}

int
control_refused(const struct cli_command *command, const struct settings *settings,
    const struct control_answer *answer)
{
	struct buffer text = BUFFER_EMPTY;
	buffer_append_visible(&text, json_text(json_get(answer->body, "error")));
	struct slice error = buffer_slice(&text);
	if (answer->status == 401 && settings->api_token_file[0] == '\0')
		cli_failure(command,
		    "the daemon requires a bearer token, and %s has none; give the daemon's own "
		    "configuration with -c",
		    settings->path);
	else if (answer->status == 401)
		cli_failure(command,
		    "the daemon does not accept the token in [api] token_file of %s; give the "
		    "daemon's own configuration with -c, or restart the daemon if the token was "
		    "changed",
		    settings->path);
	else
		cli_failure(command, "the daemon answered %u: %.*s", answer->status,
		    SLICE_ARG(error.len > 0 ? error : SLICE("no reason given")));
	buffer_done(&text);
	return CLI_FAILED;
}
