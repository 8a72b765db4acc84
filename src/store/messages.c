#include "messages.h"

#include <stdlib.h>
#include <string.h>

struct messages {
	sqlite3 *db;
	sqlite3_stmt *find, *find_id, *receipts, *click, *link, *insert, *update, *update_peer;
};

#define FIELD(name) offsetof(struct messages, name)

static const struct sqlite_statement statements[] = {
    {"SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.sid = ?1", FIELD(find)},
    {"SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.id = ?1", FIELD(find_id)},
    {"SELECT seq, time_us, coalesce(arrival_seq, journal_seq), stream, type, status, error_code, "
     "done_date,"
     " link, occurred, signature FROM event WHERE message_id = ?1",
	FIELD(receipts)},
    /* A link may be opened any number of times. */
    {"SELECT seq, time_us, coalesce(arrival_seq, journal_seq), stream FROM event"
     " WHERE message_id = ?1 AND link = ?2 AND occurred IS ?3 AND status IS ?4 AND "
     "type = 'Clicked' LIMIT 1",
	FIELD(click)},
    {"SELECT 1 FROM event WHERE message_id = ?1 AND link = ?2"
     " AND type = 'Clicked' LIMIT 1",
	FIELD(link)},
    {"INSERT INTO message(tagset_id, provider_id, status, outcome, conflict, seen,"
     " first_final, opted_out, error_code, first_us, last_us, sent_us, delivered_us,"
     " failed_us, canceled_us, read_us, received_us, clicked_us, links, left_us, "
     "sid, peer)"
     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
     " ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
	FIELD(insert)},
    {"UPDATE message SET tagset_id = ?1, provider_id = ?2, status = ?3, outcome = "
     "?4,"
     " conflict = ?5, seen = ?6, first_final = ?7, opted_out = ?8, error_code = ?9,"
     " last_us = ?11, sent_us = ?12, delivered_us = ?13, failed_us = ?14,"
     " canceled_us = ?15, read_us = ?16, clicked_us = ?18,"
     " links = ?19, left_us = ?20 WHERE id = ?21",
	FIELD(update)},
    /* Apart, since an index holds them: they hardly ever change after the first receipt. */
    {"UPDATE message SET first_us = ?2, peer = ?3, received_us = ?4 WHERE id = ?1",
	FIELD(update_peer)},
    {NULL, 0},
};

enum result
messages_open(sqlite3 *db, struct messages **out_messages)
{
	struct messages *messages = calloc(1, sizeof *messages);
	int code = sqlite_prepare_all(db, statements, messages);
	if (code != SQLITE_OK) {
		messages_close(messages);
		return sqlite_result(code);
	}

	messages->db = db;
	*out_messages = messages;
	return RESULT_OK;
}

static void
set_status(struct message_row *row, struct slice status)
{
	row->status_len = status.len < MESSAGE_STATUS_MAX ? status.len : MESSAGE_STATUS_MAX;
	if (row->status_len > 0)
		memcpy(row->status, status.ptr, row->status_len);
}

static void
set_peer(struct message_row *row, struct slice peer)
{
	row->peer_len = peer.len < MESSAGE_PEER_MAX ? peer.len : MESSAGE_PEER_MAX;
	if (row->peer_len > 0)
		memcpy(row->peer, peer.ptr, row->peer_len);
}

struct slice
message_row_peer(const struct message_row *row)
{
	return (struct slice){row->peer, row->peer_len};
}

void
message_row_add_peer(struct message_row *row, struct slice peer)
{
	if (peer.len > MESSAGE_PEER_MAX)
		peer.len = MESSAGE_PEER_MAX;
	if (peer.len > 0 && (row->peer_len == 0 || slice_compare(peer, message_row_peer(row)) < 0))
		set_peer(row, peer);
}

