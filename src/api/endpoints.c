#include "dlrd/api/endpoints.h"

#include "campaigns.h"
#include "dlrd/api/optouts.h"
#include "dlrd/api/question.h"
#include "dlrd/api/refusals.h"
#include "dlrd/twilio/url.h"
#include "errors.h"
#include "event_stream.h"
#include "events.h"
#include "providers.h"
#include "series.h"
#include "upkeep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define QUERY_FIELDS_MAX 32
#define SEGMENTS_MAX 4
#define PARAMETERS_MAX 11
#define NAME_SHOWN_MAX 64 /* bytes of a name in an error */

typedef void (*answer_fn)(struct question *question);

/* The first row that fits is taken. */
static const struct endpoint {
	const char *segments[SEGMENTS_MAX]; /* one in braces takes any segment */
	answer_fn answer;                   /* answers GET; NULL where there is nothing to read */
	answer_fn act;                      /* answers POST; NULL where nothing can be done */
	bool needs_store;
	bool open;  /* without the bearer token */
	bool quick; /* answered from memory */
	/* Of the query; any other would be a filter that does nothing, and is refused. */
	const char *parameters[PARAMETERS_MAX];
} endpoints[] = {
    {{"healthz"}, upkeep_health, .open = true, .quick = true},
    {{"readyz"}, upkeep_ready, .open = true, .quick = true},
    {{"metrics"}, upkeep_metrics, .quick = true},
    {{"v1", "campaigns"}, campaigns_list, .needs_store = true,
	.parameters = {"workspace", "variant", "from", "to", "format", "limit", "next"}},
    {{"v1", "campaigns", "{campaign}"}, campaigns_one, .needs_store = true,
	.parameters = {"workspace", "variant", "from", "to", "format"}},
    {{"v1", "campaigns", "{campaign}", "errors"}, campaigns_errors, .needs_store = true,
	.parameters = {"workspace", "variant", "from", "to", "format"}},
    {{"v1", "campaigns", "{campaign}", "series"}, series_answer, .needs_store = true,
	.parameters = {"workspace", "variant", "interval", "tz", "from", "to", "format"}},
    {{"v1", "providers"}, providers_list, .needs_store = true,
	.parameters = {"by", "provider", "account", "service", "sender", "from", "to", "format",
	    "limit", "next"}},
    {{"v1", "events"}, events_list, .needs_store = true,
	.parameters = {"after", "type", "campaign", "workspace", "variant", "from", "to", "format",
	    "limit"}},
    {{"v1", "events", "stream"}, events_follow, .needs_store = true,
	.parameters = {"after", "type", "campaign", "workspace", "variant"}},
    {{"v1", "events", "{seq}"}, events_one, .needs_store = true},
    {{"v1", "messages", "{sid}"}, events_message, .needs_store = true, .parameters = {"format"}},
    {{"v1", "replies"}, events_replies, .needs_store = true,
	.parameters = {"campaign", "workspace", "variant", "keyword", "rule", "from", "to",
	    "format", "limit", "next"}},
    {{"v1", "near-misses"}, events_near_misses, .needs_store = true,
	.parameters = {"campaign", "workspace", "from", "to", "format", "limit", "next"}},
    {{"v1", "optouts"}, optouts_list, .needs_store = true,
	.parameters = {"state", "scope", "at", "from", "to", "format", "limit", "next"}},
    {{"v1", "optouts", "changes"}, optouts_changes, .needs_store = true,
	.parameters = {"after", "format", "limit"}},
    {{"v1", "optouts", "{number}"}, optouts_number, .needs_store = true,
	.parameters = {"at", "format"}},
    {{"v1", "errors"}, errors_catalogue, .needs_store = true,
	.parameters = {"format", "limit", "next"}},
    {{"v1", "alerts"}, errors_alerts, .needs_store = true,
	.parameters = {"ours", "from", "to", "format", "limit", "next"}},
    {{"v1", "signature-failures"}, refusals_failures, .parameters = {"format"}},
    {{"v1", "quarantine"}, refusals_list, .parameters = {"format", "limit", "next"}},
    {{"v1", "quarantine", "reverify"}, refusals_reverify, .act = refusals_ask_reverify},
    {{"v1", "quarantine", "all", "drop"}, .act = refusals_drop_all},
    {{"v1", "quarantine", "{id}"}, refusals_one},
    {{"v1", "quarantine", "{id}", "drop"}, .act = refusals_drop},
    {{"v1", "rebuild"}, upkeep_rebuild, .act = upkeep_ask_rebuild},
    {{"v1", "openapi.json"}, upkeep_openapi},
};

