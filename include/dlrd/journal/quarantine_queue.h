/* quarantine_queue: refused requests on their way from the intake to the file. Inside quarantine
 * only.
 *
 * Bounded by entries, bytes and rate, so that a flood costs no more memory than that and no more
 * writing than the rate. Requests that are being written still count, so that they fit again when
 * the writing failed. Proven requests have a rate and a part of the room to themselves: a flood of
 * made-up ones must not keep them out.
 *
 * Threads: offer from any, the rest from the owner's. The lock is held for a few instructions. */
#ifndef DLRD_JOURNAL_QUARANTINE_QUEUE_H
#define DLRD_JOURNAL_QUARANTINE_QUEUE_H

#include "dlrd/journal/quarantine.h"

#include <pthread.h>

/* A request with its own copy of all its bytes. */
struct quarantine_item {
	struct quarantined request; /* its slices point into bytes */
	struct quarantine_item *next;
	size_t size; /* bytes allocated */
	char bytes[];
};

/* A token bucket in millionths of a token, on the monotonic clock. */
struct quarantine_bucket {
	struct quarantine_rate rate;
	int64_t tokens, seen_us;
};

struct quarantine_queue {
	pthread_mutex_t lock; /* guards everything up to bytes; entries and bytes are those of the
				 list and of what was taken */
	struct quarantine_item *list, **end;
	struct quarantine_bucket unproven, proven;
	size_t entries, bytes;
	size_t entries_max, bytes_max, request_max; /* never change */
};

/* The options have no zeros any more. */
void quarantine_queue_init(
    struct quarantine_queue *queue, const struct quarantine_options *options);

/* now_us is the monotonic clock's. */
enum quarantine_fate quarantine_queue_offer(
    struct quarantine_queue *queue, const struct quarantined *request, int64_t now_us);

/* Takes the whole list, oldest first; NULL where it is empty. To be given to put_back or settle. */
struct quarantine_item *quarantine_queue_take(struct quarantine_queue *queue);

/* The list could not be written: it stands at the front again. */
void quarantine_queue_put_back(struct quarantine_queue *queue, struct quarantine_item *list);

/* The list was written: frees it, and its room. */
void quarantine_queue_settle(struct quarantine_queue *queue, struct quarantine_item *list);

void quarantine_queue_done(struct quarantine_queue *queue);

#endif
