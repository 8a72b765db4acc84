/* answers: the responses of the intake, made once and queued many times.
 *
 * Every response is empty but that to an inbound message, which is TwiML; the TwiML is empty unless
 * a keyword has a reply. There is no cookie, no redirect and no text in an error. Only a keyword's
 * reply is made for each request. A struct answers belongs to the intake's loop. */
#pragma once

#include "dlrd/base/slice.h"

struct MHD_Response;

enum answer_kind { ANSWER_EMPTY, ANSWER_TWIML, ANSWER_METHODS, ANSWER_RETRY, ANSWER_KINDS };

struct answers {
	struct MHD_Response *made[ANSWER_KINDS][2]; /* [1]: with Connection: close */
};

/* RESULT_NO_MEMORY; call answers_done in that case, too. */
must_check enum result answers_init(struct answers *answers);

/* Returns the response of a status: TwiML with 200, Allow with 405, Retry-After with 503.
 * Borrowed. */
struct MHD_Response *answers_get(const struct answers *answers, unsigned status, int close);

/* Returns TwiML that sends text and the file at the link media to the person, for a 200, or NULL if
 * memory is short. One of the two may be absent. The caller ends it with MHD_destroy_response. */
struct MHD_Response *answers_make_reply(struct slice text, struct slice media, int close);

void answers_done(struct answers *answers);
