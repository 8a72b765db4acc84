/* verifier: which requests are Twilio's. The vectors are those of every official SDK, and more. */
#include "testing.h"

#include "dlrd/twilio/shared_keys.h"
#include "dlrd/twilio/verifier.h"

#include <jansson.h>

#define ACCOUNT "AC00000000000000000000000000000001"
#define OTHER "AC00000000000000000000000000000002"
#define EMPTY_OBJECT_HASH "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Tests decide when memory runs out (the program is linked with --wrap). */
static volatile bool memory_is_out; /* volatile: link-time optimisation sees no reader */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *
__wrap_malloc(size_t size)
{
	return memory_is_out ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return memory_is_out ? NULL : __real_realloc(memory, size);
}

static struct buffer scratch;

static int
init(void **state)
{
	(void)state;
	assert_ok(signature_init());
	return 0;
}

static int
done(void **state)
{
	(void)state;
	buffer_done(&scratch);
	return 0;
}

static void
add_token(struct verifier *verifier, const char *account, enum token_label label, struct slice text)
{
	struct secret *token;
	assert_ok(secret_new(text, &token));
	assert_ok(verifier_add_token(verifier, slice_of(account), label, token));
}

static void
add_url(struct verifier *verifier, const char *text)
{
	struct url_base base;
	assert_ok(url_base_init(&base, slice_of(text), NULL));
	assert_ok(verifier_add_url(verifier, &base));
	assert_null(base.spelling[0]); /* its text has moved */
}

/* Makes a verifier with one account and one URL, as most tests need. NULL for none. */
static struct verifier *
make_verifier(const char *url, const char *token)
{
	struct verifier *verifier;
	assert_ok(verifier_new(&verifier));
	if (url != NULL)
		add_url(verifier, url);
	if (token != NULL)
		add_token(verifier, ACCOUNT, TOKEN_CURRENT, slice_of(token));
	return verifier;
}

static enum verification_result
result_of(const struct verifier *verifier, const struct reading *reading)
{
	struct verification verification;
	verifier_verify(verifier, reading, &scratch, &verification);
	return verification.result;
}

/* --- the vectors --- */

/* Vectors that an SDK accepts and dlrd does not, and why. A verifier signs the bytes that came over
 * the wire; two of Node's tests hand it a URL that no request has. */
static const struct {
	const char *signature, *url, *reason;
} rejections[] = {
    {"CukzLTc1tT5dXEDIHm/tKBanW10=", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
	"signed with userinfo, which Twilio drops before it signs"},
    {"2YRLlVAflCqxaNicjMpJcSTgzSs=", "https://user@mycompany.com/myapp.php?foo=1&bar=2",
	"signed with userinfo, which Twilio drops before it signs"},
    {"TfZzewPq8wqrGlMfyAud8+/IvJ0=",
	"https://mycompany.com/myapp.php?foo=1&bar=2&Body=It's+amazing",
	"signed over %27, asked for with an apostrophe"},
    {"GfI7onHX/KQ2k1oVS3cUTVk4IEw=", "https://example.com/path?test=param%27WithQuote",
	"signed over an apostrophe, asked for with %27"},
    {"HkuXLxVQ7zHv9LmGpzlLuGaxhJY=", "https://example.com/path?test=param'WithQuote",
	"signed over %27, asked for with an apostrophe"},
};

static const char *
member(const json_t *vector, const char *key)
{
	return json_string_value(json_object_get(vector, key));
}

static void
encode(struct buffer *out, const char *name, const json_t *value)
{
	struct slice parts[] = {slice_of(name), slice_of(json_string_value(value))};
	for (size_t part = 0; part < 2; part++) {
		for (size_t i = 0; i < parts[part].len; i++)
			buffer_appendf(out, "%%%02X", (unsigned char)parts[part].ptr[i]);
		buffer_append_byte(out, part == 0 ? '=' : '&');
	}
}

/* The params member as a form body. */
static void
encode_all(struct buffer *out, json_t *params)
{
	const char *name;
	json_t *value, *element;
	size_t i;
	json_object_foreach(params, name, value)
	{
		if (json_is_array(value))
			json_array_foreach(value, i, element) encode(out, name, element);
		else
			encode(out, name, value);
	}
}

static bool
accepts_vector(const json_t *vector)
{
	struct slice base, target;
	struct form form = FORM_EMPTY;
	struct buffer body = BUFFER_EMPTY, url = BUFFER_EMPTY;
	const char *raw = member(vector, "body");
	assert_ok(url_split(slice_of(member(vector, "url")), &base, &target));
	buffer_append(&url, base);
	buffer_append_byte(&url, '\0');
	struct verifier *verifier = make_verifier(url.ptr, member(vector, "token"));
	encode_all(&body, json_object_get(vector, "params"));
	assert_ok(form_decode(&form, buffer_slice(&body), 1000));
	const struct incoming incoming = {.method = slice_of(member(vector, "method")),
	    .target = target,
	    .body = raw == NULL ? buffer_slice(&body) : slice_of(raw),
	    .signature = slice_of(member(vector, "expected_signature"))};
	const struct reading reading = {.incoming = &incoming, .form = raw == NULL ? &form : NULL};
	bool valid = result_of(verifier, &reading) == VERIFICATION_VALID;
	verifier_free(verifier);
	form_done(&form);
	buffer_done(&body);
	buffer_done(&url);
	return valid;
}

