#include "retag.h"

#include "batch.h"
#include "changes.h"
#include "message_change.h"

#include <stdlib.h>
#include <string.h>

#define PORTION 8192 /* receipts read, and then changed, at once */

/* Receipts that get other tags, of a portion. */
struct change {
	struct sourced_receipt receipt; /* without its texts */
	struct tagset tagset;
	bool tagged;
};

/* Messages that moved from one campaign to another. */
struct move {
	int64_t from_id, to_id;         /* campaigns */
	int64_t from_tagset, to_tagset; /* one of each */
	uint64_t messages;
};

struct retagging {
	struct store *store;
	const struct store_retag *retag;
	struct store_retagged retagged;
	struct change *changes; /* PORTION of them */
	size_t count, read;     /* of this portion: changes, and receipts */
	int64_t last_seq;
	struct move *moves;
	size_t move_count, move_capacity;
};

/* --- receipts --- */

/* An untagged receipt has its message's tagset as long as another one of the message is tagged. If
 * the message is not any more, what its own URL says counts, so it is set again. */
static enum result
look_at(void *context, const struct sourced_receipt *receipt)
{
	struct retagging *retagging = context;
	struct change *change = &retagging->changes[retagging->count];
	struct tags tags = {.workspace = SLICE("")};
	bool known = receipt->path.ptr != NULL || receipt->query.ptr != NULL;
	enum result result = RESULT_OK;

	retagging->last_seq = receipt->seq;
	retagging->read++;
	retagging->retagged.receipts++;
	if (known)
		result = retagging->retag->tag(
		    retagging->retag->context, receipt->path, receipt->query, &tags, &known);
	retagging->retagged.unknown += !known;
	if (result != RESULT_OK || !known)
		return result;

	*change = (struct change){.receipt = *receipt, .tagged = tags.campaign.len > 0};
	result = names_tagset(retagging->store->tables.names, tags.workspace, tags.campaign,
	    tags.variant, &change->tagset);
	bool differs = receipt->tagged != change->tagged || receipt->tagset_id != change->tagset.id;
	retagging->count += differs;
	retagging->retagged.changed += differs && (receipt->tagged || change->tagged);
	return result;
}

static enum result
write_changes(struct retagging *retagging)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < retagging->count; i++) {
		const struct change *change = &retagging->changes[i];
		result = upkeep_table_set_tags(retagging->store->tables.upkeep, &change->receipt,
		    change->tagset.id, change->tagset.campaign_id, change->tagged);
	}
	return result;
}

/* --- messages --- */

