/* event_stream: each new event once, in the form of server-sent events. */
#include "testing.h"
#include "windows.h"

#include "api/event_stream.h"
#include "dlrd/base/clock.h"
#include "dlrd/store/store.h"

#define T0 (INT64_C(1795183200) * CLOCK_SECOND_US) /* 2026-11-20T14:00:00Z */

static char *directory;
static struct store *store;
static struct store_reader *reader;
static int messages;

static int
set_up(void **state)
{
	(void)state;
	struct failure failure;
	directory = private_directory();
	const char *path = path_in(directory, STORE_FILE);
	const struct store_options options = {
	    .path = path, .reply_window_us = REPLY_WINDOW_US, .reply_late_us = REPLY_LATE_US};
	assert_ok(store_open(&options, &store, &failure));
	assert_ok(store_reader_open(path, &reader, &failure));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_reader_close(reader);
	store_close(store);
	remove_directory(directory);
	return 0;
}

static void
add(int count, const char *campaign, enum message_status status)
{
	assert_ok(store_begin(store));
	for (int i = 0; i < count; i++) {
		struct store_added added;
		char sid[32];
		int len = snprintf(sid, sizeof sid, "SM%d", ++messages);
		const struct event event = {.journal_seq = 1,
		    .time_us = T0,
		    .type = event_type_of_status(status),
		    .status = status,
		    .status_text = status_name(status),
		    .error_code = -1,
		    .workspace = SLICE("w"),
		    .campaign = slice_of(campaign),
		    .variant = SLICE("v"),
		    .tags_fit = true,
		    .folds = true,
		    .message = {sid, (size_t)len}};
		assert_ok(store_add(store, &event, &added));
	}
	assert_ok(store_commit(store, 1));
}

static uint64_t
last_event(void)
{
	uint64_t last = 0;
	assert_ok(store_read_last_event(reader, &last));
	return last;
}

static struct event_stream *
open_stream(struct event_filter filter)
{
	struct event_stream *stream;
	assert_ok(event_stream_new(&filter, false, &stream));
	return stream;
}

/* Reads once; returns the number of events sent. */
static size_t
read_once(struct event_stream *stream, struct buffer *out)
{
	buffer_clear(out);
	assert_ok(event_stream_read(stream, reader, out));
	size_t count = 0;
	for (size_t i = 0; i + 4 <= out->len; i++)
		count +=
		    (i == 0 || out->ptr[i - 1] == '\n') && memcmp(out->ptr + i, "id: ", 4) == 0;
	return count;
}

static void
an_event_has_its_id_its_type_and_its_json(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct event_stream *stream = open_stream((struct event_filter){.after_seq = last_event()});
	assert_int_equal(read_once(stream, &out), 0);
	assert_int_equal(out.len, 0);
	add(1, "c", STATUS_DELIVERED);
	assert_int_equal(read_once(stream, &out), 1);
	assert_slice(buffer_slice(&out),
	    "id: 1\nevent: Delivered\ndata: {\"seq\":1,\"time\":\"2026-11-20T14:00:00.000Z\","
	    "\"type\":\"Delivered\",\"workspace\":\"w\",\"campaign\":\"c\",\"variant\":\"v\","
	    "\"account\":null,\"message\":\"SM1\",\"status\":\"delivered\",\"error_code\":null,"
	    "\"from\":null,\"to\":null,\"service\":null,\"body\":null,\"keyword\":null,"
	    "\"media_count\":null,\"media_types\":[],\"media_links\":[],\"from_city\":null,\"from_"
	    "state\":null,\"from_zip\":null,\"from_country\":null}\n\n");
	assert_int_equal(read_once(stream, &out), 0);
	event_stream_free(stream);
	buffer_done(&out);
}

static void
so_many_are_reported_at_a_time_and_each_once(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct event_stream *stream = open_stream((struct event_filter){.after_seq = last_event()});
	add(EVENT_STREAM_EVENTS_MAX * 2 + 1, "c", STATUS_SENT);
	assert_int_equal(read_once(stream, &out), EVENT_STREAM_EVENTS_MAX);
	assert_int_equal(read_once(stream, &out), EVENT_STREAM_EVENTS_MAX);
	add(1, "c", STATUS_SENT);
	assert_int_equal(read_once(stream, &out), 2);
	assert_int_equal(read_once(stream, &out), 0);
	event_stream_free(stream);
	buffer_done(&out);
}

static void
a_filter_is_kept_when_its_texts_are_gone(void **state)
{
	(void)state;
	char type[] = "Delivered", campaign[] = "mine";
	struct buffer out = BUFFER_EMPTY;
	struct event_stream *stream = open_stream((struct event_filter){.after_seq = last_event(),
	    .type = slice_of(type),
	    .campaign = slice_of(campaign),
	    .variant = SLICE("v")});
	memset(type, 'x', sizeof type - 1);
	memset(campaign, 'x', sizeof campaign - 1);
	add(3, "mine", STATUS_DELIVERED);
	add(3, "mine", STATUS_SENT);
	add(3, "other", STATUS_DELIVERED);
	assert_int_equal(read_once(stream, &out), 3);
	assert_int_equal(read_once(stream, &out), 0);
	event_stream_free(stream);
	stream =
	    open_stream((struct event_filter){.after_seq = last_event(), .campaign = SLICE("")});
	add(1, "mine", STATUS_SENT); /* no campaign is one, too, and not "any" */
	assert_int_equal(read_once(stream, &out), 0);
	event_stream_free(stream);
	buffer_done(&out);
}

static void
what_no_filter_passes_is_looked_at_in_stretches(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct event_stream *stream =
	    open_stream((struct event_filter){.after_seq = last_event(), .type = SLICE("Read")});
	add(120000, "c", STATUS_SENT);
	add(1, "c", STATUS_READ);
	assert_int_equal(read_once(stream, &out), 0);
	assert_slice(buffer_slice(&out), ": still here\n\n");
	assert_int_equal(read_once(stream, &out), 1);
	assert_int_equal(read_once(stream, &out), 0);
	assert_int_equal(out.len, 0);
	event_stream_free(stream);
	buffer_done(&out);
}

static void
a_place_beyond_the_end_waits_for_it(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	struct event_stream *stream =
	    open_stream((struct event_filter){.after_seq = last_event() + 1});
	add(1, "c", STATUS_SENT);
	assert_int_equal(read_once(stream, &out), 0);
	add(1, "c", STATUS_SENT);
	assert_int_equal(read_once(stream, &out), 1);
	event_stream_free(stream);
	event_stream_free(NULL);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_event_has_its_id_its_type_and_its_json),
	    cmocka_unit_test(so_many_are_reported_at_a_time_and_each_once),
	    cmocka_unit_test(a_filter_is_kept_when_its_texts_are_gone),
	    cmocka_unit_test(what_no_filter_passes_is_looked_at_in_stretches),
	    cmocka_unit_test(a_place_beyond_the_end_waits_for_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
