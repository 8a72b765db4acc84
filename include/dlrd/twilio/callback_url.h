/* callback_url: whether a URL is one that Twilio calls, and signs as it is sent.
 *
 * The signature covers the URL byte for byte, and Twilio, its proxies and ours do not spell each
 * byte as it was given: they sort the query, escape an apostrophe, drop a standard port or a
 * password (twilio-node #621, #1059, #1061, #1079, #1183, twilio-php #790, twilio-ruby #528,
 * twilio.com/docs/usage/security). A URL of unreserved characters, in lower case and sorted, leaves
 * them nothing to do. Twilio refuses others at once (twilio.com/docs/api/errors/21609). The
 * configuration is not considered here. Pure; any thread. */
#ifndef DLRD_TWILIO_CALLBACK_URL_H
#define DLRD_TWILIO_CALLBACK_URL_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url.h"
#include "dlrd/twilio/url_findings.h"

/* Characters in a callback URL (error 21609), the fragment counted. */
#define CALLBACK_URL_MAX 4000

/* Borrowed from the text. */
struct callback_url {
	struct slice text;      /* as it was given */
	struct slice authority; /* with user:password@, if there are */
	struct url_parts parts; /* scheme, host, port, path */
	struct slice target;    /* path and query, as Twilio would send them */
	struct slice query;     /* absent if there is none */
	struct slice fragment;  /* without its #, absent if there is none */
};

/* Takes a URL apart. RESULT_INVALID unless it is an http or https URL with a host. */
must_check enum result callback_url_read(struct slice text, struct callback_url *out_url);

/* Finds what is wrong with the URL itself; its fragment is connection_overrides.h's. */
void callback_url_lint(const struct callback_url *url, struct url_findings *findings);

/* Returns whether the byte may be in a query and no proxy escapes it: a letter,
 * a digit, or one of -._~ (RFC 3986, section 2.3). */
bool callback_url_is_plain(char byte);

/* Appends text for a query: other bytes than plain ones become escapes in upper case. */
void callback_url_escape(struct slice text, struct buffer *out);

#endif
