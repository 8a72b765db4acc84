#include "events.h"

#include "dlrd/engine/events_reader.h"
#include "dlrd/query/events.h"
#include "event_stream.h"

/* The filters of the stream. */
static bool
read_filter(struct question *question, struct event_filter *out_filter)
{
	if (!question_choice(question, "type", EVENT_TYPES))
		return false;
	struct slice type = question_text(question, "type");
	*out_filter = (struct event_filter){
	    .type = type.ptr == NULL ? type : query_find_word(EVENT_TYPES, type),
	    .campaign = question_text(question, "campaign"),
	    .workspace = question_text(question, "workspace"),
	    .variant = question_text(question, "variant")};
	return true;
}

/* Reads the first seq of the stream: after the header of a client that reconnects, after the
 * parameter, or from now. */
static bool
read_start(struct question *question, uint64_t *out_after)
{
	struct slice seen = question->request->last_event_id;
	int64_t after = -1;
	if (!question_number(question, "after", -1, 0, INT64_MAX, &after))
		return false;
	if (seen.ptr != NULL && slice_to_int(seen, &after) != RESULT_OK)
		return question_refuse(question, 400,
		    "Last-Event-ID must be the id of an event of this stream, a whole number");
	if (after >= 0) {
		*out_after = (uint64_t)after;
		return true;
	}
	enum result result = store_read_last_event(question->reader, out_after);
	return result == RESULT_OK || question_store_failed(question, result);
}

void
events_follow(struct question *question)
{
	struct event_filter filter;
	uint64_t after;
	if (!read_filter(question, &filter) || !read_start(question, &after))
		return;
	filter.after_seq = after;
	if (event_stream_new(&filter, question->request->caller.masked, &question->answer.stream) !=
	    RESULT_OK)
		question_refuse(question, 503, "no memory for this answer");
	else
		question->answer.media_type = "text/event-stream";
}

struct found {
	struct question *question;
	uint64_t seq;
	bool written;
};

static void
write_found(void *context, const struct event_row *row)
{
	struct found *found = context;
	if (row->seq != found->seq)
		return;
	struct report_row cells = query_receipt_row(row);
	question_answer(
	    found->question, report_json(&query_message.report, &cells, found->question->zone));
	found->written = true;
}

void
events_one(struct question *question)
{
	int64_t seq;
	if (slice_to_int(question->name, &seq) != RESULT_OK || seq < 1) {
		question_refuse(question, 404, "an event is known by its seq, a whole number");
		return;
	}
	const struct event_filter filter = {.after_seq = (uint64_t)seq - 1, .limit = 1};
	struct found found = {.question = question, .seq = (uint64_t)seq};
	enum result result = store_read_events(question->reader, &filter, write_found, &found);
	if (result != RESULT_OK)
		question_store_failed(question, result);
	else if (!found.written)
		question_refuse(question, 404, "no event %lld", (long long)seq);
}
