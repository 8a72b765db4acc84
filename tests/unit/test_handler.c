/* handler: every refusal by the head, and every decision on a whole request. */
#include "testing.h"

#include "dlrd/base/log.h"
#include "dlrd/intake/handler.h"

#define SID "SM00000000000000000000000000000001"
#define ACCOUNT "AC00000000000000000000000000000001"
#define OTHER "AC00000000000000000000000000000002"
#define FORM_TYPE "application/x-www-form-urlencoded"
#define STATUS_BODY "AccountSid=" ACCOUNT "&MessageSid=" SID "&MessageStatus=sent"
#define INBOUND_BODY "AccountSid=" ACCOUNT "&MessageSid=" SID "&SmsStatus=received&Body=hi"

static struct slice
reply_of(const struct decision *decision)
{
	return decision->answer == NULL ? SLICE_NONE : decision->answer->reply;
}

static struct routes routes;
static struct verifier *verifier, *open_verifier; /* the second has no public URL */
static struct metrics *metrics;
static struct keywords *keywords;
static struct handler *handler, *open_handler;

static void
add_route(const char *path, enum route_kind kind, const char *account)
{
	struct route *route = &routes.items[routes.count++];
	route->path = strdup(path);
	route->kind = kind;
	route->account = account == NULL ? NULL : strdup(account);
	assert_ok(tags_template_init(&route->workspace, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE(""), NULL));
}

static struct verifier *
make_verifier(const char *url)
{
	struct verifier *made;
	struct url_base base;
	static const char *const accounts[] = {ACCOUNT, OTHER};
	assert_ok(verifier_new(&made));
	if (url != NULL) {
		assert_ok(url_base_init(&base, slice_of(url), NULL));
		assert_ok(verifier_add_url(made, &base));
	}
	for (size_t i = 0; i < 2; i++) {
		struct secret *token;
		assert_ok(secret_new(slice_of(accounts[i] + 30), &token));
		assert_ok(verifier_add_token(made, slice_of(accounts[i]), TOKEN_CURRENT, token));
	}
	return made;
}

static int
set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR); /* refusals are warnings */
	assert_ok(signature_init());
	add_route("/auto", ROUTE_AUTO, NULL);
	add_route("/inbound", ROUTE_INBOUND, NULL);
	add_route("/status", ROUTE_STATUS, NULL);
	add_route("/other", ROUTE_AUTO, OTHER);
	verifier = make_verifier("https://a.example.com");
	open_verifier = make_verifier(NULL);
	metrics = metrics_new();
	assert_ok(keywords_new(&keywords));
	assert_ok(keywords_add_word(keywords, SLICE("join"), SLICE("join"), NULL));
	assert_ok(keywords_add_word(keywords, SLICE("quiet"), SLICE("quiet"), NULL));
	assert_ok(keywords_set_reply(keywords, SLICE("join"), SLICE("Welcome"), NULL));
	assert_ok(keywords_set_reply(keywords, SLICE("help"), SLICE("Call us"), NULL));
	struct handler_options options = {.routes = &routes,
	    .verifier = verifier,
	    .keywords = keywords,
	    .limits = {.target_max = 4096,
		.headers_max = 8192,
		.body_max = 65536,
		.fields_max = 64},
	    .metrics = metrics};
	assert_ok(handler_new(&options, &handler));
	options.verifier = open_verifier;
	options.keywords = NULL;
	assert_ok(handler_new(&options, &open_handler));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	handler_free(handler);
	handler_free(open_handler);
	handler_free(NULL);
	metrics_free(metrics);
	keywords_free(keywords);
	verifier_free(verifier);
	verifier_free(open_verifier);
	routes_done(&routes);
	return 0;
}

static bool
is_counted(const char *series)
{
	struct buffer text = BUFFER_EMPTY;
	metrics_write(metrics, &text);
	bool found = slice_has(buffer_slice(&text), series);
	buffer_done(&text);
	return found;
}

/* --- the head --- */

