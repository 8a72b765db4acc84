#include "recount.h"

#include "dlrd/twilio/address.h"

#include <stdlib.h>
#include <string.h>

struct recount {
	struct names *names;
	bool may_add; /* providers: not on a connection that only reads */
	sqlite3_stmt *next, *events, *provider;
};

#define FIELD(name) offsetof(struct recount, name)

static const struct sqlite_statement statements[] = {
    {"SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.id > ?1 ORDER BY m.id LIMIT 1",
	FIELD(next)},
    /* The first click of a link is the one that counts. */
    {"SELECT e.time_us, e.type, e.status, e.error_code, e.consent, " EVENT_PEER ","
     " e.tagset_id, e.tagged, e.provider_id, CASE WHEN e.type <> 'Clicked' THEN 0"
     " WHEN e.link IS NULL THEN NOT EXISTS"
     " (SELECT 1 FROM event x WHERE x.message_id = e.message_id AND x.seq < e.seq"
     "  AND x.type = 'Clicked' AND x.link IS NULL) ELSE NOT EXISTS"
     " (SELECT 1 FROM event x WHERE x.message_id = e.message_id AND x.link = e.link"
     "  AND x.seq < e.seq AND x.type = 'Clicked') END, e.left_us FROM event e WHERE "
     "e.message_id = ?1 ORDER BY e.time_us, coalesce(e.arrival_seq, e.journal_seq), e.status, "
     "e.error_code, e.done_date, "
     "e.seq",
	FIELD(events)},
    /* The provider merged from all events (names_merge_providers); it need not be in the
     * table. */
    {"SELECT x.account, x.service, x.sender, p.id FROM"
     " (SELECT coalesce(min(nullif(q.account, '')), '') AS account,"
     "  coalesce(min(nullif(q.service, '')), '') AS service,"
     "  coalesce(min(nullif(q.sender, '')), '') AS sender"
     "  FROM event e JOIN provider q ON q.id = e.provider_id"
     "  WHERE e.message_id = ?1) x LEFT JOIN provider p"
     " ON p.account = x.account AND p.service = x.service AND p.sender = x.sender",
	FIELD(provider)},
    {NULL, 0},
};

enum result
recount_open(sqlite3 *db, struct names *names, struct recount **out_recount)
{
	struct recount *recount = calloc(1, sizeof *recount);
	int code = sqlite_prepare_all(db, statements, recount);
	if (code != SQLITE_OK) {
		recount_close(recount);
		return sqlite_result(code);
	}

	recount->names = names;
	recount->may_add = sqlite3_db_readonly(db, "main") == 0;
	*out_recount = recount;
	return RESULT_OK;
}

static struct event
read_event(sqlite3_stmt *statement, char made[ADDRESS_MAX])
{
	struct event event = {.time_us = sqlite3_column_int64(statement, 0),
	    .status_text = sqlite_column(statement, 2),
	    .error_code = sqlite_column_or(statement, 3, -1),
	    .new_link = sqlite3_column_int(statement, 9) != 0,
	    .left_us = sqlite3_column_int64(statement, 10)};

	if (!event_type_from_name(sqlite_column(statement, 1), &event.type))
		event.type = EVENT_UNRECOGNISED; /* of a newer dlrd */
	/* Unrecognised: an older dlrd did not know the status. */
	if (event.type == EVENT_REPLIED)
		event.status = STATUS_RECEIVED;
	else if (event.type != EVENT_UNRECOGNISED)
		event.status = status_from_name(event.status_text);
	if (slice_equal(sqlite_column(statement, 4), consent_name(CONSENT_OUT)))
		event.consent = CONSENT_OUT;
	event.person = address_of_person(sqlite_column(statement, 5), made);
	return event;
}

/* One that is not in the table and may not be added is 0, as no message has it. */
static enum result
merge_providers(struct recount *recount, int64_t message_id, int64_t *out_id)
{
	sqlite3_stmt *statement = recount->provider;
	sqlite3_bind_int64(statement, 1, message_id);
	int code = sqlite3_step(statement);
	enum result result = sqlite_result(code);
	int64_t id = 0;
	if (code == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 3);
	if (code == SQLITE_ROW && id == 0 && recount->may_add)
		result = names_provider(recount->names, sqlite_column(statement, 0),
		    sqlite_column(statement, 1), sqlite_column(statement, 2), &id);
	sqlite3_reset(statement);
	if (result == RESULT_OK)
		*out_id = id;
	return result;
}

/* Tags and providers of a message's events. */
struct merged {
	bool tagged;       /* one's own tags name a campaign */
	bool of_providers; /* of more than one */
};

