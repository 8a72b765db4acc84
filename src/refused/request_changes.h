/* request_changes: how query, method and body of a request differ from the signed ones.
 *
 * The rules that turn the request into the signed one are known (query_variants.h,
 * parameter_variants.h). Part of diagnosis. Pure; any thread. */
#pragma once

#include "dlrd/twilio/verifier.h"

/* Returns the DIAGNOSIS_BITs of the causes; 0: no change. signed_query is the query that the rule
 * writes: with its question mark, or empty. */
unsigned request_changes(const struct reading *reading, struct slice signed_query,
    unsigned query_rule, unsigned parameters_rule);