static struct request_head
good_head(void)
{
	return (struct request_head){.incoming.method = SLICE("POST"),
	    .incoming.target = SLICE("/auto?x=1"),
	    .version = SLICE("HTTP/1.1"),
	    .incoming.media_type = SLICE(FORM_TYPE),
	    .incoming.host = SLICE("a.example.com"),
	    .hosts = 1,
	    .lengths = 1,
	    .content_length = 10,
	    .header_bytes = 300};
}

static void
assert_head(struct request_head head, unsigned status, bool close_wanted)
{
	bool must_close = !close_wanted;
	assert_int_equal(handler_head(handler, &head, &must_close), status);
	assert_int_equal(must_close, close_wanted);
}

static void
a_good_head_asks_for_its_body(void **state)
{
	(void)state;
	struct request_head head = good_head();
	assert_head(head, 0, false);
	head.incoming.method = SLICE("GET");
	head.lengths = 0;
	head.content_length = 0;
	assert_head(head, 0, false);
	head = good_head();
	head.lengths = 0;
	head.encodings = 1;
	head.chunked = true;
	assert_head(head, 0, false);
	head = good_head();
	head.version = SLICE("HTTP/1.0");
	head.hosts = 0;
	head.incoming.host = SLICE_NONE;
	assert_head(head, 0, false);
}

static void
framing_that_can_be_read_in_two_ways_is_refused_and_closed(void **state)
{
	(void)state;
	struct request_head heads[10];
	for (size_t i = 0; i < COUNT_OF(heads); i++)
		heads[i] = good_head();
	heads[0].lengths = 2;
	heads[1].encodings = 1; /* with a Content-Length */
	heads[1].chunked = true;
	heads[2].lengths = 0;
	heads[2].encodings = 1; /* gzip, say */
	heads[3].lengths = 0;
	heads[3].encodings = 2;
	heads[3].chunked = true;
	heads[4].bad_length = true;
	heads[5].bad_header = true;
	heads[6].hosts = 2;
	heads[7].hosts = 0; /* HTTP/1.1 must have one */
	heads[8].hosts = 2;
	heads[8].version = SLICE("HTTP/1.0");
	heads[9].lengths = 2; /* also if no route has the path */
	heads[9].incoming.target = SLICE("/nothing");
	for (size_t i = 0; i < COUNT_OF(heads); i++)
		assert_head(heads[i], 400, true);
	assert_true(is_counted("dlrd_callbacks_total{route=\"/auto\",outcome=\"malformed\"} 9\n"));
	assert_true(is_counted("dlrd_callbacks_total{route=\"\",outcome=\"malformed\"} 1\n"));
}

static void
a_target_that_is_no_path_is_refused(void **state)
{
	(void)state;
	static const char *const targets[] = {"", "*", "auto", "http://a.example.com/auto",
	    "/auto?a b", "/auto?\x7f", "/auto?\t", "a.example.com:443"};
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		struct request_head head = good_head();
		head.incoming.target = slice_of(targets[i]);
		assert_head(head, 400, false);
	}
	struct request_head head = good_head();
	head.incoming.target = SLICE("/auto?\0");
	assert_head(head, 400, false);
}

static void
what_is_too_large_is_refused(void **state)
{
	(void)state;
	char target[4098] = "/auto?";
	memset(target + 6, 'x', sizeof target - 7);
	struct request_head head = good_head();
	head.incoming.target = (struct slice){target, 4096};
	assert_head(head, 0, false);
	head.incoming.target.len = 4097;
	assert_head(head, 414, false);
	head = good_head();
	head.header_bytes = 8192;
	assert_head(head, 0, false);
	head.header_bytes = 8193;
	assert_head(head, 431, false);
	head = good_head();
	head.content_length = 65536;
	assert_head(head, 0, false);
	head.content_length = 65537;
	assert_head(head, 413, false);
	head.content_length = UINT64_MAX;
	assert_head(head, 413, false);
	assert_true(is_counted("dlrd_callbacks_total{route=\"/auto\",outcome=\"too_large\"} 4\n"));
}

