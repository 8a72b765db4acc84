/* rollup: a message's contribution to the figures, for any order of its receipts. */
#include "receipts.h"

#define HOUR0 INT64_C(480000)

static const enum conflict_policy policies[] = {
    POLICY_DELIVERED_WINS, POLICY_FAILURE_WINS, POLICY_FIRST_FINAL};

static int64_t
hour_of(const struct rollup *rollup, enum figure figure)
{
	for (size_t i = 0; i < rollup->count; i++)
		if (rollup->items[i].figure == figure)
			return rollup->items[i].hour;
	return -1;
}

static void
no_receipt_adds_nothing(void **state)
{
	(void)state;
	struct message message = MESSAGE_EMPTY;
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		struct rollup rollup = rollup_of(&message, policies[i]);
		assert_int_equal(rollup.count, 0);
		assert_false(rollup.failed);
	}
}

static void
each_fact_counts_in_the_hour_of_its_earliest_receipt(void **state)
{
	(void)state;
	struct event events[] = {receipt_of(STATUS_QUEUED, HOUR0 * CLOCK_HOUR_US),
	    receipt_of(STATUS_SENT, (HOUR0 + 1) * CLOCK_HOUR_US),
	    receipt_of(STATUS_DELIVERED, (HOUR0 + 2) * CLOCK_HOUR_US),
	    receipt_of(STATUS_READ, (HOUR0 + 4) * CLOCK_HOUR_US - 1)};
	struct message message = fold_all(events, COUNT_OF(events));
	struct rollup rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(rollup.count, 4);
	assert_int_equal(hour_of(&rollup, FIGURE_MESSAGES), HOUR0);
	assert_int_equal(hour_of(&rollup, FIGURE_SENT), HOUR0 + 1);
	assert_int_equal(hour_of(&rollup, FIGURE_DELIVERED), HOUR0 + 2);
	assert_int_equal(hour_of(&rollup, FIGURE_READ), HOUR0 + 3);
}

static void
pending_is_sent_without_a_final_word(void **state)
{
	(void)state;
	struct event sent = receipt_of(STATUS_SENT, HOUR0 * CLOCK_HOUR_US);
	struct event queued = receipt_of(STATUS_QUEUED, HOUR0 * CLOCK_HOUR_US);
	struct message message = fold_all(&sent, 1);
	struct rollup rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(figure_of(&rollup, FIGURE_PENDING), 1);
	message = fold_all(&queued, 1);
	rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(figure_of(&rollup, FIGURE_PENDING), 0);
	assert_int_equal(figure_of(&rollup, FIGURE_MESSAGES), 1);
}

static void
a_failure_is_counted_under_its_code(void **state)
{
	(void)state;
	struct event failed = receipt_of(STATUS_FAILED, (HOUR0 + 3) * CLOCK_HOUR_US);
	struct message message = fold_all(&failed, 1);
	struct rollup rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_true(rollup.failed);
	assert_int_equal(rollup.error_code, -1);
	assert_int_equal(rollup.error_hour, HOUR0 + 3);
	assert_int_equal(figure_of(&rollup, FIGURE_SENT), 0);
	struct event sent = receipt_of(STATUS_SENT, HOUR0 * CLOCK_HOUR_US);
	message_fold(&message, &sent);
	rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(rollup.error_hour, HOUR0 + 3);
	assert_int_equal(hour_of(&rollup, FIGURE_FAILED), HOUR0 + 3);
	failed.error_code = 30007;
	message = fold_all(&failed, 1);
	assert_int_equal(rollup_of(&message, POLICY_DELIVERED_WINS).error_code, 30007);
}

static void
a_reply_is_no_message_of_the_campaign(void **state)
{
	(void)state;
	struct event reply = receipt_of(STATUS_RECEIVED, HOUR0 * CLOCK_HOUR_US);
	struct message message = fold_all(&reply, 1);
	struct rollup rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(rollup.count, 1);
	assert_int_equal(figure_of(&rollup, FIGURE_REPLIED), 1);
	reply.consent = CONSENT_OUT;
	message = fold_all(&reply, 1);
	rollup = rollup_of(&message, POLICY_DELIVERED_WINS);
	assert_int_equal(rollup.count, 2);
	assert_int_equal(figure_of(&rollup, FIGURE_OPTED_OUT), 1);
}

