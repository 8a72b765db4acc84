/* signature_failures: recent refused requests and their causes, summarised for the operator.
 *
 * A fixed table in memory: refusals with the same route, account and advice are one row with a
 * count. A full table drops the row with the oldest last refusal. Of a request only its route is
 * kept; advice and URL are the diagnosis's visible texts. Thread-safe. */
#pragma once

#include "dlrd/refused/diagnosis.h"

#define SIGNATURE_FAILURES_MAX 64

struct signature_failure {
	struct slice route, account; /* account: as the request claims; "" if it names none */
	struct slice causes;         /* names with commas between */
	struct slice url;            /* the signed URL up to the path; "" if no variant fits */
	struct slice advice;
	bool proven; /* a configured token signed it */
	uint64_t count;
	int64_t first_us, last_us; /* wall clock */
};

struct signature_failures;

must_check enum result signature_failures_new(struct signature_failures **out_failures);

void signature_failures_note(struct signature_failures *failures, struct slice route,
    struct slice account, const struct diagnosis *diagnosis, int64_t now_us);

typedef void (*signature_failure_fn)(void *context, const struct signature_failure *failure);

/* The latest first. on_failure must not call this module. */
void signature_failures_each(
    struct signature_failures *failures, signature_failure_fn on_failure, void *context);

/* Accepts NULL. */
void signature_failures_free(struct signature_failures *failures);
