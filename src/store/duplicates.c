#include "duplicates.h"

#include "event_consents.h"
#include "message_change.h"

#define OPT_OUT_TYPE SLICE("opt-out-type") /* the decoder's name of that cause */

/* Facts of the stored event that a duplicate completes or corrects. */
struct completion {
	int64_t provider_id; /* merged from both */
	bool provider, tags, peer, consent, body, reply;
	bool keyword;   /* another keyword of the same text: a section's time began or ended */
	bool sender;    /* service or sender, and so the scope of an opt-out */
	bool workspace; /* of a message without a campaign */
	bool occurred;  /* the time of the fact, which the stored event lacks, or an earlier one */
	bool left;      /* an earlier time by which the message had left */
	bool earlier;   /* an earlier arrival, which becomes the event's */
	bool agrees;    /* both report the same consent */
	bool corrects;  /* its consent replaces the stored one */
	bool callback;  /* only Event Streams has reported it so far. The stored event becomes the
			   callback's, so that the next duplicate is matched as if the callback had
			   come first */
	bool replaces;  /* a fact that the message may have from the stored event */
};

/* Times are 0 for unknown. */
static bool
is_earlier(int64_t time_us, int64_t stored_us)
{
	return time_us != 0 && (stored_us == 0 || time_us < stored_us);
}

/* Of two texts the least in byte order counts, so that the order of arrival does not matter. */
static bool
is_preferred(struct slice text, struct slice stored)
{
	return text.len > 0 && (stored.len == 0 || slice_compare(text, stored) < 0);
}

/* A keyword that only one report of a text is counts, since each report was answered. A near miss
 * depends on the keyword. */
static bool
is_preferred_keyword(const struct event *event, const struct receipt *stored)
{
	bool same = slice_equal(event->keyword, stored->keyword);
	return same ? is_preferred(event->near_miss, stored->near_miss)
		    : is_preferred(event->keyword, stored->keyword);
}

static struct completion
compare_facts(const struct event *event, const struct event_ids *ids, const struct receipt *stored)
{
	bool is_earlier_arrival = receipt_is_after(stored, event);
	bool peer = is_preferred(event_peer(event), stored->peer);
	return (struct completion){.provider_id = stored->provider_id,
	    .provider = stored->provider_id != ids->provider_id,
	    .tags = ids->tagged && !stored->tagged,
	    .earlier = is_earlier_arrival,
	    .peer = peer,
	    .replaces = is_earlier_arrival || (stored->peer.len > 0 && peer),
	    .consent = event->consent != CONSENT_SILENT && stored->consent.len == 0,
	    .body = is_preferred(event->body, stored->body),
	    .keyword =
		slice_equal(event->body, stored->body) && is_preferred_keyword(event, stored),
	    .reply = event->type == EVENT_REPLIED,
	    .callback = stored->stream && !event->stream,
	    .occurred = is_preferred(event->occurred, stored->occurred),
	    .left = is_earlier(event->left_us, stored->left_us)};
}

/* Twilio's own decision (OptOutType) counts before our reading of the text; of two such an opt-out
 * counts before an opt-in. */
static void
compare_consents(const struct event *event, const struct receipt *stored, bool is_recorded,
    struct completion *completion)
{
	bool stored_word = slice_equal(stored->cause, OPT_OUT_TYPE);
	bool own_word = slice_equal(event->cause, OPT_OUT_TYPE);
	bool same =
	    !completion->consent && slice_equal(stored->consent, consent_name(event->consent));

	completion->agrees = completion->consent || same;
	completion->consent = completion->consent || !is_recorded;
	if (own_word != stored_word) {
		completion->corrects = completion->agrees = own_word;
		completion->consent = false;
	} else if (event->consent == CONSENT_OUT &&
		   slice_equal(stored->consent, consent_name(CONSENT_IN)))
		completion->corrects = completion->agrees = true;
}

