/* people: the questions about people: replies, near misses, the opt-out list. */
#ifndef DLRD_QUERY_PEOPLE_H
#define DLRD_QUERY_PEOPLE_H

#include "dlrd/query/row.h"

extern const struct query query_replies, query_near_misses, query_optouts, query_consent_changes;

#endif
