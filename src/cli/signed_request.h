/* signed_request: what sign and verify have in common: a URL, a token and perhaps a body. */
#ifndef DLRD_CLI_SIGNED_REQUEST_H
#define DLRD_CLI_SIGNED_REQUEST_H

#include "dlrd/cli/cli.h"
#include "dlrd/twilio/form.h"
#include "dlrd/twilio/incoming.h"
#include "dlrd/twilio/signature.h"

/* What the command line said; zero-initialise, with type set to its default. */
struct signed_request_options {
	const char *url, *token, *token_file, *type;
};

#define SIGNED_REQUEST_TYPE "application/x-www-form-urlencoded"

struct signed_request {
	struct url_base base;
	struct incoming incoming; /* borrowed from the command line and from body */
	struct secret *token;
	bool is_form;
	char *body;       /* owned */
	struct form form; /* of the body, if it is a form */
};

/* Reads everything in; body_path may be NULL. Returns CLI_OK, or another status having told why. */
int signed_request_read(const struct cli_command *command,
    const struct signed_request_options *options, const char *body_path,
    struct signed_request *out_request);

void signed_request_done(struct signed_request *request);

#endif
