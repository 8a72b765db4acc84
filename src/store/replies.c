#include "replies.h"

#include <stdlib.h>

#define KEEP_CAPACITY 65536 /* noted replies kept allocated between batches */

struct replies {
	struct reply_table *table; /* borrowed */
	int64_t window_us, late_us;
	int64_t *noted; /* message ids, perhaps repeated */
	size_t noted_count, noted_capacity;
	struct arena arena; /* texts of the reply that is being settled */
};

enum result
replies_open(struct reply_table *table, struct replies **out_replies)
{
	struct replies *replies = calloc(1, sizeof *replies);
	if (replies == NULL)
		return RESULT_NO_MEMORY;
	replies->table = table;
	*out_replies = replies;
	return RESULT_OK;
}

void
replies_set_window(struct replies *replies, int64_t window_us, int64_t late_us)
{
	replies->window_us = window_us;
	replies->late_us = late_us;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* Sorts the notes, and drops those that repeat others. */
static void
sort_notes(struct replies *replies)
{
	size_t kept = 0;
	if (replies->noted_count > 1)
		qsort(replies->noted, replies->noted_count, sizeof *replies->noted, compare_ids);
	for (size_t i = 0; i < replies->noted_count; i++)
		if (i == 0 || replies->noted[i] != replies->noted[i - 1])
			replies->noted[kept++] = replies->noted[i];
	replies->noted_count = kept;
}

static enum result
note(void *context, int64_t message_id)
{
	struct replies *replies = context;
	bool is_full = replies->noted_count == replies->noted_capacity;
	if (is_full)
		sort_notes(replies);
	if (is_full && replies->noted_count >= replies->noted_capacity / 2) {
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

enum result
replies_add(struct replies *replies, const struct reply *reply)
{
	enum result result = reply_table_add(replies->table, reply);
	return result == RESULT_OK ? note(replies, reply->message_id) : result;
}

enum result
replies_complete(struct replies *replies, const struct reply *reply)
{
	enum result result = reply_table_complete(replies->table, reply);
	return result == RESULT_OK ? note(replies, reply->message_id) : result;
}

enum result
replies_set_time(struct replies *replies, int64_t message_id, int64_t time_us)
{
	enum result result = reply_table_set_time(replies->table, message_id, time_us);
	return result == RESULT_OK ? note(replies, message_id) : result;
}

static enum result
note_of_original(void *context, const struct answerable *answerable)
{
	struct replies *replies = context;
	return reply_table_of_original(
	    replies->table, answerable->sid, REPLIES_SETTLED_MAX, note, replies);
}

static enum result
note_in_reach(void *context, const struct answerable *answerable)
{
	struct replies *replies = context;
	return reply_table_of_peer(replies->table, answerable->peer,
	    answerable->first_us - replies->late_us, answerable->first_us + replies->window_us,
	    REPLIES_SETTLED_MAX, note, replies);
}

enum result
replies_note_each(struct replies *replies, struct answerable **answerables, size_t count)
{
	return reply_table_answered(replies->table, answerables, count, replies->late_us,
	    replies->window_us, note_in_reach, note_of_original, replies);
}

enum result
replies_note_person(struct replies *replies, struct slice peer)
{
	return reply_table_of_peer(
	    replies->table, peer, INT64_MIN, INT64_MAX, REPLIES_SETTLED_MAX, note, replies);
}

enum result
replies_note_all(struct replies *replies)
{
	return reply_table_all(replies->table, note, replies);
}

static enum result
judge(struct replies *replies, const struct reply_row *row, struct attribution *out_attribution)
{
	const struct reply *reply = &row->reply;
	struct candidate candidates[REPLIES_CANDIDATES_MAX];
	size_t count = 0;
	int64_t original_id = 0, tagset_id = 0;
	enum result result = RESULT_OK;

	if (reply->original.len > 0)
		result =
		    reply_table_original(replies->table, reply->original, &original_id, &tagset_id);
	if (result == RESULT_OK && (original_id != 0 || row->tagged)) {
		*out_attribution = (struct attribution){
		    .rule = original_id != 0 ? ATTRIBUTION_ORIGINAL : ATTRIBUTION_TAGS,
		    .message_id = original_id,
		    .tagset_id = tagset_id,
		    .campaigns = 1};
		return RESULT_OK;
	}

	if (result == RESULT_OK)
		result = reply_table_candidates(replies->table, reply, true,
		    reply->time_us - replies->window_us, reply->time_us, REPLIES_CANDIDATES_MAX,
		    candidates, &count);
	if (result == RESULT_OK && count == 0)
		result = reply_table_candidates(replies->table, reply, false, reply->time_us + 1,
		    reply->time_us + replies->late_us, REPLIES_CANDIDATES_MAX, candidates, &count);
	*out_attribution = attribution_choose(candidates, count, reply->time_us);
	return result;
}

static bool
is_right(const struct reply_row *row, const struct attribution *attribution)
{
	return slice_equal(row->rule, attribution_rule_name(attribution->rule)) &&
	       row->candidates == attribution->campaigns && row->answers == attribution->message_id;
}

static enum result
settle_one(
    struct replies *replies, int64_t message_id, bool correct, reply_fn on_judged, void *context)
{
	struct attribution attribution;
	struct reply_row row;
	arena_clear(&replies->arena);
	enum result result = reply_table_read(replies->table, message_id, &replies->arena, &row);
	if (result != RESULT_OK || row.reply.message_id == 0)
		return result;

	result = judge(replies, &row, &attribution);
	if (result != RESULT_OK)
		return result;
	bool right = is_right(&row, &attribution);
	result = on_judged(context, &row, &attribution, right,
	    attribution.message_id != 0 ? attribution.tagset_id : row.reply.tagset_id);
	return result == RESULT_OK && !right && correct
		   ? reply_table_attribute(replies->table, message_id,
			 attribution_rule_name(attribution.rule), attribution.campaigns,
			 attribution.message_id)
		   : result;
}

enum result
replies_settle(struct replies *replies, bool correct, reply_fn on_judged, void *context)
{
	enum result result = RESULT_OK;
	sort_notes(replies);
	for (size_t i = 0; result == RESULT_OK && i < replies->noted_count; i++)
		result = settle_one(replies, replies->noted[i], correct, on_judged, context);
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

	arena_done(&replies->arena);
	free(replies->noted);
	free(replies);
}
