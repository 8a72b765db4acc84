/* diagnosis: a refused signature is explained by a variant of the request that it fits. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/refused/diagnosis.h"

#define ACCOUNT "AC00000000000000000000000000000001"
#define OTHER "AC00000000000000000000000000000002"
#define UNKNOWN "AC00000000000000000000000000000009"
#define TOKEN "secret-of-the-first-account-0001"
#define NEXT_TOKEN "secret-of-the-first-account-0002"
#define OTHER_TOKEN "secret-of-another-account-000003"
#define BASE "https://cb.example.com"
#define PATH "/sms/twilio"
#define QUERY "?account=A&meta=0.1.2"
#define FORM "MessageSid=SM1&MessageStatus=sent&AccountSid=" ACCOUNT

static int
init(void **state)
{
	(void)state;
	assert_ok(signature_init());
	return 0;
}

/* --- one request, and what Twilio signed --- */

struct sample {
	const char *bases[4]; /* public URLs */
	const char *derived;  /* used without any */
	const char *signed_url;
	const char *signed_form; /* NULL: the URL alone */
	const char *token;       /* NULL: TOKEN */
	const char *target;      /* as it came */
	const char *body;        /* NULL: FORM */
	const char *account;     /* NULL: ACCOUNT; "": none */
	const char *route_account;
	bool is_get, is_json, verified_before;
	struct incoming incoming; /* its headers */
	unsigned listen_port;
	unsigned causes; /* expected, in addition to the first */
	enum diagnosis_cause cause;
	const char *advice[3]; /* pieces of it */
};

static void
add_token(struct verifier *verifier, const char *account, enum token_label label, const char *text)
{
	struct secret *token;
	assert_ok(secret_new(slice_of(text), &token));
	assert_ok(verifier_add_token(verifier, slice_of(account), label, token));
}

static struct verifier *
make_verifier(const char *const bases[4])
{
	struct verifier *verifier;
	assert_ok(verifier_new(&verifier));
	for (size_t i = 0; i < 4 && bases[i] != NULL; i++) {
		struct url_base base;
		assert_ok(url_base_init(&base, slice_of(bases[i]), NULL));
		assert_ok(verifier_add_url(verifier, &base));
	}
	add_token(verifier, ACCOUNT, TOKEN_CURRENT, TOKEN);
	add_token(verifier, ACCOUNT, TOKEN_NEXT, NEXT_TOKEN);
	add_token(verifier, OTHER, TOKEN_CURRENT, OTHER_TOKEN);
	return verifier;
}

static void
sign(const char *url, struct slice parameters, const char *token, char out[SIGNATURE_TEXT_MAX])
{
	struct secret *secret;
	struct form form = FORM_EMPTY;
	struct buffer text = BUFFER_EMPTY;
	struct signature digest;
	assert_ok(secret_new(slice_of(token), &secret));
	assert_ok(form_decode(&form, parameters, 65536));
	assert_ok(signature_append_parameters(&text, &form));
	digest = signature_make(
	    secret, SIGNATURE_DIGEST_SIZE, slice_of(url), SLICE_NONE, buffer_slice(&text));
	signature_write(&digest, out);
	secret_free(secret);
	form_done(&form);
	buffer_done(&text);
}

/* No secret, no control byte, no text of a query or body may be in what is logged. */
static void
assert_fit_for_a_log(const struct diagnosis *diagnosis)
{
	const char *const texts[] = {diagnosis->url, diagnosis->advice};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct slice text = slice_of(texts[i]);
		assert_lacks(text, "secret-of");
		assert_lacks(text, "meta=");
		assert_lacks(text, "MessageSid");
		for (size_t k = 0; k < text.len; k++)
			assert_true((unsigned char)text.ptr[k] >= ' ' && text.ptr[k] != 0x7f);
	}
	assert_true(strlen(diagnosis->advice) > 0);
	assert_true(diagnosis->trials <= DIAGNOSIS_TRIALS_MAX);
	assert_true(diagnosis->hashed <= DIAGNOSIS_BYTES_MAX);
}

