/* verifiers: a verifier with tokens and public URLs that the fuzz targets share, and signing. */
#ifndef DLRD_TESTS_FUZZ_VERIFIERS_H
#define DLRD_TESTS_FUZZ_VERIFIERS_H

#include "dlrd/twilio/verifier.h"

#include "fuzz.h"

#define FUZZ_ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define FUZZ_OTHER "AC00000000000000000000000000000002"
#define FUZZ_TOKEN "12345678901234567890123456789012"
#define FUZZ_OTHER_TOKEN "21098765432109876543210987654321"
#define FUZZ_URL "https://callbacks.example.com"

static inline void
fuzz_add_token(struct verifier *verifier, const char *account, const char *text)
{
	struct secret *token;
	CHECK_OK(secret_new(slice_of(text), &token));
	CHECK_OK(verifier_add_token(verifier, slice_of(account), TOKEN_CURRENT, token));
}

static inline struct verifier *
fuzz_verifier(const char *url)
{
	struct verifier *verifier;
	struct url_base base;
	CHECK_OK(signature_init());
	CHECK_OK(verifier_new(&verifier));
	if (url != NULL) {
		CHECK_OK(url_base_init(&base, slice_of(url), NULL));
		CHECK_OK(verifier_add_url(verifier, &base));
	}
	fuzz_add_token(verifier, FUZZ_ACCOUNT, FUZZ_TOKEN);
	fuzz_add_token(verifier, FUZZ_OTHER, FUZZ_OTHER_TOKEN);
	return verifier;
}

static inline int
fuzz_compare_fields(const void *a, const void *b)
{
	const struct form_field *one = a, *other = b;
	int order = slice_compare(one->name, other->name);
	return order != 0 ? order : slice_compare(one->value, other->value);
}

/* Signs as Twilio's documents say, apart from the program's own function: the URL, then each
 * parameter's name and value, sorted, each pair once. form may be NULL. */
static inline void
fuzz_sign(
    struct slice url, const struct form *form, const char *token_text, char out[SIGNATURE_TEXT_MAX])
{
	struct buffer text = BUFFER_EMPTY;
	struct secret *token;
	struct signature digest;
	size_t count = form == NULL ? 0 : form->count;
	struct form_field *fields = malloc((count + 1) * sizeof *fields);
	CHECK(fields != NULL);
	if (count > 0) {
		memcpy(fields, form->fields, count * sizeof *fields);
		qsort(fields, count, sizeof *fields, fuzz_compare_fields);
	}
	buffer_append(&text, url);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && fuzz_compare_fields(&fields[i - 1], &fields[i]) == 0)
			continue;
		buffer_append(&text, fields[i].name);
		buffer_append(&text, fields[i].value);
	}
	CHECK_OK(secret_new(slice_of(token_text), &token));
	digest = signature_make(
	    token, SIGNATURE_DIGEST_SIZE, buffer_slice(&text), SLICE_NONE, SLICE_NONE);
	signature_write(&digest, out);
	secret_free(token);
	free(fields);
	buffer_done(&text);
}

#endif
