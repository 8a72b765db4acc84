/* answers: the few answers of the intake, made once and queued many times.
 *
 * What is answered is fixed: nothing, but for an inbound message's TwiML, which is empty unless its
 * keyword has a reply; no cookie, no redirect, no word in an error. Only a reply is made for each
 * request. A struct answers belongs to the intake's loop. */
#ifndef DLRD_INTAKE_ANSWERS_H
#define DLRD_INTAKE_ANSWERS_H

#include "dlrd/base/slice.h"

struct MHD_Response;

enum answer_kind { ANSWER_EMPTY, ANSWER_TWIML, ANSWER_METHODS, ANSWER_RETRY, ANSWER_KINDS };

struct answers {
	struct MHD_Response *made[ANSWER_KINDS][2]; /* [1]: with Connection: close */
};

/* RESULT_NO_MEMORY; what was made is then still answers_done's. */
must_check enum result answers_init(struct answers *answers);

/* The answer that goes with a status: TwiML with 200, Allow with 405, Retry-After with 503.
 * Borrowed. */
struct MHD_Response *answers_get(const struct answers *answers, unsigned status, int close);

/* TwiML that sends text to the person, to go with 200; for MHD_destroy_response. NULL when memory
 * is short. */
struct MHD_Response *answers_make_reply(struct slice text, int close);

void answers_done(struct answers *answers);

#endif
