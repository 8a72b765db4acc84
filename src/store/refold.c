#include "refold.h"

#include "changes.h"

/* Folds one message again, or only decides between its statuses. The figures have its contributions
 * by the old policy. */
static enum result
refold_message(struct store *store, struct known_message *known, enum conflict_policy old_policy,
    bool recounts)
{
	const struct message_row *stored = &known->write.stored;
	struct message_row after = *stored;
	struct rollup old = rollup_of(&stored->message, old_policy);
	struct rollup new = rollup_of(&stored->message, store->policy);
	uint64_t events;
	enum result result =
	    deltas_add(&store->deltas, &old, -1, stored->tagset_id, stored->provider_id);
	if (result == RESULT_OK)
		result =
		    deltas_add(&store->deltas, &new, 1, stored->tagset_id, stored->provider_id);
	if (result == RESULT_OK && recounts)
		result = recount_message(&store->recount, stored, &after, &events);
	else
		message_row_show_status(&after, store->policy);
	after.tagset_id = stored->tagset_id;
	working_set_change(store->set, known, &after);
	return result;
}

enum result
refold_all(struct store *store, enum conflict_policy old_policy, bool recounts)
{
	struct messages *messages = store->tables.messages;
	int64_t id = 0, last_id = 0;
	enum result result = messages_last(messages, &last_id);

	store->progress.total = (uint64_t)last_id;
	if (result == RESULT_OK)
		result = messages_next_conflict(messages, id, recounts, &id);
	while (result == RESULT_OK && id != 0) {
		struct known_message *known;
		store->progress.done = (uint64_t)id;
		result = changes_make_room(store);
		if (result == RESULT_OK)
			result = working_set_find_id(store->set, id, &known);
		if (result == RESULT_OK)
			result = refold_message(store, known, old_policy, recounts);
		if (result == RESULT_OK)
			result = messages_next_conflict(messages, id, recounts, &id);
	}

	return result;
}
