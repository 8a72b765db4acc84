/* simulate_report: the results of a simulation, for people or for programs.
 *
 * Plain values and their printing; one thread. */
#pragma once

#include "ledger.h"
#include "simulate_histogram.h"

#define SIMULATE_SHOWN_MAX 20 /* differences listed one by one */

/* Zero-initialize. */
struct simulate_report {
	uint64_t sent;
	uint64_t acknowledged;                    /* 2xx for a genuine request, and in the ledger */
	uint64_t forged_refused;                  /* 403 for a wrong signature, as it should be */
	uint64_t forged_taken;                    /* 2xx for a wrong signature */
	uint64_t refused;                         /* 403 for a genuine request */
	uint64_t other_4xx, server_errors, other; /* 5xx; neither 2xx, 4xx nor 5xx */
	uint64_t failed;          /* sent, but the connection ended without an answer */
	uint64_t failed_connects; /* connections that could not be made */
	int64_t start_us, end_us; /* monotonic */
	bool gone;                /* ended early: no connection was accepted any more */
	struct simulate_histogram latency;

	bool checked; /* the fields below are filled */
	struct ledger_findings findings;
	struct buffer differences; /* the first SIMULATE_SHOWN_MAX, each ended by a line break */
	uint64_t difference_count;
};

/* Counts an answer to a request. Returns true for an acknowledged request, which the caller counts.
 */
bool simulate_report_answer(
    struct simulate_report *report, const struct simulate_item *item, unsigned status);

/* Stores a difference for the report; context is a struct simulate_report. */
void simulate_report_difference(void *context, struct slice line);

/* Print on stdout. If sending is false, nothing was to be sent, and those figures are omitted.
 * Returns false if the answer cannot be written. */
void simulate_report_print(const struct simulate_report *report, bool sending);
bool simulate_report_print_json(
    const struct simulate_report *report, const struct simulate_plan *plan, bool sending);

void simulate_report_done(struct simulate_report *report);
