/* block_table: which blocks of messages and events have something of an hour, so that a question
 * about a time reads only these.
 *
 * A block is BLOCK_SIZE numbers. A row may remain although its fact is gone; none is missing. One
 * thread, inside a transaction. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_SIZE 8192

/* In place of an enum figure: events, by the hour in which they arrived. */
#define BLOCK_EVENTS (-1)

struct block_table;

/* Adds a row, unless it is there. */
must_check enum result block_table_add(
    struct block_table *table, int64_t figure, int64_t hour, int64_t block);

must_check enum result block_table_has(
    struct block_table *table, int64_t figure, int64_t hour, int64_t block, bool *out_has);

/* Adds the rows of all events. */
must_check enum result block_table_add_events(struct block_table *table);

/* Counts the rows of events that are missing. */
must_check enum result block_table_missing_events(struct block_table *table, int64_t *out_count);
