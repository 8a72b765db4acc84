#include "receipts.h"

#include "duplicates.h"
#include "event_consents.h"
#include "message_change.h"
#include "receipts_handle.h"

#include <stdlib.h>

#define FIELD(name) offsetof(struct receipts, name)

static const struct sqlite_statement statements[] = {
    {"INSERT INTO event(journal_seq, time_us, type, message_id, campaign_id, tagset_id,"
     " provider_id, tagged, stream, status, error_code, done_date, peer, body, keyword,"
     " near_miss, consent, cause, link, occurred, sid, reference, extra, raw_query, "
     "raw_body, left_us, signature)"
     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
     " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
	FIELD(insert)},
    {"SELECT seq, campaign_id, tagged, time_us, coalesce(arrival_seq, journal_seq) FROM event "
     "WHERE reference = "
     "?1",
	FIELD(by_reference)},
    {"SELECT e.provider_id, e.tagged, e.time_us, e.peer, e.consent, e.stream, e.body,"
     " e.cause, p.service = '' AND p.sender = '', e.left_us, e.tagset_id, e.campaign_id"
     " FROM event e JOIN provider p ON p.id = e.provider_id WHERE e.seq = ?1",
	FIELD(read)},
    {"SELECT e.peer, p.service, p.sender, e.consent, e.cause FROM event e JOIN provider p"
     " ON p.id = e.provider_id WHERE e.seq = ?1",
	FIELD(parties)},
    {"UPDATE event SET provider_id = ?2, tagset_id = coalesce(?3, tagset_id),"
     " campaign_id = coalesce(?4, campaign_id), tagged = tagged OR ?3 IS NOT NULL,"
     " peer = coalesce(?5, peer), stream = stream AND NOT ?6,"
     " occurred = min(coalesce(occurred, ?9), coalesce(?9, occurred)),"
     " done_date = CASE WHEN ?6 THEN ?7 ELSE done_date END,"
     " left_us = CASE WHEN ?8 > 0 AND (left_us = 0 OR ?8 < left_us) THEN ?8"
     " ELSE left_us END WHERE seq = ?1",
	FIELD(complete)},
    {"UPDATE event SET time_us = ?2, arrival_seq = nullif(?3, journal_seq) WHERE seq = ?1",
	FIELD(complete_time)},
    /* The keyword is the consent's, else that of the text that counts. */
    {"UPDATE event SET body = ?2, keyword = CASE WHEN consent IS NOT NULL THEN keyword"
     " WHEN ?5 THEN ?3 ELSE coalesce(keyword, ?3) END,"
     " near_miss = CASE WHEN consent IS NULL THEN CASE WHEN ?5 THEN ?4"
     " ELSE coalesce(near_miss, ?4) END END WHERE seq = ?1",
	FIELD(complete_body)},
    {"UPDATE event SET keyword = coalesce(?2, keyword), consent = coalesce(consent, ?3),"
     " cause = coalesce(cause, ?4), near_miss = NULL WHERE seq = ?1",
	FIELD(complete_consent)},
    {"UPDATE event SET keyword = ?2, consent = ?3, cause = ?4, near_miss = NULL"
     " WHERE seq = ?1",
	FIELD(correct_consent)},
    /* A callback's values count before those of Event Streams (?3: the stored event is the
     * callback's). JSON that is nested too deeply for SQLite is not merged. */
    {"UPDATE event SET extra = CASE WHEN extra IS NULL THEN ?2"
     " WHEN NOT json_valid(extra) OR NOT json_valid(?2) THEN iif(?3, extra, ?2)"
     " ELSE iif(?3, json_patch(?2, extra), json_patch(extra, ?2)) END WHERE seq = ?1",
	FIELD(complete_extra)},
    {"UPDATE event SET tagset_id = ?2,"
     " campaign_id = (SELECT campaign_id FROM tagset WHERE id = ?2)"
     " WHERE message_id = ?1 AND tagged = 0",
	FIELD(move)},
    {"SELECT 1 FROM error_catalogue WHERE code = ?1", FIELD(known_code)},
    {"INSERT INTO alert VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", FIELD(insert_alert)},
    {"SELECT coalesce(nullif(service, ''), nullif(sender, ''), account) FROM provider"
     " WHERE id = ?1",
	FIELD(scope)},
    {"SELECT e.seq FROM event e JOIN provider p ON p.id = e.provider_id"
     " WHERE e.message_id = ?1 AND e.seq > ?2 AND " REFUSAL " AND p.service = ''"
     " AND p.sender = '' ORDER BY e.seq LIMIT 1",
	FIELD(nameless)},
    {NULL, 0},
};

