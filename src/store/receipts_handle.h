/* receipts_handle: the statements of receipts, and the ids of an event, for the modules that add
 * events.
 *
 * Inside the store only. */
#pragma once

#include "names.h"

struct receipts {
	sqlite3_stmt *known_code, *insert_alert;
};

/* Ids of an event's own tags and of its own sender. */
struct event_ids {
	struct tagset tagset;
	int64_t provider_id;
	bool tagged; /* its tags name a campaign */
};
