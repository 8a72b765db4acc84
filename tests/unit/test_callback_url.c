/* callback_url: URLs that Twilio does not call, or whose signature does not verify. */
#include "testing.h"

#include "dlrd/twilio/callback_url.h"

static struct url_findings findings;

static void
lint(struct slice text)
{
	struct callback_url url;
	findings.count = 0;
	assert_ok(callback_url_read(text, &url));
	callback_url_lint(&url, &findings);
}

static void
assert_finds(const char *text, enum url_finding_kind kind, const char *part)
{
	lint(slice_of(text));
	for (size_t i = 0; i < findings.count; i++)
		if (findings.items[i].kind == kind) {
			assert_contains(slice_of(findings.items[i].text), part);
			return;
		}
	print_error("%s: no %s\n", text, url_finding_name(kind));
	assert_true(false);
}

/* The one thing that is wrong. */
static void
assert_finds_only(const char *text, enum url_finding_kind kind, const char *part)
{
	assert_finds(text, kind, part);
	if (findings.count != 1)
		print_error("%s: %zu findings\n", text, findings.count);
	assert_int_equal(findings.count, 1);
}

static void
plain_urls_have_nothing_against_them(void **state)
{
	(void)state;
	static const char *const good[] = {"https://callbacks.example.com/sms/twilio",
	    "https://a.example:8443/sms/twilio?account=A-1&meta=0.1.2.x_y~z.-1#rc=3&rp=5xx",
	    "https://203.0.113.7/x", "https://a.example/x?",
	    "https://a.example/x?a&b=", "https://172.32.0.1/x", "https://100.128.0.1/x",
	    "https://local.example/x"};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		lint(slice_of(good[i]));
		for (size_t k = 0; k < findings.count; k++)
			print_error("%s: %s\n", good[i], findings.items[k].text);
		assert_int_equal(findings.count, 0);
	}
}

static void
a_url_is_taken_apart_to_its_fragment(void **state)
{
	(void)state;
	struct callback_url url;
	assert_ok(callback_url_read(SLICE("https://u:p@a.b:1/x?y=1#rc=3"), &url));
	assert_slice(url.authority, "u:p@a.b:1");
	assert_slice(url.parts.host, "a.b");
	assert_slice(url.target, "/x?y=1");
	assert_slice(url.query, "y=1");
	assert_slice(url.fragment, "rc=3");
	assert_ok(callback_url_read(SLICE("https://a.b"), &url));
	assert_slice(url.query, NULL);
	assert_slice(url.fragment, NULL);
	assert_int_equal(callback_url_read(SLICE("a.b/x"), &url), RESULT_INVALID);
	assert_int_equal(callback_url_read(SLICE(""), &url), RESULT_INVALID);
}

static void
hosts_that_twilio_does_not_call_are_problems(void **state)
{
	(void)state;
	assert_finds_only("https://call_backs.example.com/x", URL_HOST_CHARACTER, "hyphen");
	assert_finds_only("https://b\xc3\xbc.example/x", URL_HOST_CHARACTER, "xn--");
	static const char *const hidden[] = {"https://localhost/x", "https://a.localhost/x",
	    "https://box.local/x", "https://intranet/x", "https://127.0.0.1/x",
	    "https://10.1.2.3/x", "https://172.31.0.1/x", "https://192.168.1.1/x",
	    "https://100.64.0.1/x", "https://169.254.1.1/x", "https://0.0.0.0/x", "https://[::1]/x",
	    "https://[fe80::1]/x", "https://[fd00::1]/x"};
	for (size_t i = 0; i < COUNT_OF(hidden); i++)
		assert_finds_only(hidden[i], URL_HOST_NOT_PUBLIC, "public name");
}

static void
origins_that_are_spelled_otherwise_are_warned_of(void **state)
{
	(void)state;
	assert_finds_only("http://a.example/x", URL_SCHEME_HTTP, "https");
	assert_finds_only("https://A.example/x", URL_HOST_CASE, "A.example");
	assert_finds_only("https://a.example:443/x", URL_STANDARD_PORT, ":443");
	assert_finds("http://a.example:80/x", URL_STANDARD_PORT, ":80");
	assert_finds_only("https://u:p@a.example/x", URL_USERINFO, "remove it");
}

static void
paths_that_are_rewritten_are_warned_of(void **state)
{
	(void)state;
	assert_finds_only("https://a.example/x//y", URL_PATH_CHARACTER, "double");
	assert_finds_only("https://a.example/x/../y", URL_PATH_CHARACTER, "dots");
	assert_finds("https://a.example/x/%2E%2e/y", URL_PATH_CHARACTER, "dots");
	assert_finds_only("https://a.example/x;y", URL_PATH_CHARACTER, "byte for byte");
	assert_finds_only("https://a.example/x%20y", URL_PATH_CHARACTER, "byte for byte");
}

