#include "dlrd/intake/handler.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/query_respelling.h"

#include <stdlib.h>

#define SHOWN_PATH_MAX 200 /* bytes of a stranger's path in the log */
/* The form and its signed text keep their memory for the next request up to this size each. */
#define KEEP_BYTES 65536

struct handler {
	struct handler_options options;
	struct form form;
	struct buffer scratch;
	struct metric *outcomes[ROUTES_MAX + 1][OUTCOME_LABEL_COUNT]; /* the last: no route */
	struct metric *verdicts[VERDICT_COUNT];
	struct token_metrics {
		struct metric *used, *last_used;
	} * tokens; /* account_index * TOKEN_LABEL_COUNT + label, then the shared keys */
	struct metric *fates[QUARANTINE_FATE_COUNT]; /* but QUARANTINE_TAKEN */
	struct log_limit refused_log, head_log;
};

static const char *const outcome_names[OUTCOME_LABEL_COUNT] = {
    [OUTCOME_KEPT] = "kept",
    [OUTCOME_UNVERIFIED] = "unverified",
    [OUTCOME_UNAVAILABLE] = "unavailable",
    [OUTCOME_MALFORMED] = "malformed",
    [OUTCOME_NO_ROUTE] = "no_route",
    [OUTCOME_METHOD] = "method",
    [OUTCOME_TOO_LARGE] = "too_large",
};

static struct metric *
add_metric(struct metrics *metrics, enum metric_family family, const char *first_name,
    struct slice first, const char *second_name, struct slice second)
{
	struct buffer labels = BUFFER_EMPTY;
	struct metric *metric = NULL;
	if (metrics == NULL)
		return NULL;
	metrics_label(&labels, first_name, first);
	if (second_name != NULL)
		metrics_label(&labels, second_name, second);
	buffer_append_byte(&labels, '\0');
	if (!labels.failed)
		metric = metrics_add(metrics, family, labels.ptr);
	buffer_done(&labels);
	return metric;
}

static void
add_route_metrics(struct handler *handler, size_t index, const char *path)
{
	for (int i = 0; i < OUTCOME_LABEL_COUNT; i++)
		handler->outcomes[index][i] = add_metric(handler->options.metrics, METRIC_CALLBACKS,
		    "route", slice_of(path), "outcome", slice_of(outcome_names[i]));
}

static struct token_metrics
add_token_metrics(struct metrics *metrics, struct slice account, struct slice token)
{
	return (struct token_metrics){
	    .used = add_metric(metrics, METRIC_TOKEN_USED, "account", account, "token", token),
	    .last_used =
		add_metric(metrics, METRIC_TOKEN_LAST_USED, "account", account, "token", token)};
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
	for (int i = VERDICT_VALID + 1; i < VERDICT_COUNT; i++)
		handler->verdicts[i] = add_metric(metrics, METRIC_SIGNATURE_FAILURES, "cause",
		    slice_of(verdict_name((enum verdict)i)), NULL, SLICE_NONE);
	for (int i = QUARANTINE_TAKEN + 1; i < QUARANTINE_FATE_COUNT; i++)
		handler->fates[i] = add_metric(metrics, METRIC_QUARANTINE_OFFERED, "fate",
		    slice_of(quarantine_fate_name((enum quarantine_fate)i)), NULL, SLICE_NONE);
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
	add_metrics(handler);
	*out_handler = handler;
	return RESULT_OK;
}

static void
count(struct handler *handler, const struct route *route, enum outcome_label outcome)
{
	size_t index =
	    route == NULL ? ROUTES_MAX : (size_t)(route - handler->options.routes->items);
	metric_add(handler->outcomes[index][outcome], 1);
}

void
handler_count(struct handler *handler, struct slice target, enum outcome_label outcome)
{
	count(handler, routes_find(handler->options.routes, url_path(target)), outcome);
}

/* libmicrohttpd lets these through, and each reads differently in some proxy (request smuggling,
 * CWE-444; RFC 9112, section 6.3). */
