#include "dlrd/projector/decoder.h"

void
decoder_init(struct decoder *decoder, const struct routes *routes)
{
	*decoder = (struct decoder){.routes = routes};
}

/* The intake has let no request with more fields in; this only bounds a foreign journal. */
#define FIELDS_MAX 65536

static struct slice
look_up_tag(const void *context, struct slice name)
{
	return form_get(context, name);
}

/* How well a query fitted its route's templates. A route that is no longer configured fits nothing.
 */
struct fit {
	bool campaign, all;
};

static struct fit
fill_tags(struct decoder *decoder, const struct route *route, struct event *event)
{
	struct buffer *names = &decoder->names;
	struct fit fit = {false, false};
	buffer_clear(names);
	if (route == NULL)
		return fit;
	fit.all = tags_template_fill(&route->workspace, look_up_tag, &decoder->tags, names);
	size_t campaign = names->len;
	fit.campaign = tags_template_fill(&route->campaign, look_up_tag, &decoder->tags, names);
	size_t variant = names->len;
	fit.all &= tags_template_fill(&route->variant, look_up_tag, &decoder->tags, names);
	fit.all &= fit.campaign;
	struct slice text = buffer_slice(names);
	event->workspace = (struct slice){text.ptr, campaign};
	event->campaign = (struct slice){text.ptr + campaign, variant - campaign};
	event->variant = slice_from(text, variant);
	return fit;
}

/* A reply or a click is seldom tagged, and nobody expects it to be. */
static bool
wants_tags(const struct event *event)
{
	return event->folds && event->type != EVENT_REPLIED;
}

static void
fill_status(struct event *event, const struct callback *callback)
{
	event->status = status_from_name(callback->status);
	event->status_text =
	    event->status == STATUS_UNKNOWN ? callback->status : status_name(event->status);
	event->type = event_type_of_status(event->status);
	event->folds = true;
}

static void
fill_meaning(
    struct event *event, const struct callback *callback, const struct journal_entry *entry)
{
	event->message = callback->message;
	event->from = callback->from;
	event->to = callback->to;
	event->service = callback->service;
	event->error_code = callback->error_code;
	event->done_date = callback->done_date;
	if (callback->account.ptr != NULL)
		event->account = callback->account;
	switch (callback->kind) {
	case CALLBACK_STATUS:
		fill_status(event, callback);
		event->body = callback->body;
		return;
	case CALLBACK_INBOUND:
		event->type = EVENT_REPLIED;
		event->status = STATUS_RECEIVED;
		event->status_text = status_name(STATUS_RECEIVED);
		event->body = callback->body;
		event->keyword = keyword_name(callback->keyword);
		event->folds = true;
		return;
	case CALLBACK_UNRECOGNISED:
		event->status_text = callback->status;
		event->raw_body = entry->body;
		event->raw_query = entry->query;
		return;
	}
}

static enum result
decode_parameters(struct decoder *decoder, const struct journal_entry *entry,
    const struct route *route, struct event *event)
{
	bool is_get = slice_equal(entry->method, SLICE("GET"));
	struct slice text = is_get ? entry->query : entry->body;
	if (!is_get && !form_is_body(entry->media_type, entry->body)) {
		event->raw_query = entry->query;
		event->raw_body = entry->body;
		return RESULT_OK;
	}
	enum result result = form_decode(&decoder->parameters, text, FIELDS_MAX);
	if (result != RESULT_OK)
		return result;
	struct callback callback =
	    callback_read(&decoder->parameters, route == NULL ? ROUTE_AUTO : route->kind);
	fill_meaning(event, &callback, entry);
	result = callback_extra(&decoder->parameters, &callback, &decoder->extra);
	if (decoder->extra.len > 0)
		event->extra = buffer_slice(&decoder->extra);
	return result;
}

enum result
decoder_decode(struct decoder *decoder, const struct journal_entry *entry, struct event *out_event)
{
	struct event event = {.journal_seq = entry->seq,
	    .time_us = entry->received_us,
	    .type = EVENT_UNRECOGNISED,
	    .error_code = -1,
	    .account = entry->account};
	const struct route *route = routes_find(decoder->routes, entry->route);
	buffer_clear(&decoder->extra);
	enum result result = form_decode(&decoder->tags, entry->query, FIELDS_MAX);
	if (result == RESULT_OK)
		result = decode_parameters(decoder, entry, route, &event);
	if (result != RESULT_OK)
		return RESULT_NO_MEMORY;
	struct fit fit = fill_tags(decoder, route, &event);
	event.tags_fit = fit.campaign || !wants_tags(&event);
	if (decoder->names.failed)
		return RESULT_NO_MEMORY;
	if (!fit.all && entry->query.len > 0)
		event.raw_query = entry->query;
	*out_event = event;
	return RESULT_OK;
}

void
decoder_done(struct decoder *decoder)
{
	form_done(&decoder->parameters);
	form_done(&decoder->tags);
	buffer_done(&decoder->names);
	buffer_done(&decoder->extra);
}
