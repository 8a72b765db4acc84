/* ask: the answer of a command that asks a question of the table (query/table.h). */
#pragma once

#include "dlrd/query/ask.h"
#include "query.h"

/* Answers the question with these values. The command's exit status. */
int ask_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values);
