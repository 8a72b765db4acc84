#include "token_bucket.h"

#define TOKEN INT64_C(1000000)

struct token_bucket
token_bucket_full(struct quarantine_rate rate)
{
	return (struct token_bucket){.rate = rate, .millionths = rate.burst * TOKEN};
}

bool
token_bucket_take(struct token_bucket *bucket)
{
	int64_t now_us = clock_monotonic_us(), most = bucket->rate.burst * TOKEN;
	int64_t filling_us = most / bucket->rate.per_second + 1; /* a longer time adds nothing */
	int64_t passed_us = now_us - bucket->seen_us;

	if (passed_us > filling_us)
		passed_us = filling_us;
	bucket->millionths += passed_us * bucket->rate.per_second;
	bucket->seen_us = now_us;
	if (bucket->millionths > most)
		bucket->millionths = most;
	if (bucket->millionths < TOKEN)
		return false;

	bucket->millionths -= TOKEN;
	return true;
}
