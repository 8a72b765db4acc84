/* store, streams: clicks, stream duplicates, and events that no message is folded from. */
#include "stores.h"

#define HOUR CLOCK_HOUR_US

static struct store_added
commit_one(struct store *store, struct event event)
{
	assert_ok(store_begin(store));
	struct store_added added = add(store, event);
	assert_ok(store_commit(store, store_cursor(store) + 1));
	return added;
}

static void
close_store(struct store *store)
{
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

/* --- clicks --- */

static void
a_click_counts_once_per_message_and_link(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt("SM1", "c", STATUS_SENT, T0));
	commit_one(store, receipt("SM2", "c", STATUS_SENT, T0));
	assert_false(commit_one(store, click_of("SM1", "https://a", "1", T0 + 1)).duplicate);
	assert_true(commit_one(store, click_of("SM1", "https://a", "1", T0 + 2)).duplicate);
	assert_figures("c", "2 2 0 0 0 2 0 0 1 1 0 0");
	assert_false(commit_one(store, click_of("SM1", "https://a", "2", T0 + 3)).duplicate);
	assert_figures("c", "2 2 0 0 0 2 0 0 1 1 0 0"); /* opened again */
	commit_one(store, click_of("SM1", "https://b", "2", T0 + 3));
	assert_figures("c", "2 2 0 0 0 2 0 0 2 1 0 0");
	commit_one(store, click_of("SM2", "https://a", "1", T0 + 3));
	close_store(store);
	assert_figures("c", "2 2 0 0 0 2 0 0 3 2 0 0");
}

static void
clicks_that_name_no_link_are_of_one(void **state)
{
	(void)state;
	struct store *store = open_store();
	assert_false(commit_one(store, click_of("SM1", NULL, "1", T0)).duplicate);
	assert_false(commit_one(store, click_of("SM1", NULL, "2", T0)).duplicate);
	assert_true(commit_one(store, click_of("SM1", NULL, "2", T0)).duplicate);
	assert_false(commit_one(store, click_of("SM1", "https://a", NULL, T0)).duplicate);
	assert_true(commit_one(store, click_of("SM1", "https://a", NULL, T0)).duplicate);
	close_store(store);
	assert_figures("", "1 0 0 0 0 0 0 0 2 1 0 0");
}

static void
a_click_may_come_before_the_receipts(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, click_of("SM1", "https://a", "1", T0));
	assert_int_equal(number_in_file("SELECT message.status = '' FROM message"), 1);
	assert_figures("", "1 0 0 0 0 0 0 0 1 1 0 0");
	commit_one(store, receipt("SM1", "c", STATUS_DELIVERED, T0 + 1));
	close_store(store);
	assert_figures("c", "1 1 1 0 0 0 0 0 1 1 0 0");
	assert_int_equal(number_in_file("SELECT count(*) FROM events WHERE campaign = 'c'"), 2);
}

static void
a_preview_is_kept_and_counts_nowhere(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event preview = click_of("SM1", "https://a", "1", T0);
	preview.type = EVENT_PROGRESS;
	preview.status_text = SLICE("preview");
	preview.folds = false;
	commit_one(store, receipt("SM1", "c", STATUS_SENT, T0));
	commit_one(store, preview);
	close_store(store);
	assert_figures("c", "1 1 0 0 0 1 0 0 0 0 0 0");
	assert_int_equal(number_in_file("SELECT count(*) FROM events WHERE message = 'SM1'"), 2);
}

static void
a_message_of_many_clicks_is_counted_right(void **state)
{
	(void)state;
	struct store *store = open_store();
	static char links[500][24], times[500][8];
	static struct event events[1000];
	for (size_t i = 0; i < COUNT_OF(links); i++) {
		snprintf(links[i], sizeof links[i], "https://%zu", i % 100);
		snprintf(times[i], sizeof times[i], "%zu", i);
		events[2 * i] = click_of("SM1", links[i], times[i], T0 + (int64_t)i);
		events[2 * i + 1] = click_of("SM1", links[i], times[i / 2], T0 + (int64_t)i);
	}
	shuffle(events, COUNT_OF(events));
	commit(store, events, COUNT_OF(events));
	close_store(store);
	assert_figures("", "1 0 0 0 0 0 0 0 100 1 0 0");
}

