/* account_sids: finds the account SIDs in a body without parsing it.
 *
 * The account of a JSON body is needed before its signature is verified, and nothing may be parsed
 * before that. So the raw bytes are searched for AC and 32 hexadecimal digits: the account is
 * also found in a body that is cut off or is not JSON. One pass, a few instructions per byte. Pure;
 * any thread. */
#pragma once

#include "dlrd/base/slice.h"

#define ACCOUNT_SID_LEN 34 /* AC and 32 hexadecimal digits */

struct account_sids {
	struct slice text; /* borrowed */
	size_t at;         /* index of the next byte to read */
	size_t digits;     /* consecutive hexadecimal digits before it */
};

struct account_sids account_sids_begin(struct slice text);

/* Returns the next SID, borrowed from the text; absent after the last. */
struct slice account_sids_next(struct account_sids *sids);
