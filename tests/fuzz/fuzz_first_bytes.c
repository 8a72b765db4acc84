/* first_bytes: the beginning of a connection. The pieces that it arrives in change nothing. */
#include "intake/first_bytes.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct slice first = {text.ptr, text.len < FIRST_BYTES_MAX ? text.len : FIRST_BYTES_MAX};
	enum opening opening = opening_of(first);
	log_set_level(LOG_ERROR);
	for (size_t piece = 1; piece <= FIRST_BYTES_MAX; piece += 6) {
		bool more = true;
		first_bytes_watch(7, NULL);
		for (size_t at = 0; at < text.len && more; at += piece) {
			size_t left = text.len - at;
			struct slice part = {text.ptr + at, left < piece ? left : piece};
			more = first_bytes_see(7, part);
		}
		CHECK(more == (opening != OPENING_TLS));
		CHECK(first_bytes_forget(7) == opening);
	}
	fuzz_end(&input);
	return 0;
}
