/* store, replies: each reply belongs to the most likely message, for any order of arrival. */
#include "stores.h"

#define HOUR CLOCK_HOUR_US
#define WINDOW REPLY_WINDOW_US
#define LATE REPLY_LATE_US

static void
commit_one(struct store *store, struct event event)
{
	commit(store, &event, 1);
}

/* Closes it, and finds it sound. */
static void
close_store(struct store *store)
{
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
a_reply_to_nothing_belongs_to_no_campaign(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, reply_from("RE1", "+9", T0));
	close_store(store);
	assert_replies("RE1 none  0 \n");
	assert_figures("", "0 0 0 0 0 0 0 1 0 0 0 0");
	const struct query *query = query_find("/v1/replies");
	struct query_values values = query_values(query);
	struct json_t *object = json_new_object();
	struct store_reader *reader = open_reader();
	int64_t count = 0;
	assert_ok(query_ask_members(reader, query, &values, object));
	assert_true(json_int(json_get(object, "unattributed"), &count));
	assert_int_equal(count, 1);
	json_free(object);
	store_reader_close(reader);
}

static void
the_latest_message_to_the_person_is_answered(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "old", "+9", STATUS_SENT, T0));
	commit_one(store, receipt_to("SM2", "new", "+9", STATUS_SENT, T0 + HOUR));
	commit_one(store, receipt_to("SM3", "other", "+8", STATUS_SENT, T0 + 2 * HOUR));
	commit_one(store, reply_from("RE1", "+9", T0 + 3 * HOUR));
	close_store(store);
	assert_replies("RE1 latest SM2 2 new\n");
	assert_figures("new", "1 1 0 0 0 1 0 1 0 0 0 0");
	assert_figures("old", "1 1 0 0 0 1 0 0 0 0 0 0");
}

static void
twilios_word_wins_over_tags_and_tags_over_a_guess(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "named", "+9", STATUS_SENT, T0 - 30 * WINDOW));
	commit_one(store, receipt_to("SM2", "latest", "+9", STATUS_SENT, T0));
	struct event tagged = reply_from("RE1", "+9", T0 + 1),
		     named = reply_from("RE2", "+9", T0 + 2);
	tagged.campaign = SLICE("own");
	named.campaign = SLICE("own");
	named.original = SLICE("SM1");
	commit_one(store, tagged);
	commit_one(store, named);
	commit_one(store, reply_from("RE3", "+9", T0 + 3));
	close_store(store);
	assert_replies("RE1 tags  1 own\nRE2 original SM1 1 named\nRE3 latest SM2 1 latest\n");
	assert_figures("own", "0 0 0 0 0 0 0 1 0 0 0 0");
	assert_figures("named", "1 1 0 0 0 1 0 1 0 0 0 0");
}

static void
an_original_that_is_unknown_is_waited_for(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "guess", "+9", STATUS_SENT, T0));
	struct event reply = reply_from("RE1", "+9", T0 + 1);
	reply.original = SLICE("SM2");
	commit_one(store, reply);
	assert_replies("RE1 latest SM1 1 guess\n");
	commit_one(store, receipt_to("SM2", "right", "+7", STATUS_SENT, T0 + 90 * WINDOW));
	close_store(store);
	assert_replies("RE1 original SM2 1 right\n");
	assert_figures("guess", "1 1 0 0 0 1 0 0 0 0 0 0");
	assert_figures("right", "1 1 0 0 0 1 0 1 0 0 0 0");
}

static void
a_reply_is_no_original_of_another(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event reply = reply_from("RE2", "+9", T0 + 1);
	commit_one(store, reply_from("RE1", "+9", T0));
	reply.original = SLICE("RE1");
	commit_one(store, reply);
	close_store(store);
	assert_replies("RE1 none  0 \nRE2 none  0 \n");
}

/* Returns a receipt with the time at which the message was sent, as in Event Streams: T0 - 10 days.
 */
static struct event
left_early(struct event event)
{
	event.occurred = SLICE("2024-09-24T00:00:00Z");
	return event;
}

static void
the_window_has_edges(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, left_early(receipt_to("SM1", "c", "+9", STATUS_SENT, T0)));
	commit_one(store, reply_from("RE1", "+9", T0 + WINDOW));
	commit_one(store, reply_from("RE2", "+9", T0 + WINDOW + 1));
	commit_one(store, reply_from("RE3", "+9", T0));
	commit_one(store, reply_from("RE4", "+9", T0 - LATE));
	commit_one(store, reply_from("RE5", "+9", T0 - LATE - 1));
	close_store(store);
	assert_replies("RE1 latest SM1 1 c\nRE2 none  0 \nRE3 latest SM1 1 c\nRE4 late SM1 1 c\n"
		       "RE5 none  0 \n");
}

