/* arena: memory for many small values that end together. */
#include "testing.h"

#include "dlrd/base/arena.h"

#include <stdalign.h>

/* Tests decide when memory runs out (the program is linked with --wrap). */
static volatile bool memory_is_out; /* volatile: link-time optimisation sees no reader */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_realloc(void *memory, size_t size);

void *
__wrap_malloc(size_t size)
{
	return memory_is_out ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return memory_is_out ? NULL : __real_realloc(memory, size);
}

static void
values_are_zero_aligned_and_apart(void **state)
{
	(void)state;
	struct arena arena = ARENA_EMPTY;
	unsigned char *values[2000];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT_OF(values); i++) {
			size_t size = 1 + i % 300;
			values[i] = arena_alloc(&arena, size);
			assert_non_null(values[i]);
			assert_int_equal((uintptr_t)values[i] % alignof(max_align_t), 0);
			for (size_t at = 0; at < size; at++)
				assert_int_equal(values[i][at], 0);
			memset(values[i], (int)(i % 251) + 1, size);
			arena_copy(&arena, SLICE("odd")); /* the next value is aligned again */
		}
		for (size_t i = 0; i < COUNT_OF(values); i++)
			for (size_t at = 0; at < 1 + i % 300; at++)
				assert_int_equal(values[i][at], i % 251 + 1);
		arena_clear(&arena);
	}
	arena_done(&arena);
}

static void
copies_have_the_same_bytes_and_absent_ones_stay_absent(void **state)
{
	(void)state;
	struct arena arena = ARENA_EMPTY;
	char text[] = "a\0b";
	struct slice copy = arena_copy(&arena, (struct slice){text, 3});
	text[0] = 'x';
	assert_true(slice_equal(copy, SLICE("a\0b")));
	assert_null(arena_copy(&arena, SLICE_NONE).ptr);
	assert_slice(arena_copy(&arena, SLICE("")), "");
	arena_done(&arena);
}

static void
a_value_of_any_size_fits_and_large_ones_are_not_kept(void **state)
{
	(void)state;
	struct arena arena = ARENA_EMPTY;
	static char large[1000000];
	memset(large, 'l', sizeof large);
	arena_copy(&arena, SLICE("before"));
	struct slice copy = arena_copy(&arena, (struct slice){large, sizeof large});
	struct slice after = arena_copy(&arena, SLICE("after"));
	assert_int_equal(memcmp(copy.ptr, large, sizeof large), 0);
	assert_slice(after, "after");
	assert_true(arena.size >= sizeof large);

	arena_clear(&arena);
	assert_int_equal(arena.size, 0);
	assert_slice(arena_copy(&arena, SLICE("again")), "again");
	assert_true(arena.size < sizeof large);
	arena_done(&arena);
}

static void
without_memory_copies_are_absent_until_it_is_cleared(void **state)
{
	(void)state;
	struct arena arena = ARENA_EMPTY;
	memory_is_out = true;
	assert_null(arena_copy(&arena, SLICE("text")).ptr);
	assert_null(arena_alloc(&arena, 8));
	memory_is_out = false;
	assert_true(arena.failed);
	arena_clear(&arena);
	assert_false(arena.failed);
	assert_slice(arena_copy(&arena, SLICE("text")), "text");
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_zero_aligned_and_apart),
	    cmocka_unit_test(copies_have_the_same_bytes_and_absent_ones_stay_absent),
	    cmocka_unit_test(a_value_of_any_size_fits_and_large_ones_are_not_kept),
	    cmocka_unit_test(without_memory_copies_are_absent_until_it_is_cleared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
