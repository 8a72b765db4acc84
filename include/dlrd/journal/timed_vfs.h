/* timed_vfs: SQLite's file layer with a clock on fsync.
 *
 * Inside the journal only. There is one journal in a process, so the histogram that observes its
 * syncs is one for the process, too. */
#ifndef DLRD_JOURNAL_TIMED_VFS_H
#define DLRD_JOURNAL_TIMED_VFS_H

#include "dlrd/base/metrics.h"

/* Registers the layer, once, and returns its name for sqlite3_open_v2; NULL (the default layer)
 * where that fails. fsync_seconds may be NULL. */
const char *timed_vfs_register(struct metric *fsync_seconds);

#endif
