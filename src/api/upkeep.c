#include "upkeep.h"

#include "dlrd/query/openapi.h"
#include "dlrd/twilio/connection_overrides.h"
#include "dlrd/twilio/url.h"

#include <ctype.h>
#include <stdio.h>

/* The handwritten part of the description, src/api/openapi.json; embedded by scripts/embed.py. */
extern const char built_in_openapi[];
extern const size_t built_in_openapi_size;

void
upkeep_health(struct question *question)
{
	buffer_append(&question->answer.body, SLICE("{\"status\":\"alive\"}"));
}

static void
put_gap(struct json_t *ready, const struct endpoints_state *state)
{
	struct endpoints_gap gap = {.count = 0};
	if (state->gap != NULL)
		state->gap(state->context, &gap);
	if (gap.count == 0) {
		json_put_null(ready, "gap");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_int(object, "gaps", (int64_t)gap.count);
	json_put_int(object, "entries", (int64_t)gap.entries);
	json_put_int(object, "first", (int64_t)gap.first);
	if (gap.last != 0)
		json_put_int(object, "last", (int64_t)gap.last);
	else
		json_put_null(object, "last");
	json_put(ready, "gap", object);
}

static void
put_work(struct json_t *ready, const struct projector_counting *counting)
{
	const struct store_progress *progress = &counting->progress;
	if (!counting->working) {
		json_put_null(ready, "migration");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_int(object, "from", progress->from_version);
	json_put_int(object, "to", progress->to_version);
	json_put_int(object, "seconds", counting->worked_us / CLOCK_SECOND_US);
	json_put_int(object, "messages_done", (int64_t)progress->done);
	json_put_int(object, "messages", (int64_t)progress->total);
	json_put(ready, "migration", object);
}

/* dlrd can be ready, and accept callbacks, while it cannot count them. */
static void
put_counting(struct json_t *ready, const struct endpoints_state *state)
{
	struct projector_counting counting = {.not_counted_since_us = 0};
	if (state->projector != NULL)
		projector_read_counting(state->projector, &counting);
	char time[CLOCK_TEXT_SIZE];
	bool counted = counting.not_counted_since_us == 0;
	bool failed = !counted && counting.why[0] != '\0';
	if (counted)
		json_put_null(ready, "not_counted_since");
	else
		json_put_text(ready, "not_counted_since",
		    slice_of(clock_format(counting.not_counted_since_us, time)));
	json_put_text(ready, "not_counted_why", failed ? slice_of(counting.why) : SLICE_NONE);
	put_work(ready, &counting);
}

void
upkeep_ready(struct question *question)
{
	const char *why = NULL;
	bool ready = question->state->ready(question->state->context, &why);
	struct json_t *object = json_new_object();
	json_put_bool(object, "ready", ready);
	json_put_text(object, "why", slice_of(why));
	put_gap(object, question->state);
	put_counting(object, question->state);

	question->answer.status = ready ? 200 : 503;
	question_answer(question, object);
}

void
upkeep_metrics(struct question *question)
{
	question->answer.media_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(question->state->metrics, &question->answer.body);
}

/* The kind of work whose path the request has. */
static enum work_kind
kind_of(const struct question *question)
{
	struct slice path = url_path(question->request->target);
	int kind = 0;
	while (!slice_equal(path, slice_of(work_describe((enum work_kind)kind)->path)))
		kind++;
	return (enum work_kind)kind;
}

void
upkeep_work(struct question *question)
{
	enum work_kind kind = kind_of(question);
	struct work_result result = {.state = WORK_NONE};
	question->state->read_work(question->state->projector, kind, &result);
	question_answer(question, work_json(kind, &result));
	work_done(&result);
}

/* A run has the hexadecimal digits that 'dlrd simulate' gives it. */
static bool
read_run(struct question *question, char out_run[WORK_RUN_SIZE])
{
	struct slice run = question_text(question, "run");
	bool right = run.len > 0 && run.len < WORK_RUN_SIZE;
	for (size_t i = 0; right && i < run.len; i++)
		right = isxdigit((unsigned char)run.ptr[i]);
	if (!right)
		return question_refuse(question, 400,
		    "run must be the number of a simulation, such as 1f2e3d4c5b6a: the first line "
		    "of its ledger has it");
	snprintf(out_run, WORK_RUN_SIZE, "%.*s", SLICE_ARG(run));
	return true;
}

static bool
read_order(struct question *question, struct work_order *out_order)
{
	struct work_order order = {.kind = kind_of(question)};
	if (order.kind == WORK_UNDO && !read_run(question, order.run))
		return false;
	static const struct query_parameter from = {.name = "from", .kind = QUERY_FROM},
					    to = {.name = "to", .kind = QUERY_TO};
	if (order.kind == WORK_RETAG && (!question_time(question, &from, &order.from_us) ||
					    !question_time(question, &to, &order.to_us)))
		return false;
	if (order.to_us == 0)
		order.to_us = INT64_MAX;
	*out_order = order;
	return true;
}

void
upkeep_ask_work(struct question *question)
{
	struct work_order order;
	if (!question_may_act(question) || !read_order(question, &order))
		return;
	if (!question->state->ask_work(question->state->projector, &order)) {
		question_refuse(question, 409,
		    "other work on the store is running already, a rebuild or the like; ask again "
		    "when it is done");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_text(object, "state", SLICE("running"));
	question->answer.status = 202;
	question_answer(question, object);
}

static struct json_t *
route_json(const struct route *route)
{
	struct json_t *object = json_new_object();
	json_put_text(object, "path", slice_of(route->path));
	json_put_text(object, "kind", slice_of(route_kind_name(route->kind)));
	json_put_text(object, "workspace", slice_of(route->workspace.text));
	json_put_text(object, "campaign", slice_of(route->campaign.text));
	json_put_text(object, "variant", slice_of(route->variant.text));
	return object;
}

void
upkeep_setup(struct question *question)
{
	const struct endpoints_state *state = question->state;
	struct endpoints_setup setup;
	void *held = state->setup(state->context, &setup);
	struct json_t *object = json_new_object(), *urls = json_new_array(),
		      *routes = json_new_array();

	for (size_t i = 0; i < verifier_url_count(setup.verifier); i++)
		json_push_text(urls, verifier_public_url(setup.verifier, i));
	for (size_t i = 0; i < setup.routes->count; i++)
		json_push(routes, route_json(&setup.routes->items[i]));
	json_put(object, "public_urls", urls);
	json_put_bool(object, "trusts_proxies", setup.trusts_proxies);
	json_put_text(object, "overrides", SLICE(CONNECTION_OVERRIDES_ADVISED));
	json_put(object, "routes", routes);

	state->setup_done(held);
	question_answer(question, object);
}

void
upkeep_openapi(struct question *question)
{
	query_openapi(
	    (struct slice){built_in_openapi, built_in_openapi_size}, &question->answer.body);
}
