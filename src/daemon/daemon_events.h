/* daemon_events: the reactions of a running daemon when the journal's writer or the projector
 * reports something: it is logged, counted, or passed to the part that waits for it.
 *
 * The calls run on the thread of the part that makes them. */
#pragma once

#include "daemon_parts.h"

/* Set the context and the calls of the options; daemon must outlive the part. */
void daemon_events_of_writer(struct daemon *daemon, struct writer_options *options);
void daemon_events_of_projector(struct daemon *daemon, struct projector_options *options);
