/* simulate_request: a simulation's items as HTTP requests, spelled and signed as Twilio's are.
 *
 * The body is written as Twilio writes it (twilio.com/docs/messaging/guides/
 * track-outbound-message-status, and captured callbacks), decoded, and signed over the decoded
 * form. Telephone numbers are in the 500 range, which is not assigned to a region. One thread. */
#pragma once

#include "dlrd/twilio/verifier.h"
#include "simulate_traffic.h"

/* All fields are borrowed until simulate_requests_done. */
struct simulate_request_options {
	const struct simulate_plan *plan;
	const struct verifier *verifier; /* with the account and a public URL */
	struct slice account;
	struct slice host;   /* the Host header */
	struct slice target; /* path and query of the callback URL */
};

/* The memory for building requests. */
struct simulate_requests {
	struct simulate_request_options options;
	struct buffer head, body; /* the constant part of the head; the current body */
	struct form form;
	char done_date[11]; /* YYMMDDhhmm, when the run began */
};

/* Returns RESULT_NO_MEMORY if memory is short. */
must_check enum result simulate_requests_init(
    struct simulate_requests *requests, const struct simulate_request_options *options);

/* Appends the whole request. Equal items produce equal bytes. Returns RESULT_NO_MEMORY, or
 * RESULT_NOT_FOUND if the account has no current token. */
must_check enum result simulate_requests_write(
    struct simulate_requests *requests, const struct simulate_item *item, struct buffer *out);

void simulate_requests_done(struct simulate_requests *requests);
