/* providers: the question about figures by sender, service, account or nickname. */
#pragma once

#include "dlrd/query/row.h"

/* SQL: the nickname of the provider whose table or alias is p; the sender's, else the messaging
 * service's, else the account's, else the default one. */
#define PROVIDER_NAME(p)                                                                   \
	"(SELECT n.name FROM provider_name n WHERE n.kind = 'sender' AND n.value = " p     \
	".sender OR n.kind = 'service' AND n.value = " p                                   \
	".service OR n.kind = 'account' AND n.value = " p ".account OR n.kind = 'default'" \
	" ORDER BY n.kind = 'default', n.kind = 'account', n.kind = 'service' LIMIT 1)"

extern const struct query query_providers;
