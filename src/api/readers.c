#include "dlrd/api/readers.h"

#include "dlrd/base/log.h"

#include <pthread.h>
#include <stdlib.h>

#define READERS_MAX 64 /* kept open: as many as threads that the api can have */

struct readers {
	const char *store_path;
	int64_t limit_us;
	pthread_mutex_t lock; /* guards idle, idle_count */
	struct store_reader *idle[READERS_MAX];
	size_t idle_count;
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
	if (readers->idle_count > 0)
		reader = readers->idle[--readers->idle_count];
	pthread_mutex_unlock(&readers->lock);
	if (reader == NULL &&
	    store_reader_open(readers->store_path, &reader, &failure) != RESULT_OK) {
		log_line(LOG_ERROR, "the api cannot open the store: %s", failure.text);
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
	if (readers->idle_count < READERS_MAX) {
		readers->idle[readers->idle_count++] = reader;
		reader = NULL;
	}
	pthread_mutex_unlock(&readers->lock);
	store_reader_close(reader);
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
