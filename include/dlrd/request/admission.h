/* admission: decides whether a request is stored, and how it is answered.
 *
 * The only reading of a request for verification: the intake, the diagnosis, re-verification and
 * `dlrd explain` use it. It logs, counts and stores nothing and waits for nothing.
 *
 * One admission belongs to one thread; the arguments of admission_init are borrowed, only read,
 * and may be shared. It keeps its form and the signed text for the next request, to save
 * allocations: admission_memory counts them, admission_release bounds them. */
#pragma once

#include "dlrd/request/route.h"
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/verifier.h"

struct admission {
	const struct routes *routes;
	const struct verifier *verifier;
	const struct keywords *keywords; /* whose replies are sent; NULL for none */
	size_t fields_max;               /* form fields of a request */
	struct form form;                /* of the latest request */
	struct buffer scratch;
};

enum admission_result {
	ADMISSION_ADMITTED,        /* store it, then answer status */
	ADMISSION_NO_ROUTE,        /* no [callback] section has its path; not verified */
	ADMISSION_UNVERIFIED,      /* verification.result says why */
	ADMISSION_TOO_MANY_FIELDS, /* more than fields_max */
	ADMISSION_UNDECIDED,       /* no memory: the request may be tried again */
};

struct admission_decision {
	enum admission_result result;
	const struct route *route;
	struct verification verification; /* of a request that was verified */
	struct slice account;             /* that the request names; absent if none */
	unsigned status; /* of the answer once it is stored: 200 for an inbound message, else 204 */
	const struct keyword_section
	    *answer; /* to the person who sent it, borrowed from the keywords; NULL for none */
};

/* *admission is zero but for the fields up to fields_max. */
void admission_init(struct admission *admission, const struct routes *routes,
    const struct verifier *verifier, const struct keywords *keywords, size_t fields_max);

/* Reads a request for verification, as verifier_read. The reading borrows from the incoming and the
 * admission, until the next call. */
must_check enum result admission_read(
    struct admission *admission, const struct incoming *incoming, struct reading *out_reading);

/* Decides about a whole request. Slices of the decision are good until the next call. */
void admission_check(struct admission *admission, const struct incoming *incoming,
    struct admission_decision *out_decision);

/* The most that admission_check allocates for the request, in bytes. */
size_t admission_work(const struct admission *admission, const struct incoming *incoming);

/* Bytes that the admission holds between requests. */
size_t admission_memory(const struct admission *admission);

/* Frees what a large request has left, but for some KiB. */
void admission_release(struct admission *admission);

void admission_done(struct admission *admission);
