/* error_guide: why messages fail with the most common error codes, and what to do, step by step.
 *
 * It adds to the catalogue (error_catalogue.h), which has a name and one sentence for each code.
 * The texts are this project's. Constant; any thread. */
#pragma once

#include <stdint.h>

struct error_guide {
	int64_t code;
	const char *cause; /* one or two sentences */
	const char *steps; /* one to four lines */
};

/* Returns NULL for a code without a guide. */
const struct error_guide *error_guide_find(int64_t code);

/* Twilio's page about a code is this and the code. */
#define ERROR_GUIDE_URL "https://www.twilio.com/docs/api/errors/"
