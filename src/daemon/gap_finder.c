#include "gap_finder.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/store/store.h"

#include <stdio.h>

#define JUMP_MIN (UINT64_C(1) << 40) /* no journal loses as many entries */

/* Returns whether the gap is new. */
static bool
find_gap(struct gaps *gaps, uint64_t first, uint64_t last, const char *reason)
{
	struct gap gap = {.first = first, .last = last, .found_us = clock_wall_us()};
	struct buffer text = BUFFER_EMPTY;
	snprintf(gap.reason, sizeof gap.reason, "%s", reason);
	if (!gaps_add(gaps, &gap))
		return false;
	gap_describe(&gap, &text);
	log_line(LOG_ERROR, "%.*s; callbacks are accepted and counted; 'dlrd gap' has the list",
	    SLICE_ARG(buffer_slice(&text)));
	buffer_done(&text);
	return true;
}

/* Numbers have no holes: the store has counted all entries up to its cursor, and the journal holds
 * all from its first to its last. Numbers between the two are missing entries. A journal that was
 * created while the store could not be read begins at a number far beyond its cursor: how many
 * entries are missing is not known then. Returns whether a gap is new. */
static bool
compare(struct gaps *gaps, const struct journal_found *found, uint64_t cursor)
{
	bool found_new = false;
	bool jump = found->first_seq > cursor && found->first_seq - cursor > JUMP_MIN;
	if (found->last_seq != 0 && found->first_seq > cursor + 1)
		found_new |= find_gap(gaps, cursor + 1, jump ? 0 : found->first_seq - 1,
		    STORE_FILE " has not counted them and " JOURNAL_FILE
			       " no longer has them; was an older " STORE_FILE
			       " restored, or was it removed?");
	if (cursor > found->last_seq)
		found_new |= find_gap(gaps, found->last_seq + 1, cursor,
		    STORE_FILE " has counted them, but " JOURNAL_FILE
			       " ends before; entries after them may be lost");
	return found_new;
}

static bool
find_damage(struct gaps *gaps, const struct journal_found *found)
{
	return found->log_damaged &&
	       find_gap(gaps, found->last_seq + 1, 0,
		   found->log_kept ? JOURNAL_FILE
		       "-wal is damaged; a copy is next to it, as " JOURNAL_FILE "-wal.damaged"
				   : JOURNAL_FILE "-wal is damaged, and could not be copied");
}

/* The file of gaps while entries are compared. */
struct search {
	const char *directory;
	struct gaps gaps;
	bool is_readable; /* otherwise nothing is written, and only the log has the gaps */
};

static struct search
begin_search(const char *directory)
{
	struct search search = {.directory = directory};
	struct failure failure;
	search.is_readable = gaps_read(directory, &search.gaps, &failure) == RESULT_OK;
	if (!search.is_readable) {
		log_line(LOG_ERROR, "%s", failure.text);
		search.gaps.count = 0;
	}
	return search;
}

static struct gap_summary
end_search(const struct search *search, bool found_new)
{
	struct failure failure;
	if (found_new && search->is_readable &&
	    gaps_write(search->directory, &search->gaps, &failure) != RESULT_OK)
		log_line(LOG_ERROR, "%s", failure.text);
	return gaps_summarise(&search->gaps);
}

struct gap_summary
gap_find_damage(const char *directory, const struct journal_found *found)
{
	struct search search = begin_search(directory);
	return end_search(&search, find_damage(&search.gaps, found));
}

struct gap_summary
gap_find(const char *directory, const struct journal_found *found, uint64_t cursor)
{
	struct search search = begin_search(directory);
	return end_search(&search, compare(&search.gaps, found, cursor));
}

void
gap_note_lost(const char *directory, uint64_t first, uint64_t last)
{
	struct search search = begin_search(directory);
	bool found_new = find_gap(&search.gaps, first, last,
	    "another program truncated " JOURNAL_FILE
	    "-wal; the store still has those that it had counted");
	(void)end_search(&search, found_new);
}
