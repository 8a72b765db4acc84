#include "signed_request.h"

#include "dlrd/refused/diagnosis.h"

#include <stdio.h>

/* The command line names no account and no shared key, so the verifier gets placeholders. */
#define ACCOUNT SLICE("AC")
#define KEY SLICE("key")
#define SETTINGS SLICE("key=key,algorithm=" SHARED_KEYS_ALGORITHM)

/* The others do not occur with one token. */
static const char *const reasons[VERIFICATION_COUNT] = {
    [VERIFICATION_VALID] = "valid",
    [VERIFICATION_NO_SIGNATURE] = "invalid: the signature is empty",
    [VERIFICATION_MALFORMED_SIGNATURE] =
	"invalid: a signature is 28 characters of base64, or 44 with a shared key, and ends with =",
    [VERIFICATION_MISMATCH] =
	("invalid: this token produces another signature for this URL and body, with and without "
	 "the port; compare scheme, host, path and query with the URL given to Twilio"),
    [VERIFICATION_BODY_UNBOUND] = "invalid: the body is not a form, and the URL has no bodySHA256",
    [VERIFICATION_BODY_MISMATCH] =
	"invalid: the URL's bodySHA256 is not the SHA-256 of this body; was it changed on the way?",
    [VERIFICATION_UNDECIDED] = "not verified: no memory",
};

/* Prints the URL that would have this signature, with this body or another, if one is found. */
static void
print_diagnosis(const struct verifier *verifier, const struct reading *reading)
{
	struct diagnosis diagnosis;
	struct buffer causes = BUFFER_EMPTY;
	diagnosis_make(verifier, reading, &(struct diagnosis_hints){.listen_port = 0}, &diagnosis);
	if (diagnosis.fits && diagnosis.causes != 0) {
		diagnosis_append_causes(&diagnosis, &causes);
		printf("cause: %.*s\n", SLICE_ARG(buffer_slice(&causes)));
		printf("signed URL: %s%s\n", diagnosis.url, diagnosis.query);
		printf("advice: %s\n", diagnosis.advice);
	}
	buffer_done(&causes);
}

/* Adds secret, and takes it over: as the secret of a shared key if the signature has the length of
 * one, otherwise as the account's Auth Token. */
static enum result
add_key(struct verifier *verifier, struct secret *secret, struct incoming *incoming)
{
	if (incoming->signature.len != SIGNATURE_TEXT_MAX - 1)
		return verifier_add_token(verifier, ACCOUNT, TOKEN_CURRENT, secret);
	incoming->settings = SETTINGS;
	enum result result = verifier_add_account(verifier, ACCOUNT);
	if (result == RESULT_OK)
		return verifier_add_shared_key(verifier, KEY, ACCOUNT, secret);
	secret_free(secret);
	return result;
}

static void
print_result(const struct verifier *verifier, const struct reading *reading,
    const struct verification *verification)
{
	enum verification_result result = verification->result;
	if (result == VERIFICATION_VALID && verification->shared_key.ptr != NULL)
		printf("valid, with the secret used as %s\n",
		    secret_reading_name(verification->reading));
	else
		printf("%s\n", reasons[result] == NULL ? "invalid" : reasons[result]);
	if (result != VERIFICATION_VALID)
		print_diagnosis(verifier, reading);
}

static int
verify(const struct cli_command *command, struct signed_request *request, const char *signature)
{
	struct verifier *verifier;
	struct verification verification = {.result = VERIFICATION_UNDECIDED};
	struct buffer scratch = BUFFER_EMPTY;
	if (verifier_new(&verifier) != RESULT_OK)
		return cli_failure(command, "no memory");
	request->incoming.signature = slice_of(signature);
	const struct reading reading = {.incoming = &request->incoming,
	    .form = request->is_form ? &request->form : NULL,
	    .account = ACCOUNT,
	    .named = {.indexes = {0}, .count = 1}}; /* the verifier's only account */
	enum result result = verifier_add_url(verifier, &request->base);
	if (result == RESULT_OK) {
		result = add_key(verifier, request->token, &request->incoming);
		request->token = NULL; /* the verifier's now */
	}
	if (result == RESULT_OK) {
		verifier_verify(verifier, &reading, &scratch, &verification);
		print_result(verifier, &reading, &verification);
	}

	buffer_done(&scratch);
	verifier_free(verifier);
	if (result != RESULT_OK)
		return cli_failure(command, "no memory");
	return verification.result == VERIFICATION_VALID ? CLI_OK : CLI_FAILED;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct signed_request_options wanted = {.type = FORM_MEDIA_TYPE};
	const char *signature = NULL;
	const struct cli_option options[] = {{"url", 0, .text = &wanted.url},
	    {"token", 0, .text = &wanted.token}, {"token-file", 0, .text = &wanted.token_file},
	    {"type", 0, .text = &wanted.type}, {"signature", 0, .text = &signature}};
	struct signed_request request;
	int operands, status;
	if (!cli_read_options(command, count, words, options, 5, 1, &operands, &status))
		return status;

	if (signature == NULL)
		return cli_usage_error(command, "--signature is missing");
	status = signed_request_read(
	    command, &wanted, operands < count ? words[operands] : NULL, &request);
	if (status != CLI_OK)
		return status;
	status = verify(command, &request, signature);
	signed_request_done(&request);
	return status;
}

const struct cli_command cli_verify = {
    .name = "verify",
    .summary = "check a request's signature, and say why it fails",
    .usage =
	"Usage: dlrd verify --url URL --token TOKEN --signature SIG [--type MEDIA-TYPE]\n"
	"                   [BODY-FILE|-]\n"
	"\n"
	"Ends with 0 for a valid signature, 1 for an invalid one, with the reason, and 2 for a\n"
	"wrong command line. Without BODY-FILE the request is a GET. If another URL or body would\n"
	"have this signature, prints that and what to change. 'dlrd explain' does the same for a\n"
	"complete request.\n"
	"\n"
	"      --url URL           the URL as given to Twilio\n"
	"      --token TOKEN       the account's Auth Token, or the secret of a shared key if the\n"
	"                          signature has 44 characters\n"
	"      --token-file FILE   a file with the token, or - for standard input\n"
	"      --signature SIG     the value of X-Twilio-Signature\n"
	"      --type MEDIA-TYPE   of the body (default " FORM_MEDIA_TYPE ")\n"
	"  -h, --help              show this\n",
    .run = run,
};
