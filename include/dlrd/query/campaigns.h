/* campaigns: the questions about campaigns: their figures, by variant and by time. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_campaigns, query_campaign, query_variants, query_series;

/* Calls on_row with a row of query_campaigns for each campaign that the values of the question row
 * name. If the question counts hours, a campaign needs a fact in their variant and time. */
must_check enum result campaigns_find(struct store_reader *reader, const struct query *row,
    const struct query_values *values, query_row_fn on_row, void *context);
