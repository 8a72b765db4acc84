#include "dlrd/base/sqlite_recovery.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

enum result
sqlite_recover_alone(const char *path, int busy_ms, struct failure *failure)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(db, busy_ms);
		/* The lock is exclusive from the first access on: BUSY while another connection is
		 * open, and the index that others left is not used. */
		code = sqlite3_exec(db,
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
		    "PRAGMA wal_autocheckpoint = 0; SELECT count(*) FROM sqlite_schema",
		    NULL, NULL, NULL);
	}
	if (code == SQLITE_OK)
		code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	enum result result = RESULT_OK;
	bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
	if (code != SQLITE_OK)
		result = failure_set(failure, busy ? RESULT_BUSY : RESULT_IO, "%s: %s%s", path,
		    db == NULL ? "no memory" : sqlite3_errmsg(db),
		    busy ? "; another program has it open: close that program" : "");
	sqlite3_close_v2(db);
	return result;
}

void
sqlite_count_no_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
