/* events: answers about events: their stream, and one of them.
 *
 * Functions of the table in endpoints.c, called as question.h describes. */
#pragma once

#include "dlrd/api/question.h"

/* GET /v1/events/stream: type, campaign, workspace, variant. Begins after
 * the event of the header Last-Event-ID, after the parameter after, or now. */
void events_follow(struct question *question);

/* GET /v1/events/{seq}. */
void events_one(struct question *question);
