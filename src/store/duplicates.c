#include "duplicates.h"

#include "event_consents.h"
#include "message_change.h"

#define OPT_OUT_TYPE SLICE("opt-out-type") /* the decoder's name of that cause */

/* Facts that the stored event lacks and its duplicate has. */
struct completion {
	int64_t provider_id; /* merged from both */
	bool provider, tags, peer, consent, body, reply;
	bool sender;     /* service or sender, and so the scope of an opt-out */
	bool workspace;  /* of a message without a campaign */
	bool left;       /* an earlier time by which the message had left */
	bool agrees;     /* both report the same consent */
	bool corrects;   /* Twilio's own decision (OptOutType) replaces our reading of the text */
	bool callback;   /* only Event Streams has reported it so far. The stored event becomes the
			    callback's, so that the next duplicate is matched as if the callback had
			    come first */
	int64_t time_us; /* when the stored one arrived */
};

/* Times are 0 for unknown. */
static bool
is_earlier(int64_t time_us, int64_t stored_us)
{
	return time_us != 0 && (stored_us == 0 || time_us < stored_us);
}

static enum result
compare_with_stored(struct store *store, const struct event *event, const struct message_row *row,
    int64_t seq, const struct event_ids *ids, struct completion *out_completion)
{
	sqlite3_stmt *read = store->receipts->read;
	sqlite3_bind_int64(read, 1, seq);
	int code = sqlite3_step(read);
	enum result result = sqlite_result(code);
	if (code == SQLITE_ROW) {
		int64_t stored_provider = sqlite3_column_int64(read, 0);
		*out_completion = (struct completion){.provider_id = stored_provider,
		    .tags = ids->tagged && sqlite3_column_int(read, 1) == 0,
		    .provider = stored_provider != ids->provider_id,
		    .time_us = sqlite3_column_int64(read, 2),
		    .peer = event_peer(event).len > 0 && sqlite_column(read, 3).len == 0,
		    .consent = event->consent != CONSENT_SILENT && sqlite_column(read, 4).len == 0,
		    .body = event->body.len > 0 && sqlite_column(read, 6).len == 0,
		    .reply = event->type == EVENT_REPLIED,
		    .callback = sqlite3_column_int(read, 5) != 0 && !event->stream,
		    .left = is_earlier(event->left_us, sqlite3_column_int64(read, 9)),
		    .sender = sqlite3_column_int(read, 8) != 0 && event_names_sender(event)};
		if (out_completion->provider)
			result = names_merge_providers(store->names, stored_provider,
			    ids->provider_id, &out_completion->provider_id);
	}

	bool stored_word = slice_equal(sqlite_column(read, 7), OPT_OUT_TYPE);
	bool own_word = slice_equal(event->cause, OPT_OUT_TYPE);
	/* Each scope that is reported for the same consent counts. */
	bool has = true, same = !out_completion->consent &&
				slice_equal(sqlite_column(read, 4), consent_name(event->consent));
	sqlite3_reset(read);
	/* If it does not name the sender, add_joint_consent combines the facts of both. */
	if (result == RESULT_OK && same && event_names_sender(event) &&
	    event->consent != CONSENT_SILENT)
		result = consents_has(store->consents, event, seq, &has);
	out_completion->agrees = out_completion->consent || same;
	out_completion->consent = out_completion->consent || !has;
	/* OptOutType overrides our reading of the text, in either order of arrival. */
	out_completion->corrects = own_word && !stored_word;
	if (own_word != stored_word)
		out_completion->consent = false;
	if (own_word != stored_word)
		out_completion->agrees = own_word;
	int64_t preferred = row->tagset_id;
	if (result == RESULT_OK && !ids->tagged && row->message.received_us == 0)
		result =
		    names_choose_tagset(store->names, row->tagset_id, ids->tagset.id, &preferred);
	out_completion->workspace = preferred != row->tagset_id;
	return result;
}

static bool
says_more(const struct completion *completion)
{
	return completion->provider || completion->tags || completion->workspace ||
	       completion->peer || completion->consent || completion->corrects ||
	       completion->body || completion->reply || completion->callback || completion->left;
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
	enum result result = sqlite_result(sqlite_run(complete));
	if (result == RESULT_OK && completion->body) {
		sqlite3_stmt *body = store->receipts->complete_body;
		sqlite3_bind_int64(body, 1, seq);
		sqlite_bind_text(body, 2, event->body);
		sqlite_bind_text(body, 3, event->keyword);
		sqlite_bind_text(body, 4, event->near_miss);
		result = sqlite_result(sqlite_run(body));
	}

	if (result == RESULT_OK && completion->tags)
		result = store_touch(store, ids->tagset.campaign_id, completion->time_us, 0);
	return result;
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

/* Completes a known receipt and its message with the facts that only the duplicate has. Event
 * Streams and a callback report the same fact, and only one of them has the campaign's tags. The
 * result does not depend on which came first. */
static enum result
absorb_duplicate(struct store *store, const struct event *event, struct message_row *row,
    int64_t seq, const struct event_ids *ids, struct store_added *out_added)
{
	struct completion completion = {0};
	const struct message_row before = *row;
	enum result result = compare_with_stored(store, event, row, seq, ids, &completion);
	if (result != RESULT_OK || !says_more(&completion))
		return result;

	struct event_ids added = *ids;
	added.provider_id = completion.provider_id;
	if (!completion.tags && !completion.workspace)
		added.tagset.id = row->tagset_id;
	result = message_merge_ids(store, row, &added);
	if (result != RESULT_OK)
		return result;
	if (completion.left && is_earlier(event->left_us, row->message.left_us))
		row->message.left_us = event->left_us;
	if (completion.peer)
		message_row_add_peer(row, event->person);
	if (completion.consent)
		row->message.opted_out |=
		    event->type == EVENT_REPLIED && event->consent == CONSENT_OUT;
	if (completion.sender)
		result = event_consents_set_scope(
		    store, event, before.provider_id, seq, &out_added->consent_changed);
	if (result == RESULT_OK)
		result = complete_event(store, event, seq, ids, &completion);
	if (result == RESULT_OK && completion.consent)
		result = complete_consent(store, event, seq, out_added);
	if (result == RESULT_OK && completion.corrects)
		result = correct_consent(store, event, seq, row, out_added);
	if (result == RESULT_OK && (completion.peer || completion.provider ||
				       (event->consent != CONSENT_SILENT && completion.agrees)))
		result = add_joint_consent(store, event, row, seq, out_added);
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

/* Nearly every duplicate has no new facts: then only its count is written. */
enum result
duplicates_add(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct event_ids *ids, struct store_added *out_added)
{
	int64_t campaign_id;
	enum result result = RESULT_OK;
	bool news = match->is_stream_duplicate || ids->provider_id != row->provider_id ||
		    ids->tagset.id != row->tagset_id || event->consent != CONSENT_SILENT ||
		    event->type == EVENT_REPLIED || row->peer_len == 0 ||
		    is_earlier(event->left_us, row->message.left_us);

	if (match->is_stream_duplicate)
		result = complete_extra(store, event, match->duplicate_seq);
	if (result == RESULT_OK && news)
		result = absorb_duplicate(store, event, row, match->duplicate_seq, ids, out_added);
	if (result == RESULT_OK)
		result = names_campaign_of(store->names, row->tagset_id, &campaign_id);
	return result != RESULT_OK ? result : store_touch(store, campaign_id, 0, 1);
}
