/* ledger: a file with the acknowledged requests of a simulation, and its comparison with the store.
 *
 * The first line is "# dlrd-ledger 2 " and the run. Each acknowledged request adds a line, SID TAB
 * status TAB error code (- for none), before the simulation counts it. So if the simulation is
 * killed, the ledger has all that it counted. Each file belongs to one run. A last line without a
 * line break was never counted, and is ignored.
 *
 * The check reads journal and store while the daemon runs, and changes nothing. One thread. */
#pragma once

#include "simulate_traffic.h"

struct ledger;

/* Creates the file and writes its first line. Returns RESULT_BUSY if the file exists and is not
 * empty. The plan is borrowed until ledger_close. */
must_check enum result ledger_create(const char *path, const struct simulate_plan *plan,
    struct ledger **out_ledger, struct failure *failure);

/* Adds an acknowledged request; it is in the file after the next ledger_flush. */
void ledger_add(struct ledger *ledger, const struct simulate_item *item);

/* Writes the added requests. On failure returns RESULT_NO_MEMORY, RESULT_FULL or RESULT_IO, with
 * errno set. */
must_check enum result ledger_flush(struct ledger *ledger);

/* Requests that were not flushed are lost. Accepts NULL. */
void ledger_close(struct ledger *ledger);

struct ledger_check {
	const char *path;      /* of the ledger */
	const char *directory; /* of journal and store */
	int64_t wait_us;       /* for the projector, at most */
	/* Called for each difference, with one line without a line break. */
	void (*on_difference)(void *context, struct slice line);
	void *context;
};

struct ledger_findings {
	uint64_t lines;        /* acknowledged requests */
	uint64_t acknowledged; /* different receipts among them */
	uint64_t stored;       /* events of the run in the store */
	uint64_t missing;      /* acknowledged, but not in the store */
	uint64_t repeated;     /* acknowledged, and more than once in the store */
	uint64_t unsent;       /* in the store, but sent only with a wrong signature */
};

/* Waits until the projector has reached the current end of the journal, then compares. Returns
 * RESULT_OK also if there are differences. Returns RESULT_BUSY if the projector is not there in
 * time, RESULT_CORRUPT if the file is not a ledger, RESULT_NO_MEMORY or RESULT_IO. */
must_check enum result ledger_check(const struct ledger_check *check,
    struct ledger_findings *out_findings, struct failure *failure);

/* Reads the run of a ledger from its first line. RESULT_CORRUPT if the file is not a ledger. */
must_check enum result ledger_read_run(
    const char *path, uint64_t *out_run, struct failure *failure);

/* Waits until the projector has reached the current end of the journal. RESULT_BUSY if it is not
 * there in time. */
must_check enum result ledger_await_counted(
    const char *directory, int64_t wait_us, struct failure *failure);