static void
every_vector_is_accepted_or_refused_as_expected(void **state)
{
	(void)state;
	json_error_t error;
	json_t *vectors =
	    json_load_file(TEST_SOURCE "/tests/data/signature-vectors.json", 0, &error);
	size_t wrong = 0, named[COUNT_OF(rejections)] = {0};
	assert_non_null(vectors);
	assert_int_equal(json_array_size(vectors), 44);
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		bool expected = json_is_true(json_object_get(vector, "valid"));
		for (size_t k = 0; k < COUNT_OF(rejections); k++)
			if (strcmp(member(vector, "expected_signature"), rejections[k].signature) ==
				0 &&
			    strcmp(member(vector, "url"), rejections[k].url) == 0) {
				assert_true(expected); /* else there is nothing to name */
				expected = false;
				named[k]++;
			}
		if (accepts_vector(vector) == expected)
			continue;
		print_error("vector %zu is %s: %s\n  %s\n", i, expected ? "refused" : "accepted",
		    member(vector, "url"), member(vector, "note"));
		wrong++;
	}
	for (size_t k = 0; k < COUNT_OF(rejections); k++)
		if (named[k] != 1) {
			print_error("%zu vectors are \"%s\": %s\n", named[k], rejections[k].url,
			    rejections[k].reason);
			wrong++;
		}
	json_decref(vectors);
	assert_int_equal(wrong, 0);
}

/* --- one good request, and everything near it --- */

#define TOKEN "0123456789abcdef0123456789abcdef"
#define TARGET "/sms/twilio?account=ABC-123&meta=0.1.2"
#define BODY "AccountSid=" ACCOUNT "&From=%2B15005550006&MessageSid=SM1&MessageStatus=sent&Body=a+b"

struct sample {
	struct verifier *verifier;
	struct form form;
	char signature[SIGNATURE_TEXT_MAX];
	struct incoming incoming;
	struct reading reading;
};

static struct sample
make_sample(void)
{
	struct sample sample = {.verifier = make_verifier("https://a.example.com", TOKEN)};
	assert_ok(form_decode(&sample.form, SLICE(BODY), 100));
	assert_ok(verifier_sign(
	    sample.verifier, SLICE(ACCOUNT), SLICE(TARGET), &sample.form, sample.signature));
	sample.incoming = (struct incoming){.target = SLICE(TARGET), .body = SLICE(BODY)};
	sample.reading = (struct reading){.account = SLICE(ACCOUNT)};
	return sample;
}

/* The struct is moved about: its own parts are pointed to at the last moment. */
static enum verification_result
ask(struct sample *sample)
{
	sample->reading.incoming = &sample->incoming;
	sample->reading.form = &sample->form;
	if (sample->incoming.signature.ptr == NULL)
		sample->incoming.signature = slice_of(sample->signature);
	enum verification_result result = result_of(sample->verifier, &sample->reading);
	sample->incoming.signature = SLICE_NONE;
	return result;
}

static void
drop_sample(struct sample *sample)
{
	verifier_free(sample->verifier);
	form_done(&sample->form);
}

static void
what_was_signed_is_accepted(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	assert_int_equal(ask(&sample), VERIFICATION_VALID);
	drop_sample(&sample);
}

static void
a_changed_signature_is_refused(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	for (size_t i = 0; i < 28; i++)
		for (int bit = 0; bit < 8; bit++) {
			sample.signature[i] ^= (char)(1 << bit);
			sample.incoming.signature = (struct slice){sample.signature, 28};
			assert_int_not_equal(ask(&sample), VERIFICATION_VALID);
			sample.signature[i] ^= (char)(1 << bit);
		}
	assert_int_equal(ask(&sample), VERIFICATION_VALID);
	drop_sample(&sample);
}

static void
a_changed_token_is_refused(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	char token[] = TOKEN;
	for (size_t i = 0; i < sizeof TOKEN - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			token[i] ^= (char)(1 << bit);
			add_token(sample.verifier, ACCOUNT, TOKEN_CURRENT,
			    (struct slice){token, sizeof TOKEN - 1});
			assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
			token[i] ^= (char)(1 << bit);
		}
	drop_sample(&sample);
}

static void
a_changed_url_is_refused(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	char target[] = TARGET;
	sample.incoming.target = (struct slice){target, sizeof TARGET - 1};
	for (size_t i = 0; i < sizeof TARGET - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			target[i] ^= (char)(1 << bit);
			assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
			target[i] ^= (char)(1 << bit);
		}
	static const char *const near[] = {"/sms/twilio/?account=ABC-123&meta=0.1.2",
	    "//sms/twilio?account=ABC-123&meta=0.1.2", "/sms/twilio?meta=0.1.2&account=ABC-123",
	    "/sms/twilio?account=ABC%2D123&meta=0.1.2", "/sms/twilio?account=ABC-123&meta=0.1.2&",
	    "/sms/twilio?account=ABC-123&meta=0.1.2#x", "/sms/twilio", ""};
	for (size_t i = 0; i < COUNT_OF(near); i++) {
		sample.incoming.target = slice_of(near[i]);
		assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
	}
	drop_sample(&sample);
}

