#include "replies.h"

#include "dlrd/base/sqlite_rows.h"
#include "dlrd/model/status.h"
#include "names.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_CAPACITY 65536 /* noted replies kept allocated between batches */

struct replies {
	sqlite3_stmt *insert, *complete, *time, *answered_peers, *answered_sids, *of_peer,
	    *of_original, *all, *read, *by_sid, *before, *after, *correct;
	struct sqlite_rows answerables; /* of the statements that run */
	int64_t window_us, late_us;
	int64_t *noted; /* message ids, perhaps repeated */
	size_t noted_count, noted_capacity;
};

/* A reply that is being settled; its texts belong to the statement `read`. */
struct judged {
	struct reply reply;
	bool tagged; /* its own URL named a campaign */
	struct reply_row row;
};

/* As in the index message_peer: a person may have sent far more messages than were sent to them. */
#define OURS "received_us = 0"

/* Only messages that had left before the reply arrived can be answered. For a message that became
 * known later, or was scheduled, Twilio must report that it had left by then (?7). */
#define HAD_LEFT "left_us BETWEEN 1 AND ?7"
#define NOT_SCHEDULED "(seen & ?8 = 0 OR sent_us BETWEEN 1 AND ?7 OR " HAD_LEFT ")"

/* The nearest messages to a person are found first, and then those from the reply's sender. */
#define CANDIDATES(condition, order)                                                               \
	"SELECT x.id, x.tagset_id, t.campaign_id, x.first_us, x.outcome IN (2, 3) OR x.sent_us = " \
	"0, x.sid FROM"                                                                            \
	" (SELECT id, sid, tagset_id, provider_id, first_us, outcome, sent_us FROM message"        \
	"  WHERE peer = ?1 AND peer <> '' AND " OURS " AND first_us BETWEEN ?4 AND ?5"             \
	" AND " condition "  ORDER BY " order " LIMIT ?6) x"                                       \
	" JOIN provider p ON p.id = x.provider_id JOIN tagset t ON t.id = x.tagset_id"             \
	" WHERE p.sender = ?2 AND ?2 <> '' OR p.service = ?3 AND ?3 <> ''"

#define FIELD(name) offsetof(struct replies, name)

static const struct sqlite_statement statements[] = {
    {"INSERT INTO reply VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 'none', 0, NULL)"
     " ON CONFLICT DO NOTHING",
	FIELD(insert)},
    /* Of two senders or services the least, as the providers of a message are merged. */
    {"UPDATE reply SET peer = CASE WHEN peer = '' OR ?2 <> '' AND ?2 < peer THEN ?2 ELSE peer END,"
     " sender = CASE WHEN sender = '' OR ?3 <> '' AND ?3 < sender THEN ?3 ELSE sender END,"
     " service = CASE WHEN service = '' OR ?4 <> '' AND ?4 < service THEN ?4"
     " ELSE service END, time_us = min(time_us, ?7),"
     " original = min(coalesce(original, ?5), coalesce(?5, original)), tagset_id = (SELECT "
     "t.id"
     " FROM tagset t JOIN campaign c ON c.id = t.campaign_id"
     " WHERE t.id IN (reply.tagset_id, ?6)" TAGSET_PREFERENCE ") WHERE message_id = ?1",
	FIELD(complete)},
    {"UPDATE reply SET time_us = min(time_us, ?2) WHERE message_id = ?1", FIELD(time)},
    /* Hardly any of the messages of a batch has a reply yet. */
    {"SELECT a.number FROM answerable a WHERE EXISTS (SELECT 1 FROM reply WHERE peer = a.peer"
     " AND peer <> '' AND time_us BETWEEN a.first_us - ?1 AND a.first_us + ?2)",
	FIELD(answered_peers)},
    {"SELECT a.number FROM answerable a WHERE EXISTS (SELECT 1 FROM reply"
     " WHERE original = a.sid)",
	FIELD(answered_sids)},
    {"SELECT message_id FROM reply WHERE peer = ?1 AND peer <> ''"
     " AND time_us BETWEEN ?2 AND ?3 ORDER BY time_us DESC LIMIT ?4",
	FIELD(of_peer)},
    {"SELECT message_id FROM reply WHERE original = ?1 LIMIT ?2", FIELD(of_original)},
    {"SELECT message_id FROM reply", FIELD(all)},
    {"SELECT r.peer, r.sender, r.service, r.original, r.tagset_id, r.time_us, c.name <> '',"
     " r.rule, r.candidates, coalesce(r.answers, 0) FROM reply r"
     " JOIN tagset t ON t.id = r.tagset_id JOIN campaign c ON c.id = t.campaign_id"
     " WHERE r.message_id = ?1",
	FIELD(read)},
    {"SELECT id, tagset_id FROM message WHERE sid = ?1 AND " OURS, FIELD(by_sid)},
    {CANDIDATES(NOT_SCHEDULED, "first_us DESC, sid DESC"), FIELD(before)},
    {CANDIDATES(HAD_LEFT, "first_us, sid DESC"), FIELD(after)},
    {"UPDATE reply SET rule = ?2, candidates = ?3, answers = nullif(?4, 0)"
     " WHERE message_id = ?1",
	FIELD(correct)},
    {NULL, 0},
};

