/* verifier: decides whether a request is Twilio's, and with which token, URL and body rule.
 *
 * It holds the key ring (accounts with up to three tokens each, shared keys) and the public URLs.
 * An AccountSid in a request only chooses the key; an unknown one is tried with a random secret, so
 * that it takes the same time as a wrong signature. A request that names no account is tried with
 * the route's account, or else with up to VERIFIER_ACCOUNTS_TRIED configured ones.
 *
 * The query of a GET or of a body that is not a form may be signed with other escapes
 * (query_respelling.h). With a body, or for a GET that is tried with several accounts, only the
 * likeliest other spelling is tried. Nothing is parsed before it is verified. A body that is not a
 * form is bound by its hash, which is compared before any signature is computed. A request that
 * claims a shared key is tried with that key alone. The accounts of a body that is not a form are
 * found in its raw bytes; if none of them is configured, it is tried as a request that names no
 * account.
 *
 * Built by one thread, then read by any number of them: verifier_verify does not change it. */
#pragma once

#include "dlrd/twilio/incoming.h"
#include "dlrd/twilio/shared_keys.h"
#include "dlrd/twilio/signature.h"

/* Each costs an HMAC for each spelling of each public URL, for any untrusted client. */
#define VERIFIER_ACCOUNTS_TRIED 16
#define VERIFIER_PUBLIC_URLS_MAX 8

/* The tokens that an account may have at one time, in the order of trial. */
enum token_label { TOKEN_CURRENT, TOKEN_NEXT, TOKEN_PREVIOUS, TOKEN_LABEL_COUNT };

enum verification_result {
	VERIFICATION_VALID,
	VERIFICATION_NO_SIGNATURE,        /* no X-Twilio-Signature, or an empty one */
	VERIFICATION_MALFORMED_SIGNATURE, /* not 28 characters of base64, 44 with a shared key */
	VERIFICATION_MALFORMED_SETTINGS,  /* not key=ID,algorithm=NAME, or two headers */
	VERIFICATION_UNKNOWN_ALGORITHM,   /* not SHARED_KEYS_ALGORITHM */
	VERIFICATION_UNKNOWN_KEY,         /* the shared key is not configured */
	VERIFICATION_UNKNOWN_ACCOUNT,     /* the AccountSid is not configured */
	VERIFICATION_MISMATCH,            /* no spelling and no token gives this signature */
	VERIFICATION_BODY_UNBOUND,        /* not a form, and no bodySHA256 in the query */
	VERIFICATION_BODY_MISMATCH, /* not a form, and a bodySHA256 in the query differs from its
				       hash */
	VERIFICATION_UNDECIDED,     /* memory is short: the request may be tried again */
	VERIFICATION_COUNT,
};

struct verifier;

/* The configured accounts whose SIDs are in the bytes of a body that is not a form. */
struct named_accounts {
	size_t indexes[VERIFIER_ACCOUNTS_TRIED]; /* each once */
	size_t count;
};

/* A request, read for verification by verifier_read. */
struct reading {
	const struct incoming *incoming; /* borrowed */
	const struct form *form;         /* its parameters; NULL if they are not a form. Borrowed */
	struct slice account; /* that it names, configured or not; absent: none. Borrowed from
				 the incoming or the form */
	struct named_accounts named; /* if it has no form */
	struct slice route_account;  /* for a request that names no account; absent: none */
	struct url_base base; /* owned; empty if a public URL is configured or none can be derived
			       */
};

/* The result of verifier_verify. Fields other than result are set only if it is VERIFICATION_VALID.
 */
struct verification {
	enum verification_result result;
	struct slice account;   /* the account whose token fits; borrowed from the verifier */
	size_t account_index;   /* its index, 0 to verifier_account_count - 1 */
	enum token_label label; /* which token */
	struct slice
	    shared_key; /* the ID of the shared key that fits instead of a token; absent: none */
	size_t shared_key_index;     /* its index, 0 to verifier_shared_key_count - 1 */
	enum secret_reading reading; /* how its secret was used */
	struct signature signature;  /* the header's value */
	struct slice target;         /* as signed: the request's, or another spelling, in scratch */
};

/* One of the key ring's secrets. */
struct verifier_key {
	bool shared;
	size_t index;   /* of the account, or of the shared key */
	unsigned which; /* an enum token_label, or an enum secret_reading */
};

must_check enum result verifier_new(struct verifier **out_verifier);

/* Adds a public URL; takes the text of base. RESULT_LIMIT beyond
 * VERIFIER_PUBLIC_URLS_MAX. */
