/* token_bucket: bounds how often something may happen, in the long run and at once. Monotonic
 * clock. One thread. */
#pragma once

#include "dlrd/refused/quarantine_values.h"

struct token_bucket {
	struct quarantine_rate rate;
	int64_t millionths; /* of a token */
	int64_t seen_us;
};

/* Makes a full bucket. Neither number of the rate is 0. */
struct token_bucket token_bucket_full(struct quarantine_rate rate);

/* Takes a token; returns false if the bucket is empty. */
bool token_bucket_take(struct token_bucket *bucket);