static struct diagnosis
diagnose_signed(const struct sample *sample, const char *signature)
{
	struct diagnosis diagnosis;
	struct verification verification;
	struct buffer scratch = BUFFER_EMPTY;
	struct form form = FORM_EMPTY;
	struct url_base derived = {{NULL}};
	const char *body = sample->is_get ? NULL : sample->body == NULL ? FORM : sample->body;
	const char *account = sample->account == NULL ? ACCOUNT : sample->account;
	struct verifier *verifier = make_verifier(sample->bases);
	struct slice text = sample->is_get ? url_query(slice_of(sample->target)) : slice_of(body);
	if (sample->derived != NULL)
		assert_ok(url_base_init(&derived, slice_of(sample->derived), NULL));
	assert_ok(form_decode(&form, text, 65536));
	struct incoming incoming = sample->incoming;
	incoming.method = slice_of(sample->is_get ? "GET" : "POST");
	incoming.target = slice_of(sample->target);
	incoming.body = slice_of(body);
	incoming.signature = slice_of(signature);
	const struct reading reading = {.incoming = &incoming,
	    .form = sample->is_json ? NULL : &form,
	    .account = account[0] == '\0' ? SLICE_NONE : slice_of(account),
	    .route_account = slice_of(sample->route_account),
	    .base = derived};
	const struct diagnosis_hints hints = {
	    .listen_port = sample->listen_port, .account_verified_before = sample->verified_before};
	verifier_verify(verifier, &reading, &scratch, &verification);
	assert_int_not_equal(verification.result, VERIFICATION_VALID);
	diagnosis_make(verifier, &reading, &hints, &diagnosis);
	assert_fit_for_a_log(&diagnosis);
	/* What was found once is found again at the first try, and nothing else is. */
	bool whole = strlen(diagnosis.url) + 1 < sizeof diagnosis.url;
	assert_int_equal(
	    diagnosis_repeats(&diagnosis, verifier, &reading, &scratch), diagnosis.fits && whole);
	incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_false(diagnosis_repeats(&diagnosis, verifier, &reading, &scratch));
	verifier_free(verifier);
	form_done(&form);
	buffer_done(&scratch);
	url_base_done(&derived);
	return diagnosis;
}

static struct diagnosis
diagnose(const struct sample *sample)
{
	char signature[SIGNATURE_TEXT_MAX];
	sign(sample->signed_url, slice_of(sample->signed_form == NULL ? "" : sample->signed_form),
	    sample->token == NULL ? TOKEN : sample->token, signature);
	return diagnose_signed(sample, signature);
}

/* The URL in the diagnosis is the signed one. */
static void
assert_url(const struct diagnosis *diagnosis, const char *url)
{
	struct buffer whole = BUFFER_EMPTY;
	buffer_append(&whole, slice_of(diagnosis->url));
	buffer_append(&whole, slice_of(diagnosis->query));
	assert_slice(buffer_slice(&whole), url);
	buffer_done(&whole);
}

static void
check(const struct sample *sample)
{
	struct diagnosis diagnosis = diagnose(sample);
	unsigned expected = sample->causes | DIAGNOSIS_BIT(sample->cause);
	if (diagnosis.causes != expected || diagnosis.cause != sample->cause) {
		struct buffer names = BUFFER_EMPTY;
		diagnosis_append_causes(&diagnosis, &names);
		print_error("%s, signed as %s, is %.*s after %u trials\n  %s\n", sample->target,
		    sample->signed_url, SLICE_ARG(buffer_slice(&names)), diagnosis.trials,
		    diagnosis.advice);
		buffer_done(&names);
	}
	assert_true(diagnosis.fits);
	assert_int_equal(diagnosis.cause, sample->cause);
	assert_int_equal(diagnosis.causes, expected);
	assert_url(&diagnosis, sample->signed_url);
	for (size_t i = 0; i < COUNT_OF(sample->advice) && sample->advice[i] != NULL; i++)
		assert_contains(slice_of(diagnosis.advice), sample->advice[i]);
}

static void
check_all(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&samples[i]);
}

#define BIT(cause) DIAGNOSIS_BIT(DIAGNOSIS_##cause)

/* --- scheme, host, port --- */

static void
another_scheme_host_or_port_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {"http://cb.example.com"},
		.signed_url = BASE PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_SCHEME,
		.advice = {"[server] public_url = https://cb.example.com"}},
	    {.bases = {BASE},
		.signed_url = "http://cb.example.com" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_SCHEME,
		.advice = {"[server] public_url = http://cb.example.com"}},
	    {.derived = "http://cb.example.com",
		.signed_url = BASE PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_SCHEME,
		.advice = {"[server] public_url = https://cb.example.com"}},
	    {.bases = {BASE},
		.signed_url = "https://other.example.com" PATH,
		.signed_form = FORM,
		.target = PATH,
		.incoming.host = SLICE("other.example.com"),
		.cause = DIAGNOSIS_HOST,
		.advice = {"[server] public_url = https://other.example.com"}},
	    {.bases = {BASE},
		.signed_url = "https://other.example.com" PATH,
		.signed_form = FORM,
		.target = PATH,
		.incoming.forwarded_host = SLICE("other.example.com, inner:80"),
		.cause = DIAGNOSIS_HOST},
	    {.bases = {"https://CB.example.com"},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_HOST,
		.advice = {"https://cb.example.com"}},
	    {.bases = {BASE},
		.signed_url = "https://cb.example.com:8443" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PORT,
		.advice = {"[server] public_url = https://cb.example.com:8443"}},
	    {.bases = {BASE},
		.signed_url = "https://cb.example.com:9123" PATH,
		.signed_form = FORM,
		.target = PATH,
		.listen_port = 9123,
		.cause = DIAGNOSIS_PORT},
	    {.bases = {BASE},
		.signed_url = "https://cb.example.com:9124" PATH,
		.signed_form = FORM,
		.target = PATH,
		.incoming.forwarded_port = SLICE("9124"),
		.cause = DIAGNOSIS_PORT},
	    {.bases = {"https://cb.example.com:8443"},
		.signed_url = "https://cb.example.com:443" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PORT},
	    {.bases = {BASE, "https://b.example.com:9125"},
		.signed_url = "https://cb.example.com:9125" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PORT,
		.advice = {"[server] public_url = https://cb.example.com:9125 (in addition"}},
	};
	check_all(samples, COUNT_OF(samples));
}

