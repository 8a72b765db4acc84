/* verifier: a request that is signed in two ways, by the program and by a signer of our own, and
 * must verify; with another token or a changed target it must not. Lines: the method; the target;
 * the body. */
#include "verifiers.h"

static struct verifier *verifier;
static struct buffer scratch;

static enum verdict
verify(struct verify_request *request, struct slice signature)
{
	struct verification verification = {.verdict = VERDICT_UNDECIDED};
	request->signature = signature;
	verifier_verify(verifier, request, &scratch, &verification);
	CHECK(verification.verdict < VERDICT_COUNT && verification.verdict != VERDICT_UNDECIDED);
	if (verification.verdict == VERDICT_VALID)
		CHECK(slice_equal(verification.account, SLICE(FUZZ_ACCOUNT)));
	return verification.verdict;
}

static void
check_request(struct verify_request *request)
{
	struct buffer url = BUFFER_EMPTY;
	char ours[SIGNATURE_TEXT_SIZE], theirs[SIGNATURE_TEXT_SIZE], wrong[SIGNATURE_TEXT_SIZE];
	const struct form *form = request->is_get ? NULL : request->form;
	buffer_append(&url, SLICE(FUZZ_URL));
	buffer_append(&url, request->target);
	CHECK_OK(verifier_sign(verifier, SLICE(FUZZ_ACCOUNT), request->target, form, ours));
	fuzz_sign(buffer_slice(&url), form, FUZZ_TOKEN, theirs);
	CHECK(strcmp(ours, theirs) == 0);
	fuzz_sign(buffer_slice(&url), form, FUZZ_OTHER_TOKEN, wrong);
	enum verdict verdict = verify(request, slice_of(ours));
	/* A bodySHA256 in the target may be another body's. */
	CHECK(verdict == VERDICT_VALID || verdict == VERDICT_BODY_MISMATCH);
	CHECK(verify(request, slice_of(wrong)) != VERDICT_VALID);
	CHECK(verify(request, SLICE("")) == VERDICT_NO_SIGNATURE);
	buffer_done(&url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct form form = FORM_EMPTY;
	bool is_get = slice_equal(fuzz_line(&input), SLICE("GET"));
	struct slice target = fuzz_line(&input), body = fuzz_rest(&input);
	if (verifier == NULL)
		verifier = fuzz_verifier(FUZZ_URL);
	if (target.len > 0 && target.ptr[0] == '/' && form_decode(&form, body, 512) == RESULT_OK) {
		struct verify_request request = {.is_get = is_get,
		    .target = target,
		    .form = &form,
		    .body = body,
		    .account = SLICE(FUZZ_ACCOUNT)};
		check_request(&request);
	}
	form_done(&form);
	fuzz_end(&input);
	return 0;
}
