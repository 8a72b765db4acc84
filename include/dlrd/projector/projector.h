/* projector: the thread that decodes journal entries and writes their events into the store.
 *
 * It reads a range of journal entries, decodes them, and commits events and cursor together. It is
 * the store's only writer and checkpointer. It runs at a lower priority than the intake: if the
 * machine cannot do both, callbacks are still stored and answered, and are projected later.
 *
 * The projector opens the store while the intake is running. If that takes long or fails, callbacks
 * wait in the journal.
 *
 * Threads: any thread may call the functions; the callbacks run on the projector's own. */
#pragma once

#include "dlrd/base/metrics.h"
#include "dlrd/projector/projector_values.h"
#include "dlrd/projector/work.h"
#include "dlrd/request/route.h"

struct projector_options {
	const char *journal_path;
	const char *store_path; /* opened and owned by the projector's thread */
	struct projector_config config;
	struct projector_store_config store_config;
	/* Bytes of the store's log above which nothing is projected until the log restarts. A
	 * reader of another program can prevent that. */
	uint64_t log_max;
	struct metrics *metrics;
	void *context;
	/* The store has new events. May be NULL. */
	void (*on_projected)(void *context);
	/* Everything up to journal_seq is projected, and on the disk. */
	void (*on_synced)(void *context, uint64_t journal_seq);
	/* The store was opened; entries up to cursor are counted. first and last are the journal's
	 * entries at this moment; 0 if it is empty or cannot be read. May be NULL. */
	void (*on_opened)(void *context, uint64_t cursor, uint64_t first, uint64_t last);
	/* Closes every other connection of this process to the store (true), and waits for that, or
	 * allows them to open it again. Returns false if one is still open. May be NULL. */
	bool (*release_readers)(void *context, bool release);
};

struct projector;

/* Starts the thread, which opens the journal and the store; neither file need exist. */
must_check enum result projector_start(const struct projector_options *options,
    struct projector **out_projector, struct failure *failure);

/* The journal holds entries up to last_seq. */
void projector_notify(struct projector *projector, uint64_t last_seq);

/* With release, closes the projector's journal reader and waits for that, at most timeout_us;
 * returns whether it is closed. It stays closed until the call with false, which does not wait.
 * Only one thread may call this. */
bool projector_release_reader(struct projector *projector, bool release, int64_t timeout_us);

/* Replaces both configurations before the next batch, for all later entries. If the store cannot
 * apply its part, the projector tries again every second. */
void projector_configure(struct projector *projector, const struct projector_config *config,
    const struct projector_store_config *store_config);

void projector_read_counting(struct projector *projector, struct projector_counting *out_counting);

/* Whether the store was opened, or the first attempt failed. */
bool projector_has_tried(const struct projector *projector);

/* Requests work on the store before the next batch. Callbacks are stored meanwhile and projected
 * afterwards. Returns false if some is requested or running already. */
bool projector_ask_work(struct projector *projector, const struct work_order *order);

/* The result of the last work of that kind that was requested; for work_done. */
void projector_read_work(
    struct projector *projector, enum work_kind kind, struct work_result *out_result);

#define PROJECTOR_STOP_US (5 * INT64_C(1000000))

/* Projects the entries in the journal, for at most PROJECTOR_STOP_US, then ends the thread and
 * frees the projector. The rest is projected at the next start. Accepts NULL. */
void projector_stop(struct projector *projector);
