#include "setting_accounts.h"

#include "setting_sections.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct {
	const char *key;
	enum token_label label;
	bool is_file; /* the value names a file that holds the token */
} token_keys[] = {
    {"auth_token", TOKEN_CURRENT, false},
    {"auth_token_file", TOKEN_CURRENT, true},
    {"next_auth_token", TOKEN_NEXT, false},
    {"next_auth_token_file", TOKEN_NEXT, true},
    {"previous_auth_token", TOKEN_PREVIOUS, false},
    {"previous_auth_token_file", TOKEN_PREVIOUS, true},
};

#define TOKEN_KEY_COUNT (sizeof token_keys / sizeof token_keys[0])

#define TOKEN_LEN 32 /* characters (twilio.com/docs/usage/security) */

static const struct token_words token_words = {
    "the account's Auth Token, 32 characters", "auth_token_file"};

static enum result
read_file(const char *config_path, const struct token_words *words, struct slice name,
    struct secret **out_secret, struct failure *failure)
{
	struct secret *secret;
	struct failure why;
	enum result result = token_file_read(name, config_path, &secret, failure);
	if (result != RESULT_OK)
		return result;

	result = token_check(secret_text(secret), words, &why);
	if (result != RESULT_OK) {
		secret_free(secret);
		return failure_set(
		    failure, result, "the content of %.*s %s", SLICE_ARG(name), why.text);
	}
	*out_secret = secret;
	return RESULT_OK;
}

enum result
setting_secret_read(struct setting_secrets *secrets, const struct token_words *words,
    struct slice value, bool is_file, struct secret **out_secret, struct failure *failure)
{
	if (is_file) {
		if (token_file_is_exposed(value, secrets->config_path))
			failure_set(&secrets->exposed, RESULT_OK, TOKEN_FILE_EXPOSED);
		return read_file(secrets->config_path, words, value, out_secret, failure);
	}
	if (value.len == 0)
		return failure_set(failure, RESULT_INVALID,
		    "is empty; write %s, from the Twilio console", words->what);

	enum result result = token_check(value, words, failure);
	if (result == RESULT_OK && (result = secret_new(value, out_secret)) != RESULT_OK)
		failure_set(failure, result, "no memory for it");
	if (result == RESULT_OK) {
		struct stat status;
		secrets->in_configuration = true;
		if (stat(secrets->config_path, &status) == 0 && (status.st_mode & S_IROTH) != 0)
			failure_set(&secrets->exposed, RESULT_OK,
			    "this file contains a secret and all users can read it; chmod o-r it, "
			    "or use %s",
			    words->file_key);
	}
	return result;
}

/* One that was copied without its end signs nothing, and each callback would be refused. */
static void
check_length(const struct secret *token, struct failure *doubt)
{
	size_t len = secret_text(token).len;
	if (len != TOKEN_LEN)
		failure_set(doubt, RESULT_INVALID,
		    "the token has %zu characters; an Auth Token has %d: copy the whole of it from "
		    "the Twilio console",
		    len, TOKEN_LEN);
}

enum result
setting_account_key(struct verifier *verifier, struct setting_secrets *secrets, struct slice sid,
    struct slice key, struct slice value, struct failure *failure)
{
	struct secret *token;
	size_t i = 0, index;
	if (key.ptr == NULL) { /* the section begins */
		if (!setting_is_account_sid(sid))
			return failure_set(
			    failure, RESULT_INVALID, SETTING_BAD_ACCOUNT, SLICE_ARG(sid));
		return verifier_add_account(verifier, sid);
	}
	if (!setting_is_account_sid(sid))
		return RESULT_OK; /* reported when the section began */

	while (i < TOKEN_KEY_COUNT && !slice_equal(key, slice_of(token_keys[i].key)))
		i++;
	if (i == TOKEN_KEY_COUNT)
		return failure_set(failure, RESULT_INVALID,
		    "unknown key; an account has auth_token, next_auth_token and "
		    "previous_auth_token, each also with _file");
	if (verifier_find_account(verifier, sid, &index) &&
	    verifier_has_token(verifier, index, token_keys[i].label))
		return failure_set(failure, RESULT_INVALID,
		    "the token is here and in a file; keep one of the two");
	if (secrets->skipped)
		return RESULT_OK;

	enum result result = setting_secret_read(
	    secrets, &token_words, value, token_keys[i].is_file, &token, failure);
	if (result == RESULT_OK)
		check_length(token, &secrets->doubt);
	return result == RESULT_OK ? verifier_add_token(verifier, sid, token_keys[i].label, token)
				   : result;
}

void
setting_accounts_check(const struct verifier *verifier, const struct setting_secrets *secrets,
    struct setting_lines *lines)
{
	char text[64];
	size_t accounts = verifier_account_count(verifier);
	if (accounts == 0 && !lines->failed)
		setting_lines_report(lines, SLICE_NONE, NULL,
		    "no account; add a section [account AC...] with auth_token or auth_token_file");

	for (size_t i = 0; i < accounts && !secrets->skipped; i++) {
		if (verifier_has_token(verifier, i, TOKEN_CURRENT))
			continue;
		snprintf(
		    text, sizeof text, "account %.*s", SLICE_ARG(verifier_account(verifier, i)));
		struct slice section = slice_of(text);
		if (setting_lines_find(lines, section, "auth_token") != NULL ||
		    setting_lines_find(lines, section, "auth_token_file") != NULL)
			continue; /* reported with the key */
		setting_lines_report(
		    lines, section, "auth_token", "is missing; add it, or auth_token_file");
	}
}

void
setting_accounts_print(const struct verifier *verifier, struct buffer *out)
{
	for (size_t i = 0; i < verifier_account_count(verifier); i++) {
		buffer_appendf(out, "\n[account %.*s]\n", SLICE_ARG(verifier_account(verifier, i)));
		for (size_t k = 0; k < TOKEN_KEY_COUNT; k++)
			if (!token_keys[k].is_file &&
			    verifier_has_token(verifier, i, token_keys[k].label))
				buffer_appendf(out, "%s = (set, not shown)\n", token_keys[k].key);
	}
}
