/* json_callback: a JSON body on a route of any kind. Lines: the route's kind; the body. */
#include "dlrd/twilio/json_callback.h"

#include "callbacks.h"

static enum result
on_callback(void *context, const struct callback *callback, struct slice extra, struct slice raw)
{
	size_t *count = context;
	++*count;
	fuzz_check_callback(callback, extra);
	CHECK((raw.ptr != NULL) == (callback->kind == CALLBACK_UNRECOGNISED));
	CHECK(raw.ptr == NULL || extra.ptr == NULL);
	return RESULT_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	enum route_kind kind = fuzz_kind(fuzz_line(&input));
	size_t count = 0;
	CHECK_OK(callback_read_json(fuzz_rest(&input), kind, on_callback, &count));
	CHECK(count > 0);
	fuzz_end(&input);
	return 0;
}
