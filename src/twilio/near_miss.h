/* near_miss: what sounds like an opt-out and is none by Twilio's rules, in the languages of people.
 *
 * For a person to read, never acted on; so it is rather too much than too little. A telephone that
 * cannot send a reaction as such sends a text that quotes the message: Liked "... Reply STOP to opt
 * out". The quotation is ours, and no near miss. Pure; any thread. */
#ifndef DLRD_TWILIO_NEAR_MISS_H
#define DLRD_TWILIO_NEAR_MISS_H

#include "dlrd/base/slice.h"

#define NEAR_MISS_PARTS 2

/* Slices of a text: what stands before and behind a quotation of ours, or the text itself. */
struct near_miss_text {
	struct slice parts[NEAR_MISS_PARTS];
};

/* The parts of body that are the person's own. */
struct near_miss_text near_miss_own_text(struct slice body);

/* The word or phrase in text that sounds like an opt-out, as the table lists it (in static memory);
 * absent for none. */
struct slice near_miss_find(struct slice text);

#endif
