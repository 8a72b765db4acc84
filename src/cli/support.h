/* support: the answer of "dlrd errors --support" for people. */
#pragma once

#include "query.h"

/* Prints how many messages failed with the code, and the newest of them with whole SIDs. The
 * command's exit status. */
int support_show(struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values);
