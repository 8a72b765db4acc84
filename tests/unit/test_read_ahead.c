/* read_ahead: keeps whole entries, in order, and never more than its memory. */
#include "testing.h"

#include "dlrd/journal/journal.h"
#include "projector/read_ahead.h"

#define ENTRY_SIZE (1024u * 1024) /* several of these are more than it keeps */

static char *directory, path[256];
static struct journal *journal;
static struct journal_reader *reader;
static struct routes routes;
static struct decoder decoder;
static struct read_ahead ahead;

static int
set_up(void **state)
{
	(void)state;
	struct failure failure;
	directory = private_directory();
	snprintf(path, sizeof path, "%s/%s", directory, JOURNAL_FILE);
	struct journal_options options = {.path = path};
	assert_ok(journal_new(&options, &journal, &failure));
	assert_ok(journal_reopen(journal, &failure));
	assert_ok(journal_reader_open(path, &reader, &failure));
	struct route *route = &routes.items[routes.count++];
	*route = (struct route){.path = strdup("/x"), .kind = ROUTE_AUTO};
	assert_ok(tags_template_init(&route->workspace, SLICE(""), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE("{c}"), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE(""), NULL));
	decoder_init(&decoder, &routes, NULL, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	read_ahead_drop(&ahead);
	decoder_done(&decoder);
	journal_reader_close(reader);
	journal_close(journal);
	routes_done(&routes);
	remove_directory(directory);
	return 0;
}

static void
append(const char *media_type, const char *signature, struct slice body)
{
	struct journal_entry entry = {.received_us = 7000000,
	    .method = SLICE("POST"),
	    .route = SLICE("/x"),
	    .query = SLICE("c=spring"),
	    .media_type = slice_of(media_type),
	    .body = body,
	    .account = SLICE("AC1"),
	    .signature = slice_of(signature)};
	struct journal_entry *list[] = {&entry};
	assert_ok(journal_append(journal, list, 1));
}

static void
append_status(int number)
{
	char body[128], signature[32];
	snprintf(body, sizeof body, "MessageSid=SM%032d&MessageStatus=sent", number);
	snprintf(signature, sizeof signature, "signature %d", number);
	append("application/x-www-form-urlencoded", signature, slice_of(body));
}

/* Returns how many entries were read after after_seq, whose numbers must follow each other. */
static size_t
read_after(uint64_t after_seq, size_t max)
{
	size_t count = 0;
	read_ahead_start(&ahead, reader, &decoder, after_seq, max);
	read_ahead_finish(&ahead);
	const struct decoded_entry *entry = read_ahead_entries(&ahead, after_seq);
	for (; entry != NULL; entry = entry->next)
		assert_int_equal(entry->seq, after_seq + ++count);
	return count;
}

static void
entries_are_kept_as_they_were_decoded(void **state)
{
	(void)state;
	for (int number = 1; number <= 3; number++)
		append_status(number);
	append("application/json", "signature 4",
	    SLICE("[{\"specversion\":\"1.0\",\"type\":\"com.twilio.messaging.message.sent\",\"id\":"
		  "\"EZ1\",\"data\":{\"messageSid\":\"SM00000000000000000000000000000004\"}},"
		  "{\"specversion\":\"1.0\",\"type\":\"com.twilio.messaging.message.sent\",\"id\":"
		  "\"EZ2\",\"data\":{\"messageSid\":\"SM00000000000000000000000000000005\"}}]"));
	assert_int_equal(read_after(0, 10), 4);

	const struct decoded_entry *entry = read_ahead_entries(&ahead, 0);
	int number = 1;
	for (; entry != NULL; entry = entry->next) {
		char signature[32], message[40];
		snprintf(signature, sizeof signature, "signature %d", (int)entry->seq);
		assert_slice(entry->signature, signature);
		const struct decoded_event *decoded = entry->events;
		for (; decoded != NULL; decoded = decoded->next, number++) {
			snprintf(message, sizeof message, "SM%032d", number);
			assert_slice(decoded->event.message, message);
			assert_int_equal(decoded->event.journal_seq, entry->seq);
			assert_int_equal(decoded->event.type, EVENT_SENT);
			assert_slice(decoded->event.account, "AC1");
			if (number <= 3)
				assert_slice(decoded->event.campaign, "spring");
		}
	}
	assert_int_equal(number, 6);
}

static void
only_entries_after_the_number_that_was_read_from_are_returned(void **state)
{
	(void)state;
	for (int number = 1; number <= 5; number++)
		append_status(number);
	assert_null(read_ahead_entries(&ahead, 0)); /* nothing was read */
	assert_int_equal(read_after(2, 2), 2);
	assert_null(read_ahead_entries(&ahead, 0));
	assert_null(read_ahead_entries(&ahead, 3));
	assert_non_null(read_ahead_entries(&ahead, 2));
	read_ahead_drop(&ahead);
	assert_null(read_ahead_entries(&ahead, 2));
	assert_int_equal(read_after(5, 2), 0);
	assert_int_equal(read_after(0, 10), 5); /* nothing of an earlier run is left */
}

/* The raw body of a request without a meaning is kept. */
static void
large_entries_are_read_up_to_the_memory(void **state)
{
	(void)state;
	char *body = malloc(ENTRY_SIZE);
	assert_non_null(body);
	memset(body, 'x', ENTRY_SIZE);
	for (int number = 1; number <= 40; number++)
		append("text/plain", "signature", (struct slice){body, ENTRY_SIZE});
	free(body);

	size_t count = read_after(0, 40);
	assert_in_range(count, 4, 20);
	assert_true(ahead.arena.size < 24 * ENTRY_SIZE);
	assert_in_range(read_after(count, 40), 4, 20);
}

/* 64 bytes of JSON make an event of ten times that size. */
static void
an_entry_that_needs_more_than_the_memory_is_not_kept(void **state)
{
	(void)state;
	struct buffer body = BUFFER_EMPTY;
	for (int number = 0; number < 60000; number++)
		buffer_appendf(&body, "%c{\"specversion\":\"1.0\",\"type\":\"x\",\"id\":\"EZ%d\"}",
		    number == 0 ? '[' : ',', number);
	buffer_append_byte(&body, ']');
	append_status(1);
	append("application/json", "signature", buffer_slice(&body));
	append_status(3);
	buffer_done(&body);

	assert_int_equal(read_after(0, 10), 1);
	assert_int_equal(read_after(1, 10), 0);
	assert_true(ahead.arena.size < 24 * ENTRY_SIZE);
	assert_int_equal(read_after(2, 10), 1);
}

static void
entries_that_cannot_all_be_read_are_not_kept(void **state)
{
	(void)state;
	for (int number = 1; number <= 2000; number++)
		append_status(number);
	journal_reader_close(reader);
	journal_close(journal);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	char junk[4096];
	memset(junk, 0xff, sizeof junk);
	fseek(file, -(long)sizeof junk * 8, SEEK_END);
	for (int page = 0; page < 8; page++)
		assert_int_equal(fwrite(junk, 1, sizeof junk, file), sizeof junk);
	assert_int_equal(fclose(file), 0);

	struct failure failure;
	assert_ok(journal_reader_open(path, &reader, &failure));
	assert_int_equal(read_after(0, 2000), 0);
	assert_int_equal(read_after(0, 100), 100);
	struct journal_options options = {.path = path};
	assert_ok(journal_new(&options, &journal, &failure)); /* for tear_down */
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(entries_are_kept_as_they_were_decoded),
	    EACH(only_entries_after_the_number_that_was_read_from_are_returned),
	    EACH(large_entries_are_read_up_to_the_memory),
	    EACH(an_entry_that_needs_more_than_the_memory_is_not_kept),
	    EACH(entries_that_cannot_all_be_read_are_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
