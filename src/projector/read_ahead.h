/* read_ahead: reads and decodes the next journal entries while the projector commits a batch.
 *
 * A commit takes about half of the projector's time and needs neither the journal nor the decoder.
 * A short-lived thread uses them meanwhile and copies the decoded events. If it fails, it drops
 * them: the projector then reads the entries itself, and reports the failure.
 *
 * Threads: only the projector's. From read_ahead_start to read_ahead_finish, reader and decoder
 * belong to the thread that read_ahead_start makes. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/projector/decoder.h"

#include <pthread.h>

struct decoded_event {
	struct decoded_event *next;
	struct event event;
};

/* A decoded journal entry. */
struct decoded_entry {
	struct decoded_entry *next;
	uint64_t seq;
	struct slice signature; /* absent: not known */
	struct decoded_event *events;
};

/* Zero-initialise. */
struct read_ahead {
	struct journal_reader *reader; /* while the thread runs; borrowed */
	struct decoder *decoder;       /* likewise */
	pthread_t thread;
	bool running;
	size_t entries_max;
	uint64_t after_seq; /* the entries follow this one */
	struct decoded_entry *first, *last;
	struct arena arena; /* has the entries */
	int64_t took_us;    /* of the last run, wall clock */
};

/* Begins to read at most entries_max entries after after_seq. Fewer are read if they need much
 * memory, and none if no thread can be started. Drops the entries of an earlier run. */
void read_ahead_start(struct read_ahead *ahead, struct journal_reader *reader,
    struct decoder *decoder, uint64_t after_seq, size_t entries_max);

/* Waits until the thread has ended. */
void read_ahead_finish(struct read_ahead *ahead);

/* Returns the first of the entries that follow after_seq, in order; NULL if others or none were
 * read. Valid until the next start or drop. Not between start and finish. */
const struct decoded_entry *read_ahead_entries(const struct read_ahead *ahead, uint64_t after_seq);

/* Drops the entries and frees their memory: the configuration by which they were decoded or the
 * journal has changed, or no more are needed. Not between start and finish. */
void read_ahead_drop(struct read_ahead *ahead);
