/* setting_accounts: the sections [account SID] of the configuration, and how a token or secret is
 * read.
 *
 * Each function that takes a key is called with an absent key when the section begins. Part of
 * settings. One thread. */
#pragma once

#include "dlrd/daemon/setting_lines.h"
#include "dlrd/daemon/token_file.h"
#include "dlrd/twilio/verifier.h"

/* How the secrets of one configuration are read. */
struct setting_secrets {
	const char *config_path; /* borrowed; the files of secrets are relative to it */
	bool skipped;            /* the caller neither verifies nor signs, and needs no secret */
	bool in_configuration;   /* result: the configuration itself holds a secret */
	struct failure exposed;  /* result: the text, if all users can read the last secret */
	struct failure doubt;    /* result: the text, if the last secret is probably a wrong one */
};

/* Reads a secret: value itself, or the contents of the file that it names. */
must_check enum result setting_secret_read(struct setting_secrets *secrets,
    const struct token_words *words, struct slice value, bool is_file, struct secret **out_secret,
    struct failure *failure);

must_check enum result setting_account_key(struct verifier *verifier,
    struct setting_secrets *secrets, struct slice sid, struct slice key, struct slice value,
    struct failure *failure);

/* Reports a configuration without an account, and each account without a token. */
void setting_accounts_check(const struct verifier *verifier, const struct setting_secrets *secrets,
    struct setting_lines *lines);

/* Appends the sections as they would be written, without the tokens. */
void setting_accounts_print(const struct verifier *verifier, struct buffer *out);
