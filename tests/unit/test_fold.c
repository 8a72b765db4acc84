/* fold: the same receipts produce the same message, in any order and with any repetitions. */
#include "receipts.h"

#define T0 (INT64_C(1700000000) * CLOCK_SECOND_US)

static struct message
fold_of(const enum message_status *statuses, size_t count)
{
	struct message message = MESSAGE_EMPTY;
	for (size_t i = 0; i < count; i++) {
		struct event event = receipt_of(statuses[i], T0 + (int64_t)i * CLOCK_SECOND_US);
		message_fold(&message, &event);
	}
	return message;
}

#define FOLD(...)                                           \
	fold_of((const enum message_status[]){__VA_ARGS__}, \
	    sizeof((const enum message_status[]){__VA_ARGS__}) / sizeof(enum message_status))

static enum message_status
shown(struct message message, enum conflict_policy policy)
{
	return message_status(&message, policy);
}

static enum outcome
outcome(struct message message, enum conflict_policy policy)
{
	return message_outcome(&message, policy);
}

static bool
conflicts(struct message message)
{
	return message_conflicts(&message);
}

static void
nothing_is_known_before_the_first_receipt(void **state)
{
	(void)state;
	struct message message = MESSAGE_EMPTY;
	assert_int_equal(message.error_code, -1);
	for (int policy = POLICY_DELIVERED_WINS; policy <= POLICY_FIRST_FINAL; policy++) {
		assert_int_equal(shown(message, (enum conflict_policy)policy), STATUS_UNKNOWN);
		assert_int_equal(outcome(message, (enum conflict_policy)policy), OUTCOME_NONE);
	}
	assert_false(message_conflicts(&message));
}

static void
each_fact_has_its_earliest_time(void **state)
{
	(void)state;
	struct message message = MESSAGE_EMPTY;
	static const struct {
		enum message_status status;
		int64_t seconds;
	} receipts[] = {{STATUS_QUEUED, 20}, {STATUS_DELIVERED, 30}, {STATUS_SENT, 25},
	    {STATUS_DELIVERED, 28}, {STATUS_ACCEPTED, 10}, {STATUS_READ, 40}, {STATUS_READ, 35}};
	for (size_t i = 0; i < COUNT_OF(receipts); i++) {
		struct event event =
		    receipt_of(receipts[i].status, T0 + receipts[i].seconds * CLOCK_SECOND_US);
		message_fold(&message, &event);
	}
	assert_true(message.first_us == T0 + 10 * CLOCK_SECOND_US);
	assert_true(message.last_us == T0 + 40 * CLOCK_SECOND_US);
	assert_true(message.sent_us == T0 + 25 * CLOCK_SECOND_US);
	assert_true(message.delivered_us == T0 + 28 * CLOCK_SECOND_US);
	assert_true(message.read_us == T0 + 35 * CLOCK_SECOND_US);
	assert_true(message.failed_us == 0 && message.canceled_us == 0 && message.received_us == 0);
}

static void
a_late_lower_status_moves_nothing(void **state)
{
	(void)state;
	assert_int_equal(
	    shown(FOLD(STATUS_SENT, STATUS_QUEUED, STATUS_ACCEPTED), POLICY_DELIVERED_WINS),
	    STATUS_SENT);
	assert_int_equal(
	    shown(FOLD(STATUS_DELIVERED, STATUS_SENT), POLICY_FAILURE_WINS), STATUS_DELIVERED);
	assert_int_equal(
	    shown(FOLD(STATUS_FAILED, STATUS_SENDING), POLICY_FIRST_FINAL), STATUS_FAILED);
	assert_int_equal(
	    shown(FOLD(STATUS_READ, STATUS_DELIVERED), POLICY_FIRST_FINAL), STATUS_READ);
}

static void
an_unknown_status_moves_nothing(void **state)
{
	(void)state;
	assert_int_equal(
	    shown(FOLD(STATUS_SENT, STATUS_UNKNOWN), POLICY_DELIVERED_WINS), STATUS_SENT);
	assert_int_equal(shown(FOLD(STATUS_UNKNOWN), POLICY_DELIVERED_WINS), STATUS_UNKNOWN);
	assert_int_equal(outcome(FOLD(STATUS_UNKNOWN), POLICY_DELIVERED_WINS), OUTCOME_NONE);
}

