/* diagnoser: finds out why requests were refused, and reports it to the log, the metrics, the api
 * and the quarantine, which keeps requests that are proven genuine.
 *
 * A diagnosis computes hundreds of signatures, and an untrusted client can cause any number of
 * diagnoses. So all of them together get a twentieth of one processor. The result of a diagnosis is
 * tried first on later requests, with one signature each and without a limit. If a wrong setting
 * refuses all genuine traffic, each genuine request is thus recognised.
 *
 * No request waits for it, so its duration reveals nothing. One thread. */
#pragma once

#include "dlrd/base/metrics.h"
#include "dlrd/refused/quarantine_values.h"
#include "dlrd/refused/signature_failures.h"
#include "dlrd/request/admission.h"

struct diagnoser;

/* All is borrowed. */
struct diagnoser_options {
	/* Returns whether a request of the account was verified since the start. Any thread. */
	bool (*has_verified)(const void *context, struct slice account);
	const void *context;
	const struct routes *routes;
	const struct verifier *verifier;
	const struct socket_peer *proxies; /* whose X-Forwarded headers are believed */
	size_t proxy_count;
	size_t fields_max;    /* form fields of a request */
	unsigned listen_port; /* 0 for none */
	struct metrics *metrics;
	struct signature_failures *failures; /* may be NULL */
};

must_check enum result diagnoser_new(
    const struct diagnoser_options *options, struct diagnoser **out_diagnoser);

/* Takes over the results of the diagnoser before a reload, and its remaining time and log lines. So
 * a reload in a flood neither forgets how genuine traffic was changed nor allows untrusted clients
 * more of either. Before the first request. */
void diagnoser_inherit(struct diagnoser *diagnoser, const struct diagnoser *before);

/* Explains one refusal: sets request->cause ("undiagnosed" if there was no time for it) and
 * request->proven. A request for a path or an account without a section is a stray, unless it is
 * for such an account and proven: then one of our tokens signed it under a wrong account. context
 * is the struct diagnoser: a quarantine_examine_fn. */
bool diagnoser_examine(void *context, struct quarantined *request);

/* Frees the memory of the last request beyond a small amount. Slices of its decision end. */
void diagnoser_release(struct diagnoser *diagnoser);

/* Decides about a refused request as if it arrived now, with trust in the current proxies. Slices
 * of the decision are good until the next call of the diagnoser. */
void diagnoser_check(struct diagnoser *diagnoser, const struct incoming *incoming,
    struct admission_decision *out_decision);

/* Finds the path and query that were signed, if the request has others and one of our tokens proves
 * them. Only for proven requests, since it may take a whole diagnosis. The result is a guess:
 * verify the signature for it. */
bool diagnoser_signed_target(
    struct diagnoser *diagnoser, const struct quarantined *request, struct buffer *out_target);

/* Accepts NULL. */
void diagnoser_free(struct diagnoser *diagnoser);
