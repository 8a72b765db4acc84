#include "changes.h"

#include <stdlib.h>

/* Failed, or not known to have left. */
static bool
is_failed(const struct message *message, enum conflict_policy policy)
{
	enum outcome outcome = message_outcome(message, policy);
	return outcome == OUTCOME_FAILED || outcome == OUTCOME_CANCELED || message->sent_us == 0;
}

/* Whether a reply may answer the message: it is not an inbound message. */
static bool
is_answerable(const struct message_row *row)
{
	return row->id != 0 && row->message.received_us == 0;
}

static bool
was_scheduled(const struct message_row *row)
{
	return (row->message.seen & STATUS_BIT(STATUS_SCHEDULED)) != 0;
}

/* What follows from the messages of a batch. */
struct following {
	struct store *store;
	struct answerable **answerables;
	size_t count;
};

static enum result
note_answerable(struct following *following, struct slice sid, const struct message_row *peer_of)
{
	struct answerable *answerable =
	    arena_alloc(working_set_arena(following->store->set), sizeof *answerable);
	if (answerable == NULL)
		return RESULT_NO_MEMORY;

	answerable->sid = sid;
	if (peer_of != NULL && message_row_peer(peer_of).len > 0) {
		answerable->peer = message_row_peer(peer_of);
		answerable->first_us = peer_of->message.first_us;
	}
	following->answerables[following->count++] = answerable;
	return RESULT_OK;
}

/* Marks replies whose attribution may change. Most changes leave that of every reply as it is. */
static enum result
note_replies(struct following *following, const struct message_write *write)
{
	const struct message_row *before = &write->stored, *row = &write->row;
	enum conflict_policy policy = following->store->policy;
	bool was = is_answerable(before), is = is_answerable(row);
	bool same_tags = was == is && before->tagset_id == row->tagset_id;
	bool same_reach = before->message.first_us == row->message.first_us &&
			  was_scheduled(before) == was_scheduled(row) &&
			  before->message.sent_us == row->message.sent_us &&
			  before->message.left_us == row->message.left_us &&
			  slice_equal(message_row_peer(before), message_row_peer(row));

	if ((!was && !is) ||
	    (same_tags && same_reach && before->provider_id == row->provider_id &&
		is_failed(&before->message, policy) == is_failed(&row->message, policy)))
		return RESULT_OK;
	enum result result = RESULT_OK;
	if (!same_tags || is)
		result = note_answerable(
		    following, same_tags ? SLICE_NONE : write->sid, is ? row : NULL);
	return result == RESULT_OK && was && !(is && same_reach)
		   ? note_answerable(following, SLICE_NONE, before)
		   : result;
}

/* Changes the figures by the difference. */
static enum result
follow_message(void *context, const struct message_write *write)
{
	struct following *following = context;
	struct store *store = following->store;
	struct rollup old = rollup_of(&write->stored.message, store->policy);
	struct rollup new = rollup_of(&write->row.message, store->policy);
	enum result result = deltas_add(
	    &store->deltas, &old, -1, write->stored.tagset_id, write->stored.provider_id);
	if (result == RESULT_OK)
		result = deltas_add(
		    &store->deltas, &new, 1, write->row.tagset_id, write->row.provider_id);
	if (result == RESULT_OK)
		result = blocks_note_message(&store->blocks, write->row.id, &new);
	return result == RESULT_OK ? note_replies(following, write) : result;
}

enum result
changes_write(struct store *store)
{
	size_t most = 2 * working_set_changed(store->set);
	struct following following = {.store = store};
	if (most == 0)
		return working_set_write(store->set, store->policy);

	following.answerables = malloc(most * sizeof(struct answerable *));
	if (following.answerables == NULL)
		return RESULT_NO_MEMORY;
	enum result result = working_set_each_change(store->set, follow_message, &following);
	if (result == RESULT_OK)
		result = replies_note_each(store->replies, following.answerables, following.count);
	if (result == RESULT_OK)
		result = working_set_write(store->set, store->policy);
	free(following.answerables);
	return result;
}

enum result
changes_make_room(struct store *store)
{
	if (!working_set_is_full(store->set))
		return RESULT_OK;
	enum result result = changes_write(store);
	if (result == RESULT_OK)
		working_set_forget(store->set);
	return result;
}
