/* dashboard: the page for browsers at "/" and the files that it loads. They have no data, and are
 * open to anyone who reaches the listener; the page asks the questions of the api as any client. */
#pragma once

#include "dlrd/api/question.h"

/* Answers with the file of the request's path: compressed if the client accepts that, and 304 if it
 * has the page already. */
void dashboard_answer(struct question *question);
