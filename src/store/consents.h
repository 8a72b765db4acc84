/* consents: the opt-out ledger: which persons must not be texted, by which sender, since when, and
 * on which evidence.
 *
 * Inside the store only. Each piece of evidence is a row of the table consent. The latest evidence
 * of a number and scope, by the time at which its event arrived, is its state; of two pieces with
 * the same time an opt-out counts. The table optout holds the state, and the evidence since which
 * it holds. The order in which evidence is stored does not matter.
 *
 * Followers of the list read the rows of consent with changed = 1, in the order in which they were
 * stored. These rows are never removed and keep their numbers; the last one of a number and scope
 * has its state. Such a row is evidence that changed the state when it was stored, or a correction:
 * a row that names the state, since evidence was removed (it was our reading of a text, and
 * Twilio's own decision, OptOutType, arrived later), moved to another scope or number, or got
 * another time. A number without evidence is on the list no more; its correction says "in". Rows
 * with correction = 1 are no evidence.
 *
 * The scope is the messaging service, else the sender, as
 * Twilio blocks (help article 223134027). A refusal (error 21610) that names neither has its
 * message's scope. If that is not known either, its scope is the account: a refusal for every
 * sender of the account. One thread, one connection. */
#pragma once

#include "dlrd/engine/consent_table.h"

struct consents;

/* table is borrowed. */
must_check enum result consents_open(struct consent_table *table, struct consents **out_consents);

/* Adds the event's consent, which is not CONSENT_SILENT. Does nothing if the event names no
 * person, or no service or sender of ours. *out_changed is whether a state changed. */
must_check enum result consents_add(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_changed);

/* Whether the ledger has the event's consent under event_seq, for its person and scope. *out_has is
 * true if the event names no person or no scope. */
must_check enum result consents_has(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_has);

/* Removes the evidence read from an event, since another report of it counts. */
must_check enum result consents_retract(struct consents *consents, int64_t event_seq);

/* Moves an event's evidence from one scope to another that became known. *out_changed is whether a
 * state changed. */
must_check enum result consents_move(struct consents *consents, int64_t event_seq,
    struct slice scope, struct slice to_scope, bool *out_changed);

/* The event arrived at time_us, earlier than was known. */
must_check enum result consents_set_time(
    struct consents *consents, int64_t event_seq, int64_t time_us);

/* Moves the evidence of one number to another, which belongs to the same person. */
must_check enum result consents_rename(
    struct consents *consents, struct slice number, struct slice to_number);

/* Rebuilds the evidence that is missing and the table optout. *out_corrected is how many states and
 * pieces of evidence were wrong. */
must_check enum result consents_rebuild(struct consents *consents, uint64_t *out_corrected);

/* Accepts NULL. */
void consents_close(struct consents *consents);
