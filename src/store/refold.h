/* refold: follows another conflict policy, or another rule of counting.
 *
 * Inside the store only. One thread, inside a transaction. */
#pragma once

#include "store_handle.h"

/* Folds the messages with different final statuses, of which each contributes to the figures by
 * old_policy, under the store's policy. With `recounts`, each is folded from its receipts, and so
 * are failed messages: their states may follow an order in which the receipts were stored. */
must_check enum result refold_all(
    struct store *store, enum conflict_policy old_policy, bool recounts);
