#include "descriptors.h"

#include "dlrd/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Standard streams, lock, signals, the reload socket and its clients, the intake's epoll and
 * eventfd; journal, store and quarantine, each with log, index and a second reader; the files of a
 * reload; connections that the library accepts beyond its limit, to close them. */
#define FIXED 64u
#define PER_LISTENER 4u /* the socket, the library's epoll and eventfd, and a spare one */
#define PER_THREAD 6u   /* a reader of the store and one of the quarantine: file, log, index */

enum result
descriptors_plan(const struct descriptors_wanted *wanted, size_t limit,
    struct descriptors *out_descriptors, struct failure *failure)
{
	size_t intakes = wanted->intake_listeners, apis = wanted->api_listeners;
	size_t fixed = FIXED + PER_LISTENER * (intakes + apis) + PER_THREAD * wanted->api_threads;
	size_t least = fixed + apis * wanted->api_connections_min + intakes;
	struct descriptors plan = {.limit = limit,
	    .needed = fixed + apis * wanted->api_connections + intakes * wanted->intake_connections,
	    .intake_connections = wanted->intake_connections,
	    .api_connections = wanted->api_connections};
	if (limit < least)
		return failure_set(failure, RESULT_LIMIT,
		    "%zu file descriptors are too few: dlrd needs %zu, and %zu for all configured "
		    "connections; raise LimitNOFILE= or ulimit -n",
		    limit, least, plan.needed);
	if (limit < plan.needed) {
		/* A quarter of the connections is the api's, if it needs so many. */
		size_t share = apis == 0 ? 0 : (limit - fixed) / 4 / apis;
		if (plan.api_connections > share)
			plan.api_connections = share;
		if (plan.api_connections < wanted->api_connections_min)
			plan.api_connections = wanted->api_connections_min;
		size_t left = limit - fixed - apis * plan.api_connections;
		if (intakes > 0 && plan.intake_connections > left / intakes)
			plan.intake_connections = left / intakes;
	}
	*out_descriptors = plan;
	return RESULT_OK;
}

/* An unlimited limit is more than is ever needed. */
static size_t
size_of(rlim_t limit)
{
	return limit == RLIM_INFINITY || limit > SIZE_MAX ? SIZE_MAX : (size_t)limit;
}

enum result
descriptors_prepare(const struct descriptors_wanted *wanted, struct descriptors *out_descriptors,
    struct failure *failure)
{
	struct rlimit files;
	struct descriptors plan;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return failure_set(failure, RESULT_IO,
		    "cannot read the limit of file descriptors: %s", strerror(errno));
	if (descriptors_plan(wanted, SIZE_MAX, &plan, failure) != RESULT_OK)
		return RESULT_LIMIT;
	if (size_of(files.rlim_cur) < plan.needed) {
		struct rlimit raised = files;
		raised.rlim_cur =
		    size_of(files.rlim_max) < plan.needed ? files.rlim_max : (rlim_t)plan.needed;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			files = raised;
	}
	enum result result = descriptors_plan(wanted, size_of(files.rlim_cur), &plan, failure);
	if (result != RESULT_OK)
		return result;
	if (plan.limit < plan.needed)
		log_line(LOG_WARNING,
		    "only %zu file descriptors: connection_limit is %zu instead of %zu, and the "
		    "api "
		    "takes %zu connections instead of %zu; raise LimitNOFILE= or ulimit -n to %zu",
		    plan.limit, plan.intake_connections, wanted->intake_connections,
		    plan.api_connections, wanted->api_connections, plan.needed);
	*out_descriptors = plan;
	return RESULT_OK;
}
