/* writer: each write is returned once, and the successful ones are in the journal. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/journal/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define THREADS 6
#define WRITES 500 /* for each thread */

static struct {
	char *directory, *path;
	struct journal *journal;
	struct metrics *metrics;
	struct writer *writer;
	_Atomic size_t done, bad, healthy, unhealthy;
	_Atomic uint64_t committed;
	_Atomic unsigned char returned[THREADS * WRITES]; /* by the number in write->owner */
	_Atomic uint64_t seqs[THREADS * WRITES];
} at;

static void
note_done(void *context, struct journal_write *list)
{
	assert_ptr_equal(context, &at);
	while (list != NULL) {
		struct journal_write *next = list->next;
		size_t number = (size_t)(uintptr_t)list->owner;
		if (list->result != RESULT_OK)
			at.bad++;
		at.returned[number]++;
		at.seqs[number] = list->entry.seq;
		at.done++;
		free(list);
		list = next;
	}
}

static void
note_committed(void *context, uint64_t last_seq)
{
	(void)context;
	at.committed = last_seq;
}

static bool
release_readers(void *context, bool release)
{
	(void)context, (void)release;
	return true;
}

static void
note_lost(void *context, uint64_t first, uint64_t last)
{
	(void)context, (void)first, (void)last;
}

static void
note_trim(void *context, bool trimmed, const char *why)
{
	(void)context, (void)trimmed, (void)why;
}

static void
note_unreachable(void *context, const char *why)
{
	(void)context, (void)why;
}

static void
note_health(void *context, bool healthy, const char *why)
{
	(void)context;
	if (strlen(why) > 0)
		*(healthy ? &at.healthy : &at.unhealthy) += 1;
}

static int
start(void **state)
{
	(void)state;
	struct failure failure;
	memset(&at, 0, sizeof at);
	at.directory = private_directory();
	at.path = strdup(path_in(at.directory, JOURNAL_FILE));
	struct journal_options options = {.path = at.path};
	assert_ok(journal_new(&options, &at.journal, &failure));
	assert_ok(journal_reopen(at.journal, &failure));
	at.metrics = metrics_new();
	struct writer_options writer = {.journal = at.journal,
	    .metrics = at.metrics,
	    .keep_us = 0,
	    .keep_bytes = UINT64_MAX,
	    .context = &at,
	    .on_done = note_done,
	    .on_committed = note_committed,
	    .on_health = note_health,
	    .release_readers = release_readers,
	    .on_lost = note_lost,
	    .on_trim = note_trim,
	    .on_unreachable = note_unreachable};
	assert_ok(writer_start(&writer, &at.writer, &failure));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	writer_stop(at.writer);
	writer_free(at.writer);
	journal_close(at.journal);
	metrics_free(at.metrics);
	remove_directory(at.directory);
	free(at.path);
	return 0;
}

static void
stop_writer(void)
{
	writer_stop(at.writer);
	writer_free(at.writer);
	at.writer = NULL;
}

static struct journal_write *
write_of(size_t number)
{
	char body[32];
	snprintf(body, sizeof body, "number=%zu", number);
	struct journal_entry entry = {.received_us = (int64_t)number,
	    .method = SLICE("POST"),
	    .route = SLICE("/x"),
	    .body = slice_of(body),
	    .account = SLICE("AC1")};
	struct journal_write *write = journal_write_new(&entry);
	assert_non_null(write);
	write->owner = (void *)(uintptr_t)number;
	return write;
}

/* Waits until condition holds, at most ten seconds. */
#define WAIT_FOR(condition)                                                      \
	do {                                                                     \
		int64_t until_us = clock_monotonic_us() + 10 * CLOCK_SECOND_US;  \
		while (!(condition) && clock_monotonic_us() < until_us)          \
			nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); \
		assert_true(condition);                                          \
	} while (0)

static void
a_write_owns_its_bytes(void **state)
{
	(void)state;
	char body[] = "a\0b", signature[] = "s=";
	struct journal_entry entry = {.received_us = 7,
	    .method = SLICE("GET"),
	    .route = SLICE("/r"),
	    .query = SLICE("q"),
	    .media_type = SLICE(""),
	    .body = {body, 3},
	    .account = SLICE("AC1"),
	    .signature = slice_of(signature)};
	struct journal_write *write = journal_write_new(&entry);
	body[0] = signature[0] = 'x';
	assert_true(slice_equal(write->entry.body, SLICE("a\0b")));
	assert_slice(write->entry.method, "GET");
	assert_slice(write->entry.route, "/r");
	assert_slice(write->entry.query, "q");
	assert_slice(write->entry.media_type, "");
	assert_slice(write->entry.account, "AC1");
	assert_slice(write->entry.signature, "s=");
	assert_true(write->size >= sizeof *write + 3 + 3 + 2 + 1 + 3 + 2);
	free(write);
	entry.query = SLICE_NONE;
	write = journal_write_new(&entry);
	assert_null(write->entry.query.ptr); /* absent stays absent */
	free(write);
}

