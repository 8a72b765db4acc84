/* keeper: looks after the quarantine: has what the intake refused explained and written, drops what
 * is too old, and verifies all of it again when it is asked to.
 *
 * What then verifies is handed to the journal's writer as if it came in now, but with the time of
 * its first arrival, and leaves the quarantine once the journal has synced it. A crash in between
 * brings it into the journal twice, and counts it once, like any receipt that comes again.
 *
 * It has a thread of its own, so that no disk that hangs and no diagnosis that takes its time holds
 * up the intake, a signal or the watchdog. keeper_take_done is called by the writer's thread alone,
 * keeper_ask_reverify, keeper_read_reverify and keeper_drop by any, the rest by the daemon's main
 * thread. */
#ifndef DLRD_DAEMON_KEEPER_H
#define DLRD_DAEMON_KEEPER_H

#include "dlrd/journal/quarantine.h"
#include "dlrd/journal/writer.h"
#include "generation.h"

struct keeper;

/* For the quarantine in the store's directory. A file that cannot be used is told of in the log
 * once the keeper runs: callbacks are kept as well without it, and refusals still explained. */
must_check enum result keeper_new(const struct settings *settings, struct metrics *metrics,
    struct keeper **out_keeper, struct failure *failure);

/* For the handler to offer refused requests to. */
struct quarantine *keeper_quarantine(struct keeper *keeper);

/* Starts the thread. The generation gets one user more. */
must_check enum result keeper_start(struct keeper *keeper, struct generation *generation,
    struct writer *writer, struct failure *failure);

/* Takes a new configuration: what is asked for from now on is done with it. */
void keeper_configure(struct keeper *keeper, struct generation *generation);

enum reverify_state { REVERIFY_NONE, REVERIFY_RUNNING, REVERIFY_DONE, REVERIFY_FAILED };

/* The last time that everything was verified again. */
struct reverify {
	enum reverify_state state;
	uint64_t tried;   /* requests in the quarantine */
	uint64_t kept;    /* of them in the journal now */
	uint64_t refused; /* still not right: they stay */
	char why[256];    /* of REVERIFY_FAILED */
};

/* Has everything verified again with the configuration in force. False when that is going on. */
bool keeper_ask_reverify(struct keeper *keeper);
void keeper_read_reverify(struct keeper *keeper, struct reverify *out_reverify);

/* Drops one request, or all of them (id 0). RESULT_NOT_FOUND; RESULT_BUSY where keeper_stop was
 * called before the last one was reached. */
must_check enum result keeper_drop(struct keeper *keeper, uint64_t id, uint64_t *out_dropped);

/* Takes the keeper's own out of a list of finished writes, and gives the rest. */
struct journal_write *keeper_take_done(struct keeper *keeper, struct journal_write *list);

/* Ends the thread, before the writer's: what was to be verified again stays. Accepts NULL. */
void keeper_stop(struct keeper *keeper);

/* Writes what is still queued. After the writer and the intake have ended. Accepts NULL. */
void keeper_free(struct keeper *keeper);

#endif