static void
a_path_is_matched_whole_and_byte_for_byte(void **state)
{
	(void)state;
	static const char *const targets[] = {"/", "/auto/", "//auto", "/AUTO", "/%61uto", "/aut",
	    "/autos", "/x/../auto", "/auto;x", "/?/auto", "/auto#x"};
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		struct request_head head = good_head();
		head.incoming.target = slice_of(targets[i]);
		assert_head(head, 404, false);
	}
	assert_true(is_counted("dlrd_callbacks_total{route=\"\",outcome=\"no_route\"} 11\n"));
}

static void
only_get_and_post_are_taken(void **state)
{
	(void)state;
	static const char *const methods[] = {
	    "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "", "POSTS"};
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct request_head head = good_head();
		head.incoming.method = slice_of(methods[i]);
		assert_head(head, 405, false);
	}
	assert_true(is_counted("dlrd_callbacks_total{route=\"/auto\",outcome=\"method\"} 10\n"));
}

/* --- the body --- */

struct asked {
	const char *method, *target, *type, *body;
	const char *account; /* whose token signs; NULL for ACCOUNT */
	const char *base;    /* what is signed in front of the target; NULL for the public URL */
};

static char signature[SIGNATURE_TEXT_MAX];

static struct decision
decide(struct handler *asked_handler, struct request_head *head, struct slice body, int64_t now_us)
{
	head->incoming.body = body;
	head->incoming.arrived_us = now_us;
	return handler_body(asked_handler, &head->incoming, NULL);
}

/* A head whose signature fits what is asked. */
static struct request_head
signed_head(const struct asked *asked)
{
	struct form form = FORM_EMPTY;
	struct buffer parameters = BUFFER_EMPTY;
	struct secret *token;
	struct signature digest;
	bool get = strcmp(asked->method, "GET") == 0;
	if (!get && form_is_body(slice_of(asked->type), slice_of(asked->body))) {
		assert_ok(form_decode(&form, slice_of(asked->body), 1000));
		assert_ok(signature_append_parameters(&parameters, &form));
	}
	const char *account = asked->account == NULL ? ACCOUNT : asked->account;
	assert_ok(secret_new(slice_of(account + 30), &token));
	digest = signature_make(token, SIGNATURE_DIGEST_SIZE,
	    slice_of(asked->base == NULL ? "https://a.example.com" : asked->base),
	    slice_of(asked->target), buffer_slice(&parameters));
	signature_write(&digest, signature);
	secret_free(token);
	form_done(&form);
	buffer_done(&parameters);
	struct request_head head = good_head();
	head.incoming.method = slice_of(asked->method);
	head.incoming.target = slice_of(asked->target);
	head.incoming.media_type = slice_of(asked->type);
	head.incoming.signature = slice_of(signature);
	head.incoming.signatures = 1;
	return head;
}

static struct decision
ask(const struct asked *asked)
{
	struct request_head head = signed_head(asked);
	return decide(handler, &head, slice_of(asked->body), 77);
}

static void
a_status_callback_is_kept_and_then_answered_204(void **state)
{
	(void)state;
	struct asked asked = {"POST", "/auto?x=1", FORM_TYPE, STATUS_BODY, NULL, NULL};
	struct decision decision = ask(&asked);
	assert_int_equal(decision.status, 0);
	assert_int_equal(decision.kept_status, 204);
	assert_true(decision.entry.received_us == 77);
	assert_slice(decision.entry.method, "POST");
	assert_slice(decision.entry.route, "/auto");
	assert_slice(decision.entry.query, "x=1");
	assert_slice(decision.entry.media_type, FORM_TYPE);
	assert_slice(decision.entry.body, STATUS_BODY);
	assert_slice(decision.entry.account, ACCOUNT);
	assert_true(
	    is_counted("dlrd_token_used_total{account=\"" ACCOUNT "\",token=\"current\"} 1\n"));
}

