/* query_respelling: the other spellings of a query that its signature may cover.
 *
 * Twilio signs some characters of a query raw and sends them escaped, and proxies escape or
 * unescape some on the way (twilio-node #621, #1059; twilio-ruby #528). A query that differs from
 * the signed one only in this has the same meaning, so it is verified, too.
 *
 * The characters are the unreserved ones (RFC 3986, section 2.3) and : @ / ? ! $ ' ( ) * , ; and
 * never & = + % or #, which separate the parts of a query. Letters and digits keep their escapes if
 * there is a percent sign without an escape. Each character is spelled the same everywhere. With up
 * to three of them in a query every combination is tried; with more, only the likely ones. Pure;
 * any thread. */
#pragma once

#include "dlrd/base/buffer.h"

/* Of one query. Each costs an untrusted client's request an HMAC for each token and public URL. */
#define QUERY_RESPELLINGS_MAX 8

struct query_respellings {
	size_t starts[QUERY_RESPELLINGS_MAX], lens[QUERY_RESPELLINGS_MAX]; /* in the buffer */
	size_t count;
};

/* Bytes that so many targets take, at most: each byte may become an escape. */
size_t query_respellings_bytes(struct slice target, size_t most);

/* Appends the targets (path and query) that differ from target, at most `most` of them and
 * QUERY_RESPELLINGS_MAX, the likeliest first; none if memory is short. */
void query_respellings_write(
    struct slice target, size_t most, struct buffer *out, struct query_respellings *out_found);
