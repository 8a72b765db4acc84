/* control: one question to the running daemon, over its private listener.
 *
 * Upkeep that writes is the business of the process that has the store open (daemon/lock.h), so
 * whoever finds the lock taken asks its holder. One HTTP/1.1 request goes over a connection of its
 * own, and what comes back is bounded in bytes and in time. It is written by hand because libcurl
 * would be a library for forty lines: no name to look up, no redirect, no cookie, no TLS, no
 * chunks, and an answer whose only reader is this program. One thread. */
#ifndef DLRD_CLI_CONTROL_H
#define DLRD_CLI_CONTROL_H

#include "dlrd/base/json.h"
#include "dlrd/daemon/settings.h"

#define CONTROL_ANSWER_MAX ((size_t)64 * 1024) /* bytes, head and body; dlrd's are below 1 KiB */
#define CONTROL_TIMEOUT_US INT64_C(10000000)   /* from connecting to the answer's last byte */

struct control_answer {
	unsigned status;
	struct json_t *body; /* the caller frees it; NULL where the answer had none */
};

/* Sends method and path, without a body, to the first address of [api] listen that takes a
 * connection, with the bearer token of [api] token_file where one is named, and reads the answer,
 * whatever its status is. failure names the address, never the token. RESULT_NOT_FOUND where nobody
 * takes a connection; RESULT_BUSY where the answer is not there in time; RESULT_INVALID where what
 * came is no answer of dlrd's; RESULT_NO_MEMORY; and token_file_read's. */
must_check enum result control_ask(const struct settings *settings, const char *method,
    const char *path, struct control_answer *out_answer, struct failure *failure);

enum control_reading {
	CONTROL_PARTIAL,   /* well so far, and more must come */
	CONTROL_WHOLE,     /* the outputs are set */
	CONTROL_MALFORMED, /* it will never be an answer that control_ask takes */
};

/* Reads what has arrived of an HTTP/1 answer; ended says that nothing follows. *out_body is
 * borrowed from bytes. Framing is taken strictly (RFC 9112, section 6): one Content-Length or none,
 * no Transfer-Encoding, nothing behind the body. Pure. */
enum control_reading control_read(
    struct slice bytes, bool ended, unsigned *out_status, struct slice *out_body);

#endif
