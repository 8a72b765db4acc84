/* events: the questions about events, and events as rows of other answers. */
#pragma once

#include "dlrd/engine/events_reader.h"
#include "dlrd/query/row.h"

#define EVENT_TYPES "Sent|Delivered|Failed|Read|Replied|Clicked|Progress|Unrecognised"

extern const struct query query_events, query_event, query_message;

/* A row of query_events, and of query_message. Texts are borrowed from row. */
struct report_row query_event_row(const struct event_row *row);
struct report_row query_receipt_row(const struct event_row *row);
