/* message_row: the meaning of a message's row: its state and what is shown of it. Pure. */
#pragma once

#include "dlrd/engine/messages.h"

/* The person's address, borrowed from the row. */
struct slice message_row_peer(const struct message_row *row);

/* Adds a receipt to the row's message, and updates the status that is shown and the address. */
void message_row_fold(
    struct message_row *row, const struct event *event, enum conflict_policy policy);

/* Sets the status that is shown, as far as the policy decides it. */
void message_row_show_status(struct message_row *row, enum conflict_policy policy);

/* Sets the address if the row has none. Of two different addresses the least in byte order counts,
 * so that the order of arrival does not matter. */
void message_row_add_peer(struct message_row *row, struct slice peer);

/* Whether both have the same state. stored: as read from the table. */
bool message_row_equal(const struct message_row *stored, const struct message_row *recounted,
    enum conflict_policy policy);