/* --- the path --- */

static void
a_stripped_or_added_prefix_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE "/deep/edge" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.incoming.forwarded_prefix = SLICE("/deep/edge/"),
		.cause = DIAGNOSIS_PREFIX_STRIPPED,
		.advice = {"[server] public_url = https://cb.example.com/deep/edge",
		    "the proxy strips /deep/edge"}},
	    {.bases = {BASE},
		.signed_url = BASE "/edge" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.incoming.original_uri = SLICE("/edge" PATH QUERY),
		.cause = DIAGNOSIS_PREFIX_STRIPPED,
		.advice = {"[server] public_url = https://cb.example.com/edge"}},
	    {.bases = {BASE},
		.signed_url = BASE "/edge" PATH,
		.signed_form = FORM,
		.target = PATH,
		.incoming.original_uri = SLICE("https://cb.example.com/edge" PATH),
		.cause = DIAGNOSIS_PREFIX_STRIPPED},
	    {.bases = {BASE},
		.signed_url = BASE "/hooks" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PREFIX_STRIPPED},
	    {.bases = {BASE "/hooks"},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PREFIX_ADDED,
		.advice = {"[server] public_url = https://cb.example.com"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH QUERY,
		.signed_form = FORM,
		.target = "/inner" PATH QUERY,
		.cause = DIAGNOSIS_PREFIX_ADDED,
		.advice = {"the proxy puts /inner before the path", "proxy_pass without a path"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = "/inner/most" PATH,
		.cause = DIAGNOSIS_PREFIX_ADDED,
		.advice = {"the proxy puts /inner/most before"}},
	};
	check_all(samples, COUNT_OF(samples));
}

static void
slashes_are_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH "/" QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_TRAILING_SLASH,
		.advice = {"a slash at the end of the path"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH "/",
		.cause = DIAGNOSIS_TRAILING_SLASH},
	    {.bases = {BASE},
		.signed_url = BASE "?a=1",
		.signed_form = FORM,
		.target = "/?a=1",
		.cause = DIAGNOSIS_TRAILING_SLASH},
	    {.bases = {BASE},
		.signed_url = BASE "//sms/twilio",
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PATH,
		.advice = {"merge_slashes off"}},
	    {.bases = {BASE "/x"},
		.signed_url = BASE "/x//sms/twilio",
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PATH},
	    {.bases = {BASE},
		.signed_url = BASE "/sms//twilio",
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PATH},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = "//sms//twilio",
		.cause = DIAGNOSIS_PATH},
	    {.bases = {BASE},
		.signed_url = BASE "/elsewhere/x",
		.signed_form = FORM,
		.target = PATH,
		.incoming.original_uri = SLICE("/elsewhere/x"),
		.cause = DIAGNOSIS_PATH},
	};
	check_all(samples, COUNT_OF(samples));
}

/* --- the query --- */

static void
another_order_of_the_query_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH "?meta=1&account=A",
		.signed_form = FORM,
		.target = PATH "?account=A&meta=1",
		.cause = DIAGNOSIS_QUERY_ORDER,
		.advice = {"sorted by name", "$request_uri"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH "?c=3&a=1&b=2&d=4&e=5",
		.signed_form = FORM,
		.target = PATH "?a=1&b=2&c=3&d=4&e=5",
		.cause = DIAGNOSIS_QUERY_ORDER},
	    {.bases = {BASE},
		.signed_url = BASE PATH "?b=2&c=3&d=4&a=1",
		.signed_form = FORM,
		.target = PATH "?a=1&b=2&c=3&d=4",
		.cause = DIAGNOSIS_QUERY_ORDER},
	    {.bases = {BASE},
		.signed_url = BASE PATH "?a=1&b=2&c=3&d=4&e=5&f=6&g=7",
		.signed_form = FORM,
		.target = PATH "?g=7&f=6&e=5&d=4&c=3&b=2&a=1",
		.cause = DIAGNOSIS_QUERY_ORDER},
	};
	check_all(samples, COUNT_OF(samples));
}

