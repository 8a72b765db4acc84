/* recount: refolds messages from their stored receipts, in the order of arrival.
 *
 * Inside the store only. The audit compares the results, the rebuild writes them, and a receipt
 * that arrived before others that are stored already needs one. One thread, inside a transaction.
 */
#pragma once

#include "dlrd/engine/names.h"
#include "dlrd/engine/receipt_table.h"
#include "message_row.h"

/* The tables to read, which are borrowed. */
struct recount {
	struct names *names;
	struct messages *messages;
	struct receipt_table *receipts;
	enum conflict_policy policy;
};

/* Folds the stored receipts of a message. The tagset of a reply is not recounted: it is the stored
 * one (replies.h). */
must_check enum result recount_message(const struct recount *recount,
    const struct message_row *stored, struct message_row *out_recounted, uint64_t *out_events);

/* Receives a message as it is stored, and as recount_message says. */
typedef enum result (*recounted_fn)(void *context, const struct message_row *stored,
    struct message_row *recounted, uint64_t events);

/* Passes all messages, which may be changed meanwhile. */
must_check enum result recount_each(
    const struct recount *recount, recounted_fn on_recounted, void *context);
