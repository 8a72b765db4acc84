/* batch: writes the changes that the events of a transaction collected in the store.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

/* Settles the noted replies, and moves each to its campaign. Adds to *moved the replies that were
 * not settled correctly. */
must_check enum result batch_settle_replies(struct store *store, uint64_t *moved);

/* Writes the messages that changed, settles the noted replies, and writes the figures that follow.
 */
must_check enum result batch_write_figures(struct store *store);

/* Writes the changes that the batch collected: its replies, which change figures as well, the
 * figures, and the rows of its campaigns. */
must_check enum result batch_flush(struct store *store);

/* Writes what follows from receipts that got other tags or were removed: decides each reply again,
 * writes the figures, corrects the rows of all campaigns, and removes names that nothing has. */
must_check enum result batch_settle_upkeep(struct store *store);

/* Drops the collected changes, after they were committed or rolled back. */
void batch_forget(struct store *store);
