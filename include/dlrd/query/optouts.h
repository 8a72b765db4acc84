/* optouts: the questions about the opt-out ledger, and the number that a text means.
 *
 * Numbers are looked up as the ledger stores them (address_of_person in twilio/address.h). */
#pragma once

#include "dlrd/query/row.h"
#include "dlrd/twilio/address.h"

extern const struct query query_optouts, query_consent_changes, query_number;

/* Not in the table: the state of one number in each scope, a list next to the rows of query_number;
 * and the states of numbers that end in some digits. */
extern const struct query query_scopes, query_candidates;

/* The rows of query_scopes for one number at at_us (0: now). */
must_check enum result optouts_scopes(struct store_reader *reader, struct slice number,
    int64_t at_us, query_row_fn on_row, void *context);

/* Finds the first of spellings that has an entry in the ledger at at_us (0: now); *out_number is
 * borrowed from spellings. RESULT_NOT_FOUND if the ledger has no entry for any of them.
 * RESULT_LIMIT if the country code may be missing and several of the possible numbers are in the
 * ledger. */
must_check enum result optouts_find(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, struct slice *out_number);

/* Numbers that are reported for one whose country code may be missing. */
#define OPTOUT_CANDIDATES_MAX 20

/* Calls on_row with a row of query_candidates for each scope of each number in the ledger that ends
 * in the bare digits of spellings, on the same channel, in the order of numbers. If there is no
 * such number, a leading 0 is removed: it is dialled only within a country. *out_count is the count
 * of numbers. */
must_check enum result optouts_candidates(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, query_row_fn on_row, void *context,
    size_t *out_count);

/* The same as a JSON array of {"number","scopes"}, with times of zone (NULL: UTC), which the caller
 * frees. */
must_check enum result optouts_candidates_json(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, const struct time_zone *zone,
    struct json_t **out_array, size_t *out_count);

/* The error text for a number whose country code may be missing; one %.*s, its digits. */
#define OPTOUT_NO_COUNTRY                                                                  \
	"the country code of \"%.*s\" is not known: write the number with a plus and its " \
	"country code (+15560000000), or set [numbers] country_code"