static void
a_message_whose_receipts_are_slower_than_the_person_is_answered(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, reply_from("RE1", "+9", T0));
	assert_replies("RE1 none  0 \n");
	commit_one(store, left_early(receipt_to("SM2", "second", "+9", STATUS_SENT, T0 + 2)));
	assert_replies("RE1 late SM2 1 second\n");
	/* one that arrived earlier, in a later transaction */
	commit_one(store, left_early(receipt_to("SM1", "first", "+9", STATUS_SENT, T0 + 1)));
	assert_replies("RE1 late SM1 2 first\n");
	commit_one(store, receipt_to("SM0", "before", "+9", STATUS_SENT, T0 - HOUR));
	close_store(store);
	assert_replies("RE1 latest SM0 1 before\n");
	assert_figures("first", "1 1 0 0 0 1 0 0 0 0 0 0");
	assert_figures("before", "1 1 0 0 0 1 0 1 0 0 0 0");
}

static void
a_message_that_failed_is_not_answered_if_another_may_be(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "good", "+9", STATUS_DELIVERED, T0));
	commit_one(store, receipt_to("SM2", "bad", "+9", STATUS_SENT, T0 + 1));
	commit_one(store, reply_from("RE1", "+9", T0 + 2));
	assert_replies("RE1 latest SM2 2 bad\n");
	commit_one(store, receipt_to("SM2", "bad", "+9", STATUS_UNDELIVERED, T0 + 3));
	assert_replies("RE1 latest SM1 2 good\n");
	/* it was delivered after all */
	commit_one(store, receipt_to("SM2", "bad", "+9", STATUS_DELIVERED, T0 + 4));
	assert_replies("RE1 latest SM2 2 bad\n");
	close_store(store);
	store = open_with(POLICY_FAILURE_WINS);
	store_close(store);
	assert_int_equal(differences(POLICY_FAILURE_WINS, false), 0);
	assert_replies("RE1 latest SM1 2 good\n");
}

static void
the_sender_or_the_service_must_be_the_same(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event by_service = receipt_to("SM1", "service", "+9", STATUS_SENT, T0),
		     other = receipt_to("SM2", "other", "+9", STATUS_SENT, T0 + 1),
		     reply = reply_from("RE1", "+9", T0 + 2);
	by_service.from = SLICE_NONE;
	by_service.service = SLICE("MG1");
	other.from = SLICE("+7");
	other.service = SLICE("MG7");
	commit_one(store, by_service);
	commit_one(store, other);
	commit_one(store, reply);
	reply.message = SLICE("RE2");
	reply.service = SLICE("MG1");
	commit_one(store, reply);
	reply.message = SLICE("RE3");
	reply.service = SLICE("MG8");
	commit_one(store, reply);
	reply.message = SLICE("RE4");
	reply.to = SLICE("+7");
	commit_one(store, reply);
	close_store(store);
	assert_replies(
	    "RE1 none  0 \nRE2 latest SM1 1 service\nRE3 none  0 \nRE4 latest SM2 1 other\n");
}

/* The first receipt named neither the person nor the sender. */
static void
a_later_receipt_may_claim_a_reply(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event first = receipt_to("SM1", "c", NULL, STATUS_SENT, T0);
	commit_one(store, first);
	commit_one(store, reply_from("RE1", "+9", T0 + 1));
	assert_replies("RE1 none  0 \n");
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_DELIVERED, T0 + 2));
	assert_replies("RE1 latest SM1 1 c\n");
	first = receipt_to("SM2", "d", "+8", STATUS_SENT, T0);
	first.from = SLICE_NONE;
	commit_one(store, first);
	commit_one(store, reply_from("RE2", "+8", T0 + 1));
	assert_replies("RE1 latest SM1 1 c\nRE2 none  0 \n");
	commit_one(store, receipt_to("SM2", "d", "+8", STATUS_DELIVERED, T0 + 2));
	close_store(store);
	assert_replies("RE1 latest SM1 1 c\nRE2 latest SM2 1 d\n");
}

/* Two receipts name different persons: the least of both counts, and the other has no claim. */
static void
a_person_who_is_not_the_message_s_any_more_loses_the_reply(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	commit_one(store, reply_from("RE1", "+9", T0 + 1));
	commit_one(store, reply_from("RE2", "+5", T0 + 1));
	assert_replies("RE1 latest SM1 1 c\nRE2 none  0 \n");
	commit_one(store, receipt_to("SM1", "c", "+5", STATUS_DELIVERED, T0 + 2));
	close_store(store);
	assert_replies("RE1 none  0 \nRE2 latest SM1 1 c\n");
}

