/* removal: removes receipts and what follows of them (store.h, store_remove).
 *
 * Inside the store only. One thread, inside a transaction, in which nothing is known yet. */
#pragma once

#include "store_handle.h"

must_check enum result removal_all(
    struct store *store, struct slice name, struct slice text, struct store_removed *out_removed);
