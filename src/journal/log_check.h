/* log_check: whether SQLite will read all that a write-ahead log holds.
 *
 * Recovery takes the frames of a log up to the first one whose checksum is wrong and ignores the
 * rest without a word (sqlite.org/fileformat2.html, "The Write-Ahead Log"). That is right for the
 * torn end of a write that was never acknowledged. But if the header is damaged, or if whole
 * transactions of the same log follow the first wrong frame, entries that were acknowledged are
 * lost, and this module finds out before SQLite opens the file.
 *
 * It only reads, and must not be used on a file that is open: SQLite takes no locks on logs, but
 * writes them. */
#ifndef DLRD_JOURNAL_LOG_CHECK_H
#define DLRD_JOURNAL_LOG_CHECK_H

#include "dlrd/base/slice.h"

struct log_check {
	bool damaged;            /* more than a torn end */
	uint64_t valid_frames;   /* those that SQLite will read */
	uint64_t commits_behind; /* transactions that it will not; 0 with damaged: the header is not
				    valid */
};

/* path: of the log itself. A file that is missing, empty or all zeros is not damaged. RESULT_IO if
 * it cannot be read. */
must_check enum result log_check(const char *path, struct log_check *out_check);

/* Copies a damaged log to PATH.damaged, or PATH.damaged.2 and so on up to 9 if there are such
 * files, so that it can be looked into later. RESULT_IO if there is no whole and synced copy. */
must_check enum result log_check_keep(const char *path);

#endif
