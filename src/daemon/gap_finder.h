/* gap_finder: compares the entries that the store has counted with those in the journal, at a
 * start.
 *
 * Logs each gap that is new, and notes it in the file of gaps (gap.h). A file that cannot be read
 * or written does not stop callbacks: then only the log has the gap. */
#pragma once

#include "dlrd/daemon/gap.h"
#include "dlrd/journal/journal.h"

/* Reports a damaged log, which needs no store. */
struct gap_summary gap_find_damage(const char *directory, const struct journal_found *found);

/* cursor: the number of the last entry that the store has counted. Returns what is not accepted,
 * old and new. */
struct gap_summary gap_find(
    const char *directory, const struct journal_found *found, uint64_t cursor);

/* Notes and logs entries that are lost while the daemon runs, because another program truncated the
 * journal's log. */
void gap_note_lost(const char *directory, uint64_t first, uint64_t last);