static void
a_changed_body_is_refused(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	/* Every byte of every decoded name and value, bit by bit. */
	for (size_t f = 0; f < sample.form.count; f++) {
		struct slice parts[] = {sample.form.fields[f].name, sample.form.fields[f].value};
		for (size_t part = 0; part < 2; part++)
			for (size_t i = 0; i < parts[part].len; i++)
				for (int bit = 0; bit < 8; bit++) {
					char *byte = (char *)parts[part].ptr + i;
					*byte ^= (char)(1 << bit);
					assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
					*byte ^= (char)(1 << bit);
				}
	}
	static const char *const near[] = {BODY "&x=", BODY "&Body=a+c", "", "AccountSid=" ACCOUNT,
	    "AccountSid=" ACCOUNT
	    "&From=%2B15005550006&MessageSid=SM1&MessageStatus=sent&Body=a+b+",
	    "AccountSid=" ACCOUNT "&From=+15005550006&MessageSid=SM1&MessageStatus=sent&Body=a+b"};
	for (size_t i = 0; i < COUNT_OF(near); i++) {
		assert_ok(form_decode(&sample.form, slice_of(near[i]), 100));
		assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
	}
	assert_ok(form_decode(&sample.form, SLICE(BODY), 100));
	assert_int_equal(ask(&sample), VERIFICATION_VALID);
	drop_sample(&sample);
}

static void
a_signature_that_is_none_is_reported_as_such(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	struct verification verification = {.account_index = 99};
	sample.reading.incoming = &sample.incoming;
	sample.reading.form = &sample.form;
	verifier_verify(sample.verifier, &sample.reading, &scratch, &verification);
	assert_int_equal(verification.result, VERIFICATION_NO_SIGNATURE);
	assert_int_equal(verification.account_index, 99); /* untouched */
	sample.incoming.signature = SLICE("");
	assert_int_equal(ask(&sample), VERIFICATION_NO_SIGNATURE);
	static const char *const bad[] = {"x", "RSOYDt4T1cUTdK1PDd93/VVr8B8",
	    "RSOYDt4T1cUTdK1PDd93_VVr8B8=", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", "two headers"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		sample.incoming.signature = slice_of(bad[i]);
		assert_int_equal(ask(&sample), VERIFICATION_MALFORMED_SIGNATURE);
	}
	drop_sample(&sample);
}

static void
a_claim_names_one_key_and_one_algorithm(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum shared_key_claim claim;
	} rows[] = {
	    {"key=CK1,algorithm=HMAC_SHA256", SHARED_KEY_CLAIMED},
	    {" Algorithm = hmac_sha256 , KEY = CK1 , more=1, x", SHARED_KEY_CLAIMED},
	    {"key=CK1,algorithm=HMAC_SHA512", SHARED_KEY_ALGORITHM},
	    {"key=CK2,key=CK1,algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"key=CK1,algorithm=x,algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"key=CK1", SHARED_KEY_MALFORMED},
	    {"algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"key,algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"key=,algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"key=C K,algorithm=HMAC_SHA256", SHARED_KEY_MALFORMED},
	    {"", SHARED_KEY_MALFORMED},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice id = SLICE("untouched");
		enum shared_key_claim claim = shared_key_read_claim(slice_of(rows[i].header), &id);
		assert_int_equal(claim, rows[i].claim);
		assert_slice(id, claim == SHARED_KEY_MALFORMED ? "untouched" : "CK1");
	}
}

static void
a_claim_decides_how_long_the_signature_is(void **state)
{
	(void)state;
	const struct slice claim = SLICE("key=CK1,algorithm=HMAC_SHA256"),
			   sha1 = SLICE("RSOYDt4T1cUTdK1PDd93/VVr8B8="),
			   sha256 = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	const struct {
		struct slice signature, settings;
		enum verification_result result;
	} rows[] = {
	    {sha1, SLICE_NONE, VERIFICATION_VALID},
	    {sha256, claim, VERIFICATION_VALID},
	    {sha256, SLICE_NONE, VERIFICATION_MALFORMED_SIGNATURE},
	    {sha1, claim, VERIFICATION_MALFORMED_SIGNATURE},
	    {sha1, SLICE("key=CK1"), VERIFICATION_MALFORMED_SETTINGS},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct signature read;
		const struct incoming incoming = {.signature = rows[i].signature,
		    .signatures = 1,
		    .settings = rows[i].settings,
		    .settings_count = rows[i].settings.ptr != NULL};
		assert_int_equal(verifier_read_headers(&incoming, &read), rows[i].result);
	}
}

