/* receipts: random receipts of one message, for the properties that must hold in any order. */
#ifndef DLRD_TESTS_RECEIPTS_H
#define DLRD_TESTS_RECEIPTS_H

#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/model/rollup.h"

#define RECEIPTS_MAX 12

static inline struct event
receipt_of(enum message_status status, int64_t time_us)
{
	return (struct event){.time_us = time_us,
	    .type = event_type_of_status(status),
	    .status = status,
	    .status_text = status == STATUS_UNKNOWN ? SLICE("teleported") : status_name(status),
	    .error_code = -1,
	    .folds = true};
}

static inline void
shuffle(struct event *events, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t k = random_below((unsigned)i);
		struct event held = events[i - 1];
		events[i - 1] = events[k];
		events[k] = held;
	}
}

/* Receipts that are all different, over a few hours. Failing ones carry the same code or none: of
 * several codes the fold shows the last that it was given. At most one is inbound, since of two
 * only the first counts. */
static inline size_t
random_receipts(struct event out_events[RECEIPTS_MAX])
{
	static const char *const dates[] = {NULL, "2308102223", "2308102224"};
	size_t wanted = 1 + random_below(RECEIPTS_MAX - 1), count = 0;
	for (size_t tries = 0; tries < 40 && count < wanted; tries++) {
		enum message_status status = (enum message_status)random_below(STATUS_COUNT);
		struct event event = receipt_of(status,
		    (480000 + (int64_t)random_below(4)) * CLOCK_HOUR_US + random_below(3600000));
		/* A code on a status that does not fail must change nothing. */
		if (random_below(2))
			event.error_code = STATUS_BIT(status) & STATUS_FAILURES
					       ? 30005
					       : 30000 + (int64_t)random_below(5);
		if (status == STATUS_RECEIVED)
			event.consent = random_below(2) ? CONSENT_OUT : CONSENT_SILENT;
		else
			event.done_date = slice_of(dates[random_below(3)]);
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known |= receipt_is_duplicate(&event, &out_events[i]);
		if (!known)
			out_events[count++] = event;
	}
	return count;
}

/* Folds as the store does: a receipt that was there before is passed over. */
static inline struct message
fold_all(const struct event *events, size_t count)
{
	struct message message = MESSAGE_EMPTY;
	for (size_t i = 0; i < count; i++) {
		bool known = false;
		for (size_t k = 0; k < i; k++)
			known |= receipt_is_duplicate(&events[i], &events[k]);
		if (!known)
			message_fold(&message, &events[i]);
	}
	return message;
}

/* Returns whether both are equal except for the first final status. */
static inline bool
messages_agree(const struct message *a, const struct message *b)
{
	return a->seen == b->seen && a->opted_out == b->opted_out &&
	       a->error_code == b->error_code && a->first_us == b->first_us &&
	       a->last_us == b->last_us && a->sent_us == b->sent_us &&
	       a->delivered_us == b->delivered_us && a->failed_us == b->failed_us &&
	       a->canceled_us == b->canceled_us && a->read_us == b->read_us &&
	       a->received_us == b->received_us && a->clicked_us == b->clicked_us &&
	       a->links == b->links;
}

static inline int64_t
figure_of(const struct rollup *rollup, enum figure figure)
{
	int64_t count = 0;
	for (size_t i = 0; i < rollup->count; i++)
		if (rollup->items[i].figure == figure)
			count += rollup->items[i].count;
	return count;
}

static inline bool
rollups_agree(const struct rollup *a, const struct rollup *b)
{
	if (a->count != b->count || a->failed != b->failed || a->error_code != b->error_code ||
	    (a->failed && a->error_hour != b->error_hour))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		bool found = false;
		for (size_t k = 0; k < b->count; k++)
			found |= a->items[i].figure == b->items[k].figure &&
				 a->items[i].count == b->items[k].count &&
				 a->items[i].hour == b->items[k].hour;
		if (!found)
			return false;
	}
	return true;
}

#endif
