/* saved_request: one raw HTTP request from a file, as tcpdump, nc, mitmproxy or a quarantine shows
 * it: request line, headers, an empty line, the body.
 *
 * Lines may end with CRLF or LF alone, since editors and terminals change that. It is read for an
 * explanation, so it is lenient where intake/handler.h is not; nothing is accepted by it. One
 * thread. */
#ifndef DLRD_CLI_SAVED_REQUEST_H
#define DLRD_CLI_SAVED_REQUEST_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url_variants.h"

/* All slices are borrowed from the text that was read, but for a body that came in chunks. */
struct saved_request {
	struct slice method;
	struct slice target; /* path and query; of an absolute URL without what is before */
	struct slice signature, settings, media_type; /* absent without such a header */
	unsigned signatures, settings_count;          /* how many such headers */
	struct url_hints hints;
	struct slice body;
	bool body_is_short;      /* Content-Length says more */
	struct buffer unchunked; /* owned: a body that came in chunks */
};

/* Reads text, which must stay until the request is done. RESULT_INVALID where it is no request, and
 * failure says why. */
must_check enum result saved_request_read(
    struct slice text, struct saved_request *out_request, struct failure *failure);

void saved_request_done(struct saved_request *request);

#endif
