/* table: the questions, one row each. To add a question, add a row. Pure, except for query_add. */
#pragma once

#include "dlrd/query/row.h"

/* Row number index; NULL after the last one. */
const struct query *query_at(size_t index);

/* Adds a row after the last one, for tests; NULL: takes it away. Borrowed. */
void query_add(const struct query *query);

/* The row with that path; NULL: the table has none. */
const struct query *query_find(const char *path);
