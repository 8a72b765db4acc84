/* journal_vfs: SQLite's file layer as the journal needs it.
 *
 * - A clock on fsync.
 * - Writes that follow each other in the file are one system call. SQLite writes each frame of the
 *   log with two, and each page of a checkpoint with one; here a commit of some dozens of callbacks
 *   is one write and one fsync. Bytes wait in memory until SQLite syncs or reads the file. That is
 *   safe because, if synchronous is FULL, SQLite syncs the log before other connections can see a
 *   commit, and the database before they can see a checkpoint. The sync reports a failed write.
 * - The system's reason for a failure. SQLite reports ENOSPC as SQLITE_FULL and everything else as
 *   an I/O error, and forgets errno if a COMMIT fails. Here a quota (EDQUOT) and a limit of the
 *   file's size (EFBIG) are SQLITE_FULL as well: nothing was written, and there may be room later.
 *
 * Inside the journal only. There is one journal in a process, so the histogram that observes its
 * syncs, and the last error, are one for the process, too. */
#ifndef DLRD_JOURNAL_JOURNAL_VFS_H
#define DLRD_JOURNAL_JOURNAL_VFS_H

#include "dlrd/base/metrics.h"

/* Registers the layer, once, and returns its name for sqlite3_open_v2; NULL (the default layer) if
 * that fails. fsync_seconds may be NULL. */
const char *journal_vfs_register(struct metric *fsync_seconds);

/* errno of the last write or sync that failed; 0 if none has. By the thread that owns the journal.
 */
int journal_vfs_errno(void);

#endif
