/* providers: the question about figures by sender, service, account or nickname. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_providers;
