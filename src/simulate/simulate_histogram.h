/* simulate_histogram: latencies in a fixed amount of memory.
 *
 * Log-linear: each power of two of microseconds is divided into 64 equal steps, so a percentile is
 * exact below 128 us and at most 1/64 too high above. A plain value; zero-initialize. */
#pragma once

#include <stdint.h>

#define SIMULATE_HISTOGRAM_STEP_BITS 6
#define SIMULATE_HISTOGRAM_BITS 40 /* longer times (12 days) count as this long */
#define SIMULATE_HISTOGRAM_BUCKETS                                    \
	((SIMULATE_HISTOGRAM_BITS - SIMULATE_HISTOGRAM_STEP_BITS + 1) \
	    << SIMULATE_HISTOGRAM_STEP_BITS)

struct simulate_histogram {
	uint64_t counts[SIMULATE_HISTOGRAM_BUCKETS];
	uint64_t total;
	int64_t max_us; /* exact */
};

void simulate_histogram_add(struct simulate_histogram *histogram, int64_t us);

/* Returns the time that `share` (0 to 1) of the observations did not exceed; 0 without
 * observations. */
int64_t simulate_histogram_quantile(const struct simulate_histogram *histogram, double share);
