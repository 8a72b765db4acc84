/* reader: questions to the store, asked over a connection that cannot write.
 *
 * Like store.h this header knows no SQL. Each answer is a consistent moment of the store; lists are
 * handed out row by row to a callback, whose slices are good during the call. A reader belongs to
 * one thread at a time; any number of them may be open beside the writer, in this process or
 * another. */
#ifndef DLRD_STORE_READER_H
#define DLRD_STORE_READER_H

#include "dlrd/model/rollup.h"

struct store_reader;

/* Opens the store at path. RESULT_NOT_FOUND where there is none, RESULT_CORRUPT where another
 * version wrote it. */
must_check enum result store_reader_open(
    const char *path, struct store_reader **out_reader, struct failure *failure);

/* Ends each question that takes longer than limit_us with RESULT_LIMIT (0: none, the default), so
 * that none keeps the store's log from being reset. */
void store_reader_set_limit(struct store_reader *reader, int64_t limit_us);

/* One campaign's figures. */
struct campaign_row {
	int64_t id; /* the store's own number, for paging */
	struct slice workspace, campaign;
	int64_t figures[FIGURE_COUNT];
	int64_t duplicates;
	int64_t first_us, last_us; /* earliest and latest event that carried its tags */
};

/* Absent slices and zeros mean "any". */
struct campaign_filter {
	struct slice workspace, campaign;
	int64_t from_us, to_us; /* count only facts in the hours from..to; to is exclusive */
	int64_t before_id;      /* only campaigns with a smaller id */
	size_t limit;           /* rows at most; 0 for all */
};

typedef void (*campaign_fn)(void *context, const struct campaign_row *row);

/* Newest campaign first. With from_us or to_us, campaigns without a fact in between are left out.
 */
must_check enum result store_read_campaigns(struct store_reader *reader,
    const struct campaign_filter *filter, campaign_fn on_row, void *context);

/* Why messages of a campaign failed, one row a code. */
struct campaign_error_row {
	int64_t code;                                /* -1: a failure without a code */
	struct slice name, kind, permanence, action; /* absent for a code that nobody knows */
	int64_t count;
	int64_t first_us, last_us; /* earliest and latest failure under that code */
};

typedef void (*campaign_error_fn)(void *context, const struct campaign_error_row *row);

/* Most frequent code first; count is of the failures in the hours from..to (0: any), first_us and
 * last_us are of all. */
must_check enum result store_read_campaign_errors(struct store_reader *reader, int64_t campaign_id,
    int64_t from_us, int64_t to_us, campaign_error_fn on_row, void *context);

struct event_row {
	uint64_t seq;
	struct event event; /* journal_seq, time_us, type, texts; status and folds are not filled */
};

struct event_filter {
	uint64_t after_seq;
	struct slice type, workspace, campaign; /* absent: any; campaign "" is a campaign, too */
	struct slice message;                   /* only events of this SID, folded or not */
	size_t limit;                           /* 0 for all */
};

typedef void (*event_fn)(void *context, const struct event_row *row);

/* In the order of seq. */
must_check enum result store_read_events(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context);

struct message_view {
	struct slice sid, status, workspace, campaign, variant, account, service, sender;
	bool conflict;
	int64_t error_code; /* -1 for none */
	int64_t first_us, last_us;
};

typedef void (*message_fn)(void *context, const struct message_view *view);

/* RESULT_NOT_FOUND, without a call, for a SID that no message is known by. */
must_check enum result store_read_message(
    struct store_reader *reader, struct slice sid, message_fn on_view, void *context);

struct catalogue_row {
	int64_t code;
	struct slice name, kind, permanence, action;
};

typedef void (*catalogue_fn)(void *context, const struct catalogue_row *row);

/* By code, from after_code on; limit 0 for all. */
must_check enum result store_read_catalogue(struct store_reader *reader, int64_t after_code,
    size_t limit, catalogue_fn on_row, void *context);

/* The last journal entry that has been projected. */
must_check enum result store_read_cursor(struct store_reader *reader, uint64_t *out_cursor);

/* The engine's words for the last failure. Borrowed until the next call. */
const char *store_reader_error(const struct store_reader *reader);

/* Accepts NULL. */
void store_reader_close(struct store_reader *reader);

#endif
