#include "simulate_histogram.h"

#include <stddef.h>

#define STEP_BITS SIMULATE_HISTOGRAM_STEP_BITS
#define LONGEST_US ((INT64_C(1) << SIMULATE_HISTOGRAM_BITS) - 1)

/* Returns the right shift after which a time fits into STEP_BITS + 1 bits: 0 below 2^(STEP_BITS +
 * 1). */
static unsigned
shift_of(uint64_t us)
{
	unsigned bits = us == 0 ? 0 : 64 - (unsigned)__builtin_clzll(us);
	return bits <= STEP_BITS + 1 ? 0 : bits - STEP_BITS - 1;
}

static size_t
bucket_of(uint64_t us)
{
	unsigned shift = shift_of(us);
	return ((size_t)shift << STEP_BITS) + (size_t)(us >> shift);
}

/* Returns the longest time in a bucket. */
static int64_t
end_of(size_t bucket)
{
	size_t shift = bucket < (2u << STEP_BITS) ? 0 : (bucket >> STEP_BITS) - 1;
	uint64_t step = bucket - (shift << STEP_BITS);
	return (int64_t)(((step + 1) << shift) - 1);
}

void
simulate_histogram_add(struct simulate_histogram *histogram, int64_t us)
{
	int64_t within = us < 0 ? 0 : us > LONGEST_US ? LONGEST_US : us;
	histogram->counts[bucket_of((uint64_t)within)]++;
	histogram->total++;
	if (us > histogram->max_us)
		histogram->max_us = us;
}

int64_t
simulate_histogram_quantile(const struct simulate_histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
	for (size_t i = 0; i < SIMULATE_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen > wanted || (seen == histogram->total && seen > 0))
			return end_of(i) < histogram->max_us ? end_of(i) : histogram->max_us;
	}
	return 0;
}
