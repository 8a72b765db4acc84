#include "recount.h"

#include "dlrd/twilio/address.h"

static struct event
event_of(const struct folded_receipt *receipt, char made[ADDRESS_MAX])
{
	struct event event = {.time_us = receipt->time_us,
	    .status_text = receipt->status,
	    .error_code = receipt->error_code,
	    .new_link = receipt->new_link,
	    .left_us = receipt->left_us};

	if (!event_type_from_name(receipt->type, &event.type))
		event.type = EVENT_UNRECOGNISED; /* of a newer dlrd */
	/* Unrecognised: an older dlrd did not know the status. */
	if (event.type == EVENT_REPLIED)
		event.status = STATUS_RECEIVED;
	else if (event.type != EVENT_UNRECOGNISED)
		event.status = status_from_name(event.status_text);
	if (slice_equal(receipt->consent, consent_name(CONSENT_OUT)))
		event.consent = CONSENT_OUT;
	event.person = address_of_person(receipt->peer, made);
	return event;
}

/* A message that is folded from its receipts. */
struct folding {
	const struct recount *recount;
	struct message_row row;
	uint64_t count;
	bool tagged;       /* the own tags of one name a campaign */
	bool of_providers; /* of more than one */
};

/* Tags of a receipt's own come before those it has from its message. */
static enum result
fold_receipt(void *context, const struct folded_receipt *receipt)
{
	struct folding *folding = context;
	struct message_row *row = &folding->row;
	char made[ADDRESS_MAX];
	struct event event = event_of(receipt, made);
	enum result result = RESULT_OK;

	message_row_fold(row, &event, folding->recount->policy);
	if (row->tagset_id == 0 || (receipt->tagged && !folding->tagged))
		row->tagset_id = receipt->tagset_id;
	else if (receipt->tagged == folding->tagged && receipt->tagset_id != row->tagset_id)
		result = names_choose_tagset(
		    folding->recount->names, row->tagset_id, receipt->tagset_id, &row->tagset_id);
	folding->tagged |= receipt->tagged;
	folding->of_providers |= row->provider_id != 0 && receipt->provider_id != row->provider_id;
	row->provider_id = receipt->provider_id;
	folding->count++;
	return result;
}

enum result
recount_message(const struct recount *recount, const struct message_row *stored,
    struct message_row *out_recounted, uint64_t *out_events)
{
	struct folding folding = {.recount = recount, .row = {.message = MESSAGE_EMPTY}};
	struct message_row *row = &folding.row;
	enum result result =
	    receipt_table_each(recount->receipts, stored->id, fold_receipt, &folding);
	if (result == RESULT_OK && folding.of_providers)
		result = names_message_provider(recount->names, stored->id, &row->provider_id);
	if (result != RESULT_OK)
		return result;

	row->id = stored->id;
	if (row->message.received_us != 0 || row->tagset_id == 0)
		row->tagset_id = stored->tagset_id;
	if (folding.count == 0)
		row->provider_id = stored->provider_id;
	*out_recounted = *row;
	*out_events = folding.count;
	return RESULT_OK;
}

/* All messages that are folded from their receipts. */
struct recounting {
	const struct recount *recount;
	recounted_fn on_recounted;
	void *context;
};

static enum result
recount_one(void *context, const struct message_row *stored)
{
	const struct recounting *recounting = context;
	struct message_row recounted;
	uint64_t events;
	enum result result = recount_message(recounting->recount, stored, &recounted, &events);
	return result == RESULT_OK
		   ? recounting->on_recounted(recounting->context, stored, &recounted, events)
		   : result;
}

enum result
recount_each(const struct recount *recount, recounted_fn on_recounted, void *context)
{
	struct recounting recounting = {
	    .recount = recount, .on_recounted = on_recounted, .context = context};
	return messages_each(recount->messages, recount_one, &recounting);
}
