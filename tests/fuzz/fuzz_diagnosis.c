/* diagnosis: a refused request, and what is said about it. Lines: the method; the target; the URL
 * that was signed, or a signature; Host; X-Forwarded-Proto, -Host, -Port and -Prefix;
 * X-Original-URI; the account; the body. */
#include "dlrd/refused/diagnosis.h"

#include "verifiers.h"

static struct verifier *with_url, *without_url;
static struct buffer scratch;

static void
check_diagnosis(const struct diagnosis *diagnosis)
{
	struct buffer causes = BUFFER_EMPTY;
	CHECK(diagnosis->cause < DIAGNOSIS_CAUSE_COUNT);
	CHECK(diagnosis->trials <= DIAGNOSIS_TRIALS_MAX);
	CHECK(diagnosis->hashed <= DIAGNOSIS_BYTES_MAX);
	CHECK(strlen(diagnosis->url) < DIAGNOSIS_URL_SIZE);
	CHECK(strlen(diagnosis->query) < DIAGNOSIS_URL_SIZE);
	CHECK(strlen(diagnosis->advice) > 0 && strlen(diagnosis->advice) < DIAGNOSIS_ADVICE_SIZE);
	CHECK(fuzz_is_visible(slice_of(diagnosis->advice)));
	CHECK(fuzz_is_visible(slice_of(diagnosis->url)));
	CHECK(fuzz_is_visible(slice_of(diagnosis->query)));
	CHECK(diagnosis->fits || (diagnosis->url[0] == '\0' && diagnosis->query[0] == '\0'));
	diagnosis_append_causes(diagnosis, &causes);
	CHECK(causes.len > 0);
	buffer_done(&causes);
}

static void
check_request(struct verifier *verifier, const struct reading *reading)
{
	const struct diagnosis_hints hints = {.listen_port = 8080};
	static struct diagnosis diagnosis;
	struct verification verification;
	verifier_verify(verifier, reading, &scratch, &verification);
	if (verification.result != VERIFICATION_MISMATCH)
		return;
	diagnosis_make(verifier, reading, &hints, &diagnosis);
	check_diagnosis(&diagnosis);
	/* The two ways to explain a request agree. The second one starts from the URL as it is
	 * shown, so it fails for a URL that is cut, or has bytes that are escaped there. */
	bool whole = strlen(diagnosis.url) < DIAGNOSIS_URL_SIZE - 4;
	if (diagnosis.fits && whole && strchr(diagnosis.url, '\\') == NULL)
		CHECK(diagnosis_repeats(&diagnosis, verifier, reading, &scratch));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct form form = FORM_EMPTY, parameters = FORM_EMPTY;
	char made[SIGNATURE_TEXT_MAX];
	struct incoming incoming = {.method = fuzz_line(&input)};
	struct reading reading = {.incoming = &incoming, .form = &form};
	incoming.target = fuzz_line(&input);
	struct slice signed_url = fuzz_line(&input);
	incoming.host = fuzz_optional(&input);
	incoming.forwarded_proto = fuzz_optional(&input);
	incoming.forwarded_host = fuzz_optional(&input);
	incoming.forwarded_port = fuzz_optional(&input);
	incoming.forwarded_prefix = fuzz_optional(&input);
	incoming.original_uri = fuzz_optional(&input);
	reading.account = fuzz_optional(&input);
	incoming.body = fuzz_rest(&input);
	if (with_url == NULL) {
		with_url = fuzz_verifier(FUZZ_URL "/hooks");
		without_url = fuzz_verifier(NULL);
	}
	bool is_get = incoming_is_get(&incoming);
	if (incoming.target.len > 0 && incoming.target.ptr[0] == '/' &&
	    form_decode(&form, incoming_form(&incoming), 512) == RESULT_OK &&
	    form_decode(&parameters, incoming.body, 512) == RESULT_OK) {
		incoming.signature = signed_url;
		if (slice_starts_with(signed_url, SLICE("http"))) {
			fuzz_sign(signed_url, is_get ? NULL : &parameters, FUZZ_TOKEN, made);
			incoming.signature = slice_of(made);
		}
		check_request(with_url, &reading);
		if (url_base_derive(&reading.base, SLICE("http"), incoming.host) != RESULT_OK)
			CHECK(reading.base.spelling[0] == NULL);
		check_request(without_url, &reading);
	}
	reading_done(&reading);
	form_done(&form);
	form_done(&parameters);
	fuzz_end(&input);
	return 0;
}
