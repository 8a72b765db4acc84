#include "event_consents.h"

bool
event_names_sender(const struct event *event)
{
	return event->service.len > 0 || event_sender(event).len > 0;
}

/* Reads the provider's scope: its service, else its sender, else the account. */
static enum result
read_scope(struct store *store, int64_t provider_id, struct slice *out_scope)
{
	struct provider provider;
	enum result result = names_read_provider(
	    store->tables.names, provider_id, working_set_arena(store->set), &provider);
	*out_scope = provider.service.len > 0   ? provider.service
		     : provider.sender.len > 0  ? provider.sender
		     : provider.account.len > 0 ? provider.account
						: SLICE("");
	return result;
}

/* Adds the event's evidence, for provider_id's scope if it is an opt-out that names none. */
enum result
event_consents_add(struct store *store, const struct event *event, int64_t provider_id, int64_t seq,
    struct store_added *out_added)
{
	struct event reported = *event;
	bool has = false, changed = false;
	enum result result = RESULT_OK;

	if (event->consent == CONSENT_OUT && event->type != EVENT_REPLIED &&
	    !event_names_sender(event))
		result = read_scope(store, provider_id, &reported.service);

	if (result == RESULT_OK)
		result = consents_has(store->consents, &reported, seq, &has);
	if (result == RESULT_OK && !has)
		result = consents_add(store->consents, &reported, seq, &changed);
	out_added->consent_changed |= changed;
	return result;
}

/* Whether the receipt is a refusal that names neither a service nor a sender. */
static enum result
is_nameless_refusal(struct store *store, const struct receipt *receipt, bool *out_is)
{
	struct provider provider = {.account = SLICE_NONE};
	bool refuses = receipt->event_type != EVENT_REPLIED &&
		       slice_equal(receipt->consent, consent_name(CONSENT_OUT));
	enum result result = RESULT_OK;
	if (refuses)
		result = names_read_provider(store->tables.names, receipt->provider_id,
		    working_set_arena(store->set), &provider);
	*out_is =
	    provider.account.ptr != NULL && provider.service.len == 0 && provider.sender.len == 0;
	return result;
}

/* Follows a change of the message's sender only if a refusal may exist: the message failed. */
enum result
event_consents_follow_message(struct store *store, const struct message_row *before,
    struct known_message *known, struct store_added *out_added)
{
	const struct message_row *row = &known->write.row;
	if (before->id == 0 || before->provider_id == row->provider_id ||
	    row->message.failed_us == 0)
		return RESULT_OK;

	struct slice old, new;
	enum result result = working_set_load(store->set, known);
	if (result == RESULT_OK)
		result = read_scope(store, before->provider_id, &old);
	if (result == RESULT_OK)
		result = read_scope(store, row->provider_id, &new);
	for (const struct receipt *receipt = known->receipts;
	     result == RESULT_OK && receipt != NULL; receipt = receipt->next) {
		bool is_nameless = false, moved = false;
		result = is_nameless_refusal(store, receipt, &is_nameless);
		if (result == RESULT_OK && is_nameless)
			result = consents_move(store->consents, receipt->seq, old, new, &moved);
		out_added->consent_changed |= moved;
	}

	return result;
}

/* Moves the evidence of a stored event that did not name its sender to the scope that the event
 * names. */
enum result
event_consents_set_scope(struct store *store, const struct event *event, int64_t old_provider_id,
    int64_t seq, bool *out_moved)
{
	struct slice old, own = event->service.len > 0 ? event->service : event_sender(event);
	enum result result = read_scope(store, old_provider_id, &old);
	return result == RESULT_OK ? consents_move(store->consents, seq, old, own, out_moved)
				   : result;
}
