#include "events.h"

#include "dlrd/base/clock.h"
#include "dlrd/query/events.h"
#include "event_stream.h"
#include "list.h"

/* --- the feed --- */

static void
add_receipt(void *context, const struct event_row *row)
{
	struct report_row cells = query_receipt_row(row);
	list_add(context, &cells, (int64_t)row->seq);
}

/* The filters of the stream. */
static bool
read_filter(struct question *question, struct event_filter *out_filter)
{
	size_t type;
	if (!question_choice(question, "type", EVENT_TYPES, 0, &type))
		return false;
	*out_filter = (struct event_filter){.type = question_text(question, "type"),
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
	if (result != RESULT_OK)
		question_store_failed(question, result);
	return result == RESULT_OK;
}

void
events_follow(struct question *question)
{
	struct event_filter filter;
	uint64_t after;
	if (!read_filter(question, &filter) || !read_start(question, &after))
		return;
	filter.after_seq = after;
	if (event_stream_new(&filter, &question->answer.stream) != RESULT_OK)
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
	struct buffer *body = &found->question->answer.body;
	if (row->seq != found->seq)
		return;
	struct report_row cells = query_receipt_row(row);
	struct json_t *object = report_json(&query_message.report, &cells);
	if (json_write(object, body) != RESULT_OK)
		body->failed = true;
	json_free(object);
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

/* --- a message --- */

static void
put_message(void *context, const struct message_view *view)
{
	struct json_t *object = context;
	char time[CLOCK_TEXT_SIZE];
	json_put_text(object, "sid", view->sid);
	json_put_text(object, "status", view->status);
	json_put_text(object, "workspace", view->workspace);
	json_put_text(object, "campaign", view->campaign);
	json_put_text(object, "variant", view->variant);
	json_put_text(object, "account", view->account);
	json_put_text(object, "service", view->service);
	json_put_text(object, "sender", view->sender);
	if (view->error_code < 0)
		json_put_null(object, "error_code");
	else
		json_put_int(object, "error_code", view->error_code);
	json_put_bool(object, "conflict", view->conflict);
	json_put_text(object, "first", slice_of(clock_format(view->first_us, time)));
	json_put_text(object, "last", slice_of(clock_format(view->last_us, time)));
}

/* The members before the receipts, on the first page. */
static enum result
put_head(struct question *question, struct json_t *object, bool *out_known)
{
	*out_known = question->progress.continues;
	if (question->progress.continues)
		return RESULT_OK;
	enum result result =
	    store_read_message(question->reader, question->name, put_message, object);
	*out_known = result == RESULT_OK;
	if (result != RESULT_NOT_FOUND)
		return result;
	json_put_text(object, "sid", question->name);
	json_put_null(object, "status");
	return RESULT_OK;
}

/* A SID whose receipts could not be read is no message, but what arrived can be shown. */
void
events_message(struct question *question)
{
	struct json_t *object = json_new_object();
	struct list list = {.question = question, .report = &query_message.report};
	const struct event_filter filter = {.message = question->name,
	    .after_seq = (uint64_t)question->progress.place,
	    .limit = list_rows(&list)};
	bool known;
	enum result result = put_head(question, object, &known);
	list_begin(&list, object);
	if (result == RESULT_OK)
		result = store_read_events(question->reader, &filter, add_receipt, &list);
	if (result == RESULT_OK && !known && list.count == 0)
		question_refuse(question, 404, "no message \"%.*s\"", SLICE_ARG(question->name));
	else
		list_end(&list, NULL, result);
}
