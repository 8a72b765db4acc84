#include "dlrd/api/endpoints.h"

#include "dlrd/api/report.h"
#include "dlrd/base/clock.h"
#include "dlrd/twilio/form.h"
#include "dlrd/twilio/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 2048
#define QUERY_FIELDS_MAX 32
#define SEGMENTS_MAX 4

/* One question on its way through its endpoint. */
struct question {
	const struct endpoints_state *state;
	struct store_reader *reader;
	struct slice name; /* the decoded {} of the path */
	struct form query;
	struct api_answer answer;
	bool csv;
	int64_t limit, from_us, to_us;
};

/* --- parameters --- */

struct api_answer
endpoints_error(unsigned status, const char *format, ...)
{
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	struct api_answer answer = {.status = status, .media_type = "application/json"};
	struct json_t *object = json_new_object();
	json_put_text(object, "error", slice_of(line));
	if (json_write(object, &answer.body) != RESULT_OK)
		buffer_clear(&answer.body);
	json_free(object);
	return answer;
}

static bool refuse(struct question *question, unsigned status, const char *format, ...)
    printf_like(3, 4);

/* Always false, so that a reader of parameters can end with it. */
static bool
refuse(struct question *question, unsigned status, const char *format, ...)
{
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	question->answer = endpoints_error(status, "%s", line);
	return false;
}

/* A whole number between min and max, or fallback where the query does not have it. */
static bool
read_number(struct question *question, const char *name, int64_t fallback, int64_t min, int64_t max,
    int64_t *out_number)
{
	struct slice text = form_get(&question->query, slice_of(name));
	int64_t number = fallback;
	if (text.ptr != NULL &&
	    (slice_to_int(text, &number) != RESULT_OK || number < min || number > max))
		return refuse(question, 400, "%s must be a whole number from %lld to %lld", name,
		    (long long)min, (long long)max);
	*out_number = number;
	return true;
}

static bool
read_time(struct question *question, const char *name, int64_t *out_us)
{
	struct slice text = form_get(&question->query, slice_of(name));
	*out_us = 0;
	if (text.ptr != NULL && clock_parse(text, out_us) != RESULT_OK)
		return refuse(question, 400,
		    "%s must be a time like 2026-11-20T14:00:00Z or a day like 2026-11-20 (in a "
		    "URL, a "
		    "plus sign is written %%2B)",
		    name);
	return true;
}

static bool
read_common(struct question *question)
{
	struct slice format = form_get(&question->query, SLICE("format"));
	question->csv = slice_equal(format, SLICE("csv"));
	if (format.ptr != NULL && !question->csv && !slice_equal(format, SLICE("json")))
		return refuse(question, 400, "format must be json or csv");
	return read_number(question, "limit", ENDPOINTS_LIMIT_DEFAULT, 1, ENDPOINTS_LIMIT_MAX,
		   &question->limit) &&
	       read_time(question, "from", &question->from_us) &&
	       read_time(question, "to", &question->to_us);
}

/* The limit of a list; 0, for all of it, in CSV, which has no place for a next, and for a list that
 * is short, unless a limit is asked for. */
static size_t
limit_of_list(const struct question *question, bool is_short)
{
	bool asked = form_get(&question->query, SLICE("limit")).ptr != NULL;
	return (question->csv || is_short) && !asked ? 0 : (size_t)question->limit;
}

static void
store_failed(struct question *question, enum result result)
{
	refuse(question, result == RESULT_BUSY ? 503 : 500, "the store: %s: %s",
	    result_text(result), store_reader_error(question->reader));
}

/* --- lists --- */

/* Rows as they come from the store: into a JSON array or into CSV. */
struct list {
	struct question *question;
	const struct report *report;
	struct json_t *array;
	size_t count, limit; /* 0: all */
	bool more;           /* there are rows beyond limit */
	int64_t last;        /* the last row's place, for paging */
	int64_t failed;
};

static void
list_begin(struct list *list)
{
	struct api_answer *answer = &list->question->answer;
	if (list->question->csv) {
		answer->media_type = "text/csv; charset=utf-8";
		report_csv_head(list->report, &answer->body);
	} else
		list->array = json_new_array();
}

static void
list_add(struct list *list, const struct report_row *row, int64_t place)
{
	list->more = list->limit > 0 && list->count == list->limit;
	if (list->more)
		return;
	if (list->question->csv)
		report_csv_row(list->report, row, &list->question->answer.body);
	else
		json_push(list->array, report_json(list->report, row));
	list->count++;
	list->last = place;
}

