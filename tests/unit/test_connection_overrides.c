/* connection_overrides: the settings in a fragment, and those that do not suit the receiver. */
#include "testing.h"

#include "dlrd/twilio/connection_overrides.h"

static struct connection_overrides overrides;
static struct url_findings findings;

static void
read_fragment(const char *fragment)
{
	findings.count = 0;
	connection_overrides_read(slice_of(fragment), &overrides, &findings);
}

static void
assert_only(const char *fragment, enum url_finding_kind kind, const char *part)
{
	read_fragment(fragment);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, kind);
	assert_contains(slice_of(findings.items[0].text), part);
}

static void
without_a_fragment_twilios_defaults_hold(void **state)
{
	(void)state;
	read_fragment(NULL);
	assert_int_equal(findings.count, 0);
	assert_int_equal(overrides.values[OVERRIDE_CT], 5000);
	assert_int_equal(overrides.values[OVERRIDE_RT], 15000);
	assert_int_equal(overrides.values[OVERRIDE_TT], 15000);
	assert_int_equal(overrides.values[OVERRIDE_RC], 1);
	assert_int_equal(overrides.values[OVERRIDE_RP], RETRY_CT);
	assert_int_equal(overrides.values[OVERRIDE_SNI], 1);
	assert_false(overrides.given[OVERRIDE_RC]);
}

static void
what_is_advised_has_nothing_against_it(void **state)
{
	(void)state;
	read_fragment(CONNECTION_OVERRIDES_ADVISED);
	connection_overrides_judge(&overrides, 10000, &findings);
	assert_int_equal(findings.count, 0);
	assert_int_equal(overrides.values[OVERRIDE_RC], 3);
	assert_int_equal(overrides.values[OVERRIDE_RP], RETRY_CT | RETRY_RT | RETRY_5XX);
	assert_true(overrides.given[OVERRIDE_RP]);
	assert_false(overrides.given[OVERRIDE_TT]);
}

static void
the_bounds_of_each_key_are_twilios(void **state)
{
	(void)state;
	static const char *const good[] = {"ct=100", "ct=10000", "rt=100", "rt=15000", "tt=100",
	    "tt=15000", "rc=0", "rc=5", "rp=4xx", "rp=all", "sni=n", "e=sao-paulo,tokyo"};
	static const char *const bad[] = {"ct=99", "ct=10001", "rt=99", "rt=15001", "tt=15001",
	    "rc=6", "rc=-1", "rc=", "rc", "rp=", "rp=ct,,rt", "rp=ct%2Crt", "rp=CT", "sni=yes",
	    "e=us1", "e="};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		read_fragment(good[i]);
		assert_int_equal(findings.count, 0);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_only(bad[i], URL_OVERRIDE_INVALID, "write");
	assert_int_equal(overrides.values[OVERRIDE_SNI], 1);
}

static void
what_is_not_well_formed_is_named(void **state)
{
	(void)state;
	assert_only("rp=ct,6xx", URL_OVERRIDE_INVALID, "11243");
	assert_only("e=moon", URL_OVERRIDE_INVALID, "11240");
	assert_only("e=moon-ix", URL_OVERRIDE_INVALID, "11241");
	assert_only("RC=3", URL_OVERRIDE_UNKNOWN, "RC=3");
	assert_only("rc=3&&rp=5xx", URL_OVERRIDE_UNKNOWN, "#");
}

static void
assert_judged(const char *fragment, int64_t commit_timeout_ms, enum url_finding_kind kind)
{
	read_fragment(fragment);
	assert_int_equal(findings.count, 0);
	connection_overrides_judge(&overrides, commit_timeout_ms, &findings);
	bool found = false;
	for (size_t i = 0; i < findings.count; i++)
		found |= findings.items[i].kind == kind;
	if (!found)
		print_error("#%s: no %s\n", fragment, url_finding_name(kind));
	assert_true(found);
	assert_false(url_findings_have_problem(&findings));
}

static void
what_does_not_suit_the_receiver_is_a_warning(void **state)
{
	(void)state;
	assert_judged("", 10000, URL_NOT_RETRIED);
	assert_judged("rc=0&rp=all", 10000, URL_NOT_RETRIED);
	assert_judged("rc=3&rp=ct,rt", 10000, URL_NOT_RETRIED);
	assert_judged("rp=5xx&rt=9999", 10000, URL_GIVES_UP_EARLY);
	assert_judged("rp=5xx&tt=9999", 10000, URL_GIVES_UP_EARLY);
	assert_judged("rp=5xx", 20000, URL_GIVES_UP_EARLY);
}

static void
each_key_is_reported_in_words(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	read_fragment("rc=3&rp=ct,rt,5xx&ct=2000&rt=4000&tt=12000&sni=n&e=dublin");
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++) {
		connection_overrides_explain(&overrides, (enum override_key)key, &text);
		buffer_append_byte(&text, '\n');
	}
	struct slice explained = buffer_slice(&text);
	assert_contains(explained, "2000 ms for a connection");
	assert_contains(explained, "3 more times");
	assert_contains(explained, "12000 ms");
	assert_contains(explained, "an answer 5xx, no connection within ct, no answer within rt\n");
	assert_contains(explained, "no host");
	assert_contains(explained, "dublin");
	buffer_clear(&text);
	read_fragment("rc=1&rp=rt");
	connection_overrides_explain(&overrides, OVERRIDE_RP, &text);
	assert_contains(buffer_slice(&text), "leaves no time within tt");
	buffer_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_fragment_twilios_defaults_hold),
	    cmocka_unit_test(what_is_advised_has_nothing_against_it),
	    cmocka_unit_test(the_bounds_of_each_key_are_twilios),
	    cmocka_unit_test(what_is_not_well_formed_is_named),
	    cmocka_unit_test(what_does_not_suit_the_receiver_is_a_warning),
	    cmocka_unit_test(each_key_is_reported_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
