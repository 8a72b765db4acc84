/* upkeep: answers about the daemon itself: is it well, what has it counted, a rebuild, and what all
 * its answers look like.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_UPKEEP_H
#define DLRD_API_UPKEEP_H

#include "dlrd/api/question.h"

/* GET /healthz, /readyz, /metrics. */
void upkeep_health(struct question *question);
void upkeep_ready(struct question *question);
void upkeep_metrics(struct question *question);

/* GET /v1/rebuild: how the last one went. */
void upkeep_rebuild(struct question *question);

/* POST /v1/rebuild, without a body and not from a page of a browser. */
void upkeep_ask_rebuild(struct question *question);

/* GET /v1/openapi.json. */
void upkeep_openapi(struct question *question);

#endif