/* One row more than is shown tells whether there is a next page. */
static size_t
rows_asked(const struct list *list)
{
	return list->limit == 0 ? 0 : list->limit + 1;
}

/* Puts the list into object (which only JSON has) under the report's key. */
static void
put_list(struct list *list, struct json_t *object)
{
	if (!list->question->csv)
		json_put(object, list->report->list_key, list->array);
}

/* An opaque place to go on from, or null at the end of the list. */
static void
put_next(struct json_t *object, const struct list *list)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)list->last);
	json_put_text(object, "next", list->more ? slice_of(text) : SLICE_NONE);
}

/* Writes the answer, of which CSV is written already. Frees object. */
static void
list_end(struct list *list, struct json_t *object, enum result result)
{
	struct question *question = list->question;
	if (!question->csv && result == RESULT_OK)
		result = json_write(object, &question->answer.body);
	json_free(object);
	if (result == RESULT_OK)
		return;
	buffer_done(&question->answer.body);
	store_failed(question, result);
}

static void
list_campaign(void *context, const struct campaign_row *row)
{
	struct report_row cells = report_campaign_row(row);
	list_add(context, &cells, row->id);
}

static void
answer_campaigns(struct question *question)
{
	struct list list = {.question = question,
	    .report = &report_campaigns,
	    .limit = limit_of_list(question, false)};
	struct campaign_filter filter = {.limit = rows_asked(&list),
	    .workspace = form_get(&question->query, SLICE("workspace")),
	    .from_us = question->from_us,
	    .to_us = question->to_us};
	if (!read_number(question, "next", 0, 0, INT64_MAX, &filter.before_id))
		return;
	list_begin(&list);
	enum result result = store_read_campaigns(question->reader, &filter, list_campaign, &list);
	struct json_t *object = json_new_object();
	put_list(&list, object);
	put_next(object, &list);
	list_end(&list, object, result);
}

/* --- one campaign --- */

struct found_campaign {
	size_t count;
	int64_t id, failed;
	struct report_row cells;
	struct buffer names; /* what the cells' texts point into */
};

static void
find_campaign(void *context, const struct campaign_row *row)
{
	struct found_campaign *found = context;
	struct campaign_row copy = *row;
	if (found->count++ > 0)
		return;
	buffer_append(&found->names, row->workspace);
	buffer_append(&found->names, row->campaign);
	struct slice names = buffer_slice(&found->names);
	copy.workspace = (struct slice){names.ptr, row->workspace.len};
	copy.campaign = slice_from(names, row->workspace.len);
	found->id = row->id;
	found->failed = row->figures[FIGURE_FAILED];
	found->cells = report_campaign_row(&copy);
}

/* The one campaign that the path names. The caller gives out_found->names to buffer_done. */
static bool
ask_campaign(struct question *question, struct found_campaign *out_found)
{
	struct campaign_filter filter = {.campaign = question->name,
	    .workspace = form_get(&question->query, SLICE("workspace")),
	    .from_us = question->from_us,
	    .to_us = question->to_us};
	enum result result =
	    store_read_campaigns(question->reader, &filter, find_campaign, out_found);
	if (result != RESULT_OK) {
		store_failed(question, result);
		return false;
	}
	if (out_found->count == 0)
		return refuse(question, 404, "no campaign \"%.*s\"%s", SLICE_ARG(question->name),
		    question->from_us != 0 || question->to_us != 0 ? " in that time" : "");
	if (out_found->count > 1)
		return refuse(question, 409,
		    "%zu workspaces have a campaign \"%.*s\"; add workspace=", out_found->count,
		    SLICE_ARG(question->name));
	return true;
}

static void
answer_campaign(struct question *question)
{
	struct found_campaign found = {0};
	if (ask_campaign(question, &found) && question->csv) {
		question->answer.media_type = "text/csv; charset=utf-8";
		report_csv_head(&report_campaigns, &question->answer.body);
		report_csv_row(&report_campaigns, &found.cells, &question->answer.body);
	} else if (question->answer.status == 200) {
		struct json_t *object = report_json(&report_campaigns, &found.cells);
		if (json_write(object, &question->answer.body) != RESULT_OK)
			store_failed(question, RESULT_NO_MEMORY);
		json_free(object);
	}
	buffer_done(&found.names);
}

