/* refusals: the questions about refused requests. src/api/refusals.c answers them from the
 * quarantine and from memory. */
#ifndef DLRD_QUERY_REFUSALS_H
#define DLRD_QUERY_REFUSALS_H

#include "dlrd/query/row.h"

extern const struct query query_signature_failures, query_quarantine, query_quarantined;

#endif