static void
spellings_of_the_query_are_named(void **state)
{
	(void)state;
	assert_finds_only("https://a.example/x?a='&b=@:@", URL_QUERY_CHARACTER, "' @ :");
	assert_finds_only("https://a.example/x?a=b+c", URL_QUERY_CHARACTER, "space");
	assert_finds_only("https://a.example/x?a=b=c", URL_QUERY_CHARACTER, "=");
	assert_finds_only(
	    "https://a.example/x?a=%20%C3%A4%20", URL_QUERY_CHARACTER, "%20 %C3 %A4:");
}

static void
what_no_url_may_hold_is_a_problem(void **state)
{
	(void)state;
	assert_finds_only("https://a.example/x?a=b c", URL_CHARACTER, "space");
	assert_finds_only("https://a.example/x?a=\"<>", URL_CHARACTER, "\" < >");
	assert_finds_only("https://a.example/x?a=\xc3\xbc", URL_CHARACTER, "21609");
	assert_finds_only("https://a.example/x?a=\n", URL_CHARACTER, "21609");
	assert_finds_only("https://a.example/x?a=%zz", URL_CHARACTER, "%25");
	assert_finds_only("https://a.example/x?a=%", URL_CHARACTER, "% (");
	assert_finds_only("https://a.example/x?a={meta.3}", URL_PLACEHOLDER, "{meta.3}");
}

static void
parameters_are_looked_at(void **state)
{
	(void)state;
	assert_finds_only("https://a.example/x?meta=1&account=2", URL_QUERY_ORDER, "account");
	assert_finds_only("https://a.example/x?a=1&a=2", URL_PARAMETER_REPEATED, "\"a\"");
	assert_finds_only("https://a.example/x?bodySHA256=1", URL_BODY_HASH, "remove it");
}

static void
a_url_has_up_to_4000_characters(void **state)
{
	(void)state;
	static const char start[] = "https://a.example/x?a=";
	char text[CALLBACK_URL_MAX + 1];
	memset(text, 'b', sizeof text);
	memcpy(text, start, sizeof start - 1);
	lint((struct slice){text, CALLBACK_URL_MAX});
	assert_int_equal(findings.count, 0);
	lint((struct slice){text, CALLBACK_URL_MAX + 1});
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, URL_LENGTH);
	assert_true(url_findings_have_problem(&findings));
}

static void
any_bytes_are_looked_at(void **state)
{
	(void)state;
	static const char pieces[] = "/?&=#%2e.{}'\xc3\xa4\n aA+@:;";
	char text[256] = "https://a.example/";
	for (int turn = 0; turn < 20000; turn++) {
		size_t len = strlen("https://a.example/");
		for (unsigned count = random_below(200); count > 0; count--)
			text[len++] = pieces[random_below(sizeof pieces)];
		lint((struct slice){text, len});
	}
}

static void
escaping_leaves_plain_characters(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	callback_url_escape(SLICE("aZ9-._~ \xc3\xa4&="), &out);
	assert_slice(buffer_slice(&out), "aZ9-._~%20%C3%A4%26%3D");
	buffer_done(&out);
}

static void
each_kind_of_finding_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int kind = 0; kind < URL_FINDING_KIND_COUNT; kind++) {
		const char *name = url_finding_name((enum url_finding_kind)kind);
		assert_non_null(name);
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(
			    name, url_finding_name((enum url_finding_kind)other));
	}
}

static void
a_flood_of_one_kind_hides_no_other(void **state)
{
	(void)state;
	findings.count = 0;
	for (int i = 0; i < URL_FINDINGS_MAX + 2; i++)
		url_findings_add(&findings, URL_USERINFO, "%d", i);
	assert_int_equal(findings.count, URL_FINDINGS_OF_A_KIND);
	assert_false(url_findings_have_problem(&findings));
	url_findings_add(&findings, URL_NO_ROUTE, "none");
	assert_int_equal(findings.items[findings.count - 1].kind, URL_NO_ROUTE);
	assert_true(url_findings_have_problem(&findings));
	for (int kind = 0; kind < URL_FINDING_KIND_COUNT; kind++)
		for (int i = 0; i < URL_FINDINGS_OF_A_KIND; i++)
			url_findings_add(&findings, (enum url_finding_kind)kind, "%d", i);
	assert_int_equal(findings.count, URL_FINDINGS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_urls_have_nothing_against_them),
	    cmocka_unit_test(a_url_is_taken_apart_to_its_fragment),
	    cmocka_unit_test(hosts_that_twilio_does_not_call_are_problems),
	    cmocka_unit_test(origins_that_are_spelled_otherwise_are_warned_of),
	    cmocka_unit_test(paths_that_are_rewritten_are_warned_of),
	    cmocka_unit_test(spellings_of_the_query_are_named),
	    cmocka_unit_test(what_no_url_may_hold_is_a_problem),
	    cmocka_unit_test(parameters_are_looked_at),
	    cmocka_unit_test(a_url_has_up_to_4000_characters),
	    cmocka_unit_test(any_bytes_are_looked_at),
	    cmocka_unit_test(escaping_leaves_plain_characters),
	    cmocka_unit_test(each_kind_of_finding_has_a_name_of_its_own),
	    cmocka_unit_test(a_flood_of_one_kind_hides_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