static void
the_order_of_fields_does_not_matter(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	static const char *const pieces[] = {"A=1", "A=3", "A=2", "B=x", "C=", "A=1"};
	size_t order[] = {0, 1, 2, 3, 4, 5};
	for (int round = 0; round < 200; round++) {
		struct buffer body = BUFFER_EMPTY;
		for (size_t i = 5; i > 0; i--) {
			size_t k = random_below((unsigned)i + 1), held = order[i];
			order[i] = order[k];
			order[k] = held;
		}
		for (size_t i = 0; i < 6; i++)
			buffer_appendf(&body, "%s&", pieces[order[i]]);
		assert_ok(form_decode(&sample.form, buffer_slice(&body), 100));
		if (round == 0)
			assert_ok(verifier_sign(sample.verifier, SLICE(ACCOUNT), SLICE(TARGET),
			    &sample.form, sample.signature));
		assert_int_equal(ask(&sample), VERIFICATION_VALID);
		buffer_done(&body);
	}
	drop_sample(&sample);
}

static void
many_fields_are_verified_like_few(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	for (int count = 40; count <= 300; count += 13) {
		struct buffer body = BUFFER_EMPTY;
		for (int i = 0; i < count; i++)
			buffer_appendf(&body, "n%d=%d&", (i * 37) % count, i);
		assert_ok(form_decode(&sample.form, buffer_slice(&body), 1000));
		assert_ok(verifier_sign(sample.verifier, SLICE(ACCOUNT), SLICE(TARGET),
		    &sample.form, sample.signature));
		assert_int_equal(ask(&sample), VERIFICATION_VALID);
		buffer_append(&body, SLICE("zz=1"));
		assert_ok(form_decode(&sample.form, buffer_slice(&body), 1000));
		assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
		buffer_done(&body);
	}
	drop_sample(&sample);
}

/* The signature of a request without parameters (a GET, a JSON body) must not open the door for a
 * form that could not be looked at. */
static void
a_form_is_not_verified_without_its_parameters_when_memory_is_out(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	struct form none = FORM_EMPTY;
	struct buffer body = BUFFER_EMPTY;
	assert_ok(
	    verifier_sign(sample.verifier, SLICE(ACCOUNT), SLICE(TARGET), &none, sample.signature));
	for (int i = 0; i < 60; i++)
		buffer_appendf(&body, "forged%d=1&", i);
	assert_ok(form_decode(&sample.form, buffer_slice(&body), 100));
	assert_int_equal(ask(&sample), VERIFICATION_MISMATCH);
	memory_is_out = true;
	enum verification_result result = ask(&sample);
	memory_is_out = false;
	buffer_done(&body);
	drop_sample(&sample);
	assert_int_equal(result, VERIFICATION_UNDECIDED);
}

/* 403 would lose a genuine callback: it may be decided later. */
static void
a_request_is_undecided_when_memory_is_out(void **state)
{
	(void)state;
	struct verifier *verifier;
	struct incoming incoming = {
	    .method = SLICE("GET"), .target = SLICE("/a?b=%41"), .host = SLICE("cb.example.com")};
	struct form form = FORM_EMPTY;
	struct reading reading;

	assert_ok(verifier_new(&verifier));
	add_token(verifier, ACCOUNT, TOKEN_CURRENT, SLICE(TOKEN));
	memory_is_out = true;
	enum result result =
	    verifier_read(verifier, &incoming, SLICE(ACCOUNT), 100, &form, &reading);
	memory_is_out = false;
	assert_int_equal(result, RESULT_NO_MEMORY);

	struct verification verification;
	incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_ok(verifier_read(verifier, &incoming, SLICE(ACCOUNT), 100, &form, &reading));
	verifier_verify(verifier, &reading, &scratch, &verification);
	assert_int_equal(verification.result, VERIFICATION_MISMATCH);
	buffer_done(&scratch);
	memory_is_out = true;
	verifier_verify(verifier, &reading, &scratch, &verification);
	memory_is_out = false;
	assert_int_equal(verification.result, VERIFICATION_UNDECIDED);
	reading_done(&reading);
	form_done(&form);
	buffer_done(&scratch);
	verifier_free(verifier);
}

/* --- URLs --- */

static void
each_public_url_is_tried(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	struct verifier *verifier;
	assert_ok(verifier_new(&verifier));
	add_token(verifier, ACCOUNT, TOKEN_CURRENT, SLICE(TOKEN));
	add_url(verifier, "http://one.example.com");
	sample.reading.incoming = &sample.incoming;
	sample.reading.form = &sample.form;
	sample.incoming.signature = slice_of(sample.signature);
	assert_int_equal(result_of(verifier, &sample.reading), VERIFICATION_MISMATCH);
	for (int i = 1; i < VERIFIER_PUBLIC_URLS_MAX; i++)
		add_url(verifier, i < VERIFIER_PUBLIC_URLS_MAX - 1 ? "http://more.example.com"
								   : "https://a.example.com:8443");
	assert_int_equal(
	    result_of(verifier, &sample.reading), VERIFICATION_VALID); /* without port */
	struct url_base base;
	assert_ok(url_base_init(&base, SLICE("https://one.too.many"), NULL));
	assert_int_equal(verifier_add_url(verifier, &base), RESULT_LIMIT);
	url_base_done(&base);
	assert_int_equal(verifier_url_count(verifier), VERIFIER_PUBLIC_URLS_MAX);
	verifier_free(verifier);
	drop_sample(&sample);
}

