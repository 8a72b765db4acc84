#include "timed_vfs.h"

#include "dlrd/base/clock.h"

#include <errno.h>
#include <sqlite3.h>

/* The layer is the default one but for xSync and xWrite. SQLite's unix layer has a table of methods
 * for each kind of file (the database, its log); each gets a copy with these two replaced. A kind
 * beyond TABLES_MAX stays as it is. Files are opened, written and synced by the one thread that
 * owns the journal. */
#define TABLES_MAX 4

static sqlite3_vfs layer;
static sqlite3_vfs *original_layer;
static sqlite3_io_methods tables[TABLES_MAX];
static const sqlite3_io_methods *originals[TABLES_MAX];
static size_t table_count;
static struct metric *observer;
static int failed_errno;

static int
sync_timed(sqlite3_file *file, int flags)
{
	const sqlite3_io_methods *original = originals[file->pMethods - tables];
	int64_t start_us = clock_monotonic_us();
	int code = original->xSync(file, flags);
	if (code != SQLITE_OK)
		failed_errno = errno;
	metric_observe(observer, (double)(clock_monotonic_us() - start_us) / 1e6);
	return code;
}

static int
write_explained(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	const sqlite3_io_methods *original = originals[file->pMethods - tables];
	int code = original->xWrite(file, bytes, len, offset);
	if (code == SQLITE_OK)
		return code;
	/* The unix layer returns right after the system call. It knows ENOSPC as SQLITE_FULL. */
	failed_errno = code == SQLITE_FULL ? ENOSPC : errno;
	return failed_errno == EDQUOT || failed_errno == EFBIG ? SQLITE_FULL : code;
}

/* The timed copy of a table, or the table itself if there is no room for another. */
static const sqlite3_io_methods *
timed(const sqlite3_io_methods *methods)
{
	size_t i = 0;
	while (i < table_count && originals[i] != methods)
		i++;
	if (i == TABLES_MAX)
		return methods;
	if (i == table_count) {
		originals[i] = methods;
		tables[i] = *methods;
		tables[i].xSync = sync_timed;
		tables[i].xWrite = write_explained;
		table_count++;
	}
	return &tables[i];
}

static int
open_timed(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	int code = original_layer->xOpen(original_layer, name, file, flags, out_flags);
	if (code == SQLITE_OK && file->pMethods != NULL)
		file->pMethods = timed(file->pMethods);
	return code;
}

const char *
timed_vfs_register(struct metric *fsync_seconds)
{
	observer = fsync_seconds;
	if (original_layer != NULL)
		return layer.zName;
	sqlite3_vfs *found = sqlite3_vfs_find(NULL);
	if (found == NULL)
		return NULL;
	layer = *found;
	layer.zName = "dlrd-timed";
	layer.xOpen = open_timed;
	if (sqlite3_vfs_register(&layer, 0) != SQLITE_OK)
		return NULL;
	original_layer = found;
	return layer.zName;
}

int
timed_vfs_errno(void)
{
	return failed_errno;
}
