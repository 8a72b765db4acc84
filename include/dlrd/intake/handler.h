/* handler: from the bytes of one request to a ruling: answer it now, or keep it first.
 *
 * Pure but for its counters and what it tells of refusals: it owns no socket, waits for nothing and
 * keeps nothing between requests. The listener asks twice: handler_head when the headers are in,
 * before any body is read, and handler_body when the request is whole. One thread. */
#ifndef DLRD_INTAKE_HANDLER_H
#define DLRD_INTAKE_HANDLER_H

#include "dlrd/base/metrics.h"
#include "dlrd/base/socket.h"
#include "dlrd/journal/journal.h"
#include "dlrd/journal/quarantine.h"
#include "dlrd/request/route.h"
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/verifier.h"

/* What a stranger may send. Configurable within bounds; the defaults stand in daemon/settings.c. */
struct handler_limits {
	size_t target_max;  /* bytes of path and query: Twilio's URLs have up to 4,000 */
	size_t headers_max; /* bytes of all header names and values */
	size_t body_max;    /* bytes; AddOns and ChannelMetadata are JSON inside a form field */
	size_t fields_max;  /* form fields; Twilio sends up to about a hundred */
};

/* What became of a request, for the counters. */
enum outcome_label {
	OUTCOME_KEPT,
	OUTCOME_UNVERIFIED,
	OUTCOME_UNAVAILABLE, /* it could not be kept right now */
	OUTCOME_MALFORMED,
	OUTCOME_NO_ROUTE,
	OUTCOME_METHOD,
	OUTCOME_TOO_LARGE,
	OUTCOME_LABEL_COUNT,
};

/* The facts of a request's head, as the listener found them. */
struct request_head {
	struct slice method, target, version;
	struct slice media_type;
	struct slice signature; /* absent: no header */
	struct slice settings;  /* SHARED_KEYS_HEADER; absent: no header */
	struct slice host, forwarded_proto, forwarded_host;
	struct slice forwarded_port, forwarded_prefix, original_uri; /* only for explaining */
	/* how many headers of that name */
	unsigned hosts, signatures, settings_count, lengths, encodings;
	bool chunked;            /* Transfer-Encoding is exactly "chunked" */
	bool bad_header;         /* a header name that is no token (RFC 9110, section 5.6.2) */
	bool bad_length;         /* Content-Length that is no plain number */
	uint64_t content_length; /* 0 where there is none */
	size_t header_bytes;
	bool from_trusted_proxy; /* the X-Forwarded headers may be believed */
	struct slice peer;       /* the address that it came from, as socket_peer_write has it */
};

/* The head that a refused request had, and of what it had been with another target. Trust in its
 * X-Forwarded headers is as it was when it arrived: see request_is_trusted. */
struct request_head request_head_of(const struct quarantined *quarantined, struct slice target);

/* Whether a refused request came from one of these proxies, so that its X-Forwarded headers may be
 * believed. A file of an earlier version only knows whether they were believed when it arrived. */
bool request_is_trusted(
    const struct quarantined *quarantined, const struct socket_peer *proxies, size_t count);

/* Where no public URL is configured, it is put together as a trusted proxy tells it, or as it came.
 * False where that is no URL. */
bool request_head_base(const struct request_head *head, struct url_base *out_base);

struct handler;

struct handler_options {
	const struct routes *routes;
	const struct verifier *verifier;
	const struct keywords *keywords; /* whose replies are given; NULL for none */
	struct handler_limits limits;
	struct metrics *metrics;       /* NULL: nothing is counted, told or offered */
	struct quarantine *quarantine; /* offered what has one signature header; may be NULL */
};

must_check enum result handler_new(
    const struct handler_options *options, struct handler **out_handler);

/* The answer's status where the request is refused by its head alone, 0 where its body is wanted. A
 * refusal has been counted. *out_close is whether the connection must not be used again, because
 * nobody can tell where the next request would begin. */
unsigned handler_head(struct handler *handler, const struct request_head *head, bool *out_close);

struct ruling {
	unsigned status;      /* answer now, where it is not 0; it has been counted */
	unsigned kept_status; /* otherwise: keep entry, and then answer this: 204, or 200 with
				 TwiML for an inbound message */
	struct slice reply;   /* what the TwiML sends to the person, borrowed from the keywords;
				 absent   for nothing */
	struct journal_entry entry; /* borrows from the head, the body and the handler */
};

/* The ruling on a whole request whose head has passed. */
struct ruling handler_body(
    struct handler *handler, const struct request_head *head, struct slice body, int64_t now_us);

/* Bytes that handler_body allocates for a request, at most; freed when it returns, but for a few
 * KiB that are counted by handler_memory. */
size_t handler_work(
    const struct handler *handler, const struct request_head *head, struct slice body);

/* Bytes that requests have made the handler and the quarantine's queue allocate, and that they hold
 * now. */
size_t handler_memory(const struct handler *handler);

/* Counts what became of a request that the listener decided itself, on the route of that target. */
void handler_count(struct handler *handler, struct slice target, enum outcome_label outcome);

/* Whether a request of that account was verified since the start. Any thread. */
bool handler_has_verified(const struct handler *handler, struct slice account);

/* The count of refusals with that verdict; NULL where nothing is counted. */
struct metric *handler_verdict_metric(const struct handler *handler, enum verdict verdict);

void handler_free(struct handler *handler);

#endif
