/* changes: writes the messages and receipts that the events of a batch changed, with what follows
 * from them: figures, and replies that may answer another message.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

/* Writes all changes of the working set. Sums the differences of the figures, and notes the replies
 * whose attribution may change. The messages stay in memory. */
must_check enum result changes_write(struct store *store);

/* Writes and forgets all messages if their memory has reached its limit. */
must_check enum result changes_make_room(struct store *store);