static bool
framing_is_ambiguous(const struct request_head *head)
{
	return head->bad_header || head->bad_length || head->lengths > 1 || head->encodings > 1 ||
	       (head->encodings > 0 && (head->lengths > 0 || !head->chunked)) || head->hosts > 1 ||
	       (head->hosts == 0 && !slice_equal(head->version, SLICE("HTTP/1.0")));
}

/* Path and query, of visible bytes. A target in absolute form is meant for a proxy. */
static bool
target_is_readable(struct slice target)
{
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
			return false;
	return target.len > 0 && target.ptr[0] == '/';
}

/* A list's first value is the one that the first proxy saw. */
static struct slice
leftmost(struct slice list)
{
	return slice_trim((struct slice){list.ptr, slice_find(list, ',')});
}

/* Without a public URL the host becomes part of the URL that is verified. "name/evil" or
 * "user@name" would make another URL of it. What a trusted proxy forwards is its operator's to
 * correct: see request_head_base. */
static bool
host_is_bad(const struct handler *handler, const struct request_head *head)
{
	bool forwarded = head->from_trusted_proxy && head->forwarded_host.len > 0;
	return verifier_url_count(handler->options.verifier) == 0 && !forwarded &&
	       head->host.len > 0 && !url_is_authority(head->host);
}

static bool
is_get(const struct request_head *head)
{
	return slice_equal(head->method, SLICE("GET"));
}

/* Twilio alone sends a signature: what is refused by its head is then most probably a receipt that
 * a wrong setting loses. Without the query, which names campaigns and people. */
