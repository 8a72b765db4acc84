/* json_callback: reads the JSON body of a genuine request into the fields of callback.h.
 *
 * Two kinds of callbacks are JSON: the webhook of link shortening, a flat object in snake_case
 * (docs/messaging/features/link-shortening), and Event Streams, a CloudEvent or an array of them
 * with data in camelCase or snake_case (docs/events/event-types). Case and underscores in names of
 * members do not matter, since Twilio's spelling varies. A CloudEvent's type determines its kind;
 * an unknown type is stored as CALLBACK_UNRECOGNISED. Any thread. */
#pragma once

#include "dlrd/twilio/callback.h"

/* Called for each callback of a JSON body. The arguments are valid during the call; any result
 * other than RESULT_OK ends the reading.
 *
 * extra is the element without the members that have fields (except status_url and those that
 * callback_extra includes) and without redundant ones: specversion 1.0, apiVersion 2010-04-01,
 * known members that are null or empty, and a type that follows from kind and status. A CloudEvent
 * keeps its structure: {"source":"...","data":{"numberOfSegments":"1"}}. Absent if no member is
 * left.
 *
 * raw is set only for CALLBACK_UNRECOGNISED, and extra is then absent: the body as received or, in
 * an array of several elements, the element as received. */
typedef enum result (*callback_fn)(
    void *context, const struct callback *callback, struct slice extra, struct slice raw);

/* Reads a JSON body that arrived on a route of that kind: ROUTE_CLICK accepts link shortening's
 * webhook, ROUTE_EVENTS CloudEvents, ROUTE_AUTO both, and the others neither. An invalid value
 * affects only its own member (json_repair.h). An element is CALLBACK_UNRECOGNISED if it is
 * unreadable, contradicts the route's kind, is of neither kind, or has a message ID that is not a
 * SID; other elements are not affected. A body that is not JSON, or an empty array, is one such
 * callback. Memory is bounded by the largest element. Returns the result of on_callback, or
 * RESULT_NO_MEMORY. */
must_check enum result callback_read_json(
    struct slice body, enum route_kind kind, callback_fn on_callback, void *context);
