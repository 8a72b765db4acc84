#include "dlrd/api/endpoints.h"

#include "dlrd/api/campaigns.h"
#include "dlrd/api/errors.h"
#include "dlrd/api/event_stream.h"
#include "dlrd/api/events.h"
#include "dlrd/api/optouts.h"
#include "dlrd/api/providers.h"
#include "dlrd/api/question.h"
#include "dlrd/api/series.h"
#include "dlrd/api/upkeep.h"
#include "dlrd/twilio/url.h"

#include <stdarg.h>
#include <stdio.h>

#define PATH_MAX_BYTES 2048
#define QUERY_FIELDS_MAX 32
#define SEGMENTS_MAX 4

typedef void (*answer_fn)(struct question *question);

/* The first row that fits is taken. */
static const struct endpoint {
	const char *segments[SEGMENTS_MAX]; /* one in braces takes any segment */
	answer_fn answer;
	answer_fn act; /* answers POST; NULL where nothing can be done */
	bool needs_store;
	bool open; /* without the bearer token */
} endpoints[] = {
    {{"healthz"}, upkeep_health, .open = true},
    {{"readyz"}, upkeep_ready, .open = true},
    {{"metrics"}, upkeep_metrics},
    {{"v1", "campaigns"}, campaigns_list, .needs_store = true},
    {{"v1", "campaigns", "{campaign}"}, campaigns_one, .needs_store = true},
    {{"v1", "campaigns", "{campaign}", "errors"}, campaigns_errors, .needs_store = true},
    {{"v1", "campaigns", "{campaign}", "series"}, series_answer, .needs_store = true},
    {{"v1", "providers"}, providers_list, .needs_store = true},
    {{"v1", "events"}, events_list, .needs_store = true},
    {{"v1", "events", "stream"}, events_follow, .needs_store = true},
    {{"v1", "events", "{seq}"}, events_one, .needs_store = true},
    {{"v1", "messages", "{sid}"}, events_message, .needs_store = true},
    {{"v1", "replies"}, events_replies, .needs_store = true},
    {{"v1", "near-misses"}, events_near_misses, .needs_store = true},
    {{"v1", "optouts"}, optouts_list, .needs_store = true},
    {{"v1", "optouts", "changes"}, optouts_changes, .needs_store = true},
    {{"v1", "optouts", "{number}"}, optouts_number, .needs_store = true},
    {{"v1", "errors"}, errors_catalogue, .needs_store = true},
    {{"v1", "alerts"}, errors_alerts, .needs_store = true},
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
	struct api_answer answer =
	    endpoints_error(405, "only GET%s is answered here", acts ? " or POST" : "");
	answer.allow = acts ? "GET, HEAD, POST" : "GET, HEAD";
	return answer;
}

/* Answers what fits the table. */
static struct api_answer
ask(struct question *question, const struct endpoint *endpoint)
{
	answer_fn answer = answer_of(endpoint, question->request->method);
	if (answer == NULL)
		return refuse_method(endpoint);
	if (endpoint->needs_store && question->reader == NULL)
		return endpoints_error(503, "the store cannot be opened");
	if (form_decode(&question->query, url_query(question->request->target), QUERY_FIELDS_MAX) !=
	    RESULT_OK)
		question_refuse(question, 400, "more than %d parameters", QUERY_FIELDS_MAX);
	else if (question_common(question))
		answer(question);
	form_done(&question->query);
	if (question->answer.body.failed) {
		event_stream_free(question->answer.stream);
		question_refuse(question, 503, "no memory for this answer");
	}
	return question->answer;
}

struct api_answer
endpoints_answer(const struct endpoints_state *state, struct store_reader *reader,
    const struct api_request *request)
{
	char decoded[PATH_MAX_BYTES];
	struct slice name = SLICE_NONE;
	const struct endpoint *endpoint = find_endpoint(request->target, &name);
	if (endpoint == NULL && !is_question(request->method))
		return refuse_method(NULL);
	if (endpoint == NULL || name.len > sizeof decoded)
		return endpoints_error(404, "there is nothing at this path");
	struct question question = {.state = state,
	    .request = request,
	    .reader = reader,
	    .name = form_unescape(name, decoded),
	    .answer = {.status = 200, .media_type = "application/json"}};
	return ask(&question, endpoint);
}
