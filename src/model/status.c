#include "dlrd/model/status.h"

static const struct slice names[STATUS_COUNT] = {
    [STATUS_ACCEPTED] = SLICE_INIT("accepted"),
    [STATUS_SCHEDULED] = SLICE_INIT("scheduled"),
    [STATUS_QUEUED] = SLICE_INIT("queued"),
    [STATUS_SENDING] = SLICE_INIT("sending"),
    [STATUS_SENT] = SLICE_INIT("sent"),
    [STATUS_CANCELED] = SLICE_INIT("canceled"),
    [STATUS_FAILED] = SLICE_INIT("failed"),
    [STATUS_UNDELIVERED] = SLICE_INIT("undelivered"),
    [STATUS_DELIVERED] = SLICE_INIT("delivered"),
    [STATUS_READ] = SLICE_INIT("read"),
    [STATUS_RECEIVED] = SLICE_INIT("received"),
};

/* Other names of the same stage. */
static const struct {
	struct slice name;
	enum message_status status;
} aliases[] = {
    /* Deprecated, and still in Twilio's schema: of several recipients some have the message. */
    {SLICE_INIT("partially_delivered"), STATUS_SENT},
};

#define ALIAS_COUNT (sizeof aliases / sizeof aliases[0])

enum message_status
status_from_name(struct slice name)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++)
		if (slice_equal_nocase(name, aliases[i].name))
			return aliases[i].status;
	for (int status = STATUS_ACCEPTED; status < STATUS_COUNT; status++)
		if (slice_equal_nocase(name, names[status]))
			return (enum message_status)status;
	return STATUS_UNKNOWN;
}

struct slice
status_name(enum message_status status)
{
	/* A damaged row may have any number. */
	return (unsigned)status < STATUS_COUNT ? names[status] : SLICE_NONE;
}

struct slice
status_spelling(struct slice name)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++)
		if (slice_equal_nocase(name, aliases[i].name))
			return aliases[i].name;
	return names[status_from_name(name)];
}
