#include "deltas.h"

#include "sql.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_CAPACITY 4096 /* rows kept allocated between batches */

static size_t
slot_of(const struct deltas *deltas, const struct delta *key)
{
	uint64_t hash = (uint64_t)key->table;
	const uint64_t parts[] = {(uint64_t)key->id, (uint64_t)key->code, (uint64_t)key->hour};

	for (size_t i = 0; i < 3; i++) { /* a 64-bit mix with odd multipliers */
		hash = (hash ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}

	size_t slot = hash & (deltas->capacity - 1);
	for (; deltas->used[slot]; slot = (slot + 1) & (deltas->capacity - 1)) {
		const struct delta *row = &deltas->rows[slot];
		if (row->table == key->table && row->id == key->id && row->code == key->code &&
		    row->hour == key->hour)
			break;
	}

	return slot;
}

static bool
grow(struct deltas *deltas)
{
	struct deltas larger = {.capacity = deltas->capacity == 0 ? 64 : deltas->capacity * 2};
	larger.rows = malloc(larger.capacity * sizeof *larger.rows);
	larger.used = calloc(larger.capacity, sizeof *larger.used);
	if (larger.rows == NULL || larger.used == NULL) {
		deltas_done(&larger);
		return false;
	}

	for (size_t i = 0; i < deltas->capacity; i++) {
		if (!deltas->used[i])
			continue;
		size_t slot = slot_of(&larger, &deltas->rows[i]);
		larger.rows[slot] = deltas->rows[i];
		larger.used[slot] = true;
	}

	larger.count = deltas->count;
	deltas_done(deltas);
	*deltas = larger;
	return true;
}

struct delta *
deltas_row(struct deltas *deltas, enum delta_table table, int64_t id, int64_t code, int64_t hour)
{
	struct delta key = {.table = table, .id = id, .code = code, .hour = hour};
	if (deltas->count * 2 >= deltas->capacity && !grow(deltas))
		return NULL;

	size_t slot = slot_of(deltas, &key);
	if (!deltas->used[slot]) {
		deltas->rows[slot] = key;
		deltas->used[slot] = true;
		deltas->count++;
	}

	return &deltas->rows[slot];
}

enum result
deltas_add(struct deltas *deltas, const struct rollup *rollup, int sign, int64_t tagset_id,
    int64_t provider_id)
{
	struct delta *row;
	for (size_t i = 0; i < rollup->count; i++) {
		const struct contribution *item = &rollup->items[i];
		row = deltas_row(deltas, DELTA_CAMPAIGN, tagset_id, 0, item->hour);
		if (row == NULL)
			return RESULT_NO_MEMORY;
		row->figures[item->figure] += sign * item->count;
		row = deltas_row(deltas, DELTA_PROVIDER, provider_id, 0, item->hour);
		if (row == NULL)
			return RESULT_NO_MEMORY;
		row->figures[item->figure] += sign * item->count;
	}

	if (!rollup->failed)
		return RESULT_OK;

	row = deltas_row(deltas, DELTA_ERROR, tagset_id, rollup->error_code, rollup->error_hour);
	if (row == NULL)
		return RESULT_NO_MEMORY;

	row->figures[FIGURE_FAILED] += sign;
	return RESULT_OK;
}

/* The stored rows of one table: id, code, hour, and figures. */
static enum result
subtract_table(struct deltas *deltas, sqlite3 *db, enum delta_table table, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	enum result result = sqlite_result(code);

	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct delta *row = deltas_row(deltas, table, sqlite3_column_int64(statement, 0),
		    sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2));
		if (row == NULL)
			result = RESULT_NO_MEMORY;
		else if (table == DELTA_ERROR)
			row->figures[FIGURE_FAILED] -= sqlite3_column_int64(statement, 3);
		else
			for (int i = 0; i < FIGURE_COUNT; i++)
				row->figures[i] -= sqlite3_column_int64(statement, 3 + i);
	}

	sqlite3_finalize(statement);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
deltas_subtract_stored(struct deltas *deltas, sqlite3 *db)
{
	enum result result = subtract_table(deltas, db, DELTA_CAMPAIGN,
	    "SELECT tagset_id, 0, hour, " FIGURE_COLUMNS " FROM campaign_hour");
	if (result == RESULT_OK)
		result = subtract_table(deltas, db, DELTA_PROVIDER,
		    "SELECT provider_id, 0, hour, " FIGURE_COLUMNS " FROM provider_hour");
	if (result == RESULT_OK)
		result = subtract_table(deltas, db, DELTA_ERROR,
		    "SELECT tagset_id, code, hour, failed FROM campaign_error");
	return result;
}

bool
delta_is_zero(const struct delta *delta)
{
	for (int figure = 0; figure < FIGURE_COUNT; figure++)
		if (delta->figures[figure] != 0)
			return false;
	return true;
}

void
deltas_clear(struct deltas *deltas)
{
	if (deltas->capacity > KEEP_CAPACITY)
		deltas_done(deltas);
	else if (deltas->capacity > 0)
		memset(deltas->used, 0, deltas->capacity * sizeof *deltas->used);
	deltas->count = 0;
}

void
deltas_done(struct deltas *deltas)
{
	free(deltas->rows);
	free(deltas->used);
	*deltas = DELTAS_EMPTY;
}
