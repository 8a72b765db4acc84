/* recount: refolds messages from their stored events, one after the other.
 *
 * Inside the store only; the audit compares the results, the rebuild writes them. One thread, one
 * connection, inside a transaction. */
#ifndef DLRD_STORE_RECOUNT_H
#define DLRD_STORE_RECOUNT_H

#include "messages.h"
#include "names.h"

struct recount;

/* names is borrowed. */
must_check enum result recount_open(
    sqlite3 *db, struct names *names, enum conflict_policy policy, struct recount **out_recount);

/* Reads the message after the one with id after_id: as it is stored, and as its events say.
 * stored->id is 0 if there is no further message. The tagset of a reply is not recounted: it is the
 * stored one (replies.h). */
must_check enum result recount_next(struct recount *recount, int64_t after_id,
    struct message_row *out_stored, struct message_row *out_recounted, uint64_t *out_events);

/* Whether both have the same state. */
bool message_row_equal(const struct message_row *stored, const struct message_row *recounted,
    enum conflict_policy policy);

void recount_close(struct recount *recount);

#endif
