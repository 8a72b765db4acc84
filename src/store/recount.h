/* recount: refolds messages from their stored events, in the order of arrival.
 *
 * Inside the store only. The audit compares the results, the rebuild writes them, and a receipt
 * that arrived before others that are stored already needs one. One thread, one connection, inside
 * a transaction. */
#pragma once

#include "messages.h"
#include "names.h"

struct recount;

/* names is borrowed. */
must_check enum result recount_open(sqlite3 *db, struct names *names, struct recount **out_recount);

/* Folds the stored events of a message. The tagset of a reply is not recounted: it is the stored
 * one (replies.h). */
must_check enum result recount_message(struct recount *recount, enum conflict_policy policy,
    const struct message_row *stored, struct message_row *out_recounted, uint64_t *out_events);

/* Reads the message after the one with id after_id: as it is stored, and as recount_message says.
 * stored->id is 0 if there is no further message; the other outputs are untouched then. */
must_check enum result recount_next(struct recount *recount, enum conflict_policy policy,
    int64_t after_id, struct message_row *out_stored, struct message_row *out_recounted,
    uint64_t *out_events);

/* Whether both have the same state. */
bool message_row_equal(const struct message_row *stored, const struct message_row *recounted,
    enum conflict_policy policy);

void recount_close(struct recount *recount);
