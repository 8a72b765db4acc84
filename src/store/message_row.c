#include "message_row.h"

#define STATUS_TEXT_MAX 64 /* bytes shown of an unknown status */

struct slice
message_row_peer(const struct message_row *row)
{
	return short_text_slice(&row->peer);
}

void
message_row_add_peer(struct message_row *row, struct slice peer)
{
	if (peer.len > SHORT_TEXT_MAX)
		peer.len = SHORT_TEXT_MAX;
	if (peer.len > 0 && (row->peer.len == 0 || slice_compare(peer, message_row_peer(row)) < 0))
		short_text_set(&row->peer, peer);
}

void
message_row_show_status(struct message_row *row, enum conflict_policy policy)
{
	enum message_status status = message_status(&row->message, policy);
	if (status != STATUS_UNKNOWN)
		short_text_set(&row->status, status_name(status));
}

void
message_row_fold(struct message_row *row, const struct event *event, enum conflict_policy policy)
{
	struct slice shown = short_text_slice(&row->status);
	message_fold(&row->message, event);
	message_row_add_peer(row, event->person);
	if (event->type == EVENT_CLICKED)
		return;

	/* Of several unknown statuses the greatest in byte order counts, so that their order does
	 * not matter. */
	struct slice unknown = event->status_text;
	if (slice_compare(unknown, shown) > 0 &&
	    message_status(&row->message, policy) == STATUS_UNKNOWN) {
		unknown.len = unknown.len < STATUS_TEXT_MAX ? unknown.len : STATUS_TEXT_MAX;
		short_text_set(&row->status, unknown);
	}
	message_row_show_status(row, policy);
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
