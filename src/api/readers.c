#include "readers.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define READERS_MAX 16 /* idle readers kept open: one for each thread that the api can have */
#define FAILURE_LOG_US (60 * CLOCK_SECOND_US) /* clients repeat their questions */

struct readers {
	const char *store_path;
	int64_t limit_us;
	_Atomic bool stopping;
	pthread_mutex_t lock; /* guards all below */
	struct store_reader *idle[READERS_MAX];
	size_t idle_count, borrowed_count;
	bool released;             /* no reader may be open */
	int64_t failure_logged_us; /* 0: not since the store was last opened */
	uint64_t failures;         /* since the store was last opened */
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

static void
log_failure(struct readers *readers, const char *why)
{
	int64_t now_us = clock_monotonic_us();
	pthread_mutex_lock(&readers->lock);
	int64_t last_us = readers->failure_logged_us;
	bool is_due = last_us == 0 || now_us - last_us >= FAILURE_LOG_US;
	uint64_t before = readers->failures++;
	if (is_due)
		readers->failure_logged_us = now_us;
	pthread_mutex_unlock(&readers->lock);

	if (is_due && before == 0)
		log_line(LOG_ERROR, "the api cannot open the store: %s", why);
	else if (is_due)
		log_line(LOG_ERROR, "the api still cannot open the store (%llu questions): %s",
		    (unsigned long long)before, why);
}

static void
log_success(struct readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	bool had_failed = readers->failures > 0;
	readers->failures = 0;
	readers->failure_logged_us = 0;
	pthread_mutex_unlock(&readers->lock);
	if (had_failed)
		log_line(LOG_INFO, "the api can open the store again");
}

static void
end_borrowing(struct readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	readers->borrowed_count--;
	pthread_mutex_unlock(&readers->lock);
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
	if (reader == NULL) {
		if (store_reader_open(readers->store_path, &reader, &failure) != RESULT_OK) {
			log_failure(readers, failure.text);
			end_borrowing(readers);
			return NULL;
		}
		log_success(readers);
		store_reader_set_stop(reader, &readers->stopping);
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
	end_borrowing(readers); /* only now: a caller of readers_release expects a closed reader */
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
		clock_sleep(CLOCK_SECOND_US / 1000);
	return !release || !is_borrowed(readers);
}

void
readers_stop(struct readers *readers)
{
	atomic_store(&readers->stopping, true);
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
