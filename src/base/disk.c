#define _GNU_SOURCE /* strerrordesc_np, which is safe in threads */
#include "dlrd/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCKS_MIN 16 /* the index of a log needs 32 KiB */

static bool
put(char out_text[DISK_TROUBLE_SIZE], const char *name, int error)
{
	snprintf(out_text, DISK_TROUBLE_SIZE, "%.150s%s%s", name, name[0] != '\0' ? ": " : "",
	    strerrordesc_np(error));
	return true;
}

/* A log or an index that was created while the file could not be written keeps that mode. */
static bool
is_denied(const char *path, const char *ending, char out_text[DISK_TROUBLE_SIZE])
{
	char name[4096];
	snprintf(name, sizeof name, "%s%s", path, ending);
	if (access(name, R_OK | W_OK) == 0 || errno == ENOENT)
		return false;
	const char *slash = strrchr(name, '/');
	return put(out_text, slash == NULL ? name : slash + 1, errno);
}

bool
disk_trouble(const char *path, char out_text[DISK_TROUBLE_SIZE])
{
	char folder[4096];
	struct statvfs disk;
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	if (statvfs(folder, &disk) != 0)
		return put(out_text, "", errno);
	if (disk.f_flag & ST_RDONLY)
		return put(out_text, "", EROFS);
	if (access(folder, W_OK | X_OK) != 0)
		return put(out_text, folder, errno);
	if (is_denied(path, "", out_text) || is_denied(path, "-wal", out_text) ||
	    is_denied(path, "-shm", out_text))
		return true;
	return disk.f_bavail < BLOCKS_MIN && put(out_text, "", ENOSPC);
}

FILE *
disk_open_file(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool regular = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
	FILE *file = regular ? fdopen(fd, "r") : NULL;

	if (fd >= 0 && !regular)
		errno = EINVAL;
	if (fd >= 0 && file == NULL) {
		int error = errno;
		close(fd);
		errno = error;
	}
	return file;
}
