#include "daemon_answers.h"

#include "dlrd/base/clock.h"

#include <stdio.h>

static bool
is_ready(void *context, const char **out_why)
{
	struct daemon *daemon = context;
	if (atomic_load(&daemon->draining)) {
		*out_why = "stopping";
		return false;
	}
	if (clock_monotonic_us() - writer_heartbeat_us(daemon->writer) > DAEMON_HEARTBEAT_MAX_US) {
		*out_why = "the journal hangs";
		return false;
	}
	if (clock_monotonic_us() - intake_heartbeat_us(daemon->intake) > DAEMON_HEARTBEAT_MAX_US) {
		*out_why = "the intake hangs";
		return false;
	}
	if (!writer_healthy(daemon->writer)) {
		/* One text for each calling thread. */
		static _Thread_local char text[sizeof daemon->unhealthy_why + 64];
		pthread_mutex_lock(&daemon->state_lock);
		snprintf(
		    text, sizeof text, "the journal cannot be written: %s", daemon->unhealthy_why);
		pthread_mutex_unlock(&daemon->state_lock);
		*out_why = text;
		return false;
	}
	*out_why = "callbacks are stored";
	return true;
}

static void
read_gap(void *context, struct endpoints_gap *out)
{
	struct daemon *daemon = context;
	pthread_mutex_lock(&daemon->state_lock);
	struct gap_summary gap = daemon->gap;
	pthread_mutex_unlock(&daemon->state_lock);
	*out = (struct endpoints_gap){
	    .count = gap.count, .entries = gap.entries, .first = gap.first, .last = gap.last};
}

static void
read_counting(void *context, struct projector_counting *out)
{
	struct daemon *daemon = context;
	projector_read_counting(daemon->projector, out);
}

static bool
ask_rebuild(void *context)
{
	struct daemon *daemon = context;
	return projector_ask_rebuild(daemon->projector);
}

static void
read_rebuild(void *context, struct projector_rebuild *out_rebuild)
{
	struct daemon *daemon = context;
	projector_read_rebuild(daemon->projector, out_rebuild);
}

static struct quarantine_worker *
worker_of(void *context)
{
	return ((struct daemon *)context)->quarantine_worker;
}

static bool
ask_reverify(void *context)
{
	return quarantine_worker_ask_reverify(worker_of(context));
}

static void
read_reverify(void *context, struct endpoints_reverify *out)
{
	static const char *const states[] = {[REVERIFY_NONE] = "none",
	    [REVERIFY_RUNNING] = "running",
	    [REVERIFY_DONE] = "done",
	    [REVERIFY_FAILED] = "failed"};
	struct reverify reverify;
	quarantine_worker_read_reverify(worker_of(context), &reverify);
	*out = (struct endpoints_reverify){.state = states[reverify.state],
	    .tried = reverify.tried,
	    .kept = reverify.kept,
	    .refused = reverify.refused};
	snprintf(out->why, sizeof out->why, "%s", reverify.why);
}

static enum result
drop_quarantined(void *context, uint64_t id, uint64_t *out_dropped)
{
	return quarantine_worker_drop(worker_of(context), id, out_dropped);
}

static int64_t
read_country_code(void *context)
{
	return atomic_load(&((struct daemon *)context)->country_code);
}

void
daemon_answers_fill(struct daemon *daemon, struct endpoints_state *out_state)
{
	*out_state = (struct endpoints_state){.metrics = daemon->metrics,
	    .failures = daemon->failures,
	    .context = daemon,
	    .ready = is_ready,
	    .gap = read_gap,
	    .counting = read_counting,
	    .country_code = read_country_code,
	    .ask_rebuild = ask_rebuild,
	    .read_rebuild = read_rebuild,
	    .quarantine_path = daemon->quarantine_path,
	    .ask_reverify = ask_reverify,
	    .read_reverify = read_reverify,
	    .drop_quarantined = drop_quarantined};
}
