/* campaigns: the questions about campaigns: their figures, errors and time series. */
#ifndef DLRD_QUERY_CAMPAIGNS_H
#define DLRD_QUERY_CAMPAIGNS_H

#include "dlrd/query/row.h"

extern const struct query query_campaigns, query_campaign, query_campaign_errors, query_series;

#endif
