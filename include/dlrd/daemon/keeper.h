/* keeper: looks after the quarantine: writes what the intake refused, drops what is too old, and
 * verifies all of it again when it is asked to.
 *
 * What then verifies is handed to the journal's writer as if it came in now, but with the time of
 * its first arrival, and leaves the quarantine once the journal has synced it. A crash in between
 * brings it into the journal twice, and counts it once, like any receipt that comes again.
 *
 * keeper_tick is called a few times a second by the daemon's main thread; the others from any
 * thread, keeper_take_done from the writer's alone. */
#ifndef DLRD_DAEMON_KEEPER_H
#define DLRD_DAEMON_KEEPER_H

#include "dlrd/daemon/settings.h"
#include "dlrd/journal/quarantine.h"
#include "dlrd/journal/writer.h"

struct keeper;

/* Opens the quarantine in the store's directory. */
must_check enum result keeper_open(const struct settings *settings, struct metrics *metrics,
    struct keeper **out_keeper, struct failure *failure);

/* For the handler to offer refused requests to. */
struct quarantine *keeper_quarantine(struct keeper *keeper);

void keeper_tick(struct keeper *keeper, const struct settings *settings, struct writer *writer);

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

/* Drops one request, or all of them (id 0). RESULT_NOT_FOUND. */
must_check enum result keeper_drop(struct keeper *keeper, uint64_t id, uint64_t *out_dropped);

/* Takes the keeper's own out of a list of finished writes, and gives the rest. */
struct journal_write *keeper_take_done(struct keeper *keeper, struct journal_write *list);

/* After the writer has ended, and the last handler is gone. Accepts NULL. */
void keeper_close(struct keeper *keeper);

#endif
