/* decoder: decodes journal entries into events.
 *
 * Every entry yields at least one event. A callback that cannot be interpreted is an Unrecognised
 * event, which keeps the raw query and body. A request of Event Streams may contain several events.
 * A decoder owns scratch memory and belongs to one thread. */
#pragma once

#include "dlrd/journal/journal.h"
#include "dlrd/model/event.h"
#include "dlrd/projector/noticer.h"
#include "dlrd/projector/tagger.h"
#include "dlrd/twilio/alert.h"
#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/verifier.h"

struct decoder {
	struct tagger tagger;
	struct noticer noticer;
	const struct keywords *keywords;
	const struct verifier *verifier;
	struct form parameters;
	struct buffer extra, signed_text;
	struct alert alert;
	struct event_alert event_alert;
};

/* The arguments are borrowed for the decoder's life. keywords may be NULL for Twilio's own alone.
 * verifier has the public URLs, by which alerts about our own endpoint are recognised; NULL: none.
 */
void decoder_init(struct decoder *decoder, const struct routes *routes,
    const struct keywords *keywords, const struct verifier *verifier);

/* Receives each event. Its slices point into the entry and the decoder, and are valid during the
 * call. Any result but RESULT_OK ends the decoding. */
typedef enum result (*decoded_fn)(void *context, const struct event *event);

/* Decodes entry. Returns on_event's result if that is not RESULT_OK, or RESULT_NO_MEMORY. */
must_check enum result decoder_decode(
    struct decoder *decoder, const struct journal_entry *entry, decoded_fn on_event, void *context);

/* Fills the event of an inbound message: its meaning by the keywords. event->time_us is set. */
void decoder_fill_reply(
    struct event *event, const struct callback *callback, const struct keywords *keywords);

void decoder_done(struct decoder *decoder);