static void
a_derived_url_counts_only_where_none_is_configured(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	struct url_base right, wrong;
	struct verifier *open = make_verifier(NULL, TOKEN),
			*fixed = make_verifier("https://b.c", TOKEN);
	assert_ok(url_base_init(&right, SLICE("https://a.example.com"), NULL));
	assert_ok(url_base_init(&wrong, SLICE("http://a.example.com"), NULL));
	sample.reading.incoming = &sample.incoming;
	sample.reading.form = &sample.form;
	sample.incoming.signature = slice_of(sample.signature);
	sample.reading.base = right;
	assert_int_equal(result_of(open, &sample.reading), VERIFICATION_VALID);
	assert_int_equal(result_of(fixed, &sample.reading), VERIFICATION_MISMATCH);
	sample.reading.base = wrong;
	assert_int_equal(result_of(open, &sample.reading), VERIFICATION_MISMATCH);
	assert_int_equal(result_of(sample.verifier, &sample.reading), VERIFICATION_VALID);
	sample.reading.base = (struct url_base){{NULL}};
	assert_int_equal(result_of(open, &sample.reading), VERIFICATION_MISMATCH);
	url_base_done(&right);
	url_base_done(&wrong);
	verifier_free(open);
	verifier_free(fixed);
	drop_sample(&sample);
}

/* --- other bodies --- */

/* Signs the URL alone and asks with a body. */
static enum verification_result
ask_about_body(const char *target, struct slice body, bool is_get, const struct form *form)
{
	struct verifier *verifier = make_verifier("https://a.example.com", TOKEN);
	char signature[SIGNATURE_TEXT_MAX];
	assert_ok(verifier_sign(verifier, SLICE(ACCOUNT), slice_of(target), NULL, signature));
	const struct incoming incoming = {.method = slice_of(is_get ? "GET" : "POST"),
	    .target = slice_of(target),
	    .body = body,
	    .signature = slice_of(signature)};
	const struct reading reading = {.incoming = &incoming, .form = form};
	enum verification_result result = result_of(verifier, &reading);
	signature[3] = signature[3] == 'A' ? 'B' : 'A';
	assert_int_not_equal(result_of(verifier, &reading), VERIFICATION_VALID);
	verifier_free(verifier);
	return result;
}

static void
a_body_that_is_no_form_must_be_bound_by_its_hash(void **state)
{
	(void)state;
	const struct slice body = SLICE("{}");
	assert_int_equal(ask_about_body("/x?bodySHA256=" EMPTY_OBJECT_HASH, body, false, NULL),
	    VERIFICATION_VALID);
	assert_int_equal(ask_about_body("/x", body, false, NULL), VERIFICATION_BODY_UNBOUND);
	assert_int_equal(ask_about_body("/x?a=1", body, false, NULL), VERIFICATION_BODY_UNBOUND);
	assert_int_equal(ask_about_body("/x?bodySHA256=" EMPTY_HASH, body, false, NULL),
	    VERIFICATION_BODY_MISMATCH);
	assert_int_equal(
	    ask_about_body("/x?bodySHA256=" EMPTY_OBJECT_HASH, SLICE("{} "), false, NULL),
	    VERIFICATION_BODY_MISMATCH);
}

static void
two_body_hashes_must_both_hold(void **state)
{
	(void)state;
	const struct slice body = SLICE("{}");
	assert_int_equal(
	    ask_about_body("/x?bodySHA256=" EMPTY_OBJECT_HASH "&bodySHA256=" EMPTY_OBJECT_HASH,
		body, false, NULL),
	    VERIFICATION_VALID);
	assert_int_equal(
	    ask_about_body(
		"/x?bodySHA256=" EMPTY_OBJECT_HASH "&bodySHA256=" EMPTY_HASH, body, false, NULL),
	    VERIFICATION_BODY_MISMATCH);
	assert_int_equal(
	    ask_about_body(
		"/x?bodySHA256=" EMPTY_HASH "&bodySHA256=" EMPTY_OBJECT_HASH, body, false, NULL),
	    VERIFICATION_BODY_MISMATCH);
}

static void
a_form_may_be_bound_by_its_hash_too(void **state)
{
	(void)state;
	char hash[SIGNATURE_BODY_HASH_SIZE], target[128];
	struct form form = FORM_EMPTY;
	assert_ok(form_decode(&form, SLICE("a=1"), 10));
	signature_body_hash(SLICE("a=1"), hash);
	snprintf(target, sizeof target, "/x?bodySHA256=%s", hash);
	assert_int_equal(ask_about_body(target, SLICE("a=1"), false, &form), VERIFICATION_VALID);
	assert_int_equal(ask_about_body(target, SLICE("a=2"), false, &form), VERIFICATION_MISMATCH);
	assert_int_equal(ask_about_body("/x", SLICE("a=1"), false, &form), VERIFICATION_MISMATCH);
	form_done(&form);
}

