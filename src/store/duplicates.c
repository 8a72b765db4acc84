#include "duplicates.h"

#include "event_consents.h"
#include "message_change.h"

#define OPT_OUT_TYPE SLICE("opt-out-type") /* the decoder's name of that cause */

/* Facts of the stored event that a duplicate completes or corrects. */
struct completion {
	int64_t provider_id; /* merged from both */
	bool provider, tags, peer, consent, body, reply;
	bool sender;    /* service or sender, and so the scope of an opt-out */
	bool workspace; /* of a message without a campaign */
	bool left;      /* an earlier time by which the message had left */
	bool earlier;   /* an earlier arrival, which becomes the event's */
	bool agrees;    /* both report the same consent */
	bool corrects;  /* its consent replaces the stored one */
	bool callback;  /* only Event Streams has reported it so far. The stored event becomes the
			   callback's, so that the next duplicate is matched as if the callback had
			   come first */
	bool has_body;  /* the stored event has one */
	bool replaces;  /* a fact that the message may have from the stored event */
	/* The stored event's: */
	int64_t time_us, campaign_id;
	bool tagged;
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

static struct completion
compare_facts(const struct event *event, const struct event_ids *ids, bool is_earlier_arrival,
    sqlite3_stmt *read)
{
	struct slice peer = sqlite_column(read, 3);
	return (struct completion){.provider_id = sqlite3_column_int64(read, 0),
	    .provider = sqlite3_column_int64(read, 0) != ids->provider_id,
	    .tagged = sqlite3_column_int(read, 1) != 0,
	    .tags = ids->tagged && sqlite3_column_int(read, 1) == 0,
	    .time_us = sqlite3_column_int64(read, 2),
	    .campaign_id = sqlite3_column_int64(read, 11),
	    .earlier = is_earlier_arrival,
	    .peer = is_preferred(event_peer(event), peer),
	    .replaces =
		is_earlier_arrival || (peer.len > 0 && is_preferred(event_peer(event), peer)),
	    .consent = event->consent != CONSENT_SILENT && sqlite_column(read, 4).len == 0,
	    .body = is_preferred(event->body, sqlite_column(read, 6)),
	    .has_body = sqlite_column(read, 6).len > 0,
	    .reply = event->type == EVENT_REPLIED,
	    .callback = sqlite3_column_int(read, 5) != 0 && !event->stream,
	    .left = is_earlier(event->left_us, sqlite3_column_int64(read, 9)),
	    .sender = sqlite3_column_int(read, 8) != 0 && event_names_sender(event)};
}

/* Twilio's own decision (OptOutType) counts before our reading of the text; of two such an opt-out
 * counts before an opt-in. */
static void
compare_consents(const struct event *event, struct slice stored, struct slice stored_cause,
    bool is_recorded, struct completion *completion)
{
	bool stored_word = slice_equal(stored_cause, OPT_OUT_TYPE);
	bool own_word = slice_equal(event->cause, OPT_OUT_TYPE);
	bool same = !completion->consent && slice_equal(stored, consent_name(event->consent));

	completion->agrees = completion->consent || same;
	completion->consent = completion->consent || !is_recorded;
	if (own_word != stored_word) {
		completion->corrects = completion->agrees = own_word;
		completion->consent = false;
	} else if (event->consent == CONSENT_OUT && slice_equal(stored, consent_name(CONSENT_IN)))
		completion->corrects = completion->agrees = true;
}

/* Of two different tags one counts for the event, as for its message. */
static enum result
compare_tags(struct store *store, const struct event_ids *ids, const struct message_row *row,
    int64_t stored_tagset_id, struct completion *completion)
{
	int64_t preferred = row->tagset_id;
	enum result result = RESULT_OK;

	if (!ids->tagged && row->message.received_us == 0)
		result =
		    names_choose_tagset(store->names, row->tagset_id, ids->tagset.id, &preferred);
	completion->workspace = preferred != row->tagset_id;
	if (result != RESULT_OK || !ids->tagged || !completion->tagged ||
	    stored_tagset_id == ids->tagset.id)
		return result;

	result = names_choose_tagset(store->names, stored_tagset_id, ids->tagset.id, &preferred);
	completion->tags = preferred == ids->tagset.id;
	return result;
}

static enum result
compare_with_stored(struct store *store, const struct event *event, const struct message_row *row,
    const struct receipt_match *match, const struct event_ids *ids,
    struct completion *out_completion)
{
	sqlite3_stmt *read = store->receipts->read;
	sqlite3_bind_int64(read, 1, match->duplicate_seq);
	int code = sqlite3_step(read);
	enum result result = code == SQLITE_DONE ? RESULT_CORRUPT : sqlite_result(code);
	if (result != RESULT_OK) {
		sqlite3_reset(read);
		return result;
	}

