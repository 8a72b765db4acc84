/* ask: answers the questions of the table in query/table.h over HTTP. One thread at a time. */
#pragma once

#include "dlrd/api/question.h"

/* Answers the row that the question's path names (question->row). */
void ask_query(struct question *question);
