/* series: the answer about a campaign's course: its figures by hour or by day.
 *
 * Figures are kept by the hour of UTC. Such an hour belongs to the local hour or day that its
 * beginning falls in, by the offset that holds then; a day of 23 or 25 hours is one point. A
 * point's time is the first moment of its local hour or day. Where the zone's offset is no whole
 * number of hours, up to an hour at a day's edge thus counts for the day before.
 *
 * A day without a time (from=2026-11-20) begins when it does in the zone asked for. Points without
 * a fact are filled in, from `from` (or the first fact) to `to` (or the last), where that gives at
 * most SERIES_FILLED_MAX; in a longer time only points with facts are told. */
#ifndef DLRD_API_SERIES_H
#define DLRD_API_SERIES_H

#include "dlrd/api/question.h"

#define SERIES_FILLED_MAX 10000 /* more than any chart shows */

/* GET /v1/campaigns/{campaign}/series: workspace, variant, interval, tz, from, to. */
void series_answer(struct question *question);

#endif
