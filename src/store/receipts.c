#include "receipts.h"

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/address.h"

#include <stdlib.h>

#define OPT_OUT_TYPE SLICE("opt-out-type") /* the decoder's word for that cause */

struct receipts {
	sqlite3 *db;
	sqlite3_stmt *insert, *by_reference, *read, *parties, *complete, *complete_body,
	    *complete_consent, *correct_consent, *complete_extra, *move, *known_code, *insert_alert,
	    *scope, *nameless;
};

/* What an event says of itself, as ids: its own tags and its own sender. */
struct place {
	struct tagset tagset;
	int64_t provider_id;
	bool tagged; /* its tags name a campaign */
};

enum result
receipts_open(sqlite3 *db, struct receipts **out_receipts)
{
	struct receipts *receipts = calloc(1, sizeof *receipts);
	if (receipts == NULL)
		return RESULT_NO_MEMORY;
	receipts->db = db;
	const struct {
		const char *sql;
		sqlite3_stmt **statement;
	} rows[] = {
	    {"INSERT INTO event(journal_seq, time_us, type, message_id, campaign_id, tagset_id,"
	     " provider_id, tagged, stream, status, error_code, done_date, peer, body, keyword,"
	     " near_miss, consent, cause, link, occurred, sid, reference, extra, raw_query, "
	     "raw_body, left_us, signature)"
	     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
	     " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
		&receipts->insert},
	    {"SELECT campaign_id FROM event WHERE reference = ?1", &receipts->by_reference},
	    {"SELECT e.provider_id, e.tagged, e.time_us, e.peer, e.consent, e.stream, e.body,"
	     " e.cause, p.service = '' AND p.sender = '', e.left_us FROM event e JOIN provider p"
	     " ON p.id = e.provider_id WHERE e.seq = ?1",
		&receipts->read},
	    {"SELECT e.peer, p.service, p.sender, e.consent, e.cause FROM event e JOIN provider p"
	     " ON p.id = e.provider_id WHERE e.seq = ?1",
		&receipts->parties},
	    {"UPDATE event SET provider_id = ?2, tagset_id = coalesce(?3, tagset_id),"
	     " campaign_id = coalesce(?4, campaign_id), tagged = tagged OR ?3 IS NOT NULL,"
	     " peer = coalesce(?5, peer), stream = stream AND NOT ?6,"
	     " done_date = CASE WHEN ?6 THEN ?7 ELSE done_date END,"
	     " left_us = CASE WHEN ?8 > 0 AND (left_us = 0 OR ?8 < left_us) THEN ?8"
	     " ELSE left_us END WHERE seq = ?1",
		&receipts->complete},
	    {"UPDATE event SET body = ?2, keyword = coalesce(keyword, ?3),"
	     " near_miss = CASE WHEN consent IS NULL THEN coalesce(near_miss, ?4) END"
	     " WHERE seq = ?1",
		&receipts->complete_body},
	    {"UPDATE event SET keyword = coalesce(keyword, ?2), consent = coalesce(consent, ?3),"
	     " cause = coalesce(cause, ?4), near_miss = NULL WHERE seq = ?1",
		&receipts->complete_consent},
	    {"UPDATE event SET keyword = ?2, consent = ?3, cause = ?4, near_miss = NULL"
	     " WHERE seq = ?1",
		&receipts->correct_consent},
	    /* Deeper JSON than SQLite reads is left as it is. */
	    {"UPDATE event SET extra = CASE WHEN extra IS NULL THEN ?2"
	     " WHEN json_valid(extra) AND json_valid(?2) THEN json_patch(?2, extra)"
	     " ELSE extra END WHERE seq = ?1",
		&receipts->complete_extra},
	    {"UPDATE event SET tagset_id = ?2,"
	     " campaign_id = (SELECT campaign_id FROM tagset WHERE id = ?2)"
	     " WHERE message_id = ?1 AND tagged = 0",
		&receipts->move},
	    {"SELECT 1 FROM error_catalogue WHERE code = ?1", &receipts->known_code},
	    {"INSERT INTO alert VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &receipts->insert_alert},
	    {"SELECT coalesce(nullif(service, ''), nullif(sender, ''), account) FROM provider"
	     " WHERE id = ?1",
		&receipts->scope},
	    {"SELECT e.seq FROM event e JOIN provider p ON p.id = e.provider_id"
	     " WHERE e.message_id = ?1 AND e.seq > ?2 AND " REFUSAL " AND p.service = ''"
	     " AND p.sender = '' ORDER BY e.seq LIMIT 1",
		&receipts->nameless},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++)
		code = sql_prepare(db, rows[i].sql, rows[i].statement);
	if (code != SQLITE_OK) {
		receipts_close(receipts);
		return sql_result(code);
	}
	*out_receipts = receipts;
	return RESULT_OK;
}

static void
bind_id(sqlite3_stmt *statement, int index, int64_t id)
{
	if (id == 0)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_int64(statement, index, id);
}

/* message_id is 0 for an event that no message was folded from; signature: a key, or absent. */
static enum result
insert_event(struct receipts *receipts, const struct event *event, int64_t message_id,
    const struct tagset *tagset, const struct place *place, struct slice signature,
    int64_t *out_seq)
{
	sqlite3_stmt *insert = receipts->insert;
	const struct slice texts[] = {event->done_date, event_peer(event), event->body,
	    event->keyword, event->near_miss, consent_name(event->consent), event->cause,
	    event->link, event->occurred, message_id != 0 ? SLICE_NONE : event->message,
	    message_id != 0 ? SLICE_NONE : event->reference, event->extra};
	sqlite3_bind_int64(insert, 1, (sqlite3_int64)event->journal_seq);
	sqlite3_bind_int64(insert, 2, event->time_us);
	sql_bind_text(insert, 3, event_type_name(event->type));
	bind_id(insert, 4, message_id);
	sqlite3_bind_int64(insert, 5, tagset->campaign_id);
	sqlite3_bind_int64(insert, 6, tagset->id);
	sqlite3_bind_int64(insert, 7, place->provider_id);
	sqlite3_bind_int(insert, 8, place->tagged);
	sqlite3_bind_int(insert, 9, event->stream);
	sql_bind_text(insert, 10, event->status_text);
	sqlite3_bind_null(insert, 11);
	if (event->error_code >= 0)
		sqlite3_bind_int64(insert, 11, event->error_code);
	for (int i = 0; i < 12; i++)
		sql_bind_text(insert, 12 + i, texts[i]);
	sql_bind_bytes(insert, 24, event->raw_query);
	sql_bind_bytes(insert, 25, event->raw_body);
	sqlite3_bind_int64(insert, 26, event->left_us);
	sql_bind_bytes(insert, 27, signature);
	int code = sql_run(insert);
	*out_seq = sqlite3_last_insert_rowid(receipts->db);
	return sql_result(code);
}

static enum result
insert_alert(struct receipts *receipts, const struct event_alert *alert, int64_t event_seq)
{
	sqlite3_stmt *insert = receipts->insert_alert;
	sqlite3_bind_int64(insert, 1, event_seq);
	sql_bind_name(insert, 2, alert->level);
	sqlite3_bind_int(insert, 3, alert->ours);
	sql_bind_text(insert, 4, alert->resource);
	sql_bind_text(insert, 5, alert->request_url);
	sql_bind_text(insert, 6, alert->method);
	sqlite3_bind_null(insert, 7);
	if (alert->response_status >= 0)
		sqlite3_bind_int64(insert, 7, alert->response_status);
	sql_bind_text(insert, 8, alert->text);
	return sql_result(sql_run(insert));
}

enum result
receipts_move(struct store *store, int64_t message_id, int64_t tagset_id)
{
	sqlite3_bind_int64(store->receipts->move, 1, message_id);
	sqlite3_bind_int64(store->receipts->move, 2, tagset_id);
	return sql_result(sql_run(store->receipts->move));
}

/* Our own side of a message: what its tags and its sender say, each part of which a receipt may
 * lack. A person's own message has no tags but the reply table's. */
static enum result
merge_place(struct store *store, struct message_row *row, const struct place *place)
{
	enum result result = RESULT_OK;
	if (row->id == 0) {
		row->tagset_id = place->tagset.id;
		row->provider_id = place->provider_id;
	}
	if (row->tagset_id != place->tagset.id && row->message.received_us == 0)
		result = names_choose_tagset(
		    store->names, row->tagset_id, place->tagset.id, &row->tagset_id);
	if (result == RESULT_OK && row->provider_id != place->provider_id)
		result = names_merge_providers(
		    store->names, row->provider_id, place->provider_id, &row->provider_id);
	return result;
}

/* Failed, or not known to have left. */
static bool
is_failed(const struct message *message, enum conflict_policy policy)
{
	enum outcome outcome = message_outcome(message, policy);
	return outcome == OUTCOME_FAILED || outcome == OUTCOME_CANCELED || message->sent_us == 0;
}

/* Whether a reply may be taken to answer the message: it is not a person's own. */
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

/* Which replies a changed message may have won or lost. */
static enum result
note_replies(struct store *store, const struct event *event, const struct message_row *before,
    const struct message_row *row)
{
	enum result result = RESULT_OK;
	bool was = is_answerable(before), is = is_answerable(row);
	bool same_place = was == is && before->tagset_id == row->tagset_id;
	bool same_reach = before->message.first_us == row->message.first_us &&
			  was_scheduled(before) == was_scheduled(row) &&
			  before->message.sent_us == row->message.sent_us &&
			  before->message.left_us == row->message.left_us &&
			  slice_equal(message_row_peer(before), message_row_peer(row));
	if ((!was && !is) || (same_place && same_reach && before->provider_id == row->provider_id &&
				 is_failed(&before->message, store->policy) ==
				     is_failed(&row->message, store->policy)))
		return RESULT_OK;
	if (!same_place)
		result = replies_note_original(store->replies, event->message);
	if (result == RESULT_OK && is)
		result = replies_note(store->replies, message_row_peer(row), row->message.first_us);
	if (result == RESULT_OK && was && !(is && same_reach))
		result = replies_note(
		    store->replies, message_row_peer(before), before->message.first_us);
	return result;
}

static struct reply
reply_of(const struct event *event, const struct message_row *row, const struct place *place)
{
	return (struct reply){.message_id = row->id,
	    .peer = message_row_peer(row),
	    .sender = event_sender(event),
	    .service = event->service,
	    .original = event->original,
	    .tagset_id = place->tagset.id,
	    .time_us = event->time_us};
}

static enum result
add_reply(struct store *store, const struct event *event, const struct message_row *row,
    const struct place *place)
{
	const struct reply reply = reply_of(event, row, place);
	return replies_add(store->replies, &reply);
}

/* --- the scope of a refusal (error 21610) that does not name one --- */

static bool
names_sender(const struct event *event)
{
	return event->service.len > 0 || event_sender(event).len > 0;
}

/* Writes the provider's scope: its service, else its sender, else the account. */
static enum result
read_scope(struct receipts *receipts, int64_t provider_id, struct buffer *out_scope)
{
	sqlite3_bind_int64(receipts->scope, 1, provider_id);
	int code = sqlite3_step(receipts->scope);
	buffer_clear(out_scope);
	if (code == SQLITE_ROW)
		buffer_append(out_scope, sql_text(receipts->scope, 0));
	sqlite3_reset(receipts->scope);
	return out_scope->failed ? RESULT_NO_MEMORY : sql_result(code);
}

/* Adds the event's evidence, for provider_id's scope if it is an opt-out that names none. */
static enum result
add_consent(struct store *store, const struct event *event, int64_t provider_id, int64_t seq,
    struct store_added *out_added)
{
	struct event told = *event;
	struct buffer scope = BUFFER_EMPTY;
	bool has = false, changed = false;
	enum result result = RESULT_OK;
	if (event->consent == CONSENT_OUT && event->type != EVENT_REPLIED && !names_sender(event)) {
		result = read_scope(store->receipts, provider_id, &scope);
		told.service = buffer_slice(&scope);
	}
	if (result == RESULT_OK)
		result = consents_has(store->consents, &told, seq, &has);
	if (result == RESULT_OK && !has)
		result = consents_add(store->consents, &told, seq, &changed);
	out_added->consent_changed |= changed;
	buffer_done(&scope);
	return result;
}

/* The message's sender is another one than before, or is known now: the opt-outs that name none
 * follow it. */
static enum result
move_consents(struct store *store, const struct message_row *before, const struct message_row *row,
    struct store_added *out_added)
{
	if (before->id == 0 || before->provider_id == row->provider_id ||
	    row->message.failed_us == 0)
		return RESULT_OK;
	struct buffer old = BUFFER_EMPTY, new = BUFFER_EMPTY;
	sqlite3_stmt *nameless = store->receipts->nameless;
	enum result result = read_scope(store->receipts, before->provider_id, &old);
	if (result == RESULT_OK)
		result = read_scope(store->receipts, row->provider_id, &new);
	for (int64_t seq = 0; result == RESULT_OK;) {
		sqlite3_bind_int64(nameless, 1, row->id);
		sqlite3_bind_int64(nameless, 2, seq);
		int code = sqlite3_step(nameless);
		if (code == SQLITE_ROW)
			seq = sqlite3_column_int64(nameless, 0);
		sqlite3_reset(nameless);
		result = sql_result(code);
		if (code != SQLITE_ROW)
			break;
		bool moved = false;
		result = consents_move(
		    store->consents, seq, buffer_slice(&old), buffer_slice(&new), &moved);
		out_added->consent_changed |= moved;
	}
	buffer_done(&old);
	buffer_done(&new);
	return result;
}

/* The row's message as it will be with the event, and the figures changed by the difference. */
static enum result
fold_event(struct store *store, const struct event *event, struct message_row *row,
    const struct place *place, struct store_added *out_added)
{
	const struct message_row before = *row;
	enum result result = merge_place(store, row, place);
	if (result != RESULT_OK)
		return result;
	message_row_fold(row, event, store->policy);
	out_added->conflict =
	    message_conflicts(&row->message) && !message_conflicts(&before.message);
	result = store_save_message(store, &before, row, event->message);
	if (result == RESULT_OK)
		result = move_consents(store, &before, row, out_added);
	if (result == RESULT_OK && event->type == EVENT_REPLIED)
		result = add_reply(store, event, row, place);
	if (result == RESULT_OK)
		result = note_replies(store, event, &before, row);
	if (result == RESULT_OK && before.id != 0 && before.tagset_id != row->tagset_id)
		result = receipts_move(store, row->id, row->tagset_id);
	return result;
}

/* --- the same receipt again --- */

/* What the stored event does not say, and its duplicate does. */
struct completion {
	int64_t provider_id; /* of both */
	bool provider, tags, peer, consent, body, reply;
	bool sender;     /* service or sender, and so the scope of an opt-out */
	bool workspace;  /* of a message without a campaign */
	bool left;       /* an earlier time by which the message had left */
	bool agrees;     /* both say the same of consent */
	bool corrects;   /* Twilio's own word on it (OptOutType) comes after our reading */
	bool callback;   /* only Event Streams has told of it so far: it is the callback's from now
			    on, so that the next one is told from it as if that had come first */
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
    int64_t seq, const struct place *place, struct completion *out_completion)
{
	sqlite3_stmt *read = store->receipts->read;
	sqlite3_bind_int64(read, 1, seq);
	int code = sqlite3_step(read);
	enum result result = sql_result(code);
	if (code == SQLITE_ROW) {
		int64_t stored_provider = sqlite3_column_int64(read, 0);
		*out_completion = (struct completion){.provider_id = stored_provider,
		    .tags = place->tagged && sqlite3_column_int(read, 1) == 0,
		    .provider = stored_provider != place->provider_id,
		    .time_us = sqlite3_column_int64(read, 2),
		    .peer = event_peer(event).len > 0 && sql_text(read, 3).len == 0,
		    .consent = event->consent != CONSENT_SILENT && sql_text(read, 4).len == 0,
		    .body = event->body.len > 0 && sql_text(read, 6).len == 0,
		    .reply = event->type == EVENT_REPLIED,
		    .callback = sqlite3_column_int(read, 5) != 0 && !event->stream,
		    .left = is_earlier(event->left_us, sqlite3_column_int64(read, 9)),
		    .sender = sqlite3_column_int(read, 8) != 0 && names_sender(event)};
		if (out_completion->provider)
			result = names_merge_providers(store->names, stored_provider,
			    place->provider_id, &out_completion->provider_id);
	}
	bool stored_word = slice_equal(sql_text(read, 7), OPT_OUT_TYPE);
	bool own_word = slice_equal(event->cause, OPT_OUT_TYPE);
	/* Of the same consent each scope that it is told of counts. */
	bool has = true, same = !out_completion->consent &&
				slice_equal(sql_text(read, 4), consent_name(event->consent));
	sqlite3_reset(read);
	/* If it does not name the sender, add_joint_consent looks for what both say together. */
	if (result == RESULT_OK && same && names_sender(event) && event->consent != CONSENT_SILENT)
		result = consents_has(store->consents, event, seq, &has);
	out_completion->agrees = out_completion->consent || same;
	out_completion->consent = out_completion->consent || !has;
	/* OptOutType wins over what the text says, in whichever order they come. */
	out_completion->corrects = own_word && !stored_word;
	if (own_word != stored_word)
		out_completion->consent = false;
	if (own_word != stored_word)
		out_completion->agrees = own_word;
	int64_t preferred = row->tagset_id;
	if (result == RESULT_OK && !place->tagged && row->message.received_us == 0)
		result =
		    names_choose_tagset(store->names, row->tagset_id, place->tagset.id, &preferred);
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
    const struct place *place, const struct completion *completion)
{
	sqlite3_stmt *complete = store->receipts->complete;
	sqlite3_bind_int64(complete, 1, seq);
	sqlite3_bind_int64(complete, 2, completion->provider_id);
	bind_id(complete, 3, completion->tags ? place->tagset.id : 0);
	bind_id(complete, 4, completion->tags ? place->tagset.campaign_id : 0);
	sql_bind_text(complete, 5, completion->peer ? event_peer(event) : SLICE_NONE);
	sqlite3_bind_int(complete, 6, completion->callback);
	sql_bind_text(complete, 7, event->done_date);
	sqlite3_bind_int64(complete, 8, event->left_us);
	enum result result = sql_result(sql_run(complete));
	if (result == RESULT_OK && completion->body) {
		sqlite3_stmt *body = store->receipts->complete_body;
		sqlite3_bind_int64(body, 1, seq);
		sql_bind_text(body, 2, event->body);
		sql_bind_text(body, 3, event->keyword);
		sql_bind_text(body, 4, event->near_miss);
		result = sql_result(sql_run(body));
	}
	if (result == RESULT_OK && completion->tags)
		result = store_touch(store, place->tagset.campaign_id, completion->time_us, 0);
	return result;
}

static enum result
complete_consent(
    struct store *store, const struct event *event, int64_t seq, struct store_added *out_added)
{
	sqlite3_stmt *complete = store->receipts->complete_consent;
	sqlite3_bind_int64(complete, 1, seq);
	sql_bind_text(complete, 2, event->keyword);
	sql_bind_text(complete, 3, consent_name(event->consent));
	sql_bind_text(complete, 4, event->cause);
	enum result result = sql_result(sql_run(complete));
	return result == RESULT_OK && names_sender(event)
		   ? add_consent(store, event, 0, seq, out_added)
		   : result;
}

static enum result
correct_consent(struct store *store, const struct event *event, int64_t seq,
    struct message_row *row, struct store_added *out_added)
{
	sqlite3_stmt *correct = store->receipts->correct_consent;
	sqlite3_bind_int64(correct, 1, seq);
	sql_bind_text(correct, 2, event->keyword);
	sql_bind_text(correct, 3, consent_name(event->consent));
	sql_bind_text(correct, 4, event->cause);
	enum result result = sql_result(sql_run(correct));
	if (result == RESULT_OK)
		result = consents_retract(store->consents, seq);
	if (result == RESULT_OK && event->consent != CONSENT_SILENT && names_sender(event))
		result = add_consent(store, event, 0, seq, out_added);
	row->message.opted_out = event->consent == CONSENT_OUT;
	return result;
}

/* The parameters that have no column, of both. */
static enum result
complete_extra(struct store *store, const struct event *event, int64_t seq)
{
	sqlite3_stmt *complete = store->receipts->complete_extra;
	if (event->extra.len == 0)
		return RESULT_OK;
	sqlite3_bind_int64(complete, 1, seq);
	sql_bind_text(complete, 2, event->extra);
	return sql_result(sql_run(complete));
}

/* Moves the evidence of a stored event that did not name its sender to the scope that the event
 * names. */
static enum result
give_scope(struct store *store, const struct event *event, int64_t old_provider_id, int64_t seq,
    bool *out_moved)
{
	struct buffer old = BUFFER_EMPTY;
	struct slice own = event->service.len > 0 ? event->service : event_sender(event);
	enum result result = read_scope(store->receipts, old_provider_id, &old);
	if (result == RESULT_OK)
		result = consents_move(store->consents, seq, buffer_slice(&old), own, out_moved);
	buffer_done(&old);
	return result;
}

/* What the tellings say of consent together: one may name the person, another the scope, and a
 * third what is said. */
static enum result
add_joint_consent(struct store *store, const struct event *event, const struct message_row *row,
    int64_t seq, struct store_added *out_added)
{
	sqlite3_stmt *parties = store->receipts->parties;
	struct event joint = *event;
	sqlite3_bind_int64(parties, 1, seq);
	int code = sqlite3_step(parties);
	enum result result = sql_result(code);
	if (code == SQLITE_ROW && sql_text(parties, 3).len > 0) {
		bool replied = event->type == EVENT_REPLIED;
		joint.service = sql_text(parties, 1);
		joint.from = sql_text(parties, replied ? 0 : 2);
		joint.to = sql_text(parties, replied ? 2 : 0);
		joint.consent = slice_equal(sql_text(parties, 3), consent_name(CONSENT_OUT))
				    ? CONSENT_OUT
				    : CONSENT_IN;
		joint.cause = sql_text(parties, 4);
		struct person person;
		result = persons_find(store->persons, event_peer(&joint), &person);
		joint.person = person.address;
		if (result == RESULT_OK)
			result = add_consent(store, &joint, row->provider_id, seq, out_added);
		person_done(&person);
	}
	sqlite3_reset(parties);
	return result;
}

/* The receipt is known. What it knows beyond the one that came first (Event Streams and a callback
 * tell the same fact, and only one of them has the campaign's tags) is added to that and to the
 * message, so that it does not matter which came first. */
static enum result
absorb_duplicate(struct store *store, const struct event *event, struct message_row *row,
    int64_t seq, const struct place *place, struct store_added *out_added)
{
	struct completion completion = {0};
	const struct message_row before = *row;
	enum result result = compare_with_stored(store, event, row, seq, place, &completion);
	if (result != RESULT_OK || !says_more(&completion))
		return result;
	struct place added = *place;
	added.provider_id = completion.provider_id;
	if (!completion.tags && !completion.workspace)
		added.tagset.id = row->tagset_id;
	result = merge_place(store, row, &added);
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
		result =
		    give_scope(store, event, before.provider_id, seq, &out_added->consent_changed);
	if (result == RESULT_OK)
		result = complete_event(store, event, seq, place, &completion);
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
		result = move_consents(store, &before, row, out_added);
	if (result == RESULT_OK)
		result = note_replies(store, event, &before, row);
	if (result == RESULT_OK && completion.reply) {
		const struct reply reply = reply_of(event, row, place);
		result = replies_complete(store->replies, &reply);
	}
	if (result == RESULT_OK && before.tagset_id != row->tagset_id)
		result = receipts_move(store, row->id, row->tagset_id);
	return result;
}

/* Nearly every duplicate says nothing new: then nothing is written but its count. */
static enum result
add_duplicate(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct place *place, struct store_added *out_added)
{
	int64_t campaign_id;
	enum result result = RESULT_OK;
	bool news = match->is_twin || place->provider_id != row->provider_id ||
		    place->tagset.id != row->tagset_id || event->consent != CONSENT_SILENT ||
		    event->type == EVENT_REPLIED || row->peer_len == 0 ||
		    is_earlier(event->left_us, row->message.left_us);
	if (match->is_twin)
		result = complete_extra(store, event, match->duplicate_seq);
	if (result == RESULT_OK && news)
		result =
		    absorb_duplicate(store, event, row, match->duplicate_seq, place, out_added);
	if (result == RESULT_OK)
		result = names_campaign_of(store->names, row->tagset_id, &campaign_id);
	return result != RESULT_OK ? result : store_touch(store, campaign_id, 0, 1);
}

/* --- one event --- */

static enum result
check_code(struct receipts *receipts, const struct event *event, bool *out_unknown)
{
	if (event->type != EVENT_FAILED || event->error_code < 0)
		return RESULT_OK;
	sqlite3_bind_int64(receipts->known_code, 1, event->error_code);
	int code = sqlite3_step(receipts->known_code);
	*out_unknown = code == SQLITE_DONE;
	sqlite3_reset(receipts->known_code);
	return sql_result(code);
}

/* An event without a message is known by its reference. *out_campaign_id is that of the stored one;
 * untouched if there is none. */
static enum result
find_reference(struct receipts *receipts, struct slice reference, int64_t *out_campaign_id)
{
	if (reference.len == 0)
		return RESULT_OK;
	sql_bind_text(receipts->by_reference, 1, reference);
	int code = sqlite3_step(receipts->by_reference);
	if (code == SQLITE_ROW)
		*out_campaign_id = sqlite3_column_int64(receipts->by_reference, 0);
	sqlite3_reset(receipts->by_reference);
	return sql_result(code);
}

/* An event of a request that was counted before. Nothing that it says is taken, as it may be made
 * up: only if it is what the original said, its campaign has one more duplicate. */
static enum result
add_replay(struct store *store, const struct event *event, bool folds)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	struct receipt_match match = {.duplicate_seq = 0};
	int64_t campaign_id = 0;
	enum result result = folds
				 ? messages_find(store->messages, event->message, &row)
				 : find_reference(store->receipts, event->reference, &campaign_id);
	if (result == RESULT_OK && row.id != 0)
		result = messages_match(store->messages, row.id, event, SLICE_NONE, &match);
	if (result == RESULT_OK && match.duplicate_seq != 0)
		result = names_campaign_of(store->names, row.tagset_id, &campaign_id);
	return result == RESULT_OK && campaign_id != 0 ? store_touch(store, campaign_id, 0, 1)
						       : result;
}

