#define _GNU_SOURCE /* flock, O_DIRECTORY */
#include "dlrd/daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static enum result
busy(const char *directory, struct failure *failure)
{
	pid_t holder = lock_holder(directory);
	char process[64] = "";
	if (holder > 0)
		snprintf(process, sizeof process, " (process %ld)", (long)holder);
	return failure_set(failure, RESULT_BUSY,
	    "another dlrd%s uses %s; stop it first, or configure another directory", process,
	    directory);
}

static enum result
lock_fd(int fd, const char *path, const char *directory, struct failure *failure)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return RESULT_OK;
	return errno == EWOULDBLOCK
		   ? busy(directory, failure)
		   : failure_set(failure, RESULT_IO, "cannot lock %s: %s", path, strerror(errno));
}

/* On a full or read-only disk the directory's lock is sufficient: the file only names the holder.
 */
static bool
is_unwritable_disk(int error)
{
	return error == EROFS || error == ENOSPC || error == EDQUOT;
}

static enum result
write_holder(int fd, const char *path, struct failure *failure)
{
	char holder[32];
	int len = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
	if ((ftruncate(fd, 0) == 0 && pwrite(fd, holder, (size_t)len, 0) == len) ||
	    is_unwritable_disk(errno))
		return RESULT_OK;
	return failure_set(failure, RESULT_IO, "cannot write %s: %s", path, strerror(errno));
}

enum result
lock_acquire(const char *directory, struct lock *out_lock, struct failure *failure)
{
	char path[4096];
	struct lock lock = LOCK_NONE;
	snprintf(path, sizeof path, "%s/" LOCK_FILE, directory);
	enum result result = RESULT_OK;
	lock.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock.directory_fd >= 0)
		result = lock_fd(lock.directory_fd, directory, directory, failure);
	/* Opened after the directory is locked: a refused process must not create the file. */
	if (lock.directory_fd >= 0 && result == RESULT_OK)
		lock.file_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	bool without_file = result == RESULT_OK && lock.directory_fd >= 0 && lock.file_fd < 0 &&
			    is_unwritable_disk(errno);
	if (result == RESULT_OK && lock.file_fd < 0 && !without_file)
		result = failure_set(failure, RESULT_IO,
		    "cannot open %s: %s; [store] directory must exist and belong to the user that "
		    "runs dlrd",
		    path, strerror(errno));
	if (result == RESULT_OK && !without_file)
		result = lock_fd(lock.file_fd, path, directory, failure);
	if (result == RESULT_OK && !without_file)
		result = write_holder(lock.file_fd, path, failure);
	if (result != RESULT_OK) {
		lock_release(&lock);
		return result;
	}
	*out_lock = lock;
	return RESULT_OK;
}

void
lock_release(struct lock *lock)
{
	if (lock->file_fd >= 0)
		close(lock->file_fd);
	if (lock->directory_fd >= 0)
		close(lock->directory_fd);
	*lock = LOCK_NONE;
}

pid_t
lock_holder(const char *directory)
{
	char path[4096], holder[32] = "";
	snprintf(path, sizeof path, "%s/" LOCK_FILE, directory);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t len = read(fd, holder, sizeof holder - 1);
	close(fd);
	return len > 0 ? (pid_t)strtol(holder, NULL, 10) : 0;
}
