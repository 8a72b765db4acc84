/* verifier: a request that is signed in two ways, by the program and by a signer of our own, and
 * must verify; with another token or a changed target it must not. Lines: the method; the target;
 * the body. */
#include "verifiers.h"

static struct verifier *verifier;
static struct buffer scratch;

static enum verification_result
verify(struct incoming *incoming, const struct form *form, struct slice signature)
{
	const struct reading reading = {
	    .incoming = incoming, .form = form, .account = SLICE(FUZZ_ACCOUNT)};
	struct verification verification = {.result = VERIFICATION_UNDECIDED};
	incoming->signature = signature;
	verifier_verify(verifier, &reading, &scratch, &verification);
	CHECK(verification.result < VERIFICATION_COUNT &&
	      verification.result != VERIFICATION_UNDECIDED);
	if (verification.result == VERIFICATION_VALID)
		CHECK(slice_equal(verification.account, SLICE(FUZZ_ACCOUNT)));
	return verification.result;
}

static void
check_request(struct incoming *incoming, const struct form *parameters)
{
	struct buffer url = BUFFER_EMPTY;
	char ours[SIGNATURE_TEXT_MAX], theirs[SIGNATURE_TEXT_MAX], wrong[SIGNATURE_TEXT_MAX];
	const struct form *form = incoming_is_get(incoming) ? NULL : parameters;
	buffer_append(&url, SLICE(FUZZ_URL));
	buffer_append(&url, incoming->target);
	CHECK_OK(verifier_sign(verifier, SLICE(FUZZ_ACCOUNT), incoming->target, form, ours));
	fuzz_sign(buffer_slice(&url), form, FUZZ_TOKEN, theirs);
	CHECK(strcmp(ours, theirs) == 0);
	fuzz_sign(buffer_slice(&url), form, FUZZ_OTHER_TOKEN, wrong);
	enum verification_result result = verify(incoming, parameters, slice_of(ours));
	/* A bodySHA256 in the target may be another body's. */
	CHECK(result == VERIFICATION_VALID || result == VERIFICATION_BODY_MISMATCH);
	CHECK(verify(incoming, parameters, slice_of(wrong)) != VERIFICATION_VALID);
	CHECK(verify(incoming, parameters, SLICE("")) == VERIFICATION_NO_SIGNATURE);
	buffer_done(&url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct form form = FORM_EMPTY;
	struct incoming incoming = {.method = fuzz_line(&input)};
	incoming.target = fuzz_line(&input);
	incoming.body = fuzz_rest(&input);
	if (verifier == NULL)
		verifier = fuzz_verifier(FUZZ_URL);
	if (incoming.target.len > 0 && incoming.target.ptr[0] == '/' &&
	    form_decode(&form, incoming.body, 512) == RESULT_OK)
		check_request(&incoming, &form);
	form_done(&form);
	fuzz_end(&input);
	return 0;
}