enum result
receipts_open(sqlite3 *db, struct receipts **out_receipts)
{
	struct receipts *receipts = calloc(1, sizeof *receipts);
	int code = sqlite_prepare_all(db, statements, receipts);
	if (code != SQLITE_OK) {
		receipts_close(receipts);
		return sqlite_result(code);
	}

	receipts->db = db;
	*out_receipts = receipts;
	return RESULT_OK;
}

/* message_id is 0 for an event that no message was folded from; signature: a key, or absent. */
static enum result
insert_event(struct receipts *receipts, const struct event *event, int64_t message_id,
    const struct tagset *tagset, const struct event_ids *ids, struct slice signature,
    int64_t *out_seq)
{
	sqlite3_stmt *insert = receipts->insert;
	const struct slice texts[] = {event->done_date, event_peer(event), event->body,
	    event->keyword, event->near_miss, consent_name(event->consent), event->cause,
	    event->link, event->occurred, message_id != 0 ? SLICE_NONE : event->message,
	    message_id != 0 ? SLICE_NONE : event->reference, event->extra};

	sqlite3_bind_int64(insert, 1, (sqlite3_int64)event->journal_seq);
	sqlite3_bind_int64(insert, 2, event->time_us);
	sqlite_bind_text(insert, 3, event_type_name(event->type));
	bind_id(insert, 4, message_id);
	sqlite3_bind_int64(insert, 5, tagset->campaign_id);
	sqlite3_bind_int64(insert, 6, tagset->id);
	sqlite3_bind_int64(insert, 7, ids->provider_id);
	sqlite3_bind_int(insert, 8, ids->tagged);
	sqlite3_bind_int(insert, 9, event->stream);
	sqlite_bind_text(insert, 10, event->status_text);
	sqlite3_bind_null(insert, 11);
	if (event->error_code >= 0)
		sqlite3_bind_int64(insert, 11, event->error_code);
	for (int i = 0; i < 12; i++)
		sqlite_bind_text(insert, 12 + i, texts[i]);
	sqlite_bind_bytes(insert, 24, event->raw_query);
	sqlite_bind_bytes(insert, 25, event->raw_body);
	sqlite3_bind_int64(insert, 26, event->left_us);
	sqlite_bind_bytes(insert, 27, signature);
	int code = sqlite_run(insert);
	*out_seq = sqlite3_last_insert_rowid(receipts->db);
	return sqlite_result(code);
}

static enum result
insert_alert(struct receipts *receipts, const struct event_alert *alert, int64_t event_seq)
{
	sqlite3_stmt *insert = receipts->insert_alert;
	sqlite3_bind_int64(insert, 1, event_seq);
	sqlite_bind_name(insert, 2, alert->level);
	sqlite3_bind_int(insert, 3, alert->ours);
	sqlite_bind_text(insert, 4, alert->resource);
	sqlite_bind_text(insert, 5, alert->request_url);
	sqlite_bind_text(insert, 6, alert->method);
	sqlite3_bind_null(insert, 7);
	if (alert->response_status >= 0)
		sqlite3_bind_int64(insert, 7, alert->response_status);
	sqlite_bind_text(insert, 8, alert->text);
	return sqlite_result(sqlite_run(insert));
}

static enum result
add_reply(struct store *store, const struct event *event, const struct message_row *row,
    const struct event_ids *ids)
{
	const struct reply reply = message_reply_of(event, row, ids);
	return replies_add(store->replies, &reply);
}

/* Folds the event into the row's message, and changes the figures by the difference. */
static enum result
fold_event(struct store *store, const struct event *event, struct message_row *row,
    const struct event_ids *ids, struct store_added *out_added)
{
	const struct message_row before = *row;
	enum result result = message_merge_ids(store, row, ids);
	if (result != RESULT_OK)
		return result;

	message_row_fold(row, event, store->policy);
	out_added->conflict =
	    message_conflicts(&row->message) && !message_conflicts(&before.message);
	result = store_save_message(store, &before, row, event->message);
	if (result == RESULT_OK)
		result = event_consents_follow_message(store, &before, row, out_added);
	if (result == RESULT_OK && event->type == EVENT_REPLIED)
		result = add_reply(store, event, row, ids);
	if (result == RESULT_OK)
		result = message_note_replies(store, event, &before, row);
	if (result == RESULT_OK && before.id != 0 && before.tagset_id != row->tagset_id)
		result = message_move_receipts(store, row->id, row->tagset_id);
	return result;
}

