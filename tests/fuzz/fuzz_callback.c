/* callback: a form on a route of any kind. Lines: the route's kind; the form. */
#include "callbacks.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	enum route_kind kind = fuzz_kind(fuzz_line(&input));
	struct form form = FORM_EMPTY;
	struct buffer extra = BUFFER_EMPTY;
	if (form_decode(&form, fuzz_rest(&input), 512) == RESULT_OK) {
		struct callback callback = callback_read(&form, kind);
		CHECK_OK(callback_extra(&form, &callback, &extra));
		CHECK(!callback.stream && callback.kind != CALLBACK_CLICK);
		fuzz_check_callback(&callback, extra.len == 0 ? SLICE_NONE : buffer_slice(&extra));
	}
	buffer_done(&extra);
	form_done(&form);
	fuzz_end(&input);
	return 0;
}
