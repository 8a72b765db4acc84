/* rebuild: recomputes all derived rows from the stored receipts (store.h).
 *
 * Inside the store only; store_rebuild calls it. One thread, one connection, inside a transaction.
 */
#pragma once

#include "store_handle.h"

must_check enum result rebuild_all(struct store *store, struct store_rebuilt *out_rebuilt);
