#include "deltas.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_CAPACITY 4096 /* rows kept allocated between batches */

static size_t
slot_of(const struct deltas *deltas, const struct figure_row *key)
{
	uint64_t hash = (uint64_t)key->kind;
	const uint64_t parts[] = {(uint64_t)key->id, (uint64_t)key->code, (uint64_t)key->hour};

	for (size_t i = 0; i < 3; i++) { /* a 64-bit mix with odd multipliers */
		hash = (hash ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}

	size_t slot = hash & (deltas->capacity - 1);
	for (; deltas->used[slot]; slot = (slot + 1) & (deltas->capacity - 1)) {
		const struct figure_row *row = &deltas->rows[slot];
		if (row->kind == key->kind && row->id == key->id && row->code == key->code &&
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

struct figure_row *
deltas_row(struct deltas *deltas, enum figure_kind kind, int64_t id, int64_t code, int64_t hour)
{
	struct figure_row key = {.kind = kind, .id = id, .code = code, .hour = hour};
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
	struct figure_row *row;
	for (size_t i = 0; i < rollup->count; i++) {
		const struct contribution *item = &rollup->items[i];
		row = deltas_row(deltas, FIGURES_OF_CAMPAIGN, tagset_id, 0, item->hour);
		if (row == NULL)
			return RESULT_NO_MEMORY;
		row->figures[item->figure] += sign * item->count;
		row = deltas_row(deltas, FIGURES_OF_PROVIDER, provider_id, 0, item->hour);
		if (row == NULL)
			return RESULT_NO_MEMORY;
		row->figures[item->figure] += sign * item->count;
	}

	if (rollup->delay_ms >= 0) {
		row = deltas_row(deltas, FIGURES_OF_DELAY, tagset_id, rollup->delay_ms, 0);
		if (row == NULL)
			return RESULT_NO_MEMORY;
		row->figures[FIGURE_DELIVERED] += sign;
	}
	if (!rollup->failed)
		return RESULT_OK;

	row =
	    deltas_row(deltas, FIGURES_OF_ERROR, tagset_id, rollup->error_code, rollup->error_hour);
	if (row == NULL)
		return RESULT_NO_MEMORY;

	row->figures[FIGURE_FAILED] += sign;
	return RESULT_OK;
}

static enum result
subtract_row(void *context, const struct figure_row *stored)
{
	struct figure_row *row =
	    deltas_row(context, stored->kind, stored->id, stored->code, stored->hour);
	if (row == NULL)
		return RESULT_NO_MEMORY;
	for (int i = 0; i < FIGURE_COUNT; i++)
		row->figures[i] -= stored->figures[i];
	return RESULT_OK;
}

enum result
deltas_subtract_stored(struct deltas *deltas, struct figure_table *table)
{
	return figure_table_each(table, subtract_row, deltas);
}

bool
delta_is_zero(const struct figure_row *delta)
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
