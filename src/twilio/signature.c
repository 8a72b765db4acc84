#include "dlrd/twilio/signature.h"

#include "dlrd/base/wipe.h"

#include <nettle/hmac.h>
#include <sodium.h>
#include <stdlib.h>

/* keyed and keyed_256 are HMAC states after the key; each signature starts from a copy. */
struct secret {
	struct hmac_sha1_ctx keyed;
	struct hmac_sha256_ctx keyed_256;
	bool locked;
	size_t len;
	unsigned char text[];
};

enum result
signature_init(void)
{
	return sodium_init() < 0 ? RESULT_IO : RESULT_OK;
}

/* Allocates a secret with room for len bytes of text. */
static struct secret *
allocate(size_t len)
{
	/* sodium_malloc aligns the start only if the size is a multiple of the alignment. */
	size_t size = (sizeof(struct secret) + len + 15) / 16 * 16;
	struct secret *secret = sodium_malloc(size);
	if (secret == NULL)
		return NULL;
	/* sodium_malloc tries to lock without reporting the result; locking again is cheap. */
	secret->locked = sodium_mlock(secret, size) == 0;
	return secret;
}

static void
set_key(struct secret *secret, size_t len)
{
	secret->len = len;
	hmac_sha1_set_key(&secret->keyed, len, secret->text);
	hmac_sha256_set_key(&secret->keyed_256, len, secret->text);
	wipe_stack(); /* nettle leaves the padded key on the stack */
}

enum result
secret_new(struct slice text, struct secret **out_secret)
{
	struct secret *secret = allocate(text.len);
	if (secret == NULL)
		return RESULT_NO_MEMORY;
	for (size_t i = 0; i < text.len; i++)
		secret->text[i] = (unsigned char)text.ptr[i];
	set_key(secret, text.len);
	*out_secret = secret;
	return RESULT_OK;
}

const char *
secret_reading_name(enum secret_reading reading)
{
	static const char *const names[SECRET_READING_COUNT] = {[SECRET_AS_TEXT] = "text",
	    [SECRET_FROM_HEX] = "hex-decoded",
	    [SECRET_FROM_BASE64] = "base64-decoded"};
	return names[reading];
}

static bool
decode_hex(const struct secret *text, struct secret *out, size_t *out_len)
{
	return sodium_hex2bin(out->text, text->len, (const char *)text->text, text->len, NULL,
		   out_len, NULL) == 0;
}

static bool
decode_base64(const struct secret *text, struct secret *out, size_t *out_len)
{
	static const int variants[] = {sodium_base64_VARIANT_ORIGINAL,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING};
	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
		if (sodium_base642bin(out->text, text->len, (const char *)text->text, text->len,
			NULL, out_len, NULL, variants[i]) == 0)
			return true;
	return false;
}

enum result
secret_decode(const struct secret *text, enum secret_reading reading, struct secret **out_secret)
{
	size_t len = 0;
	struct secret *secret = allocate(text->len);
	if (secret == NULL)
		return RESULT_NO_MEMORY;
	bool decoded = (reading == SECRET_FROM_HEX && decode_hex(text, secret, &len)) ||
		       (reading == SECRET_FROM_BASE64 && decode_base64(text, secret, &len));
	wipe_stack();
	if (!decoded || len == 0) {
		secret_free(secret);
		return RESULT_INVALID;
	}
	set_key(secret, len);
	*out_secret = secret;
	return RESULT_OK;
}

enum result
secret_new_random(struct secret **out_secret)
{
	char bytes[32];
	randombytes_buf(bytes, sizeof bytes);
	enum result result = secret_new((struct slice){bytes, sizeof bytes}, out_secret);
	wipe(bytes, sizeof bytes);
	return result;
}

bool
secret_is_locked(const struct secret *secret)
{
	return secret->locked;
}

bool
secret_equal(const struct secret *secret, struct slice text)
{
	return secret->len == text.len &&
	       (text.len == 0 || sodium_memcmp(secret->text, text.ptr, text.len) == 0);
}

struct slice
secret_text(const struct secret *secret)
{
	return (struct slice){(const char *)secret->text, secret->len};
}

void
secret_free(struct secret *secret)
{
	sodium_free(secret); /* wipes; accepts NULL */
}

/* Compares by name, then by value. Name and value are not joined before the comparison, so the
 * values of Reason and ReasonConferenceEnded do not affect the order of the two. */
static int
compare_fields(const void *a, const void *b)
{
	const struct form_field *x = *(const struct form_field *const *)a;
	const struct form_field *y = *(const struct form_field *const *)b;
	int order = slice_compare(x->name, y->name);
	return order != 0 ? order : slice_compare(x->value, y->value);
}

#define FEW_FIELDS 48 /* more than any SMS callback has; sorted without an allocation */

enum result
signature_append_parameters(struct buffer *text, const struct form *form)
{
	const struct form_field *few[FEW_FIELDS], **sorted = few;
	if (form->count > FEW_FIELDS)
		sorted = malloc(form->count * sizeof(const struct form_field *));
	if (sorted == NULL)
		return RESULT_NO_MEMORY;
	for (size_t i = 0; i < form->count; i++)
		sorted[i] = &form->fields[i];

	/* Reserve once, so the buffer is not larger than the text. */
	size_t len = 0;
	for (size_t i = 0; i < form->count; i++)
		len += form->fields[i].name.len + form->fields[i].value.len;
	buffer_reserve(text, len);

	qsort(sorted, form->count, sizeof *sorted, compare_fields);
	for (size_t i = 0; i < form->count; i++) {
		if (i > 0 && compare_fields(&sorted[i - 1], &sorted[i]) == 0)
			continue;
		buffer_append(text, sorted[i]->name);
		buffer_append(text, sorted[i]->value);
	}
	if (sorted != few)
		free(sorted);
	return text->failed ? RESULT_NO_MEMORY : RESULT_OK;
}

