#include "receipts.h"

#include "changes.h"
#include "duplicates.h"
#include "event_consents.h"
#include "message_change.h"

/* The row of an event. tagset: under which it is shown; signature: a key, or absent. */
static struct receipt
receipt_of(const struct event *event, const struct tagset *tagset, const struct event_ids *ids,
    int64_t source_id, bool has_message, struct slice signature)
{
	return (struct receipt){.journal_seq = (int64_t)event->journal_seq,
	    .time_us = event->time_us,
	    .type = event_type_name(event->type),
	    .event_type = event->type,
	    .campaign_id = tagset->campaign_id,
	    .tagset_id = tagset->id,
	    .provider_id = ids->provider_id,
	    .source_id = source_id,
	    .tagged = ids->tagged,
	    .stream = event->stream,
	    .error_code = event->error_code,
	    .left_us = event->left_us,
	    .status = event->status_text,
	    .done_date = event->done_date,
	    .peer = event_peer(event),
	    .body = event->body,
	    .keyword = event->keyword,
	    .near_miss = event->near_miss,
	    .consent = consent_name(event->consent),
	    .cause = event->cause,
	    .link = event->link,
	    .occurred = event->occurred,
	    .sid = has_message ? SLICE_NONE : event->message,
	    .reference = has_message ? SLICE_NONE : event->reference,
	    .extra = event->extra,
	    .raw_query = event->raw_query,
	    .raw_body = event->raw_body,
	    .signature = signature};
}

static enum result
add_reply(struct store *store, const struct event *event, const struct message_row *row,
    const struct event_ids *ids)
{
	const struct reply reply = message_reply_of(event, row, ids);
	return replies_add(store->replies, &reply);
}

/* Folds the event into its message. */
static enum result
fold_event(struct store *store, const struct event *event, struct known_message *known,
    const struct event_ids *ids, struct store_added *out_added)
{
	struct message_row row = known->write.row;
	enum result result = message_merge_ids(store, &row, ids);
	if (result != RESULT_OK)
		return result;

	message_row_fold(&row, event, store->policy);
	out_added->conflict =
	    message_conflicts(&row.message) && !message_conflicts(&known->write.row.message);
	result = message_change(store, known, &row, out_added);
	return result == RESULT_OK && event->type == EVENT_REPLIED
		   ? add_reply(store, event, &known->write.row, ids)
		   : result;
}

/* Adds a duplicate of a stored event without a message. The earliest arrival is the event's. */
static enum result
add_referenced(struct store *store, const struct event *event, struct receipt *stored)
{
	int64_t stored_us = stored->time_us;
	enum result result = store_touch_duplicate(store, stored->campaign_id);
	if (result != RESULT_OK || !receipt_is_after(stored, event))
		return result;

	result = message_set_event_time(store, event, stored);
	if (result == RESULT_OK)
		result = store_touch(store, stored->campaign_id, event->time_us);
	return result == RESULT_OK && stored->tagged
		   ? store_touch_moved(store, stored->campaign_id, stored_us)
		   : result;
}

/* What the store has of an event. */
struct found {
	struct known_message *known; /* NULL: the event folds no message */
	struct receipt_match match;
};

/* Finds the event's message, and the receipt of it that reports the same. */
static enum result
find(struct store *store, const struct event *event, bool folds, struct found *out_found)
{
	struct found found = {.known = NULL};
	enum result result = RESULT_OK;
	if (folds)
		result = working_set_find(store->set, event->message, &found.known);
	if (result == RESULT_OK && folds)
		result = working_set_match(store->set, found.known, event, &found.match);
	if (result == RESULT_OK)
		*out_found = found;
	return result;
}

/* Adds an event of a request that was counted before. Its facts are ignored, since they may be made
 * up. If they are the original's, its campaign has one more duplicate, and it has the time of the
 * first arrival. */
static enum result
add_replay(struct store *store, const struct event *event, const struct found *found)
{
	struct receipt *same = found->match.same;
	int64_t campaign_id = 0;
	enum result result = RESULT_OK;
	if (found->known == NULL) {
		result = working_set_find_reference(store->set, event->reference, &same);
		return result == RESULT_OK && same != NULL ? add_referenced(store, event, same)
							   : result;
	}
	if (same == NULL)
		return RESULT_OK;

	if (receipt_is_after(same, event))
		result = duplicates_set_time(store, event, found->known, same);
	if (result == RESULT_OK)
		result = names_campaign_of(
		    store->tables.names, found->known->write.row.tagset_id, &campaign_id);
	return result == RESULT_OK ? store_touch_duplicate(store, campaign_id) : result;
}

static enum result
find_ids(struct store *store, const struct event *event, struct event_ids *out_ids)
{
	out_ids->tagged = event->campaign.len > 0;
	enum result result = names_tagset(store->tables.names, event->workspace, event->campaign,
	    event->variant, &out_ids->tagset);
	return result != RESULT_OK
		   ? result
		   : names_provider(store->tables.names, event->account, event->service,
			 event_sender(event), &out_ids->provider_id);
}

