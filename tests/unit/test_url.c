/* url: the public URL, and the spellings of it that Twilio may have signed. */
#include "testing.h"

#include "dlrd/twilio/url.h"

static void
assert_spellings(const char *text, const char *first, const char *second)
{
	struct url_base base;
	assert_ok(url_base_init(&base, slice_of(text), NULL));
	assert_string_equal(base.spelling[0], first);
	assert_string_equal(base.spelling[1], second);
	url_base_done(&base);
	assert_null(base.spelling[0]);
}

static void
without_a_port_the_standard_one_is_tried_too(void **state)
{
	(void)state;
	assert_spellings("https://example.com", "https://example.com", "https://example.com:443");
	assert_spellings("http://example.com", "http://example.com", "http://example.com:80");
}

static void
with_a_port_none_is_tried_too(void **state)
{
	(void)state;
	assert_spellings("https://a.b:8443", "https://a.b:8443", "https://a.b");
	assert_spellings("https://a.b:443", "https://a.b:443", "https://a.b");
	assert_spellings("http://a.b:443/x", "http://a.b:443/x", "http://a.b/x");
}

static void
ipv6_hosts_keep_their_brackets(void **state)
{
	(void)state;
	assert_spellings(
	    "https://[2001:db8::1]", "https://[2001:db8::1]", "https://[2001:db8::1]:443");
	assert_spellings("https://[::1]:8443/p", "https://[::1]:8443/p", "https://[::1]/p");
}

static void
userinfo_and_fragment_are_cut_off(void **state)
{
	(void)state;
	assert_spellings("https://u:p@a.b:8443", "https://a.b:8443", "https://a.b");
	assert_spellings("https://u@a.b/x", "https://a.b/x", "https://a.b:443/x");
	assert_spellings("https://u:p@q@a.b", "https://a.b", "https://a.b:443");
	assert_spellings("https://a.b/x#rc=5&rp=all", "https://a.b/x", "https://a.b:443/x");
}

static void
paths_lose_their_closing_slash_only(void **state)
{
	(void)state;
	assert_spellings("https://a.b/", "https://a.b", "https://a.b:443");
	assert_spellings("https://a.b/x//", "https://a.b/x", "https://a.b:443/x");
	assert_spellings("https://a.b/x//y/", "https://a.b/x//y", "https://a.b:443/x//y");
}

static void
what_is_no_public_url_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "example.com", "ftp://a.b", "https:/a.b", "https://",
	    "https:///x", "https://:443", "https://a.b:", "https://a.b:0", "https://a.b:65536",
	    "https://a.b:x", "https://[::1", "https://[::1]x", "://a.b", "httpss://a.b",
	    "https://user@", "//a.b", " https://a.b", "https://a b", "https://a.b/\x1b[31m",
	    "https://a.b\n", "https://a.b/\x7f"};
	struct url_base base = {{NULL}};
	struct failure failure;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (url_base_init(&base, slice_of(bad[i]), &failure) != RESULT_INVALID)
			print_error("\"%s\" was read\n", bad[i]);
		assert_int_equal(url_base_init(&base, slice_of(bad[i]), &failure), RESULT_INVALID);
	}
	assert_null(base.spelling[0]);
}

static void
a_host_may_have_each_port(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "a.b", "a.b:1", "a.b:65535", "a_b%20", "[::1]", "[::ffff:192.0.2.1]:65535"};
	static const char *const bad[] = {"", ":1", "a.b:", "a.b:0", "a.b:65536", "a.b:x", "a.b/x",
	    "user@a.b", "a b", "[", "[]", "[::1", "[::1]x", "[::1]:", "[x]", "::1"};
	struct url_parts parts = {.secure = false};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(url_is_authority(slice_of(good[i])));
		assert_ok(url_read_authority(slice_of(good[i]), &parts));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (url_is_authority(slice_of(bad[i])))
			print_error("\"%s\" was read\n", bad[i]);
		assert_false(url_is_authority(slice_of(bad[i])));
	}
}

