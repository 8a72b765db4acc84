/* events_reader: questions about what happened: events, messages, replies, alerts.
 *
 * Part of reader.h, which says what holds for all questions. */
#ifndef DLRD_STORE_EVENTS_READER_H
#define DLRD_STORE_EVENTS_READER_H

#include "dlrd/model/event.h"

struct store_reader;

struct event_row {
	uint64_t seq;
	struct event event; /* journal_seq, time_us, type, texts; status and folds are not filled */
	/* Of a reply: how it was taken to answer whom (model/attribution.h). */
	struct slice rule, answers;
	int64_t candidates;
	struct slice consent_state; /* near misses only: "out" or "in", what the ledger says now */
	int64_t place;              /* for paging, in the order of the list */
};

struct event_filter {
	uint64_t after_seq;
	uint64_t until_seq;                              /* the last one to look at; 0: all */
	struct slice type, workspace, campaign, variant; /* absent: any; "" is one, too */
	struct slice message; /* only events of this SID, folded or not */
	int64_t from_us, to_us;
	size_t limit; /* 0 for all */
};

typedef void (*event_fn)(void *context, const struct event_row *row);

/* In the order of seq. */
must_check enum result store_read_events(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context);

/* The seq of the latest event; 0 where there is none. */
must_check enum result store_read_last_event(struct store_reader *reader, uint64_t *out_seq);

struct reply_filter {
	int64_t after;                                            /* place of the last row seen */
	struct slice workspace, campaign, variant, keyword, rule; /* absent: any */
	int64_t from_us, to_us;
	size_t limit; /* 0 for all */
};

/* Replies, in the order of their arrival. */
must_check enum result store_read_replies(
    struct store_reader *reader, const struct reply_filter *filter, event_fn on_row, void *context);

/* How many replies that arrived in from_us..to_us (0: any time) belong to no campaign. */
must_check enum result store_count_unattributed(
    struct store_reader *reader, int64_t from_us, int64_t to_us, int64_t *out_count);

struct near_miss_filter {
	uint64_t after_seq;
	struct slice workspace, campaign; /* that the reply counts in; absent: any */
	int64_t from_us, to_us;
	size_t limit; /* 0 for all */
};

/* Replies that sound like an opt-out and are none, in the order of their arrival. */
must_check enum result store_read_near_misses(struct store_reader *reader,
    const struct near_miss_filter *filter, event_fn on_row, void *context);

/* What Twilio's debugger told. */
struct alert_row {
	int64_t seq; /* the event's */
	int64_t time_us;
	struct slice sid, level, account;
	int64_t error_code;        /* -1 for none */
	struct slice name, action; /* of the code, where the catalogue knows it */
	struct slice resource, request_url, method, text, occurred;
	int64_t response_status; /* -1 for none */
	bool ours;               /* the request was to one of dlrd's routes */
};

struct alert_filter {
	int64_t before_seq; /* 0: from the newest */
	int64_t from_us, to_us;
	bool ours_only;
	size_t limit; /* 0 for all */
};

typedef void (*alert_fn)(void *context, const struct alert_row *row);

/* Newest first. */
must_check enum result store_read_alerts(
    struct store_reader *reader, const struct alert_filter *filter, alert_fn on_row, void *context);

struct message_view {
	struct slice sid, status, workspace, campaign, variant, account, service, sender;
	bool conflict;
	int64_t error_code; /* -1 for none */
	int64_t first_us, last_us;
};

typedef void (*message_fn)(void *context, const struct message_view *view);

/* RESULT_NOT_FOUND, without a call, for a SID that no message is known by. */
must_check enum result store_read_message(
    struct store_reader *reader, struct slice sid, message_fn on_view, void *context);

#endif
