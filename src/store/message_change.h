/* message_change: effects of an event on its message, and of a changed message on other rows
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

/* Ids of an event's own tags and of its own sender. */
struct event_ids {
	struct tagset tagset;
	int64_t provider_id;
	bool tagged; /* its tags name a campaign */
};

/* Finds or adds the URL that the event's tags were read from; 0 if the event names none. is_new:
 * the event is stored with its raw_query, which is not stored a second time. */
must_check enum result message_source_of(
    struct store *store, const struct event *event, bool is_new, int64_t *out_id);

/* Merges the ids of an event into those of its message; an event may lack tags or a sender. The
 * tags of an inbound message come only from the reply table. */
must_check enum result message_merge_ids(
    struct store *store, struct message_row *row, const struct event_ids *ids);

/* The message becomes *row, which gets an id if it has none, and so do its receipts and evidence
 * that follow it. */
must_check enum result message_change(struct store *store, struct known_message *known,
    struct message_row *row, struct store_added *out_added);

/* Gives a receipt and its evidence the time of an earlier arrival, the event's. */
must_check enum result message_set_event_time(
    struct store *store, const struct event *event, struct receipt *receipt);

/* The reply that an inbound message's event reports. Its slices point into the event and the row.
 */
struct reply message_reply_of(
    const struct event *event, const struct message_row *row, const struct event_ids *ids);

/* Folds the message again from its receipts, but for its tags. Writes what the batch changed, but
 * not the result. */
must_check enum result message_recount(struct store *store, struct message_row *row);

/* Folds the message again from its receipts, and changes it. */
must_check enum result message_refold(
    struct store *store, struct known_message *known, struct store_added *out_added);
