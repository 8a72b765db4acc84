/* settings: errors are reported with their place, all at once; secrets are never shown. */
#define _DEFAULT_SOURCE
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/settings.h"

#include <sys/stat.h>

#define SID "AC0123456789abcdef0123456789abcdef"
#define TOKEN "12345678901234567890123456789012"
#define ACCOUNT "[account " SID "]\nauth_token = " TOKEN "\n"

static char *directory;

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	unsetenv("CREDENTIALS_DIRECTORY");
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

static const char *
file_path(void)
{
	return path_in(directory, "dlrd.ini");
}

static struct settings *
load(const char *text)
{
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	write_file(file_path(), slice_of(text));
	enum result result = settings_load(file_path(), SETTINGS_SERVE, &settings, &problems);
	if (result != RESULT_OK)
		print_error("%.*s", SLICE_ARG(buffer_slice(&problems)));
	assert_ok(result);
	assert_int_equal(problems.len, 0);
	buffer_done(&problems);
	return settings;
}

/* The problems, with "FILE" for the file's path; for buffer_done. */
static struct buffer
problems_of(const char *text)
{
	struct settings *settings = NULL;
	struct buffer problems = BUFFER_EMPTY, out = BUFFER_EMPTY;
	write_file(file_path(), slice_of(text));
	if (settings_load(file_path(), SETTINGS_SERVE, &settings, &problems) == RESULT_OK) {
		print_error("accepted:\n%s", text);
		settings_free(settings);
		fail();
	}
	assert_null(settings);
	struct slice rest = buffer_slice(&problems), name = slice_of(file_path());
	while (rest.len > 0) {
		bool named = slice_starts_with(rest, name);
		if (named)
			buffer_append(&out, SLICE("FILE"));
		else
			buffer_append_byte(&out, rest.ptr[0]);
		rest = slice_from(rest, named ? name.len : 1);
	}
	buffer_done(&problems);
	return out;
}

static void
assert_problem(const char *text, const char *start)
{
	struct buffer problems = problems_of(text);
	if (!slice_has(buffer_slice(&problems), start))
		print_error(
		    "reported: %.*swanted: %s\n", SLICE_ARG(buffer_slice(&problems)), start);
	assert_contains(buffer_slice(&problems), start);
	assert_int_equal(problems.ptr[problems.len - 1], '\n');
	buffer_done(&problems);
}

static void
a_token_is_all_that_must_be_given(void **state)
{
	(void)state;
	struct settings *settings = load(ACCOUNT);
	assert_int_equal(settings->listen.count, 1);
	assert_string_equal(settings->listen.items[0], "127.0.0.1:8080");
	assert_string_equal(settings->api_listen.items[0], "127.0.0.1:8081");
	assert_int_equal(settings->public_url.count, 0);
	assert_int_equal(settings->trusted_proxies.count, 0);
	assert_int_equal(settings->body_max, 256 * 1024);
	assert_int_equal(settings->fields_max, 512);
	assert_true(settings->request_timeout_us == 10 * CLOCK_SECOND_US);
	assert_true(settings->journal_keep_us == 7 * CLOCK_DAY_US);
	assert_true(settings->journal_size == INT64_C(4) << 30);
	assert_string_equal(settings->directory, "/var/lib/dlrd");
	assert_int_equal(settings->conflicts, POLICY_DELIVERED_WINS);
	assert_int_equal(settings->log_level, LOG_INFO);
	assert_true(settings->reply_window_us == 7 * CLOCK_DAY_US);
	assert_true(settings->reply_late_us == 15 * 60 * CLOCK_SECOND_US);
	assert_string_equal(settings->error_codes_site, "");
	assert_int_equal(settings->providers.count, 0);
	assert_slice(
	    keywords_match(settings->keywords, &(struct keyword_message){.body = SLICE("stop")})
		.name,
	    "stop");
	assert_null(settings->api_token);
	assert_int_equal(verifier_account_count(settings->verifier), 1);
	assert_slice(verifier_account(settings->verifier, 0), SID);
	settings_free(settings);
	settings_free(NULL);
}

static void
three_routes_stand_where_none_is_configured(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum route_kind kind;
	} rows[] = {{"/sms/twilio", ROUTE_AUTO}, {"/sms/dlr/twilio", ROUTE_STATUS},
	    {"/v1/campaigns/outbound/sms/callbacks/mo/twilio", ROUTE_INBOUND}};
	struct settings *settings = load(ACCOUNT);
	assert_int_equal(settings->routes.count, COUNT_OF(rows));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct route *route = routes_find(&settings->routes, slice_of(rows[i].path));
		assert_non_null(route);
		assert_int_equal(route->kind, rows[i].kind);
		assert_string_equal(route->campaign.text, "{campaign} | {meta.3}_{meta.4}");
		assert_null(route->account);
	}
	settings_free(settings);
	settings = load(ACCOUNT "[callback /own]\nkind = click\naccount = " SID "\n");
	assert_int_equal(settings->routes.count, 1);
	assert_null(routes_find(&settings->routes, SLICE("/sms/twilio")));
	const struct route *route = routes_find(&settings->routes, SLICE("/own"));
	assert_non_null(route);
	assert_int_equal(route->kind, ROUTE_CLICK);
	assert_string_equal(route->account, SID);
	assert_int_equal(route->workspace.count, 2); /* by default */
	settings_free(settings);
}

