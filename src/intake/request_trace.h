/* request_trace: one line of the level debug for each callback: what it was, what was decided, and
 * how long that took.
 *
 * A request has a trace only while the level is debug; without it each place that would note
 * something tests one pointer. Texts of an untrusted client are noted only if they have the form of
 * a SID or of a number, of which four digits are left: no body, secret or telephone number enters
 * the log. The loop's thread only. */
#pragma once

#include "dlrd/request/admission.h"

#define TRACE_SID_SIZE 35
#define TRACE_NUMBER_SIZE 24

struct request_trace {
	/* Monotonic; 0: it did not come to that. */
	int64_t begun_us;                  /* its first line was read */
	int64_t deciding_us, decided_us;   /* admission */
	int64_t submitted_us, finished_us; /* the wait for the commit */
	uint64_t number;                   /* of the journal's entry; 0: none */
	const char *route;                 /* NULL: no section has its path; borrowed */
	const char *cause;                 /* why it was refused; NULL: it was not; static */
	const char *fate;                  /* of the offer to the quarantine; NULL: none; static */
	char account[TRACE_SID_SIZE], message[TRACE_SID_SIZE]; /* empty: none */
	char from[TRACE_NUMBER_SIZE], to[TRACE_NUMBER_SIZE];
};

/* Returns a trace if the level is debug; else NULL, also if memory is short. */
struct request_trace *request_trace_begin(void);

/* Notes what admission read and decided. */
void request_trace_note(struct request_trace *trace, const struct admission *admission,
    const struct incoming *incoming, const struct admission_decision *decision);

/* Logs the line, and frees the trace. body_len: of the body that was read. */
void request_trace_end(
    struct request_trace *trace, const struct incoming *incoming, size_t body_len, unsigned status);

/* Writes a telephone number with all but its last four digits masked, "..0009", after its channel
 * if it has one; an empty text for anything else. Returns out_text. */
const char *request_trace_mask(struct slice number, char out_text[TRACE_NUMBER_SIZE]);
