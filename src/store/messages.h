/* messages: the message table: its rows, and reading and writing them.
 *
 * Inside the store only. One thread, one connection. */
#pragma once

#include "dlrd/base/sqlite_rows.h"
#include "dlrd/model/fold.h"
#include "sql.h"

/* The state of a message: its row, but for the SID. */
struct message_row {
	int64_t id; /* 0: not in the table yet */
	int64_t tagset_id, provider_id;
	struct short_text status;  /* as it is shown; an unknown one is cut */
	struct short_text peer;    /* the person's address, cut; "" if no receipt names it */
	int64_t outcome, conflict; /* as stored, for the indexes */
	struct message message;
};

/* The columns that message_row_read expects; m names the table. */
#define MESSAGE_COLUMNS                                                                    \
	"m.id, m.tagset_id, m.provider_id, m.status, m.outcome, m.conflict, m.seen,"       \
	" m.first_final, m.opted_out, m.error_code, m.last_us, m.sent_us, m.delivered_us," \
	" m.failed_us, m.canceled_us, m.read_us, m.clicked_us, m.links, m.left_us,"        \
	" m.first_us, m.peer, m.received_us"
#define MESSAGE_COLUMN_COUNT 22

/* Reads the row that a statement is at. */
void message_row_read(sqlite3_stmt *statement, struct message_row *out_row);

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

struct messages;

must_check enum result messages_open(sqlite3 *db, struct messages **out_messages);

/* A row in memory until it is written. */
struct message_write {
	struct slice sid;
	struct message_row stored; /* as it is in the table; id 0: it is not there */
	struct message_row row;    /* as it will be */
};

/* Reads the message of a SID. Both rows have id 0 if there is none, and row is MESSAGE_EMPTY. The
 * SID is copied to the arena. */
must_check enum result messages_find(struct messages *messages, struct slice sid,
    struct arena *arena, struct message_write *out_write);

/* The same by its id. */
must_check enum result messages_find_id(
    struct messages *messages, int64_t id, struct arena *arena, struct message_write *out_write);

/* Reads the greatest id; 0 if there is no message. */
must_check enum result messages_last(struct messages *messages, int64_t *out_id);

/* Adds those that are not in the table, under the id of their row, and updates the others. Sorts
 * writes. */
must_check enum result messages_write(struct messages *messages, struct message_write **writes,
    size_t count, enum conflict_policy policy);

/* Accepts NULL. */
void messages_close(struct messages *messages);
