/* quarantine_worker: diagnoses and stores refused requests, removes expired ones, and re-verifies
 * all of them on request.
 *
 * A re-verified request is submitted to the journal's writer with the time of its first arrival,
 * and is removed from the quarantine once the journal has synced it. After a crash between these
 * two steps it is submitted again, and counted once, like any receipt that arrives twice.
 *
 * The worker has its own thread: a disk that hangs or a slow diagnosis delays neither the intake
 * nor signals nor the watchdog. The writer's thread calls quarantine_worker_take_done; any thread
 * may call quarantine_worker_ask_reverify, _read_reverify and _drop; all others are for the
 * daemon's main thread. */
#pragma once

#include "dlrd/journal/writer.h"
#include "dlrd/refused/diagnoser.h"
#include "dlrd/refused/quarantine.h"

/* The part of the configuration that can be replaced while the worker runs. */
struct quarantine_worker_config {
	struct diagnoser *diagnoser; /* the worker's own until on_retired */
	void *context;
	/* The worker does not use this configuration any more. On the worker's thread, or on that
	 * of quarantine_worker_configure or _free. */
	void (*on_retired)(void *context);
};

struct quarantine_worker;

/* With open_later, a file that cannot be used is logged once the worker runs: callbacks are
 * accepted and refused requests are diagnosed without it, too. */
must_check enum result quarantine_worker_new(const struct quarantine_options *options,
    struct metrics *metrics, struct quarantine_worker **out_worker, struct failure *failure);

/* Returns the quarantine to which the handler offers refused requests; borrowed. */
struct quarantine *quarantine_worker_quarantine(struct quarantine_worker *worker);

/* Starts the thread. The configuration is the worker's then, also on failure. */
must_check enum result quarantine_worker_start(struct quarantine_worker *worker,
    const struct quarantine_worker_config *config, struct writer *writer, struct failure *failure);

/* Changes to a new configuration: all later re-verifications and diagnoses use it. */
void quarantine_worker_configure(
    struct quarantine_worker *worker, const struct quarantine_worker_config *config);

enum reverify_state { REVERIFY_NONE, REVERIFY_RUNNING, REVERIFY_DONE, REVERIFY_FAILED };

/* The last re-verification. */
struct reverify {
	enum reverify_state state;
	uint64_t tried;   /* requests in the quarantine */
	uint64_t kept;    /* requests that verified and are now in the journal */
	uint64_t refused; /* requests that still do not verify, and stay */
	char why[256];    /* of REVERIFY_FAILED */
};

/* Starts a re-verification of all requests with the configuration in use. Returns false if one is
 * running. */
bool quarantine_worker_ask_reverify(struct quarantine_worker *worker);
void quarantine_worker_read_reverify(
    struct quarantine_worker *worker, struct reverify *out_reverify);

/* Drops one request, or all of them (id 0), and waits until the worker's thread has done it: during
 * a re-verification at most for the batch at hand. Only while the worker runs or after its end.
 * RESULT_NOT_FOUND if there is no such request; RESULT_BUSY if quarantine_worker_stop is called
 * before the last one is dropped. */
must_check enum result quarantine_worker_drop(
    struct quarantine_worker *worker, uint64_t id, uint64_t *out_dropped);

/* Takes the worker's own writes from a list of finished ones and returns the others. */
struct journal_write *quarantine_worker_take_done(
    struct quarantine_worker *worker, struct journal_write *list);

/* Ends the thread; call it before the writer ends. Requests that a running re-verification has not
 * reached stay. Accepts NULL. */
void quarantine_worker_stop(struct quarantine_worker *worker);

/* Writes the requests that are still queued. Call it after the writer and the intake have ended.
 * Accepts NULL. */
void quarantine_worker_free(struct quarantine_worker *worker);
