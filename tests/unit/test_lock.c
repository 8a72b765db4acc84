/* lock: one daemon to a store. */
#include "testing.h"

#include "dlrd/daemon/lock.h"

static void
a_second_one_is_reported_who_holds_it(void **state)
{
	(void)state;
	char *directory = private_directory(), process[32];
	struct failure failure;
	struct lock first, second = LOCK_NONE;
	snprintf(process, sizeof process, "(process %ld)", (long)getpid());
	assert_ok(lock_acquire(directory, &first, &failure));
	assert_int_equal(lock_holder(directory), getpid());
	assert_int_equal(lock_acquire(directory, &second, &failure), RESULT_BUSY);
	assert_int_equal(second.directory_fd, -1);
	assert_contains(slice_of(failure.text), process);
	assert_contains(slice_of(failure.text), directory);
	lock_release(&first); /* as the kernel does for a process that was killed */
	assert_ok(lock_acquire(directory, &second, &failure));
	lock_release(&second);
	remove_directory(directory);
}

static void
removing_the_file_lets_no_second_one_in(void **state)
{
	(void)state;
	char *directory = private_directory(), path[4096];
	struct failure failure;
	struct lock first, second = LOCK_NONE;
	snprintf(path, sizeof path, "%s/dlrd.lock", directory);
	assert_ok(lock_acquire(directory, &first, &failure));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lock_acquire(directory, &second, &failure), RESULT_BUSY);
	lock_release(&first);
	remove_directory(directory);
}

static void
a_directory_that_is_not_there_is_named(void **state)
{
	(void)state;
	struct failure failure;
	struct lock lock = LOCK_NONE;
	assert_int_equal(lock_acquire("/nonexistent/dlrd", &lock, &failure), RESULT_IO);
	assert_contains(slice_of(failure.text), "/nonexistent/dlrd/dlrd.lock: No such file");
	assert_int_equal(lock.file_fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_one_is_reported_who_holds_it),
	    cmocka_unit_test(removing_the_file_lets_no_second_one_in),
	    cmocka_unit_test(a_directory_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
