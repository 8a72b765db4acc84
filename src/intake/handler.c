#include "dlrd/intake/handler.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/journal/admitted.h"
#include "request_trace.h"

#include <stdlib.h>

#define SHOWN_PATH_MAX 200 /* bytes of an untrusted client's path in the log */

struct handler {
	struct handler_options options;
	struct admission admission;
	struct metric *outcomes[ROUTES_MAX + 1][HANDLER_OUTCOME_COUNT]; /* the last: no route */
	struct metric *failures[VERIFICATION_COUNT];
	struct token_metrics {
		struct metric *used, *last_used;
	} * tokens; /* account_index * TOKEN_LABEL_COUNT + label, then the shared keys */
	struct metric *offers[QUARANTINE_OFFER_RESULT_COUNT]; /* but QUARANTINE_TAKEN */
	struct log_limit refused_log, head_log;
	struct request_trace *trace; /* of the request that is decided; NULL: none is wanted */
};

static const char *const outcome_names[HANDLER_OUTCOME_COUNT] = {
    [HANDLER_KEPT] = "kept",
    [HANDLER_UNVERIFIED] = "unverified",
    [HANDLER_UNAVAILABLE] = "unavailable",
    [HANDLER_MALFORMED] = "malformed",
    [HANDLER_NO_ROUTE] = "no_route",
    [HANDLER_METHOD] = "method",
    [HANDLER_TOO_LARGE] = "too_large",
};

static void
add_route_metrics(struct handler *handler, size_t index, const char *path)
{
	for (int i = 0; i < HANDLER_OUTCOME_COUNT; i++)
		handler->outcomes[index][i] =
		    metrics_add_labelled(handler->options.metrics, METRIC_CALLBACKS, "route",
			slice_of(path), "outcome", slice_of(outcome_names[i]));
}

static struct token_metrics
add_token_metrics(struct metrics *metrics, struct slice account, struct slice token)
{
	return (struct token_metrics){.used = metrics_add_labelled(metrics, METRIC_TOKEN_USED,
					  "account", account, "token", token),
	    .last_used = metrics_add_labelled(
		metrics, METRIC_TOKEN_LAST_USED, "account", account, "token", token)};
}

static struct token_metrics *
shared_key_metrics(const struct handler *handler, size_t index)
{
	size_t accounts = verifier_account_count(handler->options.verifier);
	return &handler->tokens[accounts * TOKEN_LABEL_COUNT + index];
}

static void
add_metrics(struct handler *handler)
{
	struct metrics *metrics = handler->options.metrics;
	const struct routes *routes = handler->options.routes;
	const struct verifier *verifier = handler->options.verifier;
	for (size_t i = 0; i < routes->count; i++)
		add_route_metrics(handler, i, routes->items[i].path);
	add_route_metrics(handler, ROUTES_MAX, "");
	for (int i = VERIFICATION_VALID + 1; i < VERIFICATION_COUNT; i++)
		handler->failures[i] = metrics_add_labelled(metrics, METRIC_SIGNATURE_FAILURES,
		    "cause", slice_of(verification_result_name((enum verification_result)i)), NULL,
		    SLICE_NONE);
	for (int i = QUARANTINE_TAKEN + 1; i < QUARANTINE_OFFER_RESULT_COUNT; i++)
		handler->offers[i] = metrics_add_labelled(metrics, METRIC_QUARANTINE_OFFERED,
		    "fate", slice_of(quarantine_offer_result_name((enum quarantine_offer_result)i)),
		    NULL, SLICE_NONE);
	for (size_t i = 0; i < verifier_account_count(verifier); i++)
		for (int label = 0; label < TOKEN_LABEL_COUNT; label++)
			if (verifier_has_token(verifier, i, (enum token_label)label))
				handler->tokens[i * TOKEN_LABEL_COUNT + (size_t)label] =
				    add_token_metrics(metrics, verifier_account(verifier, i),
					slice_of(token_label_name((enum token_label)label)));
	for (size_t i = 0; i < verifier_shared_key_count(verifier); i++)
		*shared_key_metrics(handler, i) = add_token_metrics(metrics,
		    verifier_shared_key_account(verifier, i), verifier_shared_key(verifier, i));
}

