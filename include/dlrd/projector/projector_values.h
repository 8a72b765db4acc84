/* projector_values: plain values that the projector takes and returns (projector.h).
 *
 * Its other modules need them as well, without the functions of projector.h. */
#pragma once

#include "dlrd/request/route.h"
#include "dlrd/store/lookups.h"

struct keywords;
struct verifier;

/* Configuration that may be replaced while the projector runs. Everything is borrowed until
 * on_retired. */
struct projector_config {
	const struct routes *routes;
	const struct keywords *keywords; /* NULL for Twilio's own alone */
	const struct verifier *verifier; /* for its public URLs; may be NULL */
	void *context;
	/* The projector does not use this configuration any more. May be NULL. */
	void (*on_retired)(void *context);
};

/* Configuration of the store. */
struct projector_store_config {
	struct store_options options; /* all but path and progress */
	/* Allocated with malloc; the projector frees it. NULL: the store keeps its own. */
	struct error_catalogue *catalogue;
	const struct provider_names *providers; /* borrowed as in projector_config */
	const struct keywords *keywords;        /* likewise */
};

/* Whether callbacks are counted. */
struct projector_counting {
	int64_t not_counted_since_us;   /* wall clock; 0: they are, apart from the batch in hand */
	char why[256];                  /* reason; empty during long work */
	bool working;                   /* a migration, or figures that are recomputed */
	int64_t worked_us;              /* since that work began */
	struct store_progress progress; /* of that work */
};
