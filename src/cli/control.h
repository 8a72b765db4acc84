/* control: sends one request to the running daemon, over its private listener.
 *
 * Only the process that holds the lock of the store's folder (daemon/lock.h) writes its files. A
 * command that finds the lock taken therefore asks the daemon to do the work. Each call opens a
 * connection and sends one HTTP/1.1 request. The answer is bounded in bytes and in time.
 *
 * The client does without libcurl, because it needs no name resolution, redirects, cookies, TLS or
 * chunks. One thread. */
#pragma once

#include "dlrd/base/json.h"
#include "dlrd/cli/cli.h"
#include "dlrd/daemon/settings.h"

#define CONTROL_ANSWER_MAX ((size_t)1024 * 1024) /* bytes, head and body */
#define CONTROL_TEXT_MAX ((size_t)1024 * 1024)   /* likewise, of control_get */
#define CONTROL_TIMEOUT_US INT64_C(10000000)     /* from connecting to the answer's last byte */

struct control_answer {
	unsigned status;
	struct json_t *body; /* the caller frees it; NULL if the answer has no body */
};

/* Sends a request without a body to the first address of [api] listen that accepts a connection,
 * and reads the answer, whose status may be any. Adds the bearer token of [api] token_file if that
 * is set. failure names the address, never the token. RESULT_NOT_FOUND if no address accepts a
 * connection; RESULT_BUSY if the answer is not complete in time; RESULT_INVALID if it is not an
 * answer of dlrd; RESULT_NO_MEMORY; and the results of token_file_read. */
must_check enum result control_ask(const struct settings *settings, const char *method,
    const char *path, struct control_answer *out_answer, struct failure *failure);

/* The same for a GET whose answer may be any text, which is appended to out_body, within
 * timeout_us. */
must_check enum result control_get(const struct settings *settings, const char *path,
    int64_t timeout_us, unsigned *out_status, struct buffer *out_body, struct failure *failure);

/* Reports an answer with an unexpected status. Returns CLI_FAILED. */
int control_refused(const struct cli_command *command, const struct settings *settings,
    const struct control_answer *answer);

/* Parses a complete HTTP/1 answer. *out_body is borrowed from it. Returns false if it is not one,
 * if its Content-Length differs, or if it has a Transfer-Encoding. Pure. */
bool control_read(struct slice answer, unsigned *out_status, struct slice *out_body);
