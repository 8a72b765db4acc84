#define _GNU_SOURCE /* pthread_setname_np */
#include "dlrd/base/log_queue.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/thread.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct line {
	size_t len;
	char text[LOG_QUEUE_LINE_MAX];
};

static struct {
	pthread_mutex_t lock;           /* guards first to reported; held only to copy one line */
	pthread_cond_t filled, emptied; /* emptied is on the monotonic clock */
	size_t first, count;            /* waiting lines; the first one may be partly written */
	bool stopping;
	uint64_t dropped, reported; /* lines; those that were reported */
	log_dropped_fn on_dropped;  /* never changes after the start */
	pthread_t thread;
	_Atomic bool runs;
	struct line lines[LOG_QUEUE_LINES];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void
write_all(const char *text, size_t len)
{
	/* There is no place to report an error; SIGPIPE is ignored, and the line is lost. */
	for (ssize_t done; len > 0; text += done, len -= (size_t)done)
		if ((done = write(STDERR_FILENO, text, len)) <= 0)
			return;
}

/* With the lock held: returns the number of dropped lines that were not yet reported. */
static uint64_t
take_unreported(void)
{
	uint64_t count = queue.dropped - queue.reported;
	queue.reported = queue.dropped;
	return count;
}

static void *
run(void *context)
{
	(void)context;
	pthread_setname_np(pthread_self(), "dlrd-log");
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		while (queue.count == 0 && !queue.stopping)
			pthread_cond_wait(&queue.filled, &queue.lock);
		if (queue.count == 0)
			break;

		/* No other thread writes to the slot before it is released below. */
		struct line *line = &queue.lines[queue.first];
		pthread_mutex_unlock(&queue.lock);
		write_all(line->text, line->len);
		pthread_mutex_lock(&queue.lock);

		queue.first = (queue.first + 1) % LOG_QUEUE_LINES;
		queue.count--;
		uint64_t dropped = queue.count == 0 ? take_unreported() : 0;
		pthread_cond_broadcast(&queue.emptied);
		if (dropped > 0) {
			pthread_mutex_unlock(&queue.lock);
			queue.on_dropped(dropped);
			pthread_mutex_lock(&queue.lock);
		}
	}
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

enum result
log_queue_start(log_dropped_fn on_dropped, struct failure *failure)
{
	thread_condition_init(&queue.emptied);

	queue.on_dropped = on_dropped;
	enum result result = thread_start(&queue.thread, run, NULL, "the log's thread", failure);
	atomic_store(&queue.runs, result == RESULT_OK);
	return result;
}

bool
log_queue_runs(void)
{
	return atomic_load(&queue.runs);
}

void
log_queue_put(struct slice text, size_t spare)
{
	pthread_mutex_lock(&queue.lock);
	if (queue.count + spare >= LOG_QUEUE_LINES || text.len > LOG_QUEUE_LINE_MAX) {
		queue.dropped++;
	} else {
		struct line *line = &queue.lines[(queue.first + queue.count) % LOG_QUEUE_LINES];
		memcpy(line->text, text.ptr, text.len);
		line->len = text.len;
		queue.count++;
		pthread_cond_signal(&queue.filled);
	}
	pthread_mutex_unlock(&queue.lock);
}

uint64_t
log_queue_dropped(void)
{
	pthread_mutex_lock(&queue.lock);
	uint64_t dropped = queue.dropped;
	pthread_mutex_unlock(&queue.lock);
	return dropped;
}

/* With the lock held. Returns whether all lines are written. */
static bool
wait_until_empty(int64_t timeout_us)
{
	int64_t until_us = clock_monotonic_us() + timeout_us;
	while (queue.count > 0 && thread_wait_until(&queue.emptied, &queue.lock, until_us))
		continue;
	return queue.count == 0;
}

void
log_queue_flush(int64_t timeout_us)
{
	if (!log_queue_runs())
		return;
	pthread_mutex_lock(&queue.lock);
	wait_until_empty(timeout_us);
	pthread_mutex_unlock(&queue.lock);
}

void
log_queue_stop(int64_t timeout_us)
{
	if (!log_queue_runs())
		return;
	pthread_mutex_lock(&queue.lock);
	bool written = wait_until_empty(timeout_us);
	queue.stopping = true;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
	if (!written) {
		pthread_detach(queue.thread);
		return;
	}
	pthread_join(queue.thread, NULL);
	atomic_store(&queue.runs, false);
}
