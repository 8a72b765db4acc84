#include "dlrd/base/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM_SECONDS, HISTOGRAM_ENTRIES };

static const struct {
	const char *name;
	enum kind kind;
	const char *help;
} families[METRIC_FAMILY_COUNT] = {
    [METRIC_CALLBACKS] = {"dlrd_callbacks_total", COUNTER, "Requests by route and outcome."},
    [METRIC_SIGNATURE_FAILURES] = {"dlrd_signature_failures_total", COUNTER,
	"Refused requests by cause."},
    [METRIC_SIGNATURE_CAUSES] = {"dlrd_signature_causes_total", COUNTER,
	"Diagnosed refusals by cause."},
    [METRIC_QUARANTINE_OFFERED] = {"dlrd_quarantine_offered_total", COUNTER,
	"Refused requests that may be genuine, by result."},
    [METRIC_QUARANTINE_ENTRIES] = {"dlrd_quarantine_entries", GAUGE,
	"Requests in the quarantine; proven: signed with a configured token, so a setting is "
	"wrong."},
    [METRIC_QUARANTINE_BYTES] = {"dlrd_quarantine_bytes", GAUGE,
	"Bytes of the requests in the quarantine."},
    [METRIC_TOKEN_LAST_USED] = {"dlrd_token_last_used_timestamp_seconds", GAUGE,
	"Unix time of the last verified request by account and token, 0 for none since the start."},
    [METRIC_TOKEN_USED] = {"dlrd_token_used_total", COUNTER,
	"Verified requests by account and token."},
    [METRIC_CONNECTIONS] = {"dlrd_connections", GAUGE, "Open connections on the intake listeners."},
    [METRIC_DEADLINES] = {"dlrd_deadline_closes_total", COUNTER,
	"Connections closed because a request or the wait for one took too long."},
    [METRIC_NO_REQUEST] = {"dlrd_connections_without_request_total", COUNTER,
	"Connections on the intake listeners that ended without a request, by their first bytes."},
    [METRIC_JOURNAL_ENTRIES] = {"dlrd_journal_entries_total", COUNTER,
	"Requests made durable in the journal."},
    [METRIC_JOURNAL_FAILURES] = {"dlrd_journal_failures_total", COUNTER,
	"Group commits that failed, by cause; their requests were answered 503."},
    [METRIC_CHECKPOINT_FAILURES] = {"dlrd_checkpoint_failures_total", COUNTER,
	"Checkpoints that failed, by file."},
    [METRIC_TRIM_FAILURES] = {"dlrd_journal_trim_failures_total", COUNTER,
	"Attempts to remove old journal entries that failed; callbacks are still stored."},
    [METRIC_COMMIT_SECONDS] = {"dlrd_journal_commit_seconds", HISTOGRAM_SECONDS,
	"Time of one group commit, from the first insert to the end of its fsync."},
    [METRIC_FSYNC_SECONDS] = {"dlrd_journal_fsync_seconds", HISTOGRAM_SECONDS,
	"Time of one fsync of the journal's files."},
    [METRIC_BATCH_ENTRIES] = {"dlrd_journal_batch_entries", HISTOGRAM_ENTRIES,
	"Requests in one group commit."},
    [METRIC_JOURNAL_BYTES] = {"dlrd_journal_bytes", GAUGE, "Live bytes in journal.db."},
    [METRIC_JOURNAL_WAL_BYTES] = {"dlrd_journal_wal_bytes", GAUGE,
	"Bytes in the journal's write-ahead log."},
    [METRIC_STORE_WAL_BYTES] = {"dlrd_store_wal_bytes", GAUGE,
	"Bytes in the store's write-ahead log."},
    [METRIC_PROJECTOR_LAG] = {"dlrd_projector_lag_entries", GAUGE,
	"Journal entries not yet projected."},
    [METRIC_PROJECTOR_LAG_SECONDS] = {"dlrd_projector_lag_seconds", GAUGE,
	"Age of the oldest journal entry not yet projected."},
    [METRIC_PROJECTOR_FAILURES] = {"dlrd_projector_failures_total", COUNTER,
	"Batches that the store refused; they are tried again."},
    [METRIC_EVENTS] = {"dlrd_events_total", COUNTER, "Events by type."},
    [METRIC_DUPLICATES] = {"dlrd_duplicates_total", COUNTER,
	"Receipts that had arrived before and were counted only as duplicates."},
    [METRIC_CONFLICTS] = {"dlrd_conflicts_total", COUNTER,
	"Messages that received two different final statuses."},
    [METRIC_TAG_MISFITS] = {"dlrd_tag_misfits_total", COUNTER,
	"Receipts whose query did not fit the campaign template of their route."},
    [METRIC_UNKNOWN_CODES] = {"dlrd_unknown_error_codes_total", COUNTER,
	"Failing receipts whose error code is not in the catalogue."},
    [METRIC_CONSENT_CHANGES] = {"dlrd_consent_changes_total", COUNTER,
	"People who opted out of a sender's messages, or in again."},
    [METRIC_ALERTS] = {"dlrd_alerts_total", COUNTER,
	"Alerts of Twilio's debugger, and of wrong settings in Twilio."},
    [METRIC_GAP_ENTRIES] = {"dlrd_gap_entries", GAUGE,
	"Journal entries that are missing, until 'dlrd gap --accept'."},
    [METRIC_LOG_DROPPED] = {"dlrd_log_dropped_lines_total", COUNTER,
	"Log lines dropped because standard error was not read."},
    [METRIC_READY] = {"dlrd_ready", GAUGE, "1 while callbacks can be kept, 0 otherwise."},
};

