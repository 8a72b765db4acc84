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

/* A user of the snapshot, so that a reload does not free it. */
static void *
read_setup(void *context, struct endpoints_setup *out)
{
	struct daemon *daemon = context;
	pthread_mutex_lock(&daemon->state_lock);
	struct snapshot *snapshot = daemon->snapshot;
	atomic_fetch_add(&snapshot->users, 1);
	pthread_mutex_unlock(&daemon->state_lock);
	*out = (struct endpoints_setup){.routes = &snapshot->settings->routes,
	    .verifier = snapshot->settings->verifier,
	    .trusts_proxies = snapshot->proxy_count > 0};
	return snapshot;
}

void
daemon_answers_fill(struct daemon *daemon, struct endpoints_state *out_state)
{
	*out_state = (struct endpoints_state){.metrics = daemon->metrics,
	    .failures = daemon->failures,
	    .context = daemon,
	    .ready = is_ready,
	    .gap = read_gap,
	    .setup = read_setup,
	    .setup_done = snapshot_release,
	    .projector = daemon->projector,
	    .country_code = &daemon->country_code,
	    .ask_work = projector_ask_work,
	    .read_work = projector_read_work,
	    .quarantine_worker = daemon->quarantine_worker,
	    .quarantine_path = daemon->quarantine_path};
}
