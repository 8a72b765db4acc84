/* event: one thing that happened to one message, as told by one request.
 *
 * A plain value whose slices are borrowed from wherever it was made; absent where the request did
 * not say. Pure. */
#ifndef DLRD_MODEL_EVENT_H
#define DLRD_MODEL_EVENT_H

#include "dlrd/model/status.h"

enum event_type {
	EVENT_PROGRESS, /* accepted, scheduled, queued, sending, canceled; and what is understood
			   but is none of the others: a link's preview, an alert, a sink's test */
	EVENT_SENT,
	EVENT_DELIVERED,
	EVENT_FAILED, /* failed or undelivered */
	EVENT_READ,
	EVENT_REPLIED,
	EVENT_CLICKED,
	EVENT_UNRECOGNISED, /* kept, without a meaning that is known yet */
	EVENT_TYPE_COUNT,
};

/* What an event says of whether the person may be texted. */
enum consent { CONSENT_SILENT, CONSENT_OUT, CONSENT_IN };

/* What Twilio's debugger said of a request. */
struct event_alert {
	struct slice level; /* "error", "warning" */
	struct slice resource, request_url, method, text;
	int64_t response_status; /* -1 for none */
	bool ours;               /* the request was to one of our routes */
};

struct event {
	uint64_t journal_seq; /* the journal entry it came from */
	int64_t time_us;      /* when that arrived */
	enum event_type type;
	enum message_status status; /* STATUS_UNKNOWN where status_text is not in the table */
	struct slice status_text;   /* canonical name, or the unknown one as it came */
	int64_t error_code;         /* -1 for none */
	struct slice workspace, campaign, variant; /* "" where the tags do not fit */
	bool tags_fit;                             /* the campaign's template was filled */
	struct slice account, message, from, to, service;
	bool folds;             /* it tells of message's state, and is not only kept beside it */
	struct slice body;      /* the text of a reply */
	struct slice keyword;   /* "stop", "start", "help" */
	struct slice done_date; /* RawDlrDoneDate, as the carrier wrote it */
	struct slice near_miss; /* what in the body sounds like an opt-out, and is none */
	struct slice original; /* the SID of the message that a reply names as the one it answers */
	struct slice link;     /* that was clicked */
	bool new_link;         /* set by the store: the message's first click of that link */
	/* What its request's signature covers behind the path: the query, without its escapes, and
	 * a form's parameters, sorted. For finding the SIDs in it, wherever it was divided. */
	struct slice signed_text;
	struct slice person; /* set by the store: the peer's address that is kept for the person */
	struct slice alias;  /* ExternalUserId: another address of the peer, behind its channel */
	struct slice occurred;  /* when it happened, as the request says */
	int64_t left_us;        /* set by the store: event_left_us */
	struct slice reference; /* what tells an event without a message from another */
	bool stream;            /* told by Event Streams, and perhaps by a callback, too */
	enum consent consent;
	struct slice cause;              /* of consent: "keyword", "error-21610" ... */
	const struct event_alert *alert; /* NULL for none */
	struct slice extra;              /* JSON object of the parameters that have no field */
	struct slice
	    raw_query; /* kept where a template was not filled or the event is unrecognised */
	struct slice raw_body; /* kept where the event is unrecognised */
};

/* A time by which the message had left Twilio, as Twilio or the carrier says in the event: when it
 * was sent, delivered, read or its link clicked (occurred, RFC 3339), or the end of the minute or
 * second of its RawDlrDoneDate (YYMMDDhhmm or YYMMDDhhmmss, read as UTC, as no zone is given). The
 * earlier one of two; 0 if the event says no such thing. */
int64_t event_left_us(const struct event *event);

/* "out", "in"; absent for CONSENT_SILENT. */
struct slice consent_name(enum consent consent);

/* The person's address, and our own side's. */
struct slice event_peer(const struct event *event);
struct slice event_sender(const struct event *event);

/* "Delivered" and so on; never NULL. */
struct slice event_type_name(enum event_type type);

/* false for a text that is no type's name, in that case of letters. */
bool event_type_from_name(struct slice name, enum event_type *out_type);

/* The type of a status receipt: STATUS_UNKNOWN gives EVENT_UNRECOGNISED. */
enum event_type event_type_of_status(enum message_status status);

#endif
