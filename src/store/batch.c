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
		result = working_set_find_id(store->set, row->message_id, &known);
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

static enum result
flush_row(struct store *store, const struct delta *row)
{
	sqlite3_stmt *statement = NULL;
	switch (row->table) {
	case DELTA_CAMPAIGN: statement = store->change_campaign_hour; break;
	case DELTA_PROVIDER: statement = store->change_provider_hour; break;
	case DELTA_ERROR:
		statement = store->change_campaign_error;
		sqlite3_bind_int64(statement, 1, row->id);
		sqlite3_bind_int64(statement, 2, row->code);
		sqlite3_bind_int64(statement, 3, row->hour);
		sqlite3_bind_int64(statement, 4, row->figures[FIGURE_FAILED]);
		return sqlite_result(sqlite_run(statement));
	}

	sqlite3_bind_int64(statement, 1, row->id);
	sqlite3_bind_int64(statement, 2, row->hour);
	for (int i = 0; i < FIGURE_COUNT; i++)
		sqlite3_bind_int64(statement, 3 + i, row->figures[i]);
	return sqlite_result(sqlite_run(statement));
}

static enum result
flush_campaigns(struct store *store)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < store->touched_count; i++) {
		const struct touched *touched = &store->touched[i];
		sqlite3_bind_int64(store->touch_campaign, 1, touched->campaign_id);
		sqlite3_bind_int64(store->touch_campaign, 2, touched->first_us);
		sqlite3_bind_int64(store->touch_campaign, 3, touched->last_us);
		sqlite3_bind_int64(store->touch_campaign, 4, touched->duplicates);
		result = sqlite_result(sqlite_run(store->touch_campaign));
		if (result == RESULT_OK && touched->moved_last_us != 0) {
			sqlite3_bind_int64(store->recount_campaign, 1, touched->campaign_id);
			sqlite3_bind_int64(store->recount_campaign, 2, touched->moved_first_us);
			sqlite3_bind_int64(store->recount_campaign, 3, touched->moved_last_us);
			result = sqlite_result(sqlite_run(store->recount_campaign));
		}
	}

	return result;
}

enum result
batch_flush(struct store *store)
{
	uint64_t moved = 0;
	enum result result = changes_write(store);
	if (result == RESULT_OK)
		result = batch_settle_replies(store, &moved);
	for (size_t i = 0; result == RESULT_OK && i < store->deltas.capacity; i++)
		if (store->deltas.used[i] && !delta_is_zero(&store->deltas.rows[i]))
			result = flush_row(store, &store->deltas.rows[i]);
	return result == RESULT_OK ? flush_campaigns(store) : result;
}

void
batch_forget(struct store *store)
{
	deltas_clear(&store->deltas);
	store->touched_count = 0;
	if (store->set != NULL)
		working_set_forget(store->set);
	if (store->replies != NULL)
		replies_forget(store->replies);
}