static const double second_bounds[] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
static const double entry_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};

#define BOUNDS_MAX (sizeof second_bounds / sizeof second_bounds[0])

/* value: a counter's count, or the bits of a gauge's double. Histograms use the other fields. */
struct metric {
	struct metric *_Atomic next; /* of the family, in the order they were added */
	enum metric_family family;
	_Atomic uint64_t value;
	_Atomic uint64_t buckets[BOUNDS_MAX + 1]; /* observations by bound, not cumulative */
	_Atomic uint64_t sum_millionths;
	char labels[];
};

struct metrics {
	struct metric *_Atomic first[METRIC_FAMILY_COUNT];
};

struct metrics *
metrics_new(void)
{
	return calloc(1, sizeof(struct metrics));
}

struct metric *
metrics_add(struct metrics *metrics, enum metric_family family, const char *labels)
{
	struct metric *_Atomic *end = &metrics->first[family];
	for (struct metric *there; (there = atomic_load(end)) != NULL; end = &there->next)
		if (strcmp(there->labels, labels) == 0)
			return there;
	size_t size = strlen(labels) + 1;
	struct metric *metric = calloc(1, sizeof *metric + size);
	if (metric == NULL)
		return NULL;
	metric->family = family;
	memcpy(metric->labels, labels, size);
	atomic_store(end, metric);
	return metric;
}

void
metrics_label(struct buffer *labels, const char *name, struct slice value)
{
	buffer_appendf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.ptr[i];
		if (byte == '\n')
			buffer_append(labels, SLICE("\\n"));
		else if (byte == '"' || byte == '\\') {
			buffer_append_byte(labels, '\\');
			buffer_append_byte(labels, byte);
		} else
			buffer_append_byte(labels, byte);
	}
	buffer_append_byte(labels, '"');
}

struct metric *
metrics_add_labelled(struct metrics *metrics, enum metric_family family, const char *name,
    struct slice value, const char *other_name, struct slice other)
{
	struct buffer labels = BUFFER_EMPTY;
	struct metric *metric = NULL;
	metrics_label(&labels, name, value);
	if (other_name != NULL)
		metrics_label(&labels, other_name, other);
	buffer_append_byte(&labels, '\0');

