#include "dlrd/api/refusals.h"

#include "dlrd/refused/quarantine_reader.h"
#include "dlrd/twilio/shared_keys.h"
#include "list.h"

/* --- rows --- */

static struct cell
text_or_null(struct slice value)
{
	return cell_text(value.len == 0 ? SLICE_NONE : value);
}

struct report_row
refusals_row(const struct quarantined *request)
{
	return (struct report_row){{cell_int((int64_t)request->id),
	    cell_time(request->incoming.arrived_us), cell_time(request->last_us),
	    cell_int((int64_t)request->count), cell_text(request->incoming.method),
	    cell_text(request->incoming.target), cell_text(request->route),
	    text_or_null(request->account), cell_text(request->cause), cell_bool(request->proven),
	    cell_text(request->incoming.media_type),
	    cell_int((int64_t)request->incoming.body.len)}};
}

struct report_row
refusals_whole_row(const struct quarantined *request, struct slice raw)
{
	struct report_row out = refusals_row(request);
	struct cell *cell = &out.cells[query_quarantine.report.count];
	*cell++ = cell_text(request->incoming.signature);
	*cell++ = cell_text(request->incoming.host);
	*cell++ = cell_text(request->incoming.forwarded_proto);
	*cell++ = cell_text(request->incoming.forwarded_host);
	*cell++ = cell_text(request->incoming.original_uri);
	*cell++ = cell_text(request->incoming.body);
	*cell++ = cell_text(raw);
	return out;
}

/* --- reasons --- */

static void
add_failure(void *context, const struct signature_failure *failure)
{
	struct list *list = context;
	struct report_row cells = {{cell_text(failure->route), text_or_null(failure->account),
	    cell_text(failure->causes), cell_bool(failure->proven), text_or_null(failure->url),
	    cell_text(failure->advice), cell_int((int64_t)failure->count),
	    cell_time(failure->first_us), cell_time(failure->last_us)}};
	list_add(list, &cells, 0);
}

void
refusals_failures(struct question *question)
{
	struct list list = {.question = question, .report = &question->row->report, .whole = true};
	list_begin(&list, NULL);
	if (question->state->failures != NULL)
		signature_failures_each(question->state->failures, add_failure, &list);
	list_end(&list, NULL, RESULT_OK);
}

/* --- the requests --- */

static void
append_header(struct buffer *out, const char *name, struct slice value)
{
	if (value.ptr != NULL)
		buffer_appendf(out, "%s: %.*s\r\n", name, SLICE_ARG(value));
}

void
refusals_append_request(const struct quarantined *request, struct buffer *out)
{
	buffer_append(out, request->incoming.method);
	buffer_append_byte(out, ' ');
	buffer_append(out, request->incoming.target);
	buffer_append(out, SLICE(" HTTP/1.1\r\n"));
	append_header(out, "Host", request->incoming.host);
	append_header(out, "Content-Type", request->incoming.media_type);
	append_header(out, "X-Twilio-Signature", request->incoming.signature);
	append_header(out, SHARED_KEYS_HEADER, request->incoming.settings);
	append_header(out, "X-Forwarded-Proto", request->incoming.forwarded_proto);
	append_header(out, "X-Forwarded-Host", request->incoming.forwarded_host);
	append_header(out, "X-Original-URI", request->incoming.original_uri);
	if (request->incoming.body.ptr != NULL)
		buffer_appendf(out, "Content-Length: %zu\r\n", request->incoming.body.len);
	buffer_append(out, SLICE("\r\n"));
	buffer_append(out, request->incoming.body);
}

static bool
failed(struct question *question, enum result result, const char *why)
{
	return question_refuse(question,
	    result == RESULT_BUSY || result == RESULT_NO_MEMORY ? 503 : 500,
	    "the quarantine: %s: %s", result_text(result), why);
}

/* *out_reader is NULL if there is no file yet. Returns false after answering with an error. */
static bool
open_reader(struct question *question, struct quarantine_reader **out_reader)
{
	struct failure failure;
	*out_reader = NULL;
	enum result result =
	    quarantine_reader_open(question->state->quarantine_path, out_reader, &failure);
	return result == RESULT_OK || result == RESULT_NOT_FOUND ||
	       failed(question, result, failure.text);
}

static enum result
add_quarantined(void *context, const struct quarantined *request)
{
	struct list *list = context;
	struct report_row cells = refusals_row(request);
	list_add(list, &cells, (int64_t)request->id);
	return RESULT_OK;
}