enum result
handler_new(const struct handler_options *options, struct handler **out_handler)
{
	struct handler *handler = calloc(1, sizeof *handler);
	size_t tokens = verifier_account_count(options->verifier) * TOKEN_LABEL_COUNT +
			verifier_shared_key_count(options->verifier);
	struct token_metrics *token_metrics = calloc(tokens + 1, sizeof *token_metrics);
	if (handler == NULL || token_metrics == NULL) {
		free(handler);
		free(token_metrics);
		return RESULT_NO_MEMORY;
	}
	handler->options = *options;
	handler->tokens = token_metrics;
	admission_init(&handler->admission, options->routes, options->verifier, options->keywords,
	    options->limits.fields_max);
	add_metrics(handler);
	*out_handler = handler;
	return RESULT_OK;
}

static void
count(struct handler *handler, const struct route *route, enum handler_outcome outcome)
{
	size_t index =
	    route == NULL ? ROUTES_MAX : (size_t)(route - handler->options.routes->items);
	metric_add(handler->outcomes[index][outcome], 1);
}

void
handler_count(struct handler *handler, struct slice target, enum handler_outcome outcome)
{
	count(handler, routes_find(handler->options.routes, url_path(target)), outcome);
}

/* libmicrohttpd accepts these, and some proxy reads each of them differently (request smuggling,
 * CWE-444; RFC 9112, section 6.3). */
static bool
framing_is_ambiguous(const struct request_head *head)
{
	return head->bad_header || head->bad_length || head->lengths > 1 || head->encodings > 1 ||
	       (head->encodings > 0 && (head->lengths > 0 || !head->chunked)) || head->hosts > 1 ||
	       (head->hosts == 0 && !slice_equal(head->version, SLICE("HTTP/1.0")));
}

/* Without a public URL the host becomes part of the URL that is verified. "name/evil" or
 * "user@name" would make another URL of it. A host that a trusted proxy forwards is checked in
 * incoming_base. */
static bool
host_is_bad(const struct handler *handler, const struct request_head *head)
{
	const struct incoming *incoming = &head->incoming;
	bool forwarded = incoming->from_trusted_proxy && incoming->forwarded_host.len > 0;
	return verifier_url_count(handler->options.verifier) == 0 && !forwarded &&
	       incoming->host.len > 0 && !url_is_authority(incoming->host);
}

static const char *
missing_signature(const struct incoming *incoming)
{
	return incoming->signatures == 0
		   ? "it has no X-Twilio-Signature header: not Twilio's, or a proxy drops it"
		   : "it has several X-Twilio-Signature headers";
}

/* Only Twilio sends a signature: a request with one that is refused by its head is most probably a
 * receipt that a wrong setting loses. Logged without the query, which names campaigns and people.
 */
static void
log_refused_head(
    struct handler *handler, const struct incoming *incoming, unsigned status, bool kept)
{
	static const struct {
		unsigned status;
		const char *why;
	} reasons[] = {
	    {400, "it is malformed, or its Host is not a host and a port; configure the proxy to "
		  "pass the request unchanged"},
	    {404, "no [callback] section has this path; use the path of one in Twilio, configure "
		  "the proxy to pass the path unchanged, or add a section"},
	    {405, "Twilio sends POST; configure the proxy to pass the method unchanged"},
	    {413, "raise [server] body_limit"},
	    {414, "raise [server] request_line_limit"},
	    {431, "raise [server] header_limit"},
	};
	struct signature signature;
	uint64_t swallowed;
	const char *why = NULL;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			why = reasons[i].why;
	if (why == NULL || signature_read(incoming->signature, &signature) != RESULT_OK ||
	    !log_limit_allows(&handler->head_log, 1, &swallowed))
		return;
	struct buffer shown = BUFFER_EMPTY;
	buffer_append_visible(&shown, slice_cut(url_path(incoming->target), SHOWN_PATH_MAX));
	log_line(LOG_WARNING,
	    "answered %u to a request with a signature, on \"%.*s\", and %s: %s (%llu more since "
	    "the last such line)",
	    status, SLICE_ARG(buffer_slice(&shown)),
	    kept ? "stored it in the quarantine" : "did not keep it", why,
	    (unsigned long long)swallowed);
	buffer_done(&shown);
}

