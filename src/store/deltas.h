/* deltas: changes to the hourly figures, summed up in memory until a batch is committed.
 *
 * Inside the store only. A thousand receipts of one campaign touch the same few rows; each row is
 * then written once a batch. The audit uses the same table to add everything up. One thread. */
#ifndef DLRD_STORE_DELTAS_H
#define DLRD_STORE_DELTAS_H

#include "dlrd/model/rollup.h"

#include <sqlite3.h>

enum delta_table { DELTA_CAMPAIGN, DELTA_PROVIDER, DELTA_ERROR };

/* A row of campaign_hour (id: tagset), provider_hour (id: provider) or campaign_error (id: tagset,
 * code: error code; its count stands in figures[FIGURE_FAILED]). */
struct delta {
	enum delta_table table;
	int64_t id, code, hour;
	int64_t figures[FIGURE_COUNT];
};

struct deltas {
	struct delta *rows; /* open addressing, capacity a power of two */
	bool *used;
	size_t count, capacity;
};

#define DELTAS_EMPTY ((struct deltas){NULL, NULL, 0, 0})

/* Adds sign (+1 or -1) times what a message contributes to its tagset's and provider's rows. */
must_check enum result deltas_add(struct deltas *deltas, const struct rollup *rollup, int sign,
    int64_t tagset_id, int64_t provider_id);

/* The row with that key, all zero where it is new; NULL when memory is short. Good until the next
 * call. code is 0 but for DELTA_ERROR. */
struct delta *deltas_row(
    struct deltas *deltas, enum delta_table table, int64_t id, int64_t code, int64_t hour);

/* Takes all rows of the three tables away. */
must_check enum result deltas_subtract_stored(struct deltas *deltas, sqlite3 *db);

/* Whether every figure of the row is 0. */
bool delta_is_zero(const struct delta *delta);

/* Forgets all rows, keeps a moderate amount of memory. */
void deltas_clear(struct deltas *deltas);
void deltas_done(struct deltas *deltas);

#endif