static void
values_are_read_with_their_units(void **state)
{
	(void)state;
	struct settings *settings =
	    load("[server]\nlisten = [::1]:80, unix:/run/x.sock\n"
		 "public_url = https://a.b, http://c.d:81/x\n"
		 "trusted_proxies = unix, 10.0.0.0/8,::1\n"
		 "body_limit = 5000\nmemory_limit = 1G\nrequest_timeout = 500ms\n"
		 "keepalive_timeout = 5m\ncommit_timeout = 1h\n[store]\n"
		 "journal_keep = 36h\nconflicts = first-final\n"
		 "[log]\nlevel = debug\n" ACCOUNT);
	assert_int_equal(settings->listen.count, 2);
	assert_string_equal(settings->listen.items[1], "unix:/run/x.sock");
	assert_int_equal(verifier_url_count(settings->verifier), 2);
	assert_int_equal(settings->trusted_proxies.count, 3);
	assert_int_equal(settings->body_max, 5000);
	assert_true(settings->memory_max == 1 << 30);
	assert_int_equal(settings->request_timeout_us, 500000);
	assert_true(settings->keepalive_timeout_us == 300 * CLOCK_SECOND_US);
	assert_true(settings->commit_timeout_us == CLOCK_HOUR_US);
	assert_true(settings->journal_keep_us == 36 * CLOCK_HOUR_US);
	assert_int_equal(settings->conflicts, POLICY_FIRST_FINAL);
	assert_int_equal(settings->log_level, LOG_DEBUG);
	settings_free(settings);
}

static void
a_wrong_value_is_reported_with_file_line_section_and_key(void **state)
{
	(void)state;
	static const struct {
		const char *text, *problem;
	} rows[] = {
	    {"[server]\n\nlisten = host.example:80\n",
		"FILE:3: [server] listen: \"host.example:80\" is not an address"},
	    {"[server]\nlisten =\n", "FILE:2: [server] listen: is empty; write 127.0.0.1:8080"},
	    {"[server]\npublic_url = example.com\n", "FILE:2: [server] public_url: \"example.com\" "
						     "is not a URL; write it like https://"},
	    {"[server]\npublic_url = https://a.b/?c\n",
		"FILE:2: [server] public_url: \"https://a.b/?c\" has a query"},
	    {"[server]\ntrusted_proxies = 10.0.0.0/33\n",
		"FILE:2: [server] trusted_proxies: \"10.0.0.0/33\" is not an address"},
	    {"[server]\nbody_limit = 10x\n",
		"FILE:2: [server] body_limit: \"10x\" is not a size like 4096, 256k, 16M or 4G"},
	    {"[server]\nbody_limit = 1k\n",
		"FILE:2: [server] body_limit: \"1k\" is out of bounds; it must be 4k to 16M"},
	    {"[server]\nrequest_timeout = 10\n",
		"FILE:2: [server] request_timeout: \"10\" is not a time like 500ms"},
	    {"[server]\nrequest_timeout = 2h\n", "FILE:2: [server] request_timeout: \"2h\" is out "
						 "of bounds; it must be 100ms to 1h"},
	    {"[server]\nfield_limit = -5\n",
		"FILE:2: [server] field_limit: \"-5\" is not a whole number"},
	    {"[api]\nthreads = 17\n",
		"FILE:2: [api] threads: \"17\" is out of bounds; it must be 1 to 16"},
	    {"[store]\ndirectory = var\n",
		"FILE:2: [store] directory: \"var\" is not an absolute path"},
	    {"[store]\nconflicts = last\n",
		"FILE:2: [store] conflicts: \"last\" is not a policy; write"},
	    {"[replies]\nwindow = 91d\n",
		"FILE:2: [replies] window: \"91d\" is out of bounds; it must be 1m to 90d"},
	    {"[replies]\nwindow = 59s\n", "FILE:2: [replies] window: \"59s\" is out of"},
	    {"[replies]\nlate = 8d\n", "FILE:2: [replies] late: \"8d\" is out of bounds"},
	    {"[numbers]\ncountry_code = US\n",
		"FILE:2: [numbers] country_code: \"US\" is not a country code; write 1 for"},
	    {"[numbers]\ncountry_code = 0\n", "FILE:2: [numbers] country_code: \"0\" is not a"},
	    {"[numbers]\ncountry_code = 1234\n", "FILE:2: [numbers] country_code: \"1234\" is"},
	    {"[log]\nlevel = loud\n", "FILE:2: [log] level: \"loud\" is not a level; write error"},
	    {"[callback /x]\nkind = sms\n",
		"FILE:2: [callback /x] kind: \"sms\" is not a kind; write"},
	    {"[callback /x]\ncampaign = {a.b}\n",
		"FILE:2: [callback /x] campaign: {a.b}: write a field number"},
	    {"[callback /x]\naccount = AC1\n",
		"FILE:2: [callback /x] account: \"AC1\" is not an account SID"},
	    {"[callback x]\nkind = auto\n", "FILE:1: [callback x] \"x\" is not a path; write"},
	    {"[callback]\nkind = auto\n", "FILE:1: [callback] \"\" is not a path"},
	    {"[callback /x?y]\nkind = auto\n", "FILE:1: [callback /x?y] \"/x?y\" is not a path"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer text = BUFFER_EMPTY;
		buffer_appendf(&text, "%s" ACCOUNT, rows[i].text);
		buffer_append_byte(&text, '\0');
		assert_problem(text.ptr, rows[i].problem);
		buffer_done(&text);
	}
}

static void
an_unknown_key_is_reported_with_those_that_there_are(void **state)
{
	(void)state;
	assert_problem("[log]\nlevl = info\n" ACCOUNT,
	    "FILE:2: [log] levl: unknown key; this section has level\n");
	assert_problem("[serv]\nlisten = x\n" ACCOUNT,
	    "FILE:1: [serv] unknown section; there are [server], [api]");
	assert_problem("listen = x\n" ACCOUNT,
	    "FILE:1: listen: no section; write the key below its section, such as [server]\n");
	assert_problem(
	    ACCOUNT "token = x\n", "FILE:3: [account " SID "] token: unknown key; an account");
	assert_problem(ACCOUNT "[callback /x]\nroute = x\n",
	    "FILE:4: [callback /x] route: unknown key; a callback has kind, workspace");
}

static void
a_repeated_key_is_reported(void **state)
{
	(void)state;
	assert_problem("[log]\nlevel = info\nlevel = info\n" ACCOUNT,
	    "FILE:3: [log] level: duplicate key; keep one of the two lines");
	assert_problem("[log]\nlevel = info\n[api]\nthreads = 1\n[log]\nlevel = info\n" ACCOUNT,
	    "FILE:6: [log] level: duplicate key");
	assert_problem(
	    ACCOUNT "auth_token = x\n", "FILE:3: [account " SID "] auth_token: duplicate key");
	settings_free(load(ACCOUNT "[callback /x]\nkind = auto\n[callback /y]\nkind = auto\n"));
}

static void
several_mistakes_are_reported_at_once(void **state)
{
	(void)state;
	struct buffer problems =
	    problems_of("[server]\nlisten = x\nbody_limit = x\n[log]\nlevel = x\n"
			"nonsense\n[account AC1]\nauth_token = x\n");
	struct slice text = buffer_slice(&problems);
	assert_contains(text, "FILE:2: [server] listen: ");
	assert_contains(text, "FILE:3: [server] body_limit: ");
	assert_contains(text, "FILE:5: [log] level: ");
	assert_contains(text, "FILE:6: neither a [section]");
	assert_contains(text, "FILE:7: [account AC1] \"AC1\" is not an account SID");
	size_t lines = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	assert_int_equal(lines, 5);
	buffer_done(&problems);
}

static void
an_account_is_needed_and_each_needs_its_token(void **state)
{
	(void)state;
	assert_problem("", "FILE: no account; add a section [account AC...]");
	assert_problem("[account " SID "]\nnext_auth_token = x\n",
	    "FILE:1: [account " SID "] auth_token: is missing; add it, or auth_token_file");
	assert_problem(
	    "[account " SID "]\nauth_token =\n", "FILE:2: [account " SID "] auth_token: is empty");
	static const char *const bad[] = {"AC123", "SM0123456789abcdef0123456789abcdef",
	    "AC0123456789abcdef0123456789abcdeg", "AC0123456789abcdef0123456789abcdef0",
	    "ac0123456789abcdef0123456789abcdef", ""};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char text[128], problem[128];
		snprintf(text, sizeof text, "[account %s]\nauth_token = x\n", bad[i]);
		snprintf(problem, sizeof problem, "] \"%s\" is not an account SID", bad[i]);
		assert_problem(text, problem);
	}
}

