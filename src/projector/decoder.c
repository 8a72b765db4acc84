#include "dlrd/projector/decoder.h"

#include "dlrd/base/log.h"
#include "dlrd/twilio/address.h"
#include "dlrd/twilio/json_callback.h"
#include "dlrd/twilio/signature.h"
#include "dlrd/twilio/url.h"

/* The intake accepts no request with more fields; this bounds entries of other origin. */
#define FIELDS_MAX 65536

/* Code of a failed message whose recipient has opted out (twilio.com/docs/api/errors/21610). */
#define CODE_OPTED_OUT 21610

/* One entry that is being decoded. */
struct decoding {
	struct decoder *decoder;
	const struct journal_entry *entry;
	const struct route *route; /* NULL for one that is no longer configured */
	decoded_fn on_event;
	void *context;
};

void
decoder_init(struct decoder *decoder, const struct routes *routes, const struct keywords *keywords,
    const struct verifier *verifier)
{
	*decoder = (struct decoder){.keywords = keywords, .verifier = verifier};
	tagger_init(&decoder->tagger, routes);
	noticer_init(&decoder->noticer, routes);
}

/* --- tags --- */

/* Whether the event should have tags. Replies, clicks and events of a stream seldom have them. */
static bool
wants_tags(const struct event *event)
{
	return event->folds && !event->stream && event->type != EVENT_REPLIED &&
	       event->type != EVENT_CLICKED;
}

/* Finds the path and query that have the event's tags. Event Streams posts to one URL for all
 * messages, but names the callback URL that each message was sent with, whose query has the
 * campaign's tags. */
static void
find_source(const struct decoding *decoding, const struct callback *callback, struct event *event)
{
	const struct decoder *decoder = decoding->decoder;
	struct slice base, target = SLICE_NONE;
	event->source_path = decoding->entry->route;
	event->source_query = decoding->entry->query;
	if (callback->status_url.len == 0 ||
	    url_split(callback->status_url, &base, &target) != RESULT_OK)
		return;

	if (decoder->verifier != NULL)
		verifier_find_target(decoder->verifier, callback->status_url, &target);
	if (routes_find(decoder->tagger.routes, url_path(target)) != NULL)
		event->source_path = url_path(target);
	event->source_query = url_query(target);
}

/* Whether the query has information that the event's fields lack. */
static bool
query_is_worth_keeping(struct slice query, const struct tagger_fit *fit)
{
	bool hash_alone =
	    slice_starts_with(query, SLICE("bodySHA256=")) && slice_find(query, '&') == query.len;
	return !fit->all && query.len > 0 && !hash_alone;
}

/* --- meaning --- */

static void
fill_status(struct event *event, const struct callback *callback)
{
	event->status = status_from_name(callback->status);
	event->status_text =
	    event->status == STATUS_UNKNOWN ? callback->status : status_spelling(callback->status);
	event->type = event_type_of_status(event->status);
	event->body = callback->body;
	event->folds = true;

	if (event->type == EVENT_FAILED && event->error_code == CODE_OPTED_OUT) {
		event->consent = CONSENT_OUT;
		event->cause = SLICE("error-21610");
	}
}

static struct slice
cause_of(const struct keyword_match *match)
{
	bool tolerated = match->rule == KEYWORD_RULE_TOLERATED;
	if (match->rule == KEYWORD_RULE_OPT_OUT_TYPE)
		return SLICE("opt-out-type");
	if (match->configured)
		return tolerated ? SLICE("configured-keyword-tolerated")
				 : SLICE("configured-keyword");
	return tolerated ? SLICE("keyword-tolerated") : SLICE("keyword");
}

/* Whether the keyword does not opt the person in after all. The network handles opt-outs from
 * toll-free numbers, and knows STOP, START and UNSTOP, but not YES (help article 360058144374). */
static bool
is_no_start(const struct keyword_match *match, struct slice sender)
{
	return match->keyword == KEYWORD_START && match->rule != KEYWORD_RULE_OPT_OUT_TYPE &&
	       slice_equal(match->word, SLICE("YES")) && address_kind(sender) == ADDRESS_TOLL_FREE;
}

void
decoder_fill_reply(
    struct event *event, const struct callback *callback, const struct keywords *keywords)
{
	/* As admission.c has answered it: the entry has the time of its request. */
	struct keyword_message message = keyword_message_of(callback, event->time_us);
	struct keyword_match match = keywords_match(keywords, &message);

