#include "dlrd/base/json_repair.h"

#include "json_number.h"

#define REPLACEMENT SLICE("\xef\xbf\xbd") /* U+FFFD */
#define BYTE_ORDER_MARK SLICE("\xef\xbb\xbf")

/* The search for the element after an unreadable one re-reads bytes: at most this many times the
 * body, so that a completely damaged body takes time in proportion to its size. */
#define RETRY_FACTOR 8

/* A text that is being read and repaired into out. */
struct scan {
	struct slice text;
	struct buffer *out;
	size_t at;      /* the next byte */
	size_t text_at; /* offset of the last string; damage in it is noticed only after it */
	size_t depth;   /* open containers */
	char closers[JSON_DEPTH_MAX + 1]; /* and a value in place of one nested too deep */
	size_t good_len, good_depth;      /* out and depth after the last complete member */
};

/* --- bytes --- */

static bool
is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Returns the next byte, -1 at the end. */
static int
peek(const struct scan *scan)
{
	return scan->at < scan->text.len ? (unsigned char)scan->text.ptr[scan->at] : -1;
}

static void
skip_space(struct scan *scan)
{
	while (scan->at < scan->text.len && is_space(scan->text.ptr[scan->at]))
		scan->at++;
}

static struct slice
between(struct slice text, size_t start, size_t end)
{
	return (struct slice){text.ptr + start, end - start};
}

