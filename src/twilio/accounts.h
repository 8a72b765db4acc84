/* accounts: the configured accounts with their Auth Tokens, sorted by SID.
 *
 * Twilio signs with the account's primary token (twilio.com/docs/usage/security). During a rotation
 * an account has up to ACCOUNT_TOKENS tokens; verifier.h names them. Built by one thread, then read
 * by any number of threads. */
#pragma once

#include "dlrd/twilio/signature.h"

#define ACCOUNT_TOKENS 3

struct account {
	struct slice sid;                      /* owned */
	struct secret *tokens[ACCOUNT_TOKENS]; /* owned; NULL: not configured */
};

/* Zero-initialise. */
struct accounts {
	struct account *items; /* sorted by sid */
	size_t count;
};

/* Returns the account, or NULL. *out_index is its index, or the index at which to insert it. */
struct account *accounts_find(const struct accounts *accounts, struct slice sid, size_t *out_index);

/* Adds an account without a token; does nothing if the account exists. RESULT_NO_MEMORY. */
must_check enum result accounts_add(struct accounts *accounts, struct slice sid);

/* Sets token number `which` of an account and adds the account if it is new. Takes ownership of
 * token, also on failure. RESULT_NO_MEMORY. */
must_check enum result accounts_set_token(
    struct accounts *accounts, struct slice sid, unsigned which, struct secret *token);

/* Returns whether text is a token of any account. */
bool accounts_hold_token(const struct accounts *accounts, struct slice text);

/* Returns whether all tokens are in locked memory. */
bool accounts_are_locked(const struct accounts *accounts);

void accounts_done(struct accounts *accounts);
