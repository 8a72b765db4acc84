/* consents: the opt-out ledger: who must not be texted, by whom, since when, and how that is known.
 *
 * Inside the store only. Each piece of evidence is a row of the table consent, appended in the
 * order of arrival and never changed (but taken back where it was our reading of a text, and
 * Twilio's own word, OptOutType, comes later); the last one of a number and scope is its state,
 * which the table optout holds. The scope is the messaging service, or the sender where there is
 * none, as Twilio blocks (help article 223134027). A refusal (error 21610) that names neither has
 * its message's scope, and if that is not known either, the account: it is one from every sender of
 * the account. One thread, one connection. */
#ifndef DLRD_STORE_CONSENTS_H
#define DLRD_STORE_CONSENTS_H

#include "dlrd/model/event.h"
#include "sql.h"

struct consents;

must_check enum result consents_open(sqlite3 *db, struct consents **out_consents);

/* Appends what the event says of consent, which is not CONSENT_SILENT; an event that names no
 * person or none of our side says it of nobody. *out_changed is whether a state changed.
 */
must_check enum result consents_add(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_changed);

/* Whether the ledger has what the event says of consent under event_seq, for its person and scope;
 * true where it says it of nobody. */
must_check enum result consents_has(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_has);

/* Takes back what was read from an event, since Twilio itself says otherwise. */
must_check enum result consents_retract(struct consents *consents, int64_t event_seq);

/* Moves an event's evidence from one scope to another, since more is known now; its place in the
 * ledger stays. *out_moved is whether it had any. */
must_check enum result consents_move(struct consents *consents, int64_t event_seq,
    struct slice scope, struct slice to_scope, bool *out_moved);

/* Evidence on one number is on another from now on: it is the same person's. */
must_check enum result consents_rename(
    struct consents *consents, struct slice number, struct slice to_number);

/* Derives the table optout, and which evidence changed a state, anew from the evidence. */
must_check enum result consents_rebuild(struct consents *consents, uint64_t *out_mended);

/* The states that do not follow from the evidence, or are missing. */
must_check enum result consents_audit(sqlite3 *db, uint64_t *out_states, uint64_t *out_wrong);

void consents_close(struct consents *consents);

#endif