static const struct sqlite_column answerable_columns[] = {
    {"number", FIELD_NUMBER, offsetof(struct answerable, number)},
    {"sid", FIELD_TEXT, offsetof(struct answerable, sid)},
    {"peer", FIELD_TEXT, offsetof(struct answerable, peer)},
    {"first_us", FIELD_NUMBER, offsetof(struct answerable, first_us)}};

enum result
replies_open(sqlite3 *db, struct replies **out_replies)
{
	struct replies *replies = calloc(1, sizeof *replies);
	int code = SQLITE_NOMEM;
	if (replies != NULL) {
		replies->answerables = (struct sqlite_rows){.columns = answerable_columns,
		    .column_count = sizeof answerable_columns / sizeof answerable_columns[0]};
		code = sqlite_rows_add(db, "answerable", &replies->answerables);
	}
	if (code == SQLITE_OK)
		code = sqlite_prepare_all(db, statements, replies);
	if (code != SQLITE_OK) {
		replies_close(replies);
		return sqlite_result(code);
	}

	*out_replies = replies;
	return RESULT_OK;
}

void
replies_set_window(struct replies *replies, int64_t window_us, int64_t late_us)
{
	replies->window_us = window_us;
	replies->late_us = late_us;
}

static enum result
note(struct replies *replies, int64_t message_id)
{
	if (replies->noted_count == replies->noted_capacity) {
		size_t capacity = replies->noted_capacity * 2 + 64;
		int64_t *more = realloc(replies->noted, capacity * sizeof *more);
		if (more == NULL)
			return RESULT_NO_MEMORY;
		replies->noted = more;
		replies->noted_capacity = capacity;
	}

	replies->noted[replies->noted_count++] = message_id;
	return RESULT_OK;
}

/* Notes each id that the statement returns. */
static enum result
note_found(struct replies *replies, sqlite3_stmt *statement)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		result = note(replies, sqlite3_column_int64(statement, 0));
	sqlite3_reset(statement);
	return result != RESULT_OK ? result : sqlite_result(code);
}

static void
bind_reply(sqlite3_stmt *statement, const struct reply *reply)
{
	sqlite3_bind_int64(statement, 1, reply->message_id);
	sqlite_bind_name(statement, 2, reply->peer);
	sqlite_bind_name(statement, 3, reply->sender);
	sqlite_bind_name(statement, 4, reply->service);
	sqlite_bind_text(statement, 5, reply->original);
	sqlite3_bind_int64(statement, 6, reply->tagset_id);
	sqlite3_bind_int64(statement, 7, reply->time_us);
}

enum result
replies_add(struct replies *replies, const struct reply *reply)
{
	bind_reply(replies->insert, reply);
	enum result result = sqlite_result(sqlite_run(replies->insert));
	return result == RESULT_OK ? note(replies, reply->message_id) : result;
}

enum result
replies_complete(struct replies *replies, const struct reply *reply)
{
	bind_reply(replies->complete, reply);
	enum result result = sqlite_result(sqlite_run(replies->complete));
	return result == RESULT_OK ? note(replies, reply->message_id) : result;
}

enum result
replies_set_time(struct replies *replies, int64_t message_id, int64_t time_us)
{
	sqlite3_bind_int64(replies->time, 1, message_id);
	sqlite3_bind_int64(replies->time, 2, time_us);
	enum result result = sqlite_result(sqlite_run(replies->time));
	return result == RESULT_OK ? note(replies, message_id) : result;
}

static enum result
note_original(struct replies *replies, const struct answerable *answerable)
{
	sqlite_bind_text(replies->of_original, 1, answerable->sid);
	sqlite3_bind_int64(replies->of_original, 2, REPLIES_SETTLED_MAX);
	return note_found(replies, replies->of_original);
}

