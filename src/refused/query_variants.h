/* query_variants: other spellings that a query may have had when it was signed.
 *
 * The signature covers the query byte for byte. Proxies and Twilio itself re-encode it, sort it or
 * drop it (twilio-node #621, #1059, #1061, #1079, #1183, twilio-php #790, twilio-ruby #528). Pure;
 * any thread. */
#pragma once

#include "dlrd/base/slice.h"
#include "variants.h"

/* Adds the spellings of query (without its question mark; absent: no query); the query as
 * received comes first. original is the target before the proxy, from its headers, or absent. */
void query_variants_add(struct variants *variants, struct slice query, struct slice original);

/* Adds, for a GET, the query cut before the first of Twilio's own parameters, which begin with a
 * capital letter (AccountSid, Body), and the query cut off completely. */
void query_variants_add_split(struct variants *variants, struct slice query);

/* Applies variant->rule of an earlier request to this query: writes the query, and the parameters
 * if the rule cuts some off. Both buffers must be empty. Returns false if the rule does not apply
 * or memory is short. */
bool query_variants_write(struct buffer *out_query, struct buffer *out_parameters,
    struct slice query, struct slice original, unsigned rule);

/* Returns whether a rule's parameters replace the body's. */
bool query_variants_is_split(unsigned rule);
