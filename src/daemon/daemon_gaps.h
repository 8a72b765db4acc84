/* daemon_gaps: follows which journal entries are missing, in a running daemon.
 *
 * At the start, when the journal or the store is first opened, and when entries are lost later, it
 * has gap_finder.h search. The summary is kept for the api and the metrics. */
#pragma once

#include "daemon_parts.h"

/* Reports a damaged log, whether or not the store can be opened. After the journal is opened, and
 * before the writer's thread starts, which may call daemon_gaps_on_journal_opened. */
void daemon_gaps_look(struct daemon *daemon);

/* Re-reads the file of gaps, which `dlrd gap --accept` replaces. Main thread. */
void daemon_gaps_follow(struct daemon *daemon);

/* The disk could not be written at the start, and the journal is open now: on_opened of writer.h.
 * context is a struct daemon. */
void daemon_gaps_on_journal_opened(void *context);

/* on_opened of projector.h. context is a struct daemon. */
void daemon_gaps_on_store_opened(void *context, uint64_t cursor, uint64_t first, uint64_t last);
