/* consents_reader: questions to the opt-out ledger: which numbers must not be texted, since when,
 * and why.
 *
 * Part of reader.h, which describes all questions. Numbers are looked up as the ledger stores them
 * (address_of_person in twilio/address.h). */
#ifndef DLRD_STORE_CONSENTS_READER_H
#define DLRD_STORE_CONSENTS_READER_H

#include "dlrd/model/event.h"

struct store_reader;

/* A row of the ledger for one number and scope: a state since a change, or a piece of evidence. */
struct consent_row {
	int64_t seq; /* of the evidence */
	struct slice number, scope, state, cause;
	int64_t time_us;
	bool changed; /* it changed the state */
	struct slice message, workspace, campaign, body;
	int64_t event_seq;
};

struct optout_filter {
	struct slice number, scope, state; /* absent: any */
	int64_t at_us;                     /* as it was then; 0: now */
	int64_t from_us, to_us; /* since a time in from..to; 0: any. Ignored if number is set */
	int64_t after_seq;
	size_t limit; /* 0 for all */
};

typedef void (*consent_fn)(void *context, const struct consent_row *row);

/* The state of each number and scope, the least recently changed first. */
must_check enum result store_read_optouts(struct store_reader *reader,
    const struct optout_filter *filter, consent_fn on_row, void *context);

/* Reads the states of the numbers that end in these digits, by number and scope. Of the filter only
 * at_us and limit apply. digits are OPTOUT_ENDING_MIN or more. */
#define OPTOUT_ENDING_MIN 7
must_check enum result store_read_optouts_ending(struct store_reader *reader, struct slice digits,
    const struct optout_filter *filter, consent_fn on_row, void *context);

/* All evidence on one number up to at_us (0: now), oldest first. */
must_check enum result store_read_evidence(struct store_reader *reader, struct slice number,
    int64_t at_us, consent_fn on_row, void *context);

#endif
