/* engine_parameters: what the stored figures follow, kept with them. */
#pragma once

#include "dlrd/model/fold.h"

/* Rows that are to be computed again after a migration. */
enum engine_stale {
	ENGINE_STALE_NONE,
	ENGINE_STALE_ALL,
	ENGINE_STALE_REPLIES, /* only what the replies answer */
	ENGINE_STALE_ORDER, /* that, and what may follow the order in which receipts were stored */
};

struct engine_parameters {
	enum conflict_policy policy;
	int64_t reply_window_us, reply_late_us;
	enum engine_stale stale;
};
