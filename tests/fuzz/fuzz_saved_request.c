/* saved_request: a request as dlrd explain reads it from a file. */
#include "cli/saved_request.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct saved_request request = {.incoming.signatures = 0};
	struct failure failure = {""};
	if (saved_request_read(text, &request, &failure) == RESULT_OK) {
		CHECK(request.incoming.method.len > 0);
		CHECK(request.incoming.body.len <= text.len &&
		      request.incoming.target.len <= text.len);
		CHECK(
		    (request.incoming.signature.ptr != NULL) == (request.incoming.signatures > 0));
	} else
		CHECK(failure.text[0] != '\0');
	fuzz_end(&input);
	return 0;
}
