/* diagnoser: a cause that was found is tried first on later requests; untrusted clients get no more
 * time. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/intake/handler.h"
#include "dlrd/refused/diagnoser.h"

#include <time.h>

#define ACCOUNT "AC00000000000000000000000000000001"
#define FORM_TYPE "application/x-www-form-urlencoded"
#define TOKEN "token"

static struct routes routes;
static struct verifier *verifier;
static struct metrics *metrics;
static struct handler *handler;
static struct diagnoser *diagnoser;
static struct signature_failures *failures;

static void
add_route(const char *path)
{
	struct route *route = &routes.items[routes.count++];
	route->path = strdup(path);
	route->kind = ROUTE_AUTO;
	assert_ok(tags_template_init(&route->workspace, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE(""), NULL));
}

static int
set_up(void **state)
{
	(void)state;
	struct url_base base;
	struct secret *token;
	log_set_level(LOG_ERROR);
	assert_ok(signature_init());
	add_route("/a");
	add_route("/b");
	assert_ok(verifier_new(&verifier));
	assert_ok(url_base_init(&base, SLICE("https://cb.example.com"), NULL));
	assert_ok(verifier_add_url(verifier, &base));
	assert_ok(secret_new(SLICE(TOKEN), &token));
	assert_ok(verifier_add_token(verifier, SLICE(ACCOUNT), TOKEN_CURRENT, token));
	metrics = metrics_new();
	assert_ok(signature_failures_new(&failures));
	assert_ok(handler_new(&(struct handler_options){.routes = &routes,
				  .verifier = verifier,
				  .limits = {4096, 8192, 65536, 64},
				  .metrics = metrics},
	    &handler));
	assert_ok(diagnoser_new(&(struct diagnoser_options){.has_verified = handler_has_verified,
				    .context = handler,
				    .routes = &routes,
				    .verifier = verifier,
				    .fields_max = 64,
				    .metrics = metrics,
				    .failures = failures},
	    &diagnoser));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	diagnoser_free(diagnoser);
	diagnoser_free(NULL);
	handler_free(handler);
	verifier_free(verifier);
	signature_failures_free(failures);
	metrics_free(metrics);
	routes_done(&routes);
	return 0;
}

/* A request of that number which names that account, or none if it is "". It is signed with the
 * token of ACCOUNT, for another URL than the one it came to. Good until the next call. */
static struct quarantined
request_naming(const char *account, unsigned number, const char *signed_base, const char *target)
{
	static char body[256], url[512], signature[SIGNATURE_TEXT_MAX];
	struct secret *secret;
	struct form form = FORM_EMPTY;
	struct buffer text = BUFFER_EMPTY;
	struct signature digest;
	snprintf(body, sizeof body, "AccountSid=%s&MessageSid=SM%032u", account, number);
	snprintf(url, sizeof url, "%s%s", signed_base, target);
	assert_ok(secret_new(SLICE(TOKEN), &secret));
	assert_ok(form_decode(&form, slice_of(body), 64));
	assert_ok(signature_append_parameters(&text, &form));
	digest = signature_make(
	    secret, SIGNATURE_DIGEST_SIZE, slice_of(url), SLICE_NONE, buffer_slice(&text));
	signature_write(&digest, signature);
	secret_free(secret);
	form_done(&form);
	buffer_done(&text);
	return (struct quarantined){.incoming.arrived_us = number,
	    .incoming.method = SLICE("POST"),
	    .incoming.target = slice_of(target),
	    .route = url_path(slice_of(target)),
	    .incoming.media_type = SLICE(FORM_TYPE),
	    .incoming.body = slice_of(body),
	    .account = account[0] == '\0' ? SLICE_NONE : slice_of(account),
	    .incoming.signature = slice_of(signature),
	    .incoming.host = SLICE("cb.example.com")};
}

static struct quarantined
request_for(unsigned number, const char *signed_base, const char *target)
{
	return request_naming(ACCOUNT, number, signed_base, target);
}

static void
assert_explained(const char *signed_base, const char *target, unsigned number, const char *cause)
{
	struct quarantined request = request_for(number, signed_base, target);
	request.cause = SLICE("what was here before");
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, cause);
	assert_true(request.proven);
}

