/* callback: what the parameters of a genuine request say.
 *
 * Twilio adds parameters without notice, so nothing here depends on a closed list: what has no
 * field of its own is kept as JSON beside them. What cannot be read as a status callback or an
 * inbound message is CALLBACK_UNRECOGNISED: kept, shown, and never refused. Pure; any thread. */
#ifndef DLRD_TWILIO_CALLBACK_H
#define DLRD_TWILIO_CALLBACK_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/form.h"
#include "dlrd/twilio/keyword.h"

/* What a route is configured to receive. ROUTE_AUTO looks at the content. */
enum route_kind {
	ROUTE_AUTO,
	ROUTE_STATUS,
	ROUTE_INBOUND,
	ROUTE_CLICK,
	ROUTE_EVENTS,
	ROUTE_DEBUGGER
};

enum callback_kind { CALLBACK_STATUS, CALLBACK_INBOUND, CALLBACK_UNRECOGNISED };

/* All slices are borrowed from the form; absent where the request has no such parameter or an empty
 * one. */
struct callback {
	enum callback_kind kind;
	struct slice message; /* MessageSid, else SmsSid, else SmsMessageSid */
	struct slice status;  /* MessageStatus, else SmsStatus */
	int64_t error_code;   /* ErrorCode; -1 where there is none or it is no number of 1 to 9
				 digits (then it is kept beside) */
	struct slice account; /* AccountSid */
	struct slice from, to;
	struct slice service;   /* MessagingServiceSid */
	struct slice body;      /* Body; present and perhaps empty for an inbound message */
	struct slice done_date; /* RawDlrDoneDate */
	enum keyword keyword;   /* of an inbound message; OptOutType wins over the Body */
};

/* false for a name that is no kind; names are auto, status, inbound, click, events, debugger. */
bool route_kind_from_name(struct slice name, enum route_kind *out_kind);
const char *route_kind_name(enum route_kind kind);

/* Reads what arrived on a route of that kind. A request that contradicts the route's kind, or whose
 * MessageSid is not 1 to CALLBACK_SID_MAX letters and digits, is CALLBACK_UNRECOGNISED. */
struct callback callback_read(const struct form *form, enum route_kind kind);

#define CALLBACK_SID_MAX 64

/* Appends a JSON object of the parameters that have no field in callback, or nothing where there
 * are none. RESULT_NO_MEMORY. */
must_check enum result callback_extra(
    const struct form *form, const struct callback *callback, struct buffer *out);

#endif