static struct slice
without_space(struct slice text)
{
	while (text.len > 0 && is_space(text.ptr[0]))
		text = slice_from(text, 1);
	while (text.len > 0 && is_space(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

/* --- texts --- */

/* Appends the character at the start of text, escaped for JSON, and returns its length. */
static size_t
append_character(struct buffer *out, struct slice text)
{
	unsigned char first = (unsigned char)text.ptr[0];
	size_t len = slice_utf8_len(text);
	if (first < 0x20)
		buffer_appendf(out, "\\u%04x", first);
	else
		buffer_append(out, len == 0 ? REPLACEMENT : (struct slice){text.ptr, len});
	return len == 0 ? 1 : len;
}

/* Appends bytes that are not a JSON string as a string. */
static void
append_as_text(struct buffer *out, struct slice bytes)
{
	buffer_append_byte(out, '"');
	while (bytes.len > 0) {
		if (bytes.ptr[0] == '"' || bytes.ptr[0] == '\\')
			buffer_append_byte(out, '\\');
		bytes = slice_from(bytes, append_character(out, bytes));
	}
	buffer_append_byte(out, '"');
}

/* Returns the code unit of the escape \uXXXX at the start of text, -1 if text does not begin with
 * one.
 */
static int
unicode_escape(struct slice text)
{
	int unit = 0;
	if (text.len < 6 || text.ptr[0] != '\\' || text.ptr[1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		int digit = slice_hex_digit(text.ptr[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Appends the escape at the start of text and returns its length. If JSON does not have the escape,
 * only its backslash is replaced. */
static size_t
append_escape(struct buffer *out, struct slice text, bool is_key)
{
	static const struct slice known = SLICE_INIT("\"\\/bfnrt");
	int unit = unicode_escape(text), low = -1;
	size_t len = 1;
	bool good = false;

	if (text.len >= 2 && slice_find(known, text.ptr[1]) < known.len) {
		len = 2;
		good = true;
	} else if (unit >= 0) {
		len = 6;
		good = unit < 0xd800 || unit > 0xdfff;
	}

	if (unit >= 0xd800 && unit < 0xdc00)
		low = unicode_escape(slice_from(text, 6));
	if (low >= 0xdc00 && low < 0xe000) {
		len = 12;
		good = true;
	}
	if (unit == 0 && is_key)
		good = false;
	buffer_append(out, good ? (struct slice){text.ptr, len} : REPLACEMENT);
	return len;
}

/* Returns whether a byte needs no escape in a JSON string. */
static bool
is_plain(char byte)
{
	return (unsigned char)byte >= 0x20 && (unsigned char)byte < 0x80 && byte != '"' &&
	       byte != '\\';
}

static bool
read_text(struct scan *scan, bool is_key)
{
	scan->text_at = scan->at++;
	buffer_append_byte(scan->out, '"');
	while (scan->at < scan->text.len) {
		size_t start = scan->at;
		while (scan->at < scan->text.len && is_plain(scan->text.ptr[scan->at]))
			scan->at++;
		buffer_append(scan->out, between(scan->text, start, scan->at));

		struct slice rest = slice_from(scan->text, scan->at);
		if (rest.len == 0)
			break;
		if (rest.ptr[0] == '"') {
			scan->at++;
			buffer_append_byte(scan->out, '"');
			return true;
		}
		if (rest.ptr[0] == '\\')
			scan->at += append_escape(scan->out, rest, is_key);
		else if (rest.ptr[0] == '\0' && is_key) {
			buffer_append(scan->out, REPLACEMENT);
			scan->at++;
		} else
			scan->at += append_character(scan->out, rest);
	}
	return false;
}

/* --- numbers and words --- */

static void
append_raw(struct buffer *out, struct slice bytes)
{
	buffer_append(out, SLICE("{\"raw\":"));
	append_as_text(out, bytes);
	buffer_append_byte(out, '}');
}

/* Appends a number. Returns false if text is not a number. */
static bool
append_number(struct buffer *out, struct slice text)
{
	int64_t value;
	switch (json_number_read(text, &value)) {
	case JSON_NUMBER_NONE: return false;
	case JSON_NUMBER_INTEGER: buffer_appendf(out, "%lld", (long long)value); return true;
	case JSON_NUMBER_REAL: buffer_append(out, text); return true;
	case JSON_NUMBER_BEYOND: append_raw(out, text); return true;
	}
	return false;
}

/* Reads a value without quotes or brackets: a word or number of JSON, no bytes at all, or text that
 * is not JSON. At the top level only a word or number is a value. */
static bool
read_bare(struct scan *scan)
{
	static const struct slice ends = SLICE_INIT(",{}[]\"");
	size_t start = scan->at;
	while (scan->at < scan->text.len && slice_find(ends, scan->text.ptr[scan->at]) == ends.len)
		scan->at++;
	struct slice text = without_space(between(scan->text, start, scan->at));

	if (slice_equal(text, SLICE("null")) || slice_equal(text, SLICE("true")) ||
	    slice_equal(text, SLICE("false")))
		buffer_append(scan->out, text);
	else if (append_number(scan->out, text))
		return true;
	else if (scan->depth == 0)
		return false;
	else if (text.len > 0)
		append_raw(scan->out, text);
	else if (peek(scan) == ',' || peek(scan) == scan->closers[scan->depth - 1])
		buffer_append(scan->out, SLICE("null"));
	else
		return false;
	return true;
}

/* --- containers --- */

/* Returns the offset after the string that begins with the quote at the offset; 0 if the string
 * does not end. */
static size_t
text_end(struct slice text, size_t at)
{
	for (at++; at < text.len; at++)
		if (text.ptr[at] == '\\')
			at++;
		else if (text.ptr[at] == '"')
			return at + 1;
	return 0;
}

#define RAW_BEGIN SLICE("{\"raw\":\"")

/* Returns whether text begins with an object of append_raw, which is not repaired again. */
static bool
is_raw(struct slice text)
{
	size_t end = slice_starts_with(text, RAW_BEGIN) ? text_end(text, RAW_BEGIN.len - 1) : 0;
	return end > 0 && end < text.len && text.ptr[end] == '}';
}

static bool
read_too_deep(struct scan *scan)
{
	size_t start = scan->at, depth = 0;
	while (scan->at < scan->text.len) {
		char byte = scan->text.ptr[scan->at];
		size_t end = byte == '"' ? text_end(scan->text, scan->at) : scan->at + 1;
		if (end == 0)
			return false;
		depth += byte == '{' || byte == '[';
		depth -= byte == '}' || byte == ']';
		scan->at = end;
		if (depth == 0)
			break;
	}
	append_raw(scan->out, between(scan->text, start, scan->at));
	return depth == 0;
}

/* Notes that the text so far would be JSON if its containers were closed. A cut has not shortened
 * the last value, since more text follows it. */
static void
note_good(struct scan *scan)
{
	scan->good_len = scan->out->len;
	scan->good_depth = scan->depth;
}

static bool read_value(struct scan *scan);

static bool
read_key(struct scan *scan)
{
	skip_space(scan);
	if (peek(scan) != '"' || !read_text(scan, true))
		return false;
	skip_space(scan);
	if (peek(scan) != ':')
		return false;
	scan->at++;
	buffer_append_byte(scan->out, ':');
	return true;
}

static bool
read_container(struct scan *scan)
{
	bool is_object = peek(scan) == '{';
	char closer = is_object ? '}' : ']';
	if (scan->depth > JSON_DEPTH_MAX ||
	    (scan->depth == JSON_DEPTH_MAX && !is_raw(slice_from(scan->text, scan->at))))
		return read_too_deep(scan);
	scan->closers[scan->depth++] = closer;
	buffer_append_byte(scan->out, scan->text.ptr[scan->at++]);
	note_good(scan);
	for (size_t members = 0;; members++) {
		skip_space(scan);
		if (members > 0 && peek(scan) == ',') {
			note_good(scan);
			scan->at++;
			skip_space(scan);
			if (peek(scan) != closer)
				buffer_append_byte(scan->out, ',');
		} else if (members > 0 && peek(scan) != closer)
			return false;
		if (peek(scan) == closer)
			break;
		if ((is_object && !read_key(scan)) || !read_value(scan))
			return false;
	}
	scan->at++;
	scan->depth--;
	buffer_append_byte(scan->out, closer);
	note_good(scan);
	return true;
}

/* Calls itself through read_container, at most JSON_DEPTH_MAX times. On failure the scan is at the
 * place of the damage. */
static bool
read_value(struct scan *scan)
{
	skip_space(scan);
	switch (peek(scan)) {
	case '"': return read_text(scan, false);
	case '{':
	case '[': return read_container(scan);
	default: return read_bare(scan);
	}
}

/* Reads a value at the scan's offset. Removes the rest of an unreadable one from out. */
static enum result
repair(struct scan *scan)
{
	size_t len = scan->out->len;
	bool read = read_value(scan);
	if (scan->out->failed)
		return RESULT_NO_MEMORY;
	if (!read)
		scan->out->len = len;
	return read ? RESULT_OK : RESULT_INVALID;
}

enum result
json_repair(struct slice text, struct buffer *out, size_t *out_len)
{
	struct scan scan = {.text = text, .out = out};
	enum result result = text.ptr == NULL ? RESULT_INVALID : repair(&scan);
	if (result != RESULT_OK)
		return result;
	skip_space(&scan);
	*out_len = scan.at;
	return RESULT_OK;
}

enum result
json_repair_start(struct slice text, struct buffer *out)
{
	struct scan scan = {.text = text, .out = out, .good_len = out->len};
	bool read = text.ptr != NULL && read_value(&scan);
	bool begun = read || scan.good_depth > 0;
	if (out->failed)
		return RESULT_NO_MEMORY;

	if (!read) {
		out->len = scan.good_len;
		while (scan.good_depth > 0)
			buffer_append_byte(out, scan.closers[--scan.good_depth]);
	}
	if (out->failed)
		return RESULT_NO_MEMORY;
	return begun ? RESULT_OK : RESULT_INVALID;
}

/* --- elements --- */

/* Skips white space and separators between elements. */
static void
skip_separators(struct json_pieces *pieces)
{
	if (pieces->at == 0 && slice_starts_with(pieces->text, BYTE_ORDER_MARK))
		pieces->at = BYTE_ORDER_MARK.len;
	for (; pieces->at < pieces->text.len; pieces->at++) {
		char byte = pieces->text.ptr[pieces->at];
		/* An extra bracket may have closed the array; its elements continue after it. */
		if ((byte == '[' || (byte == ',' && pieces->had_array)) && !pieces->in_array)
			pieces->in_array = pieces->had_array = true;
		else if (byte == ']' && pieces->in_array)
			pieces->in_array = false;
		else if (!is_space(byte) && !(byte == ',' && pieces->in_array))
			return;
	}
}

/* Returns whether an element may end before the byte at the offset. */
static bool
is_boundary(const struct json_pieces *pieces, size_t at)
{
	if (at == pieces->text.len)
		return true;
	char byte = pieces->text.ptr[at];
	return byte == '{' || (pieces->in_array && (byte == ',' || byte == ']'));
}

/* Returns the end of the unreadable element if all brackets match from the damage on, else 0. */
static size_t
end_by_brackets(const struct json_pieces *pieces, struct scan scan)
{
	while (scan.at < scan.text.len) {
		char byte = scan.text.ptr[scan.at];
		if (scan.depth == 0 && is_boundary(pieces, scan.at))
			return scan.at;
		if (byte == '{' || byte == '[') {
			if (scan.depth == JSON_DEPTH_MAX)
				return 0;
			scan.closers[scan.depth++] = byte == '{' ? '}' : ']';
		}
		if (scan.depth > 0 && (byte == '}' || byte == ']') &&
		    scan.closers[--scan.depth] != byte)
			return 0;
		scan.at = byte == '"' ? text_end(scan.text, scan.at) : scan.at + 1;
		if (scan.at == 0)
			return 0;
	}
	return scan.depth == 0 ? scan.text.len : 0;
}

/* Returns the offset of the comma before the offset; 0 if another byte is before it. after_object:
 * only if an object ends before the comma. */
static size_t
comma_before(struct slice text, size_t start, size_t at, bool after_object)
{
	while (at > start && is_space(text.ptr[at - 1]))
		at--;
	if (at == start || text.ptr[--at] != ',')
		return 0;
	size_t comma = at;
	while (at > start && is_space(text.ptr[at - 1]))
		at--;
	return at > start && (!after_object || text.ptr[at - 1] == '}') ? comma : 0;
}

/* Returns whether an object with members can be read at the offset, as an element of its own. A
 * string cannot be mistaken for one, since its quotes are escaped. */
static bool
object_begins(struct json_pieces *pieces, struct buffer *out, size_t at)
{
	size_t len = out->len;
	struct scan scan = {.text = pieces->text, .out = out, .at = at + 1};
	skip_space(&scan);
	if (peek(&scan) != '"')
		return false;
	scan.at = at;
	bool read = repair(&scan) == RESULT_OK;
	out->len = len;
	pieces->retried += scan.at - at;
	skip_space(&scan);
	return read && is_boundary(pieces, scan.at);
}

/* Returns the end of the unreadable element if the next one begins between start and end, else 0.
 */
static size_t
end_by_next_object(
    struct json_pieces *pieces, struct buffer *out, size_t start, size_t end, bool after_object)
{
	uint64_t retried_max = RETRY_FACTOR * (uint64_t)pieces->text.len;
	for (size_t at = start; at < end && pieces->retried < retried_max; at++) {
		size_t comma = pieces->text.ptr[at] == '{'
				   ? comma_before(pieces->text, start, at, after_object)
				   : 0;
		if (comma > 0 && object_begins(pieces, out, at))
			return comma;
	}
	return 0;
}

/* Returns the end of an unreadable element. scan is at the damage. A missing quote is noticed only
 * after the next quote, and the string between them may include the start of the next element. */
static size_t
end_of_unreadable(struct json_pieces *pieces, const struct scan *scan, size_t start)
{
	size_t len = pieces->text.len, behind = scan->at < len ? scan->at + 1 : len;
	if (!pieces->in_array && pieces->had_array && pieces->text.ptr[start] == ']') {
		while (start < len && pieces->text.ptr[start] == ']')
			start++;
		return start;
	}
	if (!pieces->in_array && pieces->text.ptr[start] != '{')
		return len;
	/* No object is valid in place of a member's name, and quotes in a string are escaped. */
	while (behind < len &&
	       (is_space(pieces->text.ptr[behind - 1]) || pieces->text.ptr[behind - 1] == ','))
		behind++;
	size_t end = end_by_next_object(pieces, scan->out, scan->text_at, behind, false);
	if (end == 0 && pieces->retried < RETRY_FACTOR * (uint64_t)len) {
		end = end_by_brackets(pieces, *scan);
		pieces->retried += (end == 0 ? len : end) - scan->at;
	}
	if (end == 0)
		end = end_by_next_object(pieces, scan->out, scan->text_at, len, true);
	return end == 0 ? len : end;
}

enum result
json_pieces_next(struct json_pieces *pieces, struct buffer *out, struct json_piece *out_piece)
{
	bool first = pieces->at == 0;
	buffer_clear(out);
	skip_separators(pieces);
	bool alone = first && !pieces->in_array;
	size_t start = pieces->at;
	if (start == pieces->text.len)
		return RESULT_NOT_FOUND;

	struct scan scan = {.text = pieces->text, .out = out, .at = start, .text_at = start};
	enum result result = repair(&scan);
	bool readable = result == RESULT_OK;
	if (result == RESULT_NO_MEMORY)
		return result;
	pieces->at = readable ? scan.at : end_of_unreadable(pieces, &scan, start);
	if (out->failed)
		return RESULT_NO_MEMORY;
	struct slice raw = without_space(between(pieces->text, start, pieces->at));
	skip_separators(pieces);
	if (alone && pieces->at == pieces->text.len)
		raw = pieces->text;
	*out_piece = (struct json_piece){.raw = raw, .readable = readable};
	return RESULT_OK;
}