static void
a_public_url_with_a_query_is_refused(void **state)
{
	(void)state;
	struct url_base base;
	struct failure failure;
	assert_int_equal(
	    url_base_init(&base, SLICE("https://a.b/x?y=1"), &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "query");
	assert_int_equal(url_base_init(&base, SLICE("https://a.b?"), &failure), RESULT_INVALID);
}

static void
assert_split(const char *url, const char *base, const char *target)
{
	struct slice out_base, out_target;
	assert_ok(url_split(slice_of(url), &out_base, &out_target));
	assert_slice(out_base, base);
	assert_slice(out_target, target);
}

static void
a_whole_url_is_split_where_its_target_starts(void **state)
{
	(void)state;
	assert_split("https://a.b/x?y=1", "https://a.b", "/x?y=1");
	assert_split("https://a.b?y=/1", "https://a.b", "?y=/1");
	assert_split("https://a.b", "https://a.b", "");
	assert_split("https://u:p@[::1]:1/x@y", "https://u:p@[::1]:1", "/x@y");
	assert_split("https://a.b/x?y=1#rc=5&rp=all", "https://a.b", "/x?y=1");
	assert_split("https://a.b#/x", "https://a.b", "");
	struct slice base = SLICE("untouched"), target = SLICE("untouched");
	assert_int_equal(url_split(SLICE("/x?y=1"), &base, &target), RESULT_INVALID);
	assert_slice(base, "untouched");
	assert_slice(target, "untouched");
}

static void
a_target_has_a_path_and_perhaps_a_query(void **state)
{
	(void)state;
	assert_slice(url_path(SLICE("/a?b=c?d")), "/a");
	assert_slice(url_query(SLICE("/a?b=c?d")), "b=c?d");
	assert_slice(url_path(SLICE("/a")), "/a");
	assert_slice(url_query(SLICE("/a")), NULL);
	assert_slice(url_query(SLICE("/a?")), "");
	assert_slice(url_path(SLICE("")), "");
}

static void
a_url_is_taken_apart(void **state)
{
	(void)state;
	struct url_parts parts;
	assert_ok(url_read_parts(SLICE("https://u:p@[::1]:8443/hooks?x=1"), &parts));
	assert_true(parts.secure);
	assert_slice(parts.host, "[::1]");
	assert_slice(parts.port, "8443");
	assert_slice(parts.path, "/hooks");
	assert_ok(url_read_parts(SLICE("HTTP://a.b"), &parts));
	assert_false(parts.secure);
	assert_slice(parts.port, NULL);
	assert_slice(parts.path, "");
	assert_int_equal(url_read_parts(SLICE("ftp://a.b"), &parts), RESULT_INVALID);
	assert_int_equal(url_read_authority(SLICE("c.d:0"), &parts), RESULT_INVALID);
	assert_slice(parts.host, "a.b"); /* untouched */
	assert_ok(url_read_authority(SLICE("c.d:81"), &parts));
	assert_slice(parts.host, "c.d");
	assert_slice(parts.port, "81");
}

static void
a_base_is_derived_from_scheme_and_host(void **state)
{
	(void)state;
	struct url_base base;
	assert_ok(url_base_derive(&base, SLICE("https"), SLICE("a.b:8443")));
	assert_string_equal(base.spelling[0], "https://a.b:8443");
	url_base_done(&base);
	assert_int_equal(url_base_derive(&base, SLICE("gopher"), SLICE("a.b")), RESULT_INVALID);
	assert_int_equal(url_base_derive(&base, SLICE("http"), SLICE_NONE), RESULT_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_port_the_standard_one_is_tried_too),
	    cmocka_unit_test(with_a_port_none_is_tried_too),
	    cmocka_unit_test(ipv6_hosts_keep_their_brackets),
	    cmocka_unit_test(userinfo_and_fragment_are_cut_off),
	    cmocka_unit_test(paths_lose_their_closing_slash_only),
	    cmocka_unit_test(what_is_no_public_url_is_refused),
	    cmocka_unit_test(a_host_may_have_each_port),
	    cmocka_unit_test(a_public_url_with_a_query_is_refused),
	    cmocka_unit_test(a_whole_url_is_split_where_its_target_starts),
	    cmocka_unit_test(a_target_has_a_path_and_perhaps_a_query),
	    cmocka_unit_test(a_url_is_taken_apart),
	    cmocka_unit_test(a_base_is_derived_from_scheme_and_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
