/* projector: each entry of the journal is written to the store once. */
#include "campaigns.h"
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/engine/reader.h"
#include "dlrd/journal/journal.h"
#include "dlrd/projector/projector.h"

#include <stdatomic.h>
#include <time.h>

#define ENTRIES 20000 /* more than two batches */

static char *directory, journal_path[256], store_path[256];
static struct journal *journal;
static struct routes routes;
static _Atomic uint64_t synced;

static int
set_up(void **state)
{
	(void)state;
	struct failure failure;
	directory = private_directory();
	snprintf(journal_path, sizeof journal_path, "%s/%s", directory, JOURNAL_FILE);
	snprintf(store_path, sizeof store_path, "%s/%s", directory, STORE_FILE);
	struct journal_options options = {.path = journal_path};
	assert_ok(journal_new(&options, &journal, &failure));
	assert_ok(journal_reopen(journal, &failure));
	struct route *route = &routes.items[routes.count++];
	*route = (struct route){.path = strdup("/x"), .kind = ROUTE_AUTO};
	assert_ok(tags_template_init(&route->workspace, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE("{c}"), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE(""), NULL));
	synced = 0;
	log_set_level(LOG_ERROR);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	journal_close(journal);
	routes_done(&routes);
	remove_directory(directory);
	return 0;
}

/* For each entry, one `sent` receipt of a separate message. */
static void
append(size_t first, size_t count)
{
	for (size_t i = first; i < first + count;) {
		static char bodies[500][128];
		static struct journal_entry entries[500];
		struct journal_entry *list[500];
		size_t k = 0;
		for (; k < 500 && i < first + count; k++, i++) {
			snprintf(bodies[k], sizeof bodies[k],
			    "MessageSid=SM%032zu&MessageStatus=sent", i);
			entries[k] = (struct journal_entry){.received_us = clock_wall_us(),
			    .method = SLICE("POST"),
			    .route = SLICE("/x"),
			    .query = SLICE("c=spring"),
			    .media_type = SLICE("application/x-www-form-urlencoded"),
			    .body = slice_of(bodies[k]),
			    .account = SLICE("AC1")};
			list[k] = &entries[k];
		}
		assert_ok(journal_append(journal, list, k));
	}
}

static void
note_synced(void *context, uint64_t seq)
{
	(void)context;
	synced = seq;
}

struct run {
	struct metrics *metrics;
	struct projector *projector;
};

/* As the api's readers: asked to leave, they do not while one has a long question. */
static _Atomic bool asking, readers_out;

static bool
release_readers(void *context, bool release)
{
	(void)context;
	readers_out = release;
	return !release || !asking;
}

static struct run
start(void)
{
	struct run run;
	struct failure failure;
	run.metrics = metrics_new();
	struct projector_options options = {.journal_path = journal_path,
	    .store_path = store_path,
	    .log_max = UINT64_MAX,
	    .config = {.routes = &routes},
	    .metrics = run.metrics,
	    .on_synced = note_synced,
	    .release_readers = release_readers};
	assert_ok(projector_start(&options, &run.projector, &failure));
	return run;
}

static void
stop(struct run *run)
{
	projector_stop(run->projector);
	metrics_free(run->metrics);
}

static void
note_sent(void *context, const struct campaign_row *row)
{
	assert_slice(row->campaign, "spring");
	*(int64_t *)context += row->figures[FIGURE_SENT] + row->duplicates;
}

static int64_t
sent_in_store(uint64_t *out_cursor)
{
	struct store_reader *reader;
	struct failure failure;
	struct campaign_filter all = {.limit = 0};
	int64_t sent = 0;
	assert_ok(store_reader_open(store_path, &reader, &failure));
	assert_ok(read_campaigns(reader, &all, note_sent, &sent));
	assert_ok(store_read_cursor(reader, out_cursor));
	store_reader_close(reader);
	return sent;
}

