/* refusals: answers about what was refused for its signature: why, and the requests themselves,
 * which wait in the quarantine.
 *
 * Rows of the table in endpoints.c; what holds for all of them stands in question.h. The quarantine
 * is read through a reader of each request's own, and written by the daemon alone. */
#ifndef DLRD_API_REFUSALS_H
#define DLRD_API_REFUSALS_H

#include "dlrd/api/question.h"
#include "dlrd/refused/quarantine_values.h"

/* GET /v1/signature-failures. */
void refusals_failures(struct question *question);

/* GET /v1/quarantine, /v1/quarantine/{id}. */
void refusals_list(struct question *question);
void refusals_one(struct question *question);

/* POST and GET /v1/quarantine/reverify: verify everything again, and how that went. */
void refusals_ask_reverify(struct question *question);
void refusals_reverify(struct question *question);

/* POST /v1/quarantine/{id}/drop, /v1/quarantine/all/drop. */
void refusals_drop(struct question *question);
void refusals_drop_all(struct question *question);

/* Appends the raw HTTP request, as 'dlrd explain' reads it, with the headers that were kept. */
void refusals_append_request(const struct quarantined *request, struct buffer *out);

#endif
