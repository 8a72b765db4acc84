#include "message_change.h"

#include "event_consents.h"

/* An event may lack tags or a sender. A person's own message has no tags but the reply table's. */
enum result
message_merge_ids(struct store *store, struct message_row *row, const struct event_ids *ids)
{
	enum result result = RESULT_OK;
	if (row->id == 0) {
		row->tagset_id = ids->tagset.id;
		row->provider_id = ids->provider_id;
	}

	if (row->tagset_id != ids->tagset.id && row->message.received_us == 0)
		result = names_choose_tagset(
		    store->names, row->tagset_id, ids->tagset.id, &row->tagset_id);
	if (result == RESULT_OK && row->provider_id != ids->provider_id)
		result = names_merge_providers(
		    store->names, row->provider_id, ids->provider_id, &row->provider_id);
	return result;
}

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

/* Most changes leave the attribution of every reply as it is. */
enum result
message_note_replies(struct store *store, const struct event *event,
    const struct message_row *before, const struct message_row *row)
{
	enum result result = RESULT_OK;
	bool was = is_answerable(before), is = is_answerable(row);
	bool same_tags = was == is && before->tagset_id == row->tagset_id;
	bool same_reach = before->message.first_us == row->message.first_us &&
			  was_scheduled(before) == was_scheduled(row) &&
			  before->message.sent_us == row->message.sent_us &&
			  before->message.left_us == row->message.left_us &&
			  slice_equal(message_row_peer(before), message_row_peer(row));

	if ((!was && !is) || (same_tags && same_reach && before->provider_id == row->provider_id &&
				 is_failed(&before->message, store->policy) ==
				     is_failed(&row->message, store->policy)))
		return RESULT_OK;
	if (!same_tags)
		result = replies_note_original(store->replies, event->message);
	if (result == RESULT_OK && is)
		result = replies_note(store->replies, message_row_peer(row), row->message.first_us);
	if (result == RESULT_OK && was && !(is && same_reach))
		result = replies_note(
		    store->replies, message_row_peer(before), before->message.first_us);
	return result;
}

/* The tags are merged already: events without own tags get them only afterwards. */
enum result
message_recount(struct store *store, struct message_row *row)
{
	int64_t tagset_id = row->tagset_id;
	struct message_row recounted;
	uint64_t events;
	enum result result =
	    recount_message(store->recount, store->policy, row, &recounted, &events);
	if (result != RESULT_OK)
		return result;

	*row = recounted;
	row->tagset_id = tagset_id;
	return RESULT_OK;
}

enum result
message_refold(struct store *store, const struct event *event, struct message_row *row,
    struct store_added *out_added)
{
	const struct message_row before = *row;
	enum result result = message_recount(store, row);
	if (result == RESULT_OK)
		result = store_save_message(store, &before, row, SLICE_NONE);
	if (result == RESULT_OK)
		result = event_consents_follow_message(store, &before, row, out_added);
	return result == RESULT_OK ? message_note_replies(store, event, &before, row) : result;
}

enum result
message_set_event_time(struct store *store, const struct event *event, int64_t seq)
{
	sqlite3_stmt *complete = store->receipts->complete_time;
	sqlite3_bind_int64(complete, 1, seq);
	sqlite3_bind_int64(complete, 2, event->time_us);
	sqlite3_bind_int64(complete, 3, (sqlite3_int64)event->journal_seq);
	enum result result = sqlite_result(sqlite_run(complete));
	return result == RESULT_OK ? consents_set_time(store->consents, seq, event->time_us)
				   : result;
}

struct reply
message_reply_of(
    const struct event *event, const struct message_row *row, const struct event_ids *ids)
{
	return (struct reply){.message_id = row->id,
	    .peer = event->person,
	    .sender = event_sender(event),
	    .service = event->service,
	    .original = event->original,
	    .tagset_id = ids->tagset.id,
	    .time_us = event->time_us};
}

enum result
message_move_receipts(struct store *store, int64_t message_id, int64_t tagset_id)
{
	sqlite3_bind_int64(store->receipts->move, 1, message_id);
	sqlite3_bind_int64(store->receipts->move, 2, tagset_id);
	return sqlite_result(sqlite_run(store->receipts->move));
}
