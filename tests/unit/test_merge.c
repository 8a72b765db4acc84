/* merge: many ascending lists become one, whatever their lengths. */
#include "testing.h"

#include "dlrd/base/merge.h"

#include <stdlib.h>

#define LISTS 40
#define NUMBERS 3000

static int64_t numbers[LISTS][NUMBERS];
static size_t counts[LISTS];
static size_t reads_left;

static enum result
read_list(void *context, size_t list, int64_t after, size_t limit, int64_t *out_numbers,
    size_t *out_count)
{
	assert_ptr_equal(context, counts);
	assert_true(limit <= MERGE_PORTION_MAX);
	if (reads_left-- == 0)
		return RESULT_IO;
	*out_count = 0;
	for (size_t i = 0; i < counts[list] && *out_count < limit; i++)
		if (numbers[list][i] > after)
			out_numbers[(*out_count)++] = numbers[list][i];
	return RESULT_OK;
}

/* Fills lists with random steps; returns which numbers any of them has after `after`. */
static size_t
fill(int64_t after, bool *present, size_t size)
{
	size_t total = 0;
	memset(present, 0, size);
	for (size_t list = 0; list < LISTS; list++) {
		int64_t at = 0;
		counts[list] = random_below(4) == 0 ? 0 : random_below(NUMBERS);
		unsigned step = 1 + random_below(50);
		for (size_t i = 0; i < counts[list]; i++) {
			at += 1 + random_below(step);
			numbers[list][i] = at;
			if (at > after && !present[at]) {
				present[at] = true;
				total++;
			}
		}
	}
	return total;
}

static void
each_number_comes_once_and_in_order(void **state)
{
	(void)state;
	static bool present[NUMBERS * 52];
	for (int round = 0; round < 20; round++) {
		struct merge merge;
		int64_t after = round % 3 == 0 ? 0 : random_below(20000), last = after, number;
		size_t total = fill(after, present, sizeof present), seen = 0;
		bool has;
		reads_left = SIZE_MAX;
		assert_ok(merge_begin(&merge, LISTS, after, read_list, counts));
		while (merge_next(&merge, &number, &has) == RESULT_OK && has) {
			assert_true(number > last && present[number]);
			last = number;
			seen++;
		}
		assert_int_equal(seen, total);
		merge_done(&merge);
	}
}

static void
no_lists_have_no_numbers(void **state)
{
	(void)state;
	struct merge merge;
	int64_t number;
	bool has = true;
	assert_ok(merge_begin(&merge, 0, 5, read_list, counts));
	assert_ok(merge_next(&merge, &number, &has));
	assert_false(has);
	merge_done(&merge);
}

static void
a_list_that_cannot_be_read_ends_it(void **state)
{
	(void)state;
	static bool present[NUMBERS * 52];
	struct merge merge;
	int64_t number;
	bool has = true;
	fill(0, present, sizeof present);
	reads_left = LISTS / 2;
	assert_int_equal(merge_begin(&merge, LISTS, 0, read_list, counts), RESULT_IO);
	merge_done(&merge);

	enum result result = RESULT_OK;
	reads_left = LISTS + 3;
	assert_ok(merge_begin(&merge, LISTS, 0, read_list, counts));
	while (result == RESULT_OK && has)
		result = merge_next(&merge, &number, &has);
	assert_int_equal(result, RESULT_IO);
	merge_done(&merge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_number_comes_once_and_in_order),
	    cmocka_unit_test(no_lists_have_no_numbers),
	    cmocka_unit_test(a_list_that_cannot_be_read_ends_it)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
