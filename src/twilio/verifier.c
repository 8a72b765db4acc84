#include "dlrd/twilio/verifier.h"

#include <stdlib.h>
#include <string.h>

struct account {
	struct slice sid;                         /* owned text */
	struct secret *tokens[TOKEN_LABEL_COUNT]; /* NULL where there is none */
};

struct verifier {
	struct account *accounts; /* sorted by sid */
	size_t account_count;
	struct url_base urls[VERIFIER_PUBLIC_URLS_MAX];
	size_t url_count;
	struct secret *nobody; /* stands in for every token that is not there */
};

enum result
verifier_new(struct verifier **out_verifier)
{
	struct verifier *verifier = calloc(1, sizeof *verifier);
	if (verifier == NULL)
		return RESULT_NO_MEMORY;
	enum result result = secret_new_random(&verifier->nobody);
	if (result != RESULT_OK) {
		free(verifier);
		return result;
	}
	*out_verifier = verifier;
	return RESULT_OK;
}

enum result
verifier_add_url(struct verifier *verifier, struct url_base *base)
{
	if (verifier->url_count == VERIFIER_PUBLIC_URLS_MAX)
		return RESULT_LIMIT;
	verifier->urls[verifier->url_count++] = *base;
	memset(base, 0, sizeof *base);
	return RESULT_OK;
}

