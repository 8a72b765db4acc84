/* exchange: one request on a connection, from its first line to the end of its answer.
 *
 *     new -> [exchange_send at once: a refusal, a health check]
 *         -> exchange_ask: suspended, a worker answers, resumed -> exchange_send
 *            -> for a list of several pages: suspended, a worker reads the next page, resumed ...
 *
 * The number of questions in progress is bounded (EXCHANGES_QUESTIONS_MAX). Each has a total
 * deadline of request_timeout_us, and holds one page at a time (list.h). A list that fails in the
 * middle ends without its last chunk; for an HTTP/1.0 client it ends with a reset. Jobs run on
 * workers, all other functions on the library's threads. */
#pragma once

#include "dlrd/api/connections.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/api/workers.h"
#include "readers.h"
#include "streams.h"

#include <microhttpd.h>

/* Questions in progress in the whole api; one more is answered 503. Together with STREAMS_MAX event
 * streams and CONNECTIONS_RESERVE they leave room on a listener for new connections. */
#define EXCHANGES_QUESTIONS_MAX 40u
/* The time for a connection to send its first request, from a request's first line to its last
 * byte, and for a client to receive an answer that needs no worker. */
#define EXCHANGES_ARRIVAL_US (10 * CLOCK_SECOND_US)
/* The time between two requests. */
#define EXCHANGES_IDLE_US (30 * CLOCK_SECOND_US)

/* The state that all exchanges of the api share. */
struct exchanges;

/* state, readers and workers are borrowed. questions_max: at most EXCHANGES_QUESTIONS_MAX. */
must_check enum result exchanges_new(const struct endpoints_state *state, struct readers *readers,
    struct workers *workers, unsigned questions_max, int64_t request_timeout_us,
    struct exchanges **out_exchanges);

/* Refuses new questions, and waits for the answers in progress until until_us (monotonic) at most.
 * Answers that are not sent by then are cut. */
void exchanges_drain(struct exchanges *exchanges, int64_t until_us);

/* Accepts NULL. */
void exchanges_free(struct exchanges *exchanges);

enum exchange_stage {
	EXCHANGE_HEAD,     /* the head is not checked yet */
	EXCHANGE_BODY,     /* the body, if any, is read and discarded */
	EXCHANGE_ANSWERED, /* a worker has answered; the answer is to be sent */
};

struct exchange;

/* Returns NULL if memory is short. target is copied, everything else borrowed. */
struct exchange *exchange_new(struct exchanges *owner, struct streams *streams,
    struct connection *connection, struct MHD_Connection *mhd, const char *target);

enum exchange_stage exchange_stage(const struct exchange *exchange);
struct slice exchange_target(const struct exchange *exchange);

/* Reads the head. A request with a body that needs only memory is answered at once. */
enum MHD_Result exchange_take_head(struct exchange *exchange, const char *method,
    const char *version, const struct caller *caller);

/* Passes the complete request to a worker, or answers it from memory. */
enum MHD_Result exchange_ask(struct exchange *exchange);

/* Sends the worker's answer. */
enum MHD_Result exchange_send(struct exchange *exchange);

/* Sends answer, and takes it over. */
enum MHD_Result exchange_refuse(struct exchange *exchange, struct api_answer answer);

/* Must be called when the request has ended in the library, for any reason. Accepts NULL. */
void exchange_free(struct exchange *exchange);