static enum result
note_peer(struct replies *replies, struct slice peer, int64_t from_us, int64_t to_us)
{
	sqlite_bind_text(replies->of_peer, 1, peer);
	sqlite3_bind_int64(replies->of_peer, 2, from_us);
	sqlite3_bind_int64(replies->of_peer, 3, to_us);
	sqlite3_bind_int64(replies->of_peer, 4, REPLIES_SETTLED_MAX);
	return note_found(replies, replies->of_peer);
}

static enum result
note_in_reach(struct replies *replies, const struct answerable *answerable)
{
	return note_peer(replies, answerable->peer, answerable->first_us - replies->late_us,
	    answerable->first_us + replies->window_us);
}

/* Calls note for each of the answerable messages that the statement returns. */
static enum result
note_answered(struct replies *replies, sqlite3_stmt *answered,
    enum result (*note_one)(struct replies *replies, const struct answerable *answerable))
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(answered)) == SQLITE_ROW)
		result =
		    note_one(replies, replies->answerables.rows[sqlite3_column_int64(answered, 0)]);
	sqlite3_reset(answered);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
replies_note_each(struct replies *replies, struct answerable **answerables, size_t count)
{
	replies->answerables.rows = (const void *const *)answerables;
	replies->answerables.count = count;
	for (size_t i = 0; i < count; i++)
		answerables[i]->number = (int64_t)i;
	if (count == 0)
		return RESULT_OK;

	sqlite3_bind_int64(replies->answered_peers, 1, replies->late_us);
	sqlite3_bind_int64(replies->answered_peers, 2, replies->window_us);
	enum result result = note_answered(replies, replies->answered_peers, note_in_reach);
	return result == RESULT_OK ? note_answered(replies, replies->answered_sids, note_original)
				   : result;
}

enum result
replies_note_person(struct replies *replies, struct slice peer)
{
	return note_peer(replies, peer, INT64_MIN, INT64_MAX);
}

enum result
replies_note_all(struct replies *replies)
{
	return note_found(replies, replies->all);
}

static struct candidate
read_candidate(sqlite3_stmt *statement)
{
	struct candidate candidate = {.message_id = sqlite3_column_int64(statement, 0),
	    .tagset_id = sqlite3_column_int64(statement, 1),
	    .campaign_id = sqlite3_column_int64(statement, 2),
	    .first_us = sqlite3_column_int64(statement, 3),
	    .failed = sqlite3_column_int(statement, 4) != 0};
	struct slice sid = sqlite_column(statement, 5);

	candidate.sid_len = sid.len < sizeof candidate.sid ? sid.len : sizeof candidate.sid;
	if (candidate.sid_len > 0)
		memcpy(candidate.sid, sid.ptr, candidate.sid_len);
	return candidate;
}

static enum result
find_candidates(sqlite3_stmt *statement, const struct reply *reply, int64_t from_us, int64_t to_us,
    struct candidate *candidates, size_t *count)
{
	int code;
	sqlite_bind_name(statement, 1, reply->peer);
	sqlite_bind_name(statement, 2, reply->sender);
	sqlite_bind_name(statement, 3, reply->service);
	sqlite3_bind_int64(statement, 4, from_us);
	sqlite3_bind_int64(statement, 5, to_us);
	sqlite3_bind_int64(statement, 6, REPLIES_CANDIDATES_MAX);
	sqlite3_bind_int64(statement, 7, reply->time_us);
	sqlite3_bind_int64(statement, 8, STATUS_BIT(STATUS_SCHEDULED));
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		candidates[(*count)++] = read_candidate(statement);
	sqlite3_reset(statement);
	return sqlite_result(code);
}

static enum result
find_original(struct replies *replies, struct slice sid, struct attribution *out_attribution)
{
	sqlite_bind_text(replies->by_sid, 1, sid);
	int code = sqlite3_step(replies->by_sid);
	if (code == SQLITE_ROW)
		*out_attribution = (struct attribution){.rule = ATTRIBUTION_ORIGINAL,
		    .message_id = sqlite3_column_int64(replies->by_sid, 0),
		    .tagset_id = sqlite3_column_int64(replies->by_sid, 1),
		    .campaigns = 1};
	sqlite3_reset(replies->by_sid);
	return sqlite_result(code);
}

