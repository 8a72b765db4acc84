#include "answers.h"

#include "dlrd/twilio/twiml.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static void
add_headers(struct MHD_Response *response, const char *name, const char *value, int close)
{
	if (name != NULL)
		MHD_add_response_header(response, name, value);
	/* Twilio may cache the answer to a GET. */
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (close)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static struct MHD_Response *
make(enum answer_kind kind, int close)
{
	static const struct {
		const char *body, *header, *value;
	} rows[ANSWER_KINDS] = {
	    [ANSWER_EMPTY] = {"", NULL, NULL},
	    [ANSWER_TWIML] = {TWIML_EMPTY, MHD_HTTP_HEADER_CONTENT_TYPE, TWIML_MEDIA_TYPE},
	    [ANSWER_METHODS] = {"", MHD_HTTP_HEADER_ALLOW, "GET, POST"},
	    [ANSWER_RETRY] = {"", MHD_HTTP_HEADER_RETRY_AFTER, "1"},
	};
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    strlen(rows[kind].body), (void *)rows[kind].body, NULL);
	if (response != NULL)
		add_headers(response, rows[kind].header, rows[kind].value, close);
	return response;
}

enum result
answers_init(struct answers *answers)
{
	for (int kind = 0; kind < ANSWER_KINDS; kind++)
		for (int close = 0; close < 2; close++) {
			answers->made[kind][close] = make((enum answer_kind)kind, close);
			if (answers->made[kind][close] == NULL)
				return RESULT_NO_MEMORY;
		}
	return RESULT_OK;
}

struct MHD_Response *
answers_get(const struct answers *answers, unsigned status, int close)
{
	enum answer_kind kind = status == 200   ? ANSWER_TWIML
				: status == 405 ? ANSWER_METHODS
				: status == 503 ? ANSWER_RETRY
						: ANSWER_EMPTY;
	return answers->made[kind][close];
}

struct MHD_Response *
answers_make_reply(struct slice text, struct slice media, int close)
{
	struct buffer body = BUFFER_EMPTY;
	struct MHD_Response *response = NULL;
	twiml_message(text, media, &body);
	if (!body.failed)
		response = MHD_create_response_from_buffer_with_free_callback(
		    body.len, body.ptr, free); /* by that function: error_pages.c says why */
	if (response == NULL)
		buffer_done(&body);
	else
		add_headers(response, MHD_HTTP_HEADER_CONTENT_TYPE, TWIML_MEDIA_TYPE, close);
	return response;
}

void
answers_done(struct answers *answers)
{
	for (int kind = 0; kind < ANSWER_KINDS; kind++)
		for (int close = 0; close < 2; close++)
			if (answers->made[kind][close] != NULL)
				MHD_destroy_response(answers->made[kind][close]);
}
