/* duplicates: receipts that arrived before.
 *
 * A duplicate may know more than the stored receipt: Event Streams and a callback report the same
 * fact, and only one of them has the campaign's tags. The additional facts complete the stored
 * receipt and its message, so that the order of arrival does not matter.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "message_change.h"

/* Adds a duplicate of the receipt `same`, whose message is known. */
must_check enum result duplicates_add(struct store *store, const struct event *event,
    struct known_message *known, struct receipt *same, const struct event_ids *ids,
    struct store_added *out_added);

/* The receipt `same` arrived at the event's time, which is earlier than was known. Nothing else of
 * the event is used. */
must_check enum result duplicates_set_time(struct store *store, const struct event *event,
    struct known_message *known, struct receipt *same);
