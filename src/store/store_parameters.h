/* store_parameters: the settings that the stored figures depend on, as they were when the figures
 * were computed.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

struct store_parameters {
	enum conflict_policy policy;
	int64_t reply_window_us, reply_late_us;
	int stale; /* SCHEMA_STALE_...: rows of an older version that must be recomputed */
};

must_check enum result store_parameters_read(sqlite3 *db, struct store_parameters *out_parameters);

/* Stores the parameters of options; no row is stale after that. */
must_check enum result store_parameters_write(sqlite3 *db, const struct store_options *options);

/* Folds the messages with different final statuses, of which each contributes to the figures by
 * old_policy, under the store's policy. With `recounts`, each is folded from its receipts, and so
 * are failed messages: their states may follow an order in which the receipts were stored. */
must_check enum result store_refold(
    struct store *store, enum conflict_policy old_policy, bool recounts);