static void
failed_and_undelivered_both_count_as_failed(void **state)
{
	(void)state;
	assert_int_equal(outcome(FOLD(STATUS_FAILED), POLICY_DELIVERED_WINS), OUTCOME_FAILED);
	assert_int_equal(outcome(FOLD(STATUS_UNDELIVERED), POLICY_DELIVERED_WINS), OUTCOME_FAILED);
	assert_true(FOLD(STATUS_FAILED).sent_us == 0); /* it never left Twilio */
	assert_true(FOLD(STATUS_UNDELIVERED).sent_us != 0);
	assert_int_equal(outcome(FOLD(STATUS_CANCELED), POLICY_DELIVERED_WINS), OUTCOME_CANCELED);
}

static void
an_error_code_alone_does_not_make_a_failure(void **state)
{
	(void)state;
	struct message message = MESSAGE_EMPTY;
	struct event event = receipt_of(STATUS_DELIVERED, T0);
	event.error_code = 30008;
	message_fold(&message, &event);
	assert_int_equal(message_outcome(&message, POLICY_FAILURE_WINS), OUTCOME_DELIVERED);
	assert_int_equal(message.error_code, -1);
	assert_true(message.failed_us == 0);
}

static void
the_code_is_the_last_one_on_a_failing_receipt(void **state)
{
	(void)state;
	static const struct {
		enum message_status status;
		int64_t code, shown;
	} receipts[] = {{STATUS_SENT, 11200, -1}, {STATUS_FAILED, -1, -1},
	    {STATUS_FAILED, 30003, 30003}, {STATUS_UNDELIVERED, -1, 30003},
	    {STATUS_UNDELIVERED, 30005, 30005}, {STATUS_DELIVERED, 30008, 30005}};
	struct message message = MESSAGE_EMPTY;
	for (size_t i = 0; i < COUNT_OF(receipts); i++) {
		struct event event = receipt_of(receipts[i].status, T0);
		event.error_code = receipts[i].code;
		message_fold(&message, &event);
		assert_int_equal(message.error_code, receipts[i].shown);
	}
}

static void
read_implies_delivered(void **state)
{
	(void)state;
	for (int policy = POLICY_DELIVERED_WINS; policy <= POLICY_FIRST_FINAL; policy++) {
		assert_int_equal(
		    outcome(FOLD(STATUS_READ), (enum conflict_policy)policy), OUTCOME_DELIVERED);
		assert_int_equal(
		    shown(FOLD(STATUS_READ), (enum conflict_policy)policy), STATUS_READ);
	}
	assert_true(FOLD(STATUS_READ).delivered_us == T0);
	assert_true(FOLD(STATUS_READ).sent_us == T0);
	assert_false(conflicts(FOLD(STATUS_READ, STATUS_DELIVERED)));
	assert_true(conflicts(FOLD(STATUS_READ, STATUS_FAILED)));
}

static void
two_finals_are_settled_by_the_policy(void **state)
{
	(void)state;
	static const struct {
		enum message_status first, second, delivered_wins, failure_wins;
	} rows[] = {
	    {STATUS_DELIVERED, STATUS_FAILED, STATUS_DELIVERED, STATUS_FAILED},
	    {STATUS_DELIVERED, STATUS_UNDELIVERED, STATUS_DELIVERED, STATUS_UNDELIVERED},
	    {STATUS_DELIVERED, STATUS_CANCELED, STATUS_DELIVERED, STATUS_DELIVERED},
	    {STATUS_FAILED, STATUS_CANCELED, STATUS_FAILED, STATUS_FAILED},
	    {STATUS_UNDELIVERED, STATUS_FAILED, STATUS_UNDELIVERED, STATUS_UNDELIVERED},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct message one = FOLD(rows[i].first, rows[i].second);
		struct message other = FOLD(rows[i].second, rows[i].first);
		assert_true(conflicts(one) && conflicts(other));
		assert_int_equal(shown(one, POLICY_DELIVERED_WINS), rows[i].delivered_wins);
		assert_int_equal(shown(other, POLICY_DELIVERED_WINS), rows[i].delivered_wins);
		assert_int_equal(shown(one, POLICY_FAILURE_WINS), rows[i].failure_wins);
		assert_int_equal(shown(other, POLICY_FAILURE_WINS), rows[i].failure_wins);
		assert_int_equal(shown(one, POLICY_FIRST_FINAL), rows[i].first);
		assert_int_equal(shown(other, POLICY_FIRST_FINAL), rows[i].second);
	}
	assert_false(conflicts(FOLD(STATUS_FAILED, STATUS_FAILED)));
	assert_false(conflicts(FOLD(STATUS_SENT, STATUS_FAILED)));
}