/* --- stream duplicates --- */

/* Makes events from both sources; the campaign's tags, the service and the date are only in one. */
static size_t
make_stream_duplicates(struct event *events)
{
	size_t count = 0;
	static const enum message_status statuses[] = {
	    STATUS_QUEUED, STATUS_SENT, STATUS_UNDELIVERED};
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		struct event callback = receipt_to("SM1", "c", "+9", statuses[i], T0);
		callback.error_code = statuses[i] == STATUS_UNDELIVERED ? 21610 : -1;
		if (statuses[i] == STATUS_UNDELIVERED)
			callback = with_consent(callback, CONSENT_OUT);
		callback.service = SLICE("MG1");
		struct event stream = stream_duplicate(callback);
		callback.done_date = i == 2 ? SLICE("2308102223") : SLICE_NONE;
		events[count++] = callback;
		events[count++] = stream;
	}
	struct event reply = reply_from("RE1", "+8", T0 + 1);
	reply.service = SLICE("MG1");
	reply = with_consent(reply, CONSENT_OUT);
	events[count++] = reply;
	events[count++] = stream_duplicate(reply);
	struct event delivered = receipt_to("SM2", "d", "+8", STATUS_DELIVERED, T0);
	events[count++] = delivered;
	events[count++] = stream_duplicate(delivered);
	struct event click = click_of("SM2", "https://a", "t", T0 + 2);
	click.to = SLICE("+8");
	events[count++] = click;
	events[count++] = stream_duplicate(click);
	return count;
}

static const char *const stream_campaigns[] = {"", "c", "d"};

static void
stream_duplicates_give_the_same_in_either_order(void **state)
{
	(void)state;
	struct buffer pictures[6];
	for (int order = 0; order < 6; order++) {
		struct event events[32];
		size_t count = make_stream_duplicates(events);
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		if (order == 1) /* the streams first */
			for (size_t i = 0; i < count; i += 2) {
				struct event held = events[i];
				events[i] = events[i + 1];
				events[i + 1] = held;
			}
		if (order > 1)
			shuffle(events, count);
		struct store *store = open_store();
		for (size_t i = 0; i < count; i++)
			commit_one(store, events[i]);
		close_store(store);
		pictures[order] = whole_picture(stream_campaigns, COUNT_OF(stream_campaigns));
		assert_true(
		    slice_equal(buffer_slice(&pictures[order]), buffer_slice(&pictures[0])));
		assert_figures("c", "1 1 0 1 0 0 0 0 0 0 0 0");
		/* the reply is in its campaign, and stream duplicates are not separate events */
		assert_figures("d", "1 1 1 0 0 0 0 1 1 1 1 0");
		assert_int_equal(number_in_file("SELECT count(*) FROM event"), count / 2);
		assert_int_equal(number_in_file("SELECT sum(duplicates) FROM campaign"), count / 2);
		assert_int_equal(
		    number_in_file("SELECT count(*) FROM events WHERE campaign = ''"), 0);
		assert_optouts(
		    (struct optout_filter){.number = "+8"}, "+8 at MG1: out (keyword)\n");
		assert_optouts(
		    (struct optout_filter){.number = "+9"}, "+9 at MG1: out (error-21610)\n");
		assert_int_equal(number_in_file("SELECT count(*) FROM consent"), 2);
	}
	for (int order = 0; order < 6; order++)
		buffer_done(&pictures[order]);
}

/* A redelivery and a callback with another date are distinguished in any order. */
static void
a_stream_duplicate_replaces_one_callback_only(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		struct event events[6];
		snprintf(path, sizeof path, "%s/%d.db", directory, round);
		events[0] = receipt("SM1", "c", STATUS_DELIVERED, T0);
		events[2] = events[1] = events[0];
		events[1].done_date = SLICE("2308102223");
		events[2].done_date = SLICE("2308102224");
		events[0] = stream_duplicate(events[0]);
		events[3] = events[0];
		events[4] = events[1];
		events[5] = events[2];
		shuffle(events, COUNT_OF(events));
		struct store *store = open_store();
		commit(store, events, COUNT_OF(events));
		close_store(store);
		assert_int_equal(number_in_file("SELECT count(*) FROM event"), 2);
		assert_figures("c", "1 1 1 0 0 0 0 0 0 0 0 0");
	}
}

