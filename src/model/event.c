#include "dlrd/model/event.h"

static const struct slice names[EVENT_TYPE_COUNT] = {
    [EVENT_PROGRESS] = SLICE_INIT("Progress"),
    [EVENT_SENT] = SLICE_INIT("Sent"),
    [EVENT_DELIVERED] = SLICE_INIT("Delivered"),
    [EVENT_FAILED] = SLICE_INIT("Failed"),
    [EVENT_READ] = SLICE_INIT("Read"),
    [EVENT_REPLIED] = SLICE_INIT("Replied"),
    [EVENT_CLICKED] = SLICE_INIT("Clicked"),
    [EVENT_UNRECOGNISED] = SLICE_INIT("Unrecognised"),
};

struct slice
event_type_name(enum event_type type)
{
	return names[type];
}

struct slice
consent_name(enum consent consent)
{
	switch (consent) {
	case CONSENT_OUT: return SLICE("out");
	case CONSENT_IN: return SLICE("in");
	case CONSENT_SILENT: break;
	}
	return SLICE_NONE;
}

struct slice
event_peer(const struct event *event)
{
	return event->type == EVENT_REPLIED ? event->from : event->to;
}

struct slice
event_sender(const struct event *event)
{
	return event->type == EVENT_REPLIED ? event->to : event->from;
}

bool
event_type_from_name(struct slice name, enum event_type *out_type)
{
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		if (slice_equal(name, names[type])) {
			*out_type = (enum event_type)type;
			return true;
		}
	return false;
}

enum event_type
event_type_of_status(enum message_status status)
{
	switch (status) {
	case STATUS_ACCEPTED:
	case STATUS_SCHEDULED:
	case STATUS_QUEUED:
	case STATUS_SENDING:
	case STATUS_CANCELED: return EVENT_PROGRESS;
	case STATUS_SENT: return EVENT_SENT;
	case STATUS_FAILED:
	case STATUS_UNDELIVERED: return EVENT_FAILED;
	case STATUS_DELIVERED: return EVENT_DELIVERED;
	case STATUS_READ: return EVENT_READ;
	case STATUS_RECEIVED: return EVENT_REPLIED;
	case STATUS_UNKNOWN:
	case STATUS_COUNT: break;
	}
	return EVENT_UNRECOGNISED;
}