/* Of two different tags one counts for the event, as for its message. */
static enum result
compare_tags(struct store *store, const struct event_ids *ids, const struct message_row *row,
    const struct receipt *stored, struct completion *completion)
{
	int64_t preferred = row->tagset_id;
	enum result result = RESULT_OK;

	if (!ids->tagged && row->message.received_us == 0)
		result = names_choose_tagset(
		    store->tables.names, row->tagset_id, ids->tagset.id, &preferred);
	completion->workspace = preferred != row->tagset_id;
	if (result != RESULT_OK || !ids->tagged || !stored->tagged ||
	    stored->tagset_id == ids->tagset.id)
		return result;

	result =
	    names_choose_tagset(store->tables.names, stored->tagset_id, ids->tagset.id, &preferred);
	completion->tags = preferred == ids->tagset.id;
	return result;
}

static enum result
compare_with_stored(struct store *store, const struct event *event, const struct message_row *row,
    const struct receipt *stored, const struct event_ids *ids, struct completion *out_completion)
{
	struct completion completion = compare_facts(event, ids, stored);
	bool same = event->consent != CONSENT_SILENT &&
		    slice_equal(stored->consent, consent_name(event->consent));
	bool is_recorded = true;
	struct provider provider;
	enum result result = RESULT_OK;

	/* Each scope that is reported for the same consent counts. If the event does not name the
	 * sender, add_joint_consent combines the facts of both. */
	if (same && event_names_sender(event))
		result = consents_has(store->consents, event, stored->seq, &is_recorded);
	compare_consents(event, stored, is_recorded, &completion);
	if (result == RESULT_OK)
		result = compare_tags(store, ids, row, stored, &completion);
	if (result == RESULT_OK && completion.provider)
		result = names_read_provider(store->tables.names, stored->provider_id,
		    working_set_arena(store->set), &provider);
	if (result == RESULT_OK && completion.provider) {
		completion.sender = provider.account.ptr != NULL && provider.service.len == 0 &&
				    provider.sender.len == 0 && event_names_sender(event);
		result = names_merge_providers(store->tables.names, stored->provider_id,
		    ids->provider_id, &completion.provider_id);
	}

	*out_completion = completion;
	return result;
}

static bool
says_more(const struct completion *completion)
{
	return completion->provider || completion->tags || completion->workspace ||
	       completion->peer || completion->consent || completion->corrects ||
	       completion->body || completion->keyword || completion->reply ||
	       completion->callback || completion->occurred || completion->left ||
	       completion->replaces;
}

/* The keyword is the consent's, else that of the text that counts. */
static void
complete_body(struct arena *arena, const struct event *event, struct receipt *receipt)
{
	bool replaces = receipt->body.len > 0;
	receipt->body = arena_copy(arena, event->body);
	if (receipt->consent.ptr != NULL) {
		receipt->near_miss = SLICE_NONE;
		return;
	}
	if (replaces || receipt->keyword.ptr == NULL)
		receipt->keyword = arena_copy(arena, event->keyword);
	if (replaces || receipt->near_miss.ptr == NULL)
		receipt->near_miss = arena_copy(arena, event->near_miss);
}

/* First and last of the campaigns whose event this is, or was before it got other tags. */
static enum result
touch_campaigns(struct store *store, const struct receipt *before, const struct receipt *after)
{
	bool moves = before->tagset_id != after->tagset_id || !before->tagged;
	enum result result = RESULT_OK;
	if (!after->tagged || (!moves && before->time_us == after->time_us))
		return RESULT_OK;

	result = store_touch(store, after->campaign_id, after->time_us);
	return result == RESULT_OK && before->tagged
		   ? store_touch_moved(store, before->campaign_id, before->time_us)
		   : result;
}