/* Only Twilio sends a signature, so a request for a path without a section is most probably a
 * mistake in the configuration: its body is read before it is answered 404. */
static bool
is_kept_without_route(const struct handler *handler, const struct incoming *incoming)
{
	return handler->options.quarantine != NULL && incoming->signatures == 1 &&
	       (incoming_is_get(incoming) || slice_equal(incoming->method, SLICE("POST")));
}

/* The status that refuses the request by its head, or 0. */
static unsigned
refuse_head(const struct handler *handler, const struct request_head *head,
    const struct route *route, enum handler_outcome *out_outcome)
{
	const struct handler_limits *limits = &handler->options.limits;
	const struct incoming *incoming = &head->incoming;

	*out_outcome = HANDLER_MALFORMED;
	if (!incoming_target_is_readable(incoming) || host_is_bad(handler, head))
		return 400;

	*out_outcome = HANDLER_TOO_LARGE;
	if (incoming->target.len > limits->target_max)
		return 414;
	if (head->header_bytes > limits->headers_max)
		return 431;

	*out_outcome = HANDLER_NO_ROUTE;
	if (route == NULL && !is_kept_without_route(handler, incoming))
		return 404;

	*out_outcome = HANDLER_METHOD;
	if (!incoming_is_get(incoming) && !slice_equal(incoming->method, SLICE("POST")))
		return 405;

	*out_outcome = HANDLER_TOO_LARGE;
	return head->content_length > limits->body_max ? 413 : 0;
}

unsigned
handler_head(struct handler *handler, const struct request_head *head, bool *out_close)
{
	const struct incoming *incoming = &head->incoming;
	const struct route *route =
	    routes_find(handler->options.routes, url_path(incoming->target));
	enum handler_outcome outcome = HANDLER_MALFORMED;

	*out_close = framing_is_ambiguous(head);
	unsigned status = *out_close ? 400 : refuse_head(handler, head, route, &outcome);
	if (status != 0) {
		count(handler, route, outcome);
		log_refused_head(handler, incoming, status, false);
	}
	return status;
}

bool
handler_has_verified(const void *context, struct slice account)
{
	const struct handler *handler = context;
	size_t index;

	if (account.ptr == NULL ||
	    !verifier_find_account(handler->options.verifier, account, &index))
		return false;
	for (int label = 0; label < TOKEN_LABEL_COUNT; label++)
		if (metric_value(handler->tokens[index * TOKEN_LABEL_COUNT + (size_t)label].used) >
		    0)
			return true;
	for (size_t i = 0; i < verifier_shared_key_count(handler->options.verifier); i++)
		if (slice_equal(
			verifier_shared_key_account(handler->options.verifier, i), account) &&
		    metric_value(shared_key_metrics(handler, i)->used) > 0)
			return true;
	return false;
}

static void
offer(struct handler *handler, const struct incoming *incoming,
    const struct admission_decision *decision)
{
	const struct route *route = decision->route;
	struct quarantined quarantined = {.incoming = *incoming,
	    .route = route == NULL ? SLICE("") : slice_of(route->path),
	    .stray = route == NULL,
	    .account = decision->account};

	/* Two headers stay two when the file is read, which has one value. */
	quarantined.incoming.settings = incoming_settings(incoming);
	if (incoming_is_get(incoming))
		quarantined.incoming.body = SLICE_NONE;

	enum quarantine_offer_result result =
	    quarantine_offer(handler->options.quarantine, &quarantined);
	if (result != QUARANTINE_TAKEN)
		metric_add(handler->offers[result], 1);
	if (handler->trace != NULL)
		handler->trace->fate = quarantine_offer_result_name(result);
}

