/* incoming: one request as it arrived, before verification.
 *
 * It is made by the HTTP layer, from a row of the quarantine, or from a saved request file.
 * Verification, the diagnosis, the quarantine and re-verification read it. No other struct declares
 * these fields.
 *
 * All slices are borrowed from the maker, and are bytes of an untrusted client. A header that was
 * not sent is absent (ptr is NULL). If a header was sent twice, the first one counts; for the two
 * headers of the signature neither counts, see incoming_signature. Pure; any thread. */
#pragma once

#include "dlrd/base/socket.h"
#include "dlrd/twilio/url.h"

struct incoming {
	int64_t arrived_us; /* wall clock, in microseconds */
	struct slice method;
	struct slice target;                 /* path and query, byte for byte as sent */
	struct slice media_type;             /* Content-Type */
	struct slice body;                   /* absent for a GET */
	struct slice signature;              /* X-Twilio-Signature */
	struct slice settings;               /* SHARED_KEYS_HEADER */
	unsigned signatures, settings_count; /* number of headers of that name */
	struct slice host;
	struct slice forwarded_proto, forwarded_host, forwarded_port; /* X-Forwarded-... */
	struct slice forwarded_prefix;
	struct slice original_uri; /* X-Original-URI or X-Original-URL */
	struct slice peer;         /* the peer's address, as socket_peer_write writes it */
	bool from_trusted_proxy;   /* the peer was a trusted proxy when the request arrived */
};

/* Sets the field of a header; of two headers with one name the first counts. Returns whether a
 * field is for this name. */
bool incoming_take_header(struct incoming *incoming, struct slice name, struct slice value);

bool incoming_is_get(const struct incoming *incoming);

/* Returns whether the parameters are a form: the query of a GET, or a form in the body. */
bool incoming_has_form(const struct incoming *incoming);

/* Returns the form's text: the query of a GET, without its question mark, or the body. */
struct slice incoming_form(const struct incoming *incoming);

/* Returns whether the target is a path with an optional query, of visible bytes. A target in
 * absolute form is only for proxies. */
bool incoming_target_is_readable(const struct incoming *incoming);

/* Returns the value of the header; an invalid value if the header was sent twice, since it is
 * ambiguous. */
struct slice incoming_signature(const struct incoming *incoming);
struct slice incoming_settings(const struct incoming *incoming);

/* Returns whether the peer is one of these trusted proxies, so its X-Forwarded headers count. A
 * request without a readable peer (from an older quarantine) is trusted if it was when it
 * arrived. */
bool incoming_is_trusted(
    const struct incoming *incoming, const struct socket_peer *proxies, size_t count);

/* Derives the public URL that was called, for configurations without one: from X-Forwarded-Proto
 * and X-Forwarded-Host if from_trusted_proxy, else from Host. In a list the first value counts: it
 * is from the proxy that Twilio called. RESULT_INVALID if the result is not a valid URL. On success
 * the caller frees *out_base with url_base_done. */
must_check enum result incoming_base(const struct incoming *incoming, struct url_base *out_base);
