/* store, batches: what is in memory until the end of a batch counts as what is stored. */
#include "stores.h"

#include "store/store_handle.h"

static char sids[40000][35];

static const char *
sid_of(size_t number)
{
	snprintf(sids[number], sizeof sids[number], "SM%032zx", number);
	return sids[number];
}

static void
assert_sound(int64_t messages, int64_t events)
{
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_int_equal(number_in_file("SELECT count(*) FROM message"), messages);
	assert_int_equal(number_in_file("SELECT count(*) FROM event"), events);
}

static void
a_batch_of_any_size_needs_little_memory(void **state)
{
	(void)state;
	struct store *store = open_store();
	const size_t count = COUNT_OF(sids);
	assert_ok(store_begin(store));
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < count; i++) {
			add(store, receipt(sid_of(i), "c",
				       round == 0 ? STATUS_SENT : STATUS_DELIVERED, T0));
			assert_true(working_set_count(store->set) < count / 2);
		}
	assert_ok(store_commit(store, 1));
	assert_sound(count, 2 * count);
	store_close(store);
}

static void
large_bodies_need_little_memory(void **state)
{
	(void)state;
	static char body[100000];
	struct store *store = open_store();
	memset(body, 'b', sizeof body);
	assert_ok(store_begin(store));
	for (size_t i = 0; i < 600; i++) {
		struct event event = receipt(sid_of(i), "c", STATUS_SENT, T0);
		event.raw_body = (struct slice){body, sizeof body};
		add(store, event);
		assert_true(working_set_count(store->set) < 200);
	}
	assert_ok(store_commit(store, 1));
	assert_sound(600, 600);
	store_close(store);
}

/* A stored click without tags is read while the tags of its message are changing. */
static void
clicks_follow_their_message_to_its_campaign(void **state)
{
	(void)state;
	struct event click = click_of("SM1", "https://a", "2024-01-01T00:00:02Z", T0 + 2);
	const struct event first[] = {receipt("SM1", "", STATUS_SENT, T0), click};
	struct store *store = open_store();
	commit(store, first, COUNT_OF(first));

	struct event earlier = click;
	earlier.time_us = T0 + 1; /* of the same click */
	const struct event second[] = {
	    receipt("SM1", "c", STATUS_DELIVERED, T0 + 3), click, earlier, click};
	commit(store, second, COUNT_OF(second));
	store_close(store);

	assert_int_equal(number_in_file("SELECT count(*) FROM events WHERE campaign = 'c'"), 3);
	assert_sound(1, 3);
}

static void
an_event_with_a_reference_counts_once_in_a_batch(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event alert = receipt("SM1", "", STATUS_UNKNOWN, T0);
	alert.type = EVENT_PROGRESS;
	alert.folds = false;
	alert.message = SLICE_NONE;
	assert_ok(store_begin(store));
	for (size_t i = 0; i < 300; i++) {
		alert.reference = slice_of(sid_of(i % 100));
		assert_int_equal(add(store, alert).duplicate, i >= 100);
	}
	assert_ok(store_commit(store, 1));
	assert_int_equal(number_in_file("SELECT count(*) FROM event"), 100);
	store_close(store);
}

static void
the_earliest_arrival_of_a_reference_is_its_time_within_a_batch(void **state)
{
	(void)state;
	static const int64_t times_us[] = {10, 5, 7};
	struct store *store = open_store();
	struct event alert = receipt("SM1", "", STATUS_UNKNOWN, T0);
	alert.type = EVENT_PROGRESS;
	alert.folds = false;
	alert.message = SLICE_NONE;
	alert.reference = SLICE("NO1");
	assert_ok(store_begin(store));
	for (size_t i = 0; i < COUNT_OF(times_us); i++) {
		alert.time_us = T0 + times_us[i];
		add(store, alert);
	}
	assert_ok(store_commit(store, 1));
	assert_int_equal(number_in_file("SELECT time_us FROM event") - T0, 5);
	store_close(store);
}

/* A request that is divided otherwise has the same signature. */
static void
a_replay_is_a_duplicate_within_its_batch(void **state)
{
	(void)state;
	const char signatures[] = "0123456789abcdef";
	struct store *store = open_store();
	struct event event = receipt(sid_of(1), "c", STATUS_SENT, T0);
	event.signed_text = event.message;
	assert_ok(store_begin(store));
	assert_ok(store_begin_request(store, slice_of(signatures)));
	assert_false(add(store, event).duplicate);

	struct event forged = event;
	forged.message = slice_of(sid_of(2));
	forged.status = STATUS_FAILED;
	forged.status_text = SLICE("failed");
	forged.type = EVENT_FAILED;
	assert_ok(store_begin_request(store, slice_of(signatures)));
	assert_true(add(store, forged).duplicate);
	assert_ok(store_commit(store, 1));
	assert_sound(1, 1);
	store_close(store);
}

