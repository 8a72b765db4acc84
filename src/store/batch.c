#include "batch.h"

#include "changes.h"
#include "message_change.h"

struct settling {
	struct store *store;
	uint64_t moved;
};

/* Moves a reply's message to the campaign that it answers. */
static enum result
move_reply(void *context, const struct reply_row *row, const struct attribution *attribution,
    bool right, int64_t tagset_id)
{
	struct settling *settling = context;
	struct store *store = settling->store;
	struct known_message *known;
	struct store_added added = {0};

	(void)attribution;
	enum result result = changes_make_room(store);
	if (result == RESULT_OK)
		result = working_set_find_id(store->set, row->reply.message_id, &known);
	if (result == RESULT_NOT_FOUND)
		return RESULT_OK;
	if (result != RESULT_OK)
		return result;

	struct message_row after = known->write.row;
	bool moves = after.tagset_id != tagset_id;
	settling->moved += !right || moves;
	after.tagset_id = tagset_id;
	return moves ? message_change(store, known, &after, &added) : RESULT_OK;
}

enum result
batch_settle_replies(struct store *store, uint64_t *moved)
{
	struct settling settling = {.store = store};
	enum result result = replies_settle(store->replies, true, move_reply, &settling);
	*moved += settling.moved;
	return result == RESULT_OK ? changes_write(store) : result;
}

enum result
batch_write_figures(struct store *store)
{
	struct figure_table *figures = store->tables.figures;
	uint64_t moved = 0;
	enum result result = changes_write(store);
	if (result == RESULT_OK)
		result = batch_settle_replies(store, &moved);
	for (size_t i = 0; result == RESULT_OK && i < store->deltas.capacity; i++)
		if (store->deltas.used[i] && !delta_is_zero(&store->deltas.rows[i]))
			result = figure_table_add(figures, &store->deltas.rows[i]);
	deltas_clear(&store->deltas);
	return result == RESULT_OK ? blocks_write(&store->blocks, store->tables.blocks) : result;
}

enum result
batch_flush(struct store *store)
{
	struct figure_table *figures = store->tables.figures;
	enum result result = batch_write_figures(store);
	for (size_t i = 0; result == RESULT_OK && i < store->touched_count; i++)
		result = figure_table_change_campaign(figures, &store->touched[i]);
	return result;
}

enum result
batch_settle_upkeep(struct store *store)
{
	uint64_t corrected;
	enum result result = replies_note_all(store->replies);
	if (result == RESULT_OK)
		result = batch_write_figures(store);
	if (result == RESULT_OK)
		result = figure_table_correct_campaigns(store->tables.figures, &corrected);
	if (result == RESULT_OK)
		result = upkeep_table_remove_unused(store->tables.upkeep);
	names_forget(store->tables.names);
	return result;
}

void
batch_forget(struct store *store)
{
	deltas_clear(&store->deltas);
	deltas_clear(&store->blocks);
	store->touched_count = 0;
	if (store->set != NULL)
		working_set_forget(store->set);
	if (store->replies != NULL)
		replies_forget(store->replies);
}
