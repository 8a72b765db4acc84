/* campaigns: the campaign that a path names.
 *
 * Functions answer as question.h describes. */
#ifndef DLRD_API_CAMPAIGNS_H
#define DLRD_API_CAMPAIGNS_H

#include "dlrd/api/question.h"

/* GET /v1/campaigns/{campaign}: workspace, variant, from, to. */
void campaigns_one(struct question *question);

/* Whether the path and the query's workspace name one campaign; false, with an answer, if they name
 * none or several. If the question counts hours, the campaign needs a fact in the query's variant
 * and time. */
must_check bool campaigns_check(struct question *question);

#endif
