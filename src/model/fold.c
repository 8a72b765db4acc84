#include "dlrd/model/fold.h"

static const struct slice policy_names[] = {
    [POLICY_DELIVERED_WINS] = SLICE_INIT("delivered-wins"),
    [POLICY_FAILURE_WINS] = SLICE_INIT("failure-wins"),
    [POLICY_FIRST_FINAL] = SLICE_INIT("first-final"),
};

bool
conflict_policy_from_name(struct slice name, enum conflict_policy *out_policy)
{
	for (size_t i = 0; i < sizeof policy_names / sizeof policy_names[0]; i++)
		if (slice_equal(name, policy_names[i])) {
			*out_policy = (enum conflict_policy)i;
			return true;
		}
	return false;
}

struct slice
conflict_policy_name(enum conflict_policy policy)
{
	return policy_names[policy];
}

static bool
has_any(const struct message *message, uint32_t statuses)
{
	return (message->seen & statuses) != 0;
}

static void
keep_earliest(int64_t *known_us, int64_t time_us)
{
	if (*known_us == 0 || time_us < *known_us)
		*known_us = time_us;
}

void
message_fold(struct message *message, const struct event *event)
{
	/* A click has no status; bit 0 records that the message is known. */
	uint32_t bit = event->type == EVENT_CLICKED ? 1 : STATUS_BIT(event->status);
	bool final = (bit & STATUS_FINALS) != 0;

	keep_earliest(&message->first_us, event->time_us);
	if (event->time_us > message->last_us)
		message->last_us = event->time_us;
	message->seen |= bit;
	if (event->left_us != 0)
		keep_earliest(&message->left_us, event->left_us);
	if (final && message->first_final == STATUS_UNKNOWN)
		message->first_final = event->status;
	if (bit & STATUS_LEFT)
		keep_earliest(&message->sent_us, event->time_us);
	if (bit & (STATUS_BIT(STATUS_DELIVERED) | STATUS_BIT(STATUS_READ)))
		keep_earliest(&message->delivered_us, event->time_us);
	if (bit & STATUS_FAILURES) {
		keep_earliest(&message->failed_us, event->time_us);
		if (event->error_code >= 0)
			message->error_code = event->error_code;
	}

	if (event->type == EVENT_CLICKED) {
		keep_earliest(&message->clicked_us, event->time_us);
		message->links += event->new_link;
		return;
	}

	if (event->status == STATUS_CANCELED)
		keep_earliest(&message->canceled_us, event->time_us);
	if (event->status == STATUS_READ)
		keep_earliest(&message->read_us, event->time_us);
	if (event->status == STATUS_RECEIVED) {
		keep_earliest(&message->received_us, event->time_us);
		message->opted_out |= event->consent == CONSENT_OUT;
	}
}

bool
message_needs_order(const struct message *message, const struct event *event)
{
	uint32_t bit = event->type == EVENT_CLICKED ? 0 : STATUS_BIT(event->status);
	bool other_final = (bit & STATUS_FINALS) != 0 && message->first_final != STATUS_UNKNOWN &&
			   message->first_final != event->status;
	bool other_code = (bit & STATUS_FAILURES) != 0 && event->error_code >= 0 &&
			  message->error_code >= 0 && message->error_code != event->error_code;
	return (other_final || other_code) && event->time_us <= message->last_us;
}

bool
receipt_is_duplicate(const struct event *a, const struct event *b)
{
	if (a->type != b->type || !slice_equal_nocase(a->status_text, b->status_text))
		return false;
	if (a->type == EVENT_REPLIED)
		return true;
	if (a->type == EVENT_CLICKED)
		return slice_equal(a->link, b->link) && slice_equal(a->occurred, b->occurred);
	bool any_date = a->stream != b->stream && (a->done_date.len == 0 || b->done_date.len == 0);
	return a->error_code == b->error_code &&
	       (any_date || slice_equal(a->done_date, b->done_date));
}

/* Finals with read counted as the delivery that it implies. */
static uint32_t
finals(const struct message *message)
{
	uint32_t seen = message->seen & STATUS_FINALS;
	if (has_any(message, STATUS_BIT(STATUS_READ)))
		seen |= STATUS_BIT(STATUS_DELIVERED);
	return seen;
}

bool
message_conflicts(const struct message *message)
{
	uint32_t seen = finals(message);
	return (seen & (seen - 1)) != 0;
}

/* The final statuses in each policy's order of preference. The carrier's statuses rank above
 * Twilio's own; a cancellation ranks lowest. */
static const enum message_status preferences[][4] = {
    [POLICY_DELIVERED_WINS] = {STATUS_DELIVERED, STATUS_UNDELIVERED, STATUS_FAILED,
	STATUS_CANCELED},
    [POLICY_FAILURE_WINS] = {STATUS_UNDELIVERED, STATUS_FAILED, STATUS_DELIVERED, STATUS_CANCELED},
};

enum message_status
message_status(const struct message *message, enum conflict_policy policy)
{
	if (has_any(message, STATUS_BIT(STATUS_READ)))
		return STATUS_READ;
	if (has_any(message, STATUS_FINALS)) {
		if (policy == POLICY_FIRST_FINAL)
			return message->first_final;
		for (size_t i = 0; i < 4; i++)
			if (has_any(message, STATUS_BIT(preferences[policy][i])))
				return preferences[policy][i];
	}

	for (int status = STATUS_RECEIVED; status > STATUS_UNKNOWN; status--)
		if (has_any(message, STATUS_BIT(status)))
			return (enum message_status)status;
	return STATUS_UNKNOWN;
}

enum outcome
message_outcome(const struct message *message, enum conflict_policy policy)
{
	switch (message_status(message, policy)) {
	case STATUS_READ:
	case STATUS_DELIVERED: return OUTCOME_DELIVERED;
	case STATUS_FAILED:
	case STATUS_UNDELIVERED: return OUTCOME_FAILED;
	case STATUS_CANCELED: return OUTCOME_CANCELED;
	case STATUS_UNKNOWN:
	case STATUS_ACCEPTED:
	case STATUS_SCHEDULED:
	case STATUS_QUEUED:
	case STATUS_SENDING:
	case STATUS_SENT:
	case STATUS_RECEIVED:
	case STATUS_COUNT: break;
	}

	return OUTCOME_NONE;
}
