/* salvage_tables: copies the readable rows of a damaged store's tables and indexes to a new store.
 *
 * For salvage only. One thread. */
#pragma once

#include "dlrd/base/result.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct salvage_work {
	sqlite3 *old, *new;
	char first_error[256]; /* of the damaged store; empty if there was none */
	/* of the current table: */
	const char *table;
	char columns[2048];
	int column_count;
	sqlite3_stmt *read, *write;
};

/* Copies the readable rows of a table. numbered: its rows have numbers (rowid). */
must_check enum result salvage_copy_table(
    struct salvage_work *work, const char *table, bool numbered);

/* Adds rows that the tables lost and a unique index still has. Returns SQLite's code. */
int salvage_recover_from_indexes(struct salvage_work *work);
