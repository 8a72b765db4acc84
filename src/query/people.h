/* people: the questions about people: replies and near misses. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_replies, query_near_misses;
