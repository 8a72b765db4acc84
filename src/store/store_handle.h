/* store_handle: the struct store, and the changes that a batch collects until it is committed.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "consents.h"
#include "deltas.h"
#include "dlrd/base/sqlite.h"
#include "dlrd/store/store_values.h"
#include "names.h"
#include "persons.h"
#include "recount.h"
#include "replies.h"
#include "signatures.h"
#include "working_set.h"

/* What a batch changes in a campaign's own row. */
struct touched {
	int64_t campaign_id;
	int64_t first_us, last_us;             /* 0: no event, only duplicates */
	int64_t moved_first_us, moved_last_us; /* earliest and latest time that one of its events
						  does not have any more; 0: none */
	int64_t duplicates;
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *rollback, *move_cursor, *touch_campaign, *recount_campaign,
	    *change_campaign_hour, *change_provider_hour, *change_campaign_error;
	struct names *names;
	struct working_set *set;
	struct receipts *receipts;
	struct replies *replies;
	struct consents *consents;
	struct persons *persons;
	struct signatures *signatures;
	struct recount *recount;
	struct request_signature request; /* of the current request */
	bool is_lost_request; /* its events may be stored, and are not duplicates then */
	struct deltas deltas;
	struct touched *touched;
	size_t touched_count, touched_capacity;
	enum conflict_policy policy;
	uint64_t cursor;
	struct sqlite_log log;
	bool (*on_progress)(void *context, const struct store_progress *progress); /* or NULL */
	void *context;
	struct store_progress progress; /* of the current long work */
	char error[256];
};

/* Records an event of a campaign at time_us, ... */
must_check enum result store_touch(struct store *store, int64_t campaign_id, int64_t time_us);
/* ... one that is no longer at old_time_us, which may have been the first or the last, ... */
must_check enum result store_touch_moved(
    struct store *store, int64_t campaign_id, int64_t old_time_us);
/* ... and one more duplicate. */
must_check enum result store_touch_duplicate(struct store *store, int64_t campaign_id);

/* Keeps SQLite's message for a failure, for store_error. Returns result. */
enum result store_note(struct store *store, enum result result);