void
refusals_list(struct question *question)
{
	struct list list = {.question = question,
	    .report = &question->row->report,
	    .limit = question_limit(question, false)};
	struct quarantine_reader *reader;
	enum result result = RESULT_OK;
	int64_t next;
	if (!list_place(question, "next", INT64_MAX, &next) || !open_reader(question, &reader))
		return;

	const struct quarantine_page page = {
	    .beyond_id = (uint64_t)next, .limit = list_rows(&list), .newest_first = true};
	list_begin(&list, NULL);
	if (reader != NULL)
		result = quarantine_reader_each(reader, &page, add_quarantined, &list);
	struct json_t *object = json_new_object();
	list_next(&list, object);
	list_end(&list, object, RESULT_OK);
	if (result != RESULT_OK)
		failed(question, result, quarantine_reader_error(reader));
	quarantine_reader_close(reader);
}

/* Returns the id in the path; 0, which no request has, if it is not a valid id. */
static uint64_t
id_of(const struct question *question)
{
	int64_t id;
	bool fits = slice_to_int(question->name, &id) == RESULT_OK && id > 0;
	return fits ? (uint64_t)id : 0;
}

static void
refuse_id(struct question *question)
{
	question_refuse(question, 404,
	    "there is no such request in the quarantine; GET /v1/quarantine lists the ids");
}

static enum result
show(void *context, const struct quarantined *request)
{
	struct question *question = context;
	struct buffer raw = BUFFER_EMPTY;
	refusals_append_request(request, &raw);

	struct report_row cells = refusals_whole_row(request, buffer_slice(&raw));
	enum result result = raw.failed ? RESULT_NO_MEMORY : RESULT_OK;
	if (result == RESULT_OK)
		question_answer(
		    question, report_json(&question->row->report, &cells, question->zone));
	buffer_done(&raw);
	return result;
}

void
refusals_one(struct question *question)
{
	struct quarantine_reader *reader;
	uint64_t id = id_of(question);
	if (!open_reader(question, &reader))
		return;

	enum result result = RESULT_NOT_FOUND;
	if (reader != NULL && id > 0)
		result = quarantine_reader_get(reader, id, show, question);
	if (result == RESULT_NOT_FOUND)
		refuse_id(question);
	else if (result != RESULT_OK)
		failed(question, result, quarantine_reader_error(reader));
	quarantine_reader_close(reader);
}

/* --- re-verification --- */

void
refusals_reverify(struct question *question)
{
	static const char *const states[] = {[REVERIFY_NONE] = "none",
	    [REVERIFY_RUNNING] = "running",
	    [REVERIFY_DONE] = "done",
	    [REVERIFY_FAILED] = "failed"};
	struct reverify reverify;
	quarantine_worker_read_reverify(question->state->quarantine_worker, &reverify);

	bool has_failed = reverify.state == REVERIFY_FAILED;
	struct json_t *object = json_new_object();
	json_put_text(object, "state", slice_of(states[reverify.state]));
	json_put_int(object, "tried", (int64_t)reverify.tried);
	json_put_int(object, "kept", (int64_t)reverify.kept);
	json_put_int(object, "refused", (int64_t)reverify.refused);
	json_put_text(object, "error", has_failed ? slice_of(reverify.why) : SLICE_NONE);
	question_answer(question, object);
}

void
refusals_ask_reverify(struct question *question)
{
	if (!question_may_act(question))
		return;
	if (!quarantine_worker_ask_reverify(question->state->quarantine_worker)) {
		question_refuse(question, 409,
		    "the quarantine is being verified already; GET /v1/quarantine/reverify shows "
		    "when that is done");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_text(object, "state", SLICE("running"));
	question->answer.status = 202;
	question_answer(question, object);
}

/* --- dropping --- */

static void
drop(struct question *question, uint64_t id)
{
	uint64_t dropped = 0;
	enum result result =
	    quarantine_worker_drop(question->state->quarantine_worker, id, &dropped);
	if (result == RESULT_NOT_FOUND) {
		refuse_id(question);
		return;
	}
	if (result != RESULT_OK) {
		failed(question, result, "not all was dropped");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_int(object, "dropped", (int64_t)dropped);
	question_answer(question, object);
}

void
refusals_drop(struct question *question)
{
	uint64_t id = id_of(question);
	if (!question_may_act(question))
		return;
	if (id == 0)
		refuse_id(question);
	else
		drop(question, id);
}

void
refusals_drop_all(struct question *question)
{
	if (question_may_act(question))
		drop(question, 0);
}
