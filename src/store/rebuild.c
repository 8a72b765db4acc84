#include "rebuild.h"

#include "batch.h"
#include "changes.h"
#include "message_change.h"

static enum result
correct_message(struct store *store, struct message_row *row)
{
	struct known_message *known;
	struct store_added added = {0};
	enum result result = changes_make_room(store);
	if (result == RESULT_OK)
		result = working_set_find_id(store->set, row->id, &known);
	return result == RESULT_OK ? message_change(store, known, row, &added) : result;
}

struct rebuilding {
	struct store *store;
	struct store_rebuilt rebuilt;
};

static enum result
rebuild_message(
    void *context, const struct message_row *stored, struct message_row *row, uint64_t events)
{
	struct rebuilding *rebuilding = context;
	struct store *store = rebuilding->store;
	struct rollup rollup = rollup_of(&stored->message, store->policy);
	(void)events;

	store->progress.done = (uint64_t)stored->id;
	rebuilding->rebuilt.messages++;
	enum result result =
	    deltas_add(&store->deltas, &rollup, 1, stored->tagset_id, stored->provider_id);
	if (result == RESULT_OK)
		result = blocks_note_message(&store->blocks, stored->id, &rollup);
	if (result != RESULT_OK || message_row_equal(stored, row, store->policy))
		return result;
	rebuilding->rebuilt.corrected++;
	return correct_message(store, row);
}

/* Writes each message that differs from its receipts. The figures of all messages are summed in the
 * store's deltas; the hourly tables are corrected afterwards. */
static enum result
rebuild_messages(struct rebuilding *rebuilding)
{
	struct store *store = rebuilding->store;
	int64_t last_id = 0;
	enum result result = messages_last(store->tables.messages, &last_id);
	store->progress.total = (uint64_t)last_id;
	if (result == RESULT_OK)
		result = recount_each(&store->recount, rebuild_message, rebuilding);
	return result == RESULT_OK ? changes_write(store) : result;
}

/* Subtracts the stored figures from the recomputed ones. The flush adds the remaining differences
 * to the stored rows. */
static enum result
subtract_figures(struct store *store, struct store_rebuilt *rebuilt)
{
	enum result result = deltas_subtract_stored(&store->deltas, store->tables.figures);
	for (size_t i = 0; result == RESULT_OK && i < store->deltas.capacity; i++)
		rebuilt->figures += store->deltas.used[i] && !delta_is_zero(&store->deltas.rows[i]);
	return result;
}

enum result
rebuild_all(struct store *store, struct store_rebuilt *out_rebuilt)
{
	struct rebuilding rebuilding = {.store = store};
	struct store_rebuilt *rebuilt = &rebuilding.rebuilt;
	enum result result = rebuild_messages(&rebuilding);
	if (result == RESULT_OK)
		result = subtract_figures(store, rebuilt);
	/* Once the figures are right, replies change them as usual. */
	if (result == RESULT_OK)
		result = replies_note_all(store->replies);
	if (result == RESULT_OK)
		result = batch_settle_replies(store, &rebuilt->replies);
	if (result == RESULT_OK)
		result = figure_table_correct_campaigns(store->tables.figures, &rebuilt->campaigns);
	if (result == RESULT_OK)
		result = block_table_add_events(store->tables.blocks);
	if (result == RESULT_OK)
		result = consents_rebuild(store->consents, &rebuilt->optouts);
	if (result == RESULT_OK)
		*out_rebuilt = *rebuilt;
	return result;
}
