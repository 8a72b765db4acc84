/* campaigns: the campaign that a path names.
 *
 * Functions answer as question.h describes. */
#pragma once

#include "dlrd/api/question.h"
#include "dlrd/query/ask.h"

/* Whether the values name one campaign (campaigns_find); false, with an answer, if they name none
 * or several. Writes its figures if the answer is not a list. */
must_check bool campaigns_check(struct question *question, const struct query_values *values);
