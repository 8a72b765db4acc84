#include "dlrd/model/rollup.h"

#include "dlrd/base/clock.h"

const char *
figure_name(enum figure figure)
{
	static const char *const names[FIGURE_COUNT] = {
	    [FIGURE_MESSAGES] = "messages",
	    [FIGURE_SENT] = "sent",
	    [FIGURE_DELIVERED] = "delivered",
	    [FIGURE_FAILED] = "failed",
	    [FIGURE_CANCELED] = "canceled",
	    [FIGURE_PENDING] = "pending",
	    [FIGURE_READ] = "read",
	    [FIGURE_REPLIED] = "replied",
	    [FIGURE_CLICKED] = "clicked",
	    [FIGURE_CLICKED_MESSAGES] = "clicked_messages",
	    [FIGURE_OPTED_OUT] = "opted_out",
	    [FIGURE_CONFLICTS] = "conflicts",
	};

	return names[figure];
}

static void
count(struct rollup *rollup, enum figure figure, int64_t time_us)
{
	rollup->items[rollup->count++] = (struct contribution){figure, 1, time_us / CLOCK_HOUR_US};
}

#define DELAY_BITS 6

int64_t
delay_class(int64_t delay_ms)
{
	int64_t class = delay_ms < 0 ? 0 : delay_ms;
	int shift = 0;
	while (class >> (shift + DELAY_BITS) != 0)
		shift++;
	return class >> shift << shift;
}

static void
count_outbound(struct rollup *rollup, const struct message *message, enum conflict_policy policy)
{
	enum outcome outcome = message_outcome(message, policy);
	count(rollup, FIGURE_MESSAGES, message->first_us);
	if (message->sent_us != 0)
		count(rollup, FIGURE_SENT, message->sent_us);
	if (message->read_us != 0)
		count(rollup, FIGURE_READ, message->read_us);
	if (message->links > 0) {
		count(rollup, FIGURE_CLICKED_MESSAGES, message->clicked_us);
		count(rollup, FIGURE_CLICKED, message->clicked_us);
		rollup->items[rollup->count - 1].count = message->links;
	}

	if (message_conflicts(message))
		count(rollup, FIGURE_CONFLICTS, message->first_us);
	switch (outcome) {
	case OUTCOME_NONE:
		if (message->sent_us != 0)
			count(rollup, FIGURE_PENDING, message->sent_us);
		break;
	case OUTCOME_DELIVERED:
		count(rollup, FIGURE_DELIVERED, message->delivered_us);
		if (message->sent_us != 0 && message->sent_us < message->delivered_us)
			rollup->delay_ms =
			    delay_class((message->delivered_us - message->sent_us) / 1000);
		break;
	case OUTCOME_FAILED:
		count(rollup, FIGURE_FAILED, message->failed_us);
		rollup->failed = true;
		rollup->error_code = message->error_code;
		rollup->error_hour = message->failed_us / CLOCK_HOUR_US;
		break;
	case OUTCOME_CANCELED: count(rollup, FIGURE_CANCELED, message->canceled_us); break;
	}
}

struct rollup
rollup_of(const struct message *message, enum conflict_policy policy)
{
	struct rollup rollup = {.error_code = -1, .delay_ms = -1};
	if (message->seen == 0)
		return rollup;
	if (message->received_us != 0) {
		count(&rollup, FIGURE_REPLIED, message->received_us);
		if (message->opted_out)
			count(&rollup, FIGURE_OPTED_OUT, message->received_us);
	}

	/* A SID that was only ever received is the person's message, not the campaign's. */
	if ((message->seen & ~STATUS_BIT(STATUS_RECEIVED)) != 0)
		count_outbound(&rollup, message, policy);
	return rollup;
}
