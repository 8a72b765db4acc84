#include "daemon_gaps.h"

#include "gap_finder.h"

static void
set_gap(struct daemon *daemon, struct gap_summary gap)
{
	pthread_mutex_lock(&daemon->state_lock);
	daemon->gap = gap;
	pthread_mutex_unlock(&daemon->state_lock);
	metric_set(daemon->gap_entries, (double)gap.entries);
}

void
daemon_gaps_follow(struct daemon *daemon)
{
	struct gaps gaps;
	struct failure failure;

	if (gaps_read(daemon->directory, &gaps, &failure) == RESULT_OK)
		set_gap(daemon, gaps_summarise(&gaps));
}

void
daemon_gaps_look(struct daemon *daemon)
{
	daemon->gap_entries = metrics_add(daemon->metrics, METRIC_GAP_ENTRIES, "");
	set_gap(daemon, gap_find_damage(daemon->directory, &daemon->found));
}

void
daemon_gaps_on_journal_opened(void *context)
{
	struct daemon *daemon = context;

	pthread_mutex_lock(&daemon->state_lock);
	daemon->found = journal_found(daemon->journal);
	daemon->journal_opened = true;
	pthread_mutex_unlock(&daemon->state_lock);

	set_gap(daemon, gap_find_damage(daemon->directory, &daemon->found));
}

/* The first time, the store is compared with the journal as it was at the start: entries that have
 * arrived since then would hide a gap. */
void
daemon_gaps_on_store_opened(void *context, uint64_t cursor, uint64_t first, uint64_t last)
{
	struct daemon *daemon = context;
	struct journal_found now = {.first_seq = first, .last_seq = last};

	pthread_mutex_lock(&daemon->state_lock);
	bool at_start = daemon->journal_opened && !daemon->store_opened;
	if (at_start)
		now = daemon->found;
	pthread_mutex_unlock(&daemon->state_lock);

	if (at_start || first != 0)
		set_gap(daemon, gap_find(daemon->directory, &now, cursor));
	daemon->store_opened = true;
}
