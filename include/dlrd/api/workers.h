/* workers: the threads that answer questions, and the account of the memory that answers hold.
 *
 * libmicrohttpd's threads only read requests and send bytes; whatever may wait for a disk or a
 * lock is a job of these. So no question, however slow, keeps a health check from its answer.
 * Jobs run in the order in which they were submitted; the page of a long list is a job of its own,
 * so that lists take turns with other questions.
 *
 * Answers hold at most WORKERS_HELD_MAX bytes: while they hold more, no job begins. A job in
 * progress may go beyond that by its own answer. Any thread may submit, hold and release. */
#ifndef DLRD_API_WORKERS_H
#define DLRD_API_WORKERS_H

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of answers and pages that wait for clients to read them, of the whole api: room for all
 * questions and streams at a page each, and for some answers that are not paged. */
#define WORKERS_HELD_MAX ((size_t)48 * 1024 * 1024)
#define WORKERS_MAX 16

/* The submitter's; it must stay until run was called. A job may be submitted again then. */
struct job {
	struct job *next;
	void (*run)(struct job *job);
};

struct workers;

must_check enum result workers_start(
    unsigned threads, struct workers **out_workers, struct failure *failure);

/* Once workers_stop was called, runs the job here. */
void workers_submit(struct workers *workers, struct job *job);

/* Counts bytes that an answer holds from now on, and those that it has given back. */
void workers_hold(struct workers *workers, size_t bytes);
void workers_release(struct workers *workers, size_t bytes);

/* From now on jobs begin whatever answers hold: at a stop they only end. */
void workers_unbound(struct workers *workers);

/* Runs all jobs that were submitted, whatever answers hold, and ends the threads. Accepts NULL. */
void workers_stop(struct workers *workers);

/* After workers_stop. Accepts NULL. */
void workers_free(struct workers *workers);

#endif
