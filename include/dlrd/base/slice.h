/* slice: a piece of text or bytes that somebody else owns, as pointer and length.
 *
 * Requests may hold any byte, NUL included, so no text is ended by a NUL before it reaches the
 * store. A slice never owns memory: it is good as long as what it points into. A slice whose ptr is
 * NULL means "absent", one with len 0 and a ptr means "there, and empty". All functions are pure
 * and may be called from any thread. */
#ifndef DLRD_BASE_SLICE_H
#define DLRD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dlrd/base/result.h"

struct slice {
	const char *ptr; /* first byte, or NULL for absent */
	size_t len;      /* bytes */
};

/* A slice of a string literal, without its NUL; SLICE_INIT is the same for static tables. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_INIT(literal)                     \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define SLICE_NONE ((struct slice){NULL, 0})

/* For printf: printf("%.*s", SLICE_ARG(name)). Cuts at INT_MAX bytes. */
#define SLICE_ARG(slice) (int)(slice).len, (slice).ptr == NULL ? "" : (slice).ptr

/* The text of a C string, borrowed; NULL gives an absent slice. */
struct slice slice_of(const char *text);

bool slice_equal(struct slice a, struct slice b);

/* Equal but for the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Byte order: memcmp over the shorter length, then the shorter first. Returns <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);

bool slice_starts_with(struct slice text, struct slice start);

/* The same text without ASCII white space at its ends. */
struct slice slice_trim(struct slice text);

/* Takes the piece up to the next separator off the front of *rest and returns it; *rest becomes
 * absent when the last piece was taken. Call while rest->ptr != NULL. */
struct slice slice_take(struct slice *rest, char separator);

/* Everything from offset on; absent text stays absent. offset must be <= text.len. */
struct slice slice_from(struct slice text, size_t offset);

/* The offset of the first `byte` in text, or text.len where there is none. */
size_t slice_find(struct slice text, char byte);

/* A whole decimal number, digits only, no sign, no space. RESULT_INVALID for anything else or for
 * what does not fit. */
must_check enum result slice_to_int(struct slice text, int64_t *out_value);

/* The length of the well-formed UTF-8 sequence (RFC 3629, section 4) at the start of text, which is
 * not empty; 0 where there is none. */
size_t slice_utf8_len(struct slice text);

bool slice_is_utf8(struct slice text);

/* 0-15 for a hexadecimal digit in either case, -1 for any other byte. */
int slice_hex_digit(char byte);

#endif
