/* quarantine_queue: refused requests on their way from the intake to the file. Private to the
 * quarantine.
 *
 * Entries and bytes are bounded, and so is the memory that a flood can use. Requests that are being
 * written still count, so that they fit back into the queue if the write fails.
 *
 * Threads: offer from any, the rest from the owner's. The lock is held for a few instructions. */
#pragma once

#include "dlrd/refused/quarantine_values.h"

#include <pthread.h>
#include <stdatomic.h>

/* A request with its own copy of all its bytes. */
struct quarantine_item {
	struct quarantined request; /* its slices point into bytes */
	struct quarantine_item *next;
	size_t size;   /* bytes allocated */
	bool examined; /* by the owner, which decided to write it */
	char bytes[];
};

struct quarantine_queue {
	pthread_mutex_t lock;  /* guards all fields up to bytes; entries and bytes are the totals of
				  the list and of the requests that were taken */
	pthread_cond_t called; /* the list is no longer empty, or wake was called; monotonic */
	bool woken;
	int64_t rest_us; /* until then a wait continues although the list has requests */
	struct quarantine_item *list, **end;
	size_t entries, bytes;
	size_t entries_max, bytes_max, request_max; /* never change */
	_Atomic size_t memory; /* bytes, plus the memory of an examination; for any thread */
};

void quarantine_queue_init(
    struct quarantine_queue *queue, const struct quarantine_options *options);

enum quarantine_offer_result quarantine_queue_offer(
    struct quarantine_queue *queue, const struct quarantined *request);

/* Add to `memory` the most that the examination of a request may allocate, and subtract it
 * afterwards. */
void quarantine_queue_examine(struct quarantine_queue *queue, const struct quarantine_item *item);
void quarantine_queue_examined(struct quarantine_queue *queue, const struct quarantine_item *item);

/* See quarantine_wait and quarantine_wake. */
void quarantine_queue_wait(struct quarantine_queue *queue, int64_t timeout_us);
void quarantine_queue_wake(struct quarantine_queue *queue);

/* Takes the whole list, oldest first; NULL if it is empty. Must be followed by put_back or settle.
 */
struct quarantine_item *quarantine_queue_take(struct quarantine_queue *queue);

/* Puts a list that could not be written back to the front. */
void quarantine_queue_put_back(struct quarantine_queue *queue, struct quarantine_item *list);

/* Frees a list that was written or dropped, and releases its room. */
void quarantine_queue_settle(struct quarantine_queue *queue, struct quarantine_item *list);

void quarantine_queue_done(struct quarantine_queue *queue);