static void
another_spelling_of_the_query_is_found(void **state)
{
	(void)state;
	static const struct {
		const char *signed_query, *came;
	} pairs[] = {
	    {"?a=x%20y", "?a=x+y"},
	    {"?a=x+y", "?a=x%20y"},
	    {"?a=%c3%bc", "?a=%C3%BC"},
	    {"?a=%C3%BC", "?a=%c3%bc"},
	    {"?a=%7Eb", "?a=~b"},
	    {"?a=~b", "?a=%7Eb"},
	    {"?a=b", "?a=%62"},
	    {"?a=it's", "?a=it%27s"},
	    {"?a=it%27s", "?a=it's"},
	    {"?a=b@c:d", "?a=b%40c%3Ad"},
	    {"?a=b%2Cc", "?a=b,c"},
	    {"?a=b%7Cc", "?a=b|c"},
	    {"?a=b|c,d:e", "?a=b%7Cc%2Cd%3Ae"},
	    {"?a=(b)*[c]/", "?a=%28b%29%2A%5Bc%5D%2F"},
	    {"?a=%C3%BC", "?a=\xc3\xbc"},
	    {"?flag&a=1", "?flag=&a=1"},
	};
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		char url[128], target[128];
		snprintf(url, sizeof url, BASE PATH "%s", pairs[i].signed_query);
		snprintf(target, sizeof target, PATH "%s", pairs[i].came);
		check(&(struct sample){.bases = {BASE},
		    .signed_url = url,
		    .signed_form = FORM,
		    .target = target,
		    .cause = DIAGNOSIS_QUERY_ENCODING,
		    .advice = {"had other escapes"}});
	}
	check(&(struct sample){.bases = {BASE},
	    .signed_url = BASE PATH "?a=\xc3\xbc",
	    .signed_form = FORM,
	    .target = PATH "?a=%C3%BC",
	    .cause = DIAGNOSIS_QUERY_ENCODING});
	check(&(struct sample){.bases = {BASE},
	    .signed_url = BASE PATH "?b=x%20y&a=1",
	    .signed_form = FORM,
	    .target = PATH "?a=1&b=x+y",
	    .incoming.original_uri = SLICE(PATH "?b=x%20y&a=1"),
	    .cause = DIAGNOSIS_QUERY_ENCODING,
	    .causes = BIT(QUERY_ORDER)});
}

static void
a_lost_or_added_query_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH QUERY,
		.signed_form = FORM,
		.target = PATH,
		.incoming.original_uri = SLICE(PATH QUERY),
		.cause = DIAGNOSIS_QUERY_LOST,
		.advice = {"was lost on the way"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_QUERY_ADDED},
	};
	check_all(samples, COUNT_OF(samples));
}

/* --- method and body --- */

static void
another_method_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH QUERY,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_METHOD,
		.advice = {"signed as a GET"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH "?account=A",
		.signed_form = FORM,
		.target = PATH "?account=A&" FORM,
		.is_get = true,
		.cause = DIAGNOSIS_METHOD,
		.advice = {"no redirect"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH "?" FORM,
		.is_get = true,
		.cause = DIAGNOSIS_METHOD},
	};
	check_all(samples, COUNT_OF(samples));
}

static void
a_form_that_a_redirect_lost_is_reported(void **state)
{
	(void)state;
	struct diagnosis diagnosis = diagnose(&(struct sample){.bases = {BASE},
	    .signed_url = BASE PATH QUERY,
	    .signed_form = FORM,
	    .target = PATH QUERY,
	    .account = "",
	    .is_get = true});
	assert_false(diagnosis.fits);
	assert_true(slice_starts_with(slice_of(diagnosis.advice),
	    SLICE("it is a GET without Twilio's parameters: if the callback's method is POST, "
		  "a redirect made it a GET")));
}

