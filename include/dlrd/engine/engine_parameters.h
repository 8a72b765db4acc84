/* engine_parameters: the settings that the stored figures follow, stored with them. */
#pragma once

#include "dlrd/model/fold.h"

/* Rows that are to be computed again after a migration. The numbers are stored: a step of the
 * schema writes them, and the store computes the rows when it is opened. */
enum engine_stale {
	ENGINE_STALE_NONE = 0,
	ENGINE_STALE_ALL = 1,
	ENGINE_STALE_REPLIES = 2, /* only the messages that the replies answer */
	ENGINE_STALE_ORDER = 3,   /* those, and rows that may follow the order in which receipts
				     were stored */
};

struct engine_parameters {
	enum conflict_policy policy;
	int64_t reply_window_us, reply_late_us;
	enum engine_stale stale;
};
