/* alerts: the questions about Twilio's debugger and its error codes. */
#ifndef DLRD_QUERY_ALERTS_H
#define DLRD_QUERY_ALERTS_H

#include "dlrd/query/row.h"

extern const struct query query_alerts, query_catalogue;

#endif
