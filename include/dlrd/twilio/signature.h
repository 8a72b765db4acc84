/* signature: computes X-Twilio-Signature, and stores every secret of dlrd.
 *
 * Twilio's rule (twilio.com/docs/usage/security): HMAC-SHA1, keyed with the account's Auth Token,
 * over the URL as configured in Twilio and, for a form POST, all parameters sorted by name, with
 * name and value joined without a separator; the result in base64. If a name repeats, the official
 * Python, Node and PHP validators sort its values, drop repeated ones, and write the name before
 * each. A request signed with a shared key differs in two things: the key is the shared key's
 * secret, and the hash is SHA-256.
 *
 * This module is the only one that calls libsodium (comparison in constant time, base64, SHA-256,
 * locked and wiped memory) and nettle (HMAC-SHA1, which libsodium does not have, and HMAC-SHA256).
 * verifier.h chooses the URLs and tokens to try. Call signature_init first; then all functions are
 * thread-safe, and secrets may be shared between threads. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/form.h"

#define SIGNATURE_DIGEST_SIZE 20    /* bytes of HMAC-SHA1 */
#define SIGNATURE_TEXT_SIZE 29      /* base64 of them, with a NUL */
#define SIGNATURE_DIGEST_MAX 32     /* bytes of HMAC-SHA256 */
#define SIGNATURE_TEXT_MAX 45       /* base64 of them, with a NUL */
#define SIGNATURE_BODY_HASH_SIZE 65 /* lower-case hex of SHA-256, with a NUL */
#define SIGNATURE_FINGERPRINT_SIZE 32

/* A token in memory that is excluded from core dumps, wiped when freed, and locked against swapping
 * if the limit of locked memory allows it. */
struct secret;

/* RESULT_IO if the system has no randomness. May be called repeatedly. */
must_check enum result signature_init(void);

/* Copies text, which the caller should wipe (wipe.h); no other copy is left. RESULT_NO_MEMORY. */
must_check enum result secret_new(struct slice text, struct secret **out_secret);

/* Ways to derive a key from the text of a shared key's secret; Twilio does not document which. */
enum secret_reading { SECRET_AS_TEXT, SECRET_FROM_HEX, SECRET_FROM_BASE64, SECRET_READING_COUNT };

/* Returns "text", "hex-decoded" or "base64-decoded". */
const char *secret_reading_name(enum secret_reading reading);

/* Decodes text to bytes: hexadecimal digits, or base64 in either alphabet, padded or not.
 * RESULT_INVALID if text is neither, and for SECRET_AS_TEXT. */
must_check enum result secret_decode(
    const struct secret *text, enum secret_reading reading, struct secret **out_secret);

/* Returns false if the limit of locked memory (RLIMIT_MEMLOCK) did not allow it. */
bool secret_is_locked(const struct secret *secret);

/* Makes a random secret, so that unknown accounts take the same time as known ones. */
must_check enum result secret_new_random(struct secret **out_secret);

/* Returns whether text is the secret, in time that depends only on the lengths. */
bool secret_equal(const struct secret *secret, struct slice text);

/* Returns the text of the secret, borrowed, for callers that send it. They wipe their copies. */
struct slice secret_text(const struct secret *secret);

void secret_free(struct secret *secret);

/* Appends the form's parameters as they are signed. RESULT_NO_MEMORY. */
must_check enum result signature_append_parameters(struct buffer *text, const struct form *form);

/* A header's value, decoded. */
struct signature {
	uint8_t digest[SIGNATURE_DIGEST_MAX];
	size_t len; /* SIGNATURE_DIGEST_SIZE: HMAC-SHA1; SIGNATURE_DIGEST_MAX: HMAC-SHA256 */
};

/* Reads a header's value: exactly 28 or 44 characters of canonical base64. RESULT_INVALID
 * otherwise. */
must_check enum result signature_read(struct slice text, struct signature *out_signature);

/* Computes the signature of base, target and parameters, joined. len is the size of the hash and
 * selects it. Any of the texts may be empty. */
struct signature signature_make(const struct secret *secret, size_t len, struct slice base,
    struct slice target, struct slice parameters);

/* Writes the signature as the header's value. */
void signature_write(const struct signature *signature, char out_text[SIGNATURE_TEXT_MAX]);

/* Returns whether both are equal, in time that depends only on the lengths. */
bool signature_same(const struct signature *a, const struct signature *b);

/* Writes the lower-case hex of the body's SHA-256. Twilio adds it to the query as bodySHA256 if the
 * body is not a form. */
void signature_body_hash(struct slice body, char out_text[SIGNATURE_BODY_HASH_SIZE]);

/* Computes the SHA-256 of pieces, each preceded by its length, so that different lists have
 * different fingerprints; absent differs from empty. Not part of Twilio's scheme: it identifies
 * equal requests. Untrusted clients choose the requests, so the hash must be collision-resistant.
 */
void signature_fingerprint(
    const struct slice *pieces, size_t count, uint8_t out_fingerprint[SIGNATURE_FINGERPRINT_SIZE]);

enum signature_body_check {
	SIGNATURE_BODY_UNBOUND, /* the query has no bodySHA256 */
	SIGNATURE_BODY_MATCHES, /* each bodySHA256 in the query is the body's */
	SIGNATURE_BODY_DIFFERS, /* at least one is not */
};

/* Compares bodySHA256 in a raw query, which may be absent, with the body's hash. */
enum signature_body_check signature_check_body(struct slice query, struct slice body);
