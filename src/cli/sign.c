#include "signed_request.h"

#include <stdio.h>

/* Writes the target to sign for a body that is not a form. Its hash must be in the query: if the
 * URL has none, this adds it, as Twilio does. Returns false if the URL has another body's hash. */
static bool
bind_body(const struct signed_request *request, struct buffer *target)
{
	char hash[SIGNATURE_BODY_HASH_SIZE];
	const struct incoming *incoming = &request->incoming;
	struct slice query = url_query(incoming->target);

	buffer_append(target, incoming->target);
	switch (signature_check_body(query, incoming->body)) {
	case SIGNATURE_BODY_MATCHES: return true;
	case SIGNATURE_BODY_DIFFERS: return false;
	case SIGNATURE_BODY_UNBOUND: break;
	}
	signature_body_hash(incoming->body, hash);
	buffer_appendf(target, "%sbodySHA256=%s", query.ptr == NULL ? "?" : "&", hash);
	fprintf(stderr, "dlrd sign: signed for %s%.*s\n", request->base.spelling[0],
	    SLICE_ARG(buffer_slice(target)));
	return true;
}

static int
sign(const struct cli_command *command, const struct signed_request *request, bool shared_key)
{
	size_t len = shared_key ? SIGNATURE_DIGEST_MAX : SIGNATURE_DIGEST_SIZE;
	char text[SIGNATURE_TEXT_MAX];
	struct buffer parameters = BUFFER_EMPTY, target = BUFFER_EMPTY;
	int status = CLI_OK;
	if (!incoming_is_get(&request->incoming) && !request->is_form) {
		if (!bind_body(request, &target))
			status = cli_failure(command, "the URL's bodySHA256 is not of this body; "
						      "leave it out, and it is added");
	} else
		buffer_append(&target, request->incoming.target);
	if (request->is_form &&
	    signature_append_parameters(&parameters, &request->form) != RESULT_OK)
		status = cli_failure(command, "no memory");

	if (status == CLI_OK) {
		struct signature made =
		    signature_make(request->token, len, slice_of(request->base.spelling[0]),
			buffer_slice(&target), buffer_slice(&parameters));
		signature_write(&made, text);
		printf("%s\n", text);
	}

	buffer_done(&parameters);
	buffer_done(&target);
	return status;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct signed_request_options wanted = {.type = FORM_MEDIA_TYPE};
	bool shared_key = false;
	const struct cli_option options[] = {{"url", 0, .text = &wanted.url},
	    {"token", 0, .text = &wanted.token}, {"token-file", 0, .text = &wanted.token_file},
	    {"type", 0, .text = &wanted.type}, {"shared-key", 0, .flag = &shared_key}};
	struct signed_request request;
	int operands, status;
	if (!cli_read_options(command, count, words, options, 5, 1, &operands, &status))
		return status;
	status = signed_request_read(
	    command, &wanted, operands < count ? words[operands] : NULL, &request);
	if (status != CLI_OK)
		return status;
	status = sign(command, &request, shared_key);
	signed_request_done(&request);
	return status;
}

const struct cli_command cli_sign = {
    .name = "sign",
    .summary = "print the signature that Twilio would send",
    .usage =
	"Usage: dlrd sign --url URL --token TOKEN [--shared-key] [--type MEDIA-TYPE]\n"
	"                 [BODY-FILE|-]\n"
	"\n"
	"Prints the X-Twilio-Signature of a request. Without BODY-FILE it is a GET. A body that "
	"is\n"
	"not a form is bound by bodySHA256. If the URL lacks it, it is added, and the URL to call\n"
	"is printed on standard error.\n"
	"\n"
	"      --url URL           the URL as given to Twilio\n"
	"      --token TOKEN       the account's Auth Token\n"
	"      --token-file FILE   a file with the token, or - for standard input\n"
	"      --shared-key        the token is a shared key's secret, used as text: HMAC-SHA256\n"
	"      --type MEDIA-TYPE   of the body (default " FORM_MEDIA_TYPE ")\n"
	"  -h, --help              show this\n",
    .run = run,
};
