/* series: the rows of a campaign's time series, by local hour or day.
 *
 * Figures are kept by the hour of UTC. A point sums the hours that begin in its local hour or day,
 * by the offset that holds then, and its time is the beginning of the first of them: no fact is
 * reported at a time before it happened. A day of 23 or 25 hours is one point. If the zone's offset
 * is not a whole number of hours, the hour that a day's edge falls in counts whole for the day
 * before: the series is then not exact.
 *
 * Points without a fact are filled in, from `from` (or the first fact) to `to` (or the last), if
 * that gives at most SERIES_FILLED_MAX points; in a longer time only points with facts are listed.
 */
#pragma once

#include "dlrd/query/row.h"

#define SERIES_FILLED_MAX 10000 /* more than any chart shows */

/* The source of the row's points (query.source), and of the members next to them. The parameters
 * are, in this order, campaign, workspace, variant, interval, tz, from, to. */
must_check enum result series_points(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context);
must_check enum result series_members(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object);