#define ENDPOINT_COUNT (sizeof endpoints / sizeof endpoints[0])

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

void
endpoints_answer_done(struct api_answer *answer)
{
	event_stream_free(answer->stream);
	question_free(answer->rest);
	buffer_done(&answer->body);
	buffer_done(&answer->link);
	answer->stream = NULL;
	answer->rest = NULL;
}

/* Matches a raw path against an endpoint; *out_name is the segment, still escaped, that the braces
 * took. */
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
		if (endpoint->segments[i][0] == '{')
			*out_name = segment;
		else if (!slice_equal(segment, slice_of(endpoint->segments[i])))
			return false;
	}
	return rest.ptr == NULL;
}

static const struct endpoint *
find_endpoint(struct slice target, struct slice *out_name)
{
	for (size_t i = 0; i < ENDPOINT_COUNT; i++)
		if (endpoint_matches(&endpoints[i], url_path(target), out_name))
			return &endpoints[i];
	return NULL;
}

bool
endpoints_path(size_t index, struct buffer *out)
{
	if (index >= ENDPOINT_COUNT)
		return false;
	for (size_t i = 0; i < SEGMENTS_MAX && endpoints[index].segments[i] != NULL; i++)
		buffer_appendf(out, "/%s", endpoints[index].segments[i]);
	return true;
}

bool
endpoints_is_open(struct slice target)
{
	struct slice name;
	const struct endpoint *endpoint = find_endpoint(target, &name);
	return endpoint != NULL && endpoint->open;
}

bool
endpoints_is_quick(struct slice target)
{
	struct slice name;
	const struct endpoint *endpoint = find_endpoint(target, &name);
	return endpoint != NULL && endpoint->quick;
}

bool
endpoints_needs_store(struct slice target)
{
	struct slice name;
	const struct endpoint *endpoint = find_endpoint(target, &name);
	return endpoint != NULL && endpoint->needs_store;
}

static bool
is_question(struct slice method)
{
	return slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
}

/* What answers the method there; NULL where nothing does. */
static answer_fn
answer_of(const struct endpoint *endpoint, struct slice method)
{
	if (is_question(method))
		return endpoint->answer;
	return slice_equal(method, SLICE("POST")) ? endpoint->act : NULL;
}

static struct api_answer
refuse_method(const struct endpoint *endpoint)
{
	bool acts = endpoint != NULL && endpoint->act != NULL;
	bool tells = endpoint == NULL || endpoint->answer != NULL;
	struct api_answer answer = endpoints_error(405, "only %s is answered here",
	    !acts   ? "GET"
	    : tells ? "GET or POST"
		    : "POST");
	answer.allow = !acts ? "GET, HEAD" : tells ? "GET, HEAD, POST" : "POST";
	return answer;
}

static bool
knows(const struct endpoint *endpoint, struct slice name)
{
	for (size_t i = 0; i < PARAMETERS_MAX && endpoint->parameters[i] != NULL; i++)
		if (slice_equal(name, slice_of(endpoint->parameters[i])))
			return true;
	return false;
}

static bool
refuse_parameter(
    struct question *question, const struct endpoint *endpoint, size_t index, struct slice name)
{
	struct buffer path = BUFFER_EMPTY, known = BUFFER_EMPTY;
	endpoints_path(index, &path);
	for (size_t i = 0; i < PARAMETERS_MAX && endpoint->parameters[i] != NULL; i++)
		buffer_appendf(
		    &known, "%s%s", i == 0 ? "; it has " : ", ", endpoint->parameters[i]);
	if (name.len > NAME_SHOWN_MAX)
		name.len = NAME_SHOWN_MAX;
	question_refuse(question, 400, "%.*s has no parameter \"%.*s\"%.*s",
	    SLICE_ARG(buffer_slice(&path)), SLICE_ARG(name), SLICE_ARG(buffer_slice(&known)));
	buffer_done(&path);
	buffer_done(&known);
	return false;
}

