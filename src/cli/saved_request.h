/* saved_request: one raw HTTP request from a file, as tcpdump, nc, mitmproxy or a quarantine shows
 * it: request line, headers, an empty line, the body.
 *
 * Lines may end with CRLF or LF alone, since editors and terminals change that. The file is read
 * for an explanation, so this is lenient where the intake is not; nothing is accepted by it. One
 * thread. */
#ifndef DLRD_CLI_SAVED_REQUEST_H
#define DLRD_CLI_SAVED_REQUEST_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/incoming.h"

struct saved_request {
	/* Borrowed from the text that was read, but for a body in chunks. Of an absolute URL the
	 * target is path and query, and original_uri the whole. */
	struct incoming incoming;
	bool body_is_short;      /* Content-Length is larger */
	struct buffer unchunked; /* owned: a body in chunks, put together */
};

/* Reads text, which must stay until the request is done. RESULT_INVALID if it is not a request;
 * failure says why. */
must_check enum result saved_request_read(
    struct slice text, struct saved_request *out_request, struct failure *failure);

void saved_request_done(struct saved_request *request);

#endif
