#include "url_judgement.h"

#include "dlrd/base/clock.h"
#include "dlrd/twilio/form.h"

/* Twilio adds this to a request line if the body is not a form. */
#define BODY_HASH_LEN (sizeof("&bodySHA256=") - 1 + 64)
#define FIELDS_MAX 4096 /* more than a URL that Twilio accepts can have */

bool
url_judgement_takes_overrides(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_AUTO:
	case ROUTE_STATUS:
	case ROUTE_INBOUND: return true;
	case ROUTE_CLICK:
	case ROUTE_EVENTS:
	case ROUTE_DEBUGGER: return false;
	}
	return false;
}

/* --- public URL --- */

static struct slice
base_path(const struct url_parts *base)
{
	struct slice path = base->path;
	while (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

static bool
is_below(struct slice path, struct slice base)
{
	return slice_starts_with(path, base) && (path.len == base.len || path.ptr[base.len] == '/');
}

/* Counts the differences in scheme, host, port and path. */
static unsigned
count_differences(const struct url_parts *base, const struct url_parts *url)
{
	return (unsigned)(base->secure != url->secure) +
	       !slice_equal_nocase(base->host, url->host) + !url_port_is_expected(base, url) +
	       !is_below(url->path, base_path(base));
}

static void
report_differences(
    struct url_judgement *judgement, const char *public_url, const struct url_parts *base)
{
	const struct url_parts *url = &judgement->url.parts;
	struct buffer text = BUFFER_EMPTY;
	if (base->secure != url->secure)
		buffer_appendf(&text, "the scheme is %.*s there, ", SLICE_ARG(base->scheme));
	if (!slice_equal_nocase(base->host, url->host))
		buffer_appendf(&text, "the host is %.*s there, ", SLICE_ARG(url_quote(base->host)));
	if (!url_port_is_expected(base, url))
		buffer_appendf(&text, "the port is %.*s there, ",
		    SLICE_ARG(base->port.ptr == NULL ? SLICE("not given") : base->port));
	if (!is_below(url->path, base_path(base)))
		buffer_appendf(&text, "the path begins with %.*s there, ",
		    SLICE_ARG(url_quote(base_path(base))));
	url_findings_add(&judgement->findings, URL_OTHER_PUBLIC_URL,
	    "it is not below [server] public_url, %.120s: %.*sso the signature does not verify; "
	    "correct it, or add it to public_url",
	    public_url, SLICE_ARG(buffer_slice(&text)));
	buffer_done(&text);
}

/* Finds the base that the URL is below, and returns the path after it. */
static struct slice
find_base(struct url_judgement *judgement, const struct settings_list *bases)
{
	const struct url_parts *url = &judgement->url.parts;
	struct url_parts base, nearest = {.secure = false};
	unsigned least = 5;
	size_t found = 0;
	for (size_t i = 0; i < bases->count; i++) {
		if (url_read_parts(slice_of(bases->items[i]), &base) != RESULT_OK)
			continue;
		unsigned differences = count_differences(&base, url);
		/* If several match, use the one with the longest path. */
		if (differences < least || (differences == 0 && least == 0 &&
					       base_path(&base).len > base_path(&nearest).len)) {
			least = differences;
			nearest = base;
			found = i;
		}
	}

	if (least == 5)
		return url->path;
	if (least == 0)
		judgement->public_url = bases->items[found];
	else
		report_differences(judgement, bases->items[found], &nearest);

	return is_below(url->path, base_path(&nearest))
		   ? slice_from(url->path, base_path(&nearest).len)
		   : url->path;
}

static void
judge_without_public_url(struct url_judgement *judgement, const struct settings *settings)
{
	if (judgement->url.parts.secure && settings->trusted_proxies.count == 0)
		url_findings_add(&judgement->findings, URL_OTHER_PUBLIC_URL,
		    "[server] public_url is empty, and without a trusted proxy the daemon assumes "
		    "http, so this URL's signature does not verify; set public_url");
	else
		url_findings_add(&judgement->findings, URL_NO_PUBLIC_URL,
		    "[server] public_url is empty, so the daemon derives it from the request's "
		    "headers; set public_url, so that it does not depend on the proxy");
}

/* --- route --- */

static struct slice
without_slash(struct slice path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

static void
find_route(struct url_judgement *judgement, const struct routes *routes, struct slice path)
{
	struct buffer known = BUFFER_EMPTY;
	const char *near = NULL;
	judgement->route = routes_find(routes, path);
	if (judgement->route != NULL)
		return;
	for (size_t i = 0; i < routes->count; i++) {
		struct slice route = slice_of(routes->items[i].path);
		buffer_appendf(&known, "%s%s", i > 0 ? ", " : "", routes->items[i].path);
		if (slice_equal_nocase(without_slash(route), without_slash(path)))
			near = routes->items[i].path;
	}

	if (near != NULL)
		url_findings_add(&judgement->findings, URL_NO_ROUTE,
		    "no [callback] section has the path \"%.*s\", which is answered 404; paths are "
		    "matched byte for byte: write %.120s",
		    SLICE_ARG(url_quote(path)), near);
	else
		url_findings_add(&judgement->findings, URL_NO_ROUTE,
		    "no [callback] section has the path \"%.*s\", which is answered 404; there "
		    "are %.*s",
		    SLICE_ARG(url_quote(path)), SLICE_ARG(buffer_slice(&known)));

	buffer_done(&known);
}

static void
judge_length(struct url_judgement *judgement, const struct settings *settings)
{
	size_t len = sizeof "POST  HTTP/1.1\r\n" - 1 + judgement->url.target.len + BODY_HASH_LEN;
	if (len > (size_t)settings->request_line_max)
		url_findings_add(&judgement->findings, URL_REQUEST_LINE,
		    "its request line may have %zu bytes, and more than %lld are answered 414; "
		    "raise [server] request_line_limit, or shorten the query",
		    len, (long long)settings->request_line_max);
}

/* --- tags --- */

static struct slice
look_up(const void *context, struct slice name)
{
	return form_get(context, name);
}

static void
judge_tags(struct url_judgement *judgement, enum route_kind kind)
{
	const struct route *route = judgement->route;
	struct form form = FORM_EMPTY;
	if (route == NULL || form_decode(&form, judgement->url.query, FIELDS_MAX) != RESULT_OK)
		return;

	tags_template_fill(&route->workspace, look_up, &form, &judgement->workspace);
	judgement->tags_fit =
	    tags_template_fill(&route->campaign, look_up, &form, &judgement->campaign) == TAGS_FIT;
	tags_template_fill(&route->variant, look_up, &form, &judgement->variant);
	form_done(&form);
	if (!judgement->tags_fit && (kind == ROUTE_AUTO || kind == ROUTE_STATUS))
		url_findings_add(&judgement->findings, URL_NO_CAMPAIGN,
		    "the query does not match campaign = %.120s: status callbacks are stored, and "
		    "count in the campaign \"\" (an inbound URL needs no campaign)",
		    route->campaign.text);
}

/* --- the whole --- */

static void
judge_overrides(
    struct url_judgement *judgement, const struct settings *settings, enum route_kind kind)
{
	connection_overrides_read(
	    judgement->url.fragment, &judgement->overrides, &judgement->findings);
	if (url_judgement_takes_overrides(kind))
		connection_overrides_judge(&judgement->overrides,
		    settings->commit_timeout_us / (CLOCK_SECOND_US / 1000), &judgement->findings);
	else if (judgement->url.fragment.len > 0)
		url_findings_add(&judgement->findings, URL_OVERRIDES_NOT_TAKEN,
		    "%s; remove the fragment",
		    kind == ROUTE_EVENTS
			? "Event Streams accept no connection overrides, and retry by themselves"
			: "connection overrides are not documented for this webhook");
}

void
url_judgement_make(const struct settings *settings, const struct settings_list *bases,
    struct slice text, enum route_kind kind, struct url_judgement *out_judgement)
{
	struct url_judgement *judgement = out_judgement;
	*judgement = (struct url_judgement){.public_url = NULL};
	connection_overrides_read(SLICE_NONE, &judgement->overrides, &judgement->findings);
	if (callback_url_read(text, &judgement->url) != RESULT_OK) {
		judgement->url.text = text;
		url_findings_add(&judgement->findings, URL_NO_URL,
		    "\"%.*s\" is not a URL; write it like https://callbacks.example.com/sms/twilio",
		    SLICE_ARG(url_quote(text)));
		return;
	}

	callback_url_lint(&judgement->url, &judgement->findings);
	if (bases->count == 0)
		judge_without_public_url(judgement, settings);
	find_route(judgement, &settings->routes, find_base(judgement, bases));
	if (kind == ROUTE_AUTO && judgement->route != NULL)
		kind = judgement->route->kind;
	judge_length(judgement, settings);
	judge_tags(judgement, kind);
	judge_overrides(judgement, settings, kind);
}

void
url_judgement_done(struct url_judgement *judgement)
{
	buffer_done(&judgement->workspace);
	buffer_done(&judgement->campaign);
	buffer_done(&judgement->variant);
}