/* Whether the endpoint knows all parameters of the query; a request that acts has none. */
static bool
parameters_are_known(struct question *question, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < question->query.count; i++)
		if (!knows(endpoint, question->query.fields[i].name))
			return refuse_parameter(question, endpoint, (size_t)(endpoint - endpoints),
			    question->query.fields[i].name);
	return true;
}

/* Asks the store until the page is full or the list has ended. */
static void
fill_page(struct question *question)
{
	struct list_progress *progress = &question->progress;
	do {
		progress->unfinished = false;
		question->act(question);
		progress->continues = true;
	} while (progress->unfinished && !question->answer.body.failed &&
		 question->answer.body.len < question_page_bytes(question));
}

/* A list in CSV that ends at its limit has a link to its rest among the headers, which go out
 * before it is read: looks how far it will go. */
static void
look_ahead(struct question *question)
{
	struct list_progress progress = question->progress;
	question->progress.only_looks = true;
	question->act(question);
	progress.unfinished = question->answer.status == 200;
	progress.ends = question->progress.ends;
	progress.end_place = question->progress.place;
	question->progress = progress;
}

/* Answers what fits the table; the question's query is decoded. */
static void
answer_known(struct question *question)
{
	fill_page(question);
	if (question->progress.unfinished && question->progress.looks_ahead)
		look_ahead(question);
	if (question->answer.body.failed) {
		event_stream_free(question->answer.stream);
		question->progress.unfinished = false;
		question_refuse(question, 503, "no memory for this answer");
	}
}

/* Answers what fits the table; takes question over. */
static struct api_answer
ask(struct question *question, const struct endpoint *endpoint)
{
	struct slice query = url_query(question->request->target);
	question->act = answer_of(endpoint, question->request->method);
	if (question->act == NULL)
		question->answer = refuse_method(endpoint);
	else if (endpoint->needs_store && question->reader == NULL)
		question_refuse(question, 503, "the store cannot be opened");
	else if (form_decode(&question->query, query, QUERY_FIELDS_MAX) != RESULT_OK)
		question_refuse(question, 400, "more than %d parameters", QUERY_FIELDS_MAX);
	else if (parameters_are_known(question, endpoint) && question_common(question))
		answer_known(question);

	buffer_trim(&question->answer.body);
	struct api_answer answer = question->answer;
	question->answer = (struct api_answer){.body = BUFFER_EMPTY};
	if (question->progress.unfinished)
		answer.rest = question;
	else
		question_free(question);
	return answer;
}

struct api_answer
endpoints_answer(const struct endpoints_state *state, struct store_reader *reader,
    const struct api_request *request)
{
	struct slice name = SLICE_NONE;
	const struct endpoint *endpoint = find_endpoint(request->target, &name);
	if (endpoint == NULL && !is_question(request->method))
		return refuse_method(NULL);
	if (endpoint == NULL || name.len > QUESTION_NAME_MAX)
		return endpoints_error(404, "there is nothing at this path");
	struct question *question = calloc(1, sizeof *question);
	if (question == NULL)
		return endpoints_error(503, "no memory for this answer");
	question->state = state;
	question->request = request;
	question->reader = reader;
	question->name = form_unescape(name, question->name_bytes);
	question->answer = (struct api_answer){.status = 200, .media_type = "application/json"};
	return ask(question, endpoint);
}

enum result
endpoints_next_page(struct api_answer *answer, struct store_reader *reader, struct buffer *out)
{
	struct question *question = answer->rest;
	struct list_progress *progress = &question->progress;
	question->reader = reader;
	question->answer.body = *out;
	progress->head_is_sent = true;
	if (reader == NULL && endpoints_needs_store(question->request->target))
		progress->failed = true;
	else
		fill_page(question);
	buffer_trim(&question->answer.body);
	*out = question->answer.body;
	question->answer.body = BUFFER_EMPTY;
	enum result result = out->failed ? RESULT_NO_MEMORY : RESULT_OK;
	if (progress->failed)
		result = RESULT_IO;
	if (result != RESULT_OK || !progress->unfinished) {
		question_free(question);
		answer->rest = NULL;
	}
	return result;
}
