/* tagger: reads an event's workspace, campaign and variant by its route's templates.
 *
 * A tagger owns scratch memory and belongs to one thread. */
#pragma once

#include "dlrd/model/event.h"
#include "dlrd/request/route.h"
#include "dlrd/twilio/form.h"

struct tagger {
	const struct routes *routes;
	struct form query;
	struct buffer names;
	bool long_tag_logged[ROUTES_MAX], untagged_logged[ROUTES_MAX]; /* by the route's index */
};

/* How the templates fitted. */
struct tagger_fit {
	const struct route *route; /* NULL: none is configured for the path, and none fitted */
	enum tags_fit campaign;
	bool all; /* those of workspace, campaign and variant */
};

/* The routes are borrowed for the tagger's life. */
void tagger_init(struct tagger *tagger, const struct routes *routes);

/* Sets workspace, campaign and variant from source_path and source_query: "" each whose template
 * does not fit. They are valid until the next call. Logs a tag that is too long, once for each
 * route. RESULT_NO_MEMORY. */
must_check enum result tagger_fill(
    struct tagger *tagger, struct event *event, struct tagger_fit *out_fit);

/* Logs that the last event, which should have a campaign, has none: once for each route. */
void tagger_log_untagged(struct tagger *tagger, const struct tagger_fit *fit);

void tagger_done(struct tagger *tagger);
