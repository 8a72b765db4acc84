/* errors: the questions why messages failed: of a campaign, or by any filter. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_campaign_errors, query_failures;
