/* thread: starts threads, and waits on conditions by the monotonic clock. */
#pragma once

#include "dlrd/base/result.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread that runs run(context); what ("the journal's thread") is for the failure. */
must_check enum result thread_start(pthread_t *out_thread, void *(*run)(void *context),
    void *context, const char *what, struct failure *failure);

/* Initialises a condition for thread_wait_until. */
void thread_condition_init(pthread_cond_t *condition);

/* Waits for a signal until until_us, a monotonic time. Returns false if that time has come. */
bool thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);
