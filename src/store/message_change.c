#include "message_change.h"

#include "changes.h"
#include "event_consents.h"

enum result
message_source_of(struct store *store, const struct event *event, bool is_new, int64_t *out_id)
{
	bool is_kept = is_new && slice_equal(event->source_query, event->raw_query);
	struct slice query = is_kept ? SLICE_NONE : event->source_query;
	*out_id = 0;
	return event->source_path.ptr == NULL
		   ? RESULT_OK
		   : names_source(store->tables.names, event->source_path, query, out_id);
}

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
		    store->tables.names, row->tagset_id, ids->tagset.id, &row->tagset_id);
	if (result == RESULT_OK && row->provider_id != ids->provider_id)
		result = names_merge_providers(
		    store->tables.names, row->provider_id, ids->provider_id, &row->provider_id);
	return result;
}

static enum result
move_receipts(struct store *store, struct known_message *known)
{
	int64_t campaign_id;
	enum result result =
	    names_campaign_of(store->tables.names, known->write.row.tagset_id, &campaign_id);
	if (result == RESULT_OK)
		working_set_move(known, campaign_id);
	return result;
}

enum result
message_change(struct store *store, struct known_message *known, struct message_row *row,
    struct store_added *out_added)
{
	const struct message_row before = known->write.row;
	working_set_change(store->set, known, row);
	enum result result = event_consents_follow_message(store, &before, known, out_added);
	return result == RESULT_OK && before.id != 0 && before.tagset_id != row->tagset_id
		   ? move_receipts(store, known)
		   : result;
}

/* The tags are merged already: events without own tags get them only afterwards. */
enum result
message_recount(struct store *store, struct message_row *row)
{
	int64_t tagset_id = row->tagset_id;
	struct message_row recounted;
	uint64_t events;
	enum result result = changes_write(store);
	if (result == RESULT_OK)
		result = recount_message(&store->recount, row, &recounted, &events);
	if (result != RESULT_OK)
		return result;

	*row = recounted;
	row->tagset_id = tagset_id;
	return RESULT_OK;
}

enum result
message_refold(struct store *store, struct known_message *known, struct store_added *out_added)
{
	struct message_row row = known->write.row;
	enum result result = message_recount(store, &row);
	return result == RESULT_OK ? message_change(store, known, &row, out_added) : result;
}

enum result
message_set_event_time(struct store *store, const struct event *event, struct receipt *receipt)
{
	receipt->time_us = event->time_us;
	receipt->arrival_seq = (int64_t)event->journal_seq;
	if (receipt->arrival_seq == receipt->journal_seq)
		receipt->arrival_seq = 0;
	enum result result = working_set_change_receipt(store->set, receipt);
	if (result == RESULT_OK)
		result = blocks_note_event(&store->blocks, receipt->seq, receipt->time_us);
	return result == RESULT_OK
		   ? consents_set_time(store->consents, receipt->seq, event->time_us)
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
