#include "dlrd/base/buffer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool
buffer_reserve(struct buffer *buffer, size_t extra)
{
	if (buffer->failed)
		return false;
	if (buffer->cap - buffer->len >= extra)
		return true;
	size_t cap = buffer->cap < 256 ? 256 : buffer->cap * 2;
	if (cap < buffer->len + extra)
		cap = buffer->len + extra;
	char *ptr = extra > SIZE_MAX / 4 ? NULL : realloc(buffer->ptr, cap);
	if (ptr == NULL) {
		buffer->failed = true;
		return false;
	}
	buffer->ptr = ptr;
	buffer->cap = cap;
	return true;
}

void
buffer_trim(struct buffer *buffer)
{
	char *ptr = buffer->len == 0 ? NULL : realloc(buffer->ptr, buffer->len);
	if (ptr == NULL)
		return;
	buffer->ptr = ptr;
	buffer->cap = buffer->len;
}

void
buffer_append(struct buffer *buffer, struct slice text)
{
	if (text.len == 0 || !buffer_reserve(buffer, text.len))
		return;
	memcpy(buffer->ptr + buffer->len, text.ptr, text.len);
	buffer->len += text.len;
}

void
buffer_append_byte(struct buffer *buffer, char byte)
{
	buffer_append(buffer, (struct slice){&byte, 1});
}

void
buffer_appendf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (wanted < 0 || !buffer_reserve(buffer, (size_t)wanted + 1))
		return;
	va_start(arguments, format);
	vsnprintf(buffer->ptr + buffer->len, (size_t)wanted + 1, format, arguments);
	va_end(arguments);
	buffer->len += (size_t)wanted;
}

enum result
buffer_append_file(struct buffer *buffer, FILE *file, size_t max)
{
	size_t len = 1;
	for (size_t read = 0; len > 0; read += len) {
		if (read > max)
			return RESULT_LIMIT;
		if (!buffer_reserve(buffer, BUFSIZ))
			return RESULT_NO_MEMORY;
		len = fread(buffer->ptr + buffer->len, 1, BUFSIZ, file);
		buffer->len += len;
	}
	return ferror(file) ? RESULT_IO : RESULT_OK;
}

/* Returns whether a well-formed sequence is a C0 or C1 control, DEL, a line or paragraph separator,
 * or one of the marks that change the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069). */
static bool
is_control(struct slice sequence)
{
	const unsigned char *at = (const unsigned char *)sequence.ptr;
	if (sequence.len == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (sequence.len == 2)
		return (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c);
	if (sequence.len != 3 || at[0] != 0xe2)
		return false;
	return (at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f)) ||
	       (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
	       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

void
buffer_append_visible(struct buffer *buffer, struct slice text)
{
	while (text.len > 0) {
		struct slice sequence = {text.ptr, slice_utf8_len(text)};
		bool plain = sequence.len > 0 && !is_control(sequence);
		if (sequence.len == 0)
			sequence.len = 1; /* a byte that is not UTF-8 */
		if (plain)
			buffer_append(buffer, sequence);
		for (size_t i = 0; i < sequence.len && !plain; i++)
			buffer_appendf(buffer, "\\x%02x", (unsigned char)sequence.ptr[i]);
		text = slice_from(text, sequence.len);
	}
}

void
buffer_append_repaired(struct buffer *buffer, struct slice text)
{
	while (text.len > 0) {
		size_t len = slice_utf8_len(text);
		buffer_append(
		    buffer, len == 0 ? SLICE("\xef\xbf\xbd") : (struct slice){text.ptr, len});
		text = slice_from(text, len == 0 ? 1 : len);
	}
}

struct slice
buffer_slice(const struct buffer *buffer)
{
	return (struct slice){buffer->ptr == NULL ? "" : buffer->ptr, buffer->len};
}

void
buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
}

void
buffer_done(struct buffer *buffer)
{
	free(buffer->ptr);
	*buffer = BUFFER_EMPTY;
}
