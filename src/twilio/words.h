/* words: normalises text as people type it, for comparison: case, words and accents.
 *
 * Pure, except that the first call loads the system's properties of characters (locale C.UTF-8).
 * Any thread. */
#pragma once

#include "dlrd/base/slice.h"

#include <wchar.h>

#define WORDS_TEXT_MAX 1600 /* characters of a message (docs/messaging/api/message-resource) */
#define WORDS_ROOM (WORDS_TEXT_MAX + 3)

/* Returns whether the system has that locale. Without it only the case of ASCII is folded. */
bool words_know_unicode(void);

/* Removes a character from *rest, which is not empty. An invalid byte becomes a surrogate, which
 * valid UTF-8 cannot contain, so it equals no other character. */
wchar_t words_take_character(struct slice *rest);

/* Simple case folding (Unicode's CaseFolding.txt, C and S). Folds through the capital letter, since
 * some small letters share one: the two sigmas of Greek. The dotted capital I and the dotless small
 * i of Turkish and Azeri are unchanged. */
wchar_t words_fold(wchar_t character);

/* Writes the words of the first max characters of text, folded, with a space before, between and
 * after them. Apostrophes are omitted, as many people omit them. One hyphen inside a word is part
 * of it ("non-stop"), two are a dash. out has room for max + 3. Returns the number of words. */
size_t words_space(struct slice text, size_t max, wchar_t *out);

/* Removes the accents of folded Latin letters in place, since many people omit them. */
void words_strip_accents(wchar_t *text);