static enum result
find_place(struct store *store, const struct event *event, struct place *out_place)
{
	out_place->tagged = event->campaign.len > 0;
	enum result result = names_tagset(
	    store->names, event->workspace, event->campaign, event->variant, &out_place->tagset);
	return result != RESULT_OK ? result
				   : names_provider(store->names, event->account, event->service,
					 event_sender(event), &out_place->provider_id);
}

/* Everything that follows once the event's message is folded. row->id is 0 for none. */
static enum result
keep(struct store *store, const struct event *event, const struct message_row *row,
    const struct place *place, struct store_added *out_added)
{
	int64_t seq = 0;
	struct tagset tagset = place->tagset; /* that it is shown under */
	enum result result = RESULT_OK;
	if (row->id != 0 && !place->tagged) {
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
		    insert_event(store->receipts, event, row->id, &tagset, place, signature, &seq);
	if (result == RESULT_OK && event->alert != NULL)
		result = insert_alert(store->receipts, event->alert, seq);
	if (result == RESULT_OK && event->consent != CONSENT_SILENT)
		result = add_consent(store, event,
		    row->id != 0 ? row->provider_id : place->provider_id, seq, out_added);
	if (result == RESULT_OK)
		result = check_code(store->receipts, event, &out_added->unknown_code);
	if (result == RESULT_OK)
		result = store_touch(store, place->tagset.campaign_id, event->time_us, 0);
	return result;
}

/* Finds the event's message and what is stored of it, and whether the event's request was counted
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

/* A duplicate of another request: its own signature counts once as well. */
static enum result
add_duplicate_request(struct store *store, const struct event *event, struct message_row *row,
    const struct receipt_match *match, const struct place *place, struct store_added *out_added)
{
	enum result result = signatures_note(store->signatures, &store->request);
	return result == RESULT_OK ? add_duplicate(store, event, row, match, place, out_added)
				   : result;
}

static enum result
add_event(struct store *store, struct event *event, struct store_added *out_added)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	struct receipt_match match = {.duplicate_seq = 0};
	struct place place = {0};
	bool folds = event->folds && event->message.ptr != NULL;
	int64_t known_campaign_id = 0;
	bool moved = false;
	enum result result = look_up(store, event, folds, &row, &match);
	if (result == RESULT_OK && store->request.is_replay) {
		out_added->duplicate = true;
		return add_replay(store, event, folds);
	}
	if (result == RESULT_OK && !folds)
		result = find_reference(store->receipts, event->reference, &known_campaign_id);
	if (result == RESULT_OK)
		result =
		    persons_learn(store->persons, event, store->replies, store->consents, &moved);
	if (result == RESULT_OK && moved && row.id != 0)
		result = messages_find(store->messages, event->message, &row);
	if (result == RESULT_OK)
		result = find_place(store, event, &place);
	if (result != RESULT_OK)
		return result;

	out_added->duplicate = known_campaign_id != 0 || match.duplicate_seq != 0;
	if (known_campaign_id != 0) {
		result = signatures_note(store->signatures, &store->request);
		return result == RESULT_OK ? store_touch(store, known_campaign_id, 0, 1) : result;
	}
	if (out_added->duplicate)
		return add_duplicate_request(store, event, &row, &match, &place, out_added);
	event->new_link = !match.link_is_known;
	if (folds)
		result = fold_event(store, event, &row, &place, out_added);
	return result == RESULT_OK ? keep(store, event, &row, &place, out_added) : result;
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
	if (receipts == NULL)
		return;
	sqlite3_stmt *statements[] = {receipts->insert, receipts->by_reference, receipts->read,
	    receipts->parties, receipts->complete, receipts->complete_body,
	    receipts->complete_consent, receipts->correct_consent, receipts->complete_extra,
	    receipts->move, receipts->known_code, receipts->insert_alert, receipts->scope,
	    receipts->nameless};
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		sqlite3_finalize(statements[i]);
	free(receipts);
}
