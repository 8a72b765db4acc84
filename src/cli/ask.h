/* ask: the answer of a command that asks a question of the table (query/table.h). */
#pragma once

#include "dlrd/query/ask.h"
#include "query.h"

/* The flag of a command that waits for further rows. */
#define ASK_FOLLOW "follow"

/* Answers the question with these values. The command's exit status. */
int ask_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values);

/* Prints the events after the given one, or after the latest, and then each that is counted, until
 * an interrupt. The command's exit status. */
int ask_follow(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values);