static void
what_is_in_the_journal_is_projected_before_the_end(void **state)
{
	(void)state;
	uint64_t cursor;
	append(0, ENTRIES);
	struct run run = start();
	stop(&run);
	assert_int_equal(sent_in_store(&cursor), ENTRIES);
	assert_int_equal(cursor, ENTRIES);
	assert_int_equal(synced, ENTRIES); /* and may be trimmed */
	projector_stop(NULL);
}

static void
each_entry_counts_once_over_many_starts(void **state)
{
	(void)state;
	uint64_t cursor;
	for (size_t round = 0; round < 5; round++) {
		append(round * 100, 100);
		struct run run = start();
		stop(&run);
		assert_int_equal(sent_in_store(&cursor), (round + 1) * 100);
		assert_int_equal(cursor, (round + 1) * 100);
	}
}

static void
a_notice_wakes_it(void **state)
{
	(void)state;
	uint64_t cursor = 0;
	struct run run = start();
	while (!projector_has_tried(run.projector))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	append(0, 10);
	projector_notify(run.projector, 10);
	int64_t until_us = clock_monotonic_us() + 10 * CLOCK_SECOND_US;
	while (cursor < 10 && clock_monotonic_us() < until_us) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		sent_in_store(&cursor);
	}
	assert_int_equal(cursor, 10);
	stop(&run);
}

static const struct work_order rebuild_order = {.kind = WORK_REBUILD};

static struct work_result
await_rebuild(struct projector *projector)
{
	struct work_result rebuild;
	int64_t until_us = clock_monotonic_us() + 10 * CLOCK_SECOND_US;
	do {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		projector_read_work(projector, WORK_REBUILD, &rebuild);
	} while (rebuild.state == WORK_RUNNING && clock_monotonic_us() < until_us);
	return rebuild;
}

static void
a_rebuild_is_done_beside_the_daily_work(void **state)
{
	(void)state;
	uint64_t cursor;
	struct work_result rebuild;
	append(0, 100);
	struct run run = start();
	projector_read_work(run.projector, WORK_REBUILD, &rebuild);
	assert_int_equal(rebuild.state, WORK_NONE);
	assert_true(projector_ask_work(run.projector, &rebuild_order));
	append(100, 50);
	projector_notify(run.projector, 150);
	rebuild = await_rebuild(run.projector);
	assert_int_equal(rebuild.state, WORK_DONE);
	assert_int_equal(rebuild.counts[1], 0);
	assert_true(projector_ask_work(run.projector, &rebuild_order)); /* again */
	rebuild = await_rebuild(run.projector);
	assert_int_equal(rebuild.state, WORK_DONE);
	stop(&run);
	assert_int_equal(sent_in_store(&cursor), 150);
}

static void
count_retired(void *context)
{
	++*(_Atomic int *)context;
}

/* The last one counts, each is let go of once, and no entry is lost. */
static void
the_configuration_is_replaced_while_it_runs(void **state)
{
	(void)state;
	struct failure failure;
	struct run run = start();
	struct provider_names names = {NULL, 0};
	_Atomic int retired[3] = {0, 0, 0};
	for (int i = 0; i < 3; i++) {
		struct projector_config config = {
		    .routes = &routes, .context = &retired[i], .on_retired = count_retired};
		struct projector_store_config store = {
		    .catalogue = malloc(sizeof *store.catalogue), .providers = &names};
		assert_non_null(store.catalogue);
		assert_ok(error_catalogue_load(
		    TEST_SOURCE "/conf/error-codes.csv", store.catalogue, &failure));
		projector_configure(run.projector, &config, &store);
	}
	append(0, 10);
	projector_notify(run.projector, 10);
	stop(&run);
	uint64_t cursor;
	assert_int_equal(sent_in_store(&cursor), 10);
	for (int i = 0; i < 3; i++)
		assert_int_equal(retired[i], 1);
}

static struct projector *_Atomic opening;
static struct routes later_routes;