static void
a_get_is_signed_by_its_url_alone(void **state)
{
	(void)state;
	struct form form = FORM_EMPTY;
	assert_ok(form_decode(&form, SLICE("a=1&Body=x"), 10));
	assert_int_equal(
	    ask_about_body("/x?a=1&Body=x", SLICE_NONE, true, &form), VERIFICATION_VALID);
	/* seen in the wild: twice, and there is no body to bind */
	assert_int_equal(
	    ask_about_body("/x?bodySHA256=" EMPTY_HASH "&bodySHA256=" EMPTY_HASH "&a=1", SLICE_NONE,
		true, &form),
	    VERIFICATION_VALID);
	/* as a POST the same fields would have to be signed */
	assert_int_equal(ask_about_body("/x?a=1&Body=x", SLICE("a=1&Body=x"), false, &form),
	    VERIFICATION_MISMATCH);
	form_done(&form);
}

/* Whether the URL on a.example.com is verified with the signature of another spelling of it. */
static enum verification_result
ask_about_spelling(
    const struct verifier *verifier, const char *account, const char *target, const char *spelled)
{
	char text[SIGNATURE_TEXT_MAX];
	struct secret *token;
	assert_ok(secret_new(SLICE(TOKEN), &token));
	struct signature made = signature_make(token, SIGNATURE_DIGEST_SIZE,
	    SLICE("https://a.example.com"), slice_of(spelled), SLICE_NONE);
	secret_free(token);
	signature_write(&made, text);
	const struct incoming incoming = {
	    .method = SLICE("GET"), .target = slice_of(target), .signature = slice_of(text)};
	const struct reading reading = {
	    .incoming = &incoming, .form = &FORM_EMPTY, .account = slice_of(account)};
	return result_of(verifier, &reading);
}

/* Accounts and spellings multiply, and untrusted clients choose both. */
static void
a_get_that_is_tried_with_several_accounts_has_one_other_spelling(void **state)
{
	(void)state;
	static const char came[] = "/x?a=%3A&b=%40&c='", raw[] = "/x?a=:&b=@&c='",
			  mixed[] = "/x?a=%3A&b=@&c='";
	struct verifier *verifier = make_verifier("https://a.example.com", TOKEN);
	assert_int_equal(ask_about_spelling(verifier, NULL, came, raw), VERIFICATION_VALID);
	assert_int_equal(ask_about_spelling(verifier, NULL, came, mixed), VERIFICATION_VALID);
	add_token(verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
	assert_int_equal(ask_about_spelling(verifier, NULL, came, raw), VERIFICATION_VALID);
	assert_int_equal(ask_about_spelling(verifier, NULL, came, mixed), VERIFICATION_MISMATCH);
	assert_int_equal(ask_about_spelling(verifier, ACCOUNT, came, mixed), VERIFICATION_VALID);
	assert_int_equal(ask_about_spelling(verifier, OTHER, came, raw), VERIFICATION_MISMATCH);
	verifier_free(verifier);
}

/* --- the key ring --- */

static struct verification
verify_sample(struct sample *sample)
{
	struct verification verification;
	sample->reading.incoming = &sample->incoming;
	sample->reading.form = &sample->form;
	sample->incoming.signature = slice_of(sample->signature);
	verifier_verify(sample->verifier, &sample->reading, &scratch, &verification);
	return verification;
}

static void
the_token_that_fits_is_reported(void **state)
{
	(void)state;
	static const enum token_label labels[] = {TOKEN_CURRENT, TOKEN_NEXT, TOKEN_PREVIOUS};
	for (size_t i = 0; i < COUNT_OF(labels); i++) {
		struct sample sample = make_sample();
		add_token(sample.verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
		add_token(sample.verifier, ACCOUNT, TOKEN_CURRENT, SLICE("a"));
		add_token(sample.verifier, ACCOUNT, TOKEN_NEXT, SLICE("b"));
		add_token(sample.verifier, ACCOUNT, TOKEN_PREVIOUS, SLICE("c"));
		assert_int_equal(verify_sample(&sample).result, VERIFICATION_MISMATCH);
		add_token(sample.verifier, ACCOUNT, labels[i], SLICE(TOKEN));
		struct verification found = verify_sample(&sample);
		assert_int_equal(found.result, VERIFICATION_VALID);
		assert_int_equal(found.label, labels[i]);
		assert_slice(found.account, ACCOUNT);
		assert_slice(verifier_account(sample.verifier, found.account_index), ACCOUNT);
		drop_sample(&sample);
	}
}

static void
accounts_are_kept_apart(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	add_token(sample.verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_VALID);
	sample.reading.account = SLICE(OTHER);
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_MISMATCH);
	sample.reading.account = SLICE("AC99999999999999999999999999999999");
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_UNKNOWN_ACCOUNT);
	sample.reading.account = SLICE(""); /* there, and no account of ours */
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_UNKNOWN_ACCOUNT);
	drop_sample(&sample);
}

