#define _GNU_SOURCE /* accept4, struct ucred */
#include "dlrd/daemon/reload_socket.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/lock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64 * 1024) /* fits into the buffer of a socket, so that no answer waits */

#define RELOADED SLICE("reloaded\n")
#define REFUSED SLICE("refused\n")

/* Returns the length of the address; 0, with errno set, if there is no such directory. */
static socklen_t
make_address(const char *directory, struct sockaddr_un *out_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat info;
	if (stat(directory, &info) != 0)
		return 0;
	/* The NUL in front makes it abstract. */
	int len =
	    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "dlrd-reload-%llx-%llx",
		(unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
	*out_address = address;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static bool
read_peer(int fd, struct ucred *out_peer)
{
	socklen_t len = sizeof *out_peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, out_peer, &len) == 0;
}

/* --- the daemon's side --- */

enum result
reload_socket_open(const char *directory, int *out_fd, struct failure *failure)
{
	struct sockaddr_un address;
	socklen_t len = make_address(directory, &address);
	int fd = len == 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, len) == 0 &&
	    listen(fd, RELOAD_CLIENTS_MAX) == 0) {
		*out_fd = fd;
		return RESULT_OK;
	}
	failure_set(failure, RESULT_IO, "cannot listen for dlrd reload in %s: %s", directory,
	    strerror(errno));
	if (fd >= 0)
		close(fd);
	return RESULT_IO;
}

int
reload_socket_accept(int fd)
{
	int client_fd, left = RELOAD_CLIENTS_MAX; /* others may connect without an end */
	while (fd >= 0 && left-- > 0 &&
	       (client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct ucred peer;
		if (read_peer(client_fd, &peer) && (peer.uid == 0 || peer.uid == geteuid()))
			return client_fd;
		close(client_fd);
	}
	return -1;
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

/* --- the caller's side --- */

static enum result
connect_in(const char *directory, int *out_fd, struct failure *failure)
{
	const struct timeval connect_timeout = {.tv_sec = 5};
	struct sockaddr_un address;
	struct ucred peer;
	socklen_t len = make_address(directory, &address);
	if (len == 0)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "cannot open %s: %s", directory, strerror(errno));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failure_set(failure, RESULT_IO, "socket: %s", strerror(errno));
	/* A full backlog makes connect wait. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connect_timeout, sizeof connect_timeout);
	if (connect(fd, (const struct sockaddr *)&address, len) == 0 && read_peer(fd, &peer) &&
	    peer.pid > 0 && peer.pid == lock_holder(directory)) {
		*out_fd = fd;
		return RESULT_OK;
	}
	close(fd);
	if (access(directory, R_OK | X_OK) != 0)
		return failure_set(failure, RESULT_IO,
		    "cannot read %s: %s; run this as root or as the user that runs dlrd", directory,
		    strerror(errno));
	return failure_set(failure, RESULT_NOT_FOUND,
	    "no dlrd runs in %s, or %s/" LOCK_FILE
	    " was removed; name its configuration with -c, or send it SIGHUP",
	    directory, directory);
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
			    "the daemon has not answered yet; its log will have the result");
		if (!buffer_reserve(out, 4096))
			return failure_set(failure, RESULT_NO_MEMORY, "no memory");
		ssize_t len = recv(fd, out->ptr + out->len, 4096, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return failure_set(failure, RESULT_IO,
			    "lost the connection to the daemon: %s", strerror(errno));
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
		result = failure_set(failure, RESULT_IO,
		    "the daemon did not answer: it is stopping, or this user is neither root nor "
		    "the daemon's own");
	if (result == RESULT_OK) {
		*out_reloaded = reloaded;
		buffer_append(out_text, slice_from(text, reloaded ? RELOADED.len : REFUSED.len));
	}
	buffer_done(&answer);
	return result;
}
