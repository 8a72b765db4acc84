/* json_number: what a number in JSON's spelling is, told from its digits, without a double between.
 *
 * Pure; any thread. */
#ifndef DLRD_BASE_JSON_NUMBER_H
#define DLRD_BASE_JSON_NUMBER_H

#include "dlrd/base/slice.h"

enum json_number {
	JSON_NUMBER_NONE,    /* not a number in JSON's spelling (RFC 8259, section 6) */
	JSON_NUMBER_INTEGER, /* a whole number of 64 bits, however it is written */
	JSON_NUMBER_REAL,    /* another that a double holds, perhaps rounded */
	JSON_NUMBER_BEYOND,  /* one beyond a double, or written as an integer and beyond 64 bits */
};

/* *out_value is set for JSON_NUMBER_INTEGER alone. */
enum json_number json_number_read(struct slice text, int64_t *out_value);

#endif
