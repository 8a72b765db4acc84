/* url: splits and joins the public URL for the signature.
 *
 * A public URL is scheme, host, port and an optional path that a proxy strips; the request target
 * (path and query as received) is appended to it byte for byte. Twilio's signer is inconsistent
 * about the port, so dlrd and every official SDK try two spellings: without the port, and with the
 * scheme's standard port if the URL has none. Fragments are never sent, and Twilio removes
 * user:password@ before it signs (twilio.com/docs/usage/security), so both are removed. Pure; any
 * thread. */
#pragma once

#include "dlrd/base/buffer.h"

/* Number of spellings of one public URL. */
#define URL_SPELLINGS 2

/* Owned text: "https://host:port/path" without a trailing slash. The configured spelling is tried
 * first. */
struct url_base {
	char *spelling[URL_SPELLINGS];
};

/* Reads a public URL: http or https, a host, no query. failure describes the error. */
must_check enum result url_base_init(
    struct url_base *base, struct slice text, struct failure *failure);

void url_base_done(struct url_base *base);

/* The part of a URL before the request target. Borrowed from its text. */
struct url_parts {
	struct slice scheme; /* "https" as written */
	struct slice host;   /* "example.com", "[::1]" */
	struct slice port;   /* "8443"; absent if the URL has none */
	struct slice path;   /* "/hooks"; empty if there is no path */
	bool secure;         /* https */
};

/* Splits a public URL, or the base that url_split returns; leaves out user:password@.
 * RESULT_INVALID unless it is an http or https URL. */
must_check enum result url_read_parts(struct slice url, struct url_parts *out_parts);

/* Reads the host and port of a Host header or an authority; the other fields of out_parts do not
 * change. RESULT_INVALID for an empty host or an invalid port. */
must_check enum result url_read_authority(struct slice authority, struct url_parts *out_parts);

/* Appends scheme, host and, unless it is absent, port: "https://example.com:8443". */
void url_append_origin(const struct url_parts *parts, struct buffer *out);

/* Returns whether text is a host, with or without a port from 1 to 65535, and nothing else (RFC
 * 3986, section 3.2, without user information): "example.com", "example.com:8443", "[::1]:80". */
bool url_is_authority(struct slice text);

/* Makes a base from a request's headers, if no public URL is configured. RESULT_INVALID if the
 * result is not a URL. */
must_check enum result url_base_derive(
    struct url_base *base, struct slice scheme, struct slice host);

/* Splits a whole URL before its request target, at the first / or ? after the authority, or at its
 * end. *out_target has no fragment. RESULT_INVALID unless it is an http or https URL.
 */
must_check enum result url_split(
    struct slice url, struct slice *out_base, struct slice *out_target);

/* Returns the query of a request target without its question mark; absent without one. */
struct slice url_query(struct slice target);

/* Returns the path of a request target. */
struct slice url_path(struct slice target);

/* Returns the standard port: 443 of https, 80 of http. */
struct slice url_standard_port(bool secure);

/* Returns whether Twilio may write this scheme and port for a public URL: Twilio removes the port,
 * or adds the standard one if the URL has no port (rule of all official SDKs). */
bool url_port_is_expected(const struct url_parts *base, const struct url_parts *signed_url);
