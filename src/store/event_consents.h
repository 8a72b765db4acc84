/* event_consents: the evidence that an event adds to the opt-out ledger, and its scope.
 *
 * A refusal (error 21610) may name no service and no sender. Its scope is then that of its
 * message's provider, and follows it when a later event names the sender.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

/* Whether the event names a service or a sender. */
bool event_names_sender(const struct event *event);

/* Adds the event's evidence, for provider_id's scope if the event is an opt-out that names none. */
must_check enum result event_consents_add(struct store *store, const struct event *event,
    int64_t provider_id, int64_t seq, struct store_added *out_added);

/* Moves the evidence of opt-outs that name no scope if the message's sender changed or became
 * known. */
must_check enum result event_consents_follow_message(struct store *store,
    const struct message_row *before, struct known_message *known, struct store_added *out_added);

/* Moves the evidence of a stored event that did not name its sender to the scope that the event
 * names. */
must_check enum result event_consents_set_scope(struct store *store, const struct event *event,
    int64_t old_provider_id, int64_t seq, bool *out_moved);
