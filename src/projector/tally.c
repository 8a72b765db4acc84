#include "tally.h"

#include <stdio.h>
#include <string.h>

void
tally_init(struct tally *tally, struct metrics *metrics)
{
	tally->metrics.duplicates = metrics_add(metrics, METRIC_DUPLICATES, "");
	tally->metrics.conflicts = metrics_add(metrics, METRIC_CONFLICTS, "");
	tally->metrics.misfits = metrics_add(metrics, METRIC_TAG_MISFITS, "");
	tally->metrics.unknown_codes = metrics_add(metrics, METRIC_UNKNOWN_CODES, "");
	tally->metrics.consents = metrics_add(metrics, METRIC_CONSENT_CHANGES, "");
	tally->metrics.alerts = metrics_add(metrics, METRIC_ALERTS, "");
	for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
		struct buffer label = BUFFER_EMPTY;
		metrics_label(&label, "type", event_type_name((enum event_type)type));
		buffer_append_byte(&label, '\0');
		if (!label.failed)
			tally->metrics.events[type] =
			    metrics_add(metrics, METRIC_EVENTS, label.ptr);
		buffer_done(&label);
	}
}

void
tally_begin(struct tally *tally)
{
	tally->batch = (struct tally_batch){.duplicates = 0};
}

/* Logs each unknown code once while dlrd runs. */
static void
report_code(struct tally *tally, int64_t error_code)
{
	for (size_t i = 0; i < tally->reported_code_count; i++)
		if (tally->reported_codes[i] == error_code)
			return;
	if (tally->reported_code_count == TALLY_CODES_REPORTED_MAX)
		return;
	tally->reported_codes[tally->reported_code_count++] = error_code;
	log_line(LOG_WARNING,
	    "error code %lld is not in the catalogue; it is counted under its number, and a row in "
	    "error_codes_site gives it a name",
	    (long long)error_code);
}

/* Logs each unknown status once while dlrd runs. */
static void
report_status(struct tally *tally, struct slice status)
{
	char text[TALLY_STATUS_SIZE];
	struct buffer shown = BUFFER_EMPTY;
	snprintf(text, sizeof text, "%.*s", SLICE_ARG(status));
	for (size_t i = 0; i < tally->reported_status_count; i++)
		if (strcmp(tally->reported_statuses[i], text) == 0)
			return;
	if (tally->reported_status_count == TALLY_STATUSES_REPORTED_MAX)
		return;
	memcpy(tally->reported_statuses[tally->reported_status_count++], text, sizeof text);
	buffer_append_visible(&shown, slice_of(text));
	log_line(LOG_WARNING,
	    "MessageStatus \"%.*s\" is not known; such receipts are stored as Unrecognised, and "
	    "count "
	    "in no figure (logged once)",
	    SLICE_ARG(buffer_slice(&shown)));
	buffer_done(&shown);
}

static void
report_alert(struct tally *tally, const struct event *event)
{
	uint64_t suppressed = 0;

	if (event->alert->ours && log_limit_allows(&tally->alert_log, 1, &suppressed))
		log_line(LOG_WARNING,
		    "Twilio reports a problem with a request to dlrd (error %lld, answered %lld; 0 "
		    "if not reported); see /v1/alerts (%llu more alerts since the last such line)",
		    (long long)(event->error_code < 0 ? 0 : event->error_code),
		    (long long)(event->alert->response_status < 0 ? 0
								  : event->alert->response_status),
		    (unsigned long long)suppressed);
}

void
tally_add(struct tally *tally, const struct event *event, struct store_added added)
{
	if (added.duplicate) {
		tally->batch.duplicates++;
		return;
	}
	tally->batch.events[event->type]++;
	tally->batch.conflicts += added.conflict;
	tally->batch.misfits += !event->tags_fit;
	tally->batch.unknown_codes += added.unknown_code;
	tally->batch.consents += added.consent_changed;
	tally->batch.alerts += event->alert != NULL;
	if (added.unknown_code)
		report_code(tally, event->error_code);
	if (event->type == EVENT_UNRECOGNISED && event->status_text.len > 0 &&
	    event->status == STATUS_UNKNOWN)
		report_status(tally, event->status_text);
	if (event->alert != NULL && !event->alert->by_dlrd)
		report_alert(tally, event);
}

void
tally_publish(struct tally *tally)
{
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		metric_add(tally->metrics.events[type], tally->batch.events[type]);
	metric_add(tally->metrics.duplicates, tally->batch.duplicates);
	metric_add(tally->metrics.conflicts, tally->batch.conflicts);
	metric_add(tally->metrics.misfits, tally->batch.misfits);
	metric_add(tally->metrics.unknown_codes, tally->batch.unknown_codes);
	metric_add(tally->metrics.consents, tally->batch.consents);
	metric_add(tally->metrics.alerts, tally->batch.alerts);
}
