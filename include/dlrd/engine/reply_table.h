/* reply_table: the table of replies, and the messages that a reply may answer.
 *
 * The engine knows no meaning: it reads and writes rows. One thread, inside a transaction. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/model/attribution.h"

struct reply_table;

struct reply {
	int64_t message_id;
	struct slice peer, sender, service;
	struct slice original; /* absent for none */
	int64_t tagset_id;     /* what its own URL said */
	int64_t time_us;
};

/* A row of the table. */
struct reply_row {
	struct reply reply;
	bool tagged;                 /* its own URL named a campaign */
	struct slice rule;           /* a name of attribution_rule_name */
	int64_t candidates, answers; /* answers: a message's id, 0 for none */
};

/* A message whose replies may be attributed otherwise: those that name its SID as their original,
 * and those of a person that may answer a message whose earliest receipt is of first_us. Either may
 * be absent. */
struct answerable {
	struct slice sid, peer;
	int64_t first_us;
	int64_t number; /* set by reply_table_answered */
};

/* Adds a reply without attribution, unless it is in the table. */
must_check enum result reply_table_add(struct reply_table *table, const struct reply *reply);

/* Completes a known reply with facts that it lacks. Of two different tagsets or senders the one
 * that names.h prefers stays, of two times the earlier one. */
must_check enum result reply_table_complete(struct reply_table *table, const struct reply *reply);

/* The reply arrived at time_us, if that is earlier than was known. */
must_check enum result reply_table_set_time(
    struct reply_table *table, int64_t message_id, int64_t time_us);

/* Receives the message of a reply. */
typedef enum result (*reply_id_fn)(void *context, int64_t message_id);

must_check enum result reply_table_all(struct reply_table *table, reply_id_fn on_id, void *context);

/* The newest replies of a person in that time, at most `limit`. */
must_check enum result reply_table_of_peer(struct reply_table *table, struct slice peer,
    int64_t from_us, int64_t to_us, size_t limit, reply_id_fn on_id, void *context);

/* Replies that name the SID as their original. */
must_check enum result reply_table_of_original(
    struct reply_table *table, struct slice sid, size_t limit, reply_id_fn on_id, void *context);

typedef enum result (*answered_fn)(void *context, const struct answerable *answerable);

/* Calls on_peer for each of the messages whose person has a reply from before_us before the
 * message's first_us until after_us after it, and on_sid for each that a reply names. */
must_check enum result reply_table_answered(struct reply_table *table,
    struct answerable **answerables, size_t count, int64_t before_us, int64_t after_us,
    answered_fn on_peer, answered_fn on_sid, void *context);

/* Reads a reply, whose texts are copied to the arena; message_id is 0 if it is not in the table. */
must_check enum result reply_table_read(
    struct reply_table *table, int64_t message_id, struct arena *arena, struct reply_row *out_row);

/* Reads messages that the reply may answer: to its person, from its sender or service, with
 * first_us from from_us to to_us. before: messages known before the reply, the latest first; a
 * scheduled one only if it had left by then. Otherwise messages that became known after the reply
 * and had left before it, the earliest first. Only the first `limit` messages to the person are
 * considered. */
must_check enum result reply_table_candidates(struct reply_table *table, const struct reply *reply,
    bool before, int64_t from_us, int64_t to_us, size_t limit, struct candidate *candidates,
    size_t *out_count);

/* Reads the outbound message of a SID, and its tagset; 0 if it is not in the table. */
must_check enum result reply_table_original(
    struct reply_table *table, struct slice sid, int64_t *out_message_id, int64_t *out_tagset_id);

/* Writes by which rule a reply was attributed, among how many campaigns, and which message it
 * answers (0: none). */
must_check enum result reply_table_attribute(struct reply_table *table, int64_t message_id,
    struct slice rule, int64_t candidates, int64_t answers);
