#include "dlrd/journal/admitted.h"

struct journal_entry
admitted_entry(const struct incoming *incoming, const struct admission_decision *decision)
{
	return (struct journal_entry){.received_us = incoming->arrived_us,
	    .method = incoming->method,
	    .route = slice_of(decision->route->path),
	    .query = url_query(incoming->target),
	    .media_type = incoming->media_type,
	    .body = incoming_is_get(incoming) ? SLICE_NONE : incoming->body,
	    .account = decision->verification.account,
	    .signature = incoming->signature};
}