static void
a_write_comes_back_when_it_is_durable(void **state)
{
	(void)state;
	writer_submit(at.writer, NULL);
	writer_submit(at.writer, write_of(0));
	WAIT_FOR(at.done == 1 && at.committed == 1);
	assert_int_equal(at.bad, 0);
	assert_int_equal(at.seqs[0], 1);
	assert_true(writer_healthy(at.writer));
	assert_true(clock_monotonic_us() - writer_heartbeat_us(at.writer) < 10 * CLOCK_SECOND_US);
}

static void *
submit_many(void *context)
{
	size_t first = (size_t)(uintptr_t)context * WRITES;
	for (size_t i = 0; i < WRITES;) {
		struct journal_write *list = NULL;
		struct journal_write **end = &list;
		for (size_t k = 0; k <= i % 5 && i < WRITES; k++, i++) {
			*end = write_of(first + i);
			end = &(*end)->next;
		}
		writer_submit(at.writer, list);
	}
	return NULL;
}

struct found {
	size_t count;
	bool wrong;
};

static enum result
check_entry(void *context, const struct journal_entry *entry)
{
	struct found *found = context;
	int64_t number = -1;
	struct slice body = entry->body;
	slice_take(&body, '=');
	if (slice_to_int(body, &number) != RESULT_OK || number >= THREADS * WRITES ||
	    at.seqs[number] != entry->seq || entry->received_us != number)
		found->wrong = true;
	found->count++;
	return RESULT_OK;
}

static void
assert_all_in_journal(size_t count)
{
	struct journal_reader *reader;
	struct failure failure;
	struct found found = {0};
	assert_ok(journal_reader_open(at.path, &reader, &failure));
	assert_ok(journal_reader_read(reader, 0, 2 * count, check_entry, &found));
	journal_reader_close(reader);
	assert_int_equal(found.count, count);
	assert_false(found.wrong);
}

static void
writes_of_many_threads_come_back_exactly_once(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, submit_many, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	WAIT_FOR(at.done == THREADS * WRITES);
	stop_writer();
	assert_int_equal(at.done, THREADS * WRITES);
	assert_int_equal(at.bad, 0);
	assert_int_equal(at.committed, THREADS * WRITES);
	for (size_t i = 0; i < THREADS * WRITES; i++)
		assert_int_equal(at.returned[i], 1);
	for (size_t thread = 0; thread < THREADS; thread++) /* each thread's, in its order */
		for (size_t i = 1; i < WRITES; i++)
			assert_true(
			    at.seqs[thread * WRITES + i - 1] < at.seqs[thread * WRITES + i]);
	assert_all_in_journal(THREADS * WRITES);
}

static void
stopping_commits_what_is_queued(void **state)
{
	(void)state;
	for (size_t i = 0; i < 1000; i++)
		writer_submit(at.writer, write_of(i));
	stop_writer();
	assert_int_equal(at.done, 1000);
	assert_int_equal(at.bad, 0);
	assert_all_in_journal(1000);
}

static void
a_writer_without_work_stops_at_once(void **state)
{
	(void)state;
	int64_t start_us = clock_monotonic_us();
	stop_writer();
	writer_stop(NULL);
	writer_free(NULL);
	assert_true(clock_monotonic_us() - start_us < 5 * CLOCK_SECOND_US);
	assert_int_equal(at.done, 0);
}

static enum result
count_entry(void *context, const struct journal_entry *entry)
{
	(void)entry;
	++*(size_t *)context;
	return RESULT_OK;
}

static size_t
entries_left(void)
{
	struct journal_reader *reader;
	size_t count = 0;
	assert_ok(journal_reader_open(at.path, &reader, NULL));
	assert_ok(journal_reader_read(reader, 0, 10000, count_entry, &count));
	journal_reader_close(reader);
	return count;
}

static void
only_what_is_released_is_trimmed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 50; i++)
		writer_submit(at.writer, write_of(i));
	WAIT_FOR(at.done == 50);
	assert_int_equal(entries_left(), 50);
	writer_release(at.writer, 30);
	WAIT_FOR(entries_left() == 20);
	writer_release(at.writer, 50);
	WAIT_FOR(entries_left() == 1);
}

static void
a_journal_that_is_too_large_is_trimmed_whatever_its_age(void **state)
{
	(void)state;
	const int64_t for_ever = INT64_MAX / 2;
	writer_set_keep(at.writer, for_ever, UINT64_MAX);
	for (size_t i = 0; i < 50; i++)
		writer_submit(at.writer, write_of(i));
	WAIT_FOR(at.done == 50);
	writer_release(at.writer, 30);
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	assert_int_equal(entries_left(), 50);
	writer_set_keep(at.writer, for_ever, 1);
	WAIT_FOR(entries_left() == 20);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_write_owns_its_bytes),
	    EACH(a_write_comes_back_when_it_is_durable),
	    EACH(writes_of_many_threads_come_back_exactly_once),
	    EACH(stopping_commits_what_is_queued),
	    EACH(a_writer_without_work_stops_at_once),
	    EACH(only_what_is_released_is_trimmed),
	    EACH(a_journal_that_is_too_large_is_trimmed_whatever_its_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
