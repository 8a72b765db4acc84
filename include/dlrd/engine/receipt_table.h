/* receipt_table: rows of the table event, one for each receipt that is not a duplicate.
 *
 * The engine knows no meaning: it reads and writes rows. One thread, inside a transaction. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/model/event.h"

/* A row. Its texts are in the arena of the batch. */
struct receipt {
	int64_t seq;
	int64_t journal_seq; /* the entry that it was stored from ... */
	int64_t
	    arrival_seq;    /* ... and that of its earliest arrival, if it is another one; else 0 */
	int64_t time_us;    /* of its earliest arrival */
	struct slice type;  /* a name of event_type_name */
	int64_t message_id; /* 0: no message is folded from it; then sid is its SID */
	int64_t campaign_id, tagset_id, provider_id;
	int64_t source_id; /* of the URL that its tags were read from; 0: not known */
	bool tagged;       /* its own tags name a campaign */
	bool stream;       /* only Event Streams reported it */
	int64_t error_code, left_us;
	struct slice status, done_date, peer, body, keyword, near_miss, consent, cause, link,
	    occurred, sid, reference, extra, raw_query, raw_body, signature;
	enum event_type event_type; /* of `type` */
	bool is_new;                /* not in the table yet */
	bool is_changed;            /* in the table, but otherwise */
	struct receipt *next;       /* of the same message */
};

struct receipt_table;

/* Reads the greatest seq below 2^62; 0 if there is no receipt. */
must_check enum result receipt_table_last(struct receipt_table *table, int64_t *out_seq);

/* What a message's state is folded from; the texts are borrowed. */
struct folded_receipt {
	int64_t time_us, left_us, error_code, tagset_id, provider_id;
	struct slice type, status, consent;
	struct slice peer; /* or the number that is known for it (person_table.h) */
	bool tagged;
	bool new_link; /* the message's first click of that link, by seq */
};

typedef enum result (*folded_fn)(void *context, const struct folded_receipt *receipt);

/* Passes all receipts of a message in the order in which they arrived. */
must_check enum result receipt_table_each(
    struct receipt_table *table, int64_t message_id, folded_fn on_receipt, void *context);

/* Reads the receipts of a message in the order of seq, but clicks of links, of which there may be
 * very many. Without raw_query and raw_body, which never change. *out_receipts is NULL without
 * a receipt. */
must_check enum result receipt_table_of_message(struct receipt_table *table, int64_t message_id,
    struct arena *arena, struct receipt **out_receipts);

/* Reads the stored click of the event's link at the event's time (NULL: it is not stored), and
 * whether there is any click of the link. */
must_check enum result receipt_table_click(struct receipt_table *table, int64_t message_id,
    const struct event *event, struct arena *arena, struct receipt **out_receipt,
    bool *out_link_is_known);

/* Reads the event without a message that has the reference (NULL: it is not stored). */
must_check enum result receipt_table_by_reference(struct receipt_table *table,
    struct slice reference, struct arena *arena, struct receipt **out_receipt);

/* Whether a stored receipt of the message came with the signature's key. */
must_check enum result receipt_table_has_signature(
    struct receipt_table *table, struct slice sid, struct slice signature, bool *out_has);

/* Adds the new ones of the receipts, and updates the changed ones; none of them is either
 * afterwards. */
must_check enum result receipt_table_write(
    struct receipt_table *table, struct receipt **receipts, size_t count);

/* Gives the stored receipts of a message that have no own tags another tagset, of that campaign. */
must_check enum result receipt_table_move(
    struct receipt_table *table, int64_t message_id, int64_t tagset_id, int64_t campaign_id);

/* Merges the parameters without a column of two reports of a receipt. A callback's values count
 * before those of Event Streams (stored_first: the stored ones are the callback's). JSON that is
 * nested too deeply for SQLite is not merged. */
must_check enum result receipt_table_merge_extra(struct receipt_table *table, struct slice stored,
    struct slice other, bool stored_first, struct arena *arena, struct slice *out_merged);

/* Adds the alert of an event, unless the event has one. */
must_check enum result receipt_table_add_alert(
    struct receipt_table *table, const struct event_alert *alert, int64_t event_seq);

/* Counts the receipts that belong to a message. */
must_check enum result receipt_table_count(struct receipt_table *table, int64_t *out_count);