static void
list_error(void *context, const struct campaign_error_row *row)
{
	struct list *list = context;
	struct report_row cells = report_error_row(row, list->failed);
	list_add(list, &cells, row->code);
}

static void
answer_campaign_errors(struct question *question)
{
	struct found_campaign found = {0};
	if (ask_campaign(question, &found)) {
		struct list list = {
		    .question = question, .report = &report_errors, .failed = found.failed};
		list_begin(&list);
		enum result result = store_read_campaign_errors(question->reader, found.id,
		    question->from_us, question->to_us, list_error, &list);
		struct json_t *object = json_new_object();
		json_put_text(object, "campaign", question->name);
		json_put_int(object, "failed", found.failed);
		put_list(&list, object);
		list_end(&list, object, result);
	}
	buffer_done(&found.names);
}

/* --- events and messages --- */

static void
list_event(void *context, const struct event_row *row)
{
	struct report_row cells = report_event_row(row);
	list_add(context, &cells, (int64_t)row->seq);
}

static void
list_receipt(void *context, const struct event_row *row)
{
	struct report_row cells = report_receipt_row(row);
	list_add(context, &cells, (int64_t)row->seq);
}

static void
answer_events(struct question *question)
{
	struct event_filter filter = {.limit = (size_t)question->limit,
	    .type = form_get(&question->query, SLICE("type")),
	    .campaign = form_get(&question->query, SLICE("campaign")),
	    .workspace = form_get(&question->query, SLICE("workspace"))};
	enum event_type type;
	int64_t after = 0;
	if (!read_number(question, "after", 0, 0, INT64_MAX, &after))
		return;
	if (filter.type.ptr != NULL && !event_type_from_name(filter.type, &type)) {
		refuse(question, 400,
		    "type must be Sent, Delivered, Failed, Read, Replied, Clicked, Progress or "
		    "Unrecognised");
		return;
	}
	filter.after_seq = (uint64_t)after;
	struct list list = {.question = question, .report = &report_events, .last = after};
	list_begin(&list);
	enum result result = store_read_events(question->reader, &filter, list_event, &list);
	struct json_t *object = json_new_object();
	put_list(&list, object);
	json_put_int(object, "next", list.last);
	list_end(&list, object, result);
}

static void
answer_event(struct question *question)
{
	int64_t seq;
	if (slice_to_int(question->name, &seq) != RESULT_OK || seq < 1) {
		refuse(question, 404, "an event is known by its seq, a whole number");
		return;
	}
	struct event_filter filter = {.after_seq = (uint64_t)seq - 1, .limit = 1};
	struct list list = {.question = question, .report = &report_receipts};
	question->csv = false;
	list_begin(&list);
	enum result result = store_read_events(question->reader, &filter, list_receipt, &list);
	struct json_t *event = json_first(list.array);
	if (result == RESULT_OK && (event == NULL || list.last != seq))
		refuse(question, 404, "no event %lld", (long long)seq);
	else if (result == RESULT_OK)
		result = json_write(event, &question->answer.body);
	json_free(list.array);
	if (result != RESULT_OK)
		store_failed(question, result);
}

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

/* A SID whose receipts could not be read is no message, but what arrived can be shown. */
static void
answer_message(struct question *question)
{
	struct json_t *object = json_new_object();
	struct list list = {.question = question, .report = &report_receipts};
	struct event_filter filter = {.message = question->name};
	enum result result =
	    store_read_message(question->reader, question->name, put_message, object);
	bool known = result == RESULT_OK;
	if (result == RESULT_NOT_FOUND) {
		json_put_text(object, "sid", question->name);
		json_put_null(object, "status");
		result = RESULT_OK;
	}
	list_begin(&list);
	if (result == RESULT_OK)
		result = store_read_events(question->reader, &filter, list_receipt, &list);
	put_list(&list, object);
	if (result == RESULT_OK && !known && list.count == 0) {
		buffer_done(&question->answer.body);
		refuse(question, 404, "no message \"%.*s\"", SLICE_ARG(question->name));
		json_free(object);
		return;
	}
	list_end(&list, object, result);
}

static void
list_catalogue_row(void *context, const struct catalogue_row *row)
{
	struct report_row cells = report_catalogue_row(row);
	list_add(context, &cells, row->code);
}

