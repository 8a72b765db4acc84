#define _GNU_SOURCE /* pthread_setname_np */
#include "dlrd/api/workers.h"

#include "dlrd/base/thread.h"

#include <stdlib.h>

struct workers {
	pthread_mutex_t lock;  /* guards all below except threads and count */
	pthread_cond_t change; /* a new job, room for an answer, or the stop */
	struct job *first, **last;
	size_t held; /* bytes */
	bool unbounded, stopping;
	pthread_t threads[WORKERS_MAX];
	unsigned count; /* of threads; only the owner uses it */
};

/* Under the lock. Waits for the next job. Returns NULL if the workers stop and no job is left. */
static struct job *
take_job(struct workers *workers)
{
	while (
	    !workers->stopping &&
	    (workers->first == NULL || (workers->held >= WORKERS_HELD_MAX && !workers->unbounded)))
		pthread_cond_wait(&workers->change, &workers->lock);
	struct job *job = workers->first;
	if (job != NULL)
		workers->first = job->next;
	if (workers->first == NULL)
		workers->last = &workers->first;
	return job;
}

static void *
work(void *context)
{
	struct workers *workers = context;
	struct job *job;
	pthread_setname_np(pthread_self(), "dlrd-api");
	pthread_mutex_lock(&workers->lock);
	while ((job = take_job(workers)) != NULL) {
		pthread_mutex_unlock(&workers->lock);
		job->run(job);
		pthread_mutex_lock(&workers->lock);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

enum result
workers_start(unsigned threads, struct workers **out_workers, struct failure *failure)
{
	struct workers *workers = calloc(1, sizeof *workers);
	if (workers == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	workers->last = &workers->first;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->change, NULL);
	for (; workers->count < threads && workers->count < WORKERS_MAX; workers->count++) {
		enum result result = thread_start(&workers->threads[workers->count], work, workers,
		    "a thread of the api", failure);
		if (result == RESULT_OK)
			continue;
		workers_stop(workers);
		workers_free(workers);
		return result;
	}
	*out_workers = workers;
	return RESULT_OK;
}

void
workers_submit(struct workers *workers, struct job *job)
{
	pthread_mutex_lock(&workers->lock);
	if (workers->stopping) {
		pthread_mutex_unlock(&workers->lock);
		job->run(job);
		return;
	}

	job->next = NULL;
	*workers->last = job;
	workers->last = &job->next;
	pthread_cond_signal(&workers->change);
	pthread_mutex_unlock(&workers->lock);
}

void
workers_hold(struct workers *workers, size_t bytes)
{
	pthread_mutex_lock(&workers->lock);
	workers->held += bytes;
	pthread_mutex_unlock(&workers->lock);
}

void
workers_release(struct workers *workers, size_t bytes)
{
	pthread_mutex_lock(&workers->lock);
	bool was_full = workers->held >= WORKERS_HELD_MAX;
	workers->held -= bytes;
	if (was_full && workers->held < WORKERS_HELD_MAX)
		pthread_cond_broadcast(&workers->change);
	pthread_mutex_unlock(&workers->lock);
}

void
workers_unbound(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->unbounded = true;
	pthread_cond_broadcast(&workers->change);
	pthread_mutex_unlock(&workers->lock);
}

void
workers_stop(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->change);
	pthread_mutex_unlock(&workers->lock);
	while (workers->count > 0)
		pthread_join(workers->threads[--workers->count], NULL);
}

void
workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_cond_destroy(&workers->change);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