	if (metrics != NULL && !labels.failed)
		metric = metrics_add(metrics, family, labels.ptr);
	buffer_done(&labels);
	return metric;
}

void
metric_add(struct metric *metric, uint64_t count)
{
	if (metric != NULL)
		atomic_fetch_add_explicit(&metric->value, count, memory_order_relaxed);
}

void
metric_set(struct metric *metric, double value)
{
	if (metric == NULL)
		return;
	uint64_t bits = (uint64_t)value;
	if (families[metric->family].kind != COUNTER)
		memcpy(&bits, &value, sizeof bits);
	atomic_store_explicit(&metric->value, bits, memory_order_relaxed);
}

static const double *
bounds_of(enum metric_family family, size_t *out_count)
{
	bool seconds = families[family].kind == HISTOGRAM_SECONDS;
	*out_count = seconds ? BOUNDS_MAX : sizeof entry_bounds / sizeof entry_bounds[0];
	return seconds ? second_bounds : entry_bounds;
}

void
metric_observe(struct metric *metric, double value)
{
	if (metric == NULL)
		return;
	size_t count, bucket = 0;
	const double *bounds = bounds_of(metric->family, &count);
	while (bucket < count && value > bounds[bucket])
		bucket++;
	atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &metric->sum_millionths, (uint64_t)(value * 1e6), memory_order_relaxed);
}

double
metric_value(const struct metric *metric)
{
	if (metric == NULL)
		return 0;
	uint64_t bits = atomic_load_explicit(&metric->value, memory_order_relaxed);
	if (families[metric->family].kind == COUNTER)
		return (double)bits;
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static void
write_histogram(const struct metric *metric, const char *name, struct buffer *out)
{
	size_t count;
	uint64_t cumulated = 0;
	const double *bounds = bounds_of(metric->family, &count);
	const char *comma = metric->labels[0] == '\0' ? "" : ",";
	for (size_t i = 0; i <= count; i++) {
		cumulated += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
		buffer_appendf(out, "%s_bucket{%s%sle=\"", name, metric->labels, comma);
		if (i < count)
			buffer_appendf(out, "%g", bounds[i]);
		else
			buffer_append(out, SLICE("+Inf"));
		buffer_appendf(out, "\"} %llu\n", (unsigned long long)cumulated);
	}
	uint64_t sum = atomic_load_explicit(&metric->sum_millionths, memory_order_relaxed);
	const char *open = *comma ? "{" : "", *close = *comma ? "}" : "";
	buffer_appendf(out, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %llu\n", name, open, metric->labels,
	    close, (double)sum / 1e6, name, open, metric->labels, close,
	    (unsigned long long)cumulated);
}

static void
write_series(const struct metric *metric, struct buffer *out)
{
	const char *name = families[metric->family].name;
	switch (families[metric->family].kind) {
	case HISTOGRAM_SECONDS:
	case HISTOGRAM_ENTRIES: write_histogram(metric, name, out); return;
	case COUNTER:
	case GAUGE: break;
	}
	if (metric->labels[0] == '\0')
		buffer_appendf(out, "%s %.15g\n", name, metric_value(metric));
	else
		buffer_appendf(out, "%s{%s} %.15g\n", name, metric->labels, metric_value(metric));
}

void
metrics_write(const struct metrics *metrics, struct buffer *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
	for (int family = 0; family < METRIC_FAMILY_COUNT; family++) {
		const char *name = families[family].name;
		buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, families[family].help,
		    name, types[families[family].kind]);
		for (const struct metric *metric = metrics->first[family]; metric != NULL;
		     metric = metric->next)
			write_series(metric, out);
	}
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	for (int family = 0; family < METRIC_FAMILY_COUNT; family++)
		while (metrics->first[family] != NULL) {
			struct metric *metric = metrics->first[family];
			metrics->first[family] = metric->next;
			free(metric);
		}
	free(metrics);
}
