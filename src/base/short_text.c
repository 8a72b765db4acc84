#include "dlrd/base/short_text.h"

#include <string.h>

void
short_text_set(struct short_text *text, struct slice value)
{
	text->len = value.len < SHORT_TEXT_MAX ? value.len : SHORT_TEXT_MAX;
	if (text->len > 0)
		memcpy(text->bytes, value.ptr, text->len);
}

struct slice
short_text_slice(const struct short_text *text)
{
	return (struct slice){text->bytes, text->len};
}
