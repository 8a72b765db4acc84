/* campaigns: answers about campaigns: the list of them, one of them, why its messages failed.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_CAMPAIGNS_H
#define DLRD_API_CAMPAIGNS_H

#include "dlrd/api/question.h"

/* GET /v1/campaigns/{campaign}: workspace, variant, from, to. */
void campaigns_one(struct question *question);

/* GET /v1/campaigns/{campaign}/errors: workspace, variant, from, to; recent and previous as
 * report_error_filter says. */
void campaigns_errors(struct question *question);

/* The one campaign that the path and the query's workspace name, whatever happened to it when.
 * false, with an answer, where there is none or are several. */
must_check bool campaigns_find(struct question *question, int64_t *out_id);

#endif
