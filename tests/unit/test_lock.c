/* lock: one daemon to a store. */
#include "testing.h"

#include "dlrd/daemon/lock.h"

static void
a_second_one_is_told_who_holds_it(void **state)
{
	(void)state;
	char *directory = private_directory(), process[32];
	struct failure failure;
	int first = -1, second = -1;
	snprintf(process, sizeof process, "(process %ld)", (long)getpid());
	assert_ok(lock_acquire(directory, &first, &failure));
	assert_int_equal(lock_acquire(directory, &second, &failure), RESULT_BUSY);
	assert_int_equal(second, -1);
	assert_contains(slice_of(failure.text), process);
	assert_contains(slice_of(failure.text), directory);
	close(first); /* as the kernel does for a process that was killed */
	assert_ok(lock_acquire(directory, &second, &failure));
	close(second);
	remove_directory(directory);
}

static void
a_directory_that_is_not_there_is_named(void **state)
{
	(void)state;
	struct failure failure;
	int fd = -1;
	assert_int_equal(lock_acquire("/nonexistent/dlrd", &fd, &failure), RESULT_IO);
	assert_contains(slice_of(failure.text), "/nonexistent/dlrd/dlrd.lock: No such file");
	assert_int_equal(fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_one_is_told_who_holds_it),
	    cmocka_unit_test(a_directory_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
