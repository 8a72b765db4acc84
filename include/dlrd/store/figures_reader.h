/* figures_reader: questions about figures: campaigns, their errors, their time series, providers.
 *
 * Part of reader.h, which describes all questions. */
#ifndef DLRD_STORE_FIGURES_READER_H
#define DLRD_STORE_FIGURES_READER_H

#include "dlrd/model/rollup.h"

struct store_reader;

/* Reasons why messages of a campaign failed, one row a code. */
struct campaign_error_row {
	int64_t code; /* -1: a failure without a code */
	struct slice name, kind, permanence,
	    action; /* absent for a code that is not in the catalogue */
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

#endif
