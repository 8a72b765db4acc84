#include "dlrd/cli/signed_request.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 65536

static int
read_token(const struct cli_command *command, const struct signed_request_options *options,
    struct signed_request *request)
{
	struct failure failure;
	char *text = NULL;
	size_t len = 0;
	struct slice token = slice_of(options->token);
	if (options->token_file != NULL) {
		if (cli_read_file(options->token_file, &text, &len, &failure) != RESULT_OK)
			return cli_usage_error(command, "%s", failure.text);
		token = slice_trim((struct slice){text, len});
	}
	enum result result = secret_new(token, &request->token);
	if (text != NULL)
		secret_wipe(text, len);
	free(text);
	return result == RESULT_OK ? CLI_OK
				   : cli_failure(command, "no locked memory for the token");
}

static int
read_body(const struct cli_command *command, const struct signed_request_options *options,
    const char *body_path, struct signed_request *request)
{
	struct failure failure;
	request->is_get = body_path == NULL;
	if (request->is_get)
		return CLI_OK;
	if (cli_read_file(body_path, &request->body, &request->body_len, &failure) != RESULT_OK)
		return cli_usage_error(command, "%s", failure.text);
	request->is_form = form_is_body(slice_of(options->type), signed_request_body(request));
	if (request->is_form &&
	    form_decode(&request->form, signed_request_body(request), FIELDS_MAX) != RESULT_OK)
		return cli_failure(command, "the body has more than %d fields", FIELDS_MAX);
	return CLI_OK;
}

int
signed_request_read(const struct cli_command *command, const struct signed_request_options *options,
    const char *body_path, struct signed_request *out_request)
{
	struct signed_request request = {.form = FORM_EMPTY};
	struct failure failure;
	struct slice base;
	int status = CLI_OK;
	if (options->url == NULL)
		return cli_usage_error(command, "--url is missing");
	if ((options->token == NULL) == (options->token_file == NULL))
		return cli_usage_error(command, "give either --token or --token-file");
	if (signature_init() != RESULT_OK)
		return cli_failure(command, "the system gives no randomness");
	if (url_split(slice_of(options->url), &base, &request.target) != RESULT_OK)
		return cli_usage_error(command,
		    "\"%s\" is no URL; write it as Twilio was given it, like "
		    "https://callbacks.example.com/sms/twilio?account=A",
		    options->url);
	if (url_base_init(&request.base, base, &failure) != RESULT_OK)
		return cli_usage_error(command, "%s", failure.text);
	status = read_token(command, options, &request);
	if (status == CLI_OK)
		status = read_body(command, options, body_path, &request);
	if (status != CLI_OK) {
		signed_request_done(&request);
		return status;
	}
	*out_request = request;
	return CLI_OK;
}

struct slice
signed_request_body(const struct signed_request *request)
{
	return (struct slice){request->body == NULL ? "" : request->body, request->body_len};
}

void
signed_request_done(struct signed_request *request)
{
	url_base_done(&request->base);
	secret_free(request->token);
	form_done(&request->form);
	free(request->body);
}
