/* names: whether the names that filters have are in the store, and names near those that are not.
 *
 * An answer that lacks a mistyped campaign would look like one about a campaign without messages.
 * The names are in small tables: no look-up reads messages or events. One thread at a time for each
 * reader. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/query/ask.h"

/* Checks the values of all parameters that name something (query_parameter.names). An empty
 * campaign or workspace exists: it has the receipts without one. RESULT_NOT_FOUND appends to error
 * which one does not exist, with names near it: "no campaign 'sprnig'; near ones: spring". The text
 * has names as they are stored, for a caller that escapes them. */
must_check enum result names_check(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct buffer *error);
