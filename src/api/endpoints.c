#include "dlrd/api/endpoints.h"

#include "ask.h"
#include "dashboard.h"
#include "dlrd/api/question.h"
#include "dlrd/api/refusals.h"
#include "dlrd/twilio/url.h"
#include "event_stream.h"
#include "events.h"
#include "mask.h"
#include "optouts.h"
#include "questions.h"
#include "session.h"
#include "upkeep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_FIELDS_MAX 32
#define PARAMETERS_MAX 6
#define NAME_SHOWN_MAX 64 /* bytes of a name in an error */

typedef void (*answer_fn)(struct question *question);

struct endpoint {
	const char *path; /* a segment in braces takes any */
	answer_fn answer; /* answers GET; NULL: there is nothing to read */
	answer_fn act;    /* answers POST; NULL: nothing can be done */
	bool needs_store;
	bool open;         /* without the bearer token */
	bool open_to_read; /* likewise, but not to POST */
	bool quick;        /* answered from memory */
	bool for_page;     /* its parameters are those of the page, which reads them itself */
	/* Of the query, of a POST if there is one; any other would be a filter that does nothing,
	 * and is refused. */
	const char *parameters[PARAMETERS_MAX];
};

/* Paths that are not questions of query/table.h. The first row that fits is taken. */
static const struct endpoint endpoints[] = {
    {"/", dashboard_answer, .open = true, .quick = true, .for_page = true},
    {"/assets/{version}/{file}", dashboard_answer, .open = true, .quick = true},
    {"/session", session_show, session_begin, .open_to_read = true, .quick = true},
    {"/session/end", .act = session_end, .quick = true},
    {"/healthz", upkeep_health, .open = true, .quick = true},
    {"/readyz", upkeep_ready, .open = true, .quick = true},
    {"/metrics", upkeep_metrics, .quick = true},
    {"/v1/events/stream", events_follow, .needs_store = true,
	.parameters = {"after", "type", "campaign", "workspace", "variant"}},
    {"/v1/quarantine/reverify", refusals_reverify, .act = refusals_ask_reverify},
    {"/v1/quarantine/all/drop", .act = refusals_drop_all},
    {"/v1/quarantine/{id}/drop", .act = refusals_drop},
    {"/v1/rebuild", upkeep_work, .act = upkeep_ask_work},
    {"/v1/retag", upkeep_work, .act = upkeep_ask_work, .parameters = {"from", "to"}},
    {"/v1/simulations/undo", upkeep_work, .act = upkeep_ask_work, .parameters = {"run"}},
    {"/v1/questions", questions_list, .parameters = {"path"}},
    {"/v1/setup", upkeep_setup},
    {"/v1/openapi.json", upkeep_openapi},
};

#define ENDPOINT_COUNT (sizeof endpoints / sizeof endpoints[0])

/* Questions of the table that are answered by a function of their own; all others by ask_query. */
static const struct endpoint own_answers[] = {
    {"/v1/events/{seq}", events_one, .needs_store = true},
    {"/v1/optouts/{number}", optouts_number, .needs_store = true},
    {"/v1/signature-failures", refusals_failures},
    {"/v1/quarantine", refusals_list},
    {"/v1/quarantine/{id}", refusals_one},
};

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
	buffer_done(&answer->cookie);
	answer->stream = NULL;
	answer->rest = NULL;
}

/* What a path names: an endpoint, a question of the table, or a question with the endpoint that
 * answers it; neither: nothing. */
struct destination {
	const struct endpoint *endpoint;
	const struct query *query;
	struct slice name; /* the segment, still escaped, that the braces took */
	bool acts;         /* the request is a POST */
};

static bool
path_matches(const char *described, struct slice path, struct slice *out_name)
{
	struct slice known = slice_of(described), rest = path;
	while (known.ptr != NULL && rest.ptr != NULL) {
		struct slice wanted = slice_take(&known, '/'), segment = slice_take(&rest, '/');
		if (slice_starts_with(wanted, SLICE("{")))
			*out_name = segment;
		else if (!slice_equal(wanted, segment))
			return false;
	}
	return known.ptr == NULL && rest.ptr == NULL;
}

static const struct endpoint *
own_answer(const struct query *query)
{
	for (size_t i = 0; i < sizeof own_answers / sizeof own_answers[0]; i++)
		if (strcmp(own_answers[i].path, query->path) == 0)
			return &own_answers[i];
	return NULL;
}

static struct destination
find_route(struct slice target)
{
	struct destination route = {.name = SLICE_NONE};
	struct slice path = url_path(target);
	for (size_t i = 0; i < ENDPOINT_COUNT; i++)
		if (path_matches(endpoints[i].path, path, &route.name)) {
			route.endpoint = &endpoints[i];
			return route;
		}
	for (size_t i = 0; route.query == NULL && query_at(i) != NULL; i++)
		if (path_matches(query_at(i)->path, path, &route.name))
			route.query = query_at(i);
	if (route.query != NULL)
		route.endpoint = own_answer(route.query);
	return route;
}

static bool
is_known(const struct destination *route)
{
	return route->endpoint != NULL || route->query != NULL;
}

static bool
is_question(struct slice method)
{
	return slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
}

bool
endpoints_is_open(struct slice target, struct slice method)
{
	struct destination route = find_route(target);
	return route.endpoint != NULL &&
	       (route.endpoint->open || (route.endpoint->open_to_read && is_question(method)));
}

bool
endpoints_is_quick(struct slice target)
{
	struct destination route = find_route(target);
	return route.endpoint != NULL && route.endpoint->quick;
}

