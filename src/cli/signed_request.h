/* signed_request: the URL, the token and the body that sign and verify read. One thread. */
#pragma once

#include "dlrd/cli/cli.h"
#include "dlrd/twilio/form.h"
#include "dlrd/twilio/incoming.h"
#include "dlrd/twilio/signature.h"

/* Options of the command line. Zero-initialise, with type set to FORM_MEDIA_TYPE. */
struct signed_request_options {
	const char *url, *token, *token_file, *type;
};

struct signed_request {
	struct url_base base;
	struct incoming incoming; /* borrowed from the command line and from body */
	struct secret *token;
	bool is_form;
	char *body;       /* owned */
	struct form form; /* of the body, if it is a form */
};

/* Reads the URL, the token and the body. body_path: NULL for a GET, "-" for standard input. Returns
 * CLI_OK, or another status after reporting why not. */
int signed_request_read(const struct cli_command *command,
    const struct signed_request_options *options, const char *body_path,
    struct signed_request *out_request);

void signed_request_done(struct signed_request *request);