static void
answer_catalogue(struct question *question)
{
	int64_t after = 0;
	if (!read_number(question, "next", 0, 0, INT64_MAX, &after))
		return;
	struct list list = {.question = question,
	    .report = &report_catalogue,
	    .limit = limit_of_list(question, true)};
	list_begin(&list);
	enum result result = store_read_catalogue(
	    question->reader, after, rows_asked(&list), list_catalogue_row, &list);
	struct json_t *object = json_new_object();
	put_list(&list, object);
	put_next(object, &list);
	list_end(&list, object, result);
}

/* --- the daemon's own state --- */

static void
answer_health(struct question *question)
{
	buffer_append(&question->answer.body, SLICE("{\"status\":\"alive\"}"));
}

static void
answer_ready(struct question *question)
{
	const char *why = NULL;
	bool ready = question->state->ready(question->state->context, &why);
	struct json_t *object = json_new_object();
	json_put_bool(object, "ready", ready);
	json_put_text(object, "why", slice_of(why));
	question->answer.status = ready ? 200 : 503;
	if (json_write(object, &question->answer.body) != RESULT_OK)
		question->answer.status = 503;
	json_free(object);
}

static void
answer_metrics(struct question *question)
{
	question->answer.media_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(question->state->metrics, &question->answer.body);
}

/* --- the table --- */

static const struct endpoint {
	const char *segments[SEGMENTS_MAX]; /* "{}" takes any segment */
	void (*answer)(struct question *question);
	bool needs_store;
	bool open; /* without the bearer token */
} endpoints[] = {
    {{"healthz"}, answer_health, .open = true},
    {{"readyz"}, answer_ready, .open = true},
    {{"metrics"}, answer_metrics, .open = false},
    {{"v1", "campaigns"}, answer_campaigns, .needs_store = true},
    {{"v1", "campaigns", "{}"}, answer_campaign, .needs_store = true},
    {{"v1", "campaigns", "{}", "errors"}, answer_campaign_errors, .needs_store = true},
    {{"v1", "events"}, answer_events, .needs_store = true},
    {{"v1", "events", "{}"}, answer_event, .needs_store = true},
    {{"v1", "messages", "{}"}, answer_message, .needs_store = true},
    {{"v1", "errors"}, answer_catalogue, .needs_store = true},
};

/* Matches a raw path against an endpoint; *out_name is the segment, still escaped, that {} took. */
static bool
endpoint_matches(const struct endpoint *endpoint, struct slice path, struct slice *out_name)
{
	struct slice rest = path;
	if (slice_take(&rest, '/').len != 0) /* what is before the first slash */
		return false;
	for (size_t i = 0; i < SEGMENTS_MAX && endpoint->segments[i] != NULL; i++) {
		if (rest.ptr == NULL)
			return false;
		struct slice segment = slice_take(&rest, '/');
		if (slice_equal(slice_of(endpoint->segments[i]), SLICE("{}")))
			*out_name = segment;
		else if (!slice_equal(segment, slice_of(endpoint->segments[i])))
			return false;
	}
	return rest.ptr == NULL;
}

static const struct endpoint *
find_endpoint(struct slice target, struct slice *out_name)
{
	for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
		if (endpoint_matches(&endpoints[i], url_path(target), out_name))
			return &endpoints[i];
	return NULL;
}

bool
endpoints_is_open(struct slice target)
{
	struct slice name;
	const struct endpoint *endpoint = find_endpoint(target, &name);
	return endpoint != NULL && endpoint->open;
}

struct api_answer
endpoints_answer(
    const struct endpoints_state *state, struct store_reader *reader, struct slice target)
{
	char decoded[PATH_MAX_BYTES];
	struct slice name = SLICE_NONE;
	const struct endpoint *endpoint = find_endpoint(target, &name);
	if (endpoint == NULL || name.len > sizeof decoded)
		return endpoints_error(404, "there is nothing at this path");
	if (endpoint->needs_store && reader == NULL)
		return endpoints_error(503, "the store cannot be opened");
	struct question question = {.state = state,
	    .reader = reader,
	    .name = form_unescape(name, decoded),
	    .answer = {.status = 200, .media_type = "application/json"}};
	if (form_decode(&question.query, url_query(target), QUERY_FIELDS_MAX) != RESULT_OK)
		refuse(&question, 400, "more than %d parameters", QUERY_FIELDS_MAX);
	else if (read_common(&question))
		endpoint->answer(&question);
	form_done(&question.query);
	if (question.answer.body.failed) {
		buffer_done(&question.answer.body);
		question.answer = endpoints_error(503, "no memory for this answer");
	}
	return question.answer;
}
