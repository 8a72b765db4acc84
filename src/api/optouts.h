/* optouts: answers about one number in the opt-out ledger.
 *
 * A function of the table in endpoints.c, called as question.h describes. */
#pragma once

#include "dlrd/api/question.h"

/* GET /v1/optouts/{number}: at. The state is out if it is so in any scope. CSV has the history. */
void optouts_number(struct question *question);
