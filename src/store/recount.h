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

/* Reads the message after the one with id after_id: as it is stored, and as recount_message says.
 * stored->id is 0 if there is no further message; the other outputs are untouched then. */
must_check enum result recount_next(const struct recount *recount, int64_t after_id,
    struct message_row *out_stored, struct message_row *out_recounted, uint64_t *out_events);