/* Forgeries until there is no time for another diagnosis; how many there were. */
static unsigned
use_up_the_time(void)
{
	int64_t until_us = clock_monotonic_us() + 60 * CLOCK_SECOND_US;
	for (unsigned i = 0;; i++) {
		struct quarantined request = request_for(i, "https://cb.example.com", "/b");
		request.incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
		diagnoser_examine(diagnoser, &request);
		assert_false(request.proven);
		if (slice_equal(request.cause, SLICE("undiagnosed")))
			return i;
		assert_slice(request.cause, "token");
		assert_true(clock_monotonic_us() < until_us);
	}
}

/* Waits for as long as another diagnosis may have overdrawn. */
static void
explain_in_time(struct quarantined *request)
{
	int64_t until_us = clock_monotonic_us() + 60 * CLOCK_SECOND_US;
	do {
		assert_true(clock_monotonic_us() < until_us);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		diagnoser_examine(diagnoser, request);
	} while (slice_equal(request->cause, SLICE("undiagnosed")));
}

static void
forgeries_use_up_their_time_and_get_more_later(void **state)
{
	(void)state;
	use_up_the_time();
	struct quarantined request = request_for(1, "http://cb.example.com", "/b");
	explain_in_time(&request);
	assert_slice(request.cause, "scheme");
}

static void
what_was_found_once_needs_no_time(void **state)
{
	(void)state;
	const struct {
		const char *base, *target, *cause;
	} wrong[] = {{"http://cb.example.com", "/a?c=1&b=2", "scheme"},
	    {"https://cb.example.com:8443", "/a?c=1&b=2", "port"},
	    {"https://cb.example.com/hooks", "/a?c=1&b=2", "prefix-stripped"},
	    {"http://cb.example.com", "/b", "scheme"}};
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_explained(wrong[i].base, wrong[i].target, (unsigned)i, wrong[i].cause);
	for (unsigned number = 10; number < 1000; number++) {
		use_up_the_time();
		size_t i = number % COUNT_OF(wrong);
		assert_explained(wrong[i].base, wrong[i].target, number, wrong[i].cause);
	}
	struct buffer text = BUFFER_EMPTY;
	metrics_write(metrics, &text);
	assert_contains(
	    buffer_slice(&text), "dlrd_signature_causes_total{cause=\"prefix-stripped\"} 249\n");
	buffer_done(&text);
}

static void
what_was_found_is_known_after_a_reload_and_no_time_is_won(void **state)
{
	(void)state;
	struct diagnoser *next;
	assert_explained("http://cb.example.com", "/a", 1, "scheme");
	use_up_the_time();
	assert_ok(diagnoser_new(&(struct diagnoser_options){.has_verified = handler_has_verified,
				    .context = handler,
				    .routes = &routes,
				    .verifier = verifier,
				    .fields_max = 64,
				    .metrics = metrics,
				    .failures = failures},
	    &next));
	diagnoser_inherit(next, diagnoser);
	diagnoser_free(diagnoser);
	diagnoser = next;
	assert_true(use_up_the_time() < 200); /* a new one has time for many more */
	assert_explained("http://cb.example.com", "/a", 2, "scheme");
}

/* The fifth way to be wrong takes the place of the one that was met longest ago. */
static void
only_the_latest_ways_are_remembered(void **state)
{
	(void)state;
	char base[64];
	for (unsigned port = 8081; port <= 8085; port++) {
		snprintf(base, sizeof base, "https://cb.example.com:%u", port);
		struct quarantined request = request_for(port, base, "/a");
		char number[8];
		snprintf(number, sizeof number, "%u", port);
		request.incoming.forwarded_port =
		    slice_of(number); /* or it would not be thought of */
		explain_in_time(&request);
		assert_slice(request.cause, "port");
	}
	use_up_the_time();
	for (unsigned port = 8082; port <= 8085; port++) {
		snprintf(base, sizeof base, "https://cb.example.com:%u", port);
		assert_explained(base, "/a", port, "port");
	}
	use_up_the_time();
	struct quarantined request = request_for(1, "https://cb.example.com:8081", "/a");
	diagnoser_examine(diagnoser, &request);
	assert_false(request.proven);
}

