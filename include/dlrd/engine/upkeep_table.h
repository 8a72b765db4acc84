/* upkeep_table: reads and changes many stored receipts at once, for the upkeep of a store: new tags
 * (store/retag.h), and receipts that are removed (store/removal.h).
 *
 * The engine knows no meaning: it reads and writes rows. Receipts are read in portions in the order
 * of seq, so that a portion can be changed before the next one is read. One thread, inside a
 * transaction. */
#pragma once

#include "dlrd/base/arena.h"

struct upkeep_table;

/* A receipt with the URL that its tags were read from. Its texts are borrowed during the call. */
struct sourced_receipt {
	int64_t seq, message_id; /* message_id: 0 for none */
	int64_t tagset_id;
	bool tagged;   /* its own tags name a campaign */
	bool is_reply; /* of a row of the reply table */
	/* path is absent in receipts of a dlrd that stored only the query, and that only if a
	 * template was not filled. */
	struct slice path, query;
};

typedef enum result (*sourced_fn)(void *context, const struct sourced_receipt *receipt);

/* Passes receipts after after_seq that arrived from from_us to before to_us, at most `limit`. */
must_check enum result upkeep_table_sourced(struct upkeep_table *table, int64_t after_seq,
    int64_t from_us, int64_t to_us, size_t limit, sourced_fn on_receipt, void *context);

/* Gives a receipt, and the reply that it is, other tags of its own. */
must_check enum result upkeep_table_set_tags(struct upkeep_table *table,
    const struct sourced_receipt *receipt, int64_t tagset_id, int64_t campaign_id, bool tagged);

struct placed_receipt {
	int64_t seq, message_id; /* message_id: 0 for none */
	int64_t journal_seq, time_us;
};

typedef enum result (*placed_fn)(void *context, const struct placed_receipt *receipt);

/* Passes receipts after after_seq whose parameter of that name (struct event, extra) has that text,
 * at most `limit`. The name has no quote. */
must_check enum result upkeep_table_with_parameter(struct upkeep_table *table, int64_t after_seq,
    struct slice name, struct slice text, size_t limit, placed_fn on_receipt, void *context);

/* The numbers of receipts and messages that are removed are not given again: followers ask for
 * higher ones. */
must_check enum result upkeep_table_keep_numbers(struct upkeep_table *table);

/* Notes that the receipts from first to last, which have followed each other, are removed on
 * purpose. */
must_check enum result upkeep_table_note_removed(struct upkeep_table *table,
    const struct placed_receipt *first, const struct placed_receipt *last);

/* Notes that receipts with that parameter are removed on purpose; whether an event that has extra
 * is such a receipt. */
must_check enum result upkeep_table_note_run(
    struct upkeep_table *table, struct slice name, struct slice text);
must_check enum result upkeep_table_is_of_removed_run(
    struct upkeep_table *table, struct slice extra, bool *out_is);

/* Removes a receipt, with the alert or inbound message that it is. */
must_check enum result upkeep_table_remove_receipt(struct upkeep_table *table, int64_t seq);

/* Removes a message without receipts, with the reply that it is. */
must_check enum result upkeep_table_remove_message(struct upkeep_table *table, int64_t message_id);

/* The number of a message's receipts. */
must_check enum result upkeep_table_count(
    struct upkeep_table *table, int64_t message_id, int64_t *out_count);

/* The workspace and name of a tagset's campaign, copied to the arena. */
must_check enum result upkeep_table_campaign(struct upkeep_table *table, int64_t tagset_id,
    struct arena *arena, struct slice *out_workspace, struct slice *out_campaign);

/* Removes hours without a figure, and the campaigns, variants, providers and URLs that nothing
 * refers to. names_forget must follow. */
must_check enum result upkeep_table_remove_unused(struct upkeep_table *table);
