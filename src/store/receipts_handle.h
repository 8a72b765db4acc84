/* receipts_handle: the statements of receipts, and the ids of an event, for the modules that add
 * events.
 *
 * Inside the store only. */
#pragma once

#include "names.h"

struct receipts {
	sqlite3 *db;
	sqlite3_stmt *insert, *by_reference, *read, *parties, *complete, *complete_time,
	    *complete_body, *complete_consent, *correct_consent, *complete_extra, *move,
	    *known_code, *insert_alert, *scope, *nameless;
};

/* Ids of an event's own tags and of its own sender. */
struct event_ids {
	struct tagset tagset;
	int64_t provider_id;
	bool tagged; /* its tags name a campaign */
};

/* Binds an id; 0 is NULL. */
static inline void
bind_id(sqlite3_stmt *statement, int index, int64_t id)
{
	if (id == 0)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_int64(statement, index, id);
}
