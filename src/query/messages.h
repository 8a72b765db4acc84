/* messages: the questions about messages, one row each, and about the numbers to take off a list.
 */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_messages, query_suppressed;