static void
a_body_that_its_hash_does_not_bind_is_not_proven(void **state)
{
	(void)state;
	struct quarantined request = request_for(1, "https://cb.example.com", "/a");
	static const char target[] =
	    "/a?bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	static char url[256], signature[SIGNATURE_TEXT_MAX];
	struct signature digest;
	struct secret *secret;
	snprintf(url, sizeof url, "http://cb.example.com%s", target);
	assert_ok(secret_new(SLICE(TOKEN), &secret));
	digest =
	    signature_make(secret, SIGNATURE_DIGEST_SIZE, slice_of(url), SLICE_NONE, SLICE(""));
	signature_write(&digest, signature);
	secret_free(secret);
	request.incoming.media_type = SLICE("application/json");
	request.incoming.target = slice_of(target);
	request.incoming.signature = slice_of(signature);
	for (int i = 0; i < 2; i++) { /* found, and then repeated */
		request.incoming.body = SLICE("{}");
		diagnoser_examine(diagnoser, &request);
		assert_slice(request.cause, "body-changed");
		assert_false(request.proven);
	}
	request.incoming.body = SLICE("");
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, "scheme"); /* and no more: this body was not changed */
	assert_true(request.proven);
}

/* An untrusted client sends a captured request with an added line break. A rule that removes it
 * does not change other requests, so it would match them, too. */
static void
what_was_wrong_once_is_not_reported_of_what_has_it_not(void **state)
{
	(void)state;
	struct quarantined request = request_for(1, "http://cb.example.com", "/a?b=2&c=3");
	char body[256];
	snprintf(body, sizeof body, "%.*s\r\n", SLICE_ARG(request.incoming.body));
	request.incoming.body = slice_of(body);
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, "body-changed");
	assert_explained("http://cb.example.com", "/a?b=2&c=3", 2, "scheme");
	assert_explained("http://cb.example.com", "/a?b=2&c=3", 3, "scheme");
	struct buffer text = BUFFER_EMPTY;
	metrics_write(metrics, &text);
	assert_contains(
	    buffer_slice(&text), "dlrd_signature_causes_total{cause=\"body-changed\"} 1\n");
	buffer_done(&text);
}

/* Its diagnosis names the account. */
static void
check_account_of_advice(void *context, const struct signature_failure *failure)
{
	(void)context;
	assert_true(failure->account.len > 0 && failure->advice.len < 2048);
	char advice[2048], account[64];
	snprintf(advice, sizeof advice, "%.*s", SLICE_ARG(failure->advice));
	snprintf(account, sizeof account, "%.*s", SLICE_ARG(failure->account));
	if (strcmp(failure->causes.ptr, "other-account") == 0)
		assert_non_null(strstr(advice, account));
}

static void
a_wrong_account_is_not_reported_of_another(void **state)
{
	(void)state;
	struct quarantined request =
	    request_naming("AC00000000000000000000000000000009", 1, "https://cb.example.com", "/a");
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, "other-account");
	use_up_the_time();
	request =
	    request_naming("AC00000000000000000000000000000009", 2, "https://cb.example.com", "/a");
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, "other-account");
	request =
	    request_naming("AC00000000000000000000000000000008", 3, "https://cb.example.com", "/a");
	explain_in_time(&request);
	assert_slice(request.cause, "other-account");
	signature_failures_each(failures, check_account_of_advice, NULL);
}

static void
a_form_beside_what_was_signed_is_not_proven(void **state)
{
	(void)state;
	char signature[SIGNATURE_TEXT_MAX];
	struct signature digest;
	struct secret *secret;
	struct quarantined request = request_for(1, "https://cb.example.com", "/a?b=1");
	assert_ok(secret_new(SLICE(TOKEN), &secret));
	digest = signature_make(secret, SIGNATURE_DIGEST_SIZE,
	    SLICE("https://cb.example.com/a?b=1"), SLICE_NONE, SLICE_NONE);
	signature_write(&digest, signature);
	secret_free(secret);
	request.incoming.signature = slice_of(signature);
	for (int i = 0; i < 2; i++) {
		diagnoser_examine(diagnoser, &request);
		assert_slice(request.cause, "method");
		assert_false(request.proven);
	}
}

static void
no_request_takes_long(void **state)
{
	(void)state;
	static char body[32 * 1024], target[8000];
	struct quarantined request = request_for(1, "http://cb.example.com", "/a");
	memset(body, '&', sizeof body);
	for (size_t i = 0; i < sizeof target; i++)
		target[i] = "&b"[i % 2];
	memcpy(target, "/a?", 3);
	request.incoming.body = (struct slice){body, sizeof body};
	request.incoming.target = (struct slice){target, sizeof target};
	int64_t start_us = clock_processor_us();
	diagnoser_examine(diagnoser, &request);
	assert_slice(request.cause, "token");
	assert_true(clock_processor_us() - start_us < CLOCK_SECOND_US / 2);
}