static void
a_missing_file_is_reported(void **state)
{
	(void)state;
	struct settings *settings = NULL;
	struct buffer problems = BUFFER_EMPTY;
	const char *path = path_in(directory, "none.ini");
	assert_int_equal(
	    settings_load(path, SETTINGS_SERVE, &settings, &problems), RESULT_NOT_FOUND);
	assert_contains(buffer_slice(&problems), "/none.ini: No such file or directory\n");
	assert_null(settings);
	buffer_done(&problems);
}

static void
tokens_may_stand_in_files(void **state)
{
	(void)state;
	char text[512];
	char token[128];
	snprintf(token, sizeof token, "%s/token", directory);
	write_file(token, SLICE("  " TOKEN "\n"));
	snprintf(text, sizeof text,
	    "[account " SID
	    "]\nauth_token_file = %s\nnext_auth_token = nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\n"
	    "[api]\ntoken_file = %s\n",
	    token, token);
	struct settings *settings = load(text);
	assert_true(verifier_has_token(settings->verifier, 0, TOKEN_CURRENT));
	assert_true(verifier_has_token(settings->verifier, 0, TOKEN_NEXT));
	assert_false(verifier_has_token(settings->verifier, 0, TOKEN_PREVIOUS));
	assert_true(secret_equal(settings->api_token, SLICE(TOKEN)));
	settings_free(settings);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	settings = load("[account " SID "]\nauth_token_file = token\n");
	assert_true(verifier_has_token(settings->verifier, 0, TOKEN_CURRENT));
	settings_free(settings);
	assert_problem("[account " SID "]\nauth_token_file = none\n",
	    "/none: No such file or directory; systemd passes no such credential: add "
	    "LoadCredential=none:PATH to a drop-in of the unit, and restart\n");
	unsetenv("CREDENTIALS_DIRECTORY");
	/* without systemd's credentials, next to the configuration */
	settings = load("[account " SID "]\nauth_token_file = token\n");
	assert_true(verifier_has_token(settings->verifier, 0, TOKEN_CURRENT));
	settings_free(settings);
	assert_problem("[account " SID "]\nauth_token_file = none\n",
	    "FILE:2: [account " SID "] auth_token_file: ");
	assert_problem("[account " SID "]\nauth_token_file = /nonexistent/x\n",
	    "auth_token_file: cannot read /nonexistent/x: No such file");
	assert_problem(ACCOUNT "[api]\ntoken_file = /nonexistent/x\n",
	    "[api] token_file: cannot read /nonexistent/x: No such file");
	write_file(token, SLICE(" \n"));
	snprintf(text, sizeof text, "[account " SID "]\nauth_token_file = %s\n", token);
	assert_problem(text, "must contain only the token, on one line");
}