static enum result
check_code(struct receipts *receipts, const struct event *event, bool *out_unknown)
{
	if (event->type != EVENT_FAILED || event->error_code < 0)
		return RESULT_OK;
	sqlite3_bind_int64(receipts->known_code, 1, event->error_code);
	int code = sqlite3_step(receipts->known_code);
	*out_unknown = code == SQLITE_DONE;
	sqlite3_reset(receipts->known_code);
	return sqlite_result(code);
}

/* A stored event without a message. */
struct referenced {
	int64_t seq; /* 0: there is no such event */
	int64_t campaign_id, time_us;
	uint64_t arrival_seq;
	bool tagged;
};

static enum result
find_reference(struct receipts *receipts, struct slice reference, struct referenced *out_referenced)
{
	sqlite3_stmt *find = receipts->by_reference;
	if (reference.len == 0)
		return RESULT_OK;
	sqlite_bind_text(find, 1, reference);
	int code = sqlite3_step(find);
	if (code == SQLITE_ROW)
		*out_referenced = (struct referenced){.seq = sqlite3_column_int64(find, 0),
		    .campaign_id = sqlite3_column_int64(find, 1),
		    .tagged = sqlite3_column_int(find, 2) != 0,
		    .time_us = sqlite3_column_int64(find, 3),
		    .arrival_seq = (uint64_t)sqlite3_column_int64(find, 4)};
	sqlite3_reset(find);
	return sqlite_result(code);
}

/* Adds a duplicate of a stored event without a message. The earliest arrival is the event's. */
static enum result
add_referenced(struct store *store, const struct event *event, const struct referenced *referenced)
{
	enum result result = store_touch_duplicate(store, referenced->campaign_id);
	if (result != RESULT_OK ||
	    !event_arrived_before(event, referenced->time_us, referenced->arrival_seq))
		return result;

	result = message_set_event_time(store, event, referenced->seq);
	if (result == RESULT_OK)
		result = store_touch(store, referenced->campaign_id, event->time_us);
	return result == RESULT_OK && referenced->tagged
		   ? store_touch_moved(store, referenced->campaign_id, referenced->time_us)
		   : result;
}

/* Adds an event of a request that was counted before. Its facts are ignored, since they may be made
 * up. If they are the original's, its campaign has one more duplicate, and it has the time of the
 * first arrival. */
static enum result
add_replay(struct store *store, const struct event *event, bool folds)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	struct receipt_match match = {.duplicate_seq = 0};
	struct referenced referenced = {.seq = 0};
	int64_t campaign_id = 0;
	enum result result = folds ? messages_find(store->messages, event->message, &row)
				   : find_reference(store->receipts, event->reference, &referenced);
	if (result == RESULT_OK && row.id != 0)
		result = messages_match(store->messages, row.id, event, SLICE_NONE, &match);
	if (result == RESULT_OK && referenced.seq != 0)
		return add_referenced(store, event, &referenced);
	if (result != RESULT_OK || match.duplicate_seq == 0)
		return result;

	if (match.is_earlier)
		result = duplicates_set_time(store, event, &row, &match);
	if (result == RESULT_OK)
		result = names_campaign_of(store->names, row.tagset_id, &campaign_id);
	return result == RESULT_OK ? store_touch_duplicate(store, campaign_id) : result;
}

static enum result
find_ids(struct store *store, const struct event *event, struct event_ids *out_ids)
{
	out_ids->tagged = event->campaign.len > 0;
	enum result result = names_tagset(
	    store->names, event->workspace, event->campaign, event->variant, &out_ids->tagset);
	return result != RESULT_OK ? result
				   : names_provider(store->names, event->account, event->service,
					 event_sender(event), &out_ids->provider_id);
}

