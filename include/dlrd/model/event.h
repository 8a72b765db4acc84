/* event: one fact about one message, as one request reports it.
 *
 * A plain value whose slices are borrowed from the code that made it; absent if the request does
 * not have them. Pure. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/model/status.h"

enum event_type {
	EVENT_PROGRESS, /* accepted, scheduled, queued, sending, canceled; also known callbacks of
			   no other type: a link's preview, an alert, a sink's test */
	EVENT_SENT,
	EVENT_DELIVERED,
	EVENT_FAILED, /* failed or undelivered */
	EVENT_READ,
	EVENT_REPLIED,
	EVENT_CLICKED,
	EVENT_UNRECOGNISED, /* stored, its meaning is not yet known */
	EVENT_TYPE_COUNT,
};

/* Consent that an event reports: whether the person may be texted. */
enum consent { CONSENT_SILENT, CONSENT_OUT, CONSENT_IN };

/* Report of Twilio's debugger about a request, or of dlrd about a wrong setting in Twilio. */
struct event_alert {
	struct slice level; /* "error", "warning" */
	struct slice resource, request_url, method, text;
	int64_t response_status; /* -1 for none */
	bool ours;               /* the request was to one of our routes */
	bool by_dlrd;            /* not from the debugger; logged already */
};

struct event {
	uint64_t journal_seq; /* the journal entry it came from */
	int64_t time_us;      /* when that arrived */
	enum event_type type;
	enum message_status status; /* STATUS_UNKNOWN if status_text is not in the table */
	struct slice status_text;   /* canonical name, or an unknown one as received */
	int64_t error_code;         /* -1 for none */
	struct slice workspace, campaign, variant; /* "" if the template was not filled */
	bool tags_fit;                             /* the campaign's template was filled */
	struct slice account, message, from, to, service;
	bool folds;             /* it changes the message's state, and is not only stored */
	struct slice body;      /* the text of a reply */
	struct slice keyword;   /* "stop", "start", "help" */
	struct slice done_date; /* RawDlrDoneDate, as the carrier wrote it */
	struct slice near_miss; /* words in the body that sound like an opt-out and are not one */
	struct slice original; /* the SID of the message that a reply names as the one it answers */
	struct slice link;     /* that was clicked */
	bool new_link;         /* set by the store: the message's first click of that link */
	/* Signed text after the path: the query, unescaped, and a form's parameters, sorted. SIDs
	 * are searched in it, so that the division into parameters does not matter. */
	struct slice signed_text;
	struct slice person;   /* set by the store: the address under which the person is stored */
	struct slice alias;    /* ExternalUserId: another address of the peer, within its channel */
	struct slice occurred; /* time of the fact, as the request states it */
	int64_t left_us;       /* set by the store: event_left_us */
	struct slice reference; /* identifies an event without a message */
	bool stream;            /* reported by Event Streams, and perhaps by a callback as well */
	enum consent consent;
	struct slice cause;              /* of consent: "keyword", "error-21610" ... */
	const struct event_alert *alert; /* NULL for none */
	struct slice extra;              /* JSON object of the parameters that have no field */
	struct slice
	    raw_query; /* stored if a template was not filled or the event is unrecognised */
	struct slice raw_body;                  /* stored if the event is unrecognised */
	struct slice source_path, source_query; /* of the URL that the tags were read from */
};

/* Copies an event, its texts and its alert into the arena. If memory is short, the arena has failed
 * and the copy is not complete. */
void event_copy(struct arena *arena, const struct event *event, struct event *out_copy);

/* Returns a time by which the message had left Twilio, as Twilio or the carrier reports it: when it
 * was sent, delivered, read or its link clicked (occurred, RFC 3339), or the end of the minute or
 * second of its RawDlrDoneDate (YYMMDDhhmm or YYMMDDhhmmss, read as UTC, as no zone is given). The
 * earlier one of two; 0 if the event has neither. */
int64_t event_left_us(const struct event *event);

/* Whether the event arrived before a receipt of time_us with that number in the journal. */
bool event_arrived_before(const struct event *event, int64_t time_us, uint64_t journal_seq);

/* "out", "in"; absent for CONSENT_SILENT. */
struct slice consent_name(enum consent consent);

/* The person's address, and our own side's. */
struct slice event_peer(const struct event *event);
struct slice event_sender(const struct event *event);

/* "Delivered" and so on; never NULL. */
struct slice event_type_name(enum event_type type);

/* Returns false unless name is a type's name, in that case of letters. */
bool event_type_from_name(struct slice name, enum event_type *out_type);

/* The type of a status receipt: EVENT_UNRECOGNISED for STATUS_UNKNOWN. */
enum event_type event_type_of_status(enum message_status status);