	event->type = EVENT_REPLIED;
	event->status = STATUS_RECEIVED;
	event->status_text = status_name(STATUS_RECEIVED);
	event->body = callback->body;
	event->original = callback->original;
	event->folds = true;
	event->keyword = match.name;

	/* HELP has a cause as well, although it does not change consent. */
	if (match.rule == KEYWORD_RULE_OPT_OUT_TYPE)
		event->cause = cause_of(&match);
	if (match.keyword == KEYWORD_NONE)
		event->near_miss = keywords_near_miss(keywords, &message);
	else if (is_no_start(&match, callback->to))
		event->near_miss = match.word;
	else if (match.keyword == KEYWORD_STOP || match.keyword == KEYWORD_START) {
		event->consent = match.keyword == KEYWORD_STOP ? CONSENT_OUT : CONSENT_IN;
		event->cause = cause_of(&match);
	}
}

/* Whether the URL is one of our routes below one of our public URLs; below any URL if none is
 * configured. */
static bool
is_ours(const struct decoder *decoder, struct slice url)
{
	const struct verifier *verifier = decoder->verifier;
	struct slice base, target = SLICE_NONE;

	if (verifier != NULL && verifier_url_count(verifier) > 0)
		return verifier_find_target(verifier, url, &target) &&
		       routes_find(decoder->tagger.routes, url_path(target)) != NULL;
	return url_split(url, &base, &target) == RESULT_OK &&
	       routes_find(decoder->tagger.routes, url_path(target)) != NULL;
}

static void
fill_alert(struct decoder *decoder, struct event *event, const struct callback *callback)
{
	struct alert *alert = &decoder->alert;
	alert_done(alert);
	alert_read(callback->payload, alert);

	decoder->event_alert = (struct event_alert){.level = callback->status,
	    .resource = alert->resource,
	    .request_url = alert->request_url,
	    .method = alert->method,
	    .text = alert->text,
	    .response_status = alert->response_status,
	    .ours = is_ours(decoder, alert->request_url)};

	event->alert = &decoder->event_alert;
	event->type = EVENT_PROGRESS;
	if (event->error_code < 0)
		event->error_code = alert->error_code;
}

/* Adds an alert to an event that shows a wrong setting in Twilio; the event's meaning is the same.
 */
static enum result
add_notice(struct decoding *decoding, struct event *event, const struct callback *callback)
{
	struct decoder *decoder = decoding->decoder;
	if (!noticer_wants(callback))
		return RESULT_OK;

	event->alert = &decoder->event_alert;
	return noticer_fill(&decoder->noticer, callback, decoding->entry->route,
	    is_ours(decoder, callback->failed_url), &decoder->event_alert);
}

/* Whether Twilio opted the number out (docs/events/event-types/messaging/compliance-toolkit). The
 * documentation has one spelling of the word; case and underscores are accepted. */
static bool
creates_opt_out(struct slice operation)
{
	const struct slice word = SLICE("opt-out-created");
	bool same = operation.len == word.len;

	for (size_t i = 0; same && i < word.len; i++) {
		char byte = operation.ptr[i] == '_' ? '-' : operation.ptr[i];
		same =
		    slice_equal_nocase((struct slice){&byte, 1}, (struct slice){&word.ptr[i], 1});
	}

	return same;
}

static void
fill_meaning(struct decoding *decoding, struct event *event, const struct callback *callback)
{
	event->status_text = callback->status;

	switch (callback->kind) {
	case CALLBACK_STATUS: fill_status(event, callback); return;
	case CALLBACK_INBOUND:
		decoder_fill_reply(event, callback, decoding->decoder->keywords);
		return;
	case CALLBACK_CLICK:
		event->type = EVENT_CLICKED;
		event->folds = true;
		return;
	case CALLBACK_REASSIGNED:
		event->type = EVENT_PROGRESS;
		if (creates_opt_out(callback->status)) {
			event->consent = CONSENT_OUT;
			event->cause = SLICE("reassigned-number");
		}
		return;
	case CALLBACK_PREVIEW:
	case CALLBACK_NOTICE: event->type = EVENT_PROGRESS; return;
	case CALLBACK_ALERT: fill_alert(decoding->decoder, event, callback); return;
	case CALLBACK_UNRECOGNISED:
		/* An inbound message on a route for receipts. Its From is a person and not a
		 * sender of ours; the raw body still has both addresses. */
		if (status_from_name(callback->status) == STATUS_RECEIVED)
			event->from = event->to = SLICE_NONE;
		return;
	}
}

