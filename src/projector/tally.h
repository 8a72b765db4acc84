/* tally: counts the events of a batch for the metrics, and logs unknown error codes and statuses,
 * and alerts of the debugger. One thread. */
#pragma once

#include "dlrd/base/log.h"
#include "dlrd/base/metrics.h"
#include "dlrd/store/store.h"

#define TALLY_CODES_REPORTED_MAX 256
#define TALLY_STATUSES_REPORTED_MAX 16 /* each was signed, and any text may be */
#define TALLY_STATUS_SIZE 32           /* bytes of one, with its NUL */

struct tally_batch {
	uint64_t events[EVENT_TYPE_COUNT], duplicates, conflicts, misfits, unknown_codes, consents,
	    alerts;
};

/* Zero-initialise. */
struct tally {
	struct tally_batch batch; /* not yet published */
	struct {
		struct metric *events[EVENT_TYPE_COUNT];
		struct metric *duplicates, *conflicts, *misfits, *unknown_codes, *consents, *alerts;
	} metrics;
	int64_t reported_codes[TALLY_CODES_REPORTED_MAX]; /* unknown codes that were logged */
	size_t reported_code_count;
	char reported_statuses[TALLY_STATUSES_REPORTED_MAX][TALLY_STATUS_SIZE]; /* likewise */
	size_t reported_status_count;
	struct log_limit alert_log;
};

void tally_init(struct tally *tally, struct metrics *metrics);

/* Begins a batch, and drops counts that were not published. */
void tally_begin(struct tally *tally);

/* Counts an event that was added to the store. */
void tally_add(struct tally *tally, const struct event *event, struct store_added added);

/* Publishes the counts of a batch that was committed. */
void tally_publish(struct tally *tally);
