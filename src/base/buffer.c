#include "dlrd/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
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
	char *ptr = realloc(buffer->ptr, cap);
	if (ptr == NULL) {
		buffer->failed = true;
		return false;
	}
	buffer->ptr = ptr;
	buffer->cap = cap;
	return true;
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
