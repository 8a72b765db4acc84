/* questions: describes the table of questions to the page for browsers, which makes its tables from
 * the columns. */
#pragma once

#include "dlrd/api/question.h"

/* The questions, or with path= one of them, with their columns and parameters. */
void questions_list(struct question *question);
