/* callback: reads the parameters of a genuine form request. json_callback.h reads JSON requests.
 *
 * Twilio adds parameters without notice: parameters without a field are stored as JSON. A request
 * that cannot be read as a status callback or an inbound message is CALLBACK_UNRECOGNISED: stored,
 * shown, and never refused. Pure; any thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/form.h"

/* The callbacks that a route is configured to receive. ROUTE_AUTO decides by the content. */
enum route_kind {
	ROUTE_AUTO,
	ROUTE_STATUS,
	ROUTE_INBOUND,
	ROUTE_CLICK,
	ROUTE_EVENTS,
	ROUTE_DEBUGGER
};

enum callback_kind {
	CALLBACK_STATUS,
	CALLBACK_INBOUND,
	CALLBACK_CLICK,   /* a person opened a shortened link */
	CALLBACK_PREVIEW, /* a program fetched the link for a preview */
	CALLBACK_ALERT,   /* Twilio's debugger reports a failed request, from Twilio or to Twilio */
	CALLBACK_REASSIGNED, /* a number has a new owner; Twilio may have opted it out */
	CALLBACK_NOTICE,     /* known and without effect: a sink's test event, a new link */
	CALLBACK_UNRECOGNISED
};

/* All slices are borrowed from the request; absent if the request has no value. */
struct callback {
	enum callback_kind kind;
	struct slice message; /* MessageSid, else SmsSid, else SmsMessageSid */
	/* MessageStatus, else SmsStatus, else a channel's EventType; "read" if EventType is READ,
	 * unless the status is a failure. Other kinds: "click", "preview", "test",
	 * "link-shortened"; an alert's level in lower case; Twilio's action for a reassigned number
	 * ("opt-out-created"). */
	struct slice status;
	/* ErrorCode; -1 if it is absent, is not a number of 1 to 9 digits (callback_extra then
	 * contains it), or is the reason why a fallback URL was called. */
	int64_t error_code;
	struct slice account; /* AccountSid */
	struct slice from, to;
	struct slice alias;      /* ExternalUserId: a channel's ID of the person */
	struct slice service;    /* MessagingServiceSid */
	struct slice body;       /* Body; may be present and empty */
	struct slice done_date;  /* RawDlrDoneDate */
	struct slice opt_out;    /* OptOutType */
	struct slice original;   /* OriginalRepliedMessageSid */
	struct slice link;       /* the opened link */
	struct slice occurred;   /* time of the event, from the request; usually RFC 3339 */
	struct slice reference;  /* ID of the request itself: a CloudEvent's id, an alert's Sid */
	struct slice status_url; /* the message's callback URL, from Event Streams */
	struct slice payload;    /* an alert's Payload, JSON (alert.h) */
	struct slice call;       /* CallSid, if the request is a voice callback */
	/* ErrorUrl and ErrorCode of an inbound message or a voice callback: the request that failed
	 * before Twilio called a fallback URL. Absent; 0 for none. */
	struct slice failed_url;
	int64_t failed_code;
	bool stream; /* received from Event Streams */
};

/* Returns false for an unknown name; names are auto, status, inbound, click, events, debugger. */
bool route_kind_from_name(struct slice name, enum route_kind *out_kind);
const char *route_kind_name(enum route_kind kind);

/* Reads a form that arrived on a route of that kind: a status callback, an inbound message, or an
 * event of the debugger (Sid NO..., with a Level or a Payload). Returns CALLBACK_UNRECOGNISED if
 * the request contradicts the route's kind, its MessageSid is not a SID, or it is a webhook of
 * Conversations (EventType onMessageAdded and similar). Clicks and CloudEvents are never forms. */
struct callback callback_read(const struct form *form, enum route_kind kind);

#define CALLBACK_SID_LEN 34

/* Returns whether the SID belongs to a message in a conversation (IM...). Such a message was not
 * sent to a person: messages that Conversations sends have their own SIDs and callbacks. */
bool callback_is_conversation(struct slice sid);

/* Rules that both readers share.
 *
 * callback_is_sid: text is two ASCII letters and 32 hexadecimal digits
 * (docs/glossary/what-is-a-sid).
 * callback_error_code: the number of an ErrorCode; -1 if it is 0 or not a number of 1 to 9 digits.
 * callback_has_known_opt_out: OptOutType is absent or documented, so the keyword determines it.
 * callback_level: an alert's level in lower case, from static memory; an unknown level is returned
 * unchanged. */
bool callback_is_sid(struct slice text);
int64_t callback_error_code(struct slice text);
bool callback_has_known_opt_out(const struct callback *callback);
struct slice callback_level(struct slice text);

/* Appends a JSON object of the parameters that the fields of callback do not hold; nothing if
 * no parameter remains. It includes Payload, an undocumented OptOutType, and parameters of replies
 * in another kind of callback, since an event does not store these as they are. RESULT_NO_MEMORY.
 */
must_check enum result callback_extra(
    const struct form *form, const struct callback *callback, struct buffer *out);
