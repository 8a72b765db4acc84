/* advice: the line that names what the operator should change, for diagnosis.h.
 *
 * It names settings as in dlrd.ini, and directives of nginx, HAProxy, Caddy and Apache. It contains
 * only texts of the configuration and texts that a signature has proven, as visible text; no query,
 * no body, no secret. Pure; any thread. */
#pragma once

#include "dlrd/refused/diagnosis_cause.h"
#include "dlrd/twilio/verifier.h"

/* The facts for a line. Slices are borrowed and may be absent. */
struct advice_facts {
	enum diagnosis_cause cause;     /* the one to fix first */
	unsigned causes;                /* DIAGNOSIS_BIT of all */
	bool fits;                      /* a variant was found: the causes are proven */
	struct slice public_url;        /* the right [server] public_url; absent: no change helps */
	size_t public_url_count;        /* the number of configured ones */
	struct slice prefix;            /* the path that a public URL should have */
	bool prefix_differs;            /* the public URL has another path */
	struct slice added;             /* that the proxy adds before the path */
	struct slice path;              /* as received */
	struct slice account;           /* named by the request, or else by its route */
	bool account_is_routes;         /* the route names it */
	bool account_is_known;          /* it has a section */
	struct slice signed_account;    /* whose token fits */
	bool is_get, is_form, has_form; /* of the request; has_form: it has Twilio's parameters */
	bool type_lost;                 /* the body is a form, but its Content-Type is another */
	bool verified_before;
	struct slice shared_key; /* the ID of the one that it claims; absent: none */
};

/* Appends the line for the causes of the diagnosis. */
void advice_append(const struct advice_facts *facts, struct buffer *out);

/* Appends the line for a path without a [callback] section. An absent path is not named. */
void advice_append_no_route(struct slice path, struct buffer *out);

/* Appends the line for a request whose headers cannot be verified: DIAGNOSIS_SIGNATURE,
 * DIAGNOSIS_ALGORITHM, DIAGNOSIS_SHARED_KEY, or DIAGNOSIS_UNEXPLAINED for no signature at all. */
void advice_append_headers(enum diagnosis_cause cause, const struct incoming *incoming,
    struct slice shared_key, struct buffer *out);
