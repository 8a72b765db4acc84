#include "simulate_report.h"

#include "dlrd/cli/output.h"

#include <stdio.h>

bool
simulate_report_answer(
    struct simulate_report *report, const struct simulate_item *item, unsigned status)
{
	bool forged = item->kind == SIMULATE_FORGED;
	if (status >= 200 && status < 300) {
		report->forged_taken += forged;
		return !forged;
	}
	if (status == 403 && forged)
		report->forged_refused++;
	else if (status == 403)
		report->refused++;
	else if (status >= 400 && status < 500)
		report->other_4xx++;
	else if (status >= 500 && status < 600)
		report->server_errors++;
	else
		report->other++;

	return false;
}

void
simulate_report_difference(void *context, struct slice line)
{
	struct simulate_report *report = context;
	if (report->difference_count++ < SIMULATE_SHOWN_MAX)
		buffer_appendf(&report->differences, "%.*s\n", SLICE_ARG(line));
}

static double
seconds_of(const struct simulate_report *report)
{
	int64_t us = report->end_us - report->start_us;
	return us > 0 ? (double)us / 1e6 : 1e-6;
}

/* Returns the rate of answered requests, with any status. */
static double
throughput(const struct simulate_report *report)
{
	return (double)report->latency.total / seconds_of(report);
}

/* The figures of the sending, in print order. */
static const struct figure_row {
	const char *key, *words;
	size_t offset;
	bool always; /* shown on a terminal also if it is 0 */
} figure_rows[] = {
#define FIGURE(field) offsetof(struct simulate_report, field)
    {"sent", "sent", FIGURE(sent), true},
    {"acknowledged", "acknowledged (2xx)", FIGURE(acknowledged), true},
    {"refused_as_expected", "wrong signature refused (403)", FIGURE(forged_refused), false},
    {"wrongly_taken", "wrong signature TAKEN (2xx)", FIGURE(forged_taken), false},
    {"wrongly_refused", "genuine REFUSED (403)", FIGURE(refused), false},
    {"other_4xx", "other 4xx", FIGURE(other_4xx), false},
    {"server_errors", "5xx", FIGURE(server_errors), true},
    {"other_status", "other status", FIGURE(other), false},
    {"failed", "failed without an answer", FIGURE(failed), true},
    {"failed_connects", "connections not made", FIGURE(failed_connects), false},
#undef FIGURE
};

#define FIGURE_ROWS (sizeof figure_rows / sizeof figure_rows[0])

static const struct share_row {
	const char *key;
	double share;
} share_rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

#define SHARE_ROWS (sizeof share_rows / sizeof share_rows[0])

static uint64_t
figure(const struct simulate_report *report, const struct figure_row *row)
{
	return *(const uint64_t *)(const void *)((const char *)report + row->offset);
}

static void
print_sending(const struct simulate_report *report)
{
	for (size_t i = 0; i < FIGURE_ROWS; i++)
		if (figure_rows[i].always || figure(report, &figure_rows[i]) > 0)
			printf("%-30s %12llu\n", figure_rows[i].words,
			    (unsigned long long)figure(report, &figure_rows[i]));

	printf("%-30s %12.3f s\n", "time", seconds_of(report));
	printf("%-30s %12.0f /s\n", "answers", throughput(report));
	for (size_t i = 0; i < SHARE_ROWS; i++)
		printf("latency %-22s %12.3f ms\n", share_rows[i].key,
		    (double)simulate_histogram_quantile(&report->latency, share_rows[i].share) /
			1e3);

	printf("latency %-22s %12.3f ms\n", "max", (double)report->latency.max_us / 1e3);
	if (report->gone)
		printf("ended early: no connection could be made; start dlrd, or check --target\n");
}

void
simulate_report_print(const struct simulate_report *report, bool sending)
{
	if (sending)
		print_sending(report);
	if (!report->checked)
		return;

	const struct ledger_findings *findings = &report->findings;
	printf("%.*s", SLICE_ARG(buffer_slice(&report->differences)));
	if (report->difference_count > SIMULATE_SHOWN_MAX)
		printf("... and %llu more\n",
		    (unsigned long long)(report->difference_count - SIMULATE_SHOWN_MAX));
	printf("check: %llu lines, %llu receipts acknowledged, %llu events stored: %llu missing, "
	       "%llu repeated, %llu with a wrong signature\n",
	    (unsigned long long)findings->lines, (unsigned long long)findings->acknowledged,
	    (unsigned long long)findings->stored, (unsigned long long)findings->missing,
	    (unsigned long long)findings->repeated, (unsigned long long)findings->unsent);
}

static void
put_sending(struct json_t *object, const struct simulate_report *report)
{
	struct json_t *latency = json_new_object();
	for (size_t i = 0; i < FIGURE_ROWS; i++)
		json_put_int(object, figure_rows[i].key, (int64_t)figure(report, &figure_rows[i]));
	json_put_real(object, "seconds", seconds_of(report));
	json_put_real(object, "throughput", throughput(report));
	for (size_t i = 0; i < SHARE_ROWS; i++)
		json_put_int(latency, share_rows[i].key,
		    simulate_histogram_quantile(&report->latency, share_rows[i].share));
	json_put_int(latency, "max", report->latency.max_us);
	json_put(object, "latency_us", latency);
	json_put_bool(object, "gone", report->gone);
}

static struct json_t *
new_check(const struct simulate_report *report)
{
	const struct ledger_findings *findings = &report->findings;
	struct json_t *check = json_new_object(), *shown = json_new_array();
	struct slice lines = buffer_slice(&report->differences);
	json_put_int(check, "lines", (int64_t)findings->lines);
	json_put_int(check, "acknowledged", (int64_t)findings->acknowledged);
	json_put_int(check, "stored", (int64_t)findings->stored);
	json_put_int(check, "missing", (int64_t)findings->missing);
	json_put_int(check, "repeated", (int64_t)findings->repeated);
	json_put_int(check, "unsent", (int64_t)findings->unsent);
	while (lines.len > 0) {
		struct json_t *difference = json_new_object();
		json_put_text(difference, "difference", slice_take(&lines, '\n'));
		json_push(shown, difference);
	}

	json_put(check, "shown", shown);
	return check;
}

bool
simulate_report_print_json(
    const struct simulate_report *report, const struct simulate_plan *plan, bool sending)
{
	struct json_t *object = json_new_object();
	if (sending) {
		char run[16];
		snprintf(run, sizeof run, SIMULATE_RUN_FORMAT, (unsigned long long)plan->run);
		json_put_text(object, "run", slice_of(run));
		put_sending(object, report);
	}
	if (report->checked)
		json_put(object, "check", new_check(report));
	return output_json(object);
}

void
simulate_report_done(struct simulate_report *report)
{
	buffer_done(&report->differences);
}
