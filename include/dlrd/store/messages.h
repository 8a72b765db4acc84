/* messages: the message table, row by row, and the receipts that belong to a row.
 *
 * Inside the store only. One thread, one connection. */
#ifndef DLRD_STORE_MESSAGES_H
#define DLRD_STORE_MESSAGES_H

#include "dlrd/model/fold.h"
#include "dlrd/store/sql.h"

#define MESSAGE_STATUS_MAX 64 /* an unknown status is cut to this many bytes */

struct message_row {
	int64_t id; /* 0: not in the table yet */
	int64_t tagset_id, provider_id;
	char status[MESSAGE_STATUS_MAX]; /* as it is shown */
	size_t status_len;
	int64_t outcome, conflict; /* as stored, for the indexes; message_row_read only */
	struct message message;
};

/* The columns that message_row_read expects, in a SELECT's list; m names the table. */
#define MESSAGE_COLUMNS                                                                   \
	"m.id, m.tagset_id, m.provider_id, m.status, m.seen, m.first_final, m.opted_out," \
	" m.error_code, m.first_us, m.last_us, m.sent_us, m.delivered_us, m.failed_us,"   \
	" m.canceled_us, m.read_us, m.received_us, m.outcome, m.conflict"
#define MESSAGE_COLUMN_COUNT 18

/* Reads a row from a statement that stands on one, from column first on. */
struct message_row message_row_read(sqlite3_stmt *statement, int first);

/* Adds a receipt to the row's message, and renews the status that is shown. */
void message_row_fold(
    struct message_row *row, const struct event *event, enum conflict_policy policy);

struct messages;

must_check enum result messages_open(sqlite3 *db, struct messages **out_messages);

/* The row of a SID; one with id 0 and MESSAGE_EMPTY where there is none. */
must_check enum result messages_find(
    struct messages *messages, struct slice sid, struct message_row *out_row);

/* Whether an event like this one is stored for the message. */
must_check enum result messages_has_receipt(
    struct messages *messages, int64_t message_id, const struct event *event, bool *out_has);

/* Inserts a row whose id is 0 (and sets its id), updates any other. */
must_check enum result messages_save(struct messages *messages, struct slice sid,
    struct message_row *row, enum conflict_policy policy);

void messages_close(struct messages *messages);

#endif
