#include "dlrd/daemon/setting_shared_keys.h"

#include "setting_sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
find(const struct setting_shared_keys *keys, struct slice id)
{
	size_t i = 0;
	while (i < keys->count && !slice_equal(slice_of(keys->items[i].id), id))
		i++;
	return i;
}

enum result
setting_shared_key_begin(struct setting_shared_keys *keys, struct slice id, struct failure *failure)
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

struct setting_shared_key *
setting_shared_key_of(struct setting_shared_keys *keys, struct slice id)
{
	size_t i = find(keys, id);
	return i < keys->count ? &keys->items[i] : NULL;
}

enum result
setting_shared_key_set_account(
    struct setting_shared_key *key, struct slice account, struct failure *failure)
{
	if (!setting_is_account_sid(account))
		return failure_set(
		    failure, RESULT_INVALID, SETTING_BAD_ACCOUNT, SLICE_ARG(account));
	free(key->account);
	key->account = strndup(account.ptr, account.len);
	return key->account != NULL ? RESULT_OK
				    : failure_set(failure, RESULT_NO_MEMORY, "no memory");
}

enum result
setting_shared_key_set_secret(
    struct setting_shared_key *key, struct secret *secret, struct failure *failure)
{
	if (key->has_secret) {
		secret_free(secret);
		return failure_set(failure, RESULT_INVALID,
		    "the secret is here and in a file; keep one of the two");
	}
	key->secret = secret;
	key->has_secret = true;
	return RESULT_OK;
}

/* One line for one key of the section; key is absent for the section itself. */
static void
add_problem(struct setting_lines *lines, const struct setting_shared_key *key, const char *name,
    const struct failure *why)
{
	char section[SHARED_KEY_ID_MAX + sizeof "shared_key "];
	snprintf(section, sizeof section, "shared_key %s", key->id);
	int line = setting_line_of(lines, section, name);
	if (line == 0)
		line = setting_line_of(lines, section, "");
	setting_lines_add_problem(lines, line, slice_of(section), slice_of(name), why);
}

/* Whether a value of that key was read, if only to be refused. */
static bool
is_there(struct setting_lines *lines, const struct setting_shared_key *key, const char *name)
{
	char section[SHARED_KEY_ID_MAX + sizeof "shared_key "];
	snprintf(section, sizeof section, "shared_key %s", key->id);
	return setting_line_of(lines, section, name) != 0;
}

static void
check(const struct setting_shared_key *key, const struct verifier *verifier, bool without_secrets,
    struct setting_lines *lines)
{
	struct failure why;
	size_t index;
	if (key->account == NULL && !is_there(lines, key, "account")) {
		failure_set(&why, RESULT_INVALID,
		    "is missing; write the SID of the account whose webhooks the key signs");
		add_problem(lines, key, "account", &why);
	} else if (key->account != NULL &&
		   !verifier_find_account(verifier, slice_of(key->account), &index)) {
		failure_set(&why, RESULT_INVALID, "there is no section [account %s]", key->account);
		add_problem(lines, key, "account", &why);
	}
	if (!without_secrets && !key->has_secret && !is_there(lines, key, "secret") &&
	    !is_there(lines, key, "secret_file")) {
		failure_set(&why, RESULT_INVALID, "is missing; add it, or secret_file");
		add_problem(lines, key, "secret", &why);
	}
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
