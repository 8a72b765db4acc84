#include "control.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/wipe.h"
#include "dlrd/daemon/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a request with the longest token. All are reserved at once: a buffer that grows would
 * leave a copy of the token behind. */
#define REQUEST_MAX 4096

/* --- the answer --- */

static bool
is_name_byte(char byte)
{
	return byte > ' ' && byte != ':' && byte < 0x7f;
}

/* Whether text is, or can still become, the start of an HTTP answer. */
static bool
may_be_http(struct slice text)
{
	struct slice start = SLICE("HTTP/1.");
	size_t len = text.len < start.len ? text.len : start.len;
	return memcmp(text.ptr == NULL ? "" : text.ptr, start.ptr, len) == 0;
}

/* Reads HTTP/1.x, a space, three digits, then a space or the end. Interim answers (1xx) are
 * refused, since no request asks for one. */
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

/* Reads one header. *length stays -1 until a Content-Length is read. */
static bool
read_header(struct slice line, int64_t *length)
{
	size_t colon = slice_find(line, ':');
	if (colon == 0 || colon == line.len)
		return false;
	struct slice name = {line.ptr, colon};
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_byte(name.ptr[i]))
			return false;

	if (slice_equal_nocase(name, SLICE("Transfer-Encoding")))
		return false;
	if (!slice_equal_nocase(name, SLICE("Content-Length")))
		return true;
	return *length < 0 &&
	       slice_to_int(slice_trim(slice_from(line, colon + 1)), length) == RESULT_OK &&
	       *length <= (int64_t)CONTROL_ANSWER_MAX;
}

/* Reads the head, which ends before the empty line. */
static bool
read_head(struct slice head, unsigned *out_status, int64_t *out_length)
{
	bool first = true;
	*out_length = -1;
	while (head.ptr != NULL) {
		struct slice line = slice_take(&head, '\n');
		if (head.ptr != NULL) {
			if (line.len == 0 || line.ptr[line.len - 1] != '\r')
				return false;
			line.len--;
		}
		if (!(first ? read_status(line, out_status) : read_header(line, out_length)))
			return false;
		first = false;
	}
	return true;
}

enum control_reading
control_read(struct slice bytes, bool ended, unsigned *out_status, struct slice *out_body)
{
	unsigned status = 0;
	int64_t length;
	size_t end = 0;
	if (!may_be_http(bytes) || bytes.len > CONTROL_ANSWER_MAX)
		return CONTROL_MALFORMED;

	while (end + 4 <= bytes.len && memcmp(bytes.ptr + end, "\r\n\r\n", 4) != 0)
		end++;
	if (end + 4 > bytes.len)
		return ended ? CONTROL_MALFORMED : CONTROL_PARTIAL;
	if (!read_head((struct slice){bytes.ptr, end}, &status, &length))
		return CONTROL_MALFORMED;

	struct slice body = slice_from(bytes, end + 4);
	bool whole = length < 0 ? ended : body.len == (size_t)length;
	if (!whole)
		return ended || (length >= 0 && body.len > (size_t)length) ? CONTROL_MALFORMED
									   : CONTROL_PARTIAL;
	*out_status = status;
	*out_body = body;
	return CONTROL_WHOLE;
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

/* Reads until the answer is complete. The caller frees received, also on failure. */
static enum result
receive(int fd, int64_t deadline_us, struct buffer *received, unsigned *out_status,
    struct slice *out_body)
{
	for (;;) {
		if (!wait_for(fd, POLLIN, deadline_us))
			return RESULT_BUSY;
		/* One byte above the limit shows that an answer is too long. */
		if (!buffer_reserve(received, CONTROL_ANSWER_MAX + 1 - received->len))
			return RESULT_NO_MEMORY;
		ssize_t len = recv(
		    fd, received->ptr + received->len, CONTROL_ANSWER_MAX + 1 - received->len, 0);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		received->len += len > 0 ? (size_t)len : 0;
		/* A reset ends the connection, too, but never completes an answer. */
		switch (control_read(buffer_slice(received), len <= 0, out_status, out_body)) {
		case CONTROL_PARTIAL: continue;
		case CONTROL_MALFORMED: return RESULT_INVALID;
		case CONTROL_WHOLE: return len < 0 ? RESULT_INVALID : RESULT_OK;
		}
	}
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

/* Sends request and reads the answer. */
static enum result
exchange(int fd, struct slice request, int64_t deadline_us, const char *address,
    struct control_answer *out_answer, struct failure *failure)
{
	struct buffer received = BUFFER_EMPTY;
	unsigned status;
	struct slice body;
	/* A daemon that refuses early may close before all is sent, but it has answered. */
	bool sent = send_all(fd, request, deadline_us);
	enum result result = receive(fd, deadline_us, &received, &status, &body);
	if (result == RESULT_OK)
		result = read_json(status, body, address, out_answer, failure);
	else if (result == RESULT_BUSY)
		failure_set(failure, result, "%s ([api] listen) did not answer within %d s",
		    address, (int)(CONTROL_TIMEOUT_US / CLOCK_SECOND_US));
	else if (result == RESULT_INVALID)
		failure_set(failure, result, "%s ([api] listen) %s", address,
		    sent && received.len > 0 ? "sent an unexpected answer; is it dlrd?"
					     : "closed the connection without an answer");
	else
		failure_set(failure, result, "no memory");
	buffer_done(&received);
	return result;
}

static enum result
ask(const struct settings *settings, const char *method, const char *path,
    const struct secret *token, struct control_answer *out_answer, struct failure *failure)
{
	int64_t deadline_us = clock_monotonic_us() + CONTROL_TIMEOUT_US;
	struct buffer request = BUFFER_EMPTY;
	size_t index = 0;
	int fd = -1;
	enum result result =
	    connect_to_any(&settings->api_listen, deadline_us, &index, &fd, failure);
	if (result != RESULT_OK)
		return result;

	const char *address = settings->api_listen.items[index];
	result = write_request(method, path, slice_of(address), token, &request, failure);
	if (result == RESULT_OK)
		result =
		    exchange(fd, buffer_slice(&request), deadline_us, address, out_answer, failure);

	if (request.ptr != NULL)
		wipe(request.ptr, request.cap);
	buffer_done(&request);
	close(fd);
	return result;
}

enum result
control_ask(const struct settings *settings, const char *method, const char *path,
    struct control_answer *out_answer, struct failure *failure)
{
	struct secret *token = NULL;
	enum result result = RESULT_OK;
	if (settings->api_token_file[0] != '\0')
		result = token_file_read(
		    slice_of(settings->api_token_file), settings->path, &token, failure);
	if (result == RESULT_OK)
		result = ask(settings, method, path, token, out_answer, failure);
	secret_free(token);
	return result;
}
