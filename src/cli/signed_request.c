#include "signed_request.h"

#include "dlrd/daemon/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 65536

/* Reads the descriptor directly, because the buffer of a stream would keep a copy of the token. */
static int
read_token_file(const struct cli_command *command, const char *path, struct secret **out_token)
{
	struct failure failure;
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_usage_error(command, "%s: %s", path, strerror(errno));

	enum result result = token_read(fd, path, out_token, &failure);
	if (!is_stdin)
		close(fd);
	return result == RESULT_OK ? CLI_OK : cli_usage_error(command, "%s", failure.text);
}

static int
read_token(const struct cli_command *command, const struct signed_request_options *options,
    struct signed_request *request)
{
	if (options->token_file != NULL)
		return read_token_file(command, options->token_file, &request->token);
	struct slice token = slice_of(options->token);
	if (secret_new(token, &request->token) != RESULT_OK)
		return cli_failure(command, "no memory for the token");
	/* ps shows the arguments of a running program to all users. */
	memset((char *)token.ptr, 'x', token.len);
	return CLI_OK;
}

static int
read_body(const struct cli_command *command, const struct signed_request_options *options,
    const char *body_path, struct signed_request *request)
{
	struct incoming *incoming = &request->incoming;
	struct failure failure;
	size_t len;

	incoming->method = body_path == NULL ? SLICE("GET") : SLICE("POST");
	incoming->media_type = slice_of(options->type);
	if (body_path == NULL)
		return CLI_OK;
	if (cli_read_file(body_path, &request->body, &len, &failure) != RESULT_OK)
		return cli_usage_error(command, "%s", failure.text);
	incoming->body = (struct slice){request->body, len};

	request->is_form = incoming_has_form(incoming);
	if (request->is_form &&
	    form_decode(&request->form, incoming->body, FIELDS_MAX) != RESULT_OK)
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
		return cli_failure(command, "the system provides no random numbers");

	if (url_split(slice_of(options->url), &base, &request.incoming.target) != RESULT_OK)
		return cli_usage_error(command,
		    "\"%s\" is not a URL; write it as given to Twilio, such as "
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

void
signed_request_done(struct signed_request *request)
{
	url_base_done(&request->base);
	secret_free(request->token);
	form_done(&request->form);
	free(request->body);
}
