#include "journal_vfs.h"

#include "dlrd/base/clock.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* The layer is the default one with some methods replaced. SQLite's unix layer has a table of
 * methods for each kind of file (the database, its log); each gets a copy. Tables beyond TABLES_MAX
 * are not replaced. One thread, the journal's owner, opens, writes and syncs the files. */
#define TABLES_MAX 4

/* Bytes; a longer transaction is written in parts. SQLite's unix layer reduces the length of a
 * write modulo 128 KiB. */
#define PENDING_MAX (128 * 1024 - 1)

/* Bytes that SQLite has written and the system has not. They are in the memory of the sqlite3_file,
 * after the part of the original layer. */
struct pending {
	char *bytes; /* PENDING_MAX of them; NULL for a file that is not the journal or its log */
	size_t len;
	sqlite3_int64 offset; /* of the first byte in the file */
};

static sqlite3_vfs layer;
static sqlite3_vfs *original_layer;
static sqlite3_io_methods tables[TABLES_MAX];
static const sqlite3_io_methods *originals[TABLES_MAX];
static size_t table_count;
static struct metric *observer;
static int failed_errno;

static const sqlite3_io_methods *
original_of(const sqlite3_file *file)
{
	return originals[file->pMethods - tables];
}

static struct pending *
pending_of(sqlite3_file *file)
{
	return (struct pending *)((char *)file + original_layer->szOsFile);
}

static int
write_now(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	int code = original_of(file)->xWrite(file, bytes, len, offset);
	if (code == SQLITE_OK)
		return code;

	/* The unix layer returns right after the system call, so errno is still valid. It reports
	 * ENOSPC as SQLITE_FULL. */
	failed_errno = code == SQLITE_FULL ? ENOSPC : errno;
	return failed_errno == EDQUOT || failed_errno == EFBIG ? SQLITE_FULL : code;
}

/* Bytes whose write fails are dropped: their transaction fails, and the next one starts at the same
 * offset. */
static int
write_pending(sqlite3_file *file)
{
	struct pending *pending = pending_of(file);
	int len = (int)pending->len;

	pending->len = 0;
	return len == 0 ? SQLITE_OK : write_now(file, pending->bytes, len, pending->offset);
}

static int
write_later(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	struct pending *pending = pending_of(file);
	bool follows = pending->offset + (sqlite3_int64)pending->len == offset;
	bool fits = pending->len + (size_t)len <= PENDING_MAX;

	if (pending->len > 0 && !(follows && fits)) {
		int code = write_pending(file);
		if (code != SQLITE_OK)
			return code;
	}
	if (pending->bytes == NULL || len > PENDING_MAX)
		return write_now(file, bytes, len, offset);

	if (pending->len == 0)
		pending->offset = offset;
	memcpy(pending->bytes + pending->len, bytes, (size_t)len);
	pending->len += (size_t)len;
	return SQLITE_OK;
}

static int
sync_timed(sqlite3_file *file, int flags)
{
	int code = write_pending(file);
	if (code != SQLITE_OK)
		return code;

	int64_t start_us = clock_monotonic_us();
	code = original_of(file)->xSync(file, flags);
	if (code != SQLITE_OK)
		failed_errno = errno;
	metric_observe(observer, (double)(clock_monotonic_us() - start_us) / 1e6);
	return code;
}

static int
read_written(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
	int code = write_pending(file);
	return code == SQLITE_OK ? original_of(file)->xRead(file, bytes, len, offset) : code;
}

static int
size_written(sqlite3_file *file, sqlite3_int64 *out_size)
{
	int code = write_pending(file);
	return code == SQLITE_OK ? original_of(file)->xFileSize(file, out_size) : code;
}

static int
truncate_written(sqlite3_file *file, sqlite3_int64 size)
{
	int code = write_pending(file);
	return code == SQLITE_OK ? original_of(file)->xTruncate(file, size) : code;
}

static int
close_written(sqlite3_file *file)
{
	int code = write_pending(file);
	free(pending_of(file)->bytes);
	int closed = original_of(file)->xClose(file);
	return code == SQLITE_OK ? closed : code;
}

/* Returns this layer's copy of a table, or the table itself if there is no room for another. */
static const sqlite3_io_methods *
replaced(const sqlite3_io_methods *methods)
{
	size_t i = 0;
	while (i < table_count && originals[i] != methods)
		i++;
	if (i == TABLES_MAX)
		return methods;

	if (i == table_count) {
		originals[i] = methods;
		tables[i] = *methods;
		tables[i].xWrite = write_later;
		tables[i].xSync = sync_timed;
		tables[i].xRead = read_written;
		tables[i].xFileSize = size_written;
		tables[i].xTruncate = truncate_written;
		tables[i].xClose = close_written;
		table_count++;
	}
	return &tables[i];
}

/* Without memory for pending bytes, writes go directly to the original layer. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	int code = original_layer->xOpen(original_layer, name, file, flags, out_flags);

	*pending_of(file) = (struct pending){0};
	if (code != SQLITE_OK || file->pMethods == NULL)
		return code;
	const sqlite3_io_methods *original = file->pMethods;
	file->pMethods = replaced(original);
	if ((flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) != 0 && file->pMethods != original)
		pending_of(file)->bytes = malloc(PENDING_MAX);
	return code;
}

const char *
journal_vfs_register(struct metric *fsync_seconds)
{
	observer = fsync_seconds;
	if (original_layer != NULL)
		return layer.zName;

	sqlite3_vfs *found = sqlite3_vfs_find(NULL);
	if (found == NULL)
		return NULL;
	layer = *found;
	layer.zName = "dlrd-journal";
	layer.szOsFile += (int)sizeof(struct pending);
	layer.xOpen = open_file;
	original_layer = found;
	if (sqlite3_vfs_register(&layer, 0) == SQLITE_OK)
		return layer.zName;
	original_layer = NULL;
	return NULL;
}

int
journal_vfs_errno(void)
{
	return failed_errno;
}
