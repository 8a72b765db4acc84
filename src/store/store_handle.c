#include "store_handle.h"

#include <stdlib.h>

enum result
store_note(struct store *store, enum result result)
{
	return engine_note(store->engine, result);
}

/* Returns what the batch changes in that campaign's row; NULL if memory is short. */
static struct campaign_change *
find_touched(struct store *store, int64_t campaign_id)
{
	size_t i = store->touched_count;
	while (i > 0 && store->touched[i - 1].campaign_id != campaign_id)
		i--;
	if (i > 0)
		return &store->touched[i - 1];

	if (store->touched_count == store->touched_capacity) {
		size_t capacity = store->touched_capacity * 2 + 16;
		struct campaign_change *more = realloc(store->touched, capacity * sizeof *more);
		if (more == NULL)
			return NULL;
		store->touched = more;
		store->touched_capacity = capacity;
	}

	struct campaign_change *touched = &store->touched[store->touched_count++];
	*touched = (struct campaign_change){.campaign_id = campaign_id};
	return touched;
}

enum result
store_touch(struct store *store, int64_t campaign_id, int64_t time_us)
{
	struct campaign_change *touched = find_touched(store, campaign_id);
	if (touched == NULL)
		return RESULT_NO_MEMORY;

	if (touched->last_us == 0 || time_us < touched->first_us)
		touched->first_us = time_us;
	if (time_us > touched->last_us)
		touched->last_us = time_us;
	return RESULT_OK;
}

enum result
store_touch_moved(struct store *store, int64_t campaign_id, int64_t old_time_us)
{
	struct campaign_change *touched = find_touched(store, campaign_id);
	if (touched == NULL)
		return RESULT_NO_MEMORY;
	if (touched->moved_last_us == 0 || old_time_us < touched->moved_first_us)
		touched->moved_first_us = old_time_us;
	if (old_time_us > touched->moved_last_us)
		touched->moved_last_us = old_time_us;
	return RESULT_OK;
}

enum result
store_touch_duplicate(struct store *store, int64_t campaign_id)
{
	if (store->is_lost_request)
		return RESULT_OK; /* it was counted, or is one only now */
	struct campaign_change *touched = find_touched(store, campaign_id);
	if (touched == NULL)
		return RESULT_NO_MEMORY;
	touched->duplicates++;
	return RESULT_OK;
}
