/* fold: the state of one message, folded from its receipts.
 *
 * Twilio promises no order and no single delivery. So the state is a set: the statuses that were
 * seen, and the earliest and latest time of each fact. Adding a receipt twice, or in another order,
 * gives the same state. Two facts depend on the order in which receipts arrived: the first final
 * status, and the last error code of a failing receipt. If a receipt that may change one of them
 * is not the latest, the message is folded again from all its receipts in that order
 * (message_needs_order). The order in which they are added therefore does not matter. Pure; a
 * struct message is a plain value. */
#pragma once

#include "dlrd/model/event.h"

/* Decides between two different final statuses of one message. */
enum conflict_policy { POLICY_DELIVERED_WINS, POLICY_FAILURE_WINS, POLICY_FIRST_FINAL };

enum outcome { OUTCOME_NONE, OUTCOME_DELIVERED, OUTCOME_FAILED, OUTCOME_CANCELED };

/* All zero but error_code (-1) before the first receipt: use MESSAGE_EMPTY. Times are wall times in
 * microseconds, 0 for never. */
struct message {
	uint32_t seen; /* STATUS_BIT of each status that was seen */
	enum message_status
	    first_final;           /* the final status that arrived first, or STATUS_UNKNOWN */
	bool opted_out;            /* an inbound message that says STOP */
	int64_t error_code;        /* the last one on a failing receipt, -1 for none */
	int64_t first_us, last_us; /* earliest and latest receipt */
	int64_t sent_us;           /* earliest receipt that proves it has left */
	int64_t delivered_us, failed_us, canceled_us, read_us, received_us,
	    clicked_us;  /* earliest of each */
	int64_t links;   /* different links that were clicked */
	int64_t left_us; /* the earliest time by which it had left, as Twilio reports */
};

#define MESSAGE_EMPTY ((struct message){.error_code = -1})

/* Returns false unless name is a policy: delivered-wins, failure-wins, first-final. */
bool conflict_policy_from_name(struct slice name, enum conflict_policy *out_policy);
struct slice conflict_policy_name(enum conflict_policy policy);

/* Adds a receipt or a click. Only the first click of a link (new_link) counts. The order of arrival
 * is that of time_us, then of the number in the journal. */
void message_fold(struct message *message, const struct event *event);

/* Whether the state after message_fold could be wrong because the event arrived before others that
 * were added. The message must then be folded again from all of them, in the order of arrival. */
bool message_needs_order(const struct message *message, const struct event *event);

/* Whether both are the same receipt: the same status, error code and RawDlrDoneDate; for an inbound
 * message, the message alone; for a click, the link and its time. Event Streams does not always
 * carry the RawDlrDoneDate, so between it and a callback an absent one matches any. The caller has
 * matched the message already. */
bool receipt_is_duplicate(const struct event *a, const struct event *b);

/* Delivered, failed or canceled, as the policy decides; read implies delivered. */
enum outcome message_outcome(const struct message *message, enum conflict_policy policy);

/* The status to show: read, else the final one the policy chooses, else the highest seen. */
enum message_status message_status(const struct message *message, enum conflict_policy policy);

/* Whether two different final statuses were seen. */
bool message_conflicts(const struct message *message);
