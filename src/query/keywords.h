/* keywords: the question about keywords, and how often each was recognised. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_keywords;
