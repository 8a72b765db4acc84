/* attribution: the likeliest message, whichever order the candidates come in. */
#include "testing.h"

#include "dlrd/base/buffer.h"
#include "dlrd/model/attribution.h"

#define NOW 1000

static struct candidate
candidate(int64_t message_id, int64_t campaign_id, int64_t first_us, bool failed)
{
	return (struct candidate){.message_id = message_id,
	    .sid = {(char)('z' - message_id)},
	    .sid_len = 1,
	    .tagset_id = 10 * campaign_id,
	    .campaign_id = campaign_id,
	    .first_us = first_us,
	    .failed = failed};
}

/* In each rotation of the candidates. */
static void
assert_choice(const struct candidate *candidates, size_t count, enum attribution_rule rule,
    int64_t message_id, int64_t campaigns)
{
	for (size_t turn = 0; turn < count; turn++) {
		struct candidate turned[16];
		for (size_t i = 0; i < count; i++)
			turned[i] = candidates[(i + turn) % count];
		struct attribution chosen = attribution_choose(turned, count, NOW);
		assert_int_equal(chosen.rule, rule);
		assert_int_equal(chosen.message_id, message_id);
		assert_int_equal(chosen.campaigns, campaigns);
	}
}

static void
without_a_candidate_there_is_none(void **state)
{
	(void)state;
	struct attribution chosen = attribution_choose(NULL, 0, NOW);
	assert_int_equal(chosen.rule, ATTRIBUTION_NONE);
	assert_int_equal(chosen.message_id, 0);
	assert_int_equal(chosen.tagset_id, 0);
	assert_int_equal(chosen.campaigns, 0);
}

static void
the_latest_before_the_reply_is_chosen(void **state)
{
	(void)state;
	const struct candidate candidates[] = {candidate(1, 1, 100, false),
	    candidate(2, 2, 900, false), candidate(3, 1, 500, false),
	    candidate(4, 3, NOW + 1, false)};
	assert_choice(candidates, 4, ATTRIBUTION_LATEST, 2, 3);
	struct attribution chosen = attribution_choose(candidates, 4, NOW);
	assert_int_equal(chosen.tagset_id, 20);
}

static void
one_of_the_same_moment_is_before_the_reply(void **state)
{
	(void)state;
	const struct candidate candidates[] = {
	    candidate(1, 1, NOW, false), candidate(2, 1, NOW + 1, false)};
	assert_choice(candidates, 2, ATTRIBUTION_LATEST, 1, 1);
}

static void
without_one_before_the_first_after_is_chosen(void **state)
{
	(void)state;
	const struct candidate candidates[] = {candidate(1, 1, NOW + 9, false),
	    candidate(2, 2, NOW + 5, false), candidate(3, 1, NOW + 7, false)};
	assert_choice(candidates, 3, ATTRIBUTION_LATE, 2, 2);
}

static void
a_failed_one_is_chosen_only_where_all_have_failed(void **state)
{
	(void)state;
	const struct candidate candidates[] = {
	    candidate(1, 1, 100, false), candidate(2, 1, 900, true), candidate(3, 1, 950, true)};
	assert_choice(candidates, 3, ATTRIBUTION_LATEST, 1, 1);
	assert_choice(candidates + 1, 2, ATTRIBUTION_LATEST, 3, 1);
	const struct candidate late[] = {
	    candidate(1, 1, NOW + 1, true), candidate(2, 1, NOW + 5, false)};
	assert_choice(late, 2, ATTRIBUTION_LATE, 2, 1);
}

static void
of_two_at_the_same_time_the_one_with_the_greater_sid_is_chosen(void **state)
{
	(void)state;
	const struct candidate before[] = {candidate(7, 1, 5, false), candidate(8, 2, 5, false)};
	assert_choice(before, 2, ATTRIBUTION_LATEST, 7, 2);
	const struct candidate after[] = {
	    candidate(7, 1, NOW + 5, false), candidate(8, 2, NOW + 5, false)};
	assert_choice(after, 2, ATTRIBUTION_LATE, 7, 2);
}

static void
each_campaign_counts_once(void **state)
{
	(void)state;
	struct candidate candidates[16];
	for (int i = 0; i < 16; i++)
		candidates[i] = candidate(i + 1, i % 5, i, i % 2 == 0);
	assert_choice(candidates, 16, ATTRIBUTION_LATEST, 16, 5);
}

static void
each_rule_has_a_name(void **state)
{
	(void)state;
	struct buffer names = BUFFER_EMPTY;
	for (enum attribution_rule rule = ATTRIBUTION_NONE; rule <= ATTRIBUTION_LATE; rule++) {
		if (names.len > 0)
			buffer_append_byte(&names, '|');
		buffer_append(&names, attribution_rule_name(rule));
	}
	assert_slice(buffer_slice(&names), ATTRIBUTION_RULES);
	buffer_done(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_candidate_there_is_none),
	    cmocka_unit_test(the_latest_before_the_reply_is_chosen),
	    cmocka_unit_test(one_of_the_same_moment_is_before_the_reply),
	    cmocka_unit_test(without_one_before_the_first_after_is_chosen),
	    cmocka_unit_test(a_failed_one_is_chosen_only_where_all_have_failed),
	    cmocka_unit_test(of_two_at_the_same_time_the_one_with_the_greater_sid_is_chosen),
	    cmocka_unit_test(each_campaign_counts_once),
	    cmocka_unit_test(each_rule_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