struct message_row
message_row_read(sqlite3_stmt *statement, int first)
{
	int at = first;
	struct message_row row = {.id = sqlite3_column_int64(statement, at++)};

	row.tagset_id = sqlite3_column_int64(statement, at++);
	row.provider_id = sqlite3_column_int64(statement, at++);
	set_status(&row, sqlite_column(statement, at++));
	struct message *message = &row.message;
	message->seen = (uint32_t)sqlite3_column_int64(statement, at++);
	message->first_final = (enum message_status)sqlite3_column_int(statement, at++);
	message->opted_out = sqlite3_column_int(statement, at++) != 0;
	message->error_code = sqlite3_column_int64(statement, at++);
	int64_t *const times[] = {&message->first_us, &message->last_us, &message->sent_us,
	    &message->delivered_us, &message->failed_us, &message->canceled_us, &message->read_us,
	    &message->received_us, &message->clicked_us, &message->links};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		*times[i] = sqlite3_column_int64(statement, at++);
	row.outcome = sqlite3_column_int64(statement, at++);
	row.conflict = sqlite3_column_int64(statement, at++);
	set_peer(&row, sqlite_column(statement, at++));
	message->left_us = sqlite3_column_int64(statement, at++);
	return row;
}

void
message_row_fold(struct message_row *row, const struct event *event, enum conflict_policy policy)
{
	message_fold(&row->message, event);
	message_row_add_peer(row, event->person);
	if (event->type == EVENT_CLICKED)
		return;

	enum message_status status = message_status(&row->message, policy);
	struct slice shown = {row->status, row->status_len};
	if (status != STATUS_UNKNOWN)
		set_status(row, status_name(status));
	/* Of several unknown statuses the greatest in byte order counts, so that their order does
	 * not matter. */
	else if (slice_compare(event->status_text, shown) > 0)
		set_status(row, event->status_text);
}

static enum result
read_found(sqlite3_stmt *statement, struct message_row *out_row)
{
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out_row = message_row_read(statement, 0);
	else if (code == SQLITE_DONE)
		*out_row = (struct message_row){.message = MESSAGE_EMPTY};
	sqlite3_reset(statement);
	return sqlite_result(code);
}

enum result
messages_find(struct messages *messages, struct slice sid, struct message_row *out_row)
{
	sqlite_bind_text(messages->find, 1, sid);
	return read_found(messages->find, out_row);
}

enum result
messages_find_id(struct messages *messages, int64_t id, struct message_row *out_row)
{
	sqlite3_bind_int64(messages->find_id, 1, id);
	return read_found(messages->find_id, out_row);
}

static struct event
read_receipt(sqlite3_stmt *statement)
{
	struct event event = {.type = EVENT_UNRECOGNISED,
	    .status_text = sqlite_column(statement, 5),
	    .error_code = sqlite_column_or(statement, 6, -1),
	    .done_date = sqlite_column(statement, 7),
	    .link = sqlite_column(statement, 8),
	    .occurred = sqlite_column(statement, 9),
	    .stream = sqlite3_column_int(statement, 3) != 0};

	if (!event_type_from_name(sqlite_column(statement, 4), &event.type))
		event.type = EVENT_UNRECOGNISED; /* of a newer dlrd */
	return event;
}

/* Notes that the event is the same receipt as the stored one in the current row, whose first
 * columns are seq, time_us, number in the journal and stream. */
static void
note_duplicate(struct receipt_match *match, const struct event *event, sqlite3_stmt *statement)
{
	match->duplicate_seq = sqlite3_column_int64(statement, 0);
	match->is_earlier = event_arrived_before(event, sqlite3_column_int64(statement, 1),
	    (uint64_t)sqlite3_column_int64(statement, 2));
	match->is_stream_duplicate = (sqlite3_column_int(statement, 3) != 0) != event->stream;
}

static enum result
match_click(struct messages *messages, int64_t message_id, const struct event *event,
    struct receipt_match *out_match)
{
	struct receipt_match match = {.duplicate_seq = 0};
	sqlite3_bind_int64(messages->click, 1, message_id);
	sqlite_bind_text(messages->click, 2, event->link);
	sqlite_bind_text(messages->click, 3, event->occurred);
	sqlite_bind_text(messages->click, 4, event->status_text);
	int code = sqlite3_step(messages->click);
	if (code == SQLITE_ROW)
		note_duplicate(&match, event, messages->click);
	sqlite3_reset(messages->click);
	if (code == SQLITE_DONE) {
		sqlite3_bind_int64(messages->link, 1, message_id);
		sqlite_bind_text(messages->link, 2, event->link);
		code = sqlite3_step(messages->link);
		match.link_is_known = code == SQLITE_ROW;
		sqlite3_reset(messages->link);
	}

