/* opener: opens the store behind a running intake, and opens it again after another program
 * replaced it.
 *
 * A store that cannot be opened never stops the intake: callbacks wait in the journal. Each failed
 * attempt is repeated; the reason is logged once, and opener_read_counting reports it.
 *
 * Threads: everything but opener_read_counting and opener_stop belongs to the projector's. */
#ifndef DLRD_PROJECTOR_OPENER_H
#define DLRD_PROJECTOR_OPENER_H

#include "dlrd/base/clock.h"
#include "dlrd/projector/projector_values.h"

#include <pthread.h>
#include <stdatomic.h>

struct opener {
	char *path;
	struct projector_store_config config; /* in force; the catalogue is the opener's */
	struct store *store;                  /* NULL while it is not open */
	int64_t open_us;                      /* monotonic time of the next attempt */
	int64_t start_us;    /* monotonic time at which the attempt in hand began */
	int64_t reported_us; /* monotonic time at which its progress was last logged */
	int64_t look_us;     /* monotonic time of the next look at the files */
	bool log_cut;        /* the store is closed, and its log must be recovered first */
	bool replacing;      /* another program changed the files; logged once */
	bool readers_out;    /* none may be open */
	char failed[256];    /* why the last attempt failed; empty: it did not */
	void *context;
	bool (*release_readers)(void *context, bool release); /* as in projector_options */
	_Atomic bool stopping;
	_Atomic bool tried;                 /* an attempt has ended */
	pthread_mutex_t lock;               /* guards counting */
	struct projector_counting counting; /* for other threads */
};

/* Copies path; the catalogue of config becomes the opener's. release_readers may be NULL. */
must_check enum result opener_init(struct opener *opener, const char *path,
    const struct projector_store_config *config,
    bool (*release_readers)(void *context, bool release), void *context);

/* Replaces the configuration; a store that is open takes it. On failure the old one stays, and
 * store_error says why. */
must_check enum result opener_configure(
    struct opener *opener, const struct projector_store_config *config);

/* Opens the store unless it is open or the next attempt is not due. Returns whether it has opened
 * it now. Takes as long as a migration takes. */
bool opener_open(struct opener *opener);

/* Looks, at most once a second, whether another program changed the store's files, and closes the
 * store then, without losing what can be saved; opener_open opens it again. Not within a
 * transaction. */
void opener_look(struct opener *opener);

/* store_rebuild, with progress for opener_read_counting. The store must be open. */
must_check enum result opener_rebuild(struct opener *opener, struct store_rebuilt *out_rebuilt);

/* Callbacks cannot be counted since since_us (wall clock), because of why; 0: they are again. */
void opener_note(struct opener *opener, int64_t since_us, const char *why);

void opener_read_counting(struct opener *opener, struct projector_counting *out_counting);

/* Ends long work in hand, which is rolled back; none begins after that. */
void opener_stop(struct opener *opener);

void opener_done(struct opener *opener);

#endif
