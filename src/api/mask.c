#include "mask.h"

#include <ctype.h>

#define DIGITS_MIN 7 /* of a number in E.164, with its country code; short codes are senders' */
#define DIGITS_SHOWN 4

static bool
is_digit(char byte)
{
	return isdigit((unsigned char)byte) != 0;
}

/* Whether the text ends with a plus sign, as it is, in a URL (also one in another), or in JSON. */
static bool
ends_with_plus(struct slice text)
{
	static const struct slice pluses[] = {
	    SLICE_INIT("+"), SLICE_INIT("%2B"), SLICE_INIT("%252B"), SLICE_INIT("u002B")};
	for (size_t i = 0; i < sizeof pluses / sizeof pluses[0]; i++)
		if (text.len >= pluses[i].len &&
		    slice_equal_nocase(slice_from(text, text.len - pluses[i].len), pluses[i]))
			return true;
	return false;
}

void
mask_numbers(struct buffer *text, size_t from)
{
	size_t end = from;
	for (size_t start = from; start < text->len; start = end + 1) {
		for (end = start; end < text->len && is_digit(text->ptr[end]); end++)
			continue;
		if (end - start < DIGITS_MIN ||
		    !ends_with_plus((struct slice){text->ptr + from, start - from}))
			continue;
		for (size_t i = start; i < end - DIGITS_SHOWN; i++)
			text->ptr[i] = '*';
	}
}