/* A reload while the store is being opened, which may take as long as a migration. */
static void
reload_when_opened(void *context, uint64_t cursor, uint64_t first, uint64_t last)
{
	(void)context, (void)cursor, (void)first, (void)last;
	struct projector_config config = {.routes = &later_routes};
	struct projector_store_config store = {.catalogue = NULL};
	while (opening == NULL)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	projector_configure(opening, &config, &store);
}

static void
note_campaign(void *context, const struct campaign_row *row)
{
	assert_slice(row->campaign, "summer");
	*(int64_t *)context += row->figures[FIGURE_SENT];
}

static void
nothing_is_decoded_by_a_configuration_that_was_replaced(void **state)
{
	(void)state;
	struct failure failure;
	struct projector_options options = {.journal_path = journal_path,
	    .store_path = store_path,
	    .log_max = UINT64_MAX,
	    .config = {.routes = &routes},
	    .metrics = metrics_new(),
	    .on_synced = note_synced,
	    .on_opened = reload_when_opened};
	struct route *route = &later_routes.items[later_routes.count++];
	*route = (struct route){.path = strdup("/x"), .kind = ROUTE_AUTO};
	assert_ok(tags_template_init(&route->workspace, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE("summer"), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE(""), NULL));
	append(0, 100);
	struct projector *projector;
	assert_ok(projector_start(&options, &projector, &failure));
	opening = projector;
	while (!projector_has_tried(projector))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	projector_stop(projector);
	metrics_free(options.metrics);

	struct store_reader *reader;
	struct campaign_filter all = {.limit = 0};
	int64_t sent = 0;
	assert_ok(store_reader_open(store_path, &reader, &failure));
	assert_ok(read_campaigns(reader, &all, note_campaign, &sent));
	store_reader_close(reader);
	assert_int_equal(sent, 100);
	routes_done(&later_routes);
}

static void
a_journal_that_comes_later_is_projected(void **state)
{
	(void)state;
	uint64_t cursor;
	char *later = strdup(journal_path);
	char *aside = malloc(strlen(later) + sizeof ".aside");
	append(0, ENTRIES);
	sprintf(aside, "%s.aside", later);
	assert_int_equal(rename(later, aside), 0);
	struct run run = start();
	struct projector_counting counting = {.why = ""};
	for (int i = 0; i < 500 && counting.why[0] == '\0'; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		projector_read_counting(run.projector, &counting);
	}
	assert_int_not_equal(counting.not_counted_since_us, 0);
	assert_contains(slice_of(counting.why), "journal.db");
	assert_int_equal(rename(aside, later), 0);
	for (int i = 0; i < 500 && counting.not_counted_since_us != 0; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		projector_read_counting(run.projector, &counting);
	}
	stop(&run);
	assert_int_equal(sent_in_store(&cursor), ENTRIES);
	free(later);
	free(aside);
}

static bool
readers_become(bool out)
{
	for (int i = 0; i < 500 && readers_out != out; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return readers_out == out;
}

static void
readers_go_on_when_a_moved_store_is_put_back(void **state)
{
	(void)state;
	char aside[300];
	snprintf(aside, sizeof aside, "%s.aside", store_path);
	struct run run = start();
	for (int i = 0; i < 500 && !projector_has_tried(run.projector); i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	asking = true;
	assert_int_equal(rename(store_path, aside), 0);
	assert_true(readers_become(true));
	assert_int_equal(rename(aside, store_path), 0);
	assert_true(readers_become(false));
	asking = false;
	stop(&run);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(what_is_in_the_journal_is_projected_before_the_end),
	    EACH(each_entry_counts_once_over_many_starts),
	    EACH(a_notice_wakes_it),
	    EACH(a_rebuild_is_done_beside_the_daily_work),
	    EACH(the_configuration_is_replaced_while_it_runs),
	    EACH(nothing_is_decoded_by_a_configuration_that_was_replaced),
	    EACH(a_journal_that_comes_later_is_projected),
	    EACH(readers_go_on_when_a_moved_store_is_put_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
