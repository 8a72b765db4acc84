/* decoder: from a journal entry to the event it tells of.
 *
 * Whatever a genuine request holds gives an event; what cannot be read is Unrecognised and keeps
 * its raw query and body. A decoder owns scratch memory and belongs to one thread. */
#ifndef DLRD_PROJECTOR_DECODER_H
#define DLRD_PROJECTOR_DECODER_H

#include "dlrd/journal/journal.h"
#include "dlrd/model/event.h"
#include "dlrd/projector/route.h"

struct decoder {
	const struct routes *routes;
	struct form parameters, tags;
	struct buffer names, extra;
};

/* routes is borrowed for the decoder's life. */
void decoder_init(struct decoder *decoder, const struct routes *routes);

/* Decodes entry. The event's slices point into entry and decoder, and are good until the next call.
 * RESULT_NO_MEMORY is the only failure. */
must_check enum result decoder_decode(
    struct decoder *decoder, const struct journal_entry *entry, struct event *out_event);

void decoder_done(struct decoder *decoder);

#endif
