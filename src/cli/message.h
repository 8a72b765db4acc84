/* message: the answer of dlrd message. */
#pragma once

#include "dlrd/query/ask.h"
#include "query.h"

/* Answers the question with a QUERY_NAME. A table has the state of the message above it.
 * Returns the exit status. */
int message_show(struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values);
