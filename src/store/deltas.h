/* deltas: changes to the hourly figures, summed in memory until a batch is committed.
 *
 * Inside the store only. A thousand receipts of one campaign change the same few rows, so each row
 * is written once a batch. The audit sums all figures in the same table. One thread. */
#pragma once

#include "dlrd/engine/figure_table.h"

struct deltas {
	struct figure_row *rows; /* open addressing, capacity a power of two */
	bool *used;
	size_t count, capacity;
};

#define DELTAS_EMPTY ((struct deltas){NULL, NULL, 0, 0})

/* Adds sign (+1 or -1) times a message's contributions to the rows of its tagset and provider. */
must_check enum result deltas_add(struct deltas *deltas, const struct rollup *rollup, int sign,
    int64_t tagset_id, int64_t provider_id);

/* Returns the row with that key, all zero if it is new; NULL if memory is short. Valid until the
 * next call. code is 0 unless the kind is FIGURES_OF_ERROR. */
struct figure_row *deltas_row(
    struct deltas *deltas, enum figure_kind kind, int64_t id, int64_t code, int64_t hour);

/* Subtracts all stored rows. */
must_check enum result deltas_subtract_stored(struct deltas *deltas, struct figure_table *table);

/* Whether every figure of the row is 0. */
bool delta_is_zero(const struct figure_row *delta);

/* Drops all rows, and keeps a moderate amount of memory. */
void deltas_clear(struct deltas *deltas);
void deltas_done(struct deltas *deltas);
