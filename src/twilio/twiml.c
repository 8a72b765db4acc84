#include "dlrd/twilio/twiml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>"
#define TAIL "</Message></Response>"
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Returns the character's form in XML. sequence is empty for an invalid byte. */
static struct slice
escaped(struct slice sequence)
{
	if (sequence.len == 0)
		return SLICE(REPLACEMENT);
	if (sequence.len == 3) /* XML 1.0 does not allow U+FFFE and U+FFFF (section 2.2) */
		return slice_equal(sequence, SLICE("\xef\xbf\xbe")) ||
			       slice_equal(sequence, SLICE("\xef\xbf\xbf"))
			   ? SLICE(REPLACEMENT)
			   : sequence;
	switch (sequence.ptr[0]) {
	case '&': return SLICE("&amp;");
	case '<': return SLICE("&lt;");
	case '>': return SLICE("&gt;");   /* "]]>" is not allowed in text */
	case '\r': return SLICE("&#13;"); /* parsers convert an unescaped one (2.11) */
	case '\t':
	case '\n': return sequence;
	default: break;
	}
	return (unsigned char)sequence.ptr[0] < 0x20 ? SLICE(REPLACEMENT) : sequence;
}

static void
append_escaped(struct buffer *out, struct slice text)
{
	while (text.len > 0) {
		struct slice sequence = {text.ptr, slice_utf8_len(text)};
		buffer_append(out, escaped(sequence));
		text = slice_from(text, sequence.len == 0 ? 1 : sequence.len);
	}
}

/* Appends an element, unless its text is absent. */
static void
append_element(struct buffer *out, const char *name, struct slice text)
{
	if (text.len == 0)
		return;
	buffer_appendf(out, "<%s>", name);
	append_escaped(out, text);
	buffer_appendf(out, "</%s>", name);
}

void
twiml_message(struct slice text, struct slice media, struct buffer *out)
{
	buffer_append(out, SLICE(HEAD));
	if (media.len == 0)
		append_escaped(out, text);
	else {
		append_element(out, "Body", text);
		append_element(out, "Media", media);
	}
	buffer_append(out, SLICE(TAIL));
}
