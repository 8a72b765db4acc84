/* alerts: the questions about Twilio's debugger and its error codes. */
#pragma once

#include "dlrd/query/row.h"

extern const struct query query_alerts, query_catalogue;
