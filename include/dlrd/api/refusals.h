/* refusals: answers about requests that were refused for their signatures: the reasons, and the
 * requests themselves, which wait in the quarantine.
 *
 * These are endpoints, called through the table in endpoints.c; see question.h. Each request opens
 * its own reader of the quarantine. Only the daemon's quarantine worker writes it. */
#pragma once

#include "dlrd/api/question.h"
#include "dlrd/query/refusals.h"
#include "dlrd/refused/quarantine_values.h"

/* GET /v1/signature-failures. */
void refusals_failures(struct question *question);

/* GET /v1/quarantine, /v1/quarantine/{id}. */
void refusals_list(struct question *question);
void refusals_one(struct question *question);

/* POST and GET /v1/quarantine/reverify: start a re-verification; the state of the last one. */
void refusals_ask_reverify(struct question *question);
void refusals_reverify(struct question *question);

/* POST /v1/quarantine/{id}/drop, /v1/quarantine/all/drop. */
void refusals_drop(struct question *question);
void refusals_drop_all(struct question *question);

/* A row of query_quarantine, and of query_quarantined; raw is the whole request. */
struct report_row refusals_row(const struct quarantined *request);
struct report_row refusals_whole_row(const struct quarantined *request, struct slice raw);

/* Appends the raw HTTP request, with the headers that were stored. 'dlrd explain' reads it. */
void refusals_append_request(const struct quarantined *request, struct buffer *out);
