#define _GNU_SOURCE /* statx */
#include "dlrd/base/wal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum result
wal_file_init(struct wal_file *wal, const char *database_path, size_t page_size)
{
	char *path = malloc(strlen(database_path) + sizeof "-wal");
	if (path == NULL)
		return RESULT_NO_MEMORY;
	sprintf(path, "%s-wal", database_path);
	*wal = (struct wal_file){.path = path, .page_size = page_size, .fd = -1};
	return RESULT_OK;
}

void
wal_file_open(struct wal_file *wal)
{
	wal_file_close(wal);
	wal->fd = open(wal->path, O_RDWR | O_CLOEXEC);
	if (wal->fd >= 0 && fstat(wal->fd, &wal->opened) != 0)
		wal_file_close(wal);
}

off_t
wal_file_size(const struct wal_file *wal, size_t pages)
{
	return WAL_HEADER_LEN + (off_t)(pages * (WAL_FRAME_HEADER_LEN + wal->page_size));
}

/* The header and the last frame have the salts of the current round of the log; an overwritten log
 * has other bytes there. */
static bool
is_one_round(const struct wal_file *wal, size_t pages)
{
	unsigned char header[WAL_HEADER_LEN], frame[WAL_FRAME_HEADER_LEN];
	off_t last = wal_file_size(wal, pages - 1);
	return pread(wal->fd, header, sizeof header, 0) == (ssize_t)sizeof header &&
	       pread(wal->fd, frame, sizeof frame, last) == (ssize_t)sizeof frame &&
	       memcmp(header + 16, frame + 8, 8) == 0 && memcmp(header, "\x37\x7f\x06", 3) == 0;
}

struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
};

/* Does not read the times. On a kernel with multigrain timestamps (Linux 6.13), a stat that reads
 * them makes the next write change them, and the next fdatasync write the inode: before each commit
 * that would be one more write to the disk. A sandbox that does not know statx may refuse it. */
static bool
identify(const char *path, struct identity *out)
{
	struct statx now;
	struct stat with_times;

	if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_SIZE, &now) == 0) {
		*out = (struct identity){makedev(now.stx_dev_major, now.stx_dev_minor), now.stx_ino,
		    (off_t)now.stx_size};
		return true;
	}
	if (errno == ENOENT || stat(path, &with_times) != 0)
		return false;
	*out = (struct identity){with_times.st_dev, with_times.st_ino, with_times.st_size};
	return true;
}

enum wal_state
wal_file_look(const struct wal_file *wal, size_t pages, bool closely)
{
	struct identity now;
	if (wal->fd < 0)
		return WAL_SOUND;
	if (!identify(wal->path, &now))
		return errno == ENOENT ? WAL_REMOVED : WAL_SOUND;
	if (now.dev != wal->opened.st_dev || now.ino != wal->opened.st_ino)
		return WAL_REMOVED;
	if (pages == 0)
		return WAL_SOUND;
	bool whole = now.size >= wal_file_size(wal, pages);
	return whole && (!closely || is_one_round(wal, pages)) ? WAL_SOUND : WAL_CUT;
}

uint64_t
wal_file_bytes(const struct wal_file *wal)
{
	off_t size = wal->fd >= 0 ? lseek(wal->fd, 0, SEEK_END) : 0;
	return size > 0 ? (uint64_t)size : 0;
}

void
wal_file_close(struct wal_file *wal)
{
	if (wal->fd >= 0)
		close(wal->fd);
	wal->fd = -1;
}

void
wal_file_done(struct wal_file *wal)
{
	if (wal->path == NULL)
		return;
	wal_file_close(wal);
	free(wal->path);
	wal->path = NULL;
}
