#include "dlrd/projector/work.h"

#include "dlrd/base/log.h"
#include "dlrd/projector/tagger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct work_description descriptions[WORK_KIND_COUNT] = {
    [WORK_REBUILD] = {.path = "/v1/rebuild",
	.noun = "a rebuild",
	.counts = {{"messages", "messages"}, {"mended", "of them"}, {"replies", "replies"},
	    {"figures", "figures"}, {"campaigns", "campaigns' times"}, {"optouts", "opt-outs"}},
	.count = 6},
    [WORK_RETAG] = {.path = "/v1/retag",
	.noun = "new tags",
	.counts = {{"receipts", "receipts"}, {"changed", "receipts"}, {"messages", "messages"},
	    {"unknown", "receipts"}},
	.count = 4},
    [WORK_UNDO] = {.path = "/v1/simulations/undo",
	.noun = "a removal of simulated receipts",
	.counts = {{"receipts", "receipts"}, {"messages", "messages"}},
	.count = 2},
};

const struct work_description *
work_describe(enum work_kind kind)
{
	return &descriptions[kind];
}

/* --- tags --- */

struct retagging {
	struct tagger tagger;
	struct json_t *moves;
	struct buffer agreed; /* tags of the first route, while several are tried */
};

static struct tags
tags_of(const struct event *event)
{
	return (struct tags){event->workspace, event->campaign, event->variant};
}

/* The tags as one text. */
static void
append_tags(struct buffer *out, const struct tags *tags)
{
	buffer_appendf(out, "%.*s%c%.*s%c%.*s", SLICE_ARG(tags->workspace), '\n',
	    SLICE_ARG(tags->campaign), '\n', SLICE_ARG(tags->variant));
}

/* The path of a URL that an older dlrd stored is not known: its tags are, if those that the routes
 * read are the same. */
static enum result
try_routes(struct retagging *retagging, struct event *event, bool *out_known)
{
	const struct routes *routes = retagging->tagger.routes;
	enum result result = RESULT_OK;
	struct tagger_fit fit;
	struct buffer other = BUFFER_EMPTY;
	bool same = routes->count > 0;

	for (size_t i = 0; i < routes->count && same && result == RESULT_OK; i++) {
		struct buffer *text = i == 0 ? &retagging->agreed : &other;
		event->source_path = slice_of(routes->items[i].path);
		result = tagger_fill(&retagging->tagger, event, &fit);
		const struct tags tags = tags_of(event);
		buffer_clear(text);
		append_tags(text, &tags);
		same = i == 0 || slice_equal(buffer_slice(text), buffer_slice(&retagging->agreed));
	}
	if (retagging->agreed.failed || other.failed)
		result = RESULT_NO_MEMORY;
	buffer_done(&other);
	*out_known = same;
	return result;
}

static enum result
tag(void *context, struct slice path, struct slice query, struct tags *out_tags, bool *out_known)
{
	struct retagging *retagging = context;
	struct event event = {.source_path = path, .source_query = query};
	struct tagger_fit fit;
	enum result result = path.ptr == NULL ? try_routes(retagging, &event, out_known)
					      : tagger_fill(&retagging->tagger, &event, &fit);
	/* Without a route there is no template that could say otherwise. */
	if (result == RESULT_OK && path.ptr != NULL)
		*out_known = fit.route != NULL;
	*out_tags = tags_of(&event);
	return result;
}

static void
note_move(void *context, const struct store_move *move)
{
	struct retagging *retagging = context;
	if (json_count(retagging->moves) == WORK_MOVES_MAX)
		return;
	struct json_t *object = json_new_object();
	json_put_text(object, "from_workspace", move->from_workspace);
	json_put_text(object, "from_campaign", move->from_campaign);
	json_put_text(object, "to_workspace", move->to_workspace);
	json_put_text(object, "to_campaign", move->to_campaign);
	json_put_int(object, "messages", (int64_t)move->messages);
	json_push(retagging->moves, object);
}

static char *
text_of(const struct json_t *value)
{
	struct buffer text = BUFFER_EMPTY;
	if (json_write(value, &text) != RESULT_OK)
		buffer_clear(&text);
	buffer_append_byte(&text, '\0');
	return text.ptr;
}

