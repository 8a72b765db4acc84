/* messages: the table of messages.
 *
 * The engine knows no meaning: it reads and writes rows. One thread, inside a transaction. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/base/short_text.h"
#include "dlrd/model/fold.h"

/* The state of a message: its row, but for the SID. */
struct message_row {
	int64_t id; /* 0: not in the table yet */
	int64_t tagset_id, provider_id;
	struct short_text status;  /* as it is shown; an unknown one is cut */
	struct short_text peer;    /* the person's address, cut; "" if no receipt names it */
	int64_t outcome, conflict; /* by the conflict policy, for the indexes */
	struct message message;
};

struct messages;

/* A row in memory until it is written. */
struct message_write {
	struct slice sid;
	struct message_row stored; /* as it is in the table; id 0: it is not there */
	struct message_row row;    /* as it will be */
};

/* Reads the message of a SID. If it is not in the table, both rows have id 0, and row is
 * MESSAGE_EMPTY. The SID is copied to the arena. */
must_check enum result messages_find(struct messages *messages, struct slice sid,
    struct arena *arena, struct message_write *out_write);

/* The same by its id. */
must_check enum result messages_find_id(
    struct messages *messages, int64_t id, struct arena *arena, struct message_write *out_write);

/* Reads the greatest id below 2^62; 0 if there is no message. */
must_check enum result messages_last(struct messages *messages, int64_t *out_id);

/* Passes all messages in the order of their ids. They may be changed meanwhile. */
typedef enum result (*message_fn)(void *context, const struct message_row *row);
must_check enum result messages_each(
    struct messages *messages, message_fn on_message, void *context);

/* Reads the id of the next message whose receipts report different final statuses, or (or_failed)
 * that failed; 0 after the last one. */
must_check enum result messages_next_conflict(
    struct messages *messages, int64_t after_id, bool or_failed, int64_t *out_id);

/* Adds those that are not in the table, under the id of their row, and updates the others. Sorts
 * writes. */
must_check enum result messages_write(
    struct messages *messages, struct message_write **writes, size_t count);
