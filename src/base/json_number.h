/* json_number: classifies a number in JSON's spelling by its digits, without converting to a
 * double.
 *
 * Pure; any thread. */
#pragma once

#include "dlrd/base/slice.h"

enum json_number {
	JSON_NUMBER_NONE,    /* not a number in JSON's spelling (RFC 8259, section 6) */
	JSON_NUMBER_INTEGER, /* a whole number of 64 bits, in any spelling */
	JSON_NUMBER_REAL,    /* another number within the range of a double */
	JSON_NUMBER_BEYOND,  /* beyond a double, or written as an integer and beyond 64 bits */
};

/* Sets *out_value only for JSON_NUMBER_INTEGER. */
enum json_number json_number_read(struct slice text, int64_t *out_value);
