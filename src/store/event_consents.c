#include "event_consents.h"

#include "dlrd/base/buffer.h"
#include "receipts_handle.h"

bool
event_names_sender(const struct event *event)
{
	return event->service.len > 0 || event_sender(event).len > 0;
}

/* Reads the provider's scope: its service, else its sender, else the account. */
static enum result
read_scope(struct receipts *receipts, int64_t provider_id, struct buffer *out_scope)
{
	sqlite3_bind_int64(receipts->scope, 1, provider_id);
	int code = sqlite3_step(receipts->scope);
	buffer_clear(out_scope);
	if (code == SQLITE_ROW)
		buffer_append(out_scope, sqlite_column(receipts->scope, 0));
	sqlite3_reset(receipts->scope);
	return out_scope->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

/* Adds the event's evidence, for provider_id's scope if it is an opt-out that names none. */
enum result
event_consents_add(struct store *store, const struct event *event, int64_t provider_id, int64_t seq,
    struct store_added *out_added)
{
	struct event reported = *event;
	struct buffer scope = BUFFER_EMPTY;
	bool has = false, changed = false;
	enum result result = RESULT_OK;

	if (event->consent == CONSENT_OUT && event->type != EVENT_REPLIED &&
	    !event_names_sender(event)) {
		result = read_scope(store->receipts, provider_id, &scope);
		reported.service = buffer_slice(&scope);
	}

	if (result == RESULT_OK)
		result = consents_has(store->consents, &reported, seq, &has);
	if (result == RESULT_OK && !has)
		result = consents_add(store->consents, &reported, seq, &changed);
	out_added->consent_changed |= changed;
	buffer_done(&scope);
	return result;
}

/* Follows a change of the message's sender only if a refusal may exist: the message failed. */
enum result
event_consents_follow_message(struct store *store, const struct message_row *before,
    const struct message_row *row, struct store_added *out_added)
{
	if (before->id == 0 || before->provider_id == row->provider_id ||
	    row->message.failed_us == 0)
		return RESULT_OK;
	struct buffer old = BUFFER_EMPTY, new = BUFFER_EMPTY;
	sqlite3_stmt *nameless = store->receipts->nameless;
	enum result result = read_scope(store->receipts, before->provider_id, &old);
	if (result == RESULT_OK)
		result = read_scope(store->receipts, row->provider_id, &new);
	for (int64_t seq = 0; result == RESULT_OK;) {
		sqlite3_bind_int64(nameless, 1, row->id);
		sqlite3_bind_int64(nameless, 2, seq);
		int code = sqlite3_step(nameless);
		if (code == SQLITE_ROW)
			seq = sqlite3_column_int64(nameless, 0);
		sqlite3_reset(nameless);
		result = sqlite_result(code);
		if (code != SQLITE_ROW)
			break;
		bool moved = false;
		result = consents_move(
		    store->consents, seq, buffer_slice(&old), buffer_slice(&new), &moved);
		out_added->consent_changed |= moved;
	}

	buffer_done(&old);
	buffer_done(&new);
	return result;
}

/* Moves the evidence of a stored event that did not name its sender to the scope that the event
 * names. */
enum result
event_consents_set_scope(struct store *store, const struct event *event, int64_t old_provider_id,
    int64_t seq, bool *out_moved)
{
	struct buffer old = BUFFER_EMPTY;
	struct slice own = event->service.len > 0 ? event->service : event_sender(event);
	enum result result = read_scope(store->receipts, old_provider_id, &old);
	if (result == RESULT_OK)
		result = consents_move(store->consents, seq, buffer_slice(&old), own, out_moved);
	buffer_done(&old);
	return result;
}
