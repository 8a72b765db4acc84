/* upkeep: answers about the daemon itself: health, readiness, metrics, rebuilds, its callback
 * URLs, and the OpenAPI description.
 *
 * These are endpoints, called through the table in endpoints.c; see question.h. */
#pragma once

#include "dlrd/api/question.h"

/* GET /healthz, /readyz, /metrics. */
void upkeep_health(struct question *question);
void upkeep_ready(struct question *question);
void upkeep_metrics(struct question *question);

/* GET /v1/rebuild, /v1/retag, /v1/simulations/undo: the state and the counts of the last such work.
 */
void upkeep_work(struct question *question);

/* POST to the same: starts it. See question_may_act. */
void upkeep_ask_work(struct question *question);

/* GET /v1/setup: the public URLs and the routes, from which callback URLs are made. */
void upkeep_setup(struct question *question);

/* GET /v1/openapi.json. */
void upkeep_openapi(struct question *question);
