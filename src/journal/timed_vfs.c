#include "dlrd/journal/timed_vfs.h"

#include "dlrd/base/clock.h"

#include <sqlite3.h>

/* The layer is the default one but for xSync. SQLite's unix layer gives all files on one kind of
 * file system the same table of methods; a file with another table stays untimed. */
static sqlite3_vfs layer;
static sqlite3_vfs *original_layer;
static sqlite3_io_methods methods;
static const sqlite3_io_methods *original_methods;
static struct metric *observer;

static int
sync_timed(sqlite3_file *file, int flags)
{
	int64_t start_us = clock_monotonic_us();
	int code = original_methods->xSync(file, flags);
	metric_observe(observer, (double)(clock_monotonic_us() - start_us) / 1e6);
	return code;
}

static int
open_timed(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	int code = original_layer->xOpen(original_layer, name, file, flags, out_flags);
	if (code != SQLITE_OK || file->pMethods == NULL)
		return code;
	if (original_methods == NULL) {
		original_methods = file->pMethods;
		methods = *original_methods;
		methods.xSync = sync_timed;
	}
	if (file->pMethods == original_methods)
		file->pMethods = &methods;
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