static bool
needs_store(const struct destination *route)
{
	return route->endpoint != NULL ? route->endpoint->needs_store : route->query != NULL;
}

bool
endpoints_needs_store(struct slice target)
{
	struct destination route = find_route(target);
	return needs_store(&route);
}

/* The function that answers the method there; NULL: none does. */
static answer_fn
answer_of(const struct destination *route, struct slice method)
{
	bool is_post = slice_equal(method, SLICE("POST"));
	if (route->endpoint == NULL)
		return is_question(method) ? ask_query : NULL;
	if (is_question(method))
		return route->endpoint->answer;
	return is_post ? route->endpoint->act : NULL;
}

static struct api_answer
refuse_method(const struct destination *route)
{
	const struct endpoint *endpoint = route->endpoint;
	bool acts = endpoint != NULL && endpoint->act != NULL;
	bool tells = endpoint == NULL || endpoint->answer != NULL;
	struct api_answer answer = endpoints_error(405, "only %s is answered here",
	    !acts   ? "GET"
	    : tells ? "GET or POST"
		    : "POST");
	answer.allow = !acts ? "GET, HEAD" : tells ? "GET, HEAD, POST" : "POST";
	return answer;
}

/* The name of the route's next parameter of a URL from *index on; NULL: there are no more. */
static const char *
next_parameter(const struct destination *route, size_t *index)
{
	if (route->query == NULL && route->endpoint->act != NULL && !route->acts)
		return NULL;
	if (route->query == NULL)
		return *index < PARAMETERS_MAX ? route->endpoint->parameters[(*index)++] : NULL;
	while (*index < query_parameter_count(route->query)) {
		const struct query_parameter *parameter = &route->query->parameters[(*index)++];
		if (!parameter->command_only && !query_in_path(parameter))
			return parameter->name;
	}
	return NULL;
}

static bool
knows(const struct destination *route, struct slice name)
{
	const char *known;
	for (size_t i = 0; (known = next_parameter(route, &i)) != NULL;)
		if (slice_equal(name, slice_of(known)))
			return true;
	return false;
}

static bool
refuse_parameter(struct question *question, const struct destination *route, struct slice name)
{
	struct buffer known = BUFFER_EMPTY;
	const char *path = route->query != NULL ? route->query->path : route->endpoint->path;
	const char *parameter;
	for (size_t i = 0; (parameter = next_parameter(route, &i)) != NULL;)
		buffer_appendf(&known, "%s%s", known.len == 0 ? "; it has " : ", ", parameter);
	if (name.len > NAME_SHOWN_MAX)
		name.len = NAME_SHOWN_MAX;
	question_refuse(question, 400, "%s has no parameter \"%.*s\"%.*s", path, SLICE_ARG(name),
	    SLICE_ARG(buffer_slice(&known)));
	buffer_done(&known);
	return false;
}

/* Whether the route knows all parameters of the query. */
static bool
parameters_are_known(struct question *question, const struct destination *route)
{
	bool any = route->endpoint != NULL && route->endpoint->for_page;
	for (size_t i = 0; i < question->query.count && !any; i++)
		if (!knows(route, question->query.fields[i].name))
			return refuse_parameter(question, route, question->query.fields[i].name);
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

/* Finds the end of a list in CSV that ends at its limit. Its link to the rest is a header, and
 * headers are sent before the list is read. */
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

/* Calls the function of the table that answers the question; its query is decoded. */
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

/* Answers the question by the table, or refuses its method or parameters. Takes question over. */
static struct api_answer
ask(struct question *question, const struct destination *route)
{
	struct slice query = url_query(question->request->target);
	question->act = answer_of(route, question->request->method);
	if (question->act == NULL)
		question->answer = refuse_method(route);
	else if (needs_store(route) && question->reader == NULL)
		question_refuse(question, 503, "the store cannot be opened");
	else if (form_decode(&question->query, query, QUERY_FIELDS_MAX) != RESULT_OK)
		question_refuse(question, 400, "more than %d parameters", QUERY_FIELDS_MAX);
	else if (parameters_are_known(question, route) && question_common(question))
		answer_known(question);

	if (question->request->caller.masked)
		mask_numbers(&question->answer.body, 0);
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
	struct destination route = find_route(request->target);
	route.acts = slice_equal(request->method, SLICE("POST"));
	if (!is_known(&route) && !is_question(request->method))
		return refuse_method(&route);
	if (!is_known(&route) || route.name.len > QUESTION_NAME_MAX)
		return endpoints_error(404, "there is nothing at this path");
	struct question *question = calloc(1, sizeof *question);
	if (question == NULL)
		return endpoints_error(503, "no memory for this answer");
	question->state = state;
	question->request = request;
	question->reader = reader;
	question->name = form_unescape(route.name, question->name_bytes);
	question->row = route.query;
	question->answer = (struct api_answer){.status = 200, .media_type = "application/json"};
	return ask(question, &route);
}

enum result
endpoints_next_page(struct api_answer *answer, struct store_reader *reader, struct buffer *out)
{
	struct question *question = answer->rest;
	struct list_progress *progress = &question->progress;
	question->reader = reader;
	question->answer.body = *out;
	size_t start = out->len;
	progress->head_is_sent = true;
	if (reader == NULL && endpoints_needs_store(question->request->target))
		progress->failed = true;
	else
		fill_page(question);
	if (question->request->caller.masked)
		mask_numbers(&question->answer.body, start);
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
