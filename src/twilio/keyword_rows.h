/* keyword_rows: the memory of a struct keywords. Inside src/twilio only. */
#pragma once

#include "dlrd/twilio/keyword_section.h"

struct configured_word {
	struct slice word; /* owned */
	size_t section;
	wchar_t folded[KEYWORD_WORD_MAX];
	size_t folded_len;
	wchar_t spaced[KEYWORD_WORD_MAX + 3];
};

/* The sections of Twilio's three always exist, at [keyword - 1]. Names, labels and answers of
 * sections are owned. */
struct keywords {
	struct keyword_section *sections;
	size_t section_count;
	struct configured_word *words;
	size_t word_count;
};

static inline bool
keyword_same_word(const struct configured_word *a, const struct configured_word *b)
{
	return keyword_is_word(a->folded, a->folded_len, b->folded, b->folded_len);
}
