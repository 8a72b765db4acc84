/* deltas: changes to the figures, summed up before they are written. */
#include "testing.h"

#include "store/deltas.h"

static void
a_row_is_zero_when_it_is_new_and_keeps_what_is_added(void **state)
{
	(void)state;
	struct deltas deltas = DELTAS_EMPTY;
	for (int64_t i = 0; i < 5000; i++) {
		struct figure_row *row = deltas_row(
		    &deltas, (enum figure_kind)(i % 3), i / 3 % 7, i % 3 == 2 ? i : 0, i / 21);
		assert_non_null(row);
		assert_true(delta_is_zero(row));
		row->figures[FIGURE_SENT] = i + 1;
	}
	assert_int_equal(deltas.count, 5000);
	for (int64_t i = 0; i < 5000; i++) {
		struct figure_row *row = deltas_row(
		    &deltas, (enum figure_kind)(i % 3), i / 3 % 7, i % 3 == 2 ? i : 0, i / 21);
		assert_int_equal(row->figures[FIGURE_SENT], i + 1);
	}
	assert_int_equal(deltas.count, 5000);
	deltas_clear(&deltas);
	assert_int_equal(deltas.count, 0);
	assert_true(delta_is_zero(deltas_row(&deltas, FIGURES_OF_CAMPAIGN, 0, 0, 0)));
	deltas_done(&deltas);
}

static void
clearing_forgets_every_row_of_a_small_table(void **state)
{
	(void)state;
	struct deltas deltas = DELTAS_EMPTY;
	deltas_clear(&deltas);
	deltas_row(&deltas, FIGURES_OF_ERROR, 1, 2, 3)->figures[FIGURE_FAILED] = 9;
	deltas_clear(&deltas);
	assert_true(delta_is_zero(deltas_row(&deltas, FIGURES_OF_ERROR, 1, 2, 3)));
	deltas_done(&deltas);
}

static void
what_is_added_and_taken_away_is_zero(void **state)
{
	(void)state;
	struct deltas deltas = DELTAS_EMPTY;
	struct rollup rollup = {.items = {{FIGURE_MESSAGES, 1, 5}, {FIGURE_FAILED, 1, 6}},
	    .count = 2,
	    .failed = true,
	    .error_code = -1,
	    .error_hour = 6,
	    .delay_ms = 1500};
	assert_ok(deltas_add(&deltas, &rollup, 1, 10, 20));
	assert_int_equal(deltas.count, 6); /* two hours of each, an error, and a delay */
	assert_int_equal(
	    deltas_row(&deltas, FIGURES_OF_CAMPAIGN, 10, 0, 5)->figures[FIGURE_MESSAGES], 1);
	assert_int_equal(
	    deltas_row(&deltas, FIGURES_OF_PROVIDER, 20, 0, 6)->figures[FIGURE_FAILED], 1);
	assert_int_equal(
	    deltas_row(&deltas, FIGURES_OF_ERROR, 10, -1, 6)->figures[FIGURE_FAILED], 1);
	assert_int_equal(
	    deltas_row(&deltas, FIGURES_OF_DELAY, 10, 1500, 0)->figures[FIGURE_DELIVERED], 1);
	assert_ok(deltas_add(&deltas, &rollup, -1, 10, 20));
	assert_int_equal(deltas.count, 6);
	for (size_t i = 0; i < deltas.capacity; i++)
		if (deltas.used[i])
			assert_true(delta_is_zero(&deltas.rows[i]));
	deltas_done(&deltas);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_is_zero_when_it_is_new_and_keeps_what_is_added),
	    cmocka_unit_test(clearing_forgets_every_row_of_a_small_table),
	    cmocka_unit_test(what_is_added_and_taken_away_is_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
