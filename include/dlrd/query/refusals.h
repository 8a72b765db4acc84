/* refusals: the questions about refused requests. src/api/refusals.c answers them from the
 * quarantine and from memory. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_signature_failures, query_quarantine, query_quarantined;
