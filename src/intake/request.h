/* request: the library's calls about one connection and one request, and the way into the journal
 * and back.
 *
 * The four callbacks are libmicrohttpd's (microhttpd.h says when each comes); their context is the
 * struct listener. A request that waits for its commit, and the end of that wait, stand next to
 * each other in request.c (wait_for_commit, end_wait). The loop's thread only. */
#ifndef DLRD_INTAKE_REQUEST_H
#define DLRD_INTAKE_REQUEST_H

#include "state.h"

#include <microhttpd.h>

void request_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code);

void *request_on_target(void *context, const char *target, struct MHD_Connection *mhd);

enum MHD_Result request_on_call(void *context, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *data_size,
    void **request_context);

void request_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code);

/* Puts the connection at the end of a list of deadlines; NULL for none of them. */
void request_move(struct connection *connection, struct connections *list);

/* Takes the configuration that was asked for, for requests that begin from now on. */
void request_take_service(struct intake *intake);

/* Tells that nobody uses a configuration any more, and frees it. Accepts NULL. */
void service_end(struct service *service);

/* Gives what waits for its commit to the writer. */
void request_hand_over(struct intake *intake);

/* Answers the requests whose writes the writer has handed back. */
void request_take_done(struct intake *intake);

/* Answers a waiting request 503; its write goes its own way. */
void request_give_up(struct intake *intake, struct connection *connection);

#endif