static void
tags_that_become_known_later_move_the_reply(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "", "+9", STATUS_SENT, T0));
	commit_one(store, reply_from("RE1", "+9", T0 + 1));
	assert_replies("RE1 latest SM1 1 \n");
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_DELIVERED, T0 + 2));
	close_store(store);
	assert_replies("RE1 latest SM1 1 c\n");
	assert_figures("c", "1 1 1 0 0 0 0 1 0 0 0 0");
}

static void
a_person_on_rcs_is_the_person_on_sms(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "rcs:+15005550009", STATUS_SENT, T0));
	commit_one(store, reply_from("RE1", "+15005550009", T0 + 1));
	commit_one(store, receipt_to("SM2", "d", "+15005550008", STATUS_SENT, T0));
	commit_one(store, reply_from("RE2", "rcs:+15005550008", T0 + 1));
	commit_one(store, reply_from("RE3", "whatsapp:+15005550008", T0 + 1));
	close_store(store);
	assert_replies("RE1 latest SM1 1 c\nRE2 latest SM2 1 d\nRE3 none  0 \n");
}

static void
a_reply_without_a_person_may_still_name_its_campaign(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event tagged = reply_from("RE1", NULL, T0), named = reply_from("RE2", NULL, T0);
	commit_one(store, receipt_to("SM1", "c", NULL, STATUS_SENT, T0));
	tagged.campaign = SLICE("own");
	named.original = SLICE("SM1");
	commit_one(store, tagged);
	commit_one(store, named);
	commit_one(store, reply_from("RE3", NULL, T0));
	close_store(store);
	assert_replies("RE1 tags  1 own\nRE2 original SM1 1 c\nRE3 none  0 \n");
}

/* Each of the two requests knows what the other does not. */
static void
a_duplicate_completes_a_reply_in_either_order(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event original =
				 receipt_to("SM1", "named", "+9", STATUS_SENT, T0 - 9 * WINDOW),
			     by_service = receipt_to("SM2", "service", "+8", STATUS_SENT, T0);
		by_service.from = SLICE_NONE;
		by_service.service = SLICE("MG1");
		commit_one(store, original);
		commit_one(store, by_service);
		struct event events[6];
		for (size_t i = 0; i < 3; i++) {
			static const char *const sids[] = {"RE1", "RE2", "RE3"};
			struct event callback = reply_from(sids[i], i == 1 ? "+8" : "+9", T0 + 1),
				     stream = stream_duplicate(callback);
			if (i == 0)
				callback.original = SLICE("SM1");
			else if (i == 1)
				callback.service = SLICE("MG1");
			else
				callback.campaign = SLICE("own");
			stream.body = SLICE("");
			events[2 * i] = order == 0 ? callback : stream;
			events[2 * i + 1] = order == 0 ? stream : callback;
		}
		commit(store, events, 6);
		close_store(store);
		assert_replies(
		    "RE1 original SM1 1 named\nRE2 latest SM2 1 service\nRE3 tags  1 own\n");
		assert_int_equal(
		    number_in_file("SELECT count(*) FROM event WHERE body = 'hello'"), 3);
		assert_figures("own", "0 0 0 0 0 0 0 1 0 0 0 0");
	}
}

/* A section's time ended between two deliveries of one message, so each was read differently. */
static void
a_keyword_of_one_delivery_counts_in_any_order(void **state)
{
	(void)state;
	static const char *const keywords[] = {NULL, "join", "late"};
	static const int orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (size_t order = 0; order < COUNT_OF(orders); order++) {
		snprintf(path, sizeof path, "%s/keyword%zu.db", directory, order);
		struct store *store = open_store();
		for (size_t i = 0; i < 3; i++) {
			int delivery = orders[order][i];
			struct event event = reply_from("RE1", "+9", T0 + delivery);
			event.keyword = slice_of(keywords[delivery]);
			event.near_miss = delivery == 0 ? SLICE("a near miss") : SLICE_NONE;
			commit_one(store, event);
		}
		close_store(store);
		assert_int_equal(number_in_file("SELECT count(*) FROM event WHERE keyword = 'join'"
						" AND near_miss IS NULL"),
		    1);
	}
}