static enum result
judge(struct replies *replies, const struct judged *judged, struct attribution *out_attribution)
{
	const struct reply *reply = &judged->reply;
	struct candidate candidates[2 * REPLIES_CANDIDATES_MAX];
	size_t count = 0;
	enum result result = RESULT_OK;

	*out_attribution = (struct attribution){.rule = ATTRIBUTION_NONE};
	if (reply->original.len > 0)
		result = find_original(replies, reply->original, out_attribution);
	if (result != RESULT_OK || out_attribution->rule == ATTRIBUTION_ORIGINAL)
		return result;
	if (judged->tagged) {
		*out_attribution = (struct attribution){.rule = ATTRIBUTION_TAGS, .campaigns = 1};
		return RESULT_OK;
	}

	result = find_candidates(replies->before, reply, reply->time_us - replies->window_us,
	    reply->time_us, candidates, &count);
	if (result == RESULT_OK && count == 0)
		result = find_candidates(replies->after, reply, reply->time_us + 1,
		    reply->time_us + replies->late_us, candidates, &count);
	*out_attribution = attribution_choose(candidates, count, reply->time_us);
	return result;
}

static struct judged
read_reply(sqlite3_stmt *read, int64_t message_id)
{
	return (struct judged){.reply = {.message_id = message_id,
				   .peer = sqlite_column(read, 0),
				   .sender = sqlite_column(read, 1),
				   .service = sqlite_column(read, 2),
				   .original = sqlite_column(read, 3),
				   .tagset_id = sqlite3_column_int64(read, 4),
				   .time_us = sqlite3_column_int64(read, 5)},
	    .tagged = sqlite3_column_int(read, 6) != 0,
	    .row = {.message_id = message_id,
		.rule = sqlite_column(read, 7),
		.candidates = sqlite3_column_int64(read, 8),
		.answers = sqlite3_column_int64(read, 9)}};
}

static bool
is_right(const struct reply_row *row, const struct attribution *attribution)
{
	return slice_equal(row->rule, attribution_rule_name(attribution->rule)) &&
	       row->candidates == attribution->campaigns && row->answers == attribution->message_id;
}

static enum result
write_row(struct replies *replies, int64_t message_id, const struct attribution *attribution)
{
	sqlite3_bind_int64(replies->correct, 1, message_id);
	sqlite_bind_text(replies->correct, 2, attribution_rule_name(attribution->rule));
	sqlite3_bind_int64(replies->correct, 3, attribution->campaigns);
	sqlite3_bind_int64(replies->correct, 4, attribution->message_id);
	return sqlite_result(sqlite_run(replies->correct));
}

static enum result
settle_one(
    struct replies *replies, int64_t message_id, bool correct, reply_fn on_judged, void *context)
{
	struct attribution attribution;
	sqlite3_bind_int64(replies->read, 1, message_id);
	int code = sqlite3_step(replies->read);
	enum result result = sqlite_result(code);
	bool right = true;
	if (code == SQLITE_ROW) {
		struct judged judged = read_reply(replies->read, message_id);
		result = judge(replies, &judged, &attribution);
		right = result == RESULT_OK && is_right(&judged.row, &attribution);
		if (result == RESULT_OK)
			result = on_judged(context, &judged.row, &attribution, right,
			    attribution.message_id != 0 ? attribution.tagset_id
							: judged.reply.tagset_id);
	}

	sqlite3_reset(replies->read);
	return result == RESULT_OK && !right && correct
		   ? write_row(replies, message_id, &attribution)
		   : result;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

enum result
replies_settle(struct replies *replies, bool correct, reply_fn on_judged, void *context)
{
	enum result result = RESULT_OK;
	if (replies->noted_count > 1)
		qsort(replies->noted, replies->noted_count, sizeof *replies->noted, compare_ids);
	for (size_t i = 0; result == RESULT_OK && i < replies->noted_count; i++)
		if (i == 0 || replies->noted[i] != replies->noted[i - 1])
			result =
			    settle_one(replies, replies->noted[i], correct, on_judged, context);
	replies_forget(replies);
	return result;
}

void
replies_forget(struct replies *replies)
{
	replies->noted_count = 0;
	if (replies->noted_capacity > KEEP_CAPACITY) {
		free(replies->noted);
		replies->noted = NULL;
		replies->noted_capacity = 0;
	}
}

void
replies_close(struct replies *replies)
{
	if (replies == NULL)
		return;

	sqlite_finalize_all(statements, replies);
	free(replies->noted);
	free(replies);
}