#define HASH_OF_EMPTY_OBJECT "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static void
a_changed_body_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.target = PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.body = "{ }",
		.is_json = true,
		.cause = DIAGNOSIS_BODY_CHANGED,
		.advice = {"the body differs from the signed one"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.target = PATH,
		.body = "{}",
		.is_json = true,
		.cause = DIAGNOSIS_BODY_CHANGED},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH,
		.body = FORM,
		.is_json = true,
		.cause = DIAGNOSIS_BODY_CHANGED,
		.advice = {"Content-Type"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.target = PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.cause = DIAGNOSIS_BODY_CHANGED},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.target = PATH,
		.body = FORM "\r\n",
		.cause = DIAGNOSIS_BODY_CHANGED,
		.advice = {"the form was changed"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = "Body=a%2Bb",
		.target = PATH,
		.body = "Body=a+b",
		.cause = DIAGNOSIS_BODY_CHANGED},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = "Body=a%0D%0Ab",
		.target = PATH,
		.body = "Body=a%0Ab",
		.cause = DIAGNOSIS_BODY_CHANGED},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = "Body=a%0Ab",
		.target = PATH,
		.body = "Body=a%0D%0Ab",
		.cause = DIAGNOSIS_BODY_CHANGED},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = "Body=a%20b",
		.target = PATH,
		.body = "Body=a%2520b",
		.cause = DIAGNOSIS_BODY_CHANGED},
	};
	check_all(samples, COUNT_OF(samples));
}

/* --- tokens --- */

static void
another_accounts_token_is_found(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.token = OTHER_TOKEN,
		.target = PATH,
		.cause = DIAGNOSIS_OTHER_ACCOUNT,
		.advice = {"signed with the token of account " OTHER, "its AccountSid is " ACCOUNT,
		    "[account " ACCOUNT "]"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.token = OTHER_TOKEN,
		.target = PATH,
		.account = UNKNOWN,
		.cause = DIAGNOSIS_OTHER_ACCOUNT,
		.advice = {"has no section: add [account " UNKNOWN "]"}},
	    {.bases = {BASE},
		.signed_url = BASE PATH,
		.signed_form = FORM,
		.token = OTHER_TOKEN,
		.target = PATH,
		.account = "",
		.route_account = ACCOUNT,
		.cause = DIAGNOSIS_OTHER_ACCOUNT,
		.advice = {"[callback /sms/twilio] account = " OTHER}},
	    {.bases = {BASE},
		.signed_url = "http://cb.example.com" PATH,
		.signed_form = FORM,
		.token = OTHER_TOKEN,
		.target = PATH,
		.cause = DIAGNOSIS_OTHER_ACCOUNT,
		.causes = BIT(SCHEME),
		.advice = {OTHER, "public_url = http://cb.example.com"}},
	};
	check_all(samples, COUNT_OF(samples));
}

static void
a_token_that_is_not_there_is_taken_for_one_that_was_rotated(void **state)
{
	(void)state;
	struct sample sample = {.bases = {BASE},
	    .signed_url = BASE PATH QUERY,
	    .signed_form = FORM,
	    .token = "another-secret",
	    .target = PATH QUERY};
	struct diagnosis diagnosis = diagnose(&sample);
	assert_false(diagnosis.fits);
	assert_int_equal(diagnosis.cause, DIAGNOSIS_TOKEN);
	assert_string_equal(diagnosis.url, "");
	assert_contains(slice_of(diagnosis.advice), "auth_token_file does not contain");
	sample.verified_before = true;
	diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.cause, DIAGNOSIS_TOKEN);
	assert_contains(slice_of(diagnosis.advice), "[account " ACCOUNT "]");
	assert_contains(slice_of(diagnosis.advice), "next_auth_token_file");
	assert_contains(slice_of(diagnosis.advice), "previous_auth_token_file");
	assert_contains(slice_of(diagnosis.advice), "they are forged");
	sample.account = UNKNOWN;
	diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.cause, DIAGNOSIS_UNEXPLAINED);
	assert_contains(slice_of(diagnosis.advice), "add [account " UNKNOWN "]");
	sample.account = "\x1b[31m\xff" UNKNOWN;
	diagnosis = diagnose(&sample);
	assert_contains(slice_of(diagnosis.advice), "add [account AC...]");
}

static void
an_unknown_account_is_looked_into_for_as_long_as_a_known_one(void **state)
{
	(void)state;
	struct sample sample = {.bases = {BASE},
	    .signed_url = BASE PATH QUERY,
	    .signed_form = FORM,
	    .token = "another-secret",
	    .target = PATH QUERY};
	unsigned known = diagnose(&sample).trials;
	sample.account = OTHER;
	assert_int_equal(diagnose(&sample).trials, known);
	sample.account = UNKNOWN;
	assert_int_equal(diagnose(&sample).trials, known);
	assert_true(known > 100);
}

static void
the_token_that_fits_is_reported(void **state)
{
	(void)state;
	struct sample sample = {.bases = {BASE},
	    .signed_url = "http://cb.example.com" PATH,
	    .signed_form = FORM,
	    .target = PATH};
	struct diagnosis diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.account_index, 0);
	assert_int_equal(diagnosis.label, TOKEN_CURRENT);
	sample.token = NEXT_TOKEN;
	diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.label, TOKEN_NEXT);
	sample.token = OTHER_TOKEN;
	diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.account_index, 1);
	sample.account = ""; /* no account is named: both are tried */
	diagnosis = diagnose(&sample);
	assert_int_equal(diagnosis.account_index, 1);
	assert_int_equal(diagnosis.causes, BIT(SCHEME));
}