/* The only receipt with the campaign's name is one that was known: its time is that of the first.
 */
static void
a_campaign_that_a_stream_duplicate_names_has_the_time_of_its_event(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event callback = receipt("SM1", "c", STATUS_SENT, T0 + HOUR);
	struct event stream = stream_duplicate(callback);
	stream.time_us = T0;
	commit_one(store, stream);
	commit_one(store, callback);
	close_store(store);
	assert_int_equal(
	    number_in_file("SELECT first_us = 480000 * 3600000000 AND last_us = first_us"
			   " FROM campaign WHERE name = 'c'"),
	    1);
	assert_figures("c", "1 1 0 0 0 1 0 0 0 0 0 0");
}

static void
note_name(void *context, const struct campaign_row *row)
{
	buffer_appendf(context, "%.*s;", SLICE_ARG(row->campaign));
}

/* A duplicate with other tags creates no campaign until a receipt does. */
static void
a_campaign_that_only_a_duplicate_names_begins_with_its_first_event(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct buffer names = BUFFER_EMPTY;
	struct campaign_filter all = {.limit = 0};
	commit_one(store, receipt("SM1", "c", STATUS_SENT, T0));
	assert_true(commit_one(store, receipt("SM1", "d", STATUS_SENT, T0)).duplicate);
	struct store_reader *reader = open_reader();
	assert_ok(read_campaigns(reader, &all, note_name, &names));
	assert_slice(buffer_slice(&names), "c;");
	buffer_done(&names);
	store_reader_close(reader);
	commit_one(store, receipt("SM2", "d", STATUS_SENT, T0 + HOUR));
	close_store(store);
	assert_figures("d", "1 1 0 0 0 1 0 0 0 0 0 0");
	assert_int_equal(
	    number_in_file("SELECT first_us = 480001 * 3600000000 AND last_us = first_us"
			   " FROM campaign WHERE name = 'd'"),
	    1);
}

/* Duplicates with more facts give events providers that other orders of the receipts do not. */
static void
the_audit_needs_no_provider_that_is_not_stored(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "c", STATUS_QUEUED, T0),
	    receipt("SM1", "c", STATUS_SENT, T0), receipt("SM1", "c", STATUS_DELIVERED, T0),
	    receipt("SM1", "c", STATUS_QUEUED, T0)};
	events[0].from = SLICE("");
	events[1].from = SLICE("+2");
	events[3].from = SLICE("");
	events[3].service = SLICE("MG1");
	for (size_t i = 0; i < COUNT_OF(events); i++)
		commit_one(store, events[i]);
	close_store(store);
	store = open_store();
	struct store_rebuilt rebuilt;
	assert_ok(store_rebuild(store, &rebuilt));
	assert_int_equal(rebuilt.corrected, 0);
	close_store(store);
}

/* --- without a message --- */

static struct event
without_message(enum event_type type, const char *status, const char *reference)
{
	struct event event = receipt(NULL, "", STATUS_UNKNOWN, T0);
	event.type = type;
	event.status_text = slice_of(status);
	event.reference = slice_of(reference);
	event.folds = false;
	return event;
}

static void
note_alert(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, "/v1/alerts", row,
	    "sid level error_code resource request_url method text response_status ours");
}

static void
an_alert_counts_once_by_its_reference(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event_alert said = {.level = SLICE("error"),
	    .resource = SLICE("SM9"),
	    .request_url = SLICE("https://h/x"),
	    .method = SLICE("POST"),
	    .text = SLICE("t"),
	    .response_status = 503,
	    .ours = true};
	struct event alert = without_message(EVENT_PROGRESS, "error", "NO1");
	alert.alert = &said;
	alert.error_code = 11200;
	assert_false(commit_one(store, alert).duplicate);
	assert_true(commit_one(store, alert).duplicate);
	struct event second = alert;
	second.reference = SLICE("NO2");
	struct event_alert bare = {.level = SLICE("warning"), .response_status = -1};
	second.alert = &bare;
	second.error_code = -1;
	assert_false(commit_one(store, second).duplicate);
	close_store(store);
	struct buffer text = BUFFER_EMPTY;
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/alerts", NULL, note_alert, &text);
	assert_slice(buffer_slice(&text),
	    "NO2 warning       no\nNO1 error 11200 SM9 https://h/x POST t 503 yes\n");
	buffer_clear(&text);
	ask_given(
	    reader, "/v1/alerts", (struct given[]){{"ours", NULL, 1}, {NULL}}, note_alert, &text);
	assert_slice(buffer_slice(&text), "NO1 error 11200 SM9 https://h/x POST t 503 yes\n");
	buffer_clear(&text);
	ask_given(
	    reader, "/v1/alerts", (struct given[]){{"next", NULL, 2}, {NULL}}, note_alert, &text);
	assert_slice(buffer_slice(&text), "NO1 error 11200 SM9 https://h/x POST t 503 yes\n");
	buffer_done(&text);
	store_reader_close(reader);
}