	struct completion completion = compare_facts(event, ids, match->is_earlier, read);
	bool same = event->consent != CONSENT_SILENT &&
		    slice_equal(sqlite_column(read, 4), consent_name(event->consent));
	bool is_recorded = true;

	/* Each scope that is reported for the same consent counts. If the event does not name the
	 * sender, add_joint_consent combines the facts of both. */
	if (same && event_names_sender(event))
		result = consents_has(store->consents, event, match->duplicate_seq, &is_recorded);
	compare_consents(
	    event, sqlite_column(read, 4), sqlite_column(read, 7), is_recorded, &completion);
	if (result == RESULT_OK)
		result = compare_tags(store, ids, row, sqlite3_column_int64(read, 10), &completion);
	sqlite3_reset(read);
	if (result == RESULT_OK && completion.provider)
		result = names_merge_providers(store->names, completion.provider_id,
		    ids->provider_id, &completion.provider_id);
	if (result == RESULT_OK)
		*out_completion = completion;
	return result;
}

static bool
says_more(const struct completion *completion)
{
	return completion->provider || completion->tags || completion->workspace ||
	       completion->peer || completion->consent || completion->corrects ||
	       completion->body || completion->reply || completion->callback || completion->left ||
	       completion->replaces;
}

static enum result
complete_body(struct store *store, const struct event *event, int64_t seq, bool replaces)
{
	sqlite3_stmt *body = store->receipts->complete_body;
	sqlite3_bind_int64(body, 1, seq);
	sqlite_bind_text(body, 2, event->body);
	sqlite_bind_text(body, 3, event->keyword);
	sqlite_bind_text(body, 4, event->near_miss);
	sqlite3_bind_int(body, 5, replaces);
	return sqlite_result(sqlite_run(body));
}

/* First and last of the campaigns whose event this is, or was before it got other tags. */
static enum result
touch_campaigns(struct store *store, const struct event *event, int64_t tags_campaign_id,
    const struct completion *completion)
{
	int64_t time_us = completion->earlier ? event->time_us : completion->time_us;
	int64_t campaign_id = completion->tags ? tags_campaign_id : completion->campaign_id;
	enum result result = RESULT_OK;

	if (completion->tags || (completion->tagged && completion->earlier))
		result = store_touch(store, campaign_id, time_us);
	if (result == RESULT_OK && completion->tagged && (completion->earlier || completion->tags))
		result = store_touch_moved(store, completion->campaign_id, completion->time_us);
	return result;
}

static enum result
complete_event(struct store *store, const struct event *event, int64_t seq,
    const struct event_ids *ids, const struct completion *completion)
{
	sqlite3_stmt *complete = store->receipts->complete;
	sqlite3_bind_int64(complete, 1, seq);
	sqlite3_bind_int64(complete, 2, completion->provider_id);
	bind_id(complete, 3, completion->tags ? ids->tagset.id : 0);
	bind_id(complete, 4, completion->tags ? ids->tagset.campaign_id : 0);
	sqlite_bind_text(complete, 5, completion->peer ? event_peer(event) : SLICE_NONE);
	sqlite3_bind_int(complete, 6, completion->callback);
	sqlite_bind_text(complete, 7, event->done_date);
	sqlite3_bind_int64(complete, 8, event->left_us);
	sqlite_bind_text(complete, 9, event->occurred);
	enum result result = sqlite_result(sqlite_run(complete));
	if (result == RESULT_OK && completion->earlier)
		result = message_set_event_time(store, event, seq);
	if (result == RESULT_OK && completion->body)
		result = complete_body(store, event, seq, completion->has_body);
	return result == RESULT_OK
		   ? touch_campaigns(store, event, ids->tagset.campaign_id, completion)
		   : result;
}

static enum result
complete_consent(
    struct store *store, const struct event *event, int64_t seq, struct store_added *out_added)
{
	sqlite3_stmt *complete = store->receipts->complete_consent;
	sqlite3_bind_int64(complete, 1, seq);
	sqlite_bind_text(complete, 2, event->keyword);
	sqlite_bind_text(complete, 3, consent_name(event->consent));
	sqlite_bind_text(complete, 4, event->cause);
	enum result result = sqlite_result(sqlite_run(complete));
	return result == RESULT_OK && event_names_sender(event)
		   ? event_consents_add(store, event, 0, seq, out_added)
		   : result;
}

static enum result
correct_consent(struct store *store, const struct event *event, int64_t seq,
    struct message_row *row, struct store_added *out_added)
{
	sqlite3_stmt *correct = store->receipts->correct_consent;
	sqlite3_bind_int64(correct, 1, seq);
	sqlite_bind_text(correct, 2, event->keyword);
	sqlite_bind_text(correct, 3, consent_name(event->consent));
	sqlite_bind_text(correct, 4, event->cause);
	enum result result = sqlite_result(sqlite_run(correct));
	if (result == RESULT_OK)
		result = consents_retract(store->consents, seq);
	if (result == RESULT_OK && event->consent != CONSENT_SILENT && event_names_sender(event))
		result = event_consents_add(store, event, 0, seq, out_added);
	row->message.opted_out = event->consent == CONSENT_OUT;
	return result;
}

/* Merges the parameters without a column of both events. */
static enum result
complete_extra(struct store *store, const struct event *event, int64_t seq)
{
	sqlite3_stmt *complete = store->receipts->complete_extra;
	if (event->extra.len == 0)
		return RESULT_OK;
	sqlite3_bind_int64(complete, 1, seq);
	sqlite_bind_text(complete, 2, event->extra);
	sqlite3_bind_int(complete, 3, event->stream);
	return sqlite_result(sqlite_run(complete));
}

/* Adds the consent that several reports state together: one may name the person, another the scope,
 * and a third the consent. */
static enum result
add_joint_consent(struct store *store, const struct event *event, const struct message_row *row,
    int64_t seq, struct store_added *out_added)
{
	sqlite3_stmt *parties = store->receipts->parties;
	struct event joint = *event;

	sqlite3_bind_int64(parties, 1, seq);
	int code = sqlite3_step(parties);
	enum result result = sqlite_result(code);
	if (code == SQLITE_ROW && sqlite_column(parties, 3).len > 0) {
		bool replied = event->type == EVENT_REPLIED;
		joint.service = sqlite_column(parties, 1);
		joint.from = sqlite_column(parties, replied ? 0 : 2);
		joint.to = sqlite_column(parties, replied ? 2 : 0);
		joint.consent = slice_equal(sqlite_column(parties, 3), consent_name(CONSENT_OUT))
				    ? CONSENT_OUT
				    : CONSENT_IN;
		joint.cause = sqlite_column(parties, 4);
		struct person person;
		result = persons_find(store->persons, event_peer(&joint), &person);
		joint.person = person.address;
		if (result == RESULT_OK)
			result =
			    event_consents_add(store, &joint, row->provider_id, seq, out_added);
		person_done(&person);
	}

	sqlite3_reset(parties);
	return result;
}

/* Completes the event that is stored, its evidence, and what follows of both for the message. */
static enum result
complete_all(struct store *store, const struct event *event, struct message_row *row, int64_t seq,
    const struct event_ids *ids, const struct completion *completion, struct store_added *out_added)
{
	int64_t old_provider_id = row->provider_id;
	struct event_ids added = *ids;
	struct event merged = *event; /* evidence has the time of the stored event */
	if (!completion->earlier)
		merged.time_us = completion->time_us;
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
		    store, event, old_provider_id, seq, &out_added->consent_changed);
	if (result == RESULT_OK)
		result = complete_event(store, event, seq, ids, completion);
	if (result == RESULT_OK && completion->consent)
		result = complete_consent(store, &merged, seq, out_added);
	if (result == RESULT_OK && completion->corrects)
		result = correct_consent(store, &merged, seq, row, out_added);
	if (result == RESULT_OK && (completion->peer || completion->provider ||
				       (event->consent != CONSENT_SILENT && completion->agrees)))
		result = add_joint_consent(store, &merged, row, seq, out_added);
	return result;
}