static void
a_request_without_account_is_tried_with_each(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	add_token(sample.verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
	add_token(sample.verifier, "AC0", TOKEN_CURRENT, SLICE("elsewhere, too"));
	sample.reading.account = SLICE_NONE;
	struct verification found = verify_sample(&sample);
	assert_int_equal(found.result, VERIFICATION_VALID);
	assert_slice(found.account, ACCOUNT);
	assert_int_equal(found.account_index, 1);
	sample.signature[0] = sample.signature[0] == 'A' ? 'B' : 'A';
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_MISMATCH);
	drop_sample(&sample);
}

static void
the_routes_account_stands_in_for_none(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	add_token(sample.verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
	sample.reading.account = SLICE_NONE;
	sample.reading.route_account = SLICE(OTHER);
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_MISMATCH);
	sample.reading.route_account = SLICE(ACCOUNT);
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_VALID);
	sample.reading.route_account = SLICE("AC9");
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_UNKNOWN_ACCOUNT);
	sample.reading.account = SLICE(ACCOUNT); /* what the request names goes first */
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_VALID);
	drop_sample(&sample);
}

static void
at_most_so_many_accounts_are_tried(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	for (int i = 0; i < VERIFIER_ACCOUNTS_TRIED; i++) {
		char sid[16];
		snprintf(sid, sizeof sid, "AB%02d", i); /* sorts before ACCOUNT */
		assert_int_equal(verifier_account_count(sample.verifier), i + 1);
		sample.reading.account = SLICE_NONE;
		assert_int_equal(verify_sample(&sample).result, VERIFICATION_VALID);
		add_token(sample.verifier, sid, TOKEN_CURRENT, SLICE("elsewhere"));
	}
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_MISMATCH);
	sample.reading.account = SLICE(ACCOUNT);
	assert_int_equal(verify_sample(&sample).result, VERIFICATION_VALID);
	drop_sample(&sample);
}

static void
the_first_configured_account_of_a_body_counts(void **state)
{
	(void)state;
	struct verifier *verifier = make_verifier("https://a.example.com", TOKEN);
	struct named_accounts named;
	add_token(verifier, OTHER, TOKEN_CURRENT, SLICE("elsewhere"));
	assert_slice(verifier_name_accounts(verifier,
			 SLICE("{\"a\":\"AC99999999999999999999999999999999\",\"b\":\"" OTHER
			       "\",\"c\":\"" OTHER "\",\"d\":\"" ACCOUNT "\"}"),
			 &named),
	    OTHER);
	assert_int_equal(named.count, 2);
	assert_int_equal(named.indexes[0], 1);
	assert_int_equal(named.indexes[1], 0);
	assert_slice(verifier_name_accounts(
			 verifier, SLICE("[\"AC98999999999999999999999999999999\",fAC97"), &named),
	    "AC98999999999999999999999999999999");
	assert_int_equal(named.count, 0);
	assert_slice(verifier_name_accounts(verifier, SLICE("0f" ACCOUNT), &named), ACCOUNT);
	assert_int_equal(named.count, 1);
	verifier_free(verifier);
}

static void
a_url_has_a_target_if_it_is_below_a_public_url(void **state)
{
	(void)state;
	struct verifier *verifier = make_verifier("https://a.example.com/x", NULL);
	struct slice target = SLICE_NONE;
	static const char *const others[] = {"https://a.example.com/x",
	    "https://a.example.com/xy/z", "https://a.example.com/x?y", "https://a.example.com/y",
	    "http://a.example.com/x/y", "https://a.example.com.evil.example/x/y", ""};
	assert_true(verifier_find_target(verifier, SLICE("https://a.example.com/x/y?z"), &target));
	assert_slice(target, "/y?z");
	assert_true(
	    verifier_find_target(verifier, SLICE("https://a.example.com:443/x/v"), &target));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(verifier_find_target(verifier, slice_of(others[i]), &target));
	assert_slice(target, "/v");
	verifier_free(verifier);
}

static void
an_account_without_any_token_verifies_nothing(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	add_token(sample.verifier, OTHER, TOKEN_PREVIOUS, SLICE(TOKEN));
	assert_false(verifier_has_token(sample.verifier, 1, TOKEN_CURRENT));
	assert_true(verifier_has_token(sample.verifier, 1, TOKEN_PREVIOUS));
	char text[SIGNATURE_TEXT_MAX];
	assert_int_equal(
	    verifier_sign(sample.verifier, SLICE(OTHER), SLICE("/"), NULL, text), RESULT_NOT_FOUND);
	assert_int_equal(
	    verifier_sign(sample.verifier, SLICE("AC9"), SLICE("/"), NULL, text), RESULT_NOT_FOUND);
	drop_sample(&sample);
	struct verifier *empty = make_verifier("https://a.example.com", NULL);
	const struct incoming incoming = {.method = SLICE("GET"),
	    .target = SLICE("/"),
	    .signature = SLICE("RSOYDt4T1cUTdK1PDd93/VVr8B8=")};
	const struct reading reading = {.incoming = &incoming};
	assert_int_equal(result_of(empty, &reading), VERIFICATION_MISMATCH);
	verifier_free(empty);
	verifier_free(NULL);
}

