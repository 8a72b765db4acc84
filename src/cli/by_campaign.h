/* by_campaign: the answer of a command whose question is about one campaign or about all. */
#pragma once

#include "dlrd/query/ask.h"
#include "query.h"

/* Answers a question with a parameter QUERY_CAMPAIGN. A table has a part with a heading for each
 * campaign. JSON is as in the api if one campaign is named; otherwise, and in CSV, each row has the
 * campaign's names. A campaign that does not exist is a failure. Returns the exit status. */
int by_campaign_show(struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values);
