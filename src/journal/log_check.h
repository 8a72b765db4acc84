/* log_check: checks whether SQLite will read all of a write-ahead log.
 *
 * Recovery reads the frames of a log up to the first one with a wrong checksum and silently ignores
 * the rest (sqlite.org/fileformat2.html, "The Write-Ahead Log"). That is right for the torn end of
 * a write that was never acknowledged. But if the header is damaged, or if complete transactions of
 * the same log follow the first wrong frame, acknowledged entries are lost. This module detects
 * that before SQLite opens the file.
 *
 * It only reads. It must not be used on an open file: SQLite takes no locks on logs, but writes
 * them. */
#pragma once

#include "dlrd/base/slice.h"

struct log_check {
	bool damaged;            /* more than a torn end */
	uint64_t valid_frames;   /* frames that SQLite will read */
	uint64_t commits_behind; /* transactions that it will not read; 0 and damaged: the header is
				    not valid */
};

/* Checks the log at path. A file that is missing, empty or all zeros is not damaged. Returns
 * RESULT_IO if it cannot be read. */
must_check enum result log_check(const char *path, struct log_check *out_check);

/* Copies a damaged log to PATH.damaged, for inspection. If that exists, to PATH.damaged.2 and so
 * on, up to 9. Returns RESULT_IO if there is no complete and synced copy. */
must_check enum result log_check_keep(const char *path);
