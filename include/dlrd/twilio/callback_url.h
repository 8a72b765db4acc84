/* callback_url: checks whether Twilio accepts a callback URL, and signs it as it is sent.
 *
 * The signature covers the URL byte for byte, but Twilio and proxies rewrite URLs: they sort the
 * query, escape an apostrophe, or remove a standard port or a password (twilio-node #621, #1059,
 * #1061, #1079, #1183, twilio-php #790, twilio-ruby #528, twilio.com/docs/usage/security). A URL of
 * unreserved characters, in lower case and sorted, is not rewritten. Twilio rejects some URLs at
 * once (twilio.com/docs/api/errors/21609). The configuration is not considered here. Pure; any
 * thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url.h"
#include "dlrd/twilio/url_findings.h"

/* Characters in a callback URL (error 21609), the fragment counted. */
#define CALLBACK_URL_MAX 4000

/* Borrowed from the text. */
struct callback_url {
	struct slice text;      /* as it was given */
	struct slice authority; /* with user:password@, if present */
	struct url_parts parts; /* scheme, host, port, path */
	struct slice target;    /* path and query, as Twilio would send them */
	struct slice query;     /* may be absent */
	struct slice fragment;  /* without its #; may be absent */
};

/* Splits a URL. RESULT_INVALID unless it is an http or https URL with a host. */
must_check enum result callback_url_read(struct slice text, struct callback_url *out_url);

/* Adds findings about the URL without its fragment, which connection_overrides.h checks. */
void callback_url_lint(const struct callback_url *url, struct url_findings *findings);

/* Returns whether the byte is allowed in a query and is never escaped: a letter, a digit, or one of
 * -._~ (RFC 3986, section 2.3). */
bool callback_url_is_plain(char byte);

/* Appends text for a query: bytes that are not plain become escapes in upper case. */
void callback_url_escape(struct slice text, struct buffer *out);