static enum result
retag(const struct work_order *order, struct store *store, const struct routes *routes,
    struct work_result *out_result)
{
	struct retagging retagging = {.moves = json_new_array()};
	struct store_retagged retagged = {0};
	const struct store_retag wanted = {.from_us = order->from_us,
	    .to_us = order->to_us,
	    .tag = tag,
	    .on_moved = note_move,
	    .context = &retagging};
	tagger_init(&retagging.tagger, routes);
	enum result result = store_retag(store, &wanted, &retagged);
	const uint64_t counts[] = {
	    retagged.receipts, retagged.changed, retagged.messages, retagged.unknown};
	memcpy(out_result->counts, counts, sizeof counts);
	if (result == RESULT_OK)
		out_result->moves = text_of(retagging.moves);
	tagger_done(&retagging.tagger);
	buffer_done(&retagging.agreed);
	json_free(retagging.moves);
	return result;
}

/* --- all kinds --- */

static enum result
rebuild(struct store *store, struct work_result *out_result)
{
	struct store_rebuilt rebuilt = {0};
	enum result result = store_rebuild(store, &rebuilt);
	const uint64_t counts[] = {rebuilt.messages, rebuilt.corrected, rebuilt.replies,
	    rebuilt.figures, rebuilt.campaigns, rebuilt.optouts};
	memcpy(out_result->counts, counts, sizeof counts);
	return result;
}

static enum result
undo(const struct work_order *order, struct store *store, struct work_result *out_result)
{
	struct store_removed removed = {0};
	enum result result =
	    store_remove(store, SLICE(WORK_SIMULATED), slice_of(order->run), &removed);
	const uint64_t counts[] = {removed.receipts, removed.messages};
	memcpy(out_result->counts, counts, sizeof counts);
	return result;
}

struct work_result
work_do(const struct work_order *order, struct store *store, const struct routes *routes)
{
	struct work_result done = {.state = WORK_DONE};
	enum result result = RESULT_OK;
	switch (order->kind) {
	case WORK_REBUILD: result = rebuild(store, &done); break;
	case WORK_RETAG: result = retag(order, store, routes, &done); break;
	case WORK_UNDO: result = undo(order, store, &done); break;
	case WORK_KIND_COUNT: break;
	}

	if (result != RESULT_OK) {
		done = (struct work_result){.state = WORK_FAILED};
		snprintf(
		    done.why, sizeof done.why, "%s: %s", result_text(result), store_error(store));
	}
	return done;
}

void
work_log(enum work_kind kind, const struct work_result *result)
{
	const unsigned long long first = result->counts[0], second = result->counts[1],
				 third = result->counts[2];
	if (result->state == WORK_FAILED)
		log_line(LOG_ERROR, "%s failed, and nothing was changed: %s",
		    work_describe(kind)->noun, result->why);
	else if (kind == WORK_REBUILD)
		log_line(LOG_INFO,
		    "rebuilt from the receipts: %llu messages, %llu of them repaired", first,
		    second);
	else if (kind == WORK_RETAG)
		log_line(LOG_INFO,
		    "tags read again: of %llu receipts, %llu have other ones; %llu messages moved",
		    first, second, third);
	else
		log_line(
		    LOG_INFO, "removed a simulation: %llu receipts, %llu messages", first, second);
}

struct json_t *
work_json(enum work_kind kind, const struct work_result *result)
{
	static const char *const states[] = {[WORK_NONE] = "none",
	    [WORK_RUNNING] = "running",
	    [WORK_DONE] = "done",
	    [WORK_FAILED] = "failed"};
	const struct work_description *description = work_describe(kind);
	struct json_t *object = json_new_object(), *moves = NULL;
	bool failed = result->state == WORK_FAILED;

	json_put_text(object, "state", slice_of(states[result->state]));
	for (size_t i = 0; i < description->count; i++)
		json_put_int(object, description->counts[i].key, (int64_t)result->counts[i]);
	if (kind == WORK_RETAG) {
		if (result->moves == NULL ||
		    json_parse(slice_of(result->moves), &moves) != RESULT_OK)
			moves = json_new_array();
		json_put(object, "moved", moves);
	}
	json_put_text(object, "error", failed ? slice_of(result->why) : SLICE_NONE);
	return object;
}

struct work_result
work_copy(const struct work_result *result)
{
	struct work_result copy = *result;
	if (result->moves != NULL)
		copy.moves = strdup(result->moves);
	return copy;
}

void
work_done(struct work_result *result)
{
	free(result->moves);
	result->moves = NULL;
}