/* T0 is 2024-10-04T00:00:00Z. */
static void
a_message_cannot_be_answered_before_it_was_sent(void **state)
{
	(void)state;
	const int64_t second = CLOCK_SECOND_US;
	static const struct {
		const char *occurred, *done_date;
		enum message_status status;
		bool answered;
	} rows[] = {
	    {NULL, NULL, STATUS_QUEUED, false},
	    {NULL, NULL, STATUS_SENT, false},
	    {NULL, NULL, STATUS_DELIVERED, false},
	    {"2024-10-04T00:00:29.999Z", NULL, STATUS_SENT, true},
	    {"2024-10-04T00:00:30Z", NULL, STATUS_DELIVERED, true},
	    {"2024-10-04T02:00:30+02:00", NULL, STATUS_READ, true},
	    {"2024-10-04T00:00:30.001Z", NULL, STATUS_SENT, false},
	    {"2024-10-04T00:00:29Z", NULL, STATUS_QUEUED, false}, /* in a queue is not sent */
	    {"2024-10-04T00:00:29Z", NULL, STATUS_FAILED, false}, /* never left */
	    {"2024-10-04", NULL, STATUS_SENT, false},
	    {"yesterday", NULL, STATUS_SENT, false},
	    {NULL, "2410032359", STATUS_DELIVERED, true},
	    {NULL, "241004000029", STATUS_UNDELIVERED, true},
	    {NULL, "241004000030", STATUS_DELIVERED, false},
	    {NULL, "2410040000", STATUS_DELIVERED, false}, /* may be any second of that minute */
	    {NULL, "2410041", STATUS_DELIVERED, false},
	    {NULL, "2413992359", STATUS_DELIVERED, false},
	    {"2024-10-04T00:01:00Z", "2410032359", STATUS_DELIVERED, true},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		struct store *store = open_store();
		struct event event = receipt_to("SM1", "c", "+9", rows[i].status, T0 + 31 * second);
		event.occurred = slice_of(rows[i].occurred);
		event.done_date = slice_of(rows[i].done_date);
		commit_one(
		    store, with_consent(reply_from("RE1", "+9", T0 + 30 * second), CONSENT_OUT));
		commit_one(store, event);
		close_store(store);
		assert_replies(rows[i].answered ? "RE1 late SM1 1 c\n" : "RE1 none  0 \n");
	}
}

/* Only one of two duplicates has the time. */
static void
either_telling_may_show_when_a_message_had_left(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event callback = receipt_to("SM1", "c", "+9", STATUS_SENT, T0 + 1);
		struct event stream = left_early(stream_duplicate(callback));
		commit_one(store, reply_from("RE1", "+9", T0));
		commit_one(store, order == 0 ? callback : stream);
		commit_one(store, order == 0 ? stream : callback);
		close_store(store);
		assert_replies("RE1 late SM1 1 c\n");
	}
}

static void
a_scheduled_message_is_not_answered_before_its_time(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SCHEDULED, T0));
	commit_one(store, reply_from("RE1", "+9", T0 + 10));
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0 + 20));
	commit_one(store, reply_from("RE2", "+9", T0 + 30));
	close_store(store);
	assert_replies("RE1 none  0 \nRE2 latest SM1 1 c\n");
}

static void
another_window_settles_all_replies_anew(void **state)
{
	(void)state;
	struct store_options options = {.path = path, .reply_window_us = HOUR, .reply_late_us = 0};
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	commit_one(store, left_early(receipt_to("SM2", "d", "+8", STATUS_SENT, T0 + 1)));
	commit_one(store, reply_from("RE1", "+9", T0 + 2 * HOUR));
	commit_one(store, reply_from("RE2", "+8", T0));
	close_store(store);
	assert_replies("RE1 latest SM1 1 c\nRE2 late SM2 1 d\n");
	assert_ok(store_open(&options, &store, &failure));
	close_store(store);
	assert_replies("RE1 none  0 \nRE2 none  0 \n");
	assert_figures("c", "1 1 0 0 0 1 0 0 0 0 0 0");
	close_store(open_store());
	assert_replies("RE1 latest SM1 1 c\nRE2 late SM2 1 d\n");
}

static void
what_is_rolled_back_claims_no_reply(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, reply_from("RE1", "+9", T0));
	assert_ok(store_begin(store));
	add(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	add(store, reply_from("RE2", "+9", T0));
	store_rollback(store);
	commit_one(store, receipt_to("SM2", "d", "+8", STATUS_SENT, T0));
	close_store(store);
	assert_replies("RE1 none  0 \n");
}

