/* request_changes: names the changes of a request's query, method and body since it was signed,
 * from the rules that restore the signed request (query_variants.h, parameter_variants.h). Part of
 * diagnosis. Pure; any thread. */
#ifndef DLRD_REFUSED_REQUEST_CHANGES_H
#define DLRD_REFUSED_REQUEST_CHANGES_H

#include "dlrd/twilio/verifier.h"

/* DIAGNOSIS_BIT of each cause; 0 for none. signed_query is what the rule makes of the query: with
 * its question mark, or empty. */
unsigned request_changes(const struct reading *reading, struct slice signed_query,
    unsigned query_rule, unsigned parameters_rule);

#endif
