/* daemon_answers: the answers of a running daemon to the api: whether it is ready, which
 * entries are missing, how far counting is, and the upkeep that the api requests.
 *
 * The calls run on the api's threads. */
#pragma once

#include "daemon_parts.h"

/* Sets the context, the calls and the borrowed parts of the state; daemon must outlive the api. */
void daemon_answers_fill(struct daemon *daemon, struct endpoints_state *out_state);
