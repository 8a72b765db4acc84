/* messages: the message table, row by row, and the receipts that belong to a row.
 *
 * Inside the store only. One thread, one connection. */
#pragma once

#include "dlrd/model/fold.h"
#include "sql.h"

#define MESSAGE_STATUS_MAX 64 /* an unknown status is cut to this many bytes */
#define MESSAGE_PEER_MAX 128  /* and so is an address */

struct message_row {
	int64_t id; /* 0: not in the table yet */
	int64_t tagset_id, provider_id;
	char status[MESSAGE_STATUS_MAX]; /* as it is shown */
	size_t status_len;
	char peer[MESSAGE_PEER_MAX]; /* the person's address; "" if no receipt names it */
	size_t peer_len;
	int64_t outcome, conflict; /* as stored, for the indexes; message_row_read only */
	struct message message;
};

/* The columns that message_row_read expects, in a SELECT's list; m names the table. */
#define MESSAGE_COLUMNS                                                                   \
	"m.id, m.tagset_id, m.provider_id, m.status, m.seen, m.first_final, m.opted_out," \
	" m.error_code, m.first_us, m.last_us, m.sent_us, m.delivered_us, m.failed_us,"   \
	" m.canceled_us, m.read_us, m.received_us, m.clicked_us, m.links, m.outcome,"     \
	" m.conflict, m.peer, m.left_us"

/* Reads a row from the current row of a statement, from column first on. */
struct message_row message_row_read(sqlite3_stmt *statement, int first);

/* The person's address, borrowed from the row. */
struct slice message_row_peer(const struct message_row *row);

/* Adds a receipt to the row's message, and updates the status that is shown and the address. */
void message_row_fold(
    struct message_row *row, const struct event *event, enum conflict_policy policy);

/* Sets the address if the row has none. Of two different addresses the least in byte order counts,
 * so that the order of arrival does not matter. */
void message_row_add_peer(struct message_row *row, struct slice peer);

struct messages;

must_check enum result messages_open(sqlite3 *db, struct messages **out_messages);

/* Finds the row of a SID; *out_row has id 0 and MESSAGE_EMPTY if there is no row. */
must_check enum result messages_find(
    struct messages *messages, struct slice sid, struct message_row *out_row);

/* The same by its id. */
must_check enum result messages_find_id(
    struct messages *messages, int64_t id, struct message_row *out_row);

/* What the stored events of a message say of a new one. */
struct receipt_match {
	int64_t duplicate_seq;    /* the event that is the same receipt; 0: none is */
	bool is_stream_duplicate; /* only one of the two was reported by Event Streams */
	bool link_is_known;       /* one is a click of the same link */
	bool has_signature;       /* one came with the same signature */
	bool is_earlier;          /* the new event arrived before the one that is the same */
};

/* signature: the key of the event's request; absent: none is known. It is not looked for if the
 * event is a click of a link. */
must_check enum result messages_match(struct messages *messages, int64_t message_id,
    const struct event *event, struct slice signature, struct receipt_match *out_match);

/* Inserts a row whose id is 0 (and sets its id), updates any other, which is stored as *before. */
must_check enum result messages_save(struct messages *messages, struct slice sid,
    const struct message_row *before, struct message_row *row, enum conflict_policy policy);

void messages_close(struct messages *messages);
