/* query_variants: other spellings that a query may have had when it was signed.
 *
 * The signature covers the query byte for byte; proxies and Twilio itself re-encode it, put it in
 * order, drop it or add to it (twilio-node #621, #1059, #1061, #1079, #1183, twilio-php #790,
 * twilio-ruby #528). Pure; any thread. */
#ifndef DLRD_TWILIO_QUERY_VARIANTS_H
#define DLRD_TWILIO_QUERY_VARIANTS_H

#include "dlrd/base/slice.h"
#include "dlrd/twilio/variants.h"

/* Every order of so many parameters is tried; of more the likely ones only. */
#define QUERY_VARIANTS_ORDERS_OF 5

/* Adds the spellings of query (without its question mark; absent where there is none), as it came
 * first. original is the target that a proxy tells it was sent, or absent. */
void query_variants_add(struct variants *variants, struct slice query, struct slice original);

/* Of a GET: adds the query cut before the first parameter that Twilio would send as a form's, which
 * begin with a capital letter (AccountSid, Body), and cut off whole. */
void query_variants_add_split(struct variants *variants, struct slice query);

/* Writes the query that variant->rule of an earlier request makes of this one, and the parameters
 * where it cuts some off; both begin empty. False where it makes nothing of it, and where memory is
 * short. */
bool query_variants_write(struct buffer *out_query, struct buffer *out_parameters,
    struct slice query, struct slice original, unsigned rule);

/* Whether a rule's parameters stand for the body's. */
bool query_variants_is_split(unsigned rule);

enum query_difference {
	QUERY_SAME,
	QUERY_ORDER,    /* the same parameters, spelled alike */
	QUERY_ENCODING, /* the same in the same order, spelled otherwise */
	QUERY_ORDER_AND_ENCODING,
	QUERY_LOST,  /* what was signed held more */
	QUERY_ADDED, /* what was signed held less, or other parameters */
};

/* How a query differs from the one that was signed, both with their question marks or empty. What
 * there is no memory to look into is QUERY_ENCODING. */
enum query_difference query_compare(struct slice came, struct slice signed_query);

#endif
