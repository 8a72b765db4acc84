/* consent_table: the ledger of consents, and the list of states that follow from it.
 *
 * A row of the ledger is evidence, or a correction that followers read (store/consents.h). The
 * engine knows the order of evidence: by time; of two pieces with the same time an opt-out is the
 * later one. One thread, inside a transaction. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/model/event.h"

struct consent_table;

/* A piece of evidence on a number and scope. */
struct evidence {
	struct slice number, scope, cause;
	enum consent state;
	int64_t event_seq, time_us; /* of the event that states it */
	int64_t seq;                /* its row; 0: none */
};

/* The state on the list; CONSENT_SILENT: it is not there. */
must_check enum result consent_table_listed(
    struct consent_table *table, struct slice number, struct slice scope, enum consent *out_state);

/* Sets the state on the list, and the evidence since which it holds. CONSENT_SILENT removes it. */
must_check enum result consent_table_list(struct consent_table *table, struct slice number,
    struct slice scope, enum consent state, int64_t seq);

/* The state that the latest evidence states, and the first piece since which all do.
 * CONSENT_SILENT: there is no evidence. */
must_check enum result consent_table_last_run(struct consent_table *table, struct slice number,
    struct slice scope, enum consent *out_state, int64_t *out_seq);

/* The time of the latest evidence; INT64_MIN without evidence. */
must_check enum result consent_table_newest(
    struct consent_table *table, struct slice number, struct slice scope, int64_t *out_time_us);

must_check enum result consent_table_has(struct consent_table *table, struct slice number,
    struct slice scope, int64_t event_seq, bool *out_has);

/* Adds evidence, which is not announced. */
must_check enum result consent_table_add(
    struct consent_table *table, const struct evidence *evidence, int64_t *out_seq);

/* The state that followers read last; CONSENT_SILENT: none. */
must_check enum result consent_table_announced(
    struct consent_table *table, struct slice number, struct slice scope, enum consent *out_state);

/* Lets followers read the evidence. */
must_check enum result consent_table_announce(struct consent_table *table, int64_t seq);

/* Adds a correction that tells followers the state of the evidence's number and scope. */
must_check enum result consent_table_correct(
    struct consent_table *table, const struct evidence *evidence, enum consent state);

/* Reads the event's first evidence after the row after_seq, in that scope or (absent) any. Texts
 * are copied to the arena. */
must_check enum result consent_table_of_event(struct consent_table *table, int64_t event_seq,
    struct slice scope, int64_t after_seq, struct arena *arena, struct evidence *out_evidence);

/* Reads the next scope of a number that has evidence, with its latest event; absent at the end. */
must_check enum result consent_table_next_scope(struct consent_table *table, struct slice number,
    struct slice after_scope, struct arena *arena, struct evidence *out_evidence);

/* Removes a piece of evidence. If followers read its row, it stays and is no evidence any more. */
must_check enum result consent_table_withdraw(struct consent_table *table, int64_t seq);

must_check enum result consent_table_set_time(
    struct consent_table *table, int64_t seq, int64_t time_us);

/* Moves all evidence of a number to another one, and takes the number off the list. Evidence that
 * an event states for both counts once. */
must_check enum result consent_table_rename(
    struct consent_table *table, struct slice number, struct slice to_number, bool *out_changed);

/* Reads the evidence that an event states and the ledger lacks, of the next event after
 * after_event_seq. */
must_check enum result consent_table_next_unrecorded(struct consent_table *table,
    int64_t after_event_seq, struct arena *arena, struct evidence *out_evidence);

/* Corrects evidence that does not say what its event says, and what followers read; derives the
 * list again. */
must_check enum result consent_table_correct_all(struct consent_table *table);

/* Counts the states of the list, and all rows that are wrong or missing. */
must_check enum result consent_table_audit(
    struct consent_table *table, uint64_t *out_states, uint64_t *out_wrong);