/* Builds the event of a callback and passes it on. raw is the callback's own part of a body with
 * several. */
static enum result
pass_event(void *context, const struct callback *callback, struct slice extra, struct slice raw)
{
	struct decoding *decoding = context;
	const struct journal_entry *entry = decoding->entry;
	struct event event = {.journal_seq = entry->seq,
	    .time_us = entry->received_us,
	    .type = EVENT_UNRECOGNISED,
	    .error_code = callback->error_code,
	    .account = callback->account.ptr != NULL ? callback->account : entry->account,
	    .message = callback->message,
	    .from = callback->from,
	    .to = callback->to,
	    .service = callback->service,
	    .done_date = callback->done_date,
	    .link = callback->link,
	    .occurred = callback->occurred,
	    .reference = callback->reference,
	    .alias = callback->alias,
	    .signed_text = buffer_slice(&decoding->decoder->signed_text),
	    .stream = callback->stream,
	    .extra = extra};
	struct tagger *tagger = &decoding->decoder->tagger;
	struct tagger_fit fit;
	fill_meaning(decoding, &event, callback);
	find_source(decoding, callback, &event);
	if (add_notice(decoding, &event, callback) != RESULT_OK ||
	    tagger_fill(tagger, &event, &fit) != RESULT_OK)
		return RESULT_NO_MEMORY;

	bool unrecognised = callback->kind == CALLBACK_UNRECOGNISED;
	event.tags_fit = fit.campaign == TAGS_FIT || !wants_tags(&event);
	if (!event.tags_fit)
		tagger_log_untagged(tagger, &fit);
	if (unrecognised)
		event.raw_body = raw.ptr != NULL ? raw : entry->body;
	if (unrecognised || query_is_worth_keeping(entry->query, &fit))
		event.raw_query = entry->query;

	return decoding->on_event(decoding->context, &event);
}

/* Collects the text that Twilio signed. The parameters of a GET are its query. */
static enum result
gather_signed_text(struct decoder *decoder, struct slice query, bool is_form)
{
	struct buffer *text = &decoder->signed_text;
	buffer_clear(text);
	if (!buffer_reserve(text, query.len))
		return RESULT_NO_MEMORY;

	if (query.len > 0)
		text->len = form_unescape(query, text->ptr).len;
	return is_form ? signature_append_parameters(text, &decoder->parameters) : RESULT_OK;
}

static enum result
decode_parameters(struct decoding *decoding, struct slice text, enum route_kind kind)
{
	struct decoder *decoder = decoding->decoder;
	buffer_clear(&decoder->extra);
	bool is_get = slice_equal(decoding->entry->method, SLICE("GET"));

	if (form_decode(&decoder->parameters, text, FIELDS_MAX) != RESULT_OK ||
	    gather_signed_text(decoder, decoding->entry->query, !is_get) != RESULT_OK)
		return RESULT_NO_MEMORY;

	struct callback callback = callback_read(&decoder->parameters, kind);
	enum result result = callback_extra(&decoder->parameters, &callback, &decoder->extra);
	struct slice extra = decoder->extra.len > 0 ? buffer_slice(&decoder->extra) : SLICE_NONE;
	return result == RESULT_OK ? pass_event(decoding, &callback, extra, SLICE_NONE) : result;
}

enum result
decoder_decode(
    struct decoder *decoder, const struct journal_entry *entry, decoded_fn on_event, void *context)
{
	struct decoding decoding = {.decoder = decoder,
	    .entry = entry,
	    .route = routes_find(decoder->tagger.routes, entry->route),
	    .on_event = on_event,
	    .context = context};
	enum route_kind kind = decoding.route == NULL ? ROUTE_AUTO : decoding.route->kind;

	if (slice_equal(entry->method, SLICE("GET")))
		return decode_parameters(&decoding, entry->query, kind);
	if (form_is_body(entry->media_type, entry->body))
		return decode_parameters(&decoding, entry->body, kind);

	enum result result = gather_signed_text(decoder, entry->query, false);
	return result == RESULT_OK ? callback_read_json(entry->body, kind, pass_event, &decoding)
				   : result;
}

void
decoder_done(struct decoder *decoder)
{
	form_done(&decoder->parameters);
	tagger_done(&decoder->tagger);
	noticer_done(&decoder->noticer);
	buffer_done(&decoder->extra);
	buffer_done(&decoder->signed_text);
	alert_done(&decoder->alert);
}