/* A command that only reads the store needs no permission to read the tokens. */
static void
a_question_does_not_need_the_tokens(void **state)
{
	(void)state;
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	write_file(file_path(), SLICE("[account " SID "]\nauth_token_file = /nonexistent/x\n"
				      "[api]\ntoken_file = /nonexistent/y\n"
				      "[store]\ndirectory = /there\n"));
	enum result result = settings_load(file_path(), SETTINGS_QUERY, &settings, &problems);
	if (result != RESULT_OK)
		print_error("%.*s", SLICE_ARG(buffer_slice(&problems)));
	buffer_done(&problems);
	assert_ok(result);
	assert_string_equal(settings->directory, "/there");
	settings_free(settings);
}

static void
a_callback_without_keys_has_its_defaults(void **state)
{
	(void)state;
	struct settings *settings = load("[callback /own]\n" ACCOUNT);
	size_t count = settings->routes.count;
	const struct route *route = routes_find(&settings->routes, SLICE("/own"));
	bool is_auto = route != NULL && route->kind == ROUTE_AUTO && route->campaign.count == 2;
	settings_free(settings);
	assert_int_equal(count, 1);
	assert_true(is_auto);
}

static void
sections_without_keys_are_checked_too(void **state)
{
	(void)state;
	assert_problem("[account " SID "]\n", "FILE:1: [account " SID "] auth_token: is missing");
	assert_problem(ACCOUNT "[servr]\n", "FILE:3: [servr] unknown section");
	assert_problem(ACCOUNT "[callback x]\n", "FILE:3: [callback x] \"x\" is not a path");
}

static void
a_token_given_in_two_ways_is_reported(void **state)
{
	(void)state;
	char token[128], text[512];
	snprintf(token, sizeof token, "%s/token", directory);
	write_file(token, SLICE(TOKEN "\n"));
	snprintf(text, sizeof text, ACCOUNT "auth_token_file = %s\n", token);
	assert_problem(
	    text, "FILE:3: [account " SID "] auth_token_file: the token is here and in a file");
}

static void
a_callbacks_account_must_be_configured(void **state)
{
	(void)state;
	assert_problem(ACCOUNT "[callback /x]\nkind = auto\naccount = "
			       "AC00000000000000000000000000000009\n",
	    "FILE:5: [callback /x] account: there is no section [account "
	    "AC00000000000000000000000000000009]");
}

static void
a_token_file_of_two_lines_is_refused(void **state)
{
	(void)state;
	char text[512];
	char token[128];
	snprintf(token, sizeof token, "%s/token", directory);
	write_file(token, SLICE("# the token:\n" TOKEN "\n"));
	snprintf(text, sizeof text, "[account " SID "]\nauth_token_file = %s\n", token);
	assert_problem(text, "must contain only the token, on one line");
}

static void
a_number_that_overflows_is_out_of_bounds(void **state)
{
	(void)state;
	/* 2^64 microseconds are taken off these: 123 and 135 seconds would be left */
	assert_problem(
	    "[server]\nrequest_timeout = 953935793071d\n" ACCOUNT, "request_timeout: \"953");
	assert_problem(
	    "[server]\nrequest_timeout = 897784245717d\n" ACCOUNT, "request_timeout: \"897");
	assert_problem("[store]\njournal_size = 999999999999G\n" ACCOUNT, "journal_size: \"999");
	assert_problem(
	    "[server]\nfield_limit = 99999999999999999999\n" ACCOUNT, "field_limit: \"999");
}

static void
secrets_in_a_file_for_everybody_are_noted(void **state)
{
	(void)state;
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	for (int i = 0; i < 2; i++) {
		write_file(file_path(), SLICE(ACCOUNT));
		assert_int_equal(chmod(file_path(), i == 0 ? 0640 : 0644), 0);
		assert_ok(settings_load(file_path(), SETTINGS_SERVE, &settings, &problems));
		assert_int_equal(settings->secrets_exposed, i);
		settings_free(settings);
	}
	buffer_done(&problems);
}

static void
no_message_reports_a_secret(void **state)
{
	(void)state;
	struct buffer problems = problems_of(
	    "[account AC1]\nauth_token = sesame12345678901234567890123456\n[account " SID
	    "]\nauth_tokn = sesame\nauth_token = sesame12345678901234567890123456\n"
	    "auth_token = sesame12345678901234567890123456\nsesame\n");
	assert_lacks(buffer_slice(&problems), "sesame");
	buffer_done(&problems);
}

static void
what_is_printed_holds_no_secret(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct settings *settings =
	    load("[account " SID "]\nauth_token = sesame12345678901234567890123456\n"
		 "previous_auth_token = sesame12345678901234567890123456\n");
	settings_print(settings, &out);
	assert_lacks(buffer_slice(&out), "sesame");
	assert_contains(buffer_slice(&out),
	    "[account " SID "]\nauth_token = (set, not shown)\nprevious_auth_token = (set");
	settings_free(settings);
	buffer_done(&out);
}

