/* optouts: answers from the opt-out ledger: who may not be texted, what changed, one number.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_OPTOUTS_H
#define DLRD_API_OPTOUTS_H

#include "dlrd/api/question.h"

/* GET /v1/optouts: state, scope, at, limit, next. */
void optouts_list(struct question *question);

/* GET /v1/optouts/changes: after, limit. */
void optouts_changes(struct question *question);

/* GET /v1/optouts/{number}: at. Out, where any scope is. In CSV it is the history. */
void optouts_number(struct question *question);

#endif
