/* workers: the threads that answer questions, and a count of the bytes that answers hold.
 *
 * libmicrohttpd's threads only read requests and send bytes. Work that may wait for a disk or a
 * lock is a job for these threads, so a slow question does not delay health checks. Jobs start in
 * the order in which they were submitted. Each page of a long list is a separate job, so that lists
 * alternate with other questions.
 *
 * No job starts while answers hold WORKERS_HELD_MAX bytes or more. A job in progress may exceed
 * this by its own answer. Any thread may call submit, hold and release. */
#pragma once

#include "dlrd/base/result.h"

#include <stddef.h>

/* Bytes of answers and pages, of the whole api, that clients have not read yet. This is room for
 * one page of each question and stream, and for some answers that have no pages. */
#define WORKERS_HELD_MAX ((size_t)48 * 1024 * 1024)
#define WORKERS_MAX 16

/* Owned by the submitter, and must stay valid until run is called. run may submit it again. */
struct job {
	struct job *next;
	void (*run)(struct job *job);
};

struct workers;

must_check enum result workers_start(
    unsigned threads, struct workers **out_workers, struct failure *failure);

/* Adds a job to the queue. After workers_stop was called, runs it at once on this thread. */
void workers_submit(struct workers *workers, struct job *job);

/* Count bytes that an answer holds from now on, and bytes that it has freed. */
void workers_hold(struct workers *workers, size_t bytes);
void workers_release(struct workers *workers, size_t bytes);

/* Removes the limit on held bytes, at a stop: jobs then only end questions. */
void workers_unbound(struct workers *workers);

/* Runs all submitted jobs without the limit, and ends the threads. Accepts NULL. */
void workers_stop(struct workers *workers);

/* Must be called after workers_stop. Accepts NULL. */
void workers_free(struct workers *workers);
