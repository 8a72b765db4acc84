/* descriptors: databases and the api get their share under any limit. */
#include "testing.h"

#include "daemon/descriptors.h"

static const struct descriptors_wanted wanted = {.intake_listeners = 2,
    .api_listeners = 2,
    .intake_connections = 2048,
    .api_connections = 120,
    .api_connections_min = 32,
    .api_threads = 4};

/* What the rest needs, at least: databases with their logs, and readers. */
#define REST 64

static size_t
in_use(const struct descriptors *plan)
{
	return wanted.intake_listeners * plan->intake_connections +
	       wanted.api_listeners * plan->api_connections;
}

static void
with_enough_descriptors_all_is_as_wanted(void **state)
{
	(void)state;
	struct descriptors plan;
	struct failure failure;
	assert_ok(descriptors_plan(&wanted, SIZE_MAX, &plan, &failure));
	assert_int_equal(plan.intake_connections, 2048);
	assert_int_equal(plan.api_connections, 120);
	assert_ok(descriptors_plan(&wanted, plan.needed, &plan, &failure));
	assert_int_equal(plan.intake_connections, 2048);
	assert_int_equal(plan.api_connections, 120);
}

static void
with_fewer_the_connections_fit_and_all_have_some(void **state)
{
	(void)state;
	struct descriptors plan, all;
	struct failure failure;
	assert_ok(descriptors_plan(&wanted, SIZE_MAX, &all, &failure));
	size_t planned = 0;
	for (size_t limit = 0; limit < all.needed; limit++) {
		enum result result = descriptors_plan(&wanted, limit, &plan, &failure);
		if (result == RESULT_LIMIT) {
			assert_int_equal(planned, 0); /* below the least limit alone */
			continue;
		}
		assert_ok(result);
		planned++;
		assert_true(in_use(&plan) + REST <= limit);
		assert_in_range(plan.intake_connections, 1, 2048);
		assert_in_range(plan.api_connections, 32, 120);
		assert_true(plan.intake_connections < 2048 || plan.api_connections < 120);
	}
	assert_true(planned > 1000);
}

static void
too_few_are_refused_with_how_many_it_takes(void **state)
{
	(void)state;
	struct descriptors plan;
	struct failure failure;
	assert_int_equal(descriptors_plan(&wanted, 64, &plan, &failure), RESULT_LIMIT);
	assert_contains(slice_of(failure.text), "64 file descriptors are too few");
	assert_contains(slice_of(failure.text), "LimitNOFILE=");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(with_enough_descriptors_all_is_as_wanted),
	    cmocka_unit_test(with_fewer_the_connections_fit_and_all_have_some),
	    cmocka_unit_test(too_few_are_refused_with_how_many_it_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
