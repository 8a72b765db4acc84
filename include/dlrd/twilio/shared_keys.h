/* shared_keys: the keys of Twilio's signing settings, which can sign instead of an Auth Token.
 *
 * A request that is signed with a shared key has the header X-Twilio-Webhooks-Signature-Settings:
 * key=ID,algorithm=HMAC_SHA256. The signed text is the same, and the signature is also in
 * X-Twilio-Signature. Twilio does not document whether the key is the secret's text or its decoded
 * bytes, so each possible reading is tried. Public beta; usage/webhooks/webhook-shared-keys and
 * twilio-node's WebhookSignatureValidation.md.
 *
 * Built by one thread, then read by any number of them. */
#pragma once

#include "dlrd/twilio/signature.h"

#define SHARED_KEYS_HEADER "X-Twilio-Webhooks-Signature-Settings"
#define SHARED_KEYS_ALGORITHM "HMAC_SHA256" /* the only one known */
#define SHARED_KEYS_MAX 64                  /* each takes up to three pages of locked memory */
#define SHARED_KEY_ID_MAX 128               /* bytes */

/* The result of reading the header. */
enum shared_key_claim {
	SHARED_KEY_CLAIMED,
	SHARED_KEY_MALFORMED, /* not key=ID,algorithm=NAME */
	SHARED_KEY_ALGORITHM, /* another algorithm */
};

/* Reads the header's value. The case of names does not matter; other entries of the list are
 * ignored. *out_id, borrowed from header, is untouched if the claim is malformed. */
enum shared_key_claim shared_key_read_claim(struct slice header, struct slice *out_id);

/* Returns whether text is a valid key ID: 1 to SHARED_KEY_ID_MAX letters, digits, - _ and dots. */
bool shared_key_is_id(struct slice text);

struct shared_key {
	char *id, *account;
	struct secret *readings[SECRET_READING_COUNT]; /* NULL: the secret has no such reading */
};

/* Zero-initialise. */
struct shared_keys {
	struct shared_key items[SHARED_KEYS_MAX];
	size_t count;
};

/* Adds a key. Takes ownership of secret, also on failure. RESULT_LIMIT beyond SHARED_KEYS_MAX. */
must_check enum result shared_keys_add(
    struct shared_keys *keys, struct slice id, struct slice account, struct secret *secret);

/* Returns the index of the key with that ID; keys->count if it does not exist. */
size_t shared_keys_find(const struct shared_keys *keys, struct slice id);

void shared_keys_done(struct shared_keys *keys);
