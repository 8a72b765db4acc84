/* metrics: Prometheus' text format 0.0.4. */
#include "testing.h"

#include "dlrd/base/metrics.h"

static struct buffer
written(const struct metrics *metrics)
{
	struct buffer out = BUFFER_EMPTY;
	metrics_write(metrics, &out);
	assert_false(out.failed);
	buffer_append_byte(&out, '\0');
	out.len--;
	return out;
}

static void
counters_add_and_gauges_are_set(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *counter = metrics_add(metrics, METRIC_DUPLICATES, "");
	struct metric *gauge = metrics_add(metrics, METRIC_READY, "");
	struct metric *kept_elsewhere = metrics_add(metrics, METRIC_LOG_DROPPED, "");
	metric_add(counter, 2);
	metric_add(counter, 3);
	metric_set(gauge, 7);
	metric_set(gauge, -0.5);
	metric_set(kept_elsewhere, 9);
	assert_true(metric_value(counter) == 5);
	assert_true(metric_value(kept_elsewhere) == 9);
	assert_true(metric_value(gauge) == -0.5);
	struct buffer text = written(metrics);
	assert_contains(buffer_slice(&text), "\ndlrd_duplicates_total 5\n");
	assert_contains(buffer_slice(&text), "\ndlrd_ready -0.5\n");
	buffer_done(&text);
	metrics_free(metrics);
}

static void
nothing_is_counted_on_no_metric(void **state)
{
	(void)state;
	metric_add(NULL, 1);
	metric_set(NULL, 1);
	metric_observe(NULL, 1);
	metrics_free(NULL);
}

/* Each family is announced once, with HELP before TYPE, and its series follow at once. */
static void
each_family_is_announced_before_its_series(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	for (int family = 0; family < METRIC_FAMILY_COUNT; family++) {
		metrics_add(metrics, (enum metric_family)family, "a=\"1\"");
		metrics_add(metrics, (enum metric_family)family, "a=\"2\"");
	}
	struct buffer text = written(metrics);
	struct slice rest = buffer_slice(&text), name = SLICE_NONE;
	int families = 0, helps = 0;
	while (rest.len > 0) {
		struct slice line = slice_take(&rest, '\n');
		if (slice_starts_with(line, SLICE("# HELP "))) {
			helps++;
			line = slice_from(line, 7);
			name = slice_take(&line, ' ');
			assert_true(line.len > 0);
		} else if (slice_starts_with(line, SLICE("# TYPE "))) {
			families++;
			line = slice_from(line, 7);
			assert_true(slice_equal(slice_take(&line, ' '), name));
			assert_true(slice_equal(line, SLICE("counter")) ||
				    slice_equal(line, SLICE("gauge")) ||
				    slice_equal(line, SLICE("histogram")));
			/* by convention a counter's name ends in _total, and no other's does */
			assert_int_equal(
			    slice_equal(line, SLICE("counter")), slice_has(name, "_total"));
		} else
			assert_true(slice_starts_with(line, name));
	}
	assert_int_equal(families, METRIC_FAMILY_COUNT);
	assert_int_equal(helps, METRIC_FAMILY_COUNT);
	buffer_done(&text);
	metrics_free(metrics);
}

static void
label_values_are_escaped(void **state)
{
	(void)state;
	struct buffer labels = BUFFER_EMPTY;
	metrics_label(&labels, "route", SLICE("/a\"b\\c\nd"));
	metrics_label(&labels, "outcome", SLICE(""));
	buffer_append_byte(&labels, '\0');
	assert_string_equal(labels.ptr, "route=\"/a\\\"b\\\\c\\nd\",outcome=\"\"");
	struct metrics *metrics = metrics_new();
	metric_add(metrics_add(metrics, METRIC_CALLBACKS, labels.ptr), 1);
	struct buffer text = written(metrics);
	assert_contains(buffer_slice(&text),
	    "\ndlrd_callbacks_total{route=\"/a\\\"b\\\\c\\nd\",outcome=\"\"} 1\n");
	buffer_done(&text);
	buffer_done(&labels);
	metrics_free(metrics);
}

static void
labels_are_copied(void **state)
{
	(void)state;
	char labels[] = "a=\"x\"";
	struct metrics *metrics = metrics_new();
	metrics_add(metrics, METRIC_EVENTS, labels);
	labels[3] = 'y';
	struct buffer text = written(metrics);
	assert_contains(buffer_slice(&text), "dlrd_events_total{a=\"x\"} 0");
	buffer_done(&text);
	metrics_free(metrics);
}

static void
a_histogram_is_cumulative_and_ends_with_inf(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *entries = metrics_add(metrics, METRIC_BATCH_ENTRIES, "");
	metric_observe(entries, 1); /* on a bound: counted under it */
	metric_observe(entries, 3);
	metric_observe(entries, 2048);
	metric_observe(entries, 5000);
	struct buffer text = written(metrics);
	struct slice all = buffer_slice(&text);
	assert_contains(all, "# TYPE dlrd_journal_batch_entries histogram\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"1\"} 1\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"2\"} 1\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"4\"} 2\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"1024\"} 2\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"2048\"} 3\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_bucket{le=\"+Inf\"} 4\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_sum 7052.000000\n");
	assert_contains(all, "\ndlrd_journal_batch_entries_count 4\n");
	buffer_done(&text);
	metrics_free(metrics);
}

static void
a_histogram_of_seconds_keeps_its_labels(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *fsync = metrics_add(metrics, METRIC_FSYNC_SECONDS, "file=\"x\"");
	metric_observe(fsync, 0.00005);
	metric_observe(fsync, 0.3);
	metric_observe(fsync, 60);
	struct buffer text = written(metrics);
	struct slice all = buffer_slice(&text);
	assert_contains(all, "dlrd_journal_fsync_seconds_bucket{file=\"x\",le=\"0.0001\"} 1\n");
	assert_contains(all, "dlrd_journal_fsync_seconds_bucket{file=\"x\",le=\"0.25\"} 1\n");
	assert_contains(all, "dlrd_journal_fsync_seconds_bucket{file=\"x\",le=\"0.5\"} 2\n");
	assert_contains(all, "dlrd_journal_fsync_seconds_bucket{file=\"x\",le=\"+Inf\"} 3\n");
	assert_contains(all, "dlrd_journal_fsync_seconds_sum{file=\"x\"} 60.300050\n");
	assert_contains(all, "dlrd_journal_fsync_seconds_count{file=\"x\"} 3\n");
	buffer_done(&text);
	metrics_free(metrics);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters_add_and_gauges_are_set),
	    cmocka_unit_test(nothing_is_counted_on_no_metric),
	    cmocka_unit_test(each_family_is_announced_before_its_series),
	    cmocka_unit_test(label_values_are_escaped),
	    cmocka_unit_test(labels_are_copied),
	    cmocka_unit_test(a_histogram_is_cumulative_and_ends_with_inf),
	    cmocka_unit_test(a_histogram_of_seconds_keeps_its_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
