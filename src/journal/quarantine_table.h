/* quarantine_table: the rows of quarantine.db: what is done to them, and what their size is. Inside
 * quarantine only.
 *
 * Each call gives SQLite's code; size is right as long as none fails and no transaction is rolled
 * back, which is the caller's to see to. */
#ifndef DLRD_JOURNAL_QUARANTINE_TABLE_H
#define DLRD_JOURNAL_QUARANTINE_TABLE_H

#include "dlrd/journal/quarantine_values.h"

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

/* Prepares the statements and reads the size. To be closed, also on failure. */
int quarantine_table_open(struct quarantine_table *table, sqlite3 *db);
void quarantine_table_close(struct quarantine_table *table);

/* QUARANTINE_BEGIN, QUARANTINE_COMMIT or QUARANTINE_ROLLBACK. */
int quarantine_table_run(struct quarantine_table *table, enum quarantine_statement statement);

struct quarantine_found {
	int64_t id; /* 0: there is none */
	bool proven;
};

/* The entry with that digest. */
int quarantine_table_find(
    struct quarantine_table *table, const uint8_t *digest, struct quarantine_found *out_found);

/* How many entries have that signature; most is as far as is counted. */
int quarantine_table_count_signature(
    struct quarantine_table *table, struct slice signature, int most, int *out_count);

/* A new entry, and one more request for one that was found. */
int quarantine_table_insert(struct quarantine_table *table, const struct quarantined *request,
    const uint8_t *digest, int64_t aged_us);
int quarantine_table_repeat(struct quarantine_table *table, const struct quarantined *request,
    const struct quarantine_found *found);

/* Each adds how many entries it deleted. */
int quarantine_table_remove(struct quarantine_table *table, uint64_t id, size_t *removed);
int quarantine_table_expire(struct quarantine_table *table, int64_t before_us, size_t *expired);
int quarantine_table_evict(struct quarantine_table *table, bool stray, uint64_t entries_max,
    uint64_t bytes_max, size_t *evicted);

/* Whether that part has more than this. */
bool quarantine_table_is_over(
    const struct quarantine_table *table, bool stray, uint64_t entries_max, uint64_t bytes_max);

/* When the oldest entry was kept; INT64_MAX where there is none. */
int quarantine_table_oldest(struct quarantine_table *table, int64_t *out_aged_us);

int quarantine_table_save_clock(struct quarantine_table *table, int64_t age_us, int64_t seen_us);

#endif
