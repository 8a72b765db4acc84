/* sqlite_recovery: recovers a SQLite database whose log another program changed.
 *
 * Connections share an index of the log. After the log was cut, that index is wrong, and it lives
 * as long as any connection does; so the log is recovered with no other connection open. Nothing
 * here logs. */
#ifndef DLRD_BASE_SQLITE_RECOVERY_H
#define DLRD_BASE_SQLITE_RECOVERY_H

#include "dlrd/base/result.h"

/* Copies what is left of the log into the file at path, synced, and begins the log anew. To be
 * called with the caller's own connections closed. Waits busy_ms for others; RESULT_BUSY while one
 * is open. */
must_check enum result sqlite_recover_alone(const char *path, int busy_ms, struct failure *failure);

/* Makes SQLite count none of its memory, which takes a lock at each allocation. Before any other
 * call of SQLite's; once. */
void sqlite_count_no_memory(void);

#endif