static void
a_token_is_counted_for_its_own_account(void **state)
{
	(void)state;
	struct asked asked = {
	    "POST", "/auto", FORM_TYPE, "AccountSid=" OTHER "&MessageStatus=sent", OTHER, NULL};
	assert_int_equal(ask(&asked).status, 0);
	assert_true(
	    is_counted("dlrd_token_used_total{account=\"" OTHER "\",token=\"current\"} 1\n"));
	assert_true(
	    is_counted("dlrd_token_used_total{account=\"" ACCOUNT "\",token=\"current\"} 0\n"));
}

static void
a_query_is_kept_as_it_arrived(void **state)
{
	(void)state;
	struct asked asked = {"GET", "/auto?To=whatsapp:1&" STATUS_BODY, "", NULL, NULL, NULL};
	struct request_head head = signed_head(&asked);
	head.incoming.target = SLICE("/auto?To=whatsapp%3A1&" STATUS_BODY);
	struct decision decision = decide(handler, &head, SLICE_NONE, 77);
	assert_int_equal(decision.status, 0);
	assert_slice(decision.entry.query, "To=whatsapp%3A1&" STATUS_BODY);
}

static void
the_memory_that_a_request_needs_is_estimated_and_released(void **state)
{
	(void)state;
	static char body[200001] = STATUS_BODY "&Body=";
	struct admission admission = {0};
	struct admission_decision decision;
	memset(body + strlen(body), 'x', sizeof body - 1 - strlen(body));
	struct asked asked = {"POST", "/auto", FORM_TYPE, body, NULL, NULL};
	struct request_head head = signed_head(&asked);
	head.incoming.body = slice_of(body);
	admission_init(&admission, &routes, verifier, keywords, 64);
	assert_int_equal(admission_memory(&admission), 0);

	admission_check(&admission, &head.incoming, &decision);
	assert_int_equal(decision.result, ADMISSION_ADMITTED);
	assert_true(admission_memory(&admission) > 2 * (sizeof body - 1));
	assert_true(admission_memory(&admission) <= admission_work(&admission, &head.incoming));
	assert_int_equal(
	    handler_work(handler, &head.incoming), admission_work(&admission, &head.incoming));

	admission_release(&admission);
	assert_int_equal(admission_memory(&admission), 0);
	admission_done(&admission);
}

static void
an_inbound_message_is_answered_200(void **state)
{
	(void)state;
	static const struct {
		struct asked asked;
		unsigned status;
	} rows[] = {
	    {{"POST", "/auto", FORM_TYPE, INBOUND_BODY, NULL, NULL}, 200},
	    {{"POST", "/inbound", FORM_TYPE, INBOUND_BODY, NULL, NULL}, 200},
	    {{"POST", "/status", FORM_TYPE, INBOUND_BODY, NULL, NULL}, 204},
	    {{"POST", "/inbound", FORM_TYPE, STATUS_BODY, NULL, NULL}, 200},
	    {{"GET", "/auto?" INBOUND_BODY, "", NULL, NULL, NULL}, 200},
	    {{"GET", "/auto?" STATUS_BODY, "", NULL, NULL, NULL}, 204},
	    {{"POST", "/auto", FORM_TYPE, "", NULL, NULL}, 204},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct decision decision = ask(&rows[i].asked);
		assert_int_equal(decision.status, 0);
		assert_int_equal(decision.kept_status, rows[i].status);
	}
}

