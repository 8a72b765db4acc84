#include "mask.h"

#include <ctype.h>

#define DIGITS_MIN 7 /* of a number in E.164, with its country code; short codes are senders' */
#define DIGITS_SHOWN 4

static bool
is_digit(char byte)
{
	return isdigit((unsigned char)byte) != 0;
}

static bool
ends_with(struct slice text, struct slice end)
{
	return text.len >= end.len && slice_equal_nocase(slice_from(text, text.len - end.len), end);
}

/* Whether the text ends with a plus sign, as it is, in a URL (also one in another), or in JSON. */
static bool
ends_with_plus(struct slice text)
{
	static const struct slice pluses[] = {
	    SLICE_INIT("+"), SLICE_INIT("%2B"), SLICE_INIT("%252B"), SLICE_INIT("u002B")};
	for (size_t i = 0; i < sizeof pluses / sizeof pluses[0]; i++)
		if (ends_with(text, pluses[i]))
			return true;
	return false;
}

/* Whether the text ends with WaId and the characters between a name and its value, in a form or in
 * JSON, also escaped or in CSV. */
static bool
ends_with_wa_id(struct slice text)
{
	static const struct slice between[] = {SLICE_INIT("\""), SLICE_INIT("\\"), SLICE_INIT(":"),
	    SLICE_INIT("="), SLICE_INIT(" "), SLICE_INIT("["), SLICE_INIT("%22"), SLICE_INIT("%3A"),
	    SLICE_INIT("%3D"), SLICE_INIT("%5C"), SLICE_INIT("%20"), SLICE_INIT("%5B"),
	    SLICE_INIT("%2522"), SLICE_INIT("%253A")};
	for (size_t i = 0; i < sizeof between / sizeof between[0];)
		if (ends_with(text, between[i])) {
			text.len -= between[i].len;
			i = 0;
		} else {
			i++;
		}
	return ends_with(text, SLICE("WaId"));
}

/* How many of the digits are those of escapes before them: "%22" and "%2522" are a quotation mark.
 */
static size_t
escape_digits(const struct buffer *text, size_t from, size_t start, size_t end)
{
	size_t count = 0;
	struct slice before = {text->ptr + from, start - from};
	while (end - start - count > 2 &&
	       (ends_with(before, SLICE("%")) || ends_with(before, SLICE("%25")))) {
		count += 2;
		before.len += 2;
	}
	return count;
}

void
mask_numbers(struct buffer *text, size_t from)
{
	size_t end = from;
	for (size_t start = from; start < text->len; start = end + 1) {
		for (end = start; end < text->len && is_digit(text->ptr[end]); end++)
			continue;
		start += escape_digits(text, from, start, end);
		struct slice before = {text->ptr + from, start - from};
		if (end - start < DIGITS_MIN ||
		    (!ends_with_plus(before) && !ends_with_wa_id(before)))
			continue;
		for (size_t i = start; i < end - DIGITS_SHOWN; i++)
			text->ptr[i] = '*';
	}
}