static enum result
complete_receipt(struct store *store, const struct event *event, struct receipt *receipt,
    const struct event_ids *ids, const struct completion *completion)
{
	struct arena *arena = working_set_arena(store->set);
	const struct receipt before = *receipt;
	enum result result = RESULT_OK;

	receipt->provider_id = completion->provider_id;
	if (completion->tags) {
		receipt->tagset_id = ids->tagset.id;
		receipt->campaign_id = ids->tagset.campaign_id;
		receipt->tagged = true;
	}
	if (completion->tags || (completion->callback && !receipt->tagged))
		result = message_source_of(store, event, false, &receipt->source_id);
	if (completion->peer)
		receipt->peer = arena_copy(arena, event_peer(event));
	if (completion->callback) {
		receipt->stream = false;
		receipt->done_date = arena_copy(arena, event->done_date);
	}
	if (completion->occurred)
		receipt->occurred = arena_copy(arena, event->occurred);
	if (completion->left)
		receipt->left_us = event->left_us;
	if (completion->body)
		complete_body(arena, event, receipt);
	if (completion->keyword && receipt->consent.ptr == NULL) {
		receipt->keyword = arena_copy(arena, event->keyword);
		receipt->near_miss = arena_copy(arena, event->near_miss);
	}
	if (result == RESULT_OK && completion->earlier)
		result = message_set_event_time(store, event, receipt);
	return result == RESULT_OK ? touch_campaigns(store, &before, receipt) : result;
}

/* What is known already stays. */
static enum result
complete_consent(struct store *store, const struct event *event, struct receipt *receipt,
    struct store_added *out_added)
{
	struct arena *arena = working_set_arena(store->set);
	if (event->keyword.ptr != NULL)
		receipt->keyword = arena_copy(arena, event->keyword);
	if (receipt->consent.ptr == NULL)
		receipt->consent = consent_name(event->consent);
	if (receipt->cause.ptr == NULL)
		receipt->cause = arena_copy(arena, event->cause);
	receipt->near_miss = SLICE_NONE;
	return event_names_sender(event)
		   ? event_consents_add(store, event, 0, receipt->seq, out_added)
		   : RESULT_OK;
}

static enum result
correct_consent(struct store *store, const struct event *event, struct receipt *receipt,
    struct message_row *row, struct store_added *out_added)
{
	struct arena *arena = working_set_arena(store->set);
	receipt->keyword = arena_copy(arena, event->keyword);
	receipt->consent = consent_name(event->consent);
	receipt->cause = arena_copy(arena, event->cause);
	receipt->near_miss = SLICE_NONE;
	row->message.opted_out = event->consent == CONSENT_OUT;

	enum result result = consents_retract(store->consents, receipt->seq);
	return result == RESULT_OK && event->consent != CONSENT_SILENT && event_names_sender(event)
		   ? event_consents_add(store, event, 0, receipt->seq, out_added)
		   : result;
}

/* Adds the consent that several reports state together: one may name the person, another the scope,
 * and a third the consent. */
static enum result
add_joint_consent(struct store *store, const struct event *event, const struct message_row *row,
    const struct receipt *receipt, struct store_added *out_added)
{
	struct event joint = *event;
	struct provider provider;
	struct person person;
	if (receipt->consent.len == 0)
		return RESULT_OK;

	enum result result = names_read_provider(
	    store->tables.names, receipt->provider_id, working_set_arena(store->set), &provider);
	if (result != RESULT_OK)
		return result;

	bool replied = event->type == EVENT_REPLIED;
	joint.service = provider.service;
	joint.from = replied ? receipt->peer : provider.sender;
	joint.to = replied ? provider.sender : receipt->peer;
	joint.consent =
	    slice_equal(receipt->consent, consent_name(CONSENT_OUT)) ? CONSENT_OUT : CONSENT_IN;
	joint.cause = receipt->cause;
	result = persons_find(store->tables.persons, event_peer(&joint), &person);
	joint.person = person.address;
	if (result == RESULT_OK)
		result =
		    event_consents_add(store, &joint, row->provider_id, receipt->seq, out_added);
	person_done(&person);
	return result;
}

