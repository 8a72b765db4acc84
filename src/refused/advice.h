/* advice: the line that tells the operator what to change, for diagnosis.h.
 *
 * It names settings as they stand in dlrd.ini, and directives of nginx, HAProxy, Caddy and Apache.
 * Only texts of the configuration and what a signature has proven go into it, made visible; no
 * query, no body, no secret. Pure; any thread. */
#ifndef DLRD_REFUSED_ADVICE_H
#define DLRD_REFUSED_ADVICE_H

#include "dlrd/refused/diagnosis_cause.h"
#include "dlrd/twilio/verifier.h"

/* What a line is made from; all borrowed, all but diagnosis may be absent. */
struct advice_facts {
	enum diagnosis_cause cause;  /* the one to fix first */
	unsigned causes;             /* DIAGNOSIS_BIT of all */
	bool fits;                   /* a variant was found: the causes are proven */
	struct slice public_url;     /* what [server] public_url should say; absent: no such one */
	size_t public_url_count;     /* how many are configured */
	struct slice prefix;         /* the path that a public URL should have */
	bool prefix_differs;         /* and has not */
	struct slice added;          /* what it puts before the path */
	struct slice path;           /* as it came */
	struct slice account;        /* that the request names, or its route */
	bool account_is_routes;      /* the route names it */
	bool account_is_known;       /* it has a section */
	struct slice signed_account; /* whose token fits */
	bool is_get, is_form, has_form; /* the request; has_form: parameters of Twilio's */
	bool type_lost; /* the body is a form, and its Content-Type did not say so */
	bool verified_before;
	struct slice shared_key; /* the ID of the one that it claims; absent: none */
};

/* Appends the line for the causes of the diagnosis. */
void advice_append(const struct advice_facts *facts, struct buffer *out);

/* Appends the line for a path without a [callback] section; absent: it is not to be named. */
void advice_append_no_route(struct slice path, struct buffer *out);

/* Appends the line for a request whose headers cannot be verified: DIAGNOSIS_SIGNATURE,
 * DIAGNOSIS_ALGORITHM, DIAGNOSIS_SHARED_KEY, or DIAGNOSIS_UNEXPLAINED for no signature at all. */
void advice_append_headers(enum diagnosis_cause cause, const struct incoming *incoming,
    struct slice shared_key, struct buffer *out);

#endif
