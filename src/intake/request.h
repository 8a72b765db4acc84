/* request: libmicrohttpd's callbacks for connections and requests, and the hand-over to the
 * journal.
 *
 * The four callbacks are documented in microhttpd.h; their context is the struct listener. The
 * start and the end of the wait for a commit are next to each other in request.c (wait_for_commit,
 * end_wait). The loop's thread only. */
#pragma once

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

/* Moves the connection to the end of a list of deadlines; NULL takes it out of all lists. */
void request_move(struct connection *connection, struct connections *list);

/* Puts a configuration of intake_configure into force, for requests that begin from now on. */
void request_take_config(struct intake *intake);

/* Reports that no request uses a configuration any more, and frees it. Accepts NULL. */
void request_end_config(struct shared_config *shared);

/* Hands the requests that wait for their commit to the writer. */
void request_hand_over(struct intake *intake);

/* Answers the requests whose writes the writer has handed back. */
void request_take_done(struct intake *intake);

/* Answers a waiting request 503. Its write may still complete. */
void request_give_up(struct intake *intake, struct connection *connection);