static void
what_is_printed_are_the_settings_in_force(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct settings *settings =
	    load("[server]\npublic_url = https://a.b , https://c.d\nrequest_timeout = 60000ms\n"
		 "[callback /x]\nkind = status\ncampaign = c-{y}\naccount = " SID "\n" ACCOUNT);
	settings_print(settings, &out);
	struct slice text = buffer_slice(&out);
	assert_true(slice_starts_with(text, SLICE("[server]\nlisten = 127.0.0.1:8080\n")));
	assert_contains(text, "\npublic_url = https://a.b, https://c.d\n");
	assert_contains(text, "\nrequest_timeout = 1m\n");
	assert_contains(text, "\nbody_limit = 256k\n");
	assert_contains(text, "\n\n[store]\ndirectory = /var/lib/dlrd\njournal_keep = 7d\n");
	assert_contains(text,
	    "\n[callback /x]\nkind = status\nworkspace = {workspace} | {account}\n"
	    "campaign = c-{y}\nvariant = {variant} | {meta.6}\naccount = " SID "\n");
	settings_free(settings);
	buffer_done(&out);
}

static void
every_default_is_written_as_it_is_read(void **state)
{
	(void)state;
	struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY, text = BUFFER_EMPTY;
	struct settings *settings = load(ACCOUNT);
	settings_print(settings, &first);
	settings_free(settings);
	struct slice rest = buffer_slice(&first);
	while (rest.ptr != NULL) {
		struct slice line = slice_take(&rest, '\n');
		if (slice_has(line, "not shown"))
			buffer_append(&text, SLICE("auth_token = " TOKEN));
		else
			buffer_append(&text, line);
		buffer_append_byte(&text, '\n');
	}
	buffer_append_byte(&text, '\0');
	settings = load(text.ptr);
	settings_print(settings, &second);
	settings_free(settings);
	assert_true(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	buffer_done(&first);
	buffer_done(&second);
	buffer_done(&text);
}

/* --- keywords and providers --- */

#define ONE "AC00000000000000000000000000000001"
#define SERVICE "MG00000000000000000000000000000001"

static void
keywords_are_read_with_their_replies(void **state)
{
	(void)state;
	struct settings *settings = load(
	    ACCOUNT "[keyword STOP]\nwords = arr\xc3\xaat, alto\nreply =\n"
		    "[keyword help]\nreply = Call us; it is free\n"
		    "[keyword join]\nreply = Welcome & \xf0\x9f\x8e\x89 ; a comment\n"
		    "words = join,, beitreten ,\n[keyword start]\n[keyword a-B_9]\nwords = x\n");
	static const struct {
		const char *body;
		enum keyword keyword;
		const char *reply;
	} rows[] = {{"ARR\xc3\x8aT", KEYWORD_STOP, NULL}, {"alto", KEYWORD_STOP, NULL},
	    {"Info", KEYWORD_HELP, "Call us; it is free"},
	    {"Beitreten!", KEYWORD_OTHER, "Welcome & \xf0\x9f\x8e\x89"}, {"x", KEYWORD_OTHER, NULL},
	    {"start", KEYWORD_START, NULL}, {"y", KEYWORD_NONE, NULL}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct keyword_match match = keywords_match(
		    settings->keywords, &(struct keyword_message){.body = slice_of(rows[i].body)});
		assert_int_equal(match.keyword, rows[i].keyword);
		assert_slice(
		    match.answer == NULL ? SLICE_NONE : match.answer->reply, rows[i].reply);
	}
	struct buffer out = BUFFER_EMPTY;
	settings_print(settings, &out);
	assert_contains(
	    buffer_slice(&out), "\n[keyword stop]\nwords = arr\xc3\xaat, alto\nreply = \n");
	assert_contains(
	    buffer_slice(&out), "\n[keyword help]\nwords = \nreply = Call us; it is free\n");
	assert_contains(buffer_slice(&out), "\n[keyword join]\nwords = join, beitreten\nreply = W");
	buffer_done(&out);
	settings_free(settings);
}

static void
a_wrong_keyword_is_reported_where_it_stands(void **state)
{
	(void)state;
	static const struct {
		const char *text, *problem;
	} rows[] = {
	    {"[keyword stop]\nreply = bye\n",
		"FILE:4: [keyword stop] reply: Twilio itself replies to an opt-out"},
	    {"[keyword Stop]\nreply = bye\n", "FILE:4: [keyword Stop] reply: Twilio itself"},
	    {"[keyword join]\nreply = Welcome\n",
		"FILE:3: [keyword join] words: is missing; write the words"},
	    {"[keyword join]\n", "FILE:3: [keyword join] words: is missing"},
	    {"[keyword join]\nwords =\n", "FILE:4: [keyword join] words: is empty; write the"},
	    {"[keyword join]\nwords = ,\n", "FILE:4: [keyword join] words: is empty"},
	    {"[keyword join]\nwords = a, yes\n",
		"FILE:4: [keyword join] words: \"yes\" is already listed by Twilio, for start"},
	    {"[keyword join]\nwords = a, A\n",
		"FILE:4: [keyword join] words: \"A\" is already listed, for join"},
	    {"[keyword a]\nwords = x\n[keyword b]\nwords = y, X\n",
		"FILE:6: [keyword b] words: \"X\" is already listed, for a"},
	    {"[keyword a]\nwords = x!\n", "FILE:4: [keyword a] words: \"x!\" has punctuation"},
	    {"[keyword a]\nwords = \xff\n", "FILE:4: [keyword a] words: a word is not UTF-8"},
	    {"[keyword a]\nword = x\n",
		"FILE:4: [keyword a] word: unknown key; a keyword has words, reply,"},
	    {"[keyword a]\nwords = x\n[keyword A]\nwords = y\n",
		"FILE:6: [keyword A] words: duplicate key"},
	    {"[keyword]\nwords = x\n", "FILE:3: [keyword] \"\" is not a valid name"},
	    {"[keyword a b c]\nwords = x\n",
		"FILE:3: [keyword a b c] \"a b c\" is not a valid name; write"},
	    {"[keyword a  b]\nwords = x\n", "FILE:3: [keyword a  b] \"a  b\" is not a valid"},
	    {"[keyword \xc3\xa9]\nwords = x\n", "FILE:3: [keyword \xc3\xa9] \"\xc3\xa9\" is no"},
	    {"[keyword abcdefghijklmnopqrstuvwxyz1234567]\nwords = x\n", "is not a valid name"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[512];
		snprintf(text, sizeof text, ACCOUNT "%s", rows[i].text);
		assert_problem(text, rows[i].problem);
	}
}

static void
one_mistake_in_a_section_is_reported_once(void **state)
{
	(void)state;
	static const char *const texts[] = {"[keyword a b c]\nreply = x\n",
	    "[keyword a]\nwords =\n", "[keyword a]\nword = x\n", "[provider x]\naccounts = AC1\n",
	    "[provider]\nsenders = x\n", "[provider x]\n", "[keyword x]\n"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char text[512];
		size_t lines = 0;
		snprintf(text, sizeof text, ACCOUNT "%s", texts[i]);
		struct buffer problems = problems_of(text);
		for (size_t k = 0; k < problems.len; k++)
			lines += problems.ptr[k] == '\n';
		if (lines != 1)
			print_error("%.*s", SLICE_ARG(buffer_slice(&problems)));
		assert_int_equal(lines, 1);
		buffer_done(&problems);
	}
}

static void
providers_are_read(void **state)
{
	(void)state;
	struct settings *settings = load(
	    ACCOUNT "[provider Example Mobile]\naccounts = " ONE ", " SID "\n"
		    "senders = +15550100,EXAMPLE , whatsapp:+1\ndefault = no\n"
		    "[provider Other]\nservices = " SERVICE "\n[provider Rest]\ndefault = yes\n"
		    "[provider Last]\nsenders = " ONE "\n");
	const struct provider_names *providers = &settings->providers;
	assert_int_equal(providers->count, 8);
	assert_string_equal(provider_names_find(providers, PROVIDER_ACCOUNT, SLICE(SID))->nickname,
	    "Example Mobile");
	assert_string_equal(
	    provider_names_find(providers, PROVIDER_SENDER, SLICE("EXAMPLE"))->nickname,
	    "Example Mobile");
	assert_string_equal(
	    provider_names_find(providers, PROVIDER_SERVICE, SLICE(SERVICE))->nickname, "Other");
	assert_string_equal(
	    provider_names_find(providers, PROVIDER_DEFAULT, SLICE_NONE)->nickname, "Rest");
	struct buffer out = BUFFER_EMPTY;
	settings_print(settings, &out);
	assert_contains(buffer_slice(&out),
	    "\n[provider Example Mobile]\naccounts = " ONE ", " SID "\nservices = \n"
	    "senders = +15550100, EXAMPLE, whatsapp:+1\ndefault = no\n"
	    "\n[provider Other]\naccounts = \nservices = " SERVICE "\nsenders = \ndefault = no\n"
	    "\n[provider Rest]\naccounts = \nservices = \nsenders = \ndefault = yes\n");
	buffer_done(&out);
	settings_free(settings);
}

static void
a_wrong_provider_is_reported_where_it_stands(void **state)
{
	(void)state;
	static const struct {
		const char *text, *problem;
	} rows[] = {
	    {"[provider x]\n", "FILE:3: [provider x] is empty; add accounts, services or"},
	    {"[provider x]\naccounts =\ndefault = no\n", "FILE:3: [provider x] is empty"},
	    {"[provider x]\naccounts = AC1\n",
		"FILE:4: [provider x] accounts: \"AC1\" is not a valid SID; write AC and 32"},
	    {"[provider x]\nservices = " ONE "\n",
		"FILE:4: [provider x] services: \"" ONE "\" is not a valid SID; write MG"},
	    {"[provider x]\naccounts = " ONE ", " ONE "\n",
		"FILE:4: [provider x] accounts: \"" ONE "\" is named already, for x"},
	    {"[provider x]\nsenders = a\n[provider y]\nsenders = b, a\n",
		"FILE:6: [provider y] senders: \"a\" is named already, for x; keep one"},
	    {"[provider x]\ndefault = yes\n[provider y]\ndefault = yes\n",
		"FILE:6: [provider y] default: x is the default already"},
	    {"[provider x]\ndefault = true\n",
		"FILE:4: [provider x] default: \"true\" is neither yes nor no"},
	    {"[provider x]\nsender = a\n",
		"FILE:4: [provider x] sender: unknown key; a provider has accounts"},
	    {"[provider x]\nsenders = a\n[provider x]\nsenders = b\n",
		"FILE:6: [provider x] senders: duplicate key"},
	    {"[provider]\nsenders = a\n", "FILE:3: [provider] \"\" is not a nickname"},
	    {"[provider x\xff]\nsenders = a\n", "\" is not a nickname; write 1 to 64 bytes"},
	    {"[provider x]\nsenders = "
	     "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,A,B,C,D,E,F,G,"
	     "H,"
	     "I,J,K,L,M,N,O,P,Q,R,S,T,U,V,W,X,Y,Z,10,11,12,13\n",
		"FILE:4: [provider x] senders: more than 64"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[512];
		snprintf(text, sizeof text, ACCOUNT "%s", rows[i].text);
		assert_problem(text, rows[i].problem);
	}
}

static void
tables_of_error_codes_are_read_before_they_are_needed(void **state)
{
	(void)state;
	char text[512], path[256];
	static const char *const keys[] = {"error_codes", "error_codes_site"};
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		snprintf(path, sizeof path, "%s/codes.csv", directory);
		write_file(path, SLICE("code,name,kind,permanence,action\n1,a,b,c\n"));
		snprintf(text, sizeof text, ACCOUNT "[store]\n%s = %s\n", keys[i], path);
		char problem[512];
		snprintf(problem, sizeof problem, "FILE:4: [store] %s: %s:2", keys[i], path);
		assert_problem(text, problem);
		write_file(path, SLICE("code,name,kind,permanence,action\n1,a,b,c,d\n"));
		settings_free(load(text));
		unlink(path);
		assert_problem(text, "codes.csv: No such file");
	}
}

/* --- the shipped file --- */

struct documented {
	struct {
		char section[32], key[64], value[256];
		bool set; /* not commented out */
		int count;
	} keys[128];
	size_t count;
};

static bool
is_key(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((text.ptr[i] < 'a' || text.ptr[i] > 'z') && text.ptr[i] != '_')
			return false;
	return text.len > 0;
}

/* Lines of the form [section], ;[section], key = value and ;key = value. */
static void
read_documented(struct slice rest, struct documented *out)
{
	char section[32] = "";
	while (rest.ptr != NULL) {
		struct slice line = slice_trim(slice_take(&rest, '\n'));
		bool set = line.len > 0 && line.ptr[0] != ';';
		if (!set && line.len > 0)
			line = slice_trim(slice_from(line, 1));
		if (line.len > 0 && line.ptr[0] == '[') {
			struct slice name = slice_from(line, 1);
			name = (struct slice){name.ptr, slice_find(name, ']')};
			name =
			    (struct slice){name.ptr, slice_find(name, ' ')}; /* [account AC...] */
			snprintf(section, sizeof section, "%.*s", SLICE_ARG(name));
			continue;
		}
		struct slice value = line;
		struct slice key = slice_trim(slice_take(&value, '='));
		if (value.ptr == NULL || !is_key(key))
			continue;
		value = slice_trim(value);
		for (size_t i = 1; i < value.len; i++) /* a comment behind the value */
			if (value.ptr[i] == ';' && value.ptr[i - 1] == ' ')
				value = slice_trim((struct slice){value.ptr, i});
		assert_true(out->count < COUNT_OF(out->keys));
		size_t at = out->count++;
		snprintf(out->keys[at].section, sizeof section, "%s", section);
		snprintf(out->keys[at].key, sizeof out->keys[at].key, "%.*s", SLICE_ARG(key));
		snprintf(out->keys[at].value, sizeof out->keys[at].value, "%.*s", SLICE_ARG(value));
		out->keys[at].set = set;
	}
}

/* A configuration with a section of each kind; what is not set in it is printed as its default. */
#define EACH_SECTION                                                               \
	ACCOUNT "next_auth_token = " TOKEN "\nprevious_auth_token = " TOKEN "\n"   \
		"[shared_key CK]\naccount = " SID "\nsecret = " TOKEN "\n"         \
		"[callback /x]\naccount = " SID "\n[keyword join]\nwords = join\n" \
		"[provider Example]\nsenders = +15550100\n"

static struct documented
printed_keys(void)
{
	struct documented printed = {.count = 0}, set = {.count = 0};
	struct buffer out = BUFFER_EMPTY;
	struct settings *settings = load(EACH_SECTION);
	settings_print(settings, &out);
	settings_free(settings);
	read_documented(buffer_slice(&out), &printed);
	buffer_done(&out);

	read_documented(SLICE(EACH_SECTION), &set);
	for (size_t i = 0; i < printed.count; i++) {
		printed.keys[i].set = false;
		for (size_t k = 0; k < set.count; k++)
			printed.keys[i].set |=
			    strcmp(set.keys[k].section, printed.keys[i].section) == 0 &&
			    strcmp(set.keys[k].key, printed.keys[i].key) == 0;
	}
	return printed;
}

/* Returns how many mistakes the documentation of that key has. fallback: NULL for none. */
static int
compare_key(
    struct documented *documented, const char *section, const char *key, const char *fallback)
{
	bool found = false;
	int wrong = 0;
	for (size_t i = 0; i < documented->count; i++) {
		if (strcmp(documented->keys[i].section, section) != 0 ||
		    strcmp(documented->keys[i].key, key) != 0)
			continue;
		documented->keys[i].count++;
		found = true;
		if (fallback != NULL && !documented->keys[i].set &&
		    strcmp(documented->keys[i].value, fallback) != 0) {
			print_error("[%s] %s: says %s, the default is %s\n", section, key,
			    documented->keys[i].value, fallback);
			wrong++;
		}
	}
	if (!found) {
		print_error("[%s] %s is not in conf/dlrd.ini\n", section, key);
		wrong++;
	}
	return wrong;
}

/* Each key of a secret has another one for a file with the secret. */
static int
compare_with_table(struct slice text)
{
	struct documented documented = {.count = 0}, printed = printed_keys();
	int wrong = 0;
	read_documented(text, &documented);
	for (size_t i = 0; i < printed.count; i++) {
		const char *section = printed.keys[i].section, *key = printed.keys[i].key;
		const char *value = printed.keys[i].value;
		char file_key[80];
		wrong += compare_key(&documented, section, key, printed.keys[i].set ? NULL : value);
		snprintf(file_key, sizeof file_key, "%s_file", key);
		if (strcmp(value, "(set, not shown)") == 0)
			wrong += compare_key(&documented, section, file_key, NULL);
	}

	for (size_t i = 0; i < documented.count; i++)
		if (documented.keys[i].count == 0) {
			print_error("[%s] %s is no setting\n", documented.keys[i].section,
			    documented.keys[i].key);
			wrong++;
		}
	return wrong;
}

static void
the_shipped_file_documents_each_key_with_its_default_and_no_other(void **state)
{
	(void)state;
	struct buffer text = read_whole_file(TEST_SOURCE "/conf/dlrd.ini");
	int wrong = compare_with_table(buffer_slice(&text));
	buffer_done(&text);
	assert_int_equal(wrong, 0);
}

/* And that comparison can fail. */
static void
a_key_that_is_missing_too_many_or_wrong_is_noticed(void **state)
{
	(void)state;
	struct buffer text = read_whole_file(TEST_SOURCE "/conf/dlrd.ini"), edited = BUFFER_EMPTY;
	int right = compare_with_table(buffer_slice(&text));
	print_message("the following lines are expected\n");
	buffer_append(&edited, SLICE("[log]\n;colour = red\n"));
	buffer_append(&edited, buffer_slice(&text));
	assert_int_equal(compare_with_table(buffer_slice(&edited)), right + 1);
	buffer_clear(&edited);
	buffer_append(&edited, SLICE("[log]\n;level = loud\n"));
	buffer_append(&edited, buffer_slice(&text));
	assert_int_equal(compare_with_table(buffer_slice(&edited)), right + 1);
	assert_true(compare_with_table(SLICE("")) > 20);
	buffer_done(&text);
	buffer_done(&edited);
}

static void
the_shipped_file_is_read_once_an_account_is_added(void **state)
{
	(void)state;
	struct buffer text = read_whole_file(TEST_SOURCE "/conf/dlrd.ini");
	buffer_append(&text, SLICE("\n" ACCOUNT));
	buffer_append_byte(&text, '\0');
	struct settings *settings = load(text.ptr);
	assert_int_equal(settings->routes.count, 3);
	settings_free(settings);
	buffer_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_all_that_must_be_given),
	    cmocka_unit_test(three_routes_stand_where_none_is_configured),
	    cmocka_unit_test(values_are_read_with_their_units),
	    cmocka_unit_test(a_wrong_value_is_reported_with_file_line_section_and_key),
	    cmocka_unit_test(an_unknown_key_is_reported_with_those_that_there_are),
	    cmocka_unit_test(a_repeated_key_is_reported),
	    cmocka_unit_test(several_mistakes_are_reported_at_once),
	    cmocka_unit_test(an_account_is_needed_and_each_needs_its_token),
	    cmocka_unit_test(a_missing_file_is_reported),
	    cmocka_unit_test(tokens_may_stand_in_files),
	    cmocka_unit_test(a_question_does_not_need_the_tokens),
	    cmocka_unit_test(a_callback_without_keys_has_its_defaults),
	    cmocka_unit_test(sections_without_keys_are_checked_too),
	    cmocka_unit_test(a_token_given_in_two_ways_is_reported),
	    cmocka_unit_test(a_callbacks_account_must_be_configured),
	    cmocka_unit_test(a_token_file_of_two_lines_is_refused),
	    cmocka_unit_test(a_number_that_overflows_is_out_of_bounds),
	    cmocka_unit_test(secrets_in_a_file_for_everybody_are_noted),
	    cmocka_unit_test(no_message_reports_a_secret),
	    cmocka_unit_test(what_is_printed_holds_no_secret),
	    cmocka_unit_test(what_is_printed_are_the_settings_in_force),
	    cmocka_unit_test(every_default_is_written_as_it_is_read),
	    cmocka_unit_test(keywords_are_read_with_their_replies),
	    cmocka_unit_test(a_wrong_keyword_is_reported_where_it_stands),
	    cmocka_unit_test(one_mistake_in_a_section_is_reported_once),
	    cmocka_unit_test(providers_are_read),
	    cmocka_unit_test(a_wrong_provider_is_reported_where_it_stands),
	    cmocka_unit_test(tables_of_error_codes_are_read_before_they_are_needed),
	    cmocka_unit_test(the_shipped_file_documents_each_key_with_its_default_and_no_other),
	    cmocka_unit_test(a_key_that_is_missing_too_many_or_wrong_is_noticed),
	    cmocka_unit_test(the_shipped_file_is_read_once_an_account_is_added),
	};
	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
