/* caller: the bearer tokens of the api, and who sends a request. */
#pragma once

#include "dlrd/twilio/signature.h"

/* Borrowed. */
struct api_tokens {
	const struct secret *operator_token; /* asks and acts; NULL: none is required */
	const struct secret *reader_token;   /* asks; NULL: none */
	bool mask_numbers;                   /* for readers, but for the last four digits */
};

/* Who asks. All false: a program with the token that may act, or that needs none. */
struct caller {
	bool reader;         /* asks, and does not act */
	bool masked;         /* sees only the last four digits of numbers */
	bool has_session;    /* a page that has logged in */
	bool has_csrf;       /* a page that sent the text with which it acts */
	uint64_t generation; /* of the tokens and sessions by which this was decided */
};
