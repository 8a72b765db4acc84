/* people: the questions about people: replies and near misses. */
#ifndef DLRD_QUERY_PEOPLE_H
#define DLRD_QUERY_PEOPLE_H

#include "dlrd/query/row.h"

extern const struct query query_replies, query_near_misses;

#endif
