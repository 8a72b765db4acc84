/* series: the answer about a campaign's course: its figures by hour or by day, as course.h says. A
 * day without a time (from=2026-11-20) begins when it does in the zone asked for. */
#ifndef DLRD_API_SERIES_H
#define DLRD_API_SERIES_H

#include "dlrd/api/question.h"

/* GET /v1/campaigns/{campaign}/series: workspace, variant, interval, tz, from, to. */
void series_answer(struct question *question);

#endif