	enum result result = sqlite_result(code);
	if (result == RESULT_OK)
		*out_match = match;
	return result;
}

enum result
messages_match(struct messages *messages, int64_t message_id, const struct event *event,
    struct slice signature, struct receipt_match *out_match)
{
	if (event->type == EVENT_CLICKED && event->link.ptr != NULL)
		return match_click(messages, message_id, event, out_match);

	struct receipt_match match = {.duplicate_seq = 0};
	bool clicked = event->type == EVENT_CLICKED;
	int code;

	sqlite3_bind_int64(messages->receipts, 1, message_id);
	while ((code = sqlite3_step(messages->receipts)) == SQLITE_ROW) {
		struct event stored = read_receipt(messages->receipts);
		if (clicked && stored.type == EVENT_CLICKED)
			match.link_is_known |= slice_equal(stored.link, event->link);
		match.has_signature |=
		    signature.ptr != NULL &&
		    slice_equal(sqlite_column(messages->receipts, 10), signature);
		if (match.duplicate_seq == 0 && receipt_is_duplicate(&stored, event))
			note_duplicate(&match, event, messages->receipts);
		if (match.duplicate_seq != 0 && (match.has_signature || signature.ptr == NULL))
			break;
	}

	sqlite3_reset(messages->receipts);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return sqlite_result(code);

	*out_match = match;
	return RESULT_OK;
}

/* Whether what the index of addresses holds is as it was. */
static bool
is_indexed_alike(const struct message_row *a, const struct message_row *b)
{
	return a->message.first_us == b->message.first_us &&
	       a->message.received_us == b->message.received_us &&
	       slice_equal(message_row_peer(a), message_row_peer(b));
}

enum result
messages_save(struct messages *messages, struct slice sid, const struct message_row *before,
    struct message_row *row, enum conflict_policy policy)
{
	const struct message *message = &row->message;
	sqlite3_stmt *statement = row->id == 0 ? messages->insert : messages->update;
	const int64_t numbers[] = {message_outcome(message, policy), message_conflicts(message),
	    message->seen, message->first_final, message->opted_out, message->error_code,
	    message->first_us, message->last_us, message->sent_us, message->delivered_us,
	    message->failed_us, message->canceled_us, message->read_us, message->received_us,
	    message->clicked_us, message->links, message->left_us};
	const int count = sizeof numbers / sizeof numbers[0];

	sqlite3_bind_int64(statement, 1, row->tagset_id);
	sqlite3_bind_int64(statement, 2, row->provider_id);
	sqlite_bind_name(statement, 3, (struct slice){row->status, row->status_len});
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(statement, 4 + i, numbers[i]);
	if (row->id == 0) {
		sqlite_bind_text(statement, 4 + count, sid);
		sqlite_bind_name(statement, 5 + count, message_row_peer(row));
	} else
		sqlite3_bind_int64(statement, 4 + count, row->id);
	int code = sqlite_run(statement);
	if (code == SQLITE_OK && row->id == 0)
		row->id = sqlite3_last_insert_rowid(messages->db);
	else if (code == SQLITE_OK && !is_indexed_alike(before, row)) {
		sqlite3_bind_int64(messages->update_peer, 1, row->id);
		sqlite3_bind_int64(messages->update_peer, 2, message->first_us);
		sqlite_bind_name(messages->update_peer, 3, message_row_peer(row));
		sqlite3_bind_int64(messages->update_peer, 4, message->received_us);
		code = sqlite_run(messages->update_peer);
	}

	return sqlite_result(code);
}

void
messages_close(struct messages *messages)
{
	sqlite_finalize_all(statements, messages);
	free(messages);
}
