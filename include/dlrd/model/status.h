/* status: the life of a message, as Twilio names its stages.
 *
 * One table, in rank order: accepted, scheduled < queued < sending < sent < canceled, failed,
 * undelivered, delivered < read (docs/messaging/api/message-resource, "Message Status Values"). A
 * status that is not in it is data, too: it moves nothing and is shown as it came. Pure. */
#pragma once

#include "dlrd/base/slice.h"

enum message_status {
	STATUS_UNKNOWN, /* not in the table */
	STATUS_ACCEPTED,
	STATUS_SCHEDULED,
	STATUS_QUEUED,
	STATUS_SENDING,
	STATUS_SENT,
	STATUS_CANCELED,
	STATUS_FAILED,
	STATUS_UNDELIVERED,
	STATUS_DELIVERED,
	STATUS_READ,
	STATUS_RECEIVED, /* inbound */
	STATUS_COUNT,
};

/* One bit for each status, for sets of them. */
#define STATUS_BIT(status) (UINT32_C(1) << (status))

/* No other word follows, but for read after delivered. */
#define STATUS_FINALS                                              \
	(STATUS_BIT(STATUS_CANCELED) | STATUS_BIT(STATUS_FAILED) | \
	    STATUS_BIT(STATUS_UNDELIVERED) | STATUS_BIT(STATUS_DELIVERED))

/* Both count as Failed: never left Twilio, refused by the carrier. */
#define STATUS_FAILURES (STATUS_BIT(STATUS_FAILED) | STATUS_BIT(STATUS_UNDELIVERED))

/* Proof that the message has left Twilio. */
#define STATUS_LEFT                                                                                \
	(STATUS_BIT(STATUS_SENT) | STATUS_BIT(STATUS_DELIVERED) | STATUS_BIT(STATUS_UNDELIVERED) | \
	    STATUS_BIT(STATUS_READ))

/* By name in any case (Event Streams writes upper case); partially_delivered is STATUS_SENT.
 * STATUS_UNKNOWN for any other text. */
enum message_status status_from_name(struct slice name);

/* The name in lower case; absent for STATUS_UNKNOWN. */
struct slice status_name(enum message_status status);

/* The name itself in lower case, partially_delivered as such; absent for one of STATUS_UNKNOWN. */
struct slice status_spelling(struct slice name);
