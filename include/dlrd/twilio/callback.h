/* callback: what the parameters of a genuine request say. json_callback.h reads the same from JSON.
 *
 * Twilio adds parameters without notice, so nothing here depends on a closed list: what has no
 * field of its own is kept as JSON beside them. What cannot be read as a status callback or an
 * inbound message is CALLBACK_UNRECOGNISED: kept, shown, and never refused. Pure; any thread. */
#ifndef DLRD_TWILIO_CALLBACK_H
#define DLRD_TWILIO_CALLBACK_H

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/form.h"

/* What a route is configured to receive. ROUTE_AUTO looks at the content. */
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
	CALLBACK_PREVIEW, /* a program fetched it to show what is behind it */
	CALLBACK_ALERT, /* Twilio's debugger: a request of Twilio's to us, or of ours, went wrong */
	CALLBACK_REASSIGNED, /* a number has another owner, whom Twilio may have opted out */
	CALLBACK_NOTICE, /* understood, and nothing follows: a sink's test event, a link was made */
	CALLBACK_UNRECOGNISED
};

/* All slices are borrowed from the request; absent where it does not say, or says nothing. */
struct callback {
	enum callback_kind kind;
	struct slice message; /* MessageSid, else SmsSid, else SmsMessageSid */
	struct slice status;  /* MessageStatus, else SmsStatus, else a channel's EventType; "read"
				 where EventType is READ, unless the message is said to have failed;
				 for a click, preview or notice what it is: "click", "preview",
				 "test",  "link-shortened"; for an alert its level in lower case; for
				 a reassigned number what Twilio did: "opt-out-created" */
	int64_t error_code;   /* ErrorCode; -1 where there is none, or it is no number of 1 to 9
				 digits (then it is kept beside), or it tells why a fallback URL was
				 called */
	struct slice account; /* AccountSid */
	struct slice from, to;
	struct slice alias;      /* ExternalUserId: an ID of the person, by a channel */
	struct slice service;    /* MessagingServiceSid */
	struct slice body;       /* Body; perhaps present and empty */
	struct slice done_date;  /* RawDlrDoneDate */
	struct slice opt_out;    /* OptOutType */
	struct slice original;   /* OriginalRepliedMessageSid */
	struct slice link;       /* that was opened */
	struct slice occurred;   /* when it happened, as the request says: RFC 3339 as a rule */
	struct slice reference;  /* what the request itself is known by: a CloudEvent's id, an
				    alert's Sid */
	struct slice status_url; /* the callback URL that Event Streams says the message has */
	struct slice payload;    /* an alert's Payload, JSON (alert.h) */
	bool stream;             /* it was told by Event Streams */
};

/* false for a name that is no kind; names are auto, status, inbound, click, events, debugger. */
bool route_kind_from_name(struct slice name, enum route_kind *out_kind);
const char *route_kind_name(enum route_kind kind);

/* Reads what arrived as a form on a route of that kind: a status callback, an inbound message, or
 * an event of the debugger (Sid NO..., with a Level or a Payload). A request that contradicts the
 * route's kind, whose MessageSid is not a SID, or that is a
 * webhook of Conversations (EventType onMessageAdded and the like) is CALLBACK_UNRECOGNISED; a
 * click and a CloudEvent never come as a form. */
struct callback callback_read(const struct form *form, enum route_kind kind);

#define CALLBACK_SID_LEN 34

/* Whether a SID is that of a message in a conversation (IM...), which is not one that was sent to a
 * person: those that Conversations sends have a SID and callbacks of their own. */
bool callback_is_conversation(struct slice sid);

/* What both readers go by. Whether text is a SID, two ASCII letters and 32 hexadecimal digits
 * (docs/glossary/what-is-a-sid); the
 * number of an ErrorCode, -1 where it is 0 or no number of 1 to 9 digits; whether a reply's keyword
 * tells all that its OptOutType does, as it does of a documented one; an alert's level in lower
 * case, from static memory, or as it came where it is none that Twilio is known to send. */
bool callback_is_sid(struct slice text);
int64_t callback_error_code(struct slice text);
bool callback_tells_opt_out(const struct callback *callback);
struct slice callback_level(struct slice text);

/* Appends a JSON object of the parameters that have no field in callback, or nothing where there
 * are none. Payload, an OptOutType that is not documented, and what only a reply can say beside
 * another callback are among them: of these an event keeps no more than what follows from them.
 * RESULT_NO_MEMORY. */
must_check enum result callback_extra(
    const struct form *form, const struct callback *callback, struct buffer *out);

#endif
