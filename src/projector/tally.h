/* tally: counts what a batch of events was, for the metrics, and tells the log what a person should
 * know of. One thread. */
#ifndef DLRD_PROJECTOR_TALLY_H
#define DLRD_PROJECTOR_TALLY_H

#include "dlrd/base/log.h"
#include "dlrd/base/metrics.h"
#include "dlrd/store/store.h"

#define TALLY_CODES_TOLD_MAX 256

struct tally_batch {
	uint64_t events[EVENT_TYPE_COUNT], duplicates, conflicts, misfits, unknown_codes, consents,
	    alerts;
};

/* Zero-initialise. */
struct tally {
	struct tally_batch batch; /* not published yet */
	struct {
		struct metric *events[EVENT_TYPE_COUNT];
		struct metric *duplicates, *conflicts, *misfits, *unknown_codes, *consents, *alerts;
	} metrics;
	int64_t told_codes[TALLY_CODES_TOLD_MAX]; /* unknown ones that the log has named */
	size_t told_code_count;
	struct log_limit alert_log;
};

void tally_init(struct tally *tally, struct metrics *metrics);

/* A batch begins: what was not published is forgotten. */
void tally_begin(struct tally *tally);

/* An event that the store took. */
void tally_add(struct tally *tally, const struct event *event, struct store_added added);

/* The batch was committed. */
void tally_publish(struct tally *tally);

#endif
