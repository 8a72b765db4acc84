/* optouts: answers from the opt-out ledger: who may not be texted, what changed, one number.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_OPTOUTS_H
#define DLRD_API_OPTOUTS_H

#include "dlrd/api/question.h"
#include "dlrd/twilio/address.h"

/* GET /v1/optouts: state, scope, at, from, to, limit, next. */
void optouts_list(struct question *question);

/* GET /v1/optouts/changes: after, limit. */
void optouts_changes(struct question *question);

/* GET /v1/optouts/{number}: at. Out, where any scope is. In CSV it is the history. */
void optouts_number(struct question *question);

/* The first of spellings that the ledger has an entry of, up to at_us (0: now); borrowed from them.
 * RESULT_NOT_FOUND if it has none of any. RESULT_LIMIT if the country code may be missing and the
 * ledger has several of the numbers that are possible then. */
must_check enum result optouts_find(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, struct slice *out_number);

/* Candidates for a number whose country code may be missing; more are left out. */
#define OPTOUT_CANDIDATES_MAX 20

/* Reports the states of each number in the ledger that ends in the bare digits of spellings, behind
 * the same channel if there is one, by number; if none does, in those without a 0 in front, which
 * is dialled within a country alone. *out_count is how many numbers. */
must_check enum result optouts_candidates(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, consent_fn on_row, void *context,
    size_t *out_count);

/* The same as a JSON array of {"number","scopes"}, which the caller frees. */
must_check enum result optouts_candidates_json(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, struct json_t **out_array,
    size_t *out_count);

/* The error text for a number whose country code may be missing; one %.*s, its digits. */
#define OPTOUT_NO_COUNTRY                                                                  \
	"the country code of \"%.*s\" is not known: write the number with a plus and its " \
	"country code (+15560000000), or set [numbers] country_code"

#endif
