#include "working_set.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 16384                   /* of the table of SIDs */
#define CLICKS_MAX 64                 /* of links, in the list of a message */
#define MEMORY_MAX (16 * 1024 * 1024) /* bytes, for some ten thousand messages */

struct working_set {
	struct messages *messages;
	struct receipt_table *table;
	struct arena arena;
	struct known_message **slots;
	struct known_message *changed; /* the messages to be written */
	size_t count, message_count;   /* known, changed */
	int64_t last_id, last_seq;     /* given to messages and receipts */
	/* What is to be written: new receipts in the order of seq, then changed ones. */
	struct receipt **receipts;
	size_t new_count, changed_count, capacity;
	bool has_reference; /* one of them is found by its reference */
};

enum result
working_set_open(
    struct messages *messages, struct receipt_table *table, struct working_set **out_set)
{
	struct working_set *set = calloc(1, sizeof *set);
	if (set != NULL)
		set->slots = calloc(SLOTS, sizeof(struct known_message *));
	if (set == NULL || set->slots == NULL) {
		working_set_close(set);
		return RESULT_NO_MEMORY;
	}

	set->messages = messages;
	set->table = table;
	*out_set = set;
	return RESULT_OK;
}

enum result
working_set_begin(struct working_set *set)
{
	working_set_forget(set);
	enum result result = messages_last(set->messages, &set->last_id);
	return result == RESULT_OK ? receipt_table_last(set->table, &set->last_seq) : result;
}

static size_t
slot_of(struct slice sid)
{
	return slice_hash(sid) % SLOTS;
}

static struct known_message *
find_known(const struct working_set *set, struct slice sid)
{
	struct known_message *known = set->slots[slot_of(sid)];
	while (known != NULL && !slice_equal(known->write.sid, sid))
		known = known->next_of_slot;
	return known;
}

/* Makes *write, whose SID is in the arena, known. */
static enum result
add_known(
    struct working_set *set, const struct message_write *write, struct known_message **out_known)
{
	struct known_message *known = arena_alloc(&set->arena, sizeof *known);
	if (known == NULL)
		return RESULT_NO_MEMORY;

	struct known_message **slot = &set->slots[slot_of(write->sid)];
	*known = (struct known_message){
	    .write = *write, .is_loaded = write->stored.id == 0, .next_of_slot = *slot};
	*slot = known;
	set->count++;
	*out_known = known;
	return RESULT_OK;
}

enum result
working_set_find(struct working_set *set, struct slice sid, struct known_message **out_known)
{
	struct message_write write;
	*out_known = find_known(set, sid);
	if (*out_known != NULL)
		return RESULT_OK;

	enum result result = messages_find(set->messages, sid, &set->arena, &write);
	if (result == RESULT_OK && write.stored.id == 0)
		write.sid = arena_copy(&set->arena, sid);
	if (result == RESULT_OK && set->arena.failed)
		result = RESULT_NO_MEMORY;
	return result == RESULT_OK ? add_known(set, &write, out_known) : result;
}

enum result
working_set_find_id(struct working_set *set, int64_t id, struct known_message **out_known)
{
	struct message_write write;
	enum result result = messages_find_id(set->messages, id, &set->arena, &write);
	if (result == RESULT_OK && write.stored.id == 0)
		result = RESULT_NOT_FOUND;
	if (result != RESULT_OK)
		return result;
	*out_known = find_known(set, write.sid);
	return *out_known != NULL ? RESULT_OK : add_known(set, &write, out_known);
}

void
working_set_change(struct working_set *set, struct known_message *known, struct message_row *row)
{
	if (row->id == 0)
		row->id = ++set->last_id;
	known->write.row = *row;
	if (known->is_changed)
		return;
	known->is_changed = true;
	known->next_changed = set->changed;
	set->changed = known;
	set->message_count++;
}

/* A receipt without own tags has its message's. */
static void
give_tagset(struct receipt *receipt, int64_t tagset_id, int64_t campaign_id)
{
	if (receipt->tagged)
		return;
	receipt->tagset_id = tagset_id;
	receipt->campaign_id = campaign_id;
}

/* Puts the receipts before the list, except those that are in it. */
static void
put_before(struct known_message *known, struct receipt *receipts)
{
	struct receipt *old = known->receipts, **end = &known->receipts;
	for (struct receipt *next; receipts != NULL; receipts = next) {
		const struct receipt *listed = old;
		next = receipts->next;
		while (listed != NULL && listed->seq != receipts->seq)
			listed = listed->next;
		if (listed != NULL)
			continue;
		if (known->moved_campaign_id != 0)
			give_tagset(receipts, known->write.row.tagset_id, known->moved_campaign_id);
		*end = receipts;
		end = &receipts->next;
		known->last = old == NULL ? receipts : known->last;
		known->click_count += receipts->link.ptr != NULL;
	}
	*end = old;
}

enum result
working_set_load(struct working_set *set, struct known_message *known)
{
	struct receipt *receipts;
	if (known->is_loaded)
		return RESULT_OK;

	enum result result =
	    receipt_table_of_message(set->table, known->write.stored.id, &set->arena, &receipts);
	if (result != RESULT_OK)
		return result;
	put_before(known, receipts);
	known->is_loaded = true;
	return RESULT_OK;
}