static void
a_keyword_with_a_reply_is_answered_with_it(void **state)
{
	(void)state;
	static const struct {
		const char *path, *parameters;
		const char *reply;
		unsigned status;
	} rows[] = {
	    {"/auto", "&SmsStatus=received&Body=JOIN", "Welcome", 200},
	    {"/inbound", "&SmsStatus=received&Body=+join.%0A", "Welcome", 200},
	    {"/inbound", "&Body=help", "Call us", 200},
	    {"/auto", "&SmsStatus=received&Body=aide&OptOutType=HELP", "Call us", 200},
	    {"/auto", "&SmsStatus=received&Body=joint", NULL, 200},
	    {"/auto", "&SmsStatus=received&Body=quiet", NULL, 200},
	    {"/auto", "&SmsStatus=received&Body=start", NULL, 200},
	    {"/auto", "&SmsStatus=received&Body=", NULL, 200},
	    /* an opt-out, by the text or by OptOutType */
	    {"/auto", "&SmsStatus=received&Body=stop", NULL, 200},
	    {"/auto", "&SmsStatus=received&Body=join&OptOutType=STOP", NULL, 200},
	    {"/inbound", "&SmsStatus=received&Body=stop&OptOutType=HELP", NULL, 200},
	    /* no person sent these */
	    {"/auto", "&MessageStatus=sent&Body=join", NULL, 204},
	    {"/inbound", "&MessageStatus=sent&Body=join", NULL, 200},
	    {"/status", "&SmsStatus=received&Body=join", NULL, 204},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int get = 0; get < 2; get++) {
			char body[256], target[512];
			snprintf(body, sizeof body, "AccountSid=" ACCOUNT "&MessageSid=" SID "%s",
			    rows[i].parameters);
			snprintf(target, sizeof target, "%s%s%s", rows[i].path, get ? "?" : "",
			    get ? body : "");
			struct asked asked = {get ? "GET" : "POST", target, get ? "" : FORM_TYPE,
			    get ? NULL : body, NULL, NULL};
			for (int round = 0; round < 2; round++) { /* the second time, too */
				struct decision decision = ask(&asked);
				assert_int_equal(decision.status, 0);
				assert_int_equal(decision.kept_status, rows[i].status);
				assert_slice(reply_of(&decision), rows[i].reply);
			}
		}
}

static void
without_configured_keywords_nothing_is_replied(void **state)
{
	(void)state;
	struct asked asked = {"POST", "/auto", FORM_TYPE,
	    "AccountSid=" ACCOUNT "&MessageSid=" SID "&Body=help", NULL, "http://a.example.com"};
	struct request_head head = signed_head(&asked);
	struct decision decision = decide(open_handler, &head, slice_of(asked.body), 1);
	assert_int_equal(decision.kept_status, 200);
	assert_slice(reply_of(&decision), NULL);
}

static void
a_refused_message_has_no_reply(void **state)
{
	(void)state;
	struct asked asked = {"POST", "/auto", FORM_TYPE,
	    "AccountSid=" ACCOUNT "&MessageSid=" SID "&Body=join", OTHER, NULL};
	struct decision decision = ask(&asked);
	assert_int_equal(decision.status, 403);
	assert_slice(reply_of(&decision), NULL);
}

static void
a_get_keeps_its_query_and_no_body(void **state)
{
	(void)state;
	struct asked asked = {"GET", "/inbound?" INBOUND_BODY, "", NULL, NULL, NULL};
	struct request_head head = signed_head(&asked);
	struct decision decision = decide(handler, &head, SLICE("ignored"), 1);
	assert_int_equal(decision.status, 0);
	assert_slice(decision.entry.query, INBOUND_BODY);
	assert_slice(decision.entry.body, NULL);
}

static void
each_cause_of_distrust_is_answered_403_and_counted(void **state)
{
	(void)state;
	const struct asked asked = {"POST", "/status", FORM_TYPE, STATUS_BODY, NULL, NULL};
	const struct asked json = {"POST", "/status", "application/json", "{}", NULL, NULL};
	const struct asked bound = {
	    "POST", "/status?bodySHA256=00", "application/json", "{}", NULL, NULL};
	const struct asked unknown = {"POST", "/status", FORM_TYPE, "AccountSid=AC3", NULL, NULL};
	struct request_head heads[8];
	const char *bodies[8];
	for (size_t i = 0; i < 8; i++)
		bodies[i] = STATUS_BODY;
	static char texts[8][SIGNATURE_TEXT_MAX];
	for (size_t i = 0; i < 8; i++) {
		heads[i] = signed_head(i == 4   ? &unknown
				       : i == 5 ? &json
				       : i == 6 ? &bound
						: &asked);
		memcpy(texts[i], signature, sizeof signature);
		heads[i].incoming.signature = slice_of(texts[i]);
	}
	heads[0].incoming.signature = SLICE_NONE;
	heads[0].incoming.signatures = 0;
	heads[1].incoming.signature = SLICE("short");
	heads[2].incoming.signatures = 2; /* two headers: neither counts, though this one fits */
	bodies[3] = STATUS_BODY "&x=1";
	bodies[4] = "AccountSid=AC3";
	bodies[5] = bodies[6] = "{}";
	heads[7].incoming.target = SLICE("/status?x");
	for (size_t i = 0; i < 8; i++) {
		struct decision decision = decide(handler, &heads[i], slice_of(bodies[i]), 1);
		assert_int_equal(decision.status, 403);
	}
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"no-signature\"} 1\n"));
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"malformed-signature\"} 2\n"));
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"mismatch\"} 2\n"));
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"unknown-account\"} 1\n"));
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"body-unbound\"} 1\n"));
	assert_true(is_counted("dlrd_signature_failures_total{cause=\"body-mismatch\"} 1\n"));
	assert_true(
	    is_counted("dlrd_callbacks_total{route=\"/status\",outcome=\"unverified\"} 8\n"));
}

