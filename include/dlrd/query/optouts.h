/* optouts: the questions about the opt-out ledger. */
#ifndef DLRD_QUERY_OPTOUTS_H
#define DLRD_QUERY_OPTOUTS_H

#include "dlrd/query/row.h"

extern const struct query query_optouts, query_consent_changes, query_number;

/* The state of one number in each scope: a list next to the rows of query_number. */
extern const struct query query_scopes;

#endif
