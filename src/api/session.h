/* session: login and logout of a page in a browser (access.h). */
#pragma once

#include "dlrd/api/question.h"

/* GET: whether a token is needed, who the caller is, and the text with which its page acts. */
void session_show(struct question *question);

/* POST with a token: begins a session, and answers with its cookie. */
void session_begin(struct question *question);

/* POST: ends the session. */
void session_end(struct question *question);
