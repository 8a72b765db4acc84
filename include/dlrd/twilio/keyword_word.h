/* keyword_word: Twilio's keywords and their words, and how a text is compared with a word.
 *
 * Case is folded by Unicode's rules, code point by code point. Pure; any thread. */
#pragma once

#include "dlrd/base/slice.h"

#include <wchar.h>

/* KEYWORD_OTHER: a configured keyword that is not one of Twilio's three. */
enum keyword { KEYWORD_NONE, KEYWORD_STOP, KEYWORD_START, KEYWORD_HELP, KEYWORD_OTHER };

#define KEYWORD_RESERVED KEYWORD_HELP /* the last of Twilio's keywords */
#define KEYWORD_WORD_MAX 64           /* bytes of a word */

/* "stop", "start" or "help". */
struct slice keyword_reserved_name(enum keyword keyword);

/* Returns KEYWORD_STOP, KEYWORD_START or KEYWORD_HELP for these three names in any case,
 * KEYWORD_OTHER for any other. */
enum keyword keyword_of_name(struct slice name);

/* Returns Twilio's index-th word and its keyword; absent after the last. */
struct slice keyword_default_word(size_t index, enum keyword *out_keyword);

/* Folds the case of text. Returns its length, or KEYWORD_WORD_MAX + 1 if text is longer than any
 * word. */
size_t keyword_fold(struct slice text, wchar_t out[KEYWORD_WORD_MAX]);

/* Whether text, folded, is the word. */
bool keyword_is_word(const wchar_t *folded, size_t len, const wchar_t *word, size_t word_len);

/* Returns Twilio's keyword that has the word, folded, and the word; KEYWORD_NONE if none has. */
enum keyword keyword_find_default(const wchar_t *folded, size_t len, struct slice *out_word);

/* Returns text without white space and no-break spaces, which telephones insert, at its ends, and
 * without closing punctuation. */
struct slice keyword_trim(struct slice text);
struct slice keyword_without_punctuation(struct slice text);
