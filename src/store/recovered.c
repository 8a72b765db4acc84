#include "dlrd/store/recovered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
with(const char *path, const char *ending, char out_path[4096])
{
	snprintf(out_path, 4096, "%s%s", path, ending);
}

void
recovered_path(const char *path, char out_path[4096])
{
	with(path, ".recovered", out_path);
}

bool
recovered_waits(const char *path)
{
	char waiting[4096];
	recovered_path(path, waiting);
	return access(waiting, F_OK) == 0;
}

static bool
move(const char *path, const char *ending, const char *new_ending)
{
	char from[4096], to[4096];
	with(path, ending, from);
	with(path, new_ending, to);
	return rename(from, to) == 0 || errno == ENOENT;
}

static void
sync_folder(const char *path)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = '\0';
	int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;

	(void)!fsync(fd);
	close(fd);
}

/* The log is removed first: it must never be next to the new file. SQLite rebuilds the index of a
 * log. */
enum result
recovered_take(const char *path, struct failure *failure)
{
	char index[4096];
	with(path, "-shm", index);
	bool moved = move(path, "-wal", ".damaged-wal") &&
		     (unlink(index) == 0 || errno == ENOENT) && move(path, "", ".damaged") &&
		     move(path, ".recovered", "");
	if (!moved)
		return failure_set(failure, RESULT_IO, "%s.recovered: %s", path, strerror(errno));

	sync_folder(path);
	return RESULT_OK;
}

void
recovered_discard(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char name[4096];
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		with(path, endings[i], name);
		unlink(name);
	}
}
