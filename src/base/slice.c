#include "dlrd/base/slice.h"

#include <string.h>

struct slice
slice_of(const char *text)
{
	return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

bool
slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.ptr[i], y = b.ptr[i];
		x = x >= 'A' && x <= 'Z' ? (char)(x + 32) : x;
		y = y >= 'A' && y <= 'Z' ? (char)(y + 32) : y;
		if (x != y)
			return false;
	}
	return true;
}

int
slice_compare(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

uint64_t
slice_hash(struct slice text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
	return hash ^ hash >> 32;
}

bool
slice_starts_with(struct slice text, struct slice start)
{
	return text.len >= start.len &&
	       (start.len == 0 || memcmp(text.ptr, start.ptr, start.len) == 0);
}

static bool
is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct slice
slice_trim(struct slice text)
{
	while (text.len > 0 && is_space(text.ptr[0]))
		text.ptr++, text.len--;
	while (text.len > 0 && is_space(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

struct slice
slice_take(struct slice *rest, char separator)
{
	struct slice piece = {rest->ptr, slice_find(*rest, separator)};
	if (piece.len == rest->len)
		*rest = SLICE_NONE;
	else
		*rest = slice_from(*rest, piece.len + 1);
	return piece;
}

struct slice
slice_from(struct slice text, size_t offset)
{
	if (text.ptr == NULL)
		return text;
	return (struct slice){text.ptr + offset, text.len - offset};
}

size_t
slice_find(struct slice text, char byte)
{
	const char *at = text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);
	return at == NULL ? text.len : (size_t)(at - text.ptr);
}

enum result
slice_to_int(struct slice text, int64_t *out_value)
{
	int64_t value = 0;
	if (text.len == 0)
		return RESULT_INVALID;
	for (size_t i = 0; i < text.len; i++) {
		int digit = text.ptr[i] - '0';
		if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
			return RESULT_INVALID;
		value = value * 10 + digit;
	}
	*out_value = value;
	return RESULT_OK;
}

int
slice_hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

int
slice_escaped_byte(struct slice text)
{
	if (text.len < 3 || text.ptr[0] != '%')
		return -1;
	int high = slice_hex_digit(text.ptr[1]), low = slice_hex_digit(text.ptr[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

size_t
slice_utf8_len(struct slice text)
{
	const unsigned char *s = (const unsigned char *)text.ptr;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len == 0 || s[0] > 0xf4 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool
slice_is_utf8(struct slice text)
{
	while (text.len > 0) {
		size_t len = slice_utf8_len(text);
		if (len == 0)
			return false;
		text = slice_from(text, len);
	}
	return true;
}

struct slice
slice_cut(struct slice text, size_t max)
{
	if (text.len <= max)
		return text;
	/* A character has at most three bytes after its first. */
	for (size_t back = 0; back < 4 && back <= max; back++)
		if (((unsigned char)text.ptr[max - back] & 0xc0) != 0x80)
			return (struct slice){text.ptr, max - back};
	return (struct slice){text.ptr, max};
}

bool
slice_is_name(struct slice text, const char *others, size_t max)
{
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			     (byte >= 'a' && byte <= 'z');
		if (!plain && (byte == '\0' || strchr(others, byte) == NULL))
			return false;
	}
	return text.len >= 1 && text.len <= max;
}