/* Completes a known receipt and its message with the facts that only the duplicate has. Event
 * Streams and a callback report the same fact, and only one of them has the campaign's tags. The
 * result does not depend on which came first. Nearly every duplicate has no new facts. */
static enum result
absorb_duplicate(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct event_ids *ids, struct store_added *out_added)
{
	struct completion completion = {0};
	const struct message_row before = *row;
	enum result result = compare_with_stored(store, event, row, match, ids, &completion);
	if (result != RESULT_OK || !says_more(&completion))
		return result;

	result = complete_all(store, event, row, match->duplicate_seq, ids, &completion, out_added);
	if (result == RESULT_OK && completion.replaces)
		result = message_recount(store, row);
	if (result == RESULT_OK)
		result = store_save_message(store, &before, row, SLICE_NONE);
	if (result == RESULT_OK)
		result = event_consents_follow_message(store, &before, row, out_added);
	if (result == RESULT_OK)
		result = message_note_replies(store, event, &before, row);
	if (result == RESULT_OK && completion.reply) {
		const struct reply reply = message_reply_of(event, row, ids);
		result = replies_complete(store->replies, &reply);
	}

	if (result == RESULT_OK && before.tagset_id != row->tagset_id)
		result = message_move_receipts(store, row->id, row->tagset_id);
	return result;
}