static void
time_is_saved_up_however_often_it_is_asked_for(void **state)
{
	(void)state;
	struct quarantined request = request_for(1, "https://cb.example.com", "/b");
	request.incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	use_up_the_time();
	int64_t until_us = clock_monotonic_us() + CLOCK_SECOND_US / 2;
	unsigned diagnosed = 0;
	while (clock_monotonic_us() < until_us) {
		diagnoser_examine(diagnoser, &request);
		diagnosed += !slice_equal(request.cause, SLICE("undiagnosed"));
	}
	assert_true(diagnosed >= 5);
}

static void
an_unknown_account_is_a_stray_unless_one_of_our_tokens_signed(void **state)
{
	(void)state;
	struct quarantined request = request_for(1, "https://cb.example.com", "/a");
	assert_true(diagnoser_examine(diagnoser, &request)); /* with any result */
	assert_false(request.stray);
	request =
	    request_naming("AC00000000000000000000000000000009", 1, "https://cb.example.com", "/a");
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_slice(request.cause, "other-account");
	assert_true(request.proven && !request.stray);
	request.incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_slice(request.cause, "unexplained");
	assert_true(request.stray);
	use_up_the_time();
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.stray);
	request = request_naming("", 1, "https://cb.example.com", "/a");
	request.incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	/* it names none: each account's tokens are tried */
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_false(request.stray);
}

static void
a_path_without_a_section_is_a_stray_and_proven_if_its_signature_is_right(void **state)
{
	(void)state;
	struct quarantined request = request_for(1, "https://cb.example.com", "/nowhere");
	request.route = SLICE("");
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.stray && request.proven);
	assert_slice(request.cause, "no-route");
	request = request_for(2, "http://cb.example.com", "/nowhere");
	request.route = SLICE("");
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.stray && request.proven);
	assert_slice(request.cause, "scheme");
	request.incoming.signature = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.stray && !request.proven);
	assert_slice(request.cause, "no-route");
	use_up_the_time();
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.stray);
	assert_slice(request.cause, "undiagnosed");
}

static void
a_token_that_a_reload_took_away_proves_nothing(void **state)
{
	(void)state;
	struct verifier *empty;
	struct url_base base;
	struct handler *new_handler;
	struct diagnoser *next;
	struct quarantined request = request_for(1, "http://cb.example.com", "/a");
	request.account = SLICE_NONE;
	assert_true(diagnoser_examine(diagnoser, &request));
	assert_true(request.proven);
	assert_ok(verifier_new(&empty));
	assert_ok(url_base_init(&base, SLICE("https://cb.example.com"), NULL));
	assert_ok(verifier_add_url(empty, &base));
	assert_ok(handler_new(&(struct handler_options){.routes = &routes,
				  .verifier = empty,
				  .limits = {4096, 8192, 65536, 64},
				  .metrics = metrics},
	    &new_handler));
	assert_ok(diagnoser_new(&(struct diagnoser_options){.has_verified = handler_has_verified,
				    .context = new_handler,
				    .routes = &routes,
				    .verifier = empty,
				    .fields_max = 64,
				    .metrics = metrics},
	    &next));
	diagnoser_inherit(next, diagnoser);
	diagnoser_examine(next, &request);
	assert_false(request.proven);
	diagnoser_free(next);
	handler_free(new_handler);
	verifier_free(empty);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(forgeries_use_up_their_time_and_get_more_later),
	    EACH(what_was_found_once_needs_no_time),
	    EACH(what_was_found_is_known_after_a_reload_and_no_time_is_won),
	    EACH(only_the_latest_ways_are_remembered),
	    EACH(an_unknown_account_is_a_stray_unless_one_of_our_tokens_signed),
	    EACH(a_path_without_a_section_is_a_stray_and_proven_if_its_signature_is_right),
	    EACH(a_token_that_a_reload_took_away_proves_nothing),
	    EACH(a_body_that_its_hash_does_not_bind_is_not_proven),
	    EACH(what_was_wrong_once_is_not_reported_of_what_has_it_not),
	    EACH(a_wrong_account_is_not_reported_of_another),
	    EACH(a_form_beside_what_was_signed_is_not_proven),
	    EACH(no_request_takes_long),
	    EACH(time_is_saved_up_however_often_it_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