/* Stores the event once its message, if it has one, is folded. */
static enum result
keep(struct store *store, const struct event *event, struct known_message *known,
    const struct event_ids *ids, struct store_added *out_added)
{
	struct tagset tagset = ids->tagset; /* under which it is shown */
	struct slice signature = SLICE_NONE;
	struct receipt *receipt = NULL;
	int64_t source_id = 0;
	bool code_is_known = true;
	enum result result = message_source_of(store, event, true, &source_id);

	if (result == RESULT_OK && known != NULL && !ids->tagged) {
		tagset.id = known->write.row.tagset_id;
		result = names_campaign_of(store->tables.names, tagset.id, &tagset.campaign_id);
	}

	if (result == RESULT_OK && known != NULL && !store->request.is_noted &&
	    signatures_is_reachable(event, &store->request))
		signature = request_signature_key(&store->request);
	else if (result == RESULT_OK)
		result = signatures_note(store->tables.signatures, &store->request);
	if (result == RESULT_OK)
		result = blocks_note_event(
		    &store->blocks, working_set_next_seq(store->set), event->time_us);
	if (result != RESULT_OK)
		return result;

	const struct receipt row =
	    receipt_of(event, &tagset, ids, source_id, known != NULL, signature);
	result = working_set_add(store->set, known, &row, &receipt);
	if (result == RESULT_OK && event->alert != NULL)
		result =
		    receipt_table_add_alert(store->tables.receipts, event->alert, receipt->seq);
	if (result == RESULT_OK && event->consent != CONSENT_SILENT)
		result = event_consents_add(store, event,
		    known != NULL ? known->write.row.provider_id : ids->provider_id, receipt->seq,
		    out_added);
	if (result == RESULT_OK && event->type == EVENT_FAILED && event->error_code >= 0)
		result = lookup_table_knows_code(
		    store->tables.lookups, event->error_code, &code_is_known);
	out_added->unknown_code = !code_is_known;
	if (result == RESULT_OK)
		result = store_touch(store, ids->tagset.campaign_id, event->time_us);
	return result;
}

/* Learns another address of the event's person. All that is stored under it moves, so what is known
 * is written first and found again. */
static enum result
learn_person(struct store *store, const struct event *event, bool folds, struct found *found)
{
	struct buffer alias = BUFFER_EMPTY;
	bool is_new = false;
	enum result result = persons_learn(store->tables.persons, event, &alias, &is_new);
	if (result == RESULT_OK && is_new) {
		result = changes_write(store);
		if (result == RESULT_OK)
			result = persons_move(store->tables.persons, buffer_slice(&alias),
			    event->person, store->replies, store->consents);
		working_set_forget(store->set);
		if (result == RESULT_OK)
			result = find(store, event, folds, found);
	}

	buffer_done(&alias);
	return result;
}

/* Adds an event that may be a duplicate, but of another request, whose signature counts once as
 * well. */
static enum result
add_new(struct store *store, struct event *event, const struct found *found,
    struct store_added *out_added)
{
	struct known_message *known = found->known;
	struct receipt *same = found->match.same;
	struct event_ids ids = {0};
	enum result result = RESULT_OK;
	if (known == NULL)
		result = working_set_find_reference(store->set, event->reference, &same);
	if (result == RESULT_OK)
		result = find_ids(store, event, &ids);
	if (result != RESULT_OK)
		return result;

	out_added->duplicate = same != NULL;
	if (same != NULL) {
		result = signatures_note(store->tables.signatures, &store->request);
		if (result != RESULT_OK)
			return result;
		if (known == NULL)
			return add_referenced(store, event, same);
		/* Twilio calls the fallback URL also if the first request was stored, but the
		 * answer was late. */
		int64_t seq = same->seq;
		result = duplicates_add(store, event, known, same, &ids, out_added);
		return result == RESULT_OK && event->alert != NULL
			   ? receipt_table_add_alert(store->tables.receipts, event->alert, seq)
			   : result;
	}

	event->new_link = !found->match.link_is_known;
	bool needs_order = known != NULL && message_needs_order(&known->write.row.message, event);
	if (known != NULL)
		result = fold_event(store, event, known, &ids, out_added);
	if (result == RESULT_OK)
		result = keep(store, event, known, &ids, out_added);
	return result == RESULT_OK && needs_order ? message_refold(store, known, out_added)
						  : result;
}

static enum result
add_event(struct store *store, struct event *event, struct store_added *out_added)
{
	struct request_signature *request = &store->request;
	bool folds = event->folds && event->message.ptr != NULL;
	struct found found;
	enum result result = find(store, event, folds, &found);
	if (result == RESULT_OK && !request->is_checked) /* the first of its request's events */
		result = signatures_check(
		    store->set, event, folds ? event->message : SLICE_NONE, request);
	if (result == RESULT_OK && request->is_replay) {
		out_added->duplicate = true;
		return add_replay(store, event, &found);
	}
	if (result == RESULT_OK)
		result = learn_person(store, event, folds, &found);
	return result == RESULT_OK ? add_new(store, event, &found, out_added) : result;
}

enum result
receipts_add(struct store *store, const struct event *given, struct store_added *out_added)
{
	struct event event = *given;
	struct person person;

	event.left_us = event_left_us(&event);
	enum result result = persons_find(store->tables.persons, event_peer(&event), &person);
	event.person = person.address;
	if (result == RESULT_OK)
		result = add_event(store, &event, out_added);
	person_done(&person);
	return result;
}
