/* requests: configurations and rebuilds for the projector's thread. */
#include "testing.h"

#include "projector/requests.h"

#include <stdlib.h>

static const struct work_order rebuild_order = {.kind = WORK_REBUILD};

static int retired;

static void
count_retired(void *context)
{
	(void)context;
	retired++;
}

static void
configure(struct requests *requests)
{
	const struct projector_config config = {.on_retired = count_retired};
	struct projector_store_config store = {
	    .catalogue = calloc(1, sizeof(struct error_catalogue))};
	assert_non_null(store.catalogue);
	requests_configure(requests, &config, &store);
}

static void
a_rebuild_survives_a_configuration_that_could_not_be_applied(void **state)
{
	(void)state;
	struct requests requests;
	retired = 0;
	requests_init(&requests);

	configure(&requests);
	assert_true(requests_ask_work(&requests, &rebuild_order));
	struct pending_requests taken = requests_take(&requests, true);
	assert_true(taken.reconfigure && taken.work);
	configure(&requests); /* a newer one, while the older one fails */
	requests_put_back(&requests, &taken);
	assert_int_equal(retired, 1);

	taken = requests_take(&requests, true);
	assert_true(taken.reconfigure && taken.work);
	requests_put_back(&requests, &taken);
	taken = requests_take(&requests, true);
	assert_true(taken.reconfigure && taken.work);
	requests_put_back(&requests, &taken);
	requests_done(&requests);
	assert_int_equal(retired, 2);
}

static void
a_rebuild_requested_meanwhile_is_kept(void **state)
{
	(void)state;
	struct requests requests;
	requests_init(&requests);

	configure(&requests);
	struct pending_requests taken = requests_take(&requests, true);
	assert_false(taken.work);
	assert_true(requests_ask_work(&requests, &rebuild_order));
	assert_false(requests_ask_work(&requests, &rebuild_order));
	requests_put_back(&requests, &taken);

	taken = requests_take(&requests, true);
	assert_true(taken.reconfigure && taken.work);
	requests_put_back(&requests, &taken);
	requests_done(&requests);
}

static void
a_rebuild_waits_until_the_store_is_open(void **state)
{
	(void)state;
	struct requests requests;
	requests_init(&requests);

	assert_true(requests_ask_work(&requests, &rebuild_order));
	assert_false(requests_take(&requests, false).work);
	assert_true(requests_take(&requests, true).work);
	assert_false(requests_take(&requests, true).work);
	requests_done(&requests);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rebuild_survives_a_configuration_that_could_not_be_applied),
	    cmocka_unit_test(a_rebuild_requested_meanwhile_is_kept),
	    cmocka_unit_test(a_rebuild_waits_until_the_store_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
