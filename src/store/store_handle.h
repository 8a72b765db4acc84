/* store_handle: the struct store, and the changes that a batch collects until it is committed.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "blocks.h"
#include "consents.h"
#include "deltas.h"
#include "dlrd/engine/engine.h"
#include "dlrd/store/store_values.h"
#include "persons.h"
#include "recount.h"
#include "replies.h"
#include "signatures.h"
#include "working_set.h"

struct store {
	struct engine *engine;
	struct tables tables; /* the engine's */
	struct working_set *set;
	struct replies *replies;
	struct consents *consents;
	struct recount recount;
	struct request_signature request; /* of the current request */
	bool is_lost_request; /* its events may be stored, and are not duplicates then */
	struct deltas deltas;
	struct deltas blocks; /* blocks.h */
	struct campaign_change *touched;
	size_t touched_count, touched_capacity;
	enum conflict_policy policy;
	bool (*on_progress)(void *context, const struct store_progress *progress); /* or NULL */
	void *context;
	struct store_progress progress; /* of the current long work */
};

/* Records an event of a campaign at time_us, ... */
must_check enum result store_touch(struct store *store, int64_t campaign_id, int64_t time_us);
/* ... one that is no longer at old_time_us, which may have been the first or the last, ... */
must_check enum result store_touch_moved(
    struct store *store, int64_t campaign_id, int64_t old_time_us);
/* ... and one more duplicate. */
must_check enum result store_touch_duplicate(struct store *store, int64_t campaign_id);

/* Keeps the engine's message for a failure, for store_error. Returns result. */
enum result store_note(struct store *store, enum result result);
