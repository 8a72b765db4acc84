/* quarantine_table: changes to the rows of quarantine.db, and their total size. Private to the
 * quarantine.
 *
 * Each call returns SQLite's code. After a failure or a rollback the caller must correct `size`. */
#pragma once

#include "dlrd/refused/quarantine_values.h"

#include <sqlite3.h>

enum quarantine_statement {
	QUARANTINE_BEGIN,
	QUARANTINE_COMMIT,
	QUARANTINE_ROLLBACK,
	QUARANTINE_FIND,
	QUARANTINE_COUNT_SIGNATURE,
	QUARANTINE_INSERT,
	QUARANTINE_REPEAT,
	QUARANTINE_REMOVE,
	QUARANTINE_OLDEST,
	QUARANTINE_EXPIRE,
	QUARANTINE_EVICT_UNPROVEN_ENTRIES,
	QUARANTINE_EVICT_UNPROVEN_BYTES,
	QUARANTINE_EVICT_PROVEN,
	QUARANTINE_SAVE_CLOCK,
	QUARANTINE_STATEMENT_COUNT,
};

struct quarantine_table {
	sqlite3_stmt *statements[QUARANTINE_STATEMENT_COUNT];
	struct quarantine_size size; /* without the log */
};

/* Prepares the statements and reads the size. Must be closed, also after a failure. */
int quarantine_table_open(struct quarantine_table *table, sqlite3 *db);
void quarantine_table_close(struct quarantine_table *table);

/* QUARANTINE_BEGIN, QUARANTINE_COMMIT or QUARANTINE_ROLLBACK. */
int quarantine_table_run(struct quarantine_table *table, enum quarantine_statement statement);

struct quarantine_found {
	int64_t id; /* 0: no entry */
	bool proven;
};

/* Finds the entry with a digest. */
int quarantine_table_find(
    struct quarantine_table *table, const uint8_t *digest, struct quarantine_found *out_found);

/* Counts the entries with a signature, up to `most`. */
int quarantine_table_count_signature(
    struct quarantine_table *table, struct slice signature, int most, int *out_count);

/* Add a new entry, and count a repetition of an entry that was found. */
int quarantine_table_insert(struct quarantine_table *table, const struct quarantined *request,
    const uint8_t *digest, int64_t aged_us);
int quarantine_table_repeat(struct quarantine_table *table, const struct quarantined *request,
    const struct quarantine_found *found);

/* Each adds the number of deleted entries to its last argument. */
int quarantine_table_remove(struct quarantine_table *table, uint64_t id, size_t *removed);
int quarantine_table_expire(struct quarantine_table *table, int64_t before_us, size_t *expired);
int quarantine_table_evict(struct quarantine_table *table, bool stray, uint64_t entries_max,
    uint64_t bytes_max, size_t *evicted);

/* Returns whether a part of the quarantine exceeds these bounds. */
bool quarantine_table_is_over(
    const struct quarantine_table *table, bool stray, uint64_t entries_max, uint64_t bytes_max);

/* Reads when the oldest entry was stored; INT64_MAX if there are no entries. */
int quarantine_table_oldest(struct quarantine_table *table, int64_t *out_aged_us);

int quarantine_table_save_clock(struct quarantine_table *table, int64_t age_us, int64_t seen_us);
