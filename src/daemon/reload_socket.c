#define _GNU_SOURCE /* accept4, O_PATH */
#include "dlrd/daemon/reload_socket.h"

#include "dlrd/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_NAME "reload.sock"
#define CLIENTS_WAITING_MAX 16
#define ANSWER_MAX (64 * 1024) /* fits into the buffer of a socket, so that no answer waits */

#define RELOADED SLICE("reloaded\n")
#define REFUSED SLICE("refused\n")

/* A directory's path may be longer than the 107 bytes that the address of a unix socket has room for,
 * so the address goes through an open descriptor of the directory. Returns that descriptor, for the
 * caller to close, or -1 with errno set. */
static int
make_address(const char *directory, struct sockaddr_un *out_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" FILE_NAME, fd);
	*out_address = address;
	return fd;
}

/* --- the daemon's side --- */

static int
listen_in(const char *directory)
{
	struct sockaddr_un address;
	int directory_fd = make_address(directory, &address);
	if (directory_fd < 0)
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(address.sun_path);
	mode_t mask = umask(0177);
	bool bound = fd >= 0 &&
		     bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
		     listen(fd, CLIENTS_WAITING_MAX) == 0;
	int error = errno;
	umask(mask);

	close(directory_fd);
	if (bound)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

enum result
reload_socket_open(const char *directory, int *out_fd, struct failure *failure)
{
	int fd = listen_in(directory);
	if (fd < 0)
		return failure_set(failure, RESULT_IO, "cannot listen on %s/" FILE_NAME ": %s",
		    directory, strerror(errno));
	*out_fd = fd;
	return RESULT_OK;
}

int
reload_socket_accept(int fd)
{
	return fd < 0 ? -1 : accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void
reload_socket_answer(int client_fd, bool reloaded, struct slice text)
{
	struct buffer answer = BUFFER_EMPTY;
	buffer_append(&answer, reloaded ? RELOADED : REFUSED);
	buffer_append(&answer, text);
	size_t len = answer.len < ANSWER_MAX ? answer.len : ANSWER_MAX;
	/* A client that has gone, or a buffer that is full, changes nothing about the reload. */
	if (!answer.failed)
		(void)!send(client_fd, answer.ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buffer_done(&answer);
	close(client_fd);
}

void
reload_socket_close(const char *directory, int fd)
{
	struct sockaddr_un address;
	if (fd < 0)
		return;
	int directory_fd = make_address(directory, &address);
	if (directory_fd >= 0) {
		unlink(address.sun_path);
		close(directory_fd);
	}
	close(fd);
}

/* --- the caller's side --- */

static enum result
connect_in(const char *directory, int *out_fd, struct failure *failure)
{
	struct sockaddr_un address;
	int directory_fd = make_address(directory, &address);
	if (directory_fd < 0)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "cannot open %s: %s", directory, strerror(errno));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0
			? errno
			: 0;
	close(directory_fd);
	if (error == 0) {
		*out_fd = fd;
		return RESULT_OK;
	}
	if (fd >= 0)
		close(fd);
	if (error == ENOENT || error == ECONNREFUSED)
		return failure_set(failure, RESULT_NOT_FOUND,
		    "no dlrd that can be asked works in %s; start one, or name the configuration of "
		    "the one that runs with -c",
		    directory);
	return failure_set(failure, RESULT_IO, "cannot connect to %s/" FILE_NAME ": %s%s", directory,
	    strerror(error), error == EACCES ? "; run this as root or as the daemon's user" : "");
}

/* Reads to the end of the answer. */
static enum result
receive(int fd, int64_t deadline_us, struct buffer *out, struct failure *failure)
{
	for (;;) {
		int64_t left_us = deadline_us - clock_monotonic_us();
		struct pollfd item = {.fd = fd, .events = POLLIN};
		int ready = left_us > 0 ? poll(&item, 1, (int)(left_us / 1000 + 1)) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return failure_set(failure, RESULT_BUSY,
			    "the daemon has not answered yet; its log has the outcome");
		if (!buffer_reserve(out, 4096))
			return failure_set(failure, RESULT_NO_MEMORY, "no memory");
		ssize_t len = recv(fd, out->ptr + out->len, 4096, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return failure_set(failure, RESULT_IO,
			    "the daemon ended before it answered: %s", strerror(errno));
		if (len == 0)
			return RESULT_OK;
		out->len += (size_t)len;
	}
}

enum result
reload_socket_ask(const char *directory, int64_t timeout_us, bool *out_reloaded,
    struct buffer *out_text, struct failure *failure)
{
	struct buffer answer = BUFFER_EMPTY;
	int fd = -1;
	enum result result = connect_in(directory, &fd, failure);
	if (result != RESULT_OK)
		return result;
	result = receive(fd, clock_monotonic_us() + timeout_us, &answer, failure);
	close(fd);

	struct slice text = buffer_slice(&answer);
	bool reloaded = slice_starts_with(text, RELOADED);
	if (result == RESULT_OK && !reloaded && !slice_starts_with(text, REFUSED))
		result = failure_set(failure, RESULT_IO, "the daemon ended before it answered");
	if (result == RESULT_OK) {
		*out_reloaded = reloaded;
		buffer_append(out_text, slice_from(text, reloaded ? RELOADED.len : REFUSED.len));
	}
	buffer_done(&answer);
	return result;
}
