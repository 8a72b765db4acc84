/* support: the messages that Twilio's support asks for about an error code: SIDs of the last 24
 * hours, at least three. */
#pragma once

#include "dlrd/query/row.h"

/* Twilio's support cannot look into fewer. */
#define SUPPORT_MESSAGES_MIN 3
#define SUPPORT_MESSAGES_MAX 100 /* of an answer */

extern const struct query query_support;
