/* slice: borrowed text or bytes, as pointer and length.
 *
 * Requests may have any byte, NUL included, so no text ends with a NUL before it reaches the store.
 * A slice never owns memory: it is valid as long as the memory it points to. A slice whose ptr is
 * NULL is absent; one with a ptr and len 0 is present and empty. All functions are pure and may be
 * called from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dlrd/base/result.h"

struct slice {
	const char *ptr; /* first byte, or NULL for absent */
	size_t len;      /* bytes */
};

/* A slice of a string literal, without its NUL. SLICE_INIT is its initialiser for static tables. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_INIT(literal)                     \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define SLICE_NONE ((struct slice){NULL, 0})

/* For printf: printf("%.*s", SLICE_ARG(name)). Cuts at INT_MAX bytes. */
#define SLICE_ARG(slice) (int)(slice).len, (slice).ptr == NULL ? "" : (slice).ptr

/* Returns the text of a C string, borrowed; absent for NULL. */
struct slice slice_of(const char *text);

bool slice_equal(struct slice a, struct slice b);

/* Compares without the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Compares in byte order: memcmp over the shorter length, then the shorter is first. Returns <0, 0
 * or >0. */
int slice_compare(struct slice a, struct slice b);

/* Returns a hash of the bytes, for tables in memory (FNV-1a, with its halves mixed). Untrusted
 * clients could find texts with equal hashes, so their texts must be verified first. */
uint64_t slice_hash(struct slice text);

bool slice_starts_with(struct slice text, struct slice start);

/* Returns text without ASCII white space at its ends. */
struct slice slice_trim(struct slice text);

/* Removes the piece up to the next separator from the front of *rest and returns it. *rest becomes
 * absent after the last piece. Call it while rest->ptr != NULL. */
struct slice slice_take(struct slice *rest, char separator);

/* Returns the text from offset on; absent text stays absent. offset must be <= text.len. */
struct slice slice_from(struct slice text, size_t offset);

/* Returns the offset of the first `byte` in text, or text.len if there is no such byte. */
size_t slice_find(struct slice text, char byte);

/* Reads a whole decimal number: digits only, no sign, no space. Returns RESULT_INVALID for other
 * text and for a number beyond 64 bits. */
must_check enum result slice_to_int(struct slice text, int64_t *out_value);

/* Returns the length of the UTF-8 sequence (RFC 3629, section 4) at the start of text, which must
 * not be empty; 0 if there is no well-formed sequence. */
size_t slice_utf8_len(struct slice text);

bool slice_is_utf8(struct slice text);

/* Returns the start of text, at most max bytes, without a part of a character at its end. */
struct slice slice_cut(struct slice text, size_t max);

/* Whether text has 1 to max bytes, which are ASCII letters, digits, or in others. */
bool slice_is_name(struct slice text, const char *others, size_t max);

/* Returns 0-15 for a hexadecimal digit in either case, -1 for another byte. */
int slice_hex_digit(char byte);

/* Returns the byte of the escape (%41) at the start of text; -1 if text does not begin with one. */
int slice_escaped_byte(struct slice text);
