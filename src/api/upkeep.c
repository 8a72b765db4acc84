#include "upkeep.h"
#include "dlrd/query/openapi.h"

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

void
upkeep_rebuild(struct question *question)
{
	static const char *const states[] = {[REBUILD_NONE] = "none",
	    [REBUILD_RUNNING] = "running",
	    [REBUILD_DONE] = "done",
	    [REBUILD_FAILED] = "failed"};
	struct projector_rebuild rebuild = {0};
	question->state->read_rebuild(question->state->projector, &rebuild);

	bool done = rebuild.state == REBUILD_DONE, failed = rebuild.state == REBUILD_FAILED;
	const struct store_rebuilt none = {0}, *rebuilt = done ? &rebuild.rebuilt : &none;
	struct json_t *object = json_new_object();
	json_put_text(object, "state", slice_of(states[rebuild.state]));
	json_put_int(object, "messages", (int64_t)rebuilt->messages);
	json_put_int(object, "mended", (int64_t)rebuilt->corrected);
	json_put_int(object, "replies", (int64_t)rebuilt->replies);
	json_put_int(object, "figures", (int64_t)rebuilt->figures);
	json_put_int(object, "campaigns", (int64_t)rebuilt->campaigns);
	json_put_int(object, "optouts", (int64_t)rebuilt->optouts);
	json_put_text(object, "error", failed ? slice_of(rebuild.why) : SLICE_NONE);
	question_answer(question, object);
}

void
upkeep_ask_rebuild(struct question *question)
{
	if (!question_may_act(question))
		return;
	if (!question->state->ask_rebuild(question->state->projector)) {
		question_refuse(question, 409,
		    "a rebuild is running already; GET /v1/rebuild shows when it is done");
		return;
	}
	struct json_t *object = json_new_object();
	json_put_text(object, "state", SLICE("running"));
	question->answer.status = 202;
	question_answer(question, object);
}

void
upkeep_openapi(struct question *question)
{
	query_openapi(
	    (struct slice){built_in_openapi, built_in_openapi_size}, &question->answer.body);
}