static void
what_is_no_signature_is_reported_as_such(void **state)
{
	(void)state;
	struct sample sample = {.bases = {BASE}, .target = PATH};
	struct diagnosis diagnosis = diagnose_signed(&sample, "");
	assert_int_equal(diagnosis.cause, DIAGNOSIS_UNEXPLAINED);
	assert_int_equal(diagnosis.trials, 0);
	assert_contains(slice_of(diagnosis.advice), "no X-Twilio-Signature");
	diagnosis = diagnose_signed(&sample, "two headers");
	assert_contains(slice_of(diagnosis.advice), "28 characters");
}

/* --- several at once --- */

static void
several_causes_are_put_together(void **state)
{
	(void)state;
	const struct sample samples[] = {
	    {.bases = {"http://cb.example.com"},
		.signed_url = "https://cb.example.com:8443" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.cause = DIAGNOSIS_SCHEME,
		.causes = BIT(PORT),
		.advice = {"[server] public_url = https://cb.example.com:8443"}},
	    {.bases = {"http://cb.example.com"},
		.signed_url = "https://cb.example.com:8443/edge" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.incoming.forwarded_prefix = SLICE("/edge"),
		.cause = DIAGNOSIS_PREFIX_STRIPPED,
		.causes = BIT(PORT) | BIT(SCHEME),
		.advice = {"[server] public_url = https://cb.example.com:8443/edge"}},
	    {.bases = {"http://10.0.0.1:8080"},
		.signed_url = "https://cb.example.com:8443/edge" PATH QUERY,
		.signed_form = FORM,
		.target = PATH QUERY,
		.incoming = {.forwarded_prefix = SLICE("/edge"),
		    .forwarded_proto = SLICE("https"),
		    .forwarded_host = SLICE("cb.example.com"),
		    .forwarded_port = SLICE("8443")},
		.cause = DIAGNOSIS_PREFIX_STRIPPED,
		.causes = BIT(PORT) | BIT(SCHEME) | BIT(HOST),
		.advice = {"[server] public_url = https://cb.example.com:8443/edge"}},
	    {.bases = {"http://cb.example.com"},
		.signed_url = BASE PATH "?b=1&a=x%20y",
		.signed_form = FORM,
		.target = PATH "?b=1&a=x+y",
		.cause = DIAGNOSIS_SCHEME,
		.causes = BIT(QUERY_ENCODING)},
	    {.bases = {BASE},
		.signed_url = BASE PATH "/?a=1&b=2",
		.signed_form = FORM,
		.target = PATH "?b=2&a=1",
		.cause = DIAGNOSIS_TRAILING_SLASH,
		.causes = BIT(QUERY_ORDER)},
	    {.bases = {"http://cb.example.com"},
		.signed_url = BASE PATH "/?b=1&a=x%20y",
		.signed_form = FORM,
		.target = PATH "?b=1&a=x+y",
		.incoming = {.original_uri = SLICE(PATH "/?b=1&a=x%20y"),
		    .forwarded_proto = SLICE("https"),
		    .host = SLICE("cb.example.com")},
		.cause = DIAGNOSIS_SCHEME,
		.causes = BIT(TRAILING_SLASH) | BIT(QUERY_ENCODING)},
	    {.bases = {BASE},
		.signed_url = "https://cb.example.com:8443/twilio" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_PREFIX_STRIPPED,
		.causes = BIT(PORT)},
	    {.bases = {BASE, "https://b.example.com/x"},
		.signed_url = "http://b.example.com/x" PATH,
		.signed_form = FORM,
		.target = PATH,
		.cause = DIAGNOSIS_SCHEME,
		.advice = {"public_url = http://b.example.com/x (in addition"}},
	    {.bases = {BASE},
		.signed_url = "http://cb.example.com" PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.target = PATH "?bodySHA256=" HASH_OF_EMPTY_OBJECT,
		.body = "{ }",
		.is_json = true,
		.cause = DIAGNOSIS_BODY_CHANGED,
		.causes = BIT(SCHEME)},
	};
	check_all(samples, COUNT_OF(samples));
}

/* --- bounds --- */

static void
make_signature(char out[SIGNATURE_TEXT_MAX])
{
	struct signature digest = {.len = SIGNATURE_DIGEST_SIZE};
	for (size_t i = 0; i < digest.len; i++)
		digest.digest[i] = (uint8_t)random_below(256);
	signature_write(&digest, out);
}

