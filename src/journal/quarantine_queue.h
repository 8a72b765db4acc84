/* quarantine_queue: refused requests on their way from the intake to the file. Inside quarantine
 * only.
 *
 * Bounded by entries and bytes, so that a flood costs no more memory than that. Requests that are
 * being written still count, so that they fit again when the writing failed.
 *
 * Threads: offer from any, the rest from the owner's. The lock is held for a few instructions. */
#ifndef DLRD_JOURNAL_QUARANTINE_QUEUE_H
#define DLRD_JOURNAL_QUARANTINE_QUEUE_H

#include "dlrd/journal/quarantine_values.h"

#include <pthread.h>
#include <stdatomic.h>

/* A request with its own copy of all its bytes. */
struct quarantine_item {
	struct quarantined request; /* its slices point into bytes */
	struct quarantine_item *next;
	size_t size;   /* bytes allocated */
	bool examined; /* by the owner: it is to be written */
	char bytes[];
};

struct quarantine_queue {
	pthread_mutex_t lock;  /* guards everything up to bytes; entries and bytes are those of the
				  list and of what was taken */
	pthread_cond_t called; /* the list is no longer empty, or wake was called; monotonic */
	bool woken;
	int64_t rest_us; /* a wait for what is in the list goes on until then */
	struct quarantine_item *list, **end;
	size_t entries, bytes;
	size_t entries_max, bytes_max, request_max; /* never change */
	_Atomic size_t memory; /* bytes, and what an examination allocates; for any thread */
};

/* The options have no zeros any more. */
void quarantine_queue_init(
    struct quarantine_queue *queue, const struct quarantine_options *options);

enum quarantine_fate quarantine_queue_offer(
    struct quarantine_queue *queue, const struct quarantined *request);

/* Counts what the examination of a request may allocate, and what it has freed. */
void quarantine_queue_examine(struct quarantine_queue *queue, const struct quarantine_item *item);
void quarantine_queue_examined(struct quarantine_queue *queue, const struct quarantine_item *item);

/* As quarantine_wait and quarantine_wake. */
void quarantine_queue_wait(struct quarantine_queue *queue, int64_t timeout_us);
void quarantine_queue_wake(struct quarantine_queue *queue);

/* Takes the whole list, oldest first; NULL where it is empty. To be given to put_back or settle. */
struct quarantine_item *quarantine_queue_take(struct quarantine_queue *queue);

/* The list could not be written: it stands at the front again. */
void quarantine_queue_put_back(struct quarantine_queue *queue, struct quarantine_item *list);

/* The list was written, or is not to be: frees it, and its room. */
void quarantine_queue_settle(struct quarantine_queue *queue, struct quarantine_item *list);

void quarantine_queue_done(struct quarantine_queue *queue);

#endif