enum result
duplicates_add(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct event_ids *ids, struct store_added *out_added)
{
	int64_t campaign_id;
	enum result result = RESULT_OK;

	if (match->is_stream_duplicate)
		result = complete_extra(store, event, match->duplicate_seq);
	if (result == RESULT_OK)
		result = absorb_duplicate(store, event, row, match, ids, out_added);
	if (result == RESULT_OK && !ids->tagged)
		result = store_touch(store, ids->tagset.campaign_id, event->time_us);
	if (result == RESULT_OK)
		result = names_campaign_of(store->names, row->tagset_id, &campaign_id);
	return result != RESULT_OK ? result : store_touch_duplicate(store, campaign_id);
}

/* Its facts are the stored event's, as far as they are genuine. */
enum result
duplicates_set_time(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match)
{
	sqlite3_stmt *read = store->receipts->read;
	struct completion completion = {.earlier = true};
	const struct message_row before = *row;

	sqlite3_bind_int64(read, 1, match->duplicate_seq);
	int code = sqlite3_step(read);
	if (code == SQLITE_ROW) {
		completion.tagged = sqlite3_column_int(read, 1) != 0;
		completion.time_us = sqlite3_column_int64(read, 2);
		completion.campaign_id = sqlite3_column_int64(read, 11);
	}
	sqlite3_reset(read);

	enum result result = sqlite_result(code);
	if (result == RESULT_OK)
		result = message_set_event_time(store, event, match->duplicate_seq);
	if (result == RESULT_OK)
		result = touch_campaigns(store, event, 0, &completion);
	if (result == RESULT_OK)
		result = message_recount(store, row);
	if (result == RESULT_OK)
		result = store_save_message(store, &before, row, SLICE_NONE);
	if (result == RESULT_OK)
		result = message_note_replies(store, event, &before, row);
	return result == RESULT_OK && event->type == EVENT_REPLIED
		   ? replies_set_time(store->replies, row->id, event->time_us)
		   : result;
}
