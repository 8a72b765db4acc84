/* alert: the Payload of an alert of Twilio's debugger. */
#include "dlrd/twilio/alert.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct alert alert;
	alert_read(fuzz_rest(&input), &alert);
	CHECK(alert.error_code == -1 || (alert.error_code >= 0 && alert.error_code <= 999999999));
	CHECK(alert.response_status >= -1);
	const struct slice texts[] = {
	    alert.resource, alert.service, alert.request_url, alert.method, alert.text};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		CHECK(slice_is_utf8(texts[i]));
	alert_done(&alert);
	fuzz_end(&input);
	return 0;
}
