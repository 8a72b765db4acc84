#include "dlrd/base/thread.h"

#include "dlrd/base/clock.h"

#include <string.h>
#include <time.h>

enum result
thread_start(pthread_t *out_thread, void *(*run)(void *context), void *context, const char *what,
    struct failure *failure)
{
	int error = pthread_create(out_thread, NULL, run, context);
	return error == 0
		   ? RESULT_OK
		   : failure_set(failure, RESULT_IO, "cannot start %s: %s", what, strerror(error));
}

void
thread_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

bool
thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
	const struct timespec until = {
	    .tv_sec = until_us / CLOCK_SECOND_US, .tv_nsec = until_us % CLOCK_SECOND_US * 1000};
	return pthread_cond_timedwait(condition, lock, &until) == 0;
}