bool
receipt_is_after(const struct receipt *receipt, const struct event *event)
{
	int64_t seq = receipt->arrival_seq != 0 ? receipt->arrival_seq : receipt->journal_seq;
	return event_arrived_before(event, receipt->time_us, (uint64_t)seq);
}

/* The facts by which another report of the receipt is recognised. */
static struct event
receipt_facts(const struct receipt *receipt)
{
	return (struct event){.type = receipt->event_type,
	    .status_text = receipt->status,
	    .error_code = receipt->error_code,
	    .done_date = receipt->done_date,
	    .link = receipt->link,
	    .occurred = receipt->occurred,
	    .stream = receipt->stream};
}

static void
match_list(
    const struct known_message *known, const struct event *event, struct receipt_match *match)
{
	for (struct receipt *receipt = known->receipts; receipt != NULL && match->same == NULL;
	     receipt = receipt->next) {
		if (receipt->event_type != event->type)
			continue;
		const struct event facts = receipt_facts(receipt);
		match->link_is_known |=
		    event->type == EVENT_CLICKED && slice_equal(facts.link, event->link);
		if (receipt_is_duplicate(&facts, event))
			match->same = receipt;
	}
}

/* A link may be opened any number of times: an index finds its clicks in the table. */
static enum result
match_stored_click(struct working_set *set, struct known_message *known, const struct event *event,
    struct receipt_match *match)
{
	struct receipt *stored;
	bool link_is_known;
	enum result result = receipt_table_click(
	    set->table, known->write.row.id, event, &set->arena, &stored, &link_is_known);
	if (result != RESULT_OK)
		return result;

	if (stored != NULL)
		put_before(known, stored);
	match->same = stored;
	match->link_is_known |= link_is_known;
	return RESULT_OK;
}

/* Writes what has a seq, so that an index finds it. */
static enum result
write_receipts(struct working_set *set)
{
	enum result result =
	    receipt_table_write(set->table, set->receipts, set->new_count + set->changed_count);
	if (result == RESULT_OK) {
		set->new_count = set->changed_count = 0;
		set->has_reference = false;
	}
	return result;
}

/* Writes the clicks of the message, and drops them from its list: an index finds them faster. */
static enum result
write_clicks(struct working_set *set, struct known_message *known)
{
	enum result result = write_receipts(set);
	struct receipt **end = &known->receipts;
	known->last = NULL;
	for (struct receipt *receipt = known->receipts; receipt != NULL; receipt = receipt->next)
		if (receipt->link.ptr == NULL) {
			*end = known->last = receipt;
			end = &receipt->next;
		}
	*end = NULL;
	known->click_count = 0;
	return result;
}

enum result
working_set_match(struct working_set *set, struct known_message *known, const struct event *event,
    struct receipt_match *out_match)
{
	bool is_link = event->type == EVENT_CLICKED && event->link.ptr != NULL;
	struct receipt_match match = {.same = NULL};
	enum result result = is_link ? RESULT_OK : working_set_load(set, known);
	if (result == RESULT_OK && known->click_count >= CLICKS_MAX)
		result = write_clicks(set, known);
	if (result != RESULT_OK)
		return result;

	match_list(known, event, &match);
	if (is_link && match.same == NULL && known->write.row.id != 0)
		result = match_stored_click(set, known, event, &match);
	*out_match = match;
	return result;
}

enum result
working_set_has_signature(
    struct working_set *set, struct slice sid, struct slice signature, bool *out_has)
{
	const struct known_message *known = find_known(set, sid);
	bool is_complete =
	    known != NULL && known->is_loaded && known->write.row.message.clicked_us == 0;

	*out_has = false;
	for (const struct receipt *receipt = known == NULL ? NULL : known->receipts;
	     receipt != NULL; receipt = receipt->next)
		*out_has |= slice_equal(receipt->signature, signature);
	return *out_has || is_complete
		   ? RESULT_OK
		   : receipt_table_has_signature(set->table, sid, signature, out_has);
}

enum result
working_set_find_reference(
    struct working_set *set, struct slice reference, struct receipt **out_receipt)
{
	enum result result = RESULT_OK;
	*out_receipt = NULL;
	if (reference.len == 0)
		return RESULT_OK;
	if (set->has_reference)
		result = write_receipts(set);
	return result == RESULT_OK
		   ? receipt_table_by_reference(set->table, reference, &set->arena, out_receipt)
		   : result;
}

/* Makes room for one more receipt to be written. */
static bool
reserve(struct working_set *set)
{
	size_t count = set->new_count + set->changed_count;
	if (count < set->capacity)
		return true;
	size_t capacity = set->capacity * 2 + 256;
	struct receipt **more = realloc(set->receipts, capacity * sizeof(struct receipt *));
	if (more == NULL)
		return false;
	set->receipts = more;
	set->capacity = capacity;
	return true;
}

struct arena *
working_set_arena(struct working_set *set)
{
	return &set->arena;
}

int64_t
working_set_next_seq(const struct working_set *set)
{
	return set->last_seq + 1;
}