static void
made_up_signatures_fit_nothing(void **state)
{
	(void)state;
	char signature[SIGNATURE_TEXT_MAX];
	struct verifier *verifier = make_verifier((const char *const[4]){BASE});
	struct form form = FORM_EMPTY;
	struct diagnosis diagnosis;
	assert_ok(form_decode(&form, SLICE(FORM), 100));
	const struct incoming incoming = {.method = SLICE("POST"),
	    .target = SLICE(PATH QUERY),
	    .body = SLICE(FORM),
	    .signature = {signature, SIGNATURE_TEXT_SIZE - 1},
	    .host = SLICE("cb.example.com")};
	const struct reading reading = {
	    .incoming = &incoming, .form = &form, .account = SLICE(ACCOUNT)};
	const struct diagnosis_hints hints = {.listen_port = 8080};
	int64_t start_us = clock_monotonic_us();
	for (int i = 0; i < 10000; i++) {
		make_signature(signature);
		diagnosis_make(verifier, &reading, &hints, &diagnosis);
		assert_false(diagnosis.fits);
		assert_int_equal(diagnosis.cause, DIAGNOSIS_TOKEN);
		assert_int_equal(diagnosis.causes, BIT(TOKEN));
		assert_true(diagnosis.trials <= DIAGNOSIS_TRIALS_MAX);
	}
	print_message("%.3f ms each, %u signatures over %zu bytes\n",
	    (double)(clock_monotonic_us() - start_us) / 1e7, diagnosis.trials, diagnosis.hashed);
	verifier_free(verifier);
	form_done(&form);
}

static void
fill(struct buffer *text, const char *piece, size_t len)
{
	while (text->len + strlen(piece) <= len)
		buffer_append(text, slice_of(piece));
	buffer_append_byte(text, '\0');
	assert_false(text->failed);
}

/* Diagnoses a request with a made-up signature: bounded, and quick. */
static struct diagnosis
diagnose_hostile(struct sample sample)
{
	char signature[SIGNATURE_TEXT_MAX];
	make_signature(signature);
	sample.bases[0] = BASE;
	struct diagnosis diagnosis = diagnose_signed(&sample, signature);
	assert_false(diagnosis.fits);
	return diagnosis;
}

static void
large_bodies_are_tried_few_times(void **state)
{
	(void)state;
	struct buffer body = BUFFER_EMPTY;
	buffer_append(&body, SLICE("Body="));
	fill(&body, "x", 256 * 1024);
	struct diagnosis diagnosis =
	    diagnose_hostile((struct sample){.target = PATH QUERY, .body = body.ptr});
	assert_true(diagnosis.trials <= 8);
	assert_int_equal(diagnosis.cause, DIAGNOSIS_UNEXPLAINED);
	assert_contains(slice_of(diagnosis.advice), "so large a request");
	buffer_done(&body);
	/* What is likely goes first. */
	fill(&body, "Body=x&", 64 * 1024);
	check(&(struct sample){.bases = {"http://cb.example.com"},
	    .signed_url = BASE PATH,
	    .signed_form = body.ptr,
	    .target = PATH,
	    .body = body.ptr,
	    .cause = DIAGNOSIS_SCHEME});
	buffer_done(&body);
	fill(&body, "{\"a\":\"%7E+%0A\"}", 256 * 1024);
	diagnose_hostile((struct sample){.target = PATH, .body = body.ptr, .is_json = true});
	buffer_done(&body);
	fill(&body, "a=1&%61=+%0D%0A&", 256 * 1024);
	diagnose_hostile((struct sample){.target = PATH, .body = body.ptr});
	buffer_done(&body);
}

static void
long_urls_and_many_parameters_are_bounded(void **state)
{
	(void)state;
	static const char *const pieces[] = {"a=1&", "&", "=", "%", "%7", "%7e+'@|", "/", "//", "~",
	    "+", "\xff", "a=%C3%BC&", "bodySHA256=0&", "?", "=&"};
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct buffer target = BUFFER_EMPTY;
		buffer_append(&target, SLICE(PATH "?"));
		fill(&target, pieces[i], 4000);
		diagnose_hostile((struct sample){.target = target.ptr});
		diagnose_hostile((struct sample){.target = target.ptr, .is_get = true});
		buffer_done(&target);
		buffer_append(&target, SLICE("/"));
		fill(&target, pieces[i], 8000);
		diagnose_hostile((struct sample){.target = target.ptr});
		buffer_done(&target);
	}
	struct buffer form = BUFFER_EMPTY;
	for (int i = 0; i < 300; i++)
		buffer_appendf(&form, "p%d=%d&", i, i * 7);
	buffer_append_byte(&form, '\0');
	diagnose_hostile((struct sample){.target = PATH, .body = form.ptr});
	struct buffer target = BUFFER_EMPTY;
	buffer_append(&target, SLICE(PATH "?"));
	buffer_append(&target, slice_of(form.ptr));
	buffer_append_byte(&target, '\0');
	diagnose_hostile((struct sample){.target = target.ptr});
	buffer_done(&target);
	buffer_done(&form);
}

