/* saved_request: parses one raw HTTP request: request line, headers, an empty line, the body.
 *
 * tcpdump, nc, mitmproxy and 'dlrd quarantine show' write such requests. Lines may end with CRLF or
 * with LF alone, since editors and terminals change line ends. The request is explained, never
 * accepted, so the parser is more lenient than the intake. One thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/incoming.h"

struct saved_request {
	/* Borrowed from the text. If the request line has an absolute URL, target is its path and
	 * query, and original_uri the whole URL. */
	struct incoming incoming;
	bool body_is_short; /* shorter than its Content-Length */
};

/* Parses text, which must stay valid as long as the request. RESULT_INVALID if it is not a
 * request; failure has the reason. */
must_check enum result saved_request_read(
    struct slice text, struct saved_request *out_request, struct failure *failure);
