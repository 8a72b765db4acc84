/* words: text as people type it, made comparable: in one case, word by word, with or without
 * accents.
 *
 * Pure, but for the system's properties of characters (locale C.UTF-8), which the first call reads.
 * Any thread. */
#ifndef DLRD_TWILIO_WORDS_H
#define DLRD_TWILIO_WORDS_H

#include "dlrd/base/slice.h"

#include <wchar.h>

#define WORDS_TEXT_MAX 1600 /* characters of a message (docs/messaging/api/message-resource) */
#define WORDS_ROOM (WORDS_TEXT_MAX + 3)

/* Whether the system has that locale. Without it only ASCII has two cases. */
bool words_know_unicode(void);

/* Takes a character off *rest, which is not empty. A byte that is no UTF-8 becomes a surrogate,
 * which no UTF-8 can be, so that it equals nothing. */
wchar_t words_take_character(struct slice *rest);

/* Simple case folding (Unicode's CaseFolding.txt, C and S). By way of the capital letter, since
 * some small letters share one: the two sigmas of Greek. The two i that only Turkish and Azeri have
 * fold to nothing else. */
wchar_t words_fold(wchar_t character);

/* The words of the first max characters of text, folded, with a space before, between and behind
 * them. Apostrophes are left out, as many people do; one hyphen inside a word belongs to it
 * ("non-stop"), two are a dash. out has room for max + 3. Returns how many words there are. */
size_t words_space(struct slice text, size_t max, wchar_t *out);

/* Takes the accents off folded Latin letters, in place: people leave them out. */
void words_strip_accents(wchar_t *text);

#endif
