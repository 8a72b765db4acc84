/* providers: the question about figures by sender, service, account or nickname. */
#ifndef DLRD_QUERY_PROVIDERS_H
#define DLRD_QUERY_PROVIDERS_H

#include "dlrd/query/row.h"

extern const struct query query_providers;

#endif
