/* explainer: says why refused requests were refused: to the log, the metrics and the api, and to
 * the quarantine, which keeps what is proven genuine.
 *
 * A diagnosis is some hundred signatures, and strangers may ask for as many as they like: all of
 * them together get a twentieth of one processor. What a diagnosis found is tried on the requests
 * after it first, with one signature each and without a bound, so on a setting that is wrong for
 * all of our traffic every request of it is told from a stranger's.
 *
 * It works apart from the intake: nobody waits for it, and how long it takes tells a stranger
 * nothing. One thread. */
#ifndef DLRD_INTAKE_EXPLAINER_H
#define DLRD_INTAKE_EXPLAINER_H

#include "dlrd/intake/handler.h"
#include "dlrd/twilio/signature_failures.h"

struct explainer;

/* All is borrowed, and the handler is asked only what handler_has_verified answers. */
struct explainer_options {
	const struct handler *handler; /* who refuses; with metrics */
	const struct routes *routes;
	const struct verifier *verifier;
	const struct socket_peer *proxies; /* whose X-Forwarded headers are believed */
	size_t proxy_count;
	size_t fields_max;    /* as the handler's */
	unsigned listen_port; /* 0 for none */
	struct metrics *metrics;
	struct signature_failures *failures; /* may be NULL */
};

must_check enum result explainer_new(
    const struct explainer_options *options, struct explainer **out_explainer);

/* Takes over what the one before found, and the time and log lines that it had left: a reload in a
 * flood neither forgets what our own traffic looks like nor gives strangers more of either. Before
 * the first request. */
void explainer_inherit(struct explainer *explainer, const struct explainer *before);

/* Explains one refusal, and says so in request->cause ("undiagnosed" where there was no time for
 * it) and request->proven. What is for a path or an account without a section is a stray; but a
 * request for such an account that is proven has one of our tokens under a wrong account. context
 * is the struct explainer: a quarantine_examine_fn. */
bool explainer_examine(void *context, struct quarantined *request);

/* The path and query that were signed, where they came as others and one of our tokens tells what
 * they were: of a proven request, since it may cost a whole diagnosis. Only a guess: the signature
 * has to be verified for it. */
bool explainer_signed_target(
    struct explainer *explainer, const struct quarantined *request, struct buffer *out_target);

/* Accepts NULL. */
void explainer_free(struct explainer *explainer);

#endif
