/* timed_vfs: SQLite's file layer with a clock on fsync and the system's reason for a failure.
 *
 * SQLite reports ENOSPC as SQLITE_FULL and everything else as an I/O error, and forgets errno if a
 * COMMIT fails. Here a quota (EDQUOT) and a limit of the file's size (EFBIG) are
 * SQLITE_FULL as well: nothing was written, and there may be room later.
 *
 * Inside the journal only. There is one journal in a process, so the histogram that observes its
 * syncs, and the last error, are one for the process, too. */
#pragma once

#include "dlrd/base/metrics.h"

/* Registers the layer, once, and returns its name for sqlite3_open_v2; NULL (the default layer)
 * if that fails. fsync_seconds may be NULL. */
const char *timed_vfs_register(struct metric *fsync_seconds);

/* errno of the last write or sync that failed; 0 if none has. By the thread that owns the journal.
 */
int timed_vfs_errno(void);