/* Only Twilio sends a signature: a request with one is stored in the quarantine, to find out
 * later why it was refused (diagnoser.h). So is one that names an unknown account, or the time
 * of the answer would show which accounts are configured. A request without a signature, or with
 * several, is not Twilio's. */
static void
note_refusal(struct handler *handler, const struct incoming *incoming,
    const struct admission_decision *decision)
{
	enum verification_result result = decision->verification.result;
	uint64_t swallowed = 0;

	metric_add(handler->failures[result], 1);
	if (incoming->signatures == 1) {
		if (handler->options.quarantine != NULL)
			offer(handler, incoming, decision);
	} else if (log_limit_allows(&handler->refused_log, 1, &swallowed))
		log_line(LOG_WARNING, "refused a request on %.40s (%s): %s; not kept (%llu more)",
		    decision->route->path, verification_result_name(result),
		    missing_signature(incoming), (unsigned long long)swallowed);
}

/* A request for a path without a section is kept for the time when it has one. */
static void
note_no_route(struct handler *handler, const struct incoming *incoming,
    const struct admission_decision *decision)
{
	if (handler->options.quarantine != NULL)
		offer(handler, incoming, decision);
	log_refused_head(handler, incoming, 404, true);
}

static void
note_token(struct handler *handler, const struct verification *verification, int64_t now_us)
{
	const struct token_metrics *token =
	    verification->shared_key.ptr != NULL
		? shared_key_metrics(handler, verification->shared_key_index)
		: &handler->tokens[verification->account_index * TOKEN_LABEL_COUNT +
				   (size_t)verification->label];

	metric_add(token->used, 1);
	metric_set(token->last_used, (double)(now_us / CLOCK_SECOND_US));
}

/* The answer of a request that is not stored. */
static struct decision
refuse(struct handler *handler, const struct admission_decision *decision, unsigned status,
    enum handler_outcome outcome)
{
	count(handler, decision->route, outcome);
	return (struct decision){.status = status};
}

static struct decision
decide(struct handler *handler, const struct incoming *incoming)
{
	struct admission_decision decision;

	admission_check(&handler->admission, incoming, &decision);
	if (handler->trace != NULL)
		request_trace_note(handler->trace, &handler->admission, incoming, &decision);
	switch (decision.result) {
	case ADMISSION_ADMITTED: break;
	case ADMISSION_NO_ROUTE:
		note_no_route(handler, incoming, &decision);
		return refuse(handler, &decision, 404, HANDLER_NO_ROUTE);
	case ADMISSION_UNVERIFIED:
		note_refusal(handler, incoming, &decision);
		return refuse(handler, &decision, 403, HANDLER_UNVERIFIED);
	case ADMISSION_TOO_MANY_FIELDS: return refuse(handler, &decision, 413, HANDLER_TOO_LARGE);
	case ADMISSION_UNDECIDED: return refuse(handler, &decision, 503, HANDLER_UNAVAILABLE);
	}

	note_token(handler, &decision.verification, incoming->arrived_us);
	return (struct decision){.kept_status = decision.status,
	    .answer = decision.answer,
	    .entry = admitted_entry(incoming, &decision)};
}

struct decision
handler_body(struct handler *handler, const struct incoming *incoming, struct request_trace *trace)
{
	handler->trace = trace;
	struct decision decision = decide(handler, incoming);

	admission_release(&handler->admission);
	return decision;
}

size_t
handler_work(const struct handler *handler, const struct incoming *incoming)
{
	return admission_work(&handler->admission, incoming);
}

size_t
handler_memory(const struct handler *handler)
{
	size_t queued = handler->options.quarantine == NULL
			    ? 0
			    : quarantine_memory(handler->options.quarantine);

	return admission_memory(&handler->admission) + queued;
}

void
handler_free(struct handler *handler)
{
	if (handler == NULL)
		return;
	admission_done(&handler->admission);
	free(handler->tokens);
	free(handler);
}
