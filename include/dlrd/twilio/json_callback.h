/* json_callback: reads the JSON body of a genuine request into the fields of callback.h.
 *
 * Two families come as JSON: the webhook of link shortening, a flat object in snake_case
 * (docs/messaging/features/link-shortening), and Event Streams, a CloudEvent or an array of them
 * whose data is in camelCase or snake_case (docs/events/event-types). A member is known by its name
 * without regard to case and underscores, since Twilio's spelling varies. A CloudEvent's type
 * decides its kind; an unlisted type is CALLBACK_UNRECOGNISED and kept. Any thread. */
#ifndef DLRD_TWILIO_JSON_CALLBACK_H
#define DLRD_TWILIO_JSON_CALLBACK_H

#include "dlrd/base/json.h"
#include "dlrd/twilio/callback.h"

/* Called for each callback of a JSON body. The arguments are valid during the call; any result
 * other than RESULT_OK ends the reading.
 *
 * extra is the element without the members that have fields (except those that callback_extra
 * keeps, and status_url) and without self-evident ones (specversion 1.0, apiVersion 2010-04-01,
 * members that are known but null or empty), so a CloudEvent keeps its shape:
 * {"source":"...","data":{"numberOfSegments":"1"}}; absent if nothing is left. A type is
 * self-evident if it follows from kind and status.
 *
 * raw is set for CALLBACK_UNRECOGNISED alone, and extra then absent: the body as received or, of
 * several elements, the element as received. */
typedef enum result (*callback_fn)(
    void *context, const struct callback *callback, struct slice extra, struct slice raw);

/* Reads a JSON body that arrived on a route of that kind: ROUTE_CLICK takes link shortening's
 * webhook, ROUTE_EVENTS CloudEvents, ROUTE_AUTO both, and the others neither. An invalid value
 * affects only its own member (json_repair.h). An element that is unreadable, contradicts the
 * route's kind, is neither, or names a message by something other than a SID, is
 * CALLBACK_UNRECOGNISED; its neighbours count. A body that is not JSON, or an empty array, is one
 * such callback. Memory is bounded by the largest element. Returns the callback's result, or
 * RESULT_NO_MEMORY. */
must_check enum result callback_read_json(
    struct slice body, enum route_kind kind, callback_fn on_callback, void *context);

#endif
