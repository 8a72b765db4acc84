#include "dlrd/model/attribution.h"

struct slice
attribution_rule_name(enum attribution_rule rule)
{
	static const struct slice names[] = {
	    [ATTRIBUTION_NONE] = SLICE_INIT("none"),
	    [ATTRIBUTION_ORIGINAL] = SLICE_INIT("original"),
	    [ATTRIBUTION_TAGS] = SLICE_INIT("tags"),
	    [ATTRIBUTION_LATEST] = SLICE_INIT("latest"),
	    [ATTRIBUTION_LATE] = SLICE_INIT("late"),
	};
	return names[rule];
}

/* Whether a is the likelier of two: before the reply rather than after it, not failed, near to it.
 * Of two in the same microsecond the one with the greater SID is. */
static bool
is_likelier(const struct candidate *a, const struct candidate *b, int64_t time_us)
{
	bool a_late = a->first_us > time_us, b_late = b->first_us > time_us;
	if (a_late != b_late)
		return b_late;
	if (a->failed != b->failed)
		return b->failed;

	if (a->first_us != b->first_us)
		return a_late == (a->first_us < b->first_us);
	return slice_compare(
		   (struct slice){a->sid, a->sid_len}, (struct slice){b->sid, b->sid_len}) > 0;
}

static int64_t
count_campaigns(const struct candidate *candidates, size_t count)
{
	int64_t campaigns = 0;
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (candidates[k].campaign_id != candidates[i].campaign_id)
			k++;
		campaigns += k == i;
	}
	return campaigns;
}

struct attribution
attribution_choose(const struct candidate *candidates, size_t count, int64_t time_us)
{
	if (count == 0)
		return (struct attribution){.rule = ATTRIBUTION_NONE};

	const struct candidate *best = &candidates[0];

	for (size_t i = 1; i < count; i++)
		if (is_likelier(&candidates[i], best, time_us))
			best = &candidates[i];
	return (struct attribution){
	    .rule = best->first_us > time_us ? ATTRIBUTION_LATE : ATTRIBUTION_LATEST,
	    .message_id = best->message_id,
	    .tagset_id = best->tagset_id,
	    .campaigns = count_campaigns(candidates, count)};
}
