/* url_findings: what is to be said of a callback URL, before it is given to Twilio.
 *
 * A finding is a problem, with which callbacks do not arrive or are refused, or a warning, with
 * which they may be some day. Each kind of finding has a name for programs and, each time that it
 * is found, a sentence for a person: what is wrong, and what to change. Sentences hold pieces of
 * the URL as they stand there: whoever shows them on a terminal makes them visible. Pure; any
 * thread. */
#ifndef DLRD_TWILIO_URL_FINDINGS_H
#define DLRD_TWILIO_URL_FINDINGS_H

#include "dlrd/base/slice.h"

/* Findings of one kind that are kept, so that a flood of one does not hide another; and room for
 * all that can be: few kinds are found more than once. */
#define URL_FINDINGS_OF_A_KIND 8
#define URL_FINDINGS_MAX 128

enum url_finding_kind {
	/* problems */
	URL_NO_URL,
	URL_LENGTH,
	URL_CHARACTER,
	URL_PLACEHOLDER,
	URL_BAD_ESCAPE,
	URL_HOST_UNDERSCORE,
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
	URL_PATH_DOTS,
	URL_PATH_SLASHES,
	URL_PATH_CHARACTER,
	URL_QUERY_ORDER,
	URL_QUERY_CHARACTER,
	URL_QUERY_ESCAPE,
	URL_ESCAPE_CASE,
	URL_PARAMETER_REPEATED,
	URL_PARAMETER_OF_TWILIO,
	URL_OVERRIDE_UNKNOWN,
	URL_OVERRIDE_USELESS,
	URL_OVERRIDE_INTERCONNECT,
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

/* "host-underscore"; in static memory. */
const char *url_finding_name(enum url_finding_kind kind);
bool url_finding_is_problem(enum url_finding_kind kind);

/* What is beyond the bounds is dropped. */
void url_findings_add(struct url_findings *findings, enum url_finding_kind kind, const char *format,
    ...) printf_like(3, 4);

/* Whether one of that kind, or any problem, was found. */
bool url_findings_have(const struct url_findings *findings, enum url_finding_kind kind);
bool url_findings_have_problem(const struct url_findings *findings);

/* For a sentence that quotes a stranger's text: enough of it to know it again. */
#define URL_QUOTE_MAX 80
struct slice url_quote(struct slice text);

#endif
