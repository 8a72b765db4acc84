#include "top_data.h"

#include "control.h"
#include "dlrd/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_US (2 * CLOCK_SECOND_US)
#define CAMPAIGNS_MAX 200 /* the newest, of which the busiest are shown */
#define EVENTS_PAGE 200

/* --- counters --- */

static const struct {
	struct slice start; /* of the series, up to its value; the outcome's label is the last */
	struct slice outcome;
	enum top_counter counter;
} series[] = {
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"kept\"}"), TOP_ACCEPTED},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"unverified\"}"), TOP_UNVERIFIED},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"unavailable\"}"), TOP_UNAVAILABLE},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"malformed\"}"), TOP_MALFORMED},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"no_route\"}"), TOP_NO_ROUTE},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"method\"}"), TOP_METHOD},
    {SLICE_INIT("dlrd_callbacks_total{"), SLICE_INIT("outcome=\"too_large\"}"), TOP_TOO_LARGE},
    {SLICE_INIT("dlrd_journal_entries_total"), SLICE_INIT(""), TOP_STORED},
};

static bool
ends_with(struct slice text, struct slice end)
{
	return text.len >= end.len && slice_equal(slice_from(text, text.len - end.len), end);
}

static void
read_series(struct slice name, double value, struct top_sample *sample)
{
	for (size_t i = 0; i < sizeof series / sizeof series[0]; i++)
		if (slice_starts_with(name, series[i].start) && ends_with(name, series[i].outcome))
			sample->counters[series[i].counter] += value;
	if (slice_equal(name, SLICE("dlrd_projector_lag_entries")))
		sample->lag_entries = value;
	if (slice_equal(name, SLICE("dlrd_projector_lag_seconds")))
		sample->lag_seconds = value;
	if (slice_equal(name, SLICE("dlrd_ready")))
		sample->ready = value != 0;
}

void
top_data_read_metrics(struct slice text, struct top_sample *sample)
{
	while (text.ptr != NULL) {
		struct slice line = slice_take(&text, '\n');
		char number[32];
		size_t blank = line.len;
		while (blank > 0 && line.ptr[blank - 1] != ' ')
			blank--;
		if (blank == 0 || line.ptr[0] == '#' || line.len - blank >= sizeof number)
			continue;
		snprintf(number, sizeof number, "%.*s", SLICE_ARG(slice_from(line, blank)));
		read_series((struct slice){line.ptr, blank - 1}, strtod(number, NULL), sample);
	}
	sample->counters[TOP_PROJECTED] = sample->counters[TOP_STORED] - sample->lag_entries;
}

double
top_data_rate(const struct top_data *data, enum top_counter counter)
{
	double grown = data->now.counters[counter] - data->before.counters[counter];
	int64_t taken_us = data->now.at_us - data->before.at_us;
	/* After a restart of the daemon counters are smaller. */
	if (data->before.at_us == 0 || taken_us <= 0 || grown < 0)
		return -1;
	return grown * (double)CLOCK_SECOND_US / (double)taken_us;
}

/* --- questions --- */

void
top_data_init(struct top_data *data, bool (*goes_on)(void *context), void *context)
{
	*data = (struct top_data){.goes_on = goes_on, .context = context};
}

/* Appends the body of an answer 200 to out. Otherwise notes the reason. */
static bool
get(struct top_data *data, const struct settings *settings, const char *path, struct buffer *out)
{
	struct failure failure;
	unsigned status = 0;
	buffer_clear(out);
	data->is_still = data->goes_on != NULL && !data->goes_on(data->context);
	if (data->is_still)
		return false;
	enum result result = control_get(settings, path, TIMEOUT_US, &status, out, &failure);
	if (result == RESULT_OK && status == 200)
		return true;
	data->is_still = true;
	if (result != RESULT_OK)
		snprintf(data->why, sizeof data->why, "%s", failure.text);
	else if (status == 401)
		snprintf(data->why, sizeof data->why,
		    "the daemon does not accept the token in [api] token_file; give the daemon's "
		    "configuration with -c");
	else
		snprintf(data->why, sizeof data->why, "the daemon answered %u", status);
	return false;
}

/* Replaces *value by the JSON at that path, which may stay as it was. */
static bool
get_json(
    struct top_data *data, const struct settings *settings, const char *path, struct json_t **value)
{
	struct buffer text = BUFFER_EMPTY;
	struct json_t *found = NULL;
	bool done = get(data, settings, path, &text);
	if (done && json_parse(buffer_slice(&text), &found) != RESULT_OK) {
		snprintf(data->why, sizeof data->why, "the answer of %s is not JSON", path);
		data->is_still = true;
		done = false;
	}
	buffer_done(&text);
	if (done) {
		json_free(*value);
		*value = found;
	}
	return done;
}