static void
a_notice_counts_once_and_what_has_no_reference_each_time(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event notice = without_message(EVENT_PROGRESS, "test", "EZ1");
	assert_false(commit_one(store, notice).duplicate);
	assert_true(commit_one(store, notice).duplicate);
	notice.reference = SLICE_NONE;
	assert_false(commit_one(store, notice).duplicate);
	assert_false(commit_one(store, notice).duplicate);
	close_store(store);
	assert_int_equal(number_in_file("SELECT count(*) FROM event"), 3);
}

static void
unknown_events_are_stored_raw_once(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event unknown = without_message(EVENT_UNRECOGNISED, NULL, "EZ9");
	unknown.raw_body = SLICE("{\"type\":\"com.twilio.new\"}");
	assert_false(commit_one(store, unknown).duplicate);
	assert_true(commit_one(store, unknown).duplicate);
	struct event odd = receipt("SM1", "c", STATUS_UNKNOWN, T0);
	odd.status_text = SLICE("teleported");
	assert_false(commit_one(store, odd).duplicate);
	assert_true(commit_one(store, stream_duplicate(odd)).duplicate);
	close_store(store);
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM events WHERE type = 'Unrecognised'"), 2);
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM event WHERE raw_body IS NOT NULL"), 1);
	assert_figures("c", "1 0 0 0 0 0 0 0 0 0 0 0");
}

/* Both reports have members that the other lacks. Of the same member, the callback's counts. */
static void
extra_members_of_both_reports_are_kept(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct event callback = receipt("SM1", "c", STATUS_SENT, T0), streamed, again;
		callback.extra = SLICE("{\"a\":\"1\",\"b\":\"1\"}");
		streamed = stream_duplicate(callback);
		streamed.extra = SLICE("{\"b\":\"2\",\"c\":\"2\"}");
		again = callback;
		again.extra = SLICE("{\"d\":\"3\"}"); /* the same report again adds nothing */
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		commit(store, order == 0 ? &callback : &streamed, 1);
		commit(store, order == 0 ? &streamed : &callback, 1);
		commit(store, &again, 1);
		store_close(store);
		assert_int_equal(number_in_file("SELECT count(*) FROM event"), 1);
		assert_int_equal(
		    number_in_file("SELECT extra ->> 'a' = '1' AND extra ->> 'b' = '1'"
				   " AND extra ->> 'c' = '2' AND extra ->> 'd' IS NULL FROM event"),
		    1);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(extra_members_of_both_reports_are_kept),
	    EACH(a_click_counts_once_per_message_and_link),
	    EACH(clicks_that_name_no_link_are_of_one),
	    EACH(a_click_may_come_before_the_receipts),
	    EACH(a_preview_is_kept_and_counts_nowhere),
	    EACH(a_message_of_many_clicks_is_counted_right),
	    EACH(stream_duplicates_give_the_same_in_either_order),
	    EACH(a_stream_duplicate_replaces_one_callback_only),
	    EACH(a_campaign_that_a_stream_duplicate_names_has_the_time_of_its_event),
	    EACH(a_campaign_that_only_a_duplicate_names_begins_with_its_first_event),
	    EACH(the_audit_needs_no_provider_that_is_not_stored),
	    EACH(an_alert_counts_once_by_its_reference),
	    EACH(a_notice_counts_once_and_what_has_no_reference_each_time),
	    EACH(unknown_events_are_stored_raw_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
