/* events_reader: questions about single facts: events, messages, replies, alerts.
 *
 * reader.h describes what holds for all questions. */
#pragma once

#include "dlrd/engine/reader.h"
#include "dlrd/model/event.h"

struct event_row {
	uint64_t seq;
	struct event event; /* journal_seq, time_us, type, texts; status and folds are not filled */
	/* Of a reply: the rule by which its message was found (model/attribution.h). */
	struct slice rule, answers;
	int64_t candidates;
	/* Of a reply: its files (-1: unknown; types and links with a space between), and where its
	 * number is registered. */
	int64_t media_count;
	struct slice media_types, media_links, from_city, from_state, from_zip, from_country;
};

struct event_filter {
	uint64_t after_seq;
	uint64_t until_seq;                              /* the last one to read; 0: no end */
	struct slice type, workspace, campaign, variant; /* absent: any; "" is one, too */
	struct slice message; /* only events of this SID, folded or not */
	struct slice
	    number; /* only those of messages to or from it, as address_of_person spells it */
	bool has_error_code;
	int64_t error_code; /* only events with it; -1: failures without one */
	int64_t from_us, to_us;
	size_t limit; /* 0 for all */
};

typedef void (*event_fn)(void *context, const struct event_row *row);

/* In the order of seq. */
must_check enum result store_read_events(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context);

/* Reads the seq of the latest event; 0 if there is no event. */
must_check enum result store_read_last_event(struct store_reader *reader, uint64_t *out_seq);
