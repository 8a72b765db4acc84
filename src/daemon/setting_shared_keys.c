#include "dlrd/daemon/setting_shared_keys.h"

#include "setting_accounts.h"
#include "setting_sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct token_words secret_words = {"the shared key's secret", "secret_file"};

static size_t
find(const struct setting_shared_keys *keys, struct slice id)
{
	size_t i = 0;
	while (i < keys->count && !slice_equal(slice_of(keys->items[i].id), id))
		i++;
	return i;
}

/* Begins a section. */
static enum result
begin(struct setting_shared_keys *keys, struct slice id, struct failure *failure)
{
	if (!shared_key_is_id(id))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not the ID of a shared key; write it as in the "
		    "header " SHARED_KEYS_HEADER ": 1 to %d letters, digits, -, _ or .",
		    SLICE_ARG(id), SHARED_KEY_ID_MAX);
	if (find(keys, id) < keys->count)
		return failure_set(
		    failure, RESULT_INVALID, "duplicate section; keep one of the two");
	if (keys->count == SHARED_KEYS_MAX)
		return failure_set(
		    failure, RESULT_LIMIT, "more than %d shared keys", SHARED_KEYS_MAX);
	char *text = strndup(id.ptr, id.len);
	if (text == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	keys->items[keys->count++] = (struct setting_shared_key){.id = text};
	return RESULT_OK;
}

static enum result
set_account(struct setting_shared_key *key, struct slice account, struct failure *failure)
{
	if (!setting_is_account_sid(account))
		return failure_set(
		    failure, RESULT_INVALID, SETTING_BAD_ACCOUNT, SLICE_ARG(account));
	free(key->account);
	key->account = strndup(account.ptr, account.len);
	return key->account != NULL ? RESULT_OK
				    : failure_set(failure, RESULT_NO_MEMORY, "no memory");
}

static enum result
set_secret(struct setting_shared_key *key, struct setting_secrets *secrets, struct slice value,
    bool is_file, struct failure *failure)
{
	struct secret *secret;
	enum result result =
	    setting_secret_read(secrets, &secret_words, value, is_file, &secret, failure);
	if (result != RESULT_OK)
		return result;
	if (key->has_secret) {
		secret_free(secret);
		return failure_set(failure, RESULT_INVALID,
		    "the secret is here and in a file; keep one of the two");
	}
	key->secret = secret;
	key->has_secret = true;
	return RESULT_OK;
}

enum result
setting_shared_key_key(struct setting_shared_keys *keys, struct setting_secrets *secrets,
    struct slice id, struct slice key, struct slice value, struct failure *failure)
{
	bool is_file = slice_equal(key, SLICE("secret_file"));
	size_t i = find(keys, id);
	if (key.ptr == NULL) /* the section begins */
		return begin(keys, id, failure);
	if (i == keys->count)
		return RESULT_OK; /* reported when the section began */
	if (slice_equal(key, SLICE("account")))
		return set_account(&keys->items[i], value, failure);
	if (!is_file && !slice_equal(key, SLICE("secret")))
		return failure_set(failure, RESULT_INVALID,
		    "unknown key; a shared key has account, and secret or secret_file");
	if (secrets->skipped)
		return RESULT_OK;
	return set_secret(&keys->items[i], secrets, value, is_file, failure);
}

/* A value whose key is there was refused, and reported, when it was read. */
static void
check(const struct setting_shared_key *key, const struct verifier *verifier, bool without_secrets,
    struct setting_lines *lines)
{
	char text[SHARED_KEY_ID_MAX + sizeof "shared_key "];
	snprintf(text, sizeof text, "shared_key %s", key->id);
	struct slice section = slice_of(text);
	size_t index;

	if (key->account == NULL && setting_lines_find(lines, section, "account") == NULL)
		setting_lines_report(lines, section, "account",
		    "is missing; write the SID of the account whose webhooks the key signs");
	else if (key->account != NULL &&
		 !verifier_find_account(verifier, slice_of(key->account), &index))
		setting_lines_report(
		    lines, section, "account", "there is no section [account %s]", key->account);

	if (!without_secrets && !key->has_secret &&
	    setting_lines_find(lines, section, "secret") == NULL &&
	    setting_lines_find(lines, section, "secret_file") == NULL)
		setting_lines_report(
		    lines, section, "secret", "is missing; add it, or secret_file");
}

void
setting_shared_keys_check(const struct setting_shared_keys *keys, const struct verifier *verifier,
    bool without_secrets, struct setting_lines *lines)
{
	for (size_t i = 0; i < keys->count; i++)
		check(&keys->items[i], verifier, without_secrets, lines);
}

enum result
setting_shared_keys_add(struct setting_shared_keys *keys, struct verifier *verifier)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; i < keys->count && result == RESULT_OK; i++) {
		struct setting_shared_key *key = &keys->items[i];
		if (key->secret == NULL)
			continue; /* the caller neither verifies nor signs */
		result = verifier_add_shared_key(
		    verifier, slice_of(key->id), slice_of(key->account), key->secret);
		key->secret = NULL;
	}
	return result;
}

void
setting_shared_keys_print(const struct setting_shared_keys *keys, struct buffer *out)
{
	for (size_t i = 0; i < keys->count; i++) {
		const struct setting_shared_key *key = &keys->items[i];
		buffer_appendf(out, "\n[shared_key %s]\naccount = %s\n", key->id, key->account);
		if (key->has_secret)
			buffer_append(out, SLICE("secret = (set, not shown)\n"));
	}
}

void
setting_shared_keys_done(struct setting_shared_keys *keys)
{
	while (keys->count > 0) {
		struct setting_shared_key *key = &keys->items[--keys->count];
		free(key->id);
		free(key->account);
		secret_free(key->secret);
	}
}
