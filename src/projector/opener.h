/* opener: opens the store while the intake is running, and reopens it after another program
 * replaced it.
 *
 * A store that cannot be opened never stops the intake: callbacks wait in the journal. A failed
 * attempt is repeated; its reason is logged once, and opener_read_counting reports it.
 *
 * Threads: only the projector's, apart from opener_read_counting and opener_stop. */
#pragma once

#include "dlrd/base/clock.h"
#include "dlrd/projector/projector_values.h"
#include "dlrd/projector/work.h"

#include <pthread.h>
#include <stdatomic.h>

struct opener {
	char *path;
	struct projector_store_config config; /* in use; the opener owns the catalogue */
	struct store *store;                  /* NULL while it is not open */
	int64_t open_us;                      /* monotonic time of the next attempt */
	int64_t start_us;    /* monotonic time at which the current attempt began */
	int64_t reported_us; /* monotonic time at which its progress was last logged */
	int64_t look_us;     /* monotonic time of the next check of the files */
	bool log_cut;        /* the store is closed, and its log must be recovered first */
	bool replacing;      /* another program changed the files; logged once */
	bool readers_out;    /* no reader may be open */
	char failed[256];    /* why the last attempt failed; empty if it did not */
	void *context;
	bool (*release_readers)(void *context, bool release); /* as in projector_options */
	_Atomic bool stopping;
	_Atomic bool tried;                 /* an attempt was made */
	pthread_mutex_t lock;               /* guards counting */
	struct projector_counting counting; /* for other threads */
};

/* Copies path and takes the catalogue of config. release_readers may be NULL. */
must_check enum result opener_init(struct opener *opener, const char *path,
    const struct projector_store_config *config,
    bool (*release_readers)(void *context, bool release), void *context);

/* Replaces the configuration, and applies it to an open store. On failure the old one stays, and
 * store_error returns the reason. */
must_check enum result opener_configure(
    struct opener *opener, const struct projector_store_config *config);

/* Opens the store unless it is open or the next attempt is not due. Returns whether this call
 * opened it. May take as long as a migration. */
bool opener_open(struct opener *opener);

/* Checks, at most once a second, whether another program changed the store's files. If so, saves
 * what can be saved and closes the store; opener_open opens it again. Not inside a transaction. */
void opener_look(struct opener *opener);

/* work_do, with progress for opener_read_counting. The store must be open. */
struct work_result opener_work(
    struct opener *opener, const struct work_order *order, const struct routes *routes);

/* Callbacks are not counted since since_us (wall clock), for the reason why; 0: they are counted
 * again. */
void opener_note(struct opener *opener, int64_t since_us, const char *why);

/* Returns advice to append to the reason of a failure: "; restore a backup ...", or "". */
const char *opener_remedy(enum result result);

void opener_read_counting(struct opener *opener, struct projector_counting *out_counting);

/* Ends long work, which is rolled back; none begins after that. */
void opener_stop(struct opener *opener);

void opener_done(struct opener *opener);