static bool
read_counters(struct top_data *data, const struct settings *settings)
{
	struct buffer text = BUFFER_EMPTY;
	struct top_sample sample = {0};
	bool done = get(data, settings, "/metrics", &text);
	if (done) {
		top_data_read_metrics(buffer_slice(&text), &sample);
		sample.at_us = clock_monotonic_us();
		data->before = data->now;
		data->now = sample;
	}
	buffer_done(&text);
	return done;
}

/* --- events --- */

static bool
get_events(struct top_data *data, const struct settings *settings, int64_t after, int limit,
    struct json_t **value)
{
	char path[96];
	snprintf(path, sizeof path, "/v1/events?after=%lld&limit=%d", (long long)after, limit);
	return get_json(data, settings, path, value);
}

static bool
ask_for_event(struct top_data *data, const struct settings *settings, int64_t after, bool *out_any)
{
	struct json_t *answer = NULL;
	bool done = get_events(data, settings, after, 1, &answer);
	*out_any = json_count(json_get(answer, "events")) > 0;
	json_free(answer);
	return done;
}

/* Moves last_event to the last event. An answer says only whether there are any after a seq: in
 * steps that double, and then halve. If that is stopped, the next call goes on from there. */
static bool
find_last(struct top_data *data, const struct settings *settings)
{
	int64_t step = EVENTS_PAGE;
	bool any;
	data->has_last = false;
	for (;; step *= 2) {
		if (data->last_event > INT64_MAX / 4 || step > INT64_MAX / 4) {
			snprintf(data->why, sizeof data->why, "the events have no end");
			data->last_event = 0;
			return false;
		}
		if (!ask_for_event(data, settings, data->last_event + step, &any))
			return false;
		if (!any)
			break;
		data->last_event += step;
	}
	int64_t high = data->last_event + step; /* no event comes after it */
	while (data->last_event < high) {
		int64_t middle = data->last_event + (high - data->last_event) / 2;
		if (!ask_for_event(data, settings, middle, &any))
			return false;
		if (any)
			data->last_event = middle + 1;
		else
			high = middle;
	}
	data->has_last = true;
	return true;
}

static bool
read_events(struct top_data *data, const struct settings *settings)
{
	if (!data->has_last && !find_last(data, settings))
		return false;
	for (int tries = 0; tries < 2; tries++) {
		int64_t after = data->last_event > TOP_EVENTS ? data->last_event - TOP_EVENTS : 0;
		int64_t next = data->last_event;
		if (!get_events(data, settings, after, EVENTS_PAGE, &data->events))
			return false;
		size_t count = json_count(json_get(data->events, "events"));
		json_int(json_get(data->events, "next"), &next);
		/* Without any: another daemon, or a store that was emptied. */
		data->has_last = count > 0 || after == 0;
		data->last_event = data->has_last ? next : 0;
		if (count < EVENTS_PAGE)
			return true;
		if (!find_last(data, settings)) /* more came than one page has */
			return false;
	}
	return true;
}

/* --- figures --- */

static bool
read_figures(struct top_data *data, const struct settings *settings)
{
	char hour[CLOCK_TEXT_SIZE], path[128];
	int64_t now_us = clock_wall_us();
	clock_format(now_us - now_us % CLOCK_HOUR_US, hour);
	if (!get_json(data, settings, "/v1/failures", &data->failures))
		return false;
	snprintf(path, sizeof path, "/v1/failures?from=%s", hour);
	if (!get_json(data, settings, path, &data->failures_now))
		return false;
	snprintf(path, sizeof path, "/v1/campaigns?from=%s&limit=%d", hour, CAMPAIGNS_MAX);
	return get_json(data, settings, path, &data->campaigns);
}

void
top_data_refresh(struct top_data *data, const struct settings *settings)
{
	int64_t now_us = clock_monotonic_us();
	bool is_due = data->figures_us == 0 || data->is_still ||
		      now_us - data->figures_us >= TOP_FIGURES_S * CLOCK_SECOND_US;
	data->is_still = false;
	bool done = read_counters(data, settings) &&
		    get_json(data, settings, "/v1/signature-failures", &data->refusals) &&
		    read_events(data, settings);
	if (done && is_due) {
		done = read_figures(data, settings);
		data->figures_us = now_us;
	}
	if (done)
		data->answered_us = clock_wall_us();
	data->is_still = !done;
}

void
top_data_done(struct top_data *data)
{
	json_free(data->failures);
	json_free(data->failures_now);
	json_free(data->campaigns);
	json_free(data->refusals);
	json_free(data->events);
}
