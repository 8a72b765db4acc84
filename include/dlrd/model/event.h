/* event: one thing that happened to one message, as told by one request.
 *
 * A plain value whose slices are borrowed from wherever it was made; absent where the request did
 * not say. Pure. */
#ifndef DLRD_MODEL_EVENT_H
#define DLRD_MODEL_EVENT_H

#include "dlrd/model/status.h"

enum event_type {
	EVENT_PROGRESS, /* accepted, scheduled, queued, sending, canceled */
	EVENT_SENT,
	EVENT_DELIVERED,
	EVENT_FAILED, /* failed or undelivered */
	EVENT_READ,
	EVENT_REPLIED,
	EVENT_CLICKED,
	EVENT_UNRECOGNISED, /* kept, without a meaning that is known yet */
	EVENT_TYPE_COUNT,
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
	struct slice extra;     /* JSON object of the parameters that have no field */
	struct slice
	    raw_query; /* kept where a template was not filled or the event is unrecognised */
	struct slice raw_body; /* kept where the event is unrecognised */
};

/* "Delivered" and so on; never NULL. */
struct slice event_type_name(enum event_type type);

/* false for a text that is no type's name, in that case of letters. */
bool event_type_from_name(struct slice name, enum event_type *out_type);

/* The type of a status receipt: STATUS_UNKNOWN gives EVENT_UNRECOGNISED. */
enum event_type event_type_of_status(enum message_status status);

#endif