/* Where the move from one campaign to another is, or is to be, in the order of both. */
static size_t
find_move(const struct retagging *retagging, int64_t from_id, int64_t to_id)
{
	size_t low = 0, high = retagging->move_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct move *move = &retagging->moves[middle];
		if (move->from_id < from_id || (move->from_id == from_id && move->to_id < to_id))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum result
note_move(struct retagging *retagging, const struct move *move)
{
	size_t i = find_move(retagging, move->from_id, move->to_id);
	struct move *moves = retagging->moves;
	if (i < retagging->move_count && moves[i].from_id == move->from_id &&
	    moves[i].to_id == move->to_id) {
		moves[i].messages++;
		return RESULT_OK;
	}

	if (retagging->move_count == retagging->move_capacity) {
		size_t capacity = retagging->move_capacity * 2 + 64;
		moves = realloc(moves, capacity * sizeof *moves);
		if (moves == NULL)
			return RESULT_NO_MEMORY;
		retagging->moves = moves;
		retagging->move_capacity = capacity;
	}
	memmove(&moves[i + 1], &moves[i], (retagging->move_count - i) * sizeof *moves);
	moves[i] = *move;
	retagging->move_count++;
	return RESULT_OK;
}

static enum result
note_message(struct retagging *retagging, int64_t from_id, int64_t to_id)
{
	int64_t from_campaign = 0, to_campaign = 0;
	struct names *names = retagging->store->tables.names;
	enum result result = names_campaign_of(names, from_id, &from_campaign);
	if (result == RESULT_OK)
		result = names_campaign_of(names, to_id, &to_campaign);
	if (result != RESULT_OK || from_campaign == to_campaign)
		return result;
	retagging->retagged.messages++;
	const struct move move = {from_campaign, to_campaign, from_id, to_id, 1};
	return note_move(retagging, &move);
}

/* Folds a message again, of which receipts have other tags. A person's own message follows the
 * reply table, when all replies are settled. */
static enum result
follow(struct retagging *retagging, int64_t message_id)
{
	struct store *store = retagging->store;
	struct known_message *known;
	struct message_row row;
	struct store_added added = {0};
	uint64_t events;
	int64_t campaign_id = 0;
	enum result result = changes_make_room(store);
	if (result == RESULT_OK)
		result = working_set_find_id(store->set, message_id, &known);
	if (result != RESULT_OK)
		return result;

	const int64_t before = known->write.row.tagset_id;
	row = known->write.row;
	result = recount_message(&store->recount, &known->write.row, &row, &events);
	if (result == RESULT_OK)
		result = message_change(store, known, &row, &added);
	if (result == RESULT_OK)
		result = names_campaign_of(store->tables.names, row.tagset_id, &campaign_id);
	if (result == RESULT_OK)
		result = receipt_table_move(
		    store->tables.receipts, message_id, row.tagset_id, campaign_id);
	return result == RESULT_OK && before != row.tagset_id
		   ? note_message(retagging, before, row.tagset_id)
		   : result;
}

static int
compare_messages(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	return (x->receipt.message_id > y->receipt.message_id) -
	       (x->receipt.message_id < y->receipt.message_id);
}

static enum result
follow_changes(struct retagging *retagging)
{
	enum result result = RESULT_OK;
	int64_t last_id = 0;
	qsort(retagging->changes, retagging->count, sizeof *retagging->changes, compare_messages);
	for (size_t i = 0; result == RESULT_OK && i < retagging->count; i++) {
		int64_t id = retagging->changes[i].receipt.message_id;
		if (id != last_id)
			result = follow(retagging, id);
		last_id = id;
	}
	return result;
}

/* --- all --- */

static enum result
retag_receipts(struct retagging *retagging)
{
	const struct store_retag *retag = retagging->retag;
	enum result result;
	do {
		retagging->count = retagging->read = 0;
		result = upkeep_table_sourced(retagging->store->tables.upkeep, retagging->last_seq,
		    retag->from_us, retag->to_us, PORTION, look_at, retagging);
		if (result == RESULT_OK)
			result = write_changes(retagging);
		if (result == RESULT_OK)
			result = follow_changes(retagging);
		if (result == RESULT_OK)
			result = changes_write(retagging->store);
		working_set_forget(retagging->store->set);
	} while (result == RESULT_OK && retagging->read == PORTION);
	return result;
}

/* More messages first, then in the order of the campaigns. */
static int
compare_moves(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	if (x->messages != y->messages)
		return x->messages > y->messages ? -1 : 1;
	if (x->from_id != y->from_id)
		return x->from_id < y->from_id ? -1 : 1;
	return x->to_id < y->to_id ? -1 : x->to_id > y->to_id;
}

static enum result
report_moves(struct retagging *retagging)
{
	struct upkeep_table *table = retagging->store->tables.upkeep;
	struct arena arena = ARENA_EMPTY;
	enum result result = RESULT_OK;
	if (retagging->move_count > 0)
		qsort(retagging->moves, retagging->move_count, sizeof(struct move), compare_moves);
	for (size_t i = 0; result == RESULT_OK && i < retagging->move_count; i++) {
		struct store_move move = {.messages = retagging->moves[i].messages};
		result = upkeep_table_campaign(table, retagging->moves[i].from_tagset, &arena,
		    &move.from_workspace, &move.from_campaign);
		if (result == RESULT_OK)
			result = upkeep_table_campaign(table, retagging->moves[i].to_tagset, &arena,
			    &move.to_workspace, &move.to_campaign);
		if (result == RESULT_OK)
			retagging->retag->on_moved(retagging->retag->context, &move);
	}
	arena_done(&arena);
	return result;
}

enum result
retag_all(struct store *store, const struct store_retag *retag, struct store_retagged *out_retagged)
{
	struct retagging retagging = {
	    .store = store, .retag = retag, .changes = malloc(PORTION * sizeof(struct change))};
	enum result result =
	    retagging.changes == NULL ? RESULT_NO_MEMORY : retag_receipts(&retagging);
	if (result == RESULT_OK)
		result = report_moves(&retagging);
	if (result == RESULT_OK)
		result = batch_settle_upkeep(store);
	*out_retagged = retagging.retagged;
	free(retagging.changes);
	free(retagging.moves);
	return result;
}