/* Stores the event once its message is folded. row->id is 0 if it has no message. */
static enum result
keep(struct store *store, const struct event *event, const struct message_row *row,
    const struct event_ids *ids, struct store_added *out_added)
{
	int64_t seq = 0;
	struct tagset tagset = ids->tagset; /* under which it is shown */
	enum result result = RESULT_OK;

	if (row->id != 0 && !ids->tagged) {
		tagset.id = row->tagset_id;
		result = names_campaign_of(store->names, tagset.id, &tagset.campaign_id);
	}

	struct slice signature = SLICE_NONE;
	if (row->id != 0 && !store->request.is_noted &&
	    signatures_is_reachable(event, &store->request))
		signature = request_signature_key(&store->request);
	else if (result == RESULT_OK)
		result = signatures_note(store->signatures, &store->request);
	if (result == RESULT_OK)
		result =
		    insert_event(store->receipts, event, row->id, &tagset, ids, signature, &seq);
	if (result == RESULT_OK && event->alert != NULL)
		result = insert_alert(store->receipts, event->alert, seq);
	if (result == RESULT_OK && event->consent != CONSENT_SILENT)
		result = event_consents_add(store, event,
		    row->id != 0 ? row->provider_id : ids->provider_id, seq, out_added);
	if (result == RESULT_OK)
		result = check_code(store->receipts, event, &out_added->unknown_code);
	if (result == RESULT_OK)
		result = store_touch(store, ids->tagset.campaign_id, event->time_us);
	return result;
}

/* Finds the event's message and its stored receipt, and whether the event's request was counted
 * before. Nothing is written. */
static enum result
look_up(struct store *store, const struct event *event, bool folds, struct message_row *row,
    struct receipt_match *match)
{
	struct request_signature *request = &store->request;
	bool is_first = !request->is_checked; /* of its request's events */
	bool scans = event->type != EVENT_CLICKED || event->link.ptr == NULL;
	enum result result = RESULT_OK;

	if (is_first)
		result = signatures_check(store->signatures, event,
		    folds && scans ? event->message : SLICE_NONE, request);
	if (result == RESULT_OK && folds)
		result = messages_find(store->messages, event->message, row);
	if (result == RESULT_OK && row->id != 0)
		result = messages_match(store->messages, row->id, event,
		    is_first ? request_signature_key(request) : SLICE_NONE, match);
	request->is_replay |= match->has_signature;
	return result;
}

/* Adds a duplicate of another request, whose own signature counts once as well. */
static enum result
add_duplicate_request(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct event_ids *ids, struct store_added *out_added)
{
	enum result result = signatures_note(store->signatures, &store->request);
	return result == RESULT_OK ? duplicates_add(store, event, row, match, ids, out_added)
				   : result;
}

static enum result
add_event(struct store *store, struct event *event, struct store_added *out_added)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	struct receipt_match match = {.duplicate_seq = 0};
	struct event_ids ids = {0};
	bool folds = event->folds && event->message.ptr != NULL, needs_order = false, moved = false;
	struct referenced referenced = {.seq = 0};
	enum result result = look_up(store, event, folds, &row, &match);
	if (result == RESULT_OK && store->request.is_replay) {
		out_added->duplicate = true;
		return add_replay(store, event, folds);
	}
	if (result == RESULT_OK && !folds)
		result = find_reference(store->receipts, event->reference, &referenced);
	if (result == RESULT_OK)
		result =
		    persons_learn(store->persons, event, store->replies, store->consents, &moved);
	if (result == RESULT_OK && moved && row.id != 0)
		result = messages_find(store->messages, event->message, &row);
	if (result == RESULT_OK)
		result = find_ids(store, event, &ids);
	if (result != RESULT_OK)
		return result;

	out_added->duplicate = referenced.seq != 0 || match.duplicate_seq != 0;
	if (referenced.seq != 0) {
		result = signatures_note(store->signatures, &store->request);
		return result == RESULT_OK ? add_referenced(store, event, &referenced) : result;
	}
	if (out_added->duplicate)
		return add_duplicate_request(store, event, &row, &match, &ids, out_added);
	event->new_link = !match.link_is_known;
	needs_order = folds && message_needs_order(&row.message, event);
	if (folds)
		result = fold_event(store, event, &row, &ids, out_added);
	if (result == RESULT_OK)
		result = keep(store, event, &row, &ids, out_added);
	return result == RESULT_OK && needs_order ? message_refold(store, event, &row, out_added)
						  : result;
}

enum result
receipts_add(struct store *store, const struct event *given, struct store_added *out_added)
{
	struct event event = *given;
	struct person person;

	event.left_us = event_left_us(&event);
	enum result result = persons_find(store->persons, event_peer(&event), &person);
	event.person = person.address;
	if (result == RESULT_OK)
		result = add_event(store, &event, out_added);
	person_done(&person);
	return result;
}

void
receipts_close(struct receipts *receipts)
{
	sqlite_finalize_all(statements, receipts);
	free(receipts);
}
