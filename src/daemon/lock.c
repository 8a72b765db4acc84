#define _DEFAULT_SOURCE /* flock */
#include "dlrd/daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum result
lock_acquire(const char *directory, int *out_fd, struct failure *failure)
{
	char path[4096], holder[32] = "";
	snprintf(path, sizeof path, "%s/dlrd.lock", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return failure_set(failure, RESULT_IO,
		    "cannot open %s: %s; [store] directory must exist and belong to the user that "
		    "runs dlrd",
		    path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int error = errno;
		ssize_t len = read(fd, holder, sizeof holder - 1);
		close(fd);
		if (error != EWOULDBLOCK)
			return failure_set(
			    failure, RESULT_IO, "cannot lock %s: %s", path, strerror(error));
		return failure_set(failure, RESULT_BUSY,
		    "another dlrd (process %ld) works in %s; stop it first, or give this one a "
		    "directory of its own",
		    len > 0 ? strtol(holder, NULL, 10) : 0L, directory);
	}
	int len = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)len, 0) != len) {
		close(fd);
		return failure_set(failure, errno == ENOSPC ? RESULT_FULL : RESULT_IO,
		    "cannot write %s: %s", path, strerror(errno));
	}
	*out_fd = fd;
	return RESULT_OK;
}

pid_t
lock_holder(const char *directory)
{
	char path[4096], holder[32] = "";
	snprintf(path, sizeof path, "%s/dlrd.lock", directory);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t len = read(fd, holder, sizeof holder - 1);
	close(fd);
	return len > 0 ? (pid_t)strtol(holder, NULL, 10) : 0;
}