static void
too_many_fields_are_refused(void **state)
{
	(void)state;
	struct buffer body = BUFFER_EMPTY;
	for (int i = 0; i < 65; i++)
		buffer_appendf(&body, "a%d=1&", i);
	buffer_append_byte(&body, '\0');
	struct asked asked = {"POST", "/auto", FORM_TYPE, body.ptr, NULL, NULL};
	assert_int_equal(ask(&asked).status, 413);
	buffer_done(&body);
}

static void
a_json_body_names_its_account(void **state)
{
	(void)state;
	static const char *const bodies[] = {"{\"account_sid\":\"" OTHER "\"}",
	    "{\"accountSid\":\"" OTHER "\"}", "[{\"data\":{\"accountSid\":\"" OTHER "\"}}]",
	    "{\"data\":{\"account_sid\":\"" OTHER "\"}}",
	    "[{\"account_sid\":\"" OTHER "\"},{\"account_sid\":\"x\"}]", "{\"a\":1}", "[]", "5",
	    "{"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		char hash[SIGNATURE_BODY_HASH_SIZE], target[128];
		signature_body_hash(slice_of(bodies[i]), hash);
		snprintf(target, sizeof target, "/auto?bodySHA256=%s", hash);
		struct asked asked = {"POST", target, "application/json", bodies[i], OTHER, NULL};
		struct decision decision = ask(&asked);
		assert_int_equal(decision.status, 0);
		assert_int_equal(decision.kept_status, 204);
		assert_slice(decision.entry.account, OTHER);
		asked.account = ACCOUNT; /* another account's token may not speak for this one */
		assert_int_equal(ask(&asked).status, i < 5 ? 403 : 0);
	}
}

static void
a_routes_account_speaks_for_requests_that_name_none(void **state)
{
	(void)state;
	struct asked asked = {"POST", "/other", FORM_TYPE, "MessageSid=" SID, OTHER, NULL};
	assert_int_equal(ask(&asked).status, 0);
	asked.account = ACCOUNT;
	assert_int_equal(ask(&asked).status, 403);
	asked.target = "/auto";
	assert_int_equal(ask(&asked).status, 0);
}

/* --- without a public URL --- */

static unsigned
ask_open(struct handler *asked_handler, const char *base, bool trusted, const char *proto,
    const char *forwarded_host)
{
	struct asked asked = {"POST", "/auto", FORM_TYPE, STATUS_BODY, NULL, base};
	struct request_head head = signed_head(&asked);
	head.incoming.from_trusted_proxy = trusted;
	head.incoming.forwarded_proto = slice_of(proto);
	head.incoming.forwarded_host = slice_of(forwarded_host);
	return decide(asked_handler, &head, SLICE(STATUS_BODY), 1).status;
}

