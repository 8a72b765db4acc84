/* handler: decides whether the intake answers a request now or stores it first.
 *
 * The listener asks twice: handler_head when the headers are in, before any body is read, and
 * handler_body when the request is whole. The decision itself is admission's; the handler counts
 * it, logs it, and offers refused requests to the quarantine. It owns no socket, waits for nothing
 * and keeps nothing of a request. One thread. */
#pragma once

#include "dlrd/base/metrics.h"
#include "dlrd/journal/journal.h"
#include "dlrd/refused/quarantine.h"
#include "dlrd/request/admission.h"

/* Bounds of a request. Configurable; the defaults are in daemon/settings.c. */
struct handler_limits {
	size_t target_max;  /* bytes of path and query: Twilio's URLs have up to 4,000 */
	size_t headers_max; /* bytes of all header names and values */
	size_t body_max;    /* bytes; AddOns and ChannelMetadata are JSON inside a form field */
	size_t fields_max;  /* form fields; Twilio sends up to about a hundred */
};

/* How a request ended, for the counters. */
enum handler_outcome {
	HANDLER_KEPT,
	HANDLER_UNVERIFIED,
	HANDLER_UNAVAILABLE, /* it could not be stored now */
	HANDLER_MALFORMED,
	HANDLER_NO_ROUTE,
	HANDLER_METHOD,
	HANDLER_TOO_LARGE,
	HANDLER_OUTCOME_COUNT,
};

/* The head of a request, as the listener found it: the request, and how HTTP framed it. */
struct request_head {
	struct incoming incoming; /* without a body */
	struct slice version;
	unsigned hosts, lengths, encodings; /* how many headers of that name */
	bool chunked;                       /* Transfer-Encoding is exactly "chunked" */
	bool bad_header;         /* a header name that is not a token (RFC 9110, section 5.6.2) */
	bool bad_length;         /* Content-Length that is not a plain number */
	uint64_t content_length; /* 0 without the header */
	size_t header_bytes;
};

struct handler;
struct request_trace;

struct handler_options {
	const struct routes *routes;
	const struct verifier *verifier;
	const struct keywords *keywords; /* whose replies are given; NULL for none */
	struct handler_limits limits;
	struct metrics *metrics;       /* of counts; required */
	struct quarantine *quarantine; /* offered what has one signature header; may be NULL */
};

must_check enum result handler_new(
    const struct handler_options *options, struct handler **out_handler);

/* Returns the status that refuses the request by its head alone, and 0 if its body is to be read. A
 * refusal has been counted. *out_close is whether the connection must not be used again, because
 * the next request could begin anywhere. */
unsigned handler_head(struct handler *handler, const struct request_head *head, bool *out_close);

struct decision {
	unsigned status;      /* if not 0: answer this now; it has been counted */
	unsigned kept_status; /* otherwise store entry, then answer this: 204, or 200 with TwiML
				 for an inbound message */
	const struct keyword_section *answer; /* that the TwiML sends to the person, borrowed from
						 the keywords; NULL for none */
	struct journal_entry entry;           /* borrows from the incoming and the handler */
};

/* Decides about a whole request whose head was not refused. Writes the steps of the decision to
 * trace, unless it is NULL. */
struct decision handler_body(
    struct handler *handler, const struct incoming *incoming, struct request_trace *trace);

/* The most that handler_body allocates for a request, in bytes. It is freed when handler_body
 * returns, but for a few KiB that handler_memory counts. */
size_t handler_work(const struct handler *handler, const struct incoming *incoming);

/* Bytes that the handler and the quarantine's queue hold now, for requests. */
size_t handler_memory(const struct handler *handler);

/* Counts a request that the listener answered itself, on the route of that target. */
void handler_count(struct handler *handler, struct slice target, enum handler_outcome outcome);

/* Whether a request of that account was verified since the start. context is a struct handler. Any
 * thread. */
bool handler_has_verified(const void *context, struct slice account);

void handler_free(struct handler *handler);
