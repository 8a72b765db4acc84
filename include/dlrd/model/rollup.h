/* rollup: contributions of one message to the hourly figures.
 *
 * The figures are never incremented directly: each is the sum, over all messages, of the
 * contributions that rollup_of returns for the message's state. When a receipt changes a message,
 * the store subtracts the old state's contributions and adds the new one's; an audit sums all of
 * them. Each fact counts in the hour of its earliest receipt. Pure. */
#pragma once

#include "dlrd/model/fold.h"

enum figure {
	FIGURE_MESSAGES,
	FIGURE_SENT,      /* known to have left */
	FIGURE_DELIVERED, /* as the conflict policy decides */
	FIGURE_FAILED,
	FIGURE_CANCELED,
	FIGURE_PENDING, /* sent, without a final status */
	FIGURE_READ,
	FIGURE_REPLIED,          /* inbound messages */
	FIGURE_CLICKED,          /* different links of each message, previews not at all */
	FIGURE_CLICKED_MESSAGES, /* messages with a clicked link */
	FIGURE_OPTED_OUT,        /* replies that say STOP */
	FIGURE_CONFLICTS,
	FIGURE_COUNT,
};

/* A message adds count to this figure in this hour. */
struct contribution {
	enum figure figure;
	int64_t count;
	int64_t hour; /* hours since 1970-01-01 UTC */
};

#define CONTRIBUTIONS_MAX 12

struct rollup {
	struct contribution items[CONTRIBUTIONS_MAX];
	size_t count;
	bool failed;        /* it counts in its campaign's errors ... */
	int64_t error_code; /* ... under this code, -1 for none ... */
	int64_t error_hour; /* ... in this hour */
	int64_t delay_ms;   /* delay_class of the time from sent to delivered; -1: not known */
};

/* The class of a delay: its six leading binary digits, so that a campaign has few classes. A class
 * is at most 3.2 % wide; 1.0117 times its number is off by less than 2 %. */
int64_t delay_class(int64_t delay_ms);

/* "messages", "sent" ...: the names of columns and of JSON keys. */
const char *figure_name(enum figure figure);

/* Nothing for MESSAGE_EMPTY. */
struct rollup rollup_of(const struct message *message, enum conflict_policy policy);