/* Completes the event that is stored, its evidence, and what follows of both for the message. */
static enum result
complete_all(struct store *store, const struct event *event, struct message_row *row,
    struct receipt *receipt, const struct event_ids *ids, const struct completion *completion,
    struct store_added *out_added)
{
	int64_t old_provider_id = row->provider_id;
	struct event_ids added = *ids;
	struct event merged = *event; /* evidence has the time of the stored event */
	if (!completion->earlier)
		merged.time_us = receipt->time_us;
	added.provider_id = completion->provider_id;
	if (!completion->tags && !completion->workspace)
		added.tagset.id = row->tagset_id;

	enum result result = message_merge_ids(store, row, &added);
	if (result != RESULT_OK)
		return result;
	if (completion->left && is_earlier(event->left_us, row->message.left_us))
		row->message.left_us = event->left_us;
	if (completion->peer)
		message_row_add_peer(row, event->person);
	if (completion->consent)
		row->message.opted_out |=
		    event->type == EVENT_REPLIED && event->consent == CONSENT_OUT;
	if (completion->sender)
		result = event_consents_set_scope(
		    store, event, old_provider_id, receipt->seq, &out_added->consent_changed);
	if (result == RESULT_OK)
		result = complete_receipt(store, event, receipt, ids, completion);
	if (result == RESULT_OK && completion->consent)
		result = complete_consent(store, &merged, receipt, out_added);
	if (result == RESULT_OK && completion->corrects)
		result = correct_consent(store, &merged, receipt, row, out_added);
	if (result == RESULT_OK && (completion->peer || completion->provider ||
				       (event->consent != CONSENT_SILENT && completion->agrees)))
		result = add_joint_consent(store, &merged, row, receipt, out_added);
	return result == RESULT_OK ? working_set_change_receipt(store->set, receipt) : result;
}

/* Completes a known receipt and its message with the facts that only the duplicate has. Event
 * Streams and a callback report the same fact, and only one of them has the campaign's tags. The
 * result does not depend on which came first. Nearly every duplicate has no new facts. */
static enum result
absorb_duplicate(struct store *store, const struct event *event, struct known_message *known,
    struct receipt *same, const struct event_ids *ids, struct store_added *out_added)
{
	struct completion completion = {0};
	struct message_row row = known->write.row;
	enum result result = compare_with_stored(store, event, &row, same, ids, &completion);
	if (result != RESULT_OK || !says_more(&completion))
		return result;

	result = complete_all(store, event, &row, same, ids, &completion, out_added);
	if (result == RESULT_OK && completion.replaces)
		result = message_recount(store, &row);
	if (result == RESULT_OK)
		result = message_change(store, known, &row, out_added);
	if (result == RESULT_OK && completion.reply) {
		const struct reply reply = message_reply_of(event, &row, ids);
		result = replies_complete(store->replies, &reply);
	}
	return result;
}

enum result
duplicates_add(struct store *store, const struct event *event, struct known_message *known,
    struct receipt *same, const struct event_ids *ids, struct store_added *out_added)
{
	int64_t campaign_id;
	enum result result = RESULT_OK;

	if (same->stream != event->stream && event->extra.len > 0)
		result = working_set_merge_extra(store->set, same, event->extra, event->stream);
	if (result == RESULT_OK)
		result = absorb_duplicate(store, event, known, same, ids, out_added);
	if (result == RESULT_OK && !ids->tagged)
		result = store_touch(store, ids->tagset.campaign_id, event->time_us);
	if (result == RESULT_OK)
		result = names_campaign_of(
		    store->tables.names, known->write.row.tagset_id, &campaign_id);
	return result != RESULT_OK ? result : store_touch_duplicate(store, campaign_id);
}

/* Its facts are the stored event's, as far as they are genuine. */
enum result
duplicates_set_time(struct store *store, const struct event *event, struct known_message *known,
    struct receipt *same)
{
	const struct receipt before = *same;
	struct store_added added = {0};
	enum result result = message_set_event_time(store, event, same);
	if (result == RESULT_OK)
		result = touch_campaigns(store, &before, same);
	if (result == RESULT_OK)
		result = message_refold(store, known, &added);
	return result == RESULT_OK && event->type == EVENT_REPLIED
		   ? replies_set_time(store->replies, known->write.row.id, event->time_us)
		   : result;
}
