#include "dlrd/model/event.h"

#include "dlrd/base/clock.h"

#include <stddef.h>
#include <stdio.h>

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

/* Every field of struct event that is a slice. */
static const size_t texts[] = {
    offsetof(struct event, status_text),
    offsetof(struct event, workspace),
    offsetof(struct event, campaign),
    offsetof(struct event, variant),
    offsetof(struct event, account),
    offsetof(struct event, message),
    offsetof(struct event, from),
    offsetof(struct event, to),
    offsetof(struct event, service),
    offsetof(struct event, body),
    offsetof(struct event, keyword),
    offsetof(struct event, done_date),
    offsetof(struct event, near_miss),
    offsetof(struct event, original),
    offsetof(struct event, link),
    offsetof(struct event, signed_text),
    offsetof(struct event, person),
    offsetof(struct event, alias),
    offsetof(struct event, occurred),
    offsetof(struct event, reference),
    offsetof(struct event, cause),
    offsetof(struct event, extra),
    offsetof(struct event, raw_query),
    offsetof(struct event, raw_body),
    offsetof(struct event, source_path),
    offsetof(struct event, source_query),
};

static const struct event_alert *
copy_alert(struct arena *arena, const struct event_alert *alert)
{
	struct event_alert *copy = arena_alloc(arena, sizeof *copy);
	if (copy == NULL)
		return NULL;

	*copy = *alert;
	copy->level = arena_copy(arena, alert->level);
	copy->resource = arena_copy(arena, alert->resource);
	copy->request_url = arena_copy(arena, alert->request_url);
	copy->method = arena_copy(arena, alert->method);
	copy->text = arena_copy(arena, alert->text);
	return copy;
}

void
event_copy(struct arena *arena, const struct event *event, struct event *out_copy)
{
	*out_copy = *event;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct slice *text = (void *)((char *)out_copy + texts[i]);
		*text = arena_copy(arena, *text);
	}
	if (event->alert != NULL)
		out_copy->alert = copy_alert(arena, event->alert);
}

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

bool
event_arrived_before(const struct event *event, int64_t time_us, uint64_t journal_seq)
{
	return event->time_us < time_us ||
	       (event->time_us == time_us && event->journal_seq < journal_seq);
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

#define DATE_LEN 10 /* of "2026-11-20": a day alone is no time */

/* YYMMDDhhmm or YYMMDDhhmmss: the last microsecond that it can mean; 0 for any other text. */
static int64_t
end_of_done_date(struct slice text)
{
	char time[32];
	const char *digits = text.ptr;
	int64_t number, time_us;

	if ((text.len != 10 && text.len != 12) || slice_to_int(text, &number) != RESULT_OK)
		return 0;

	int len = snprintf(time, sizeof time, "20%.2s-%.2s-%.2sT%.2s:%.2s:%.2sZ", digits,
	    digits + 2, digits + 4, digits + 6, digits + 8, text.len == 12 ? digits + 10 : "59");
	return clock_parse((struct slice){time, (size_t)len}, &time_us) == RESULT_OK
		   ? time_us + CLOCK_SECOND_US - 1
		   : 0;
}

int64_t
event_left_us(const struct event *event)
{
	bool has_left =
	    event->type == EVENT_CLICKED || (STATUS_BIT(event->status) & STATUS_LEFT) != 0;
	int64_t occurred_us = 0;

	if (!has_left)
		return 0;
	if (event->occurred.len <= DATE_LEN ||
	    clock_parse(event->occurred, &occurred_us) != RESULT_OK)
		occurred_us = 0;
	int64_t done_us = end_of_done_date(event->done_date);
	bool is_first = occurred_us != 0 && (done_us == 0 || occurred_us < done_us);
	return is_first ? occurred_us : done_us;
}
