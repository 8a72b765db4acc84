/* upkeep: answers about the daemon itself: health, readiness, metrics, rebuilds, and the OpenAPI
 * description.
 *
 * These are endpoints, called through the table in endpoints.c; see question.h. */
#pragma once

#include "dlrd/api/question.h"

/* GET /healthz, /readyz, /metrics. */
void upkeep_health(struct question *question);
void upkeep_ready(struct question *question);
void upkeep_metrics(struct question *question);

/* GET /v1/rebuild: the state and the counts of the last rebuild. */
void upkeep_rebuild(struct question *question);

/* POST /v1/rebuild: starts a rebuild. See question_may_act. */
void upkeep_ask_rebuild(struct question *question);

/* GET /v1/openapi.json. */
void upkeep_openapi(struct question *question);