static void
the_first_final_stays_the_first(void **state)
{
	(void)state;
	struct message message =
	    FOLD(STATUS_SENT, STATUS_UNDELIVERED, STATUS_DELIVERED, STATUS_FAILED);
	assert_int_equal(message.first_final, STATUS_UNDELIVERED);
	assert_int_equal(outcome(message, POLICY_FIRST_FINAL), OUTCOME_FAILED);
}

static void
a_reply_that_says_stop_opts_out(void **state)
{
	(void)state;
	struct message message = MESSAGE_EMPTY;
	struct event event = receipt_of(STATUS_RECEIVED, T0);
	event.keyword = SLICE("stop"); /* what the decoder does not take for one */
	message_fold(&message, &event);
	assert_false(message.opted_out);
	event.consent = CONSENT_IN;
	message_fold(&message, &event);
	assert_false(message.opted_out);
	event.consent = CONSENT_OUT;
	message_fold(&message, &event);
	assert_true(message.opted_out);
	event.consent = CONSENT_SILENT;
	message_fold(&message, &event);
	assert_true(message.opted_out);
	assert_true(message.received_us == T0);
}

static void
a_duplicate_has_the_same_status_code_and_date(void **state)
{
	(void)state;
	struct event one = receipt_of(STATUS_FAILED, T0), other = receipt_of(STATUS_FAILED, T0 + 9);
	one.done_date = other.done_date = SLICE("2308102223");
	one.error_code = other.error_code = 30005;
	assert_true(receipt_is_duplicate(&one, &other)); /* whenever it comes */
	other.error_code = -1;
	assert_false(receipt_is_duplicate(&one, &other));
	other.error_code = 30005;
	other.done_date = SLICE("2308102224");
	assert_false(receipt_is_duplicate(&one, &other));
	other.done_date = SLICE_NONE;
	assert_false(receipt_is_duplicate(&one, &other));
	other.stream = true; /* Event Streams need not have the date */
	assert_true(receipt_is_duplicate(&one, &other));
	one.stream = true;
	assert_false(receipt_is_duplicate(&one, &other));
	one.stream = false;
	other = receipt_of(STATUS_UNDELIVERED, T0);
	other.done_date = one.done_date;
	other.error_code = 30005;
	assert_false(receipt_is_duplicate(&one, &other));
	struct event unknown = receipt_of(STATUS_UNKNOWN, T0), another = unknown;
	assert_true(receipt_is_duplicate(&unknown, &another));
	another.status_text = SLICE("lost");
	assert_false(receipt_is_duplicate(&unknown, &another));
	struct event reply = receipt_of(STATUS_RECEIVED, T0), again = reply;
	again.error_code = 11200; /* from the fallback URL */
	again.body = SLICE("other");
	assert_true(receipt_is_duplicate(&reply, &again));
}

static void
of_two_events_the_one_with_the_lower_number_arrived_first(void **state)
{
	(void)state;
	struct event event = receipt_of(STATUS_SENT, T0);
	event.journal_seq = 7;
	assert_true(event_arrived_before(&event, T0, 8));
	assert_false(event_arrived_before(&event, T0, 7));
	assert_false(event_arrived_before(&event, T0, 6));
	assert_true(event_arrived_before(&event, T0 + 1, 6)); /* the time comes first */
	assert_false(event_arrived_before(&event, T0 - 1, 8));
}