/* The signature covers the URL alone, so it also fits a GET of that URL, which names no message. */
static void
a_replay_without_its_bound_body_is_a_duplicate(void **state)
{
	(void)state;
	const char signatures[] = "0123456789abcdef";
	struct store *store = open_store();
	struct event event = receipt(sid_of(1), "c", STATUS_SENT, T0);
	char text[128];
	snprintf(text, sizeof text, "x=1&bodySHA256=00MessageSid%s", sid_of(1));
	event.signed_text = slice_of(text);
	assert_ok(store_begin(store));
	assert_ok(store_begin_request(store, slice_of(signatures)));
	assert_false(add(store, event).duplicate);
	assert_ok(store_commit(store, 1));

	struct event bare = {.journal_seq = 2,
	    .time_us = T0 + 1,
	    .type = EVENT_UNRECOGNISED,
	    .error_code = -1,
	    .campaign = SLICE("c"),
	    .signed_text = SLICE("x=1&bodySHA256=00")};
	assert_ok(store_begin(store));
	assert_ok(store_begin_request(store, slice_of(signatures)));
	assert_true(add(store, bare).duplicate);
	assert_ok(store_commit(store, 2));
	assert_sound(1, 1);
	store_close(store);
}

/* It was counted before its entry was lost, or its signature was lost with it. */
static void
a_duplicate_that_is_recovered_is_not_counted(void **state)
{
	(void)state;
	const struct slice signatures[] = {
	    SLICE_INIT("0123456789abcdef"), SLICE_INIT("fedcba9876543210")};
	struct store *store = open_store();
	const struct event event = receipt("SM1", "c", STATUS_SENT, T0);
	commit(store, &event, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(store_begin(store));
		assert_ok(i == 0 ? store_begin_lost_request(store, signatures[i])
				 : store_begin_request(store, signatures[i]));
		assert_true(add(store, event).duplicate);
		assert_ok(store_commit(store, 2 + i));
		assert_int_equal(number_in_file("SELECT duplicates FROM campaign"), i);
	}
	store_close(store);
}

static void
what_a_failed_batch_had_in_memory_is_forgotten(void **state)
{
	(void)state;
	struct store *store = open_store();
	const struct event event = receipt("SM1", "c", STATUS_SENT, T0);
	assert_ok(store_begin(store));
	add(store, event);
	store_rollback(store);
	assert_ok(store_begin(store));
	assert_false(add(store, event).duplicate);
	assert_true(add(store, event).duplicate);
	assert_ok(store_commit(store, 1));
	assert_sound(1, 1);
	store_close(store);
}

/* A damaged file may have any number. */
static void
a_greatest_number_does_not_end_the_numbers(void **state)
{
	(void)state;
	struct store *store = open_store();
	const struct event event = receipt("SM1", "c", STATUS_SENT, T0);
	commit(store, &event, 1);
	store_close(store);
	run_sql("UPDATE event SET seq = 9223372036854775807, message_id = 9223372036854775807;"
		"UPDATE message SET id = 9223372036854775807;"
		"INSERT INTO hour_block SELECT figure, hour, 9223372036854775807 / 8192"
		" FROM hour_block");

	store = open_store();
	for (size_t i = 2; i < 5; i++) {
		const struct event more = receipt(sid_of(i), "c", STATUS_SENT, T0);
		commit(store, &more, 1);
	}
	store_close(store);
	assert_sound(4, 4);
}

/* A refusal without a sender has the scope of its message's provider, which is merged from those of
 * all receipts. */
static void
a_provider_that_is_missing_ends_in_no_circle(void **state)
{
	(void)state;
	struct event events[] = {
	    with_consent(receipt_to("SM1", "c", "+15", STATUS_FAILED, T0), CONSENT_OUT),
	    receipt_to("SM1", "c", "+15", STATUS_SENT, T0 + 1),
	    receipt_to("SM1", "c", "+15", STATUS_QUEUED, T0 + 2),
	    receipt_to("SM2", "c", "+16", STATUS_SENT, T0 + 3)};
	events[3].from =
	    SLICE("+77"); /* a later provider: the number of the missing one is not reused */
	events[0].from = events[1].from = SLICE_NONE;
	events[0].error_code = 21610;
	events[1].service = SLICE("MG1");
	struct store *store = open_store();
	struct store_rebuilt rebuilt;
	commit(store, events, COUNT_OF(events));
	store_close(store);
	run_sql("DELETE FROM provider WHERE id NOT IN (SELECT provider_id FROM event)");

	store = open_store();
	assert_ok(store_rebuild(store, &rebuilt));
	assert_int_equal(rebuilt.corrected, 1);
	store_close(store);
	assert_sound(2, 4);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_batch_of_any_size_needs_little_memory),
	    EACH(large_bodies_need_little_memory),
	    EACH(clicks_follow_their_message_to_its_campaign),
	    EACH(an_event_with_a_reference_counts_once_in_a_batch),
	    EACH(the_earliest_arrival_of_a_reference_is_its_time_within_a_batch),
	    EACH(a_replay_is_a_duplicate_within_its_batch),
	    EACH(a_replay_without_its_bound_body_is_a_duplicate),
	    EACH(a_duplicate_that_is_recovered_is_not_counted),
	    EACH(a_greatest_number_does_not_end_the_numbers),
	    EACH(a_provider_that_is_missing_ends_in_no_circle),
	    EACH(what_a_failed_batch_had_in_memory_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
