/* errors: answers about error codes: the catalogue of them, and what Twilio's debugger told.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_ERRORS_H
#define DLRD_API_ERRORS_H

#include "dlrd/api/question.h"

/* GET /v1/errors: limit, next. */
void errors_catalogue(struct question *question);

/* GET /v1/alerts: from, to, ours, limit, next; newest first. */
void errors_alerts(struct question *question);

#endif
