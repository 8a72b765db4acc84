/* figures_reader: questions about figures: campaigns, their errors, their course, providers.
 *
 * Part of reader.h, which says what holds for all questions. */
#ifndef DLRD_STORE_FIGURES_READER_H
#define DLRD_STORE_FIGURES_READER_H

#include "dlrd/model/rollup.h"

struct store_reader;

/* How long pending messages have been so. They are counted by the hour in which they were sent, and
 * each hour by its last moment: a message may be up to an hour older than its band says. */
enum pending_age {
	PENDING_UNDER_1H,
	PENDING_UNDER_6H,
	PENDING_UNDER_24H,
	PENDING_UNDER_72H,
	PENDING_OLDER,
	PENDING_AGE_COUNT,
};

/* One campaign's figures. */
struct campaign_row {
	int64_t id; /* the store's own number, for paging */
	struct slice workspace, campaign;
	int64_t figures[FIGURE_COUNT];
	int64_t pending_ages[PENDING_AGE_COUNT];
	int64_t duplicates;
	int64_t first_us, last_us; /* earliest and latest event that carried its tags */
};

/* Absent slices and zeros mean "any". */
struct campaign_filter {
	struct slice workspace, campaign;
	struct slice variant;   /* count only messages of this variant; "" is one, too */
	int64_t from_us, to_us; /* count only facts in the hours from..to; to is exclusive */
	int64_t before_id;      /* only campaigns with a smaller id */
	size_t limit;           /* rows at most; 0 for all */
};

typedef void (*campaign_fn)(void *context, const struct campaign_row *row);

/* Newest campaign first. With variant, from_us or to_us, campaigns without a fact in there are left
 * out. */
must_check enum result store_read_campaigns(struct store_reader *reader,
    const struct campaign_filter *filter, campaign_fn on_row, void *context);

/* Why messages of a campaign failed, one row a code. */
struct campaign_error_row {
	int64_t code;                                /* -1: a failure without a code */
	struct slice name, kind, permanence, action; /* absent for a code that nobody knows */
	int64_t count;
	int64_t first_us, last_us; /* earliest and latest failure under that code */
	int64_t recent, previous;  /* failures in the period, and in the one before it */
	struct slice samples;      /* the latest SIDs, at most 3, with a space between */
};

struct error_filter {
	int64_t campaign_id;
	struct slice variant;   /* absent: any */
	int64_t from_us, to_us; /* count only failures in the hours from..to; 0: any */
	/* recent is counted from recent_us to until_us, previous in as long a time before. */
	int64_t recent_us, until_us;
};

typedef void (*campaign_error_fn)(void *context, const struct campaign_error_row *row);

/* Most frequent code first; first_us, last_us and samples are of all failures. */
must_check enum result store_read_campaign_errors(struct store_reader *reader,
    const struct error_filter *filter, campaign_error_fn on_row, void *context);

/* The figures of one hour. */
typedef void (*hour_fn)(void *context, int64_t hour, const int64_t figures[FIGURE_COUNT]);

/* In the order of hours; those without a fact are left out. */
must_check enum result store_read_series(struct store_reader *reader, int64_t campaign_id,
    struct slice variant, int64_t from_us, int64_t to_us, hour_fn on_hour, void *context);

/* Figures by who sent. Parts that the grouping does not tell apart are absent. */
struct provider_row {
	struct slice name; /* the nickname; absent where there is none */
	struct slice account, service, sender;
	int64_t figures[FIGURE_COUNT];
};

enum provider_grouping { BY_SENDER, BY_SERVICE, BY_ACCOUNT, BY_NAME };

struct provider_filter {
	enum provider_grouping by;
	struct slice name, account, service, sender; /* absent: any */
	int64_t from_us, to_us;
	size_t offset, limit; /* limit 0: all */
};

typedef void (*provider_fn)(void *context, const struct provider_row *row);

/* By nickname, account, service, sender; without facts, they are left out. */
must_check enum result store_read_providers(struct store_reader *reader,
    const struct provider_filter *filter, provider_fn on_row, void *context);

#endif
