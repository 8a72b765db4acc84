/* descriptors: shares the file descriptors that this process may have.
 *
 * Databases, logs and listeners come first, then the api, then the intake's connections: a full
 * intake leaves all others theirs. descriptors_plan is pure. */
#pragma once

#include "dlrd/base/result.h"

#include <stddef.h>

struct descriptors_wanted {
	size_t intake_listeners, api_listeners;
	size_t intake_connections, api_connections; /* on each listener */
	size_t api_connections_min;
	size_t api_threads;
};

struct descriptors {
	size_t intake_connections, api_connections; /* on each listener; at most as wanted */
	size_t limit;                               /* what the process may have */
	size_t needed;                              /* for all that is wanted */
};

/* RESULT_LIMIT if limit is too small for the databases, the api and one callback at a time. */
must_check enum result descriptors_plan(const struct descriptors_wanted *wanted, size_t limit,
    struct descriptors *out_descriptors, struct failure *failure);

/* Raises the process's limit as far as it may and is needed, and plans with it. Logs if there are
 * fewer connections than wanted. */
must_check enum result descriptors_prepare(const struct descriptors_wanted *wanted,
    struct descriptors *out_descriptors, struct failure *failure);
