/* projector: the thread that follows the journal and writes meaning into the store.
 *
 * It reads a stretch of journal, decodes it, and commits events and cursor together. It is the
 * store's only writer and checkpointer. It runs at a lower priority than the intake: under more
 * load than the machine can do both for, callbacks are still kept and answered, and their meaning
 * follows later.
 *
 * It opens the store itself, behind a running intake. While that takes long or fails, callbacks
 * wait in the journal.
 *
 * Threads: the functions may be called from any; the callbacks run on the projector's own. */
#ifndef DLRD_PROJECTOR_PROJECTOR_H
#define DLRD_PROJECTOR_PROJECTOR_H

#include "dlrd/base/metrics.h"
#include "dlrd/projector/projector_values.h"
#include "dlrd/request/route.h"

/* What may be replaced while the projector runs. Everything is borrowed until on_retired. */
struct projector_config {
	const struct routes *routes;
	const struct keywords *keywords; /* NULL for Twilio's own alone */
	const struct verifier *verifier; /* for its public URLs; may be NULL */
	void *context;
	/* The projector does not use this configuration any more. May be NULL. */
	void (*on_retired)(void *context);
};

struct projector_options {
	const char *journal_path;
	const char *store_path; /* opened by the projector's thread, and its own */
	struct projector_config config;
	struct projector_store_config store_config;
	/* Bytes of the store's log above which nothing is projected until it begins anew: a reader
	 * of another program keeps it. */
	uint64_t log_max;
	struct metrics *metrics;
	void *context;
	/* There is something new in the store. May be NULL. */
	void (*on_projected)(void *context);
	/* Everything up to journal_seq is projected, and on the disk. */
	void (*on_synced)(void *context, uint64_t journal_seq);
	/* The store was opened; entries up to cursor are counted. first and last: the journal's
	 * entries at this moment, 0 if there are none or it cannot be read. May be NULL. */
	void (*on_opened)(void *context, uint64_t cursor, uint64_t first, uint64_t last);
	/* Has every other connection of this process to the store closed (true), which the call
	 * waits for, or lets them open it again. Returns false if they are still open. May be
	 * NULL. */
	bool (*release_readers)(void *context, bool release);
};

struct projector;

/* Starts the thread, which opens the journal's reader and the store; neither need exist. */
must_check enum result projector_start(const struct projector_options *options,
    struct projector **out_projector, struct failure *failure);

/* The journal holds entries up to last_seq. */
void projector_notify(struct projector *projector, uint64_t last_seq);

/* release: has the journal's reader closed, and waits until it is, timeout_us at most; returns
 * whether it is. It stays closed until the call with false, which does not wait. By one thread. */
bool projector_release_reader(struct projector *projector, bool release, int64_t timeout_us);

/* Replaces both before the next batch, for all entries from there on; where the store cannot take
 * its part, tries again each second. */
void projector_configure(struct projector *projector, const struct projector_config *config,
    const struct projector_store_config *store_config);

void projector_read_counting(struct projector *projector, struct projector_counting *out_counting);

/* Whether the store was opened, or the first attempt failed. */
bool projector_has_tried(const struct projector *projector);

enum rebuild_state { REBUILD_NONE, REBUILD_RUNNING, REBUILD_DONE, REBUILD_FAILED };

/* The last rebuild that was asked for. */
struct projector_rebuild {
	enum rebuild_state state;
	struct store_rebuilt rebuilt; /* of REBUILD_DONE */
	char why[256];                /* of REBUILD_FAILED */
};

/* Has the store rebuilt before the next batch (store_rebuild); callbacks are kept meanwhile, and
 * projected afterwards. False when one is running already. */
bool projector_ask_rebuild(struct projector *projector);
void projector_read_rebuild(struct projector *projector, struct projector_rebuild *out_rebuild);

/* Projects what is in the journal, for at most PROJECTOR_STOP_US, then ends the thread and frees
 * the projector. What is left is projected at the next start. Accepts NULL. */
#define PROJECTOR_STOP_US (5 * INT64_C(1000000))
void projector_stop(struct projector *projector);

#endif