static void
one_token_and_one_text_can_be_asked_for(void **state)
{
	(void)state;
	struct sample sample = make_sample();
	struct slice url = SLICE("https://elsewhere.example.com/y");
	struct verifier_key key = {.index = 0, .which = TOKEN_CURRENT};
	struct secret *token;
	assert_ok(secret_new(SLICE(TOKEN), &token));
	struct signature wanted =
	    signature_make(token, SIGNATURE_DIGEST_SIZE, url, SLICE_NONE, SLICE("a1"));
	secret_free(token);
	assert_true(verifier_key_signs(sample.verifier, &key, url, SLICE("a1"), &wanted));
	assert_false(verifier_key_signs(sample.verifier, &key, url, SLICE("a2"), &wanted));
	key.which = TOKEN_NEXT;
	assert_false(verifier_key_signs(sample.verifier, &key, url, SLICE("a1"), &wanted));
	assert_slice(verifier_public_url(sample.verifier, 0), "https://a.example.com");
	drop_sample(&sample);
}

static void
tokens_are_known_by_their_whole_text(void **state)
{
	(void)state;
	struct verifier *verifier = make_verifier(NULL, "secret-1");
	add_token(verifier, OTHER, TOKEN_PREVIOUS, SLICE("secret-2"));
	assert_true(verifier_holds_token(verifier, SLICE("secret-1")));
	assert_true(verifier_holds_token(verifier, SLICE("secret-2")));
	assert_false(verifier_holds_token(verifier, SLICE("secret-3")));
	assert_false(verifier_holds_token(verifier, SLICE("secret-")));
	assert_false(verifier_holds_token(verifier, SLICE("")));
	verifier_free(verifier);
}

static void
each_verdict_and_label_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < VERIFICATION_COUNT; i++)
		assert_true(strlen(verification_result_name((enum verification_result)i)) > 0);
	assert_string_equal(
	    verification_result_name(VERIFICATION_UNKNOWN_ACCOUNT), "unknown-account");
	assert_string_equal(token_label_name(TOKEN_CURRENT), "current");
	assert_string_equal(token_label_name(TOKEN_NEXT), "next");
	assert_string_equal(token_label_name(TOKEN_PREVIOUS), "previous");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_is_accepted_or_refused_as_expected),
	    cmocka_unit_test(what_was_signed_is_accepted),
	    cmocka_unit_test(a_changed_signature_is_refused),
	    cmocka_unit_test(a_changed_token_is_refused),
	    cmocka_unit_test(a_changed_url_is_refused),
	    cmocka_unit_test(a_changed_body_is_refused),
	    cmocka_unit_test(a_signature_that_is_none_is_reported_as_such),
	    cmocka_unit_test(a_claim_names_one_key_and_one_algorithm),
	    cmocka_unit_test(a_claim_decides_how_long_the_signature_is),
	    cmocka_unit_test(the_order_of_fields_does_not_matter),
	    cmocka_unit_test(many_fields_are_verified_like_few),
	    cmocka_unit_test(a_form_is_not_verified_without_its_parameters_when_memory_is_out),
	    cmocka_unit_test(a_request_is_undecided_when_memory_is_out),
	    cmocka_unit_test(each_public_url_is_tried),
	    cmocka_unit_test(a_derived_url_counts_only_where_none_is_configured),
	    cmocka_unit_test(a_body_that_is_no_form_must_be_bound_by_its_hash),
	    cmocka_unit_test(two_body_hashes_must_both_hold),
	    cmocka_unit_test(a_form_may_be_bound_by_its_hash_too),
	    cmocka_unit_test(a_get_is_signed_by_its_url_alone),
	    cmocka_unit_test(a_get_that_is_tried_with_several_accounts_has_one_other_spelling),
	    cmocka_unit_test(the_token_that_fits_is_reported),
	    cmocka_unit_test(accounts_are_kept_apart),
	    cmocka_unit_test(a_request_without_account_is_tried_with_each),
	    cmocka_unit_test(the_routes_account_stands_in_for_none),
	    cmocka_unit_test(at_most_so_many_accounts_are_tried),
	    cmocka_unit_test(the_first_configured_account_of_a_body_counts),
	    cmocka_unit_test(a_url_has_a_target_if_it_is_below_a_public_url),
	    cmocka_unit_test(an_account_without_any_token_verifies_nothing),
	    cmocka_unit_test(one_token_and_one_text_can_be_asked_for),
	    cmocka_unit_test(tokens_are_known_by_their_whole_text),
	    cmocka_unit_test(each_verdict_and_label_has_a_name),
	};
	return cmocka_run_group_tests(tests, init, done);
}
