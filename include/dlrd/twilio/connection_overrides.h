/* connection_overrides: timeouts and retries that the fragment of a callback URL sets in Twilio.
 *
 * Twilio removes "#ct=2000&rc=3&rp=ct,rt,5xx" from the URL before it signs and calls it
 * (twilio.com/docs/usage/webhooks/webhooks-connection-overrides). By default it retries only if it
 * could not connect: a callback that was answered 503 is lost. All times are milliseconds. Pure;
 * any thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url_findings.h"

/* Recommended for a receiver that answers 2xx only after storing, and accepts duplicates. */
#define CONNECTION_OVERRIDES_ADVISED "rc=3&rp=ct,rt,5xx"

enum override_key {
	OVERRIDE_CT,  /* connect timeout */
	OVERRIDE_RT,  /* read timeout, also between packets */
	OVERRIDE_TT,  /* total timeout of all tries */
	OVERRIDE_RC,  /* retries after the first try */
	OVERRIDE_RP,  /* failures to retry after, a set of RETRY_... */
	OVERRIDE_SNI, /* whether TLS names the host, 0 or 1 */
	OVERRIDE_E,   /* edges to call from; not a number */
	OVERRIDE_KEY_COUNT,
};

#define RETRY_4XX 1u
#define RETRY_5XX 2u
#define RETRY_CT 4u
#define RETRY_RT 8u

struct connection_overrides {
	int64_t values[OVERRIDE_KEY_COUNT]; /* effective: Twilio's default unless given */
	bool given[OVERRIDE_KEY_COUNT];
	struct slice edges; /* borrowed; absent unless given */
};

/* Reads a fragment without its #; an absent or empty one means all defaults. An invalid value is
 * added to findings, and the default applies. */
void connection_overrides_read(struct slice fragment, struct connection_overrides *out_overrides,
    struct url_findings *findings);

/* Adds findings about values that do not suit a receiver that answers 503 within
 * commit_timeout_ms. */
void connection_overrides_judge(const struct connection_overrides *overrides,
    int64_t commit_timeout_ms, struct url_findings *findings);

/* Returns the key's name ("rc"), in static memory. */
const char *connection_overrides_key_name(enum override_key key);

/* Appends a description of the effect of the key's value. */
void connection_overrides_explain(
    const struct connection_overrides *overrides, enum override_key key, struct buffer *out);
