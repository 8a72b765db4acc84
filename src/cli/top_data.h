/* top_data: the data of "dlrd top", asked of the running daemon.
 *
 * Counters and events are asked for each time, figures that the store adds up every
 * TOP_FIGURES_S seconds. The last answers stay while the daemon does not answer. One thread. */
#pragma once

#include "dlrd/base/json.h"
#include "dlrd/daemon/settings.h"

#define TOP_FIGURES_S 5
#define TOP_EVENTS 50 /* the newest */

enum top_counter {
	TOP_ACCEPTED,
	TOP_UNVERIFIED,
	TOP_UNAVAILABLE,
	TOP_MALFORMED,
	TOP_NO_ROUTE,
	TOP_METHOD,
	TOP_TOO_LARGE,
	TOP_STORED, /* entries of the journal */
	TOP_PROJECTED,
	TOP_COUNTER_COUNT,
};

struct top_sample {
	int64_t at_us; /* monotonic; 0: not taken yet */
	double counters[TOP_COUNTER_COUNT];
	double lag_entries, lag_seconds;
	bool ready;
};

struct top_data {
	struct top_sample now, before;
	/* Bodies of answers; NULL until there is one. */
	struct json_t *failures, *failures_now, *campaigns, *refusals, *events;
	int64_t figures_us; /* monotonic: when figures were asked for last; 0: never */
	int64_t last_event; /* seq; if not has_last, of an earlier one, or 0 */
	bool has_last;
	int64_t answered_us; /* wall clock: of the last answer; 0: none yet */
	bool is_still;       /* the daemon does not answer */
	char why[sizeof((struct failure){0}.text)]; /* then */
	/* Asked before each question, which may wait for seconds: false to stop. */
	bool (*goes_on)(void *context);
	void *context;
};

/* goes_on may be NULL: nothing stops it. */
void top_data_init(struct top_data *data, bool (*goes_on)(void *context), void *context);

/* Asks the daemon. Sets is_still if it does not answer, or if goes_on stopped it. */
void top_data_refresh(struct top_data *data, const struct settings *settings);

/* How much the counter grew in a second; below 0 if that is not known. */
double top_data_rate(const struct top_data *data, enum top_counter counter);

void top_data_done(struct top_data *data);

/* Reads the sample from the text of /metrics. Pure. */
void top_data_read_metrics(struct slice text, struct top_sample *sample);
