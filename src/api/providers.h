/* providers: answers about who sent: by sender, messaging service, account or nickname.
 *
 * A row of the table in endpoints.c; what holds for all of them stands in question.h. */
#ifndef DLRD_API_PROVIDERS_H
#define DLRD_API_PROVIDERS_H

#include "dlrd/api/question.h"

/* GET /v1/providers: by, provider, account, service, sender, from, to, limit, next. */
void providers_list(struct question *question);

#endif
