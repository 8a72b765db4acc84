#include "dlrd/twilio/url_findings.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name;
	bool problem;
} kinds[URL_FINDING_KIND_COUNT] = {
    [URL_NO_URL] = {"no-url", true},
    [URL_LENGTH] = {"length", true},
    [URL_CHARACTER] = {"character", true},
    [URL_PLACEHOLDER] = {"placeholder", true},
    [URL_HOST_CHARACTER] = {"host-character", true},
    [URL_HOST_NOT_PUBLIC] = {"host-not-public", true},
    [URL_BODY_HASH] = {"body-hash", true},
    [URL_OVERRIDE_INVALID] = {"override-invalid", true},
    [URL_OTHER_PUBLIC_URL] = {"other-public-url", true},
    [URL_NO_ROUTE] = {"no-route", true},
    [URL_REQUEST_LINE] = {"request-line", true},
    [URL_TAG_CONFLICT] = {"tag-conflict", true},
    [URL_SCHEME_HTTP] = {"scheme-http", false},
    [URL_HOST_CASE] = {"host-case", false},
    [URL_STANDARD_PORT] = {"standard-port", false},
    [URL_USERINFO] = {"userinfo", false},
    [URL_PATH_CHARACTER] = {"path-character", false},
    [URL_QUERY_ORDER] = {"query-order", false},
    [URL_QUERY_CHARACTER] = {"query-character", false},
    [URL_PARAMETER_REPEATED] = {"parameter-repeated", false},
    [URL_OVERRIDE_UNKNOWN] = {"override-unknown", false},
    [URL_OVERRIDES_NOT_TAKEN] = {"overrides-not-taken", false},
    [URL_NOT_RETRIED] = {"not-retried", false},
    [URL_GIVES_UP_EARLY] = {"gives-up-early", false},
    [URL_NO_PUBLIC_URL] = {"no-public-url", false},
    [URL_NO_CAMPAIGN] = {"no-campaign", false},
};

const char *
url_finding_name(enum url_finding_kind kind)
{
	return kinds[kind].name;
}

bool
url_finding_is_problem(enum url_finding_kind kind)
{
	return kinds[kind].problem;
}

void
url_findings_add(struct url_findings *findings, enum url_finding_kind kind, const char *format, ...)
{
	va_list arguments;
	size_t alike = 0;
	for (size_t i = 0; i < findings->count; i++)
		alike += findings->items[i].kind == kind;
	if (alike == URL_FINDINGS_OF_A_KIND || findings->count == URL_FINDINGS_MAX)
		return;
	struct url_finding *finding = &findings->items[findings->count++];
	finding->kind = kind;
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof finding->text, format, arguments);
	va_end(arguments);
}

bool
url_findings_have_problem(const struct url_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (url_finding_is_problem(findings->items[i].kind))
			return true;
	return false;
}

struct slice
url_quote(struct slice text)
{
	if (text.len > URL_QUOTE_MAX)
		text.len = URL_QUOTE_MAX;
	return text;
}
