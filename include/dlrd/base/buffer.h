/* buffer: bytes that grow while they are written.
 *
 * The caller owns the struct; buffer_done frees its memory. Appending after a failed allocation
 * does nothing, so a writer may append many times and check `failed` once at the end. One thread at
 * a time. */
#pragma once

#include "dlrd/base/slice.h"

#include <stdio.h>

struct buffer {
	char *ptr;   /* the bytes, NULL until the first append */
	size_t len;  /* bytes written */
	size_t cap;  /* bytes allocated */
	bool failed; /* an allocation failed; the content is incomplete */
};

#define BUFFER_EMPTY ((struct buffer){NULL, 0, 0, false})

void buffer_append(struct buffer *buffer, struct slice text);
void buffer_append_byte(struct buffer *buffer, char byte);
void buffer_appendf(struct buffer *buffer, const char *format, ...) printf_like(2, 3);

/* Appends text so that a terminal or a log shows it on one line and does nothing else. Each byte of
 * the following becomes \xNN: C0 and C1 controls, DEL, Unicode's line and paragraph separators, the
 * marks that change the direction of text, and bytes that are not UTF-8. */
void buffer_append_visible(struct buffer *buffer, struct slice text);

/* Appends text with each byte that is not part of a UTF-8 sequence replaced by U+FFFD. Repairing a
 * repaired text changes nothing. */
void buffer_append_repaired(struct buffer *buffer, struct slice text);

/* Appends the rest of a file, of which max bytes fit. Returns RESULT_IO (errno is set),
 * RESULT_LIMIT or RESULT_NO_MEMORY, with a part of the file appended. */
must_check enum result buffer_append_file(struct buffer *buffer, FILE *file, size_t max);

/* Makes room for `extra` more bytes. Returns false if memory is short. */
bool buffer_reserve(struct buffer *buffer, size_t extra);

/* Frees the memory that is not in use. */
void buffer_trim(struct buffer *buffer);

/* Returns the content, borrowed until the next append. */
struct slice buffer_slice(const struct buffer *buffer);

/* Drops the content and keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Frees the memory; the buffer is empty and usable again. */
void buffer_done(struct buffer *buffer);
