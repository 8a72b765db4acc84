/* rollup: what one message adds to the hourly figures.
 *
 * The figures are never counted up by hand: each is the sum, over all messages, of what rollup_of
 * gives for the message's present state. When a receipt changes a message, the store takes the old
 * state's contributions away and adds the new one's; an audit adds them all up again. Each fact
 * counts in the hour of its earliest receipt. Pure. */
#ifndef DLRD_MODEL_ROLLUP_H
#define DLRD_MODEL_ROLLUP_H

#include "dlrd/model/fold.h"

enum figure {
	FIGURE_MESSAGES,
	FIGURE_SENT,      /* known to have left */
	FIGURE_DELIVERED, /* as the conflict policy settles it */
	FIGURE_FAILED,
	FIGURE_CANCELED,
	FIGURE_PENDING, /* sent, without a final word */
	FIGURE_READ,
	FIGURE_REPLIED,          /* inbound messages */
	FIGURE_CLICKED,          /* different links of each message, previews not at all */
	FIGURE_CLICKED_MESSAGES, /* messages of which any link was */
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
};

/* "messages", "sent" ...: the names of columns and of JSON keys. */
const char *figure_name(enum figure figure);

/* Nothing for MESSAGE_EMPTY. */
struct rollup rollup_of(const struct message *message, enum conflict_policy policy);

#endif
