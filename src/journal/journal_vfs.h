/* journal_vfs: SQLite's file layer for the journal.
 *
 * - It measures the time of each fsync.
 * - It joins consecutive writes to one system call. SQLite writes each frame of the log with two,
 * and each page of a checkpoint with one; with this layer a commit of some dozens of callbacks is
 * one write and one fsync. Bytes wait in memory until SQLite syncs or reads the file. That is safe
 * because, if synchronous is FULL, SQLite syncs the log before other connections can see a commit,
 * and the database before they can see a checkpoint. The sync reports a failed write.
 * - It keeps the system's reason for a failure. SQLite reports ENOSPC as SQLITE_FULL and other
 * errors as I/O errors, and drops errno if a COMMIT fails. This layer also reports an exceeded
 * quota (EDQUOT) or file size limit (EFBIG) as SQLITE_FULL: nothing was written, and there may be
 * room later.
 *
 * Private to the journal. A process has one journal, so the histogram of its syncs and the last
 * error are global. */
#ifndef DLRD_JOURNAL_JOURNAL_VFS_H
#define DLRD_JOURNAL_JOURNAL_VFS_H

#include "dlrd/base/metrics.h"

/* Registers the layer once and returns its name for sqlite3_open_v2. Returns NULL, which is the
 * default layer, on failure. fsync_seconds may be NULL. */
const char *journal_vfs_register(struct metric *fsync_seconds);

/* Returns errno of the last failed write or sync; 0 if there was no failure. Call it from the
 * thread that owns the journal. */
int journal_vfs_errno(void);

#endif
