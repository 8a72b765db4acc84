/* url_findings: problems and warnings of a callback URL, before it is given to Twilio.
 *
 * With a problem, callbacks do not arrive or are refused; with a warning, this may happen later.
 * Each kind of finding has a name for programs; each finding has a sentence for people that names
 * the mistake and the change. Sentences quote raw bytes of the URL: callers make them visible
 * before they print them on a terminal. Pure; any thread. */
#pragma once

#include "dlrd/base/slice.h"

/* Limits for one kind, so that many findings of one do not hide another, and for all of them. */
#define URL_FINDINGS_OF_A_KIND 8
#define URL_FINDINGS_MAX 128

enum url_finding_kind {
	/* problems */
	URL_NO_URL,
	URL_LENGTH,
	URL_CHARACTER,
	URL_PLACEHOLDER,
	URL_HOST_CHARACTER,
	URL_HOST_NOT_PUBLIC,
	URL_BODY_HASH,
	URL_OVERRIDE_INVALID,
	URL_OTHER_PUBLIC_URL,
	URL_NO_ROUTE,
	URL_REQUEST_LINE,
	URL_TAG_CONFLICT,
	/* warnings */
	URL_SCHEME_HTTP,
	URL_HOST_CASE,
	URL_STANDARD_PORT,
	URL_USERINFO,
	URL_PATH_CHARACTER,
	URL_QUERY_ORDER,
	URL_QUERY_CHARACTER,
	URL_PARAMETER_REPEATED,
	URL_OVERRIDE_UNKNOWN,
	URL_OVERRIDES_NOT_TAKEN,
	URL_NOT_RETRIED,
	URL_GIVES_UP_EARLY,
	URL_NO_PUBLIC_URL,
	URL_NO_CAMPAIGN,
	URL_FINDING_KIND_COUNT,
};

struct url_finding {
	enum url_finding_kind kind;
	char text[400]; /* longer sentences are cut */
};

/* Zero-initialise. */
struct url_findings {
	struct url_finding items[URL_FINDINGS_MAX];
	size_t count;
};

/* "host-character", "no-route" ...; in static memory. */
const char *url_finding_name(enum url_finding_kind kind);
bool url_finding_is_problem(enum url_finding_kind kind);

/* Adds a finding; drops it beyond the limits. */
void url_findings_add(struct url_findings *findings, enum url_finding_kind kind, const char *format,
    ...) printf_like(3, 4);

/* Returns whether any problem was found. */
bool url_findings_have_problem(const struct url_findings *findings);

/* Cuts untrusted text for a quotation, long enough to recognise it. */
#define URL_QUOTE_MAX 80
struct slice url_quote(struct slice text);
