/* short_text: a text in a struct itself, cut to a fixed length. Pure. */
#pragma once

#include "dlrd/base/slice.h"

#define SHORT_TEXT_MAX 128

struct short_text {
	size_t len;
	char bytes[SHORT_TEXT_MAX];
};

/* Copies the text; a longer one is cut. */
void short_text_set(struct short_text *text, struct slice value);

/* Borrowed from the text. */
struct slice short_text_slice(const struct short_text *text);