static void
hostile_headers_do_no_harm(void **state)
{
	(void)state;
	struct buffer many = BUFFER_EMPTY;
	fill(&many, "a\x01/\n\xff:9,", 6000);
	struct slice texts[] = {buffer_slice(&many), SLICE(""), SLICE(","), SLICE(":"), SLICE("["),
	    SLICE("[::1]:80"), SLICE("a b"), SLICE("\x1b[2J"), SLICE("http://"), SLICE("/"),
	    SLICE("//"), SLICE("?"), SLICE("99999999999"), SLICE("https://x:0/y"), SLICE("@"),
	    SLICE("a@b:1"), SLICE("https://\x01x:1/y")};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		diagnose_hostile((struct sample){.target = PATH QUERY,
		    .incoming = {.host = texts[i],
			.forwarded_proto = texts[i],
			.forwarded_host = texts[i],
			.forwarded_port = texts[i],
			.forwarded_prefix = texts[i],
			.original_uri = texts[i]},
		    .listen_port = ~0u});
	buffer_done(&many);
}

static void
long_urls_are_cut_in_the_texts(void **state)
{
	(void)state;
	struct buffer path = BUFFER_EMPTY, url = BUFFER_EMPTY;
	buffer_append(&path, SLICE("/"));
	fill(&path, "\xc3\xbc", 3000);
	buffer_append(&url, SLICE("http://cb.example.com"));
	buffer_append(&url, slice_of(path.ptr));
	buffer_append_byte(&url, '\0');
	struct diagnosis diagnosis = diagnose(&(struct sample){
	    .bases = {BASE}, .signed_url = url.ptr, .signed_form = FORM, .target = path.ptr});
	assert_int_equal(diagnosis.causes, BIT(SCHEME));
	size_t len = strlen(diagnosis.url);
	assert_true(len >= DIAGNOSIS_URL_SIZE - 6 && len < DIAGNOSIS_URL_SIZE);
	assert_string_equal(diagnosis.url + len - 3, "...");
	for (struct slice rest = {diagnosis.url, len}; rest.len > 0;
	     rest = slice_from(rest, slice_utf8_len(rest)))
		assert_true(slice_utf8_len(rest) > 0);
	buffer_done(&path);
	buffer_done(&url);
}

static void
each_cause_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < DIAGNOSIS_CAUSE_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(diagnosis_cause_name((enum diagnosis_cause)i),
			    diagnosis_cause_name((enum diagnosis_cause)k));
	struct buffer names = BUFFER_EMPTY;
	struct diagnosis diagnosis = {.cause = DIAGNOSIS_PREFIX_STRIPPED,
	    .causes = BIT(PREFIX_STRIPPED) | BIT(SCHEME) | BIT(PORT)};
	diagnosis_append_causes(&diagnosis, &names);
	assert_slice(buffer_slice(&names), "prefix-stripped, scheme, port");
	buffer_done(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(another_scheme_host_or_port_is_found),
	    cmocka_unit_test(a_stripped_or_added_prefix_is_found),
	    cmocka_unit_test(slashes_are_found),
	    cmocka_unit_test(another_order_of_the_query_is_found),
	    cmocka_unit_test(another_spelling_of_the_query_is_found),
	    cmocka_unit_test(a_lost_or_added_query_is_found),
	    cmocka_unit_test(another_method_is_found),
	    cmocka_unit_test(a_form_that_a_redirect_lost_is_reported),
	    cmocka_unit_test(a_changed_body_is_found),
	    cmocka_unit_test(another_accounts_token_is_found),
	    cmocka_unit_test(a_token_that_is_not_there_is_taken_for_one_that_was_rotated),
	    cmocka_unit_test(an_unknown_account_is_looked_into_for_as_long_as_a_known_one),
	    cmocka_unit_test(the_token_that_fits_is_reported),
	    cmocka_unit_test(what_is_no_signature_is_reported_as_such),
	    cmocka_unit_test(several_causes_are_put_together),
	    cmocka_unit_test(made_up_signatures_fit_nothing),
	    cmocka_unit_test(large_bodies_are_tried_few_times),
	    cmocka_unit_test(long_urls_and_many_parameters_are_bounded),
	    cmocka_unit_test(hostile_headers_do_no_harm),
	    cmocka_unit_test(long_urls_are_cut_in_the_texts),
	    cmocka_unit_test(each_cause_has_a_name_of_its_own),
	};
	return cmocka_run_group_tests(tests, init, NULL);
}
