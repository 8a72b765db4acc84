/* wipe: wiped memory is clear. tests/integration/test_secrets.py searches the stacks of a running
 * daemon. */
#include "testing.h"

#include "dlrd/base/wipe.h"

static void
wiping_leaves_nothing(void **state)
{
	(void)state;
	char text[] = "secret", zeros[sizeof text] = {0};
	wipe(text, 0);
	assert_string_equal(text, "secret");
	wipe(text, sizeof text);
	assert_memory_equal(text, zeros, sizeof text);
}

static void
what_is_in_use_stays(void **state)
{
	(void)state;
	char text[] = "in use";
	wipe_stack();
	assert_string_equal(text, "in use");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wiping_leaves_nothing),
	    cmocka_unit_test(what_is_in_use_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
