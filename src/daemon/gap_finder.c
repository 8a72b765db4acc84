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

static struct gap_summary
note(const char *directory, const struct journal_found *found, const uint64_t *cursor)
{
	struct gaps gaps;
	struct failure failure;
	enum result result = gaps_read(directory, &gaps, &failure);
	if (result != RESULT_OK) {
		log_line(LOG_ERROR, "%s", failure.text);
		gaps.count = 0;
	}
	bool found_new =
	    cursor != NULL ? compare(&gaps, found, *cursor) : find_damage(&gaps, found);
	if (found_new && result == RESULT_OK && gaps_write(directory, &gaps, &failure) != RESULT_OK)
		log_line(LOG_ERROR, "%s", failure.text);
	return gaps_summarise(&gaps);
}

struct gap_summary
gap_find_damage(const char *directory, const struct journal_found *found)
{
	return note(directory, found, NULL);
}

struct gap_summary
gap_find(const char *directory, const struct journal_found *found, uint64_t cursor)
{
	return note(directory, found, &cursor);
}

void
gap_note_lost(const char *directory, uint64_t first, uint64_t last)
{
	struct gaps gaps;
	struct failure failure;
	enum result result = gaps_read(directory, &gaps, &failure);
	if (result != RESULT_OK)
		gaps.count = 0;
	find_gap(&gaps, first, last,
	    "another program truncated " JOURNAL_FILE
	    "-wal; the store still has those that it had counted");
	if (result == RESULT_OK)
		result = gaps_write(directory, &gaps, &failure);
	if (result != RESULT_OK)
		log_line(LOG_ERROR, "%s", failure.text);
}
