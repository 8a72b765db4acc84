/* exchange: one request on a connection, from its first line to the end of its answer.
 *
 *     new -> [exchange_send at once: a refusal, a health check]
 *         -> exchange_ask: suspended, a worker answers, resumed -> exchange_send
 *            -> for a list of several pages: suspended, a worker reads the next page, resumed ...
 *
 * Questions in progress are bounded in number (EXCHANGES_QUESTIONS_MAX), each has a total deadline
 * of request_timeout_us, and each holds one page at a time (list.h). A list that fails in the
 * middle ends without its last chunk, and to an HTTP/1.0 client with a reset. All but the jobs runs
 * on the library's threads. */
#ifndef DLRD_API_EXCHANGE_H
#define DLRD_API_EXCHANGE_H

#include "dlrd/api/connections.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/api/workers.h"
#include "readers.h"
#include "streams.h"

#include <microhttpd.h>

/* In progress in the whole api; one more is answered 503. With STREAMS_MAX event streams and
 * CONNECTIONS_RESERVE these leave room on a listener for those that connect now. */
#define EXCHANGES_QUESTIONS_MAX 48u
/* From the request's first line to its last byte, and for an answer that is made at once to be
 * taken; and for a connection to send its first request. */
#define EXCHANGES_ARRIVAL_US (10 * CLOCK_SECOND_US)
/* Between two requests. */
#define EXCHANGES_IDLE_US (30 * CLOCK_SECOND_US)

/* What all exchanges of the api share. */
struct exchanges;

/* state, readers and workers are borrowed. questions_max: at most EXCHANGES_QUESTIONS_MAX. */
must_check enum result exchanges_new(const struct endpoints_state *state, struct readers *readers,
    struct workers *workers, unsigned questions_max, int64_t request_timeout_us,
    struct exchanges **out_exchanges);

/* Refuses questions from now on, and waits until the answers in progress are sent, until until_us
 * (monotonic) at most; those that are not sent by then are cut. */
void exchanges_drain(struct exchanges *exchanges, int64_t until_us);

/* Accepts NULL. */
void exchanges_free(struct exchanges *exchanges);

enum exchange_stage {
	EXCHANGE_HEAD,     /* nothing judged yet */
	EXCHANGE_BODY,     /* the body, if any, is read away */
	EXCHANGE_ANSWERED, /* a worker has answered: to be sent */
};

struct exchange;

/* NULL without memory. */
struct exchange *exchange_new(struct exchanges *owner, struct streams *streams,
    struct connection *connection, struct MHD_Connection *mhd, const char *target);

enum exchange_stage exchange_stage(const struct exchange *exchange);
struct slice exchange_target(const struct exchange *exchange);

/* Takes the head. Answers a health check at once; anything else waits for its body. */
enum MHD_Result exchange_take_head(
    struct exchange *exchange, const char *method, const char *version);

/* The request is whole: has a worker answer it. */
enum MHD_Result exchange_ask(struct exchange *exchange);

/* Sends what the worker answered. */
enum MHD_Result exchange_send(struct exchange *exchange);

/* Sends that answer, and takes it over. */
enum MHD_Result exchange_refuse(struct exchange *exchange, struct api_answer answer);

/* When the library is done with the request, however it ended. Accepts NULL. */
void exchange_free(struct exchange *exchange);

#endif
