/* retag: gives stored receipts the tags of other templates (store.h, store_retag).
 *
 * Inside the store only. One thread, inside a transaction, in which nothing is known yet. */
#pragma once

#include "store_handle.h"

must_check enum result retag_all(
    struct store *store, const struct store_retag *retag, struct store_retagged *out_retagged);
