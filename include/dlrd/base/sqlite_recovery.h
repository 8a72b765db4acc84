/* sqlite_recovery: recovers a SQLite database whose log another program changed.
 *
 * Connections share an index of the log. Once the log was cut, that index is wrong, and it lives as
 * long as any connection. So the log is recovered while no other connection is open. Nothing here
 * logs. */
#pragma once

#include "dlrd/base/result.h"

/* Copies the rest of the log into the file at path, syncs the file and truncates the log. The
 * caller closes its own connections before. Waits busy_ms for others; returns RESULT_BUSY if one is
 * still open. */
must_check enum result sqlite_recover_alone(const char *path, int busy_ms, struct failure *failure);

/* Turns off SQLite's memory statistics, which take a lock at each allocation. To be called once,
 * before any other function of SQLite. */
void sqlite_count_no_memory(void);