static void
tell_refused_head(
    struct handler *handler, const struct request_head *head, unsigned status, bool kept)
{
	static const struct {
		unsigned status;
		const char *why;
	} reasons[] = {
	    {400, "it cannot be read, or its Host is more than a host and a port; let the proxy "
		  "pass the request as it is"},
	    {404, "no [callback] section has this path; give Twilio the path of one, let the proxy "
		  "pass the path as it is, or add a section"},
	    {405, "Twilio posts; let the proxy pass the method as it is"},
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
	if (handler->options.metrics == NULL || why == NULL ||
	    signature_read(head->signature, &signature) != RESULT_OK ||
	    !log_limit_allows(&handler->head_log, 1, &swallowed))
		return;
	struct slice path = url_path(head->target);
	struct buffer shown = BUFFER_EMPTY;
	buffer_append_visible(&shown,
	    (struct slice){path.ptr, path.len < SHOWN_PATH_MAX ? path.len : SHOWN_PATH_MAX});
	log_line(LOG_WARNING,
	    "answered %u to a request with a signature, on \"%.*s\", and %s: %s (%llu more since "
	    "the last such line)",
	    status, SLICE_ARG(buffer_slice(&shown)),
	    kept ? "put it into the quarantine" : "did not keep it", why,
	    (unsigned long long)swallowed);
	buffer_done(&shown);
}

/* Twilio alone sends a signature, so a path without a section is most probably our own mistake: its
 * body is wanted before it is answered 404. */
static bool
is_kept_without_route(const struct handler *handler, const struct request_head *head)
{
	return handler->options.quarantine != NULL && handler->options.metrics != NULL &&
	       head->signatures == 1 && (is_get(head) || slice_equal(head->method, SLICE("POST")));
}

unsigned
handler_head(struct handler *handler, const struct request_head *head, bool *out_close)
{
	const struct handler_limits *limits = &handler->options.limits;
	const struct route *route = routes_find(handler->options.routes, url_path(head->target));
	enum outcome_label outcome = OUTCOME_MALFORMED;
	unsigned status = 0;
	*out_close = framing_is_ambiguous(head);
	if (*out_close || !target_is_readable(head->target) || host_is_bad(handler, head))
		status = 400;
	else if (head->target.len > limits->target_max)
		status = 414, outcome = OUTCOME_TOO_LARGE;
	else if (head->header_bytes > limits->headers_max)
		status = 431, outcome = OUTCOME_TOO_LARGE;
	else if (route == NULL && !is_kept_without_route(handler, head))
		status = 404, outcome = OUTCOME_NO_ROUTE;
	else if (!is_get(head) && !slice_equal(head->method, SLICE("POST")))
		status = 405, outcome = OUTCOME_METHOD;
	else if (head->content_length > limits->body_max)
		status = 413, outcome = OUTCOME_TOO_LARGE;
	if (status != 0) {
		count(handler, route, outcome);
		tell_refused_head(handler, head, status, false);
	}
	return status;
}

bool
request_head_base(const struct request_head *head, struct url_base *out_base)
{
	struct slice scheme = SLICE("http"), host = head->host;
	if (head->from_trusted_proxy) {
		struct slice told_scheme = leftmost(head->forwarded_proto);
		struct slice told_host = leftmost(head->forwarded_host);
		if (slice_equal_nocase(told_scheme, SLICE("https")))
			scheme = SLICE("https");
		else if (told_scheme.len > 0 && !slice_equal_nocase(told_scheme, SLICE("http")))
			scheme = told_scheme; /* makes no URL, and is refused */
		if (told_host.len > 0)
			host = told_host;
	}
	return url_is_authority(host) && url_base_derive(out_base, scheme, host) == RESULT_OK;
}

bool
handler_has_verified(const struct handler *handler, struct slice account)
{
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

struct metric *
handler_verdict_metric(const struct handler *handler, enum verdict verdict)
{
	return handler->verdicts[verdict];
}

struct request_head
request_head_of(const struct quarantined *quarantined, struct slice target)
{
	return (struct request_head){.method = quarantined->method,
	    .target = target,
	    .version = SLICE("HTTP/1.1"),
	    .media_type = quarantined->media_type,
	    .signature = quarantined->signature,
	    .signatures = 1,
	    .settings = quarantined->settings,
	    .host = quarantined->host,
	    .hosts = 1,
	    .forwarded_proto = quarantined->forwarded_proto,
	    .forwarded_host = quarantined->forwarded_host,
	    .content_length = quarantined->body.len,
	    .from_trusted_proxy = quarantined->from_trusted_proxy,
	    .peer = quarantined->peer};
}

bool
request_is_trusted(
    const struct quarantined *quarantined, const struct socket_peer *proxies, size_t count)
{
	struct socket_peer peer;
	if (quarantined->peer.len == 0 ||
	    socket_peer_read(quarantined->peer, &peer, NULL) != RESULT_OK)
		return quarantined->from_trusted_proxy;
	return socket_peers_cover(proxies, count, &peer);
}

static void
offer(struct handler *handler, const struct request_head *head, const struct route *route,
    const struct verify_request *request, int64_t now_us)
{
	const struct quarantined quarantined = {.first_us = now_us,
	    .method = head->method,
	    .target = head->target,
	    .route = route == NULL ? SLICE("") : slice_of(route->path),
	    .stray = route == NULL,
	    .media_type = head->media_type,
	    .body = request->is_get ? SLICE_NONE : request->body,
	    .account = verify_request_account(request),
	    .signature = head->signature,
	    .settings = request->settings,
	    .host = head->host,
	    .forwarded_proto = head->forwarded_proto,
	    .forwarded_host = head->forwarded_host,
	    .forwarded_port = head->forwarded_port,
	    .forwarded_prefix = head->forwarded_prefix,
	    .original_uri = head->original_uri,
	    .from_trusted_proxy = head->from_trusted_proxy,
	    .peer = head->peer};
	enum quarantine_fate fate = quarantine_offer(handler->options.quarantine, &quarantined);
	if (fate != QUARANTINE_TAKEN)
		metric_add(handler->fates[fate], 1);
}

/* Twilio alone sends a signature: whatever has one waits in the quarantine, and there is time to
 * find out why it was refused (explainer.h). So does what names an unknown account, or the time of
 * the answer would tell which accounts there are. Without one, or with several, it is not Twilio's.
 */
static void
note_refusal(struct handler *handler, const struct request_head *head, const struct route *route,
    const struct verify_request *request, enum verdict verdict, int64_t now_us)
{
	uint64_t swallowed = 0;
	if (handler->options.metrics == NULL)
		return;
	metric_add(handler->verdicts[verdict], 1);
	if (head->signatures == 1) {
		if (handler->options.quarantine != NULL)
			offer(handler, head, route, request, now_us);
	} else if (log_limit_allows(&handler->refused_log, 1, &swallowed))
		log_line(LOG_WARNING,
		    "refused a request on %s: %s (%llu more refusals since the last such line)",
		    route->path, verdict_name(verdict), (unsigned long long)swallowed);
}

static void
verify(struct handler *handler, const struct request_head *head, const struct route *route,
    struct verify_request *request, int64_t now_us, struct verification *out_verification)
{
	struct url_base derived = {{NULL}};
	request->is_get = is_get(head);
	request->target = head->target;
	request->signature = head->signature;
	request->route_account = slice_of(route->account);
	request->settings = head->settings;
	if (head->signatures > 1) /* two of them: neither */
		request->signature = SLICE("two headers");
	if (head->settings_count > 1)
		request->settings = SLICE("two headers");
	if (verifier_url_count(handler->options.verifier) == 0 && request_head_base(head, &derived))
		request->base = &derived;
	verifier_verify(handler->options.verifier, request, &handler->scratch, out_verification);
	enum verdict verdict = out_verification->verdict;
	if (verdict != VERDICT_VALID && verdict != VERDICT_UNDECIDED)
		note_refusal(handler, head, route, request, verdict, now_us);
	url_base_done(&derived);
}

/* What a verified request is answered once it is kept. The same message gets the same answer each
 * time: which delivery of it reaches Twilio is not known here. */
static void
rule_answer(
    const struct handler *handler, const struct route *route, bool is_form, struct ruling *ruling)
{
	ruling->kept_status = route->kind == ROUTE_INBOUND ? 200 : 204;
	if (!is_form || (route->kind != ROUTE_INBOUND && route->kind != ROUTE_AUTO))
		return;
	struct callback callback = callback_read(&handler->form, route->kind);
	if (callback.kind != CALLBACK_INBOUND)
		return;
	ruling->kept_status = 200;
	ruling->reply =
	    keywords_match(handler->options.keywords, callback.body, callback.opt_out).reply;
}

/* Verifies with the account that the request names. Gives the status that refuses it, or 0. */
static unsigned
verify_body(struct handler *handler, const struct request_head *head, const struct route *route,
    struct slice body, bool is_form, int64_t now_us, struct verification *out_verification)
{
	struct verify_request request = {.body = body, .form = is_form ? &handler->form : NULL};
	struct named_accounts named;
	if (is_form) {
		struct slice text = is_get(head) ? url_query(head->target) : body;
		enum result result =
		    form_decode(&handler->form, text, handler->options.limits.fields_max);
		if (result != RESULT_OK) {
			count(handler, route,
			    result == RESULT_LIMIT ? OUTCOME_TOO_LARGE : OUTCOME_UNAVAILABLE);
			return result == RESULT_LIMIT ? 413 : 503;
		}
		request.account = form_get(&handler->form, SLICE("AccountSid"));
	} else {
		verifier_name_accounts(handler->options.verifier, body, &named);
		request.named = &named;
	}
	if (request.account.len == 0)
		request.account = SLICE_NONE;
	verify(handler, head, route, &request, now_us, out_verification);
	if (out_verification->verdict == VERDICT_VALID)
		return 0;
	if (out_verification->verdict == VERDICT_UNDECIDED) {
		count(handler, route, OUTCOME_UNAVAILABLE);
		return 503;
	}
	count(handler, route, OUTCOME_UNVERIFIED);
	return 403;
}

/* The decoded form has at most the text's bytes, and so has what is signed of it, whose order may
 * need a list (signature.h). A query that
 * is signed alone is spelled in other ways, too. */
size_t
handler_work(const struct handler *handler, const struct request_head *head, struct slice body)
{
	bool get = is_get(head);
	struct slice text = get ? url_query(head->target) : body;
	size_t fields = text.len / 2 + 1, most = handler->options.limits.fields_max;
	size_t spelled = query_respellings_bytes(head->target, QUERY_RESPELLINGS_MAX);
	if (!get && !form_is_body(head->media_type, body))
		return spelled; /* the body is read where it is */
	if (fields > most)
		fields = most;
	return 2 * text.len + fields * (sizeof(struct form_field) + sizeof(void *)) +
	       (get ? spelled : 0);
}

size_t
handler_memory(const struct handler *handler)
{
	const struct form *form = &handler->form;
	size_t queued = handler->options.quarantine == NULL
			    ? 0
			    : quarantine_memory(handler->options.quarantine);
	return form->text_capacity + form->capacity * sizeof(struct form_field) +
	       handler->scratch.cap + queued;
}

static void
release_work(struct handler *handler)
{
	struct form *form = &handler->form;
	if (form->text_capacity > KEEP_BYTES ||
	    form->capacity * sizeof(struct form_field) > KEEP_BYTES)
		form_done(form);
	if (handler->scratch.cap > KEEP_BYTES)
		buffer_done(&handler->scratch);
}

/* A path without a section: 404, and kept for when it has one. */
static struct ruling
rule_without_route(
    struct handler *handler, const struct request_head *head, struct slice body, int64_t now_us)
{
	struct named_accounts named;
	bool get = is_get(head);
	verifier_name_accounts(
	    handler->options.verifier, get ? url_query(head->target) : body, &named);
	const struct verify_request request = {
	    .is_get = get, .body = body, .named = &named, .settings = head->settings};
	if (handler->options.quarantine != NULL)
		offer(handler, head, NULL, &request, now_us);
	count(handler, NULL, OUTCOME_NO_ROUTE);
	tell_refused_head(handler, head, 404, true);
	return (struct ruling){.status = 404};
}

static struct ruling
rule(struct handler *handler, const struct request_head *head, struct slice body, int64_t now_us)
{
	const struct route *route = routes_find(handler->options.routes, url_path(head->target));
	if (route == NULL)
		return rule_without_route(handler, head, body, now_us);

	struct verification verification = {.verdict = VERDICT_MISMATCH};
	bool get = is_get(head), is_form = get || form_is_body(head->media_type, body);
	struct ruling ruling = {
	    .status = verify_body(handler, head, route, body, is_form, now_us, &verification)};
	if (ruling.status != 0)
		return ruling;
	const struct token_metrics *token =
	    verification.shared_key.ptr != NULL
		? shared_key_metrics(handler, verification.shared_key_index)
		: &handler->tokens[verification.account_index * TOKEN_LABEL_COUNT +
				   (size_t)verification.label];
	metric_add(token->used, 1);
	metric_set(token->last_used, (double)(now_us / CLOCK_SECOND_US));
	rule_answer(handler, route, is_form, &ruling);
	ruling.entry = (struct journal_entry){.received_us = now_us,
	    .method = head->method,
	    .route = slice_of(route->path),
	    .query = url_query(head->target),
	    .media_type = head->media_type,
	    .body = get ? SLICE_NONE : body,
	    .account = verification.account,
	    .signature = head->signature};
	return ruling;
}

struct ruling
handler_body(
    struct handler *handler, const struct request_head *head, struct slice body, int64_t now_us)
{
	struct ruling ruling = rule(handler, head, body, now_us);
	release_work(handler);
	return ruling;
}

void
handler_free(struct handler *handler)
{
	if (handler == NULL)
		return;
	form_done(&handler->form);
	buffer_done(&handler->scratch);
	free(handler->tokens);
	free(handler);
}
