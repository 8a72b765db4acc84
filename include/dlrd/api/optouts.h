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
 * RESULT_NOT_FOUND where it has none of any. */
must_check enum result optouts_find(struct store_reader *reader,
    const struct address_spellings *spellings, int64_t at_us, struct slice *out_number);

#endif
