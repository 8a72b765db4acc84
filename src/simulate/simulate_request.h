/* simulate_request: a simulation's items as HTTP requests, spelled and signed as Twilio's are.
 *
 * The body is written as Twilio writes it (twilio.com/docs/messaging/guides/
 * track-outbound-message-status, and captures of real ones), decoded again, and signed over the
 * decoded form. Telephone numbers are in the 500 range, which belongs to no place. One thread. */
#ifndef DLRD_SIMULATE_SIMULATE_REQUEST_H
#define DLRD_SIMULATE_SIMULATE_REQUEST_H

#include "dlrd/twilio/verifier.h"
#include "simulate_traffic.h"

/* Everything is borrowed for the writer's life. */
struct simulate_request_options {
	const struct simulate_plan *plan;
	const struct verifier *verifier; /* with the account and a public URL */
	struct slice account;
	struct slice host;   /* the Host header */
	struct slice target; /* path and query of the callback URL */
};

/* All memory that requests are made in. */
struct simulate_requests {
	struct simulate_request_options options;
	struct buffer head, body; /* the part of the head that never changes; the body in hand */
	struct form form;
	char done_date[11]; /* YYMMDDhhmm, when the run began */
};

/* RESULT_NO_MEMORY. */
must_check enum result simulate_requests_init(
    struct simulate_requests *requests, const struct simulate_request_options *options);

/* Appends the whole request. The same item gives the same bytes. RESULT_NO_MEMORY, or
 * RESULT_NOT_FOUND where the account has no current token. */
must_check enum result simulate_requests_write(
    struct simulate_requests *requests, const struct simulate_item *item, struct buffer *out);

void simulate_requests_done(struct simulate_requests *requests);

#endif
