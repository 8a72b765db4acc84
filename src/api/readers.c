#include "dlrd/api/readers.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define READERS_MAX 64 /* kept open: as many as threads that the api can have */

struct readers {
	const char *store_path;
	int64_t limit_us;
	pthread_mutex_t lock; /* guards the rest */
	struct store_reader *idle[READERS_MAX];
	size_t idle_count, borrowed_count;
	bool released; /* none may be open */
};

enum result
readers_new(const char *store_path, int64_t limit_us, struct readers **out_readers)
{
	struct readers *readers = calloc(1, sizeof *readers);
	if (readers == NULL)
		return RESULT_NO_MEMORY;
	readers->store_path = store_path;
	readers->limit_us = limit_us;
	pthread_mutex_init(&readers->lock, NULL);
	*out_readers = readers;
	return RESULT_OK;
}

struct store_reader *
readers_borrow(struct readers *readers)
{
	struct store_reader *reader = NULL;
	struct failure failure;
	pthread_mutex_lock(&readers->lock);
	bool released = readers->released;
	if (!released && readers->idle_count > 0)
		reader = readers->idle[--readers->idle_count];
	readers->borrowed_count += !released;
	pthread_mutex_unlock(&readers->lock);
	if (released)
		return NULL;
	if (reader == NULL &&
	    store_reader_open(readers->store_path, &reader, &failure) != RESULT_OK) {
		log_line(LOG_ERROR, "the api cannot open the store: %s", failure.text);
		pthread_mutex_lock(&readers->lock);
		readers->borrowed_count--;
		pthread_mutex_unlock(&readers->lock);
		return NULL;
	}
	store_reader_set_limit(reader, readers->limit_us);
	return reader;
}

void
readers_give_back(struct readers *readers, struct store_reader *reader)
{
	if (reader == NULL)
		return;
	pthread_mutex_lock(&readers->lock);
	bool kept = !readers->released && readers->idle_count < READERS_MAX;
	if (kept)
		readers->idle[readers->idle_count++] = reader;
	pthread_mutex_unlock(&readers->lock);
	if (!kept)
		store_reader_close(reader);
	/* Only now: whoever waits for it relies on it that the reader is closed. */
	pthread_mutex_lock(&readers->lock);
	readers->borrowed_count--;
	pthread_mutex_unlock(&readers->lock);
}

static bool
is_borrowed(struct readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	bool borrowed = readers->borrowed_count > 0;
	pthread_mutex_unlock(&readers->lock);
	return borrowed;
}

bool
readers_release(struct readers *readers, bool release, int64_t timeout_us)
{
	int64_t end_us = clock_monotonic_us() + timeout_us;
	pthread_mutex_lock(&readers->lock);
	readers->released = release;
	while (release && readers->idle_count > 0)
		store_reader_close(readers->idle[--readers->idle_count]);
	pthread_mutex_unlock(&readers->lock);
	while (release && is_borrowed(readers) && clock_monotonic_us() < end_us)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return !release || !is_borrowed(readers);
}

void
readers_free(struct readers *readers)
{
	if (readers == NULL)
		return;
	while (readers->idle_count > 0)
		store_reader_close(readers->idle[--readers->idle_count]);
	pthread_mutex_destroy(&readers->lock);
	free(readers);
}
