/* events: answers about what happened: the feed of events, one of them, a message, replies.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_EVENTS_H
#define DLRD_API_EVENTS_H

#include "dlrd/api/question.h"

/* GET /v1/events: after, type, campaign, workspace, variant, from, to, limit. */
void events_list(struct question *question);

/* GET /v1/events/stream: type, campaign, workspace, variant; goes on behind the header
 * Last-Event-ID, or after, or from now. */
void events_follow(struct question *question);

/* GET /v1/events/{seq}. */
void events_one(struct question *question);

/* GET /v1/messages/{sid}. */
void events_message(struct question *question);

#endif