static void
update_sha1(struct hmac_sha1_ctx *hmac, struct slice text)
{
	if (text.len > 0)
		hmac_sha1_update(hmac, text.len, (const uint8_t *)text.ptr);
}

static void
update_sha256(struct hmac_sha256_ctx *hmac, struct slice text)
{
	if (text.len > 0)
		hmac_sha256_update(hmac, text.len, (const uint8_t *)text.ptr);
}

struct signature
signature_make(const struct secret *secret, size_t len, struct slice base, struct slice target,
    struct slice parameters)
{
	struct signature made = {.len = len};
	if (len == SIGNATURE_DIGEST_SIZE) {
		struct hmac_sha1_ctx hmac = secret->keyed;
		update_sha1(&hmac, base);
		update_sha1(&hmac, target);
		update_sha1(&hmac, parameters);
		hmac_sha1_digest(&hmac, len, made.digest);
		sodium_memzero(&hmac, sizeof hmac);
		return made;
	}
	struct hmac_sha256_ctx hmac = secret->keyed_256;
	update_sha256(&hmac, base);
	update_sha256(&hmac, target);
	update_sha256(&hmac, parameters);
	hmac_sha256_digest(&hmac, SIGNATURE_DIGEST_MAX, made.digest);
	sodium_memzero(&hmac, sizeof hmac);
	return made;
}

void
signature_write(const struct signature *signature, char out_text[SIGNATURE_TEXT_MAX])
{
	sodium_bin2base64(out_text, SIGNATURE_TEXT_MAX, signature->digest, signature->len,
	    sodium_base64_VARIANT_ORIGINAL);
}

bool
signature_same(const struct signature *a, const struct signature *b)
{
	return a->len == b->len && sodium_memcmp(a->digest, b->digest, a->len) == 0;
}

enum result
signature_read(struct slice text, struct signature *out_signature)
{
	struct signature read = {.len = 0};
	size_t wanted = text.len == SIGNATURE_TEXT_SIZE - 1  ? SIGNATURE_DIGEST_SIZE
			: text.len == SIGNATURE_TEXT_MAX - 1 ? SIGNATURE_DIGEST_MAX
							     : 0;
	if (wanted == 0 ||
	    sodium_base642bin(read.digest, sizeof read.digest, text.ptr, text.len, NULL, &read.len,
		NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    read.len != wanted)
		return RESULT_INVALID;

	/* libsodium 1.0.18 decodes bytes of 0x80 and above as a slash: require the canonical text.
	 */
	char canonical[SIGNATURE_TEXT_MAX];
	signature_write(&read, canonical);
	if (!slice_equal(text, slice_of(canonical)))
		return RESULT_INVALID;
	*out_signature = read;
	return RESULT_OK;
}

void
signature_body_hash(struct slice body, char out_text[SIGNATURE_BODY_HASH_SIZE])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)(body.len > 0 ? body.ptr : ""), body.len);
	sodium_bin2hex(out_text, SIGNATURE_BODY_HASH_SIZE, hash, sizeof hash);
}

void
signature_fingerprint(
    const struct slice *pieces, size_t count, uint8_t out_fingerprint[SIGNATURE_FINGERPRINT_SIZE])
{
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < count; i++) {
		uint64_t len = pieces[i].ptr == NULL ? 0 : (uint64_t)pieces[i].len + 1;
		uint8_t length[8];
		for (size_t k = 0; k < sizeof length; k++)
			length[k] = (uint8_t)(len >> (8 * k));
		crypto_hash_sha256_update(&state, length, sizeof length);
		if (pieces[i].len > 0)
			crypto_hash_sha256_update(
			    &state, (const unsigned char *)pieces[i].ptr, pieces[i].len);
	}
	crypto_hash_sha256_final(&state, out_fingerprint);
}

static bool
is_body_hash(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (slice_hex_digit(text.ptr[i]) < 0 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'F'))
			return false;
	return text.len == SIGNATURE_BODY_HASH_SIZE - 1;
}

/* The SDKs disagree about which of several bodySHA256 counts, so all must match. The body is hashed
 * only if the query has exactly one valid hash. */
enum signature_body_check
signature_check_body(struct slice query, struct slice body)
{
	struct slice claimed = SLICE_NONE;
	char hash[SIGNATURE_BODY_HASH_SIZE];
	while (query.ptr != NULL) {
		struct slice value = slice_take(&query, '&');
		struct slice name = slice_take(&value, '=');
		if (!slice_equal(name, SLICE("bodySHA256")))
			continue;
		if (!is_body_hash(value) || (claimed.ptr != NULL && !slice_equal(claimed, value)))
			return SIGNATURE_BODY_DIFFERS;
		claimed = value;
	}
	if (claimed.ptr == NULL)
		return SIGNATURE_BODY_UNBOUND;
	signature_body_hash(body, hash);
	return slice_equal(claimed, slice_of(hash)) ? SIGNATURE_BODY_MATCHES
						    : SIGNATURE_BODY_DIFFERS;
}