enum result
working_set_add(struct working_set *set, struct known_message *known, const struct receipt *receipt,
    struct receipt **out_receipt)
{
	struct receipt *added = arena_alloc(&set->arena, sizeof *added);
	if (added == NULL || !reserve(set))
		return RESULT_NO_MEMORY;

	*added = *receipt;
	struct slice *const texts[] = {&added->status, &added->done_date, &added->peer,
	    &added->body, &added->keyword, &added->near_miss, &added->consent, &added->cause,
	    &added->link, &added->occurred, &added->sid, &added->reference, &added->extra,
	    &added->raw_query, &added->raw_body, &added->signature};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_copy(&set->arena, *texts[i]);
	if (set->arena.failed)
		return RESULT_NO_MEMORY;

	added->seq = ++set->last_seq;
	added->is_new = true;
	set->has_reference |= added->reference.len > 0;
	/* The first of the changed ones makes room. */
	set->receipts[set->new_count + set->changed_count] = set->receipts[set->new_count];
	set->receipts[set->new_count++] = added;
	if (known != NULL) {
		added->message_id = known->write.row.id;
		*(known->receipts == NULL ? &known->receipts : &known->last->next) = added;
		known->last = added;
		known->click_count += added->link.ptr != NULL;
	}
	*out_receipt = added;
	return RESULT_OK;
}

enum result
working_set_change_receipt(struct working_set *set, struct receipt *receipt)
{
	if (set->arena.failed || !reserve(set))
		return RESULT_NO_MEMORY;
	if (!receipt->is_new && !receipt->is_changed) {
		receipt->is_changed = true;
		set->has_reference |= receipt->message_id == 0;
		set->receipts[set->new_count + set->changed_count++] = receipt;
	}
	return RESULT_OK;
}

enum result
working_set_merge_extra(
    struct working_set *set, struct receipt *receipt, struct slice other, bool stored_first)
{
	enum result result = RESULT_OK;
	if (receipt->extra.ptr == NULL)
		receipt->extra = arena_copy(&set->arena, other);
	else
		result = receipt_table_merge_extra(
		    set->table, receipt->extra, other, stored_first, &set->arena, &receipt->extra);
	return result == RESULT_OK ? working_set_change_receipt(set, receipt) : result;
}

void
working_set_move(struct known_message *known, int64_t campaign_id)
{
	for (struct receipt *receipt = known->receipts; receipt != NULL; receipt = receipt->next)
		give_tagset(receipt, known->write.row.tagset_id, campaign_id);
	known->moved_campaign_id = campaign_id;
}

enum result
working_set_each_change(struct working_set *set, known_fn on_changed, void *context)
{
	enum result result = RESULT_OK;
	for (struct known_message *known = set->changed; result == RESULT_OK && known != NULL;
	     known = known->next_changed)
		result = on_changed(context, &known->write);
	return result;
}

static enum result
write_messages(struct working_set *set, enum conflict_policy policy)
{
	size_t count = 0;
	struct message_write **writes =
	    malloc((set->message_count + 1) * sizeof(struct message_write *));
	if (writes == NULL)
		return RESULT_NO_MEMORY;

	for (struct known_message *known = set->changed; known != NULL;
	     known = known->next_changed) {
		struct message_row *row = &known->write.row;
		row->outcome = (int64_t)message_outcome(&row->message, policy);
		row->conflict = (int64_t)message_conflicts(&row->message);
		writes[count++] = &known->write;
	}
	enum result result = messages_write(set->messages, writes, count);
	free(writes);
	return result;
}

/* A message whose receipts move has changed. */
static enum result
move_receipts(struct working_set *set)
{
	enum result result = RESULT_OK;
	for (struct known_message *known = set->changed; result == RESULT_OK && known != NULL;
	     known = known->next_changed) {
		known->is_changed = false;
		if (known->moved_campaign_id != 0)
			result = receipt_table_move(set->table, known->write.row.id,
			    known->write.row.tagset_id, known->moved_campaign_id);
		known->moved_campaign_id = 0;
	}
	set->changed = NULL;
	set->message_count = 0;
	return result;
}

enum result
working_set_write(struct working_set *set, enum conflict_policy policy)
{
	enum result result = write_messages(set, policy);
	if (result == RESULT_OK)
		result = write_receipts(set);
	return result == RESULT_OK ? move_receipts(set) : result;
}

size_t
working_set_count(const struct working_set *set)
{
	return set->count;
}

size_t
working_set_changed(const struct working_set *set)
{
	return set->message_count;
}

bool
working_set_is_full(const struct working_set *set)
{
	return set->arena.size >= MEMORY_MAX;
}

void
working_set_forget(struct working_set *set)
{
	memset(set->slots, 0, SLOTS * sizeof(struct known_message *));
	arena_clear(&set->arena);
	set->changed = NULL;
	set->count = set->message_count = set->new_count = set->changed_count = 0;
	set->has_reference = false;
}

void
working_set_close(struct working_set *set)
{
	if (set == NULL)
		return;

	arena_done(&set->arena);
	free(set->slots);
	free(set->receipts);
	free(set);
}
