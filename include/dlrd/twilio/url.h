/* url: the public URL that Twilio was given, split and put together for the signature.
 *
 * A public URL is scheme, host, port and perhaps a path that a proxy takes off; the request target
 * (path and query as they came over the wire) is appended to it byte for byte. Twilio's own signer
 * is inconsistent about the port, so every official SDK tries two spellings, and so does dlrd: the
 * port removed, and the scheme's standard port added where there was none. A fragment is never sent
 * and user:password@ is dropped by Twilio before it signs (twilio.com/docs/usage/security), so both
 * are cut off. Pure; any thread. */
#ifndef DLRD_TWILIO_URL_H
#define DLRD_TWILIO_URL_H

#include "dlrd/base/slice.h"

/* How many spellings of one public URL are tried. */
#define URL_SPELLINGS 2

/* Owned text: "https://host:port/path" without a trailing slash, in the order they are tried: as
 * configured first. */
struct url_base {
	char *spelling[URL_SPELLINGS];
};

/* Reads a public URL: http or https, a host, no query. failure names what is wrong. */
must_check enum result url_base_init(
    struct url_base *base, struct slice text, struct failure *failure);

void url_base_done(struct url_base *base);

/* What stands before the request target in a URL. Borrowed from its text. */
struct url_parts {
	struct slice scheme; /* "https" as written */
	struct slice host;   /* "example.com", "[::1]" */
	struct slice port;   /* "8443", absent where there is none */
	struct slice path;   /* "/hooks", empty where there is none */
	bool secure;         /* https */
};

/* Takes apart a public URL, or what url_split gives as the base of one; user:password@ is left out.
 * RESULT_INVALID for what is no http or https URL. */
must_check enum result url_read_parts(struct slice url, struct url_parts *out_parts);

/* The host and port of a Host header or an authority; out_parts' other fields stay as they are.
 * RESULT_INVALID where there is no host, or a port that is none. */
must_check enum result url_read_authority(struct slice authority, struct url_parts *out_parts);

/* Whether text is a host, perhaps with a port from 1 to 65535, and nothing else (RFC 3986,
 * section 3.2, without user information): "example.com", "example.com:8443", "[::1]:80". */
bool url_is_authority(struct slice text);

/* A base of what a request's head says, where no public URL is configured. RESULT_INVALID where
 * that makes no URL. */
must_check enum result url_base_derive(
    struct url_base *base, struct slice scheme, struct slice host);

/* Where the request target starts in a whole URL (its first / or ? behind the authority), or
 * url.len; a fragment is not part of *out_target. RESULT_INVALID for what is no http or https URL.
 */
must_check enum result url_split(
    struct slice url, struct slice *out_base, struct slice *out_target);

/* The query of a request target, without its question mark; absent where there is none. */
struct slice url_query(struct slice target);

/* The path of a request target. */
struct slice url_path(struct slice target);

#endif
