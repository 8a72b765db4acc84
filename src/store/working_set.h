/* working_set: the messages and receipts that a batch touches, in memory until they are written.
 *
 * What an event needs is read once. Events are then judged in memory, and all changes are written
 * at the end of the batch, new rows of a table by one statement.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "dlrd/engine/messages.h"
#include "dlrd/engine/receipt_table.h"

/* A message of which the batch has an event. Valid until working_set_forget. */
struct known_message {
	struct message_write write; /* first: it is written by this address */
	struct receipt *receipts;   /* the stored ones if is_loaded, then the new ones ... */
	struct receipt *last;       /* ... up to this one */
	bool is_loaded;  /* all stored ones are in the list, but clicks of links that were not asked
			    for */
	bool is_changed; /* its row */
	int64_t moved_campaign_id; /* stored receipts without own tags get the row's tagset, which
				      is of this campaign; 0: they have it */
	size_t click_count;        /* of links, in the list */
	struct known_message *next_of_slot;
	struct known_message *next_changed; /* if is_changed */
};

struct working_set;

/* The tables are borrowed. */
must_check enum result working_set_open(
    struct messages *messages, struct receipt_table *table, struct working_set **out_set);

/* Begins a batch: nothing is known yet. */
must_check enum result working_set_begin(struct working_set *set);

/* Finds the message of a SID. Its row has id 0 if it is new. */
must_check enum result working_set_find(
    struct working_set *set, struct slice sid, struct known_message **out_known);

/* The same by the id of a message, which must be known or in the table. */
must_check enum result working_set_find_id(
    struct working_set *set, int64_t id, struct known_message **out_known);

/* The message will be written as `row`, which gets an id if it has none. */
void working_set_change(
    struct working_set *set, struct known_message *known, struct message_row *row);

/* Reads the message's stored receipts, but clicks of links. */
must_check enum result working_set_load(struct working_set *set, struct known_message *known);

/* Whether the event arrived before the receipt. */
bool receipt_is_after(const struct receipt *receipt, const struct event *event);

/* What the receipts of a message say of a new event. */
struct receipt_match {
	struct receipt *same; /* reports the same; NULL: none does */
	bool link_is_known;   /* one is a click of the same link */
};

must_check enum result working_set_match(struct working_set *set, struct known_message *known,
    const struct event *event, struct receipt_match *out_match);

/* Whether a receipt of the message came with the signature's key. */
must_check enum result working_set_has_signature(
    struct working_set *set, struct slice sid, struct slice signature, bool *out_has);

/* Finds the event without a message that has the reference. *out_receipt is NULL if no event has
 * it.
 */
must_check enum result working_set_find_reference(
    struct working_set *set, struct slice reference, struct receipt **out_receipt);

/* The seq of the next receipt that is added. */
int64_t working_set_next_seq(const struct working_set *set);

/* Adds a receipt, whose texts are copied, and gives it the next seq. known: its message; NULL: no
 * message is folded from it. *out_receipt may be changed until the batch ends, by
 * working_set_change_receipt. */
must_check enum result working_set_add(struct working_set *set, struct known_message *known,
    const struct receipt *receipt, struct receipt **out_receipt);

/* The receipt was changed, and will be written. */
must_check enum result working_set_change_receipt(struct working_set *set, struct receipt *receipt);

/* Memory until working_set_forget, for texts that a receipt gets. After a failed allocation
 * working_set_change_receipt fails. */
struct arena *working_set_arena(struct working_set *set);

/* Merges other parameters without a column into the receipt's. */
must_check enum result working_set_merge_extra(
    struct working_set *set, struct receipt *receipt, struct slice other, bool stored_first);

/* Gives the message's receipts without own tags the row's tagset, which is of that campaign. */
void working_set_move(struct known_message *known, int64_t campaign_id);

/* Calls on_changed for each message whose row has changed since it was written last. */
typedef enum result (*known_fn)(void *context, const struct message_write *write);
must_check enum result working_set_each_change(
    struct working_set *set, known_fn on_changed, void *context);

/* Writes all changes. What is known stays known. */
must_check enum result working_set_write(struct working_set *set, enum conflict_policy policy);

/* How many messages are known, and how many of them are changed. */
size_t working_set_count(const struct working_set *set);
size_t working_set_changed(const struct working_set *set);

/* Whether their memory has reached its limit: they should be written and forgotten. */
bool working_set_is_full(const struct working_set *set);

/* Forgets everything; changes that were not written are lost. */
void working_set_forget(struct working_set *set);

/* Accepts NULL. */
void working_set_close(struct working_set *set);
