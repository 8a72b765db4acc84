#include "removal.h"

#include "batch.h"
#include "changes.h"
#include "message_change.h"

#include <stdlib.h>

#define PORTION 8192 /* receipts read, and then removed, at once */

struct removal {
	struct store *store;
	struct store_removed removed;
	struct placed_receipt *receipts; /* PORTION of them */
	size_t count;
};

static enum result
note(void *context, const struct placed_receipt *receipt)
{
	struct removal *removal = context;
	removal->receipts[removal->count++] = *receipt;
	return RESULT_OK;
}

/* Notes which numbers go, range by range. */
static enum result
note_ranges(struct removal *removal)
{
	enum result result = RESULT_OK;
	for (size_t i = 0, end; result == RESULT_OK && i < removal->count; i = end) {
		const struct placed_receipt *first = &removal->receipts[i];
		for (end = i + 1; end < removal->count &&
				  removal->receipts[end].seq == removal->receipts[end - 1].seq + 1;)
			end++;
		result = upkeep_table_note_removed(
		    removal->store->tables.upkeep, first, &removal->receipts[end - 1]);
	}
	return result;
}

/* The evidence goes first: followers are told what remains without it. */
static enum result
remove_receipts(struct removal *removal)
{
	struct store *store = removal->store;
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < removal->count; i++) {
		result = consents_retract(store->consents, removal->receipts[i].seq);
		if (result == RESULT_OK)
			result = upkeep_table_remove_receipt(
			    store->tables.upkeep, removal->receipts[i].seq);
		removal->removed.receipts++;
	}
	return result;
}

/* Takes a message without receipts out of the figures. */
static enum result
remove_message(struct removal *removal, struct known_message *known)
{
	struct store *store = removal->store;
	const struct message_row *row = &known->write.row;
	struct rollup rollup = rollup_of(&row->message, store->policy);
	enum result result =
	    deltas_add(&store->deltas, &rollup, -1, row->tagset_id, row->provider_id);
	removal->removed.messages++;
	return result == RESULT_OK ? upkeep_table_remove_message(store->tables.upkeep, row->id)
				   : result;
}

/* Folds a message again of which receipts are gone. */
static enum result
follow(struct removal *removal, int64_t message_id)
{
	struct store *store = removal->store;
	struct known_message *known;
	struct store_added added = {0};
	int64_t left = 0;
	enum result result = changes_make_room(store);
	if (result == RESULT_OK)
		result = working_set_find_id(store->set, message_id, &known);
	if (result == RESULT_OK)
		result = upkeep_table_count(store->tables.upkeep, message_id, &left);
	if (result != RESULT_OK)
		return result;
	if (left == 0)
		return remove_message(removal, known);

	struct message_row row = known->write.row;
	uint64_t events;
	result = recount_message(&store->recount, &known->write.row, &row, &events);
	return result == RESULT_OK ? message_change(store, known, &row, &added) : result;
}

static int
compare_messages(const void *a, const void *b)
{
	const struct placed_receipt *x = a, *y = b;
	return (x->message_id > y->message_id) - (x->message_id < y->message_id);
}

static enum result
follow_messages(struct removal *removal)
{
	enum result result = RESULT_OK;
	int64_t last_id = 0;
	qsort(removal->receipts, removal->count, sizeof *removal->receipts, compare_messages);
	for (size_t i = 0; result == RESULT_OK && i < removal->count; i++) {
		int64_t id = removal->receipts[i].message_id;
		if (id != last_id)
			result = follow(removal, id);
		last_id = id;
	}
	return result;
}

static enum result
remove_all(struct removal *removal, struct slice name, struct slice text)
{
	struct store *store = removal->store;
	int64_t last_seq = 0;
	enum result result;
	do {
		removal->count = 0;
		result = upkeep_table_with_parameter(
		    store->tables.upkeep, last_seq, name, text, PORTION, note, removal);
		if (removal->count > 0)
			last_seq = removal->receipts[removal->count - 1].seq;
		if (result == RESULT_OK)
			result = note_ranges(removal);
		if (result == RESULT_OK)
			result = remove_receipts(removal);
		if (result == RESULT_OK)
			result = follow_messages(removal);
		if (result == RESULT_OK)
			result = changes_write(store);
		working_set_forget(store->set);
	} while (result == RESULT_OK && removal->count == PORTION);
	return result;
}

enum result
removal_all(
    struct store *store, struct slice name, struct slice text, struct store_removed *out_removed)
{
	struct removal removal = {
	    .store = store, .receipts = malloc(PORTION * sizeof(struct placed_receipt))};
	enum result result = removal.receipts == NULL
				 ? RESULT_NO_MEMORY
				 : upkeep_table_keep_numbers(store->tables.upkeep);
	if (result == RESULT_OK)
		result = upkeep_table_note_run(store->tables.upkeep, name, text);
	if (result == RESULT_OK)
		result = remove_all(&removal, name, text);
	if (result == RESULT_OK)
		result = batch_settle_upkeep(store);
	*out_removed = removal.removed;
	free(removal.receipts);
	return result;
}