/* Tags of an event's own come before those it has from its message. */
static enum result
merge_event(struct recount *recount, sqlite3_stmt *statement, struct merged *merged,
    struct message_row *row)
{
	int64_t tagset_id = sqlite3_column_int64(statement, 6);
	int64_t provider_id = sqlite3_column_int64(statement, 8);
	bool event_tagged = sqlite3_column_int(statement, 7) != 0;
	enum result result = RESULT_OK;

	if (row->tagset_id == 0 || (event_tagged && !merged->tagged))
		row->tagset_id = tagset_id;
	else if (event_tagged == merged->tagged && tagset_id != row->tagset_id)
		result =
		    names_choose_tagset(recount->names, row->tagset_id, tagset_id, &row->tagset_id);
	merged->tagged |= event_tagged;
	merged->of_providers |= row->provider_id != 0 && provider_id != row->provider_id;
	row->provider_id = provider_id;
	return result;
}

static enum result
fold_events(struct recount *recount, enum conflict_policy policy, int64_t message_id,
    struct message_row *row, uint64_t *count)
{
	sqlite3_stmt *events = recount->events;
	enum result result = RESULT_OK;
	struct merged merged = {false, false};
	int code = SQLITE_DONE;

	sqlite3_bind_int64(events, 1, message_id);
	while (result == RESULT_OK && (code = sqlite3_step(events)) == SQLITE_ROW) {
		char made[ADDRESS_MAX];
		struct event event = read_event(events, made);
		message_row_fold(row, &event, policy);
		result = merge_event(recount, events, &merged, row);
		(*count)++;
	}

	sqlite3_reset(events);
	if (result == RESULT_OK)
		result = sqlite_result(code);
	if (result == RESULT_OK && merged.of_providers)
		result = merge_providers(recount, message_id, &row->provider_id);
	return result;
}

enum result
recount_message(struct recount *recount, enum conflict_policy policy,
    const struct message_row *stored, struct message_row *out_recounted, uint64_t *out_events)
{
	struct message_row row = {.message = MESSAGE_EMPTY};
	uint64_t events = 0;
	enum result result = fold_events(recount, policy, stored->id, &row, &events);
	if (result != RESULT_OK)
		return result;

	row.id = stored->id;
	if (row.message.received_us != 0 || row.tagset_id == 0)
		row.tagset_id = stored->tagset_id;
	if (events == 0)
		row.provider_id = stored->provider_id;
	*out_recounted = row;
	*out_events = events;
	return RESULT_OK;
}

enum result
recount_next(struct recount *recount, enum conflict_policy policy, int64_t after_id,
    struct message_row *out_stored, struct message_row *out_recounted, uint64_t *out_events)
{
	struct message_row stored = {0};
	sqlite3_bind_int64(recount->next, 1, after_id);
	int code = sqlite3_step(recount->next);
	if (code == SQLITE_ROW)
		message_row_read(recount->next, &stored);
	sqlite3_reset(recount->next);

	enum result result = sqlite_result(code);
	if (result == RESULT_OK && stored.id != 0)
		result = recount_message(recount, policy, &stored, out_recounted, out_events);
	if (result == RESULT_OK)
		*out_stored = stored;
	return result;
}

static bool
message_equal(const struct message *a, const struct message *b)
{
	return a->seen == b->seen && a->first_final == b->first_final &&
	       a->opted_out == b->opted_out && a->error_code == b->error_code &&
	       a->first_us == b->first_us && a->last_us == b->last_us && a->sent_us == b->sent_us &&
	       a->delivered_us == b->delivered_us && a->failed_us == b->failed_us &&
	       a->canceled_us == b->canceled_us && a->read_us == b->read_us &&
	       a->received_us == b->received_us && a->clicked_us == b->clicked_us &&
	       a->links == b->links && a->left_us == b->left_us;
}

bool
message_row_equal(const struct message_row *stored, const struct message_row *recounted,
    enum conflict_policy policy)
{
	return message_equal(&stored->message, &recounted->message) &&
	       stored->outcome == (int64_t)message_outcome(&recounted->message, policy) &&
	       stored->conflict == (int64_t)message_conflicts(&recounted->message) &&
	       stored->tagset_id == recounted->tagset_id &&
	       stored->provider_id == recounted->provider_id &&
	       slice_equal(
		   short_text_slice(&stored->status), short_text_slice(&recounted->status)) &&
	       slice_equal(message_row_peer(stored), message_row_peer(recounted));
}

void
recount_close(struct recount *recount)
{
	sqlite_finalize_all(statements, recount);
	free(recount);
}