static void
the_url_is_as_it_came_or_as_a_trusted_proxy_reports_it(void **state)
{
	(void)state;
	assert_int_equal(ask_open(open_handler, "http://a.example.com", false, NULL, NULL), 0);
	assert_int_equal(ask_open(open_handler, "https://a.example.com", false, NULL, NULL), 403);
	assert_int_equal(ask_open(open_handler, "https://a.example.com", true, "https", NULL), 0);
	assert_int_equal(
	    ask_open(open_handler, "https://b.example.com", true, "https", "b.example.com"), 0);
	assert_int_equal(
	    ask_open(open_handler, "http://b.example.com", true, NULL, "b.example.com"), 0);
}

static void
no_other_peer_is_believed(void **state)
{
	(void)state;
	assert_int_equal(
	    ask_open(open_handler, "https://a.example.com", false, "https", NULL), 403);
	assert_int_equal(
	    ask_open(open_handler, "http://b.example.com", false, NULL, "b.example.com"), 403);
	/* forwarded headers are ignored; the request as received counts */
	assert_int_equal(
	    ask_open(open_handler, "http://a.example.com", false, "https", "b.example.com"), 0);
	/* of a list the first, which the proxy saw that the client reached */
	assert_int_equal(
	    ask_open(open_handler, "https://a.example.com", true, "HTTPS, http", NULL), 0);
	assert_int_equal(
	    ask_open(open_handler, "https://a.example.com", true, "http, https", NULL), 403);
	assert_int_equal(
	    ask_open(open_handler, "javascript://a.example.com", true, "javascript", NULL), 403);
}

static void
a_configured_url_is_the_only_one(void **state)
{
	(void)state;
	assert_int_equal(
	    ask_open(handler, "https://a.example.com", true, "http", "evil.example"), 0);
	assert_int_equal(
	    ask_open(handler, "https://evil.example", true, "https", "evil.example"), 403);
	assert_int_equal(ask_open(handler, "http://a.example.com", false, NULL, NULL), 403);
}

static void
what_the_listener_decides_is_counted_on_its_route(void **state)
{
	(void)state;
	handler_count(handler, SLICE("/inbound?x"), HANDLER_UNAVAILABLE);
	handler_count(handler, SLICE("/inbound"), HANDLER_KEPT);
	handler_count(handler, SLICE("/nowhere"), HANDLER_UNAVAILABLE);
	assert_true(
	    is_counted("dlrd_callbacks_total{route=\"/inbound\",outcome=\"unavailable\"} 1\n"));
	assert_true(is_counted("dlrd_callbacks_total{route=\"/inbound\",outcome=\"kept\"} 1\n"));
	assert_true(is_counted("dlrd_callbacks_total{route=\"\",outcome=\"unavailable\"} 1\n"));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_good_head_asks_for_its_body),
	    EACH(framing_that_can_be_read_in_two_ways_is_refused_and_closed),
	    EACH(a_target_that_is_no_path_is_refused),
	    EACH(what_is_too_large_is_refused),
	    EACH(a_path_is_matched_whole_and_byte_for_byte),
	    EACH(only_get_and_post_are_taken),
	    EACH(a_status_callback_is_kept_and_then_answered_204),
	    EACH(a_token_is_counted_for_its_own_account),
	    EACH(a_query_is_kept_as_it_arrived),
	    EACH(the_memory_that_a_request_needs_is_estimated_and_released),
	    EACH(an_inbound_message_is_answered_200),
	    EACH(a_keyword_with_a_reply_is_answered_with_it),
	    EACH(without_configured_keywords_nothing_is_replied),
	    EACH(a_refused_message_has_no_reply),
	    EACH(a_get_keeps_its_query_and_no_body),
	    EACH(each_cause_of_distrust_is_answered_403_and_counted),
	    EACH(too_many_fields_are_refused),
	    EACH(a_json_body_names_its_account),
	    EACH(a_routes_account_speaks_for_requests_that_name_none),
	    EACH(the_url_is_as_it_came_or_as_a_trusted_proxy_reports_it),
	    EACH(no_other_peer_is_believed),
	    EACH(a_configured_url_is_the_only_one),
	    EACH(what_the_listener_decides_is_counted_on_its_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
