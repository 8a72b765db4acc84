/* noticer: makes alerts of requests that show a wrong setting in Twilio: a voice callback at one of
 * our routes, and an inbound message that Twilio sends to a fallback URL because another request
 * failed.
 *
 * Each kind is logged once for each route, without text from the request. A noticer owns scratch
 * memory and belongs to one thread. */
#pragma once

#include "dlrd/model/event.h"
#include "dlrd/request/route.h"
#include "dlrd/twilio/callback.h"

struct noticer {
	const struct routes *routes;
	struct buffer text;
	bool voice_logged[ROUTES_MAX], fallback_logged[ROUTES_MAX]; /* by the route's index */
};

/* The routes are borrowed for the noticer's life. */
void noticer_init(struct noticer *noticer, const struct routes *routes);

/* Whether the callback is one of the two. */
bool noticer_wants(const struct callback *callback);

/* Makes the alert of a callback that noticer_wants, which arrived at path. is_ours: the URL whose
 * request failed is one of our routes. The alert borrows from the callback, and its text is valid
 * until the next call. RESULT_NO_MEMORY. */
must_check enum result noticer_fill(struct noticer *noticer, const struct callback *callback,
    struct slice path, bool is_ours, struct event_alert *out_alert);

void noticer_done(struct noticer *noticer);
