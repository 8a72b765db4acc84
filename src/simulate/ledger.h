/* ledger: which requests of a simulation were acknowledged, in a file; and whether the store has
 * them.
 *
 * The first line is "# dlrd-ledger 1 " and the plan. Then comes a line for each acknowledged
 * request, SID TAB status TAB error code (- for none), written before the simulation counts it, so
 * that killing the simulation loses nothing that it counted. Before requests are sent, a line "#
 * at-most N" says how many may be sent until the next such line. The plan and the last N give,
 * replayed, every receipt that may exist. Each file belongs to one run. A last line without its
 * line break was never counted, and is passed over.
 *
 * The check reads journal and store beside a running daemon, and changes nothing. One thread. */
#ifndef DLRD_SIMULATE_LEDGER_H
#define DLRD_SIMULATE_LEDGER_H

#include "simulate_traffic.h"

struct ledger;

/* Makes the file and writes its first line. RESULT_BUSY where there is a file with content. The
 * plan is borrowed until ledger_close. */
must_check enum result ledger_create(const char *path, const struct simulate_plan *plan,
    struct ledger **out_ledger, struct failure *failure);

/* Writes that `requests` may be sent in all. RESULT_FULL or RESULT_IO, then and below with errno
 * set. */
must_check enum result ledger_allow(struct ledger *ledger, uint64_t requests);

/* Puts down an acknowledged request; it is in the file after the next ledger_flush. */
void ledger_add(struct ledger *ledger, const struct simulate_item *item);

/* Writes what was put down. RESULT_NO_MEMORY, RESULT_FULL, RESULT_IO. */
must_check enum result ledger_flush(struct ledger *ledger);

/* Accepts NULL. What was not flushed is lost. */
void ledger_close(struct ledger *ledger);

struct ledger_check {
	const char *path;      /* of the ledger */
	const char *directory; /* of journal and store */
	int64_t wait_us;       /* for the projector, at most */
	/* Told of each difference, in one line without a line break. */
	void (*on_difference)(void *context, const char *line);
	void *context;
};

struct ledger_findings {
	uint64_t lines;        /* acknowledged requests */
	uint64_t acknowledged; /* different receipts among them */
	uint64_t stored;       /* events of the run in the store */
	uint64_t missing;      /* acknowledged, but not in the store */
	uint64_t repeated;     /* more than once in the store */
	uint64_t unsent;       /* in the store, but never sent, or only with a wrong signature */
};

/* Waits until the projector has reached what is the journal's end now, then compares. RESULT_OK
 * whatever the findings are; RESULT_BUSY when the projector is not there in time; RESULT_CORRUPT
 * for what is no ledger; RESULT_NO_MEMORY, RESULT_IO. */
must_check enum result ledger_check(const struct ledger_check *check,
    struct ledger_findings *out_findings, struct failure *failure);

#endif
