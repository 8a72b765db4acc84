/* message_change: effects of an event on its message, and of a changed message on other rows.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "receipts_handle.h"
#include "store_handle.h"

/* Merges the ids of an event into those of its message; an event may lack tags or a sender. The
 * tags of an inbound message come only from the reply table. */
must_check enum result message_merge_ids(
    struct store *store, struct message_row *row, const struct event_ids *ids);

/* Marks replies whose attribution may change because this message changed. */
must_check enum result message_note_replies(struct store *store, const struct event *event,
    const struct message_row *before, const struct message_row *row);

/* Gives a stored event and its evidence the time of an earlier arrival, the event's. */
must_check enum result message_set_event_time(
    struct store *store, const struct event *event, int64_t seq);

/* The reply that an inbound message's event reports. Its slices point into the event and the row.
 */
struct reply message_reply_of(
    const struct event *event, const struct message_row *row, const struct event_ids *ids);

/* Folds the message again from its stored events, but for its tags. Writes nothing. */
must_check enum result message_recount(struct store *store, struct message_row *row);

/* Folds the message again from its stored events, and writes it. row is as it is stored. event is
 * one of the message's. */
must_check enum result message_refold(struct store *store, const struct event *event,
    struct message_row *row, struct store_added *out_added);

/* Moves the events of a message that have no tags of their own to a tagset. */
must_check enum result message_move_receipts(
    struct store *store, int64_t message_id, int64_t tagset_id);