/* A chat of a week: all of it moves with the message that it answers. */
static void
a_person_of_many_replies_is_settled_rightly(void **state)
{
	(void)state;
	enum { REPLIES = 600 };
	struct store *store = open_store();
	assert_ok(store_begin(store));
	add(store, receipt_to("SM1", "first", "+9", STATUS_SENT, T0));
	add(store, receipt_to("SM2", "", "+9", STATUS_SENT, T0 + 8 * CLOCK_DAY_US));
	for (int i = 0; i < REPLIES; i++) {
		char sid[16];
		snprintf(sid, sizeof sid, "RE%d", i);
		add(store, reply_from(sid, "+9",
			       T0 + (i < 3 ? i : 8 * CLOCK_DAY_US + (int64_t)i * 1000000)));
	}
	assert_ok(store_commit(store, 1));
	commit_one(store, receipt_to("SM0", "before", "+9", STATUS_SENT, T0 - HOUR));
	commit_one(store, receipt_to("SM1", "first", "+9", STATUS_FAILED, T0 + 9 * CLOCK_DAY_US));
	commit_one(
	    store, receipt_to("SM2", "second", "+9", STATUS_DELIVERED, T0 + 9 * CLOCK_DAY_US));
	close_store(store);
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM replies WHERE campaign = 'second'"), REPLIES - 3);
	assert_int_equal(number_in_file("SELECT count(*) FROM replies WHERE answers = 'SM0'"), 3);
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM replies WHERE answers = 'SM2'"), REPLIES - 3);
}

static void
replies_are_filtered_and_paged(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	for (int i = 0; i < 6; i++) {
		char sid[16];
		snprintf(sid, sizeof sid, "RE%d", i);
		struct event reply = reply_from(sid, i % 2 ? "+9" : "+8", T0 + i);
		commit_one(store, i == 5 ? with_consent(reply, CONSENT_OUT) : reply);
	}
	close_store(store);
	const struct {
		struct given given[3];
		const char *expected;
	} rows[] = {
	    {{{"campaign", "c", 0}},
		"RE1 latest SM1 1 c\nRE3 latest SM1 1 c\nRE5 latest SM1 1 c\n"},
	    {{{"rule", "none", 0}, {"limit", NULL, 2}}, "RE0 none  0 \nRE2 none  0 \n"},
	    {{{"rule", "none", 0}, {"next", NULL, 4}}, "RE4 none  0 \n"},
	    {{{"keyword", "stop", 0}}, "RE5 latest SM1 1 c\n"},
	    {{{"from", NULL, T0 + 4}}, "RE4 none  0 \nRE5 latest SM1 1 c\n"},
	    {{{"to", NULL, T0 + 1}}, "RE0 none  0 \n"},
	    {{{"workspace", "v", 0}}, ""},
	};
	struct store_reader *reader = open_reader();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer text = BUFFER_EMPTY;
		ask_given(reader, "/v1/replies", rows[i].given, note_reply, &text);
		assert_slice(buffer_slice(&text), rows[i].expected);
		buffer_done(&text);
	}
	store_reader_close(reader);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_reply_to_nothing_belongs_to_no_campaign),
	    EACH(the_latest_message_to_the_person_is_answered),
	    EACH(twilios_word_wins_over_tags_and_tags_over_a_guess),
	    EACH(an_original_that_is_unknown_is_waited_for),
	    EACH(a_reply_is_no_original_of_another),
	    EACH(the_window_has_edges),
	    EACH(a_message_whose_receipts_are_slower_than_the_person_is_answered),
	    EACH(a_message_that_failed_is_not_answered_if_another_may_be),
	    EACH(the_sender_or_the_service_must_be_the_same),
	    EACH(a_later_receipt_may_claim_a_reply),
	    EACH(a_person_who_is_not_the_message_s_any_more_loses_the_reply),
	    EACH(tags_that_become_known_later_move_the_reply),
	    EACH(a_person_on_rcs_is_the_person_on_sms),
	    EACH(a_reply_without_a_person_may_still_name_its_campaign),
	    EACH(a_duplicate_completes_a_reply_in_either_order),
	    EACH(a_keyword_of_one_delivery_counts_in_any_order),
	    EACH(a_message_cannot_be_answered_before_it_was_sent),
	    EACH(either_telling_may_show_when_a_message_had_left),
	    EACH(a_scheduled_message_is_not_answered_before_its_time),
	    EACH(another_window_settles_all_replies_anew),
	    EACH(what_is_rolled_back_claims_no_reply),
	    EACH(a_person_of_many_replies_is_settled_rightly),
	    EACH(replies_are_filtered_and_paged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