static void
any_order_and_any_duplication_give_the_same_message(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct event events[2 * RECEIPTS_MAX];
		size_t count = random_receipts(events);
		struct message expected = fold_all(events, count);
		for (size_t copies = random_below((unsigned)count + 1); copies > 0; copies--) {
			events[count] = events[random_below((unsigned)count)];
			count++;
		}
		shuffle(events, count);
		struct message message = fold_all(events, count);
		assert_true(messages_agree(&message, &expected));
		assert_int_equal(
		    message.first_final == STATUS_UNKNOWN, (message.seen & STATUS_FINALS) == 0);
		if (message.first_final != STATUS_UNKNOWN)
			assert_true((message.seen & STATUS_BIT(message.first_final)) != 0);
		for (int policy = POLICY_DELIVERED_WINS; policy <= POLICY_FAILURE_WINS; policy++) {
			enum conflict_policy each = (enum conflict_policy)policy;
			assert_int_equal(
			    message_status(&message, each), message_status(&expected, each));
			assert_int_equal(
			    message_outcome(&message, each), message_outcome(&expected, each));
		}
		assert_int_equal(message_conflicts(&message), message_conflicts(&expected));
	}
}

static void
every_order_of_few_receipts_gives_the_same_message(void **state)
{
	(void)state;
	static const size_t orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int code = 0; code < STATUS_COUNT * STATUS_COUNT * STATUS_COUNT; code++) {
		struct event events[3] = {
		    receipt_of((enum message_status)(code % STATUS_COUNT), T0),
		    receipt_of((enum message_status)(code / STATUS_COUNT % STATUS_COUNT), T0 + 5),
		    receipt_of((enum message_status)(code / STATUS_COUNT / STATUS_COUNT), T0 + 3)};
		for (size_t i = 1; i < 3; i++) /* equal receipts have equal times */
			for (size_t k = 0; k < i; k++)
				if (events[i].status == events[k].status)
					events[i].time_us = events[k].time_us;
		struct message expected = fold_all(events, 3);
		for (size_t i = 1; i < COUNT_OF(orders); i++) {
			const struct event ordered[] = {
			    events[orders[i][0]], events[orders[i][1]], events[orders[i][2]]};
			struct message message = fold_all(ordered, 3);
			assert_true(messages_agree(&message, &expected));
			assert_int_equal(message_status(&message, POLICY_DELIVERED_WINS),
			    message_status(&expected, POLICY_DELIVERED_WINS));
			assert_int_equal(message_status(&message, POLICY_FAILURE_WINS),
			    message_status(&expected, POLICY_FAILURE_WINS));
		}
	}
}

static void
policies_are_known_by_name(void **state)
{
	(void)state;
	enum conflict_policy policy;
	for (int i = POLICY_DELIVERED_WINS; i <= POLICY_FIRST_FINAL; i++) {
		assert_true(conflict_policy_from_name(
		    conflict_policy_name((enum conflict_policy)i), &policy));
		assert_int_equal(policy, i);
	}
	assert_slice(conflict_policy_name(POLICY_DELIVERED_WINS), "delivered-wins");
	assert_slice(conflict_policy_name(POLICY_FAILURE_WINS), "failure-wins");
	assert_slice(conflict_policy_name(POLICY_FIRST_FINAL), "first-final");
	assert_false(conflict_policy_from_name(SLICE("last-final"), &policy));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_known_before_the_first_receipt),
	    cmocka_unit_test(each_fact_has_its_earliest_time),
	    cmocka_unit_test(a_late_lower_status_moves_nothing),
	    cmocka_unit_test(an_unknown_status_moves_nothing),
	    cmocka_unit_test(failed_and_undelivered_both_count_as_failed),
	    cmocka_unit_test(an_error_code_alone_does_not_make_a_failure),
	    cmocka_unit_test(the_code_is_the_last_one_on_a_failing_receipt),
	    cmocka_unit_test(read_implies_delivered),
	    cmocka_unit_test(two_finals_are_settled_by_the_policy),
	    cmocka_unit_test(the_first_final_stays_the_first),
	    cmocka_unit_test(a_reply_that_says_stop_opts_out),
	    cmocka_unit_test(a_duplicate_has_the_same_status_code_and_date),
	    cmocka_unit_test(of_two_events_the_one_with_the_lower_number_arrived_first),
	    cmocka_unit_test(any_order_and_any_duplication_give_the_same_message),
	    cmocka_unit_test(every_order_of_few_receipts_gives_the_same_message),
	    cmocka_unit_test(policies_are_known_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
