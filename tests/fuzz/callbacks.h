/* callbacks: properties of every decoded callback, for all kinds of input. */
#ifndef DLRD_TESTS_FUZZ_CALLBACKS_H
#define DLRD_TESTS_FUZZ_CALLBACKS_H

#include "dlrd/twilio/callback.h"

#include "fuzz.h"

static inline enum route_kind
fuzz_kind(struct slice line)
{
	enum route_kind kind = ROUTE_AUTO;
	return route_kind_from_name(line, &kind) ? kind : ROUTE_AUTO;
}

static inline void
fuzz_check_callback(const struct callback *callback, struct slice extra)
{
	CHECK(callback->error_code == -1 ||
	      (callback->error_code > 0 && callback->error_code <= 999999999));
	if (callback->kind == CALLBACK_STATUS || callback->kind == CALLBACK_INBOUND ||
	    callback->kind == CALLBACK_CLICK)
		CHECK(callback_is_sid(callback->message));
	if (extra.ptr != NULL)
		fuzz_check_json(extra, JSON_KIND_OBJECT);
}

#endif
