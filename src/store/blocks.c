#include "blocks.h"

#include "dlrd/base/clock.h"

static enum result
note(struct deltas *blocks, int64_t figure, int64_t number, int64_t hour)
{
	return deltas_row(blocks, FIGURES_OF_CAMPAIGN, figure, number / BLOCK_SIZE, hour) == NULL
		   ? RESULT_NO_MEMORY
		   : RESULT_OK;
}

enum result
blocks_note_message(struct deltas *blocks, int64_t message_id, const struct rollup *rollup)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < rollup->count; i++)
		result = note(
		    blocks, (int64_t)rollup->items[i].figure, message_id, rollup->items[i].hour);
	return result;
}

enum result
blocks_note_event(struct deltas *blocks, int64_t seq, int64_t time_us)
{
	return note(blocks, BLOCK_EVENTS, seq, time_us / CLOCK_HOUR_US);
}

enum result
blocks_write(struct deltas *blocks, struct block_table *table)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < blocks->capacity; i++) {
		const struct figure_row *row = &blocks->rows[i];
		if (blocks->used[i])
			result = block_table_add(table, row->id, row->hour, row->code);
	}
	deltas_clear(blocks);
	return result;
}

enum result
blocks_count_missing(const struct deltas *blocks, struct block_table *table, uint64_t *out_count)
{
	enum result result = RESULT_OK;
	*out_count = 0;
	for (size_t i = 0; result == RESULT_OK && i < blocks->capacity; i++) {
		const struct figure_row *row = &blocks->rows[i];
		bool has = true;
		if (blocks->used[i])
			result = block_table_has(table, row->id, row->hour, row->code, &has);
		*out_count += !has;
	}
	return result;
}
