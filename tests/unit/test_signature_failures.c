/* signature_failures: refusals summed up, in a table that does not grow. */
#include "testing.h"

#include "dlrd/refused/signature_failures.h"

static struct signature_failures *failures;

static int
set_up(void **state)
{
	(void)state;
	return signature_failures_new(&failures) == RESULT_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	signature_failures_free(failures);
	return 0;
}

static void
note(const char *route, const char *advice, int64_t now_us)
{
	struct diagnosis diagnosis = {.cause = DIAGNOSIS_SCHEME,
	    .causes = DIAGNOSIS_BIT(DIAGNOSIS_SCHEME) | DIAGNOSIS_BIT(DIAGNOSIS_PORT),
	    .fits = true,
	    .url = "https://h/sms"};
	snprintf(diagnosis.advice, sizeof diagnosis.advice, "%s", advice);
	signature_failures_note(failures, slice_of(route), SLICE("AC1"), &diagnosis, now_us);
}

struct seen {
	size_t rows;
	uint64_t refusals;
	struct buffer routes;
	int64_t first_us, last_us; /* of the first row */
};

static void
see(void *context, const struct signature_failure *failure)
{
	struct seen *seen = context;
	if (seen->rows++ == 0) {
		seen->first_us = failure->first_us;
		seen->last_us = failure->last_us;
	}
	seen->refusals += failure->count;
	buffer_append(&seen->routes, failure->route);
	buffer_append_byte(&seen->routes, ' ');
	assert_slice(failure->causes, "scheme, port");
	assert_slice(failure->url, "https://h/sms");
	assert_slice(failure->account, "AC1");
	assert_true(failure->proven);
}

static struct seen
look(void)
{
	struct seen seen = {.rows = 0};
	signature_failures_each(failures, see, &seen);
	return seen;
}

static void
nothing_refused_is_an_empty_table(void **state)
{
	(void)state;
	assert_int_equal(look().rows, 0);
}

static void
refusals_that_say_the_same_are_one_row_the_latest_first(void **state)
{
	(void)state;
	note("/a", "do this", 1000);
	note("/b", "do this", 2000);
	note("/a", "do that", 3000);
	note("/a", "do this", 4000);
	struct seen seen = look();
	assert_int_equal(seen.rows, 3);
	assert_int_equal(seen.refusals, 4);
	assert_slice(buffer_slice(&seen.routes), "/a /a /b ");
	assert_true(seen.first_us == 1000 && seen.last_us == 4000);
	buffer_done(&seen.routes);
}

static void
a_full_table_loses_what_was_quiet_for_longest(void **state)
{
	(void)state;
	char route[32];
	for (int i = 0; i < SIGNATURE_FAILURES_MAX + 10; i++) {
		snprintf(route, sizeof route, "/%d", i);
		note(route, "x", i + 1);
		note("/kept", "x", i + 1);
	}
	struct seen seen = look();
	assert_int_equal(seen.rows, SIGNATURE_FAILURES_MAX);
	assert_contains(buffer_slice(&seen.routes), "/kept ");
	assert_contains(buffer_slice(&seen.routes), "/73 ");
	assert_lacks(buffer_slice(&seen.routes), "/0 ");
	buffer_done(&seen.routes);
}

static void
a_route_of_any_bytes_is_shown_visibly(void **state)
{
	(void)state;
	note("/x\n\x1b[2J", "x", 1);
	struct seen seen = look();
	assert_slice(buffer_slice(&seen.routes), "/x\\x0a\\x1b[2J ");
	buffer_done(&seen.routes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_refused_is_an_empty_table, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		refusals_that_say_the_same_are_one_row_the_latest_first, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_full_table_loses_what_was_quiet_for_longest, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_route_of_any_bytes_is_shown_visibly, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
