/* json_repair: makes JSON that a parser holds out of JSON that it does not.
 *
 * A parser refuses a whole text for one odd value in it. Repairing rewrites such values, so that
 * the values next to them still count:
 *  - in a text or key, bytes that are not UTF-8, escapes that JSON does not know and halves of a
 *    surrogate pair become U+FFFD; a control character is escaped; in a key a NUL becomes U+FFFD;
 *  - a number that is a whole one of at most 64 bits is written with digits alone, exactly: 21610.0
 *    and 2161e1 become 21610;
 *  - a value that no parser holds becomes {"raw": its text}: an integer beyond 64 bits, a number
 *    beyond a double, a word that is not JSON's (NaN), what is nested deeper than JSON_DEPTH_MAX.
 * An object, and not a text, so that it is not taken for the name or number that it stands for;
 *  - a value that is missing becomes null, and a comma too many before a closing bracket goes.
 * Anything else that breaks JSON's grammar makes a text unreadable. The result has at most six
 * times the bytes of its source, and reading takes time in proportion to them. Pure; any thread. */
#ifndef DLRD_BASE_JSON_REPAIR_H
#define DLRD_BASE_JSON_REPAIR_H

#include "dlrd/base/buffer.h"

/* Containers in one another. Twilio's have 5 or so; jq 1.6 reads 256 and Python about 1,000, and
 * what dlrd shows of a callback adds a few. */
#define JSON_DEPTH_MAX 200

/* Appends the value at the start of text to out, repaired. *out_len is its length, with the white
 * space around it. RESULT_INVALID if it is unreadable (out is then as before) or RESULT_NO_MEMORY.
 */
must_check enum result json_repair(struct slice text, struct buffer *out, size_t *out_len);

/* The same for an object or array that may be cut or unreadable: what comes before the damage is
 * appended, up to the last whole member, with its containers closed. What comes behind the value is
 * not read. */
must_check enum result json_repair_start(struct slice text, struct buffer *out);

/* Where one element of a body ends, and whether it can be read. */
struct json_piece {
	struct slice raw; /* as it came: the whole body, or without white space at its ends */
	bool readable;    /* it is a JSON value, which was appended to the buffer, repaired */
};

/* A body on its way. A plain value: set text to it, and the rest to 0. */
struct json_pieces {
	struct slice text;
	size_t at;        /* bytes done */
	bool in_array;    /* the elements of an array at the top are pieces of their own */
	bool had_array;   /* one has begun, and perhaps closed */
	uint64_t retried; /* bytes read again in search of the next element */
};

/* Takes the next element of a body: one of the array that it is, or the body itself, or what comes
 * behind that. The value of a readable one is all that out has then. Elements next to an unreadable
 * one are found: they begin where its brackets close or, if these do not match, with the next
 * object that can be read, which stands behind a comma where the damage is seen, or behind "},".
 * RESULT_NOT_FOUND at the end; RESULT_NO_MEMORY. */
must_check enum result json_pieces_next(
    struct json_pieces *pieces, struct buffer *out, struct json_piece *out_piece);

#endif
