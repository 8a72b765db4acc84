/* blocks: notes in which blocks a batch has facts of an hour (engine/block_table.h).
 *
 * Inside the store only. A struct deltas serves as the set. One thread. */
#pragma once

#include "deltas.h"
#include "dlrd/engine/block_table.h"

/* The message has these contributions. RESULT_NO_MEMORY. */
must_check enum result blocks_note_message(
    struct deltas *blocks, int64_t message_id, const struct rollup *rollup);

/* The event arrived at time_us. RESULT_NO_MEMORY. */
must_check enum result blocks_note_event(struct deltas *blocks, int64_t seq, int64_t time_us);

/* Adds what was noted to the table, and forgets it. */
must_check enum result blocks_write(struct deltas *blocks, struct block_table *table);

/* Counts what was noted and is not in the table. */
must_check enum result blocks_count_missing(
    const struct deltas *blocks, struct block_table *table, uint64_t *out_count);
