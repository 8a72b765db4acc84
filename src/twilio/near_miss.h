/* near_miss: finds texts that sound like an opt-out but are not one by Twilio's rules, in several
 * languages.
 *
 * Near misses are shown to a person and never acted on, so false positives are acceptable. A
 * telephone that cannot send a reaction sends a text that quotes the message: Liked "... Reply STOP
 * to opt out". The quotation is the campaign's text, not a near miss. Pure; any thread. */
#pragma once

#include "dlrd/base/slice.h"

#define NEAR_MISS_PARTS 2

/* Slices of a text: before and after a quotation of a campaign's text, or the whole text. */
struct near_miss_text {
	struct slice parts[NEAR_MISS_PARTS];
};

/* Returns the parts of body that the person wrote. */
struct near_miss_text near_miss_own_text(struct slice body);

/* Returns the word or phrase in text that sounds like an opt-out, as the table lists it (in static
 * memory), or an absent slice. */
struct slice near_miss_find(struct slice text);
