/* connection_overrides: how Twilio is told, in a callback URL's fragment, to wait and to try again.
 *
 * Twilio takes "#ct=2000&rc=3&rp=ct,rt,5xx" off the URL before it calls and signs it
 * (twilio.com/docs/usage/webhooks/webhooks-connection-overrides). Without them it tries a second
 * time only where no connection came about: what was answered 503, since the disk was away, is
 * lost. All times are milliseconds. Pure; any thread. */
#ifndef DLRD_TWILIO_CONNECTION_OVERRIDES_H
#define DLRD_TWILIO_CONNECTION_OVERRIDES_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url_findings.h"

/* What suits a receiver that answers 2xx only for what is on the disk, and the same for what it
 * gets twice. */
#define CONNECTION_OVERRIDES_ADVISED "rc=3&rp=ct,rt,5xx"

enum override_key {
	OVERRIDE_CT,  /* connect time-out */
	OVERRIDE_RT,  /* read time-out, also between packets */
	OVERRIDE_TT,  /* of all tries together */
	OVERRIDE_RC,  /* tries after the first */
	OVERRIDE_RP,  /* what is tried again after, a set of RETRY_... */
	OVERRIDE_SNI, /* whether TLS names the host, 0 or 1 */
	OVERRIDE_E,   /* the edges to call from; has no number */
	OVERRIDE_KEY_COUNT,
};

#define RETRY_4XX 1u
#define RETRY_5XX 2u
#define RETRY_CT 4u
#define RETRY_RT 8u

struct connection_overrides {
	int64_t values[OVERRIDE_KEY_COUNT]; /* in force: Twilio's default where none is given */
	bool given[OVERRIDE_KEY_COUNT];
	struct slice edges; /* borrowed; absent where none is given */
};

/* Reads a fragment without its #; absent or empty leaves all defaults. What is not well formed is
 * found, and leaves the default. */
void connection_overrides_read(struct slice fragment, struct connection_overrides *out_overrides,
    struct url_findings *findings);

/* Finds what does not suit a receiver that answers 503 after commit_timeout_ms at the latest. */
void connection_overrides_judge(const struct connection_overrides *overrides,
    int64_t commit_timeout_ms, struct url_findings *findings);

/* "rc", in static memory. */
const char *connection_overrides_key_name(enum override_key key);

/* Appends in words what the key's value in force does. */
void connection_overrides_explain(
    const struct connection_overrides *overrides, enum override_key key, struct buffer *out);

#endif