/* The account, or the place where it would stand: *out_index. */
static struct account *
find_account(const struct verifier *verifier, struct slice sid, size_t *out_index)
{
	size_t low = 0, high = verifier->account_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = slice_compare(verifier->accounts[middle].sid, sid);
		if (order == 0) {
			*out_index = middle;
			return &verifier->accounts[middle];
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*out_index = low;
	return NULL;
}

static struct account *
insert_account(struct verifier *verifier, struct slice sid, size_t index)
{
	size_t count = verifier->account_count;
	struct account *more = realloc(verifier->accounts, (count + 1) * sizeof *more);
	if (more == NULL)
		return NULL;
	verifier->accounts = more;
	char *text = malloc(sid.len + 1);
	if (text == NULL)
		return NULL;
	memcpy(text, sid.ptr, sid.len);
	text[sid.len] = '\0';
	memmove(more + index + 1, more + index, (count - index) * sizeof *more);
	more[index] = (struct account){.sid = {text, sid.len}};
	verifier->account_count++;
	return &more[index];
}

enum result
verifier_add_account(struct verifier *verifier, struct slice account)
{
	size_t index;
	if (find_account(verifier, account, &index) != NULL)
		return RESULT_OK;
	return insert_account(verifier, account, index) == NULL ? RESULT_NO_MEMORY : RESULT_OK;
}

bool
verifier_find_account(const struct verifier *verifier, struct slice account, size_t *out_index)
{
	return find_account(verifier, account, out_index) != NULL;
}

enum result
verifier_add_token(
    struct verifier *verifier, struct slice account, enum token_label label, struct secret *token)
{
	size_t index;
	enum result result = verifier_add_account(verifier, account);
	if (result != RESULT_OK) {
		secret_free(token);
		return result;
	}
	struct account *found = find_account(verifier, account, &index);
	if (found == NULL) { /* it has just been added */
		secret_free(token);
		return RESULT_NO_MEMORY;
	}
	secret_free(found->tokens[label]);
	found->tokens[label] = token;
	return RESULT_OK;
}

size_t
verifier_url_count(const struct verifier *verifier)
{
	return verifier->url_count;
}

struct slice
verifier_public_url(const struct verifier *verifier, size_t index)
{
	return slice_of(verifier->urls[index].spelling[0]);
}

bool
verifier_find_target(const struct verifier *verifier, struct slice url, struct slice *out_target)
{
	for (size_t i = 0; i < verifier->url_count * URL_SPELLINGS; i++) {
		struct slice base =
		    slice_of(verifier->urls[i / URL_SPELLINGS].spelling[i % URL_SPELLINGS]);
		if (base.len == 0 || !slice_starts_with(url, base) || url.len == base.len ||
		    url.ptr[base.len] != '/')
			continue;
		*out_target = slice_from(url, base.len);
		return true;
	}
	return false;
}

size_t
verifier_account_count(const struct verifier *verifier)
{
	return verifier->account_count;
}

struct slice
verifier_account(const struct verifier *verifier, size_t index)
{
	return verifier->accounts[index].sid;
}

bool
verifier_has_token(const struct verifier *verifier, size_t index, enum token_label label)
{
	return verifier->accounts[index].tokens[label] != NULL;
}

bool
verifier_holds_token(const struct verifier *verifier, struct slice text)
{
	for (size_t i = 0; i < verifier->account_count; i++)
		for (int label = 0; label < TOKEN_LABEL_COUNT; label++) {
			const struct secret *token = verifier->accounts[i].tokens[label];
			if (token != NULL && secret_equal(token, text))
				return true;
		}
	return false;
}

bool
verifier_is_locked(const struct verifier *verifier)
{
	for (size_t i = 0; i < verifier->account_count; i++)
		for (int label = 0; label < TOKEN_LABEL_COUNT; label++) {
			const struct secret *token = verifier->accounts[i].tokens[label];
			if (token != NULL && !secret_is_locked(token))
				return false;
		}
	return true;
}

bool
verifier_token_signs(const struct verifier *verifier, size_t index, enum token_label label,
    struct slice url, struct slice parameters, const uint8_t wanted[SIGNATURE_DIGEST_SIZE])
{
	const struct secret *token = index == verifier->account_count
					 ? verifier->nobody
					 : verifier->accounts[index].tokens[label];
	uint8_t digest[SIGNATURE_DIGEST_SIZE];
	if (token == NULL)
		return false;
	signature_digest(token, url, SLICE_NONE, parameters, digest);
	return signature_equal(digest, wanted);
}

/* One request's text under trial. */
struct trial {
	const struct verifier *verifier;
	const struct url_base *bases;
	size_t base_count;
	struct slice target, parameters;
	bool named; /* the request or its route names an account */
	uint8_t wanted[SIGNATURE_DIGEST_SIZE];
};

static bool
token_fits(const struct trial *trial, const struct secret *token)
{
	for (size_t base = 0; base < trial->base_count; base++)
		for (size_t i = 0; i < URL_SPELLINGS; i++) {
			uint8_t digest[SIGNATURE_DIGEST_SIZE];
			signature_digest(token, slice_of(trial->bases[base].spelling[i]),
			    trial->target, trial->parameters, digest);
			if (signature_equal(digest, trial->wanted))
				return true;
		}
	return false;
}

/* Tries every token of an account, NULL being one that nobody knows; always as many of them, so
 * that a refusal's time tells nothing about the key ring. */
static bool
account_fits(const struct trial *trial, const struct account *account, enum token_label *out_label)
{
	for (int label = 0; label < TOKEN_LABEL_COUNT; label++) {
		const struct secret *token = account == NULL ? NULL : account->tokens[label];
		if (token == NULL && !trial->named)
			continue; /* nobody was named: there is no account to keep quiet about */
		bool fits = token_fits(trial, token != NULL ? token : trial->verifier->nobody);
		if (fits && token != NULL) {
			*out_label = (enum token_label)label;
			return true;
		}
	}
	return false;
}

static bool
try_accounts(const struct trial *trial, struct slice named, struct verification *out)
{
	const struct verifier *verifier = trial->verifier;
	size_t first = 0, count = verifier->account_count;
	const struct account *unknown = NULL;
	if (named.ptr != NULL) {
		const struct account *account = find_account(verifier, named, &first);
		count = 1;
		if (account == NULL)
			return account_fits(trial, unknown, &out->label);
	}
	if (count > VERIFIER_ACCOUNTS_TRIED)
		count = VERIFIER_ACCOUNTS_TRIED;
	for (size_t i = first; i < first + count; i++)
		if (account_fits(trial, &verifier->accounts[i], &out->label)) {
			out->account = verifier->accounts[i].sid;
			out->account_index = i;
			return true;
		}
	return false;
}

static enum verdict
verify_bound_body(const struct verify_request *request)
{
	switch (signature_check_body(url_query(request->target), request->body)) {
	case SIGNATURE_BODY_UNBOUND: return VERDICT_BODY_UNBOUND;
	case SIGNATURE_BODY_DIFFERS: return VERDICT_BODY_MISMATCH;
	case SIGNATURE_BODY_MATCHES: return VERDICT_VALID;
	}
	return VERDICT_BODY_MISMATCH;
}

void
verifier_verify(const struct verifier *verifier, const struct verify_request *request,
    struct buffer *scratch, struct verification *out_verification)
{
	struct verification found = {.verdict = VERDICT_MISMATCH};
	struct trial trial = {.verifier = verifier,
	    .bases = verifier->url_count > 0 ? verifier->urls : request->base,
	    .base_count = verifier->url_count > 0 ? verifier->url_count : request->base != NULL,
	    .target = request->target};
	bool is_form = !request->is_get && request->form != NULL;
	struct slice named =
	    request->account.ptr != NULL ? request->account : request->route_account;
	size_t index;

	trial.named = named.ptr != NULL;
	buffer_clear(scratch);
	if (request->signature.len == 0) {
		out_verification->verdict = VERDICT_NO_SIGNATURE;
		return;
	}
	if (signature_from_text(request->signature, trial.wanted) != RESULT_OK) {
		out_verification->verdict = VERDICT_MALFORMED_SIGNATURE;
		return;
	}
	if (is_form && signature_append_parameters(scratch, request->form) != RESULT_OK) {
		out_verification->verdict = VERDICT_UNDECIDED;
		return;
	}
	if (is_form)
		trial.parameters = buffer_slice(scratch);
	bool fits = try_accounts(&trial, named, &found);
	if (fits)
		found.verdict = VERDICT_VALID;
	if (!request->is_get && !is_form && fits)
		found.verdict = verify_bound_body(request);
	/* A form may be bound by bodySHA256, too; its signature then covers the URL alone (the Go
	 * and Node SDKs try both). */
	if (!fits && is_form && verify_bound_body(request) == VERDICT_VALID) {
		trial.parameters = SLICE_NONE;
		if (try_accounts(&trial, named, &found))
			found.verdict = VERDICT_VALID;
	}
	if (found.verdict == VERDICT_MISMATCH && named.ptr != NULL &&
	    find_account(verifier, named, &index) == NULL)
		found.verdict = VERDICT_UNKNOWN_ACCOUNT;
	if (found.verdict == VERDICT_VALID)
		*out_verification = found;
	else
		out_verification->verdict = found.verdict;
}

enum result
verifier_sign(const struct verifier *verifier, struct slice account, struct slice target,
    const struct form *form, char out_text[SIGNATURE_TEXT_SIZE])
{
	size_t index;
	const struct account *found = find_account(verifier, account, &index);
	if (found == NULL || found->tokens[TOKEN_CURRENT] == NULL || verifier->url_count == 0)
		return RESULT_NOT_FOUND;
	struct buffer parameters = BUFFER_EMPTY;
	enum result result = RESULT_OK;
	if (form != NULL)
		result = signature_append_parameters(&parameters, form);
	if (result == RESULT_OK) {
		uint8_t digest[SIGNATURE_DIGEST_SIZE];
		signature_digest(found->tokens[TOKEN_CURRENT],
		    slice_of(verifier->urls[0].spelling[0]), target, buffer_slice(&parameters),
		    digest);
		signature_to_text(digest, out_text);
	}
	buffer_done(&parameters);
	return result;
}

const char *
token_label_name(enum token_label label)
{
	static const char *const names[] = {
	    [TOKEN_CURRENT] = "current", [TOKEN_NEXT] = "next", [TOKEN_PREVIOUS] = "previous"};
	return names[label];
}

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[] = {[VERDICT_VALID] = "valid",
	    [VERDICT_NO_SIGNATURE] = "no-signature",
	    [VERDICT_MALFORMED_SIGNATURE] = "malformed-signature",
	    [VERDICT_UNKNOWN_ACCOUNT] = "unknown-account",
	    [VERDICT_MISMATCH] = "mismatch",
	    [VERDICT_BODY_UNBOUND] = "body-unbound",
	    [VERDICT_BODY_MISMATCH] = "body-mismatch",
	    [VERDICT_UNDECIDED] = "no-memory"};
	return names[verdict];
}

void
verifier_free(struct verifier *verifier)
{
	if (verifier == NULL)
		return;
	for (size_t i = 0; i < verifier->account_count; i++) {
		free((char *)verifier->accounts[i].sid.ptr);
		for (int label = 0; label < TOKEN_LABEL_COUNT; label++)
			secret_free(verifier->accounts[i].tokens[label]);
	}
	for (size_t i = 0; i < verifier->url_count; i++)
		url_base_done(&verifier->urls[i]);
	free(verifier->accounts);
	secret_free(verifier->nobody);
	free(verifier);
}
