/* figures_reader: the time series of a campaign.
 *
 * Part of reader.h, which describes all questions. */
#ifndef DLRD_STORE_FIGURES_READER_H
#define DLRD_STORE_FIGURES_READER_H

#include "dlrd/model/rollup.h"

struct store_reader;

/* The figures of one hour. */
typedef void (*hour_fn)(void *context, int64_t hour, const int64_t figures[FIGURE_COUNT]);

/* In the order of hours; those without a fact are left out. */
must_check enum result store_read_series(struct store_reader *reader, int64_t campaign_id,
    struct slice variant, int64_t from_us, int64_t to_us, hour_fn on_hour, void *context);

#endif
