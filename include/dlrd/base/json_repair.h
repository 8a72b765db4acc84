/* json_repair: rewrites JSON that a parser rejects into JSON that it accepts.
 *
 * A parser rejects a whole text because of one value. Repairing rewrites such values, so that the
 * other ones can be read:
 *  - in a text or key, bytes that are not UTF-8, escapes that JSON does not know and halves of a
 *    surrogate pair become U+FFFD; a control character is escaped; in a key a NUL becomes U+FFFD;
 *  - a number that is a whole one of at most 64 bits is written with digits alone, exactly: 21610.0
 *    and 2161e1 become 21610;
 *  - a value that no parser can represent becomes {"raw": its text}: an integer beyond 64 bits, a
 *    number beyond a double, a word that JSON does not have (NaN), containers nested deeper than
 *    JSON_DEPTH_MAX. An object, since a text could be mistaken for a name or number;
 *  - a missing value becomes null, and an extra comma before a closing bracket is removed.
 * Anything else that breaks JSON's grammar makes a text unreadable. The result has at most six
 * times the bytes of its source, and reading takes time in proportion to them. Pure; any thread. */
#pragma once

#include "dlrd/base/buffer.h"

/* Nested containers. Twilio's callbacks nest about 5 and dlrd's output of a callback adds a few; jq
 * 1.6 reads 256 and Python about 1,000. */
#define JSON_DEPTH_MAX 200

/* Repairs the value at the start of text and appends it to out. *out_len is its length in text,
 * with the white space around it. Returns RESULT_INVALID if it is unreadable (out is unchanged
 * then), or RESULT_NO_MEMORY. */
must_check enum result json_repair(struct slice text, struct buffer *out, size_t *out_len);

/* Repairs an object or array that may be cut or unreadable. Appends the part before the damage, up
 * to the last complete member, with its containers closed. Text after the value is not read. */
must_check enum result json_repair_start(struct slice text, struct buffer *out);

/* One element of a body, and whether it can be read. */
struct json_piece {
	struct slice raw; /* the whole body, or an element without white space at its ends */
	bool readable;    /* a JSON value; the repaired one was appended to the buffer */
};

/* State of a walk over a body. A plain value: set text to the body, and the rest to 0. */
struct json_pieces {
	struct slice text;
	size_t at;        /* bytes already handled */
	bool in_array;    /* within the outermost array, whose elements are pieces */
	bool had_array;   /* such an array has begun; it may be closed */
	uint64_t retried; /* bytes re-read to find the next element */
};

/* Takes the next element of a body: an element of the outermost array, the body itself if it is not
 * an array, or the text after that. Replaces the content of out by the value of a readable element.
 *
 * The elements after an unreadable one are found, too. They begin after its closing bracket. If its
 * brackets do not match, they begin with the next readable object after "},", or after a comma at
 * the place of the damage. Returns RESULT_NOT_FOUND at the end, or RESULT_NO_MEMORY. */
must_check enum result json_pieces_next(
    struct json_pieces *pieces, struct buffer *out, struct json_piece *out_piece);