static void
any_order_and_any_duplication_give_the_same_rollup(void **state)
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
		for (size_t i = 0; i < 2; i++) {
			struct rollup a = rollup_of(&expected, policies[i]),
				      b = rollup_of(&message, policies[i]);
			assert_true(rollups_agree(&a, &b));
		}
	}
}

static void
each_message_counts_once_and_the_figures_agree(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct event events[RECEIPTS_MAX];
		size_t count = random_receipts(events);
		struct message message = fold_all(events, count);
		bool outbound = false;
		for (size_t i = 0; i < count; i++)
			outbound |= events[i].status != STATUS_RECEIVED;
		for (size_t i = 0; i < COUNT_OF(policies); i++) {
			struct rollup rollup = rollup_of(&message, policies[i]);
			int64_t of[FIGURE_COUNT];
			assert_true(rollup.count <= CONTRIBUTIONS_MAX);
			for (int figure = 0; figure < FIGURE_COUNT; figure++) {
				of[figure] = figure_of(&rollup, (enum figure)figure);
				assert_in_range(of[figure], 0, 1);
			}
			int64_t final =
			    of[FIGURE_DELIVERED] + of[FIGURE_FAILED] + of[FIGURE_CANCELED];
			assert_int_equal(of[FIGURE_MESSAGES], outbound);
			assert_in_range(final, 0, 1);
			assert_true(of[FIGURE_SENT] >= of[FIGURE_DELIVERED]);
			assert_true(of[FIGURE_DELIVERED] >= of[FIGURE_READ]);
			assert_int_equal(of[FIGURE_PENDING], of[FIGURE_SENT] == 1 && final == 0);
			assert_int_equal(of[FIGURE_CONFLICTS], message_conflicts(&message));
			assert_int_equal(rollup.failed, of[FIGURE_FAILED] == 1);
			assert_true(of[FIGURE_REPLIED] >= of[FIGURE_OPTED_OUT]);
			for (size_t k = 0; k < rollup.count; k++)
				assert_in_range(rollup.items[k].hour, HOUR0, HOUR0 + 4);
		}
	}
}

static void
figures_have_distinct_names(void **state)
{
	(void)state;
	for (int i = 0; i < FIGURE_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(
			    figure_name((enum figure)i), figure_name((enum figure)k));
	assert_string_equal(figure_name(FIGURE_OPTED_OUT), "opted_out");
}

/* A class is not above its delay, and its middle is near it. */
static void
a_delay_is_near_the_middle_of_its_class(void **state)
{
	(void)state;
	assert_int_equal(delay_class(-5), 0);
	assert_int_equal(delay_class(0), 0);
	assert_int_equal(delay_class(INT64_MAX), INT64_MAX >> 57 << 57);
	for (int64_t ms = 1, last = 0; ms < INT64_C(40) * 24 * 3600 * 1000; ms += 1 + ms / 97) {
		int64_t class = delay_class(ms);
		double middle = (double)class * 1.0117;
		assert_true(class <= ms && class >= last && delay_class(class) == class);
		assert_true(middle < (double)ms * 1.02 && middle > (double)ms * 0.98);
		last = class;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_receipt_adds_nothing),
	    cmocka_unit_test(each_fact_counts_in_the_hour_of_its_earliest_receipt),
	    cmocka_unit_test(pending_is_sent_without_a_final_word),
	    cmocka_unit_test(a_delay_is_near_the_middle_of_its_class),
	    cmocka_unit_test(a_failure_is_counted_under_its_code),
	    cmocka_unit_test(a_reply_is_no_message_of_the_campaign),
	    cmocka_unit_test(any_order_and_any_duplication_give_the_same_rollup),
	    cmocka_unit_test(each_message_counts_once_and_the_figures_agree),
	    cmocka_unit_test(figures_have_distinct_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
