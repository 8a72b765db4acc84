#include "dlrd/twilio/verifier.h"

#include "account_sids.h"
#include "accounts.h"
#include "dlrd/twilio/query_respelling.h"

#include <stdlib.h>
#include <string.h>

/* SIDs of a body that are looked up. A batch of Event Streams repeats one SID; untrusted clients
 * could write a thousand different ones into each 34 KiB. */
#define SIDS_LOOKED_UP_MAX 1024

/* A request with a body is tried with one more spelling: a forged JSON body must not cost dlrd more
 * than twice a forged form. So is a GET that is tried with several accounts, which multiply with
 * the spellings; Twilio's GETs name their account. */
#define FEW_RESPELLINGS_MAX 1

_Static_assert(ACCOUNT_TOKENS == TOKEN_LABEL_COUNT, "a place for each label");

struct verifier {
	struct accounts accounts;
	struct url_base urls[VERIFIER_PUBLIC_URLS_MAX];
	size_t url_count;
	struct shared_keys keys;
	struct secret *stand_in; /* random; tried in place of every missing token */
};

enum result
verifier_new(struct verifier **out_verifier)
{
	struct verifier *verifier = calloc(1, sizeof *verifier);

	if (verifier == NULL)
		return RESULT_NO_MEMORY;
	enum result result = secret_new_random(&verifier->stand_in);
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

enum result
verifier_add_account(struct verifier *verifier, struct slice account)
{
	return accounts_add(&verifier->accounts, account);
}

bool
verifier_find_account(const struct verifier *verifier, struct slice account, size_t *out_index)
{
	return accounts_find(&verifier->accounts, account, out_index) != NULL;
}

static void
name_account(struct named_accounts *named, size_t index)
{
	for (size_t i = 0; i < named->count; i++)
		if (named->indexes[i] == index)
			return;
	if (named->count < VERIFIER_ACCOUNTS_TRIED)
		named->indexes[named->count++] = index;
}

struct slice
verifier_name_accounts(
    const struct verifier *verifier, struct slice body, struct named_accounts *out_named)
{
	struct account_sids sids = account_sids_begin(body);
	struct slice account = SLICE_NONE, last = SLICE_NONE, sid;

	out_named->count = 0;
	for (size_t lookups = 0; lookups < SIDS_LOOKED_UP_MAX;) {
		size_t index;
		sid = account_sids_next(&sids);
		if (sid.ptr == NULL)
			break;
		if (last.ptr != NULL && slice_equal(sid, last))
			continue;

		last = sid;
		lookups++;
		bool configured = accounts_find(&verifier->accounts, sid, &index) != NULL;
		if (account.ptr == NULL || (configured && out_named->count == 0))
			account = sid;
		if (configured)
			name_account(out_named, index);
	}
	return account;
}

enum result
verifier_add_token(
    struct verifier *verifier, struct slice account, enum token_label label, struct secret *token)
{
	return accounts_set_token(&verifier->accounts, account, (unsigned)label, token);
}

enum result
verifier_add_shared_key(
    struct verifier *verifier, struct slice id, struct slice account, struct secret *secret)
{
	return shared_keys_add(&verifier->keys, id, account, secret);
}

size_t
verifier_shared_key_count(const struct verifier *verifier)
{
	return verifier->keys.count;
}

struct slice
verifier_shared_key(const struct verifier *verifier, size_t index)
{
	return slice_of(verifier->keys.items[index].id);
}

struct slice
verifier_shared_key_account(const struct verifier *verifier, size_t index)
{
	return slice_of(verifier->keys.items[index].account);
}

bool
verifier_claimed_key(
    const struct verifier *verifier, const struct incoming *incoming, size_t *out_index)
{
	struct slice id, settings = incoming_settings(incoming);

	if (settings.ptr == NULL || shared_key_read_claim(settings, &id) != SHARED_KEY_CLAIMED)
		return false;
	*out_index = shared_keys_find(&verifier->keys, id);
	return true;
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
	return verifier->accounts.count;
}

struct slice
verifier_account(const struct verifier *verifier, size_t index)
{
	return verifier->accounts.items[index].sid;
}

bool
verifier_has_token(const struct verifier *verifier, size_t index, enum token_label label)
{
	return verifier->accounts.items[index].tokens[label] != NULL;
}

bool
verifier_holds_token(const struct verifier *verifier, struct slice text)
{
	if (accounts_hold_token(&verifier->accounts, text))
		return true;
	for (size_t i = 0; i < verifier->keys.count; i++)
		if (secret_equal(verifier->keys.items[i].readings[SECRET_AS_TEXT], text))
			return true;
	return false;
}

bool
verifier_is_locked(const struct verifier *verifier)
{
	if (!accounts_are_locked(&verifier->accounts))
		return false;
	for (size_t i = 0; i < verifier->keys.count; i++)
		for (int reading = 0; reading < SECRET_READING_COUNT; reading++) {
			const struct secret *secret = verifier->keys.items[i].readings[reading];
			if (secret != NULL && !secret_is_locked(secret))
				return false;
		}
	return true;
}

static const struct secret *
secret_of(const struct verifier *verifier, const struct verifier_key *key)
{
	if (key->shared)
		return verifier->keys.items[key->index].readings[key->which];
	return key->index == verifier->accounts.count
		   ? verifier->stand_in
		   : verifier->accounts.items[key->index].tokens[key->which];
}

bool
verifier_key_signs(const struct verifier *verifier, const struct verifier_key *key,
    struct slice url, struct slice parameters, const struct signature *wanted)
{
	const struct secret *secret = secret_of(verifier, key);

	if (secret == NULL)
		return false;
	size_t len = key->shared ? SIGNATURE_DIGEST_MAX : SIGNATURE_DIGEST_SIZE;
	struct signature made = signature_make(secret, len, url, SLICE_NONE, parameters);
	return signature_same(&made, wanted);
}

/* The text of a request under trial. */
struct trial {
	const struct verifier *verifier;
	const struct url_base *bases;
	size_t base_count;
	struct slice target, parameters;
	bool named; /* the request or its route names an account */
	struct signature wanted;
};

static bool
secret_fits(const struct trial *trial, const struct secret *secret)
{
	for (size_t base = 0; base < trial->base_count; base++)
		for (size_t i = 0; i < URL_SPELLINGS; i++) {
			struct signature made = signature_make(secret, trial->wanted.len,
			    slice_of(trial->bases[base].spelling[i]), trial->target,
			    trial->parameters);
			if (signature_same(&made, &trial->wanted))
				return true;
		}
	return false;
}

/* Tries every token of an account; NULL: an unknown account. The number of trials is always the
 * same, so that the time of a refusal reveals nothing about the key ring. */
static bool
account_fits(const struct trial *trial, const struct account *account, enum token_label *out_label)
{
	for (int label = 0; label < TOKEN_LABEL_COUNT; label++) {
		const struct secret *token = account == NULL ? NULL : account->tokens[label];
		if (token == NULL && !trial->named)
			continue; /* no account was named, so there is nothing to hide */
		bool fits = secret_fits(trial, token != NULL ? token : trial->verifier->stand_in);
		if (fits && token != NULL) {
			*out_label = (enum token_label)label;
			return true;
		}
	}
	return false;
}

/* Chooses the accounts to try: those that the request names, else that of the route, else the first
 * ones. An account that only the bytes of a body name counts if it is configured. Returns whether
 * the request or its route names an account. */
static bool
choose_accounts(const struct verifier *verifier, const struct reading *reading,
    struct named_accounts *out_chosen)
{
	struct slice account = reading->form != NULL ? reading->account : SLICE_NONE;
	size_t index, count = 0;

	if (reading->form == NULL && reading->named.count > 0) {
		*out_chosen = reading->named;
		return true;
	}

	if (account.ptr == NULL)
		account = reading->route_account;
	if (account.ptr != NULL) {
		if (accounts_find(&verifier->accounts, account, &index) != NULL)
			out_chosen->indexes[count++] = index;
		out_chosen->count = count;
		return true;
	}

	for (; count < verifier->accounts.count && count < VERIFIER_ACCOUNTS_TRIED; count++)
		out_chosen->indexes[count] = count;
	out_chosen->count = count;
	return false;
}

static bool
try_accounts(
    const struct trial *trial, const struct named_accounts *chosen, struct verification *out)
{
	const struct verifier *verifier = trial->verifier;

	if (chosen->count == 0 && trial->named)
		return account_fits(trial, NULL, &out->label);
	for (size_t i = 0; i < chosen->count; i++) {
		size_t index = chosen->indexes[i];
		if (!account_fits(trial, &verifier->accounts.items[index], &out->label))
			continue;
		out->account = verifier->accounts.items[index].sid;
		out->account_index = index;
		return true;
	}
	return false;
}

/* Tries each reading of a shared key's secret; as many for an unknown key. */
static bool
try_shared_key(const struct trial *trial, size_t index, struct verification *out)
{
	const struct verifier *verifier = trial->verifier;
	const struct shared_key *key =
	    index < verifier->keys.count ? &verifier->keys.items[index] : NULL;

	for (int reading = 0; reading < SECRET_READING_COUNT; reading++) {
		const struct secret *secret = key == NULL ? NULL : key->readings[reading];
		if (!secret_fits(trial, secret != NULL ? secret : verifier->stand_in) ||
		    secret == NULL)
			continue;
		out->account = slice_of(key->account);
		out->shared_key = slice_of(key->id);
		out->shared_key_index = index;
		out->reading = (enum secret_reading)reading;
		return accounts_find(&verifier->accounts, out->account, &out->account_index) !=
		       NULL;
	}
	return false;
}

static enum verification_result
verify_bound_body(const struct incoming *incoming)
{
	switch (signature_check_body(url_query(incoming->target), incoming->body)) {
	case SIGNATURE_BODY_UNBOUND: return VERIFICATION_BODY_UNBOUND;
	case SIGNATURE_BODY_DIFFERS: return VERIFICATION_BODY_MISMATCH;
	case SIGNATURE_BODY_MATCHES: return VERIFICATION_VALID;
	}
	return VERIFICATION_BODY_MISMATCH;
}

/* Tries every key that the request may be signed with, on the trial's text. */
static bool
try_keys(const struct trial *trial, const struct reading *reading,
    const struct named_accounts *chosen, struct verification *found)
{
	size_t index;

	if (verifier_claimed_key(trial->verifier, reading->incoming, &index))
		return try_shared_key(trial, index, found);
	return try_accounts(trial, chosen, found);
}

/* The query may have been signed with other escapes than it arrived with: query_respelling.h. */
static bool
try_respelled(struct trial *trial, const struct reading *reading, struct buffer *scratch,
    const struct named_accounts *chosen, struct verification *found)
{
	const struct incoming *incoming = reading->incoming;
	struct query_respellings spellings;
	bool few =
	    !incoming_is_get(incoming) || (incoming->settings.ptr == NULL && chosen->count > 1);

	query_respellings_write(incoming->target, few ? FEW_RESPELLINGS_MAX : QUERY_RESPELLINGS_MAX,
	    scratch, &spellings);
	for (size_t i = 0; i < spellings.count; i++) {
		trial->target =
		    (struct slice){scratch->ptr + spellings.starts[i], spellings.lens[i]};
		if (try_keys(trial, reading, chosen, found))
			return true;
	}
	return false;
}

/* Returns whether the request names an account, but no configured one. */
static bool
names_unknown_account(const struct trial *trial, const struct reading *reading, size_t chosen_count)
{
	if (reading->form == NULL)
		return reading->account.ptr != NULL && reading->named.count == 0;
	return trial->named && chosen_count == 0;
}

/* Returns why a request that no key has signed is refused. */
static enum verification_result
refuse(const struct trial *trial, const struct reading *reading, size_t chosen_count)
{
	size_t index;

	if (verifier_claimed_key(trial->verifier, reading->incoming, &index))
		return index == trial->verifier->keys.count ? VERIFICATION_UNKNOWN_KEY
							    : VERIFICATION_MISMATCH;
	return names_unknown_account(trial, reading, chosen_count) ? VERIFICATION_UNKNOWN_ACCOUNT
								   : VERIFICATION_MISMATCH;
}

/* Verifies the signature of a request whose headers and body hash have passed. */
static enum verification_result
try_signatures(struct trial *trial, const struct reading *reading, struct buffer *scratch,
    struct verification *found)
{
	struct named_accounts chosen;
	bool is_form = !incoming_is_get(reading->incoming) && reading->form != NULL;

	trial->named = choose_accounts(trial->verifier, reading, &chosen);
	if (is_form && signature_append_parameters(scratch, reading->form) != RESULT_OK)
		return VERIFICATION_UNDECIDED;
	if (is_form)
		trial->parameters = buffer_slice(scratch);
	if (try_keys(trial, reading, &chosen, found))
		return VERIFICATION_VALID;

	/* A form may be bound by bodySHA256, too; its signature then covers the URL alone (the Go
	 * and Node SDKs try both). */
	if (is_form && verify_bound_body(reading->incoming) == VERIFICATION_VALID) {
		trial->parameters = SLICE_NONE;
		if (try_keys(trial, reading, &chosen, found))
			return VERIFICATION_VALID;
	}
	if (!is_form && try_respelled(trial, reading, scratch, &chosen, found))
		return VERIFICATION_VALID;
	if (scratch->failed) /* without its spellings */
		return VERIFICATION_UNDECIDED;
	return refuse(trial, reading, chosen.count);
}

enum verification_result
verifier_read_headers(const struct incoming *incoming, struct signature *out_signature)
{
	struct slice id, signature = incoming_signature(incoming);
	struct slice settings = incoming_settings(incoming);
	size_t len = settings.ptr == NULL ? SIGNATURE_DIGEST_SIZE : SIGNATURE_DIGEST_MAX;

	if (signature.len == 0)
		return VERIFICATION_NO_SIGNATURE;
	if (settings.ptr != NULL)
		switch (shared_key_read_claim(settings, &id)) {
		case SHARED_KEY_CLAIMED: break;
		case SHARED_KEY_MALFORMED: return VERIFICATION_MALFORMED_SETTINGS;
		case SHARED_KEY_ALGORITHM: return VERIFICATION_UNKNOWN_ALGORITHM;
		}
	if (signature_read(signature, out_signature) != RESULT_OK || out_signature->len != len)
		return VERIFICATION_MALFORMED_SIGNATURE;
	return VERIFICATION_VALID;
}

enum result
verifier_read(const struct verifier *verifier, const struct incoming *incoming,
    struct slice route_account, size_t fields_max, struct form *form, struct reading *out_reading)
{
	*out_reading = (struct reading){.incoming = incoming, .route_account = route_account};
	/* Without a valid URL the base stays empty, and nothing verifies. */
	if (verifier->url_count == 0 &&
	    incoming_base(incoming, &out_reading->base) == RESULT_NO_MEMORY)
		return RESULT_NO_MEMORY;

	/* A form names its account in AccountSid; any other body somewhere in its bytes. */
	if (!incoming_has_form(incoming)) {
		out_reading->account =
		    verifier_name_accounts(verifier, incoming->body, &out_reading->named);
		return RESULT_OK;
	}

	enum result result = form_decode(form, incoming_form(incoming), fields_max);
	if (result != RESULT_OK)
		return result;
	struct slice account = form_get(form, SLICE("AccountSid"));
	out_reading->form = form;
	out_reading->account = account.len == 0 ? SLICE_NONE : account;
	return RESULT_OK;
}

void
reading_done(struct reading *reading)
{
	url_base_done(&reading->base);
}

void
verifier_verify(const struct verifier *verifier, const struct reading *reading,
    struct buffer *scratch, struct verification *out_verification)
{
	const struct incoming *incoming = reading->incoming;
	bool is_public = verifier->url_count > 0;
	struct trial trial = {.verifier = verifier,
	    .bases = is_public ? verifier->urls : &reading->base,
	    .base_count = is_public ? verifier->url_count : reading->base.spelling[0] != NULL,
	    .target = incoming->target};
	struct verification found = {.result = verifier_read_headers(incoming, &trial.wanted)};

	buffer_clear(scratch);
	if (found.result == VERIFICATION_VALID && !incoming_is_get(incoming) &&
	    reading->form == NULL)
		found.result = verify_bound_body(incoming);
	if (found.result == VERIFICATION_VALID)
		found.result = try_signatures(&trial, reading, scratch, &found);

	found.signature = trial.wanted;
	found.target = trial.target;
	if (found.result == VERIFICATION_VALID)
		*out_verification = found;
	else
		out_verification->result = found.result;
}

enum result
verifier_sign(const struct verifier *verifier, struct slice account, struct slice target,
    const struct form *form, char out_text[SIGNATURE_TEXT_MAX])
{
	size_t index;
	const struct account *found = accounts_find(&verifier->accounts, account, &index);

	if (found == NULL || found->tokens[TOKEN_CURRENT] == NULL || verifier->url_count == 0)
		return RESULT_NOT_FOUND;
	struct buffer parameters = BUFFER_EMPTY;
	enum result result = RESULT_OK;
	if (form != NULL)
		result = signature_append_parameters(&parameters, form);
	if (result == RESULT_OK) {
		struct signature made =
		    signature_make(found->tokens[TOKEN_CURRENT], SIGNATURE_DIGEST_SIZE,
			slice_of(verifier->urls[0].spelling[0]), target, buffer_slice(&parameters));
		signature_write(&made, out_text);
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
verification_result_name(enum verification_result result)
{
	static const char *const names[] = {[VERIFICATION_VALID] = "valid",
	    [VERIFICATION_NO_SIGNATURE] = "no-signature",
	    [VERIFICATION_MALFORMED_SIGNATURE] = "malformed-signature",
	    [VERIFICATION_MALFORMED_SETTINGS] = "malformed-settings",
	    [VERIFICATION_UNKNOWN_ALGORITHM] = "unknown-algorithm",
	    [VERIFICATION_UNKNOWN_KEY] = "unknown-shared-key",
	    [VERIFICATION_UNKNOWN_ACCOUNT] = "unknown-account",
	    [VERIFICATION_MISMATCH] = "mismatch",
	    [VERIFICATION_BODY_UNBOUND] = "body-unbound",
	    [VERIFICATION_BODY_MISMATCH] = "body-mismatch",
	    [VERIFICATION_UNDECIDED] = "no-memory"};

	return names[result];
}

void
verifier_free(struct verifier *verifier)
{
	if (verifier == NULL)
		return;
	accounts_done(&verifier->accounts);
	for (size_t i = 0; i < verifier->url_count; i++)
		url_base_done(&verifier->urls[i]);
	shared_keys_done(&verifier->keys);
	secret_free(verifier->stand_in);
	free(verifier);
}