must_check enum result verifier_add_url(struct verifier *verifier, struct url_base *base);

/* Adds an account without a token; does nothing if the account exists. */
must_check enum result verifier_add_account(struct verifier *verifier, struct slice account);

/* Returns whether the account is configured; *out_index is its index. */
bool verifier_find_account(
    const struct verifier *verifier, struct slice account, size_t *out_index);

/* Finds the accounts that a body names. Configured ones beyond VERIFIER_ACCOUNTS_TRIED are left
 * out. Returns the first configured one, or else the first; absent: none. Borrowed from the body.
 */
struct slice verifier_name_accounts(
    const struct verifier *verifier, struct slice body, struct named_accounts *out_named);

/* Sets a token of an account and adds the account if it is new. Takes ownership of token, also on
 * failure. */
must_check enum result verifier_add_token(
    struct verifier *verifier, struct slice account, enum token_label label, struct secret *token);

/* Adds a shared key. Takes ownership of secret, also on failure. RESULT_LIMIT beyond
 * SHARED_KEYS_MAX. */
must_check enum result verifier_add_shared_key(
    struct verifier *verifier, struct slice id, struct slice account, struct secret *secret);

size_t verifier_shared_key_count(const struct verifier *verifier);
struct slice verifier_shared_key(const struct verifier *verifier, size_t index);
struct slice verifier_shared_key_account(const struct verifier *verifier, size_t index);

/* Finds the shared key that a request claims. *out_index is its index, or
 * verifier_shared_key_count if it is not configured. Returns false if the request claims none, or
 * if its claim is malformed. */
bool verifier_claimed_key(
    const struct verifier *verifier, const struct incoming *incoming, size_t *out_index);

size_t verifier_url_count(const struct verifier *verifier);

/* Returns a public URL as configured, without a trailing slash; index is below verifier_url_count.
 */
struct slice verifier_public_url(const struct verifier *verifier, size_t index);

/* Returns whether url is below one of the public URLs, in any of their spellings. *out_target is
 * then the rest of it, the target of such a request; otherwise it does not change. */
bool verifier_find_target(
    const struct verifier *verifier, struct slice url, struct slice *out_target);
size_t verifier_account_count(const struct verifier *verifier);
struct slice verifier_account(const struct verifier *verifier, size_t index);
bool verifier_has_token(const struct verifier *verifier, size_t index, enum token_label label);

/* Returns whether text is a token of any account, or a shared key's secret. */
bool verifier_holds_token(const struct verifier *verifier, struct slice text);

/* Returns whether all tokens and secrets are in locked memory. */
bool verifier_is_locked(const struct verifier *verifier);

/* Returns whether the key makes this signature of url and parameters; false if there is no such
 * key. The index after the last account means a random secret, which takes the same time. For
 * explaining refused requests only: url is a guess, so the result must never admit a request. */
bool verifier_key_signs(const struct verifier *verifier, const struct verifier_key *key,
    struct slice url, struct slice parameters, const struct signature *wanted);

/* Signs as Twilio would: with the account's current token and the first public URL. For simulated
 * traffic. RESULT_NOT_FOUND for an unknown account. */
must_check enum result verifier_sign(const struct verifier *verifier, struct slice account,
    struct slice target, const struct form *form, char out_text[SIGNATURE_TEXT_MAX]);

/* Reads a request for verification, with the account that its route names, or none. A form is
 * decoded into *form. RESULT_LIMIT if it has more than fields_max fields, and RESULT_NO_MEMORY:
 * *out_reading then has neither form nor account. In any case the caller ends it with reading_done.
 */
must_check enum result verifier_read(const struct verifier *verifier,
    const struct incoming *incoming, struct slice route_account, size_t fields_max,
    struct form *form, struct reading *out_reading);

void reading_done(struct reading *reading);

/* Reads the headers of the signature. VERIFICATION_VALID if they have the right form: an Auth Token
 * signs with HMAC-SHA1, a shared key with HMAC-SHA256. */
enum verification_result verifier_read_headers(
    const struct incoming *incoming, struct signature *out_signature);

/* Verifies a request. scratch is the caller's buffer, cleared and filled here, so that no request
 * needs an allocation. */
void verifier_verify(const struct verifier *verifier, const struct reading *reading,
    struct buffer *scratch, struct verification *out_verification);

/* "current", "next", "previous"; "mismatch", "unknown-account" ...: for metrics and messages. */
const char *token_label_name(enum token_label label);
const char *verification_result_name(enum verification_result result);

void verifier_free(struct verifier *verifier);
