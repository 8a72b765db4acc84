/* account_sids: the account SIDs in a body of any bytes, found without parsing it. They are those
 * that a search byte for byte finds. */
#include "twilio/account_sids.h"

#include "fuzz.h"

static bool
is_sid(const char *at)
{
	for (size_t i = 2; i < ACCOUNT_SID_LEN; i++)
		if (slice_hex_digit(at[i]) < 0)
			return false;
	return at[0] == 'A' && at[1] == 'C';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct account_sids sids = account_sids_begin(text);
	size_t seen = 0;
	for (struct slice sid; (sid = account_sids_next(&sids)).ptr != NULL;) {
		size_t place = (size_t)(sid.ptr - text.ptr);
		CHECK(sid.len == ACCOUNT_SID_LEN && place + sid.len <= text.len && is_sid(sid.ptr));
		for (; seen < place; seen++)
			CHECK(!is_sid(text.ptr + seen));
		seen = place + 1;
	}
	for (; seen + ACCOUNT_SID_LEN <= text.len; seen++)
		CHECK(!is_sid(text.ptr + seen));
	fuzz_end(&input);
	return 0;
}
