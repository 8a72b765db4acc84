/* metrics: the counters, gauges and histograms of the daemon, and their Prometheus text.
 *
 * Each family is a row of a table in metrics.c: name, type, help. A family has one series per set
 * of labels. One thread adds series, at the start and at a reload; they live as long as the struct
 * metrics that owns them. Changing a series' value is thread-safe and takes no lock; the text may
 * be written meanwhile. */
#pragma once

#include "dlrd/base/buffer.h"

enum metric_family {
	METRIC_CALLBACKS,          /* requests by route and outcome */
	METRIC_SIGNATURE_FAILURES, /* refused requests by cause */
	METRIC_SIGNATURE_CAUSES,   /* diagnosed refusals by cause */
	METRIC_QUARANTINE_OFFERED, /* refused requests by what was done with them */
	METRIC_QUARANTINE_ENTRIES, /* in the quarantine, by whether they are proven genuine */
	METRIC_QUARANTINE_BYTES,
	METRIC_TOKEN_LAST_USED,       /* the time of a token's last use */
	METRIC_TOKEN_USED,            /* verified requests by account and token label */
	METRIC_CONNECTIONS,           /* open connections on the intake listeners */
	METRIC_DEADLINES,             /* connections closed at a deadline */
	METRIC_NO_REQUEST,            /* connections that ended without a request, by first bytes */
	METRIC_JOURNAL_ENTRIES,       /* entries made durable */
	METRIC_JOURNAL_FAILURES,      /* batches that could not be made durable, by cause */
	METRIC_CHECKPOINT_FAILURES,   /* by file */
	METRIC_TRIM_FAILURES,         /* steps in which old entries could not be removed */
	METRIC_COMMIT_SECONDS,        /* one group commit, fsync included */
	METRIC_FSYNC_SECONDS,         /* one fsync of the journal */
	METRIC_BATCH_ENTRIES,         /* entries in one group commit */
	METRIC_JOURNAL_BYTES,         /* live bytes in journal.db */
	METRIC_JOURNAL_WAL_BYTES,     /* bytes in its write-ahead log since it was last reset */
	METRIC_STORE_WAL_BYTES,       /* the same for dlrd.db */
	METRIC_PROJECTOR_LAG,         /* entries kept but not yet projected */
	METRIC_PROJECTOR_LAG_SECONDS, /* age of the oldest of them */
	METRIC_PROJECTOR_FAILURES,    /* batches that the store refused */
	METRIC_EVENTS,                /* events by type */
	METRIC_DUPLICATES,            /* receipts counted only as duplicates */
	METRIC_CONFLICTS,             /* messages with two different final statuses */
	METRIC_TAG_MISFITS,           /* receipts whose tags did not fit the route's template */
	METRIC_UNKNOWN_CODES,         /* failing receipts whose code the catalogue does not know */
	METRIC_CONSENT_CHANGES,       /* people who opted out, or in again */
	METRIC_ALERTS,                /* of the debugger, and of wrong settings in Twilio */
	METRIC_GAP_ENTRIES,           /* journal entries that are missing and not accepted */
	METRIC_LOG_DROPPED,           /* log lines that standard error did not take in time */
	METRIC_READY,                 /* 1 while readyz is green */
	METRIC_FAMILY_COUNT,
};

struct metrics;
struct metric; /* one series */

/* NULL when memory is short. */
struct metrics *metrics_new(void);

/* Adds a series. labels is the text between the braces, such as route="/sms/twilio",outcome="kept",
 * or "" for none; it is copied. Write values with metrics_label. Returns the existing series if one
 * has these labels, and NULL if memory is short. One thread at a time; the text may be written
 * meanwhile. */
struct metric *metrics_add(struct metrics *metrics, enum metric_family family, const char *labels);

/* The same with one label, or two unless other_name is NULL. Returns NULL if metrics is NULL. */
struct metric *metrics_add_labelled(struct metrics *metrics, enum metric_family family,
    const char *name, struct slice value, const char *other_name, struct slice other);

/* Appends name="value" with the value escaped, after a comma if labels is not empty. */
void metrics_label(struct buffer *labels, const char *name, struct slice value);

/* For counters. If metric is NULL, this function and the ones below do nothing. */
void metric_add(struct metric *metric, uint64_t count);

/* For gauges, and for counters whose count is kept elsewhere. */
void metric_set(struct metric *metric, double value);

/* For histograms: one observation, in the family's unit (seconds, entries). */
void metric_observe(struct metric *metric, double value);

/* Returns the value of a counter or gauge, for tests and for readyz. */
double metric_value(const struct metric *metric);

/* Appends all series in Prometheus' text format 0.0.4, with HELP and TYPE. */
void metrics_write(const struct metrics *metrics, struct buffer *out);

void metrics_free(struct metrics *metrics);
