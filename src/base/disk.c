#define _GNU_SOURCE /* strerrordesc_np, which is safe in threads */
#include "dlrd/base/disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCKS_MIN 16 /* less is no room for the index of a log, which has 32 KiB */

const char *
disk_trouble(const char *path)
{
	char folder[4096];
	struct statvfs disk;
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	if (statvfs(folder, &disk) != 0)
		return strerrordesc_np(errno);
	if (disk.f_flag & ST_RDONLY)
		return strerrordesc_np(EROFS);
	if (access(folder, W_OK | X_OK) != 0 || (access(path, W_OK) != 0 && errno != ENOENT))
		return strerrordesc_np(errno);
	return disk.f_bavail < BLOCKS_MIN ? strerrordesc_np(ENOSPC) : NULL;
}
