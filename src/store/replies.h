/* replies: the reply table, and the message that each reply answers (model/attribution.h).
 *
 * Inside the store only. An attribution is a function of the stored rows, so it is repeated when a
 * message that a reply may answer appears or changes. replies_note_each notes the replies of such
 * messages; replies_settle settles each of them once, at the end of a batch.
 *
 * The work is bounded. The REPLIES_SETTLED_MAX newest replies whose attribution may change are
 * settled, and for each of them the REPLIES_CANDIDATES_MAX nearest messages before and after it are
 * considered. One thread, one connection. */
#pragma once

#include "dlrd/engine/reply_table.h"

#define REPLIES_SETTLED_MAX 2048
#define REPLIES_CANDIDATES_MAX 64

struct replies;

/* table is borrowed. */
must_check enum result replies_open(struct reply_table *table, struct replies **out_replies);

/* Sets how long after a message a text counts as a reply to it, and how much later than the reply
 * the message may become known. */
void replies_set_window(struct replies *replies, int64_t window_us, int64_t late_us);

/* Adds a reply and notes it, unless the message is in the table already. */
must_check enum result replies_add(struct replies *replies, const struct reply *reply);

/* Completes a known reply with facts that it lacks (of two different tagsets or senders the one
 * that names.h prefers stays), and notes it. */
must_check enum result replies_complete(struct replies *replies, const struct reply *reply);

/* The reply arrived at time_us, earlier than was known. Notes it. */
must_check enum result replies_set_time(
    struct replies *replies, int64_t message_id, int64_t time_us);

/* Notes the replies that may answer the messages, or name their SID. */
must_check enum result replies_note_each(
    struct replies *replies, struct answerable **answerables, size_t count);

/* Notes the replies of that person, the REPLIES_SETTLED_MAX newest. */
must_check enum result replies_note_person(struct replies *replies, struct slice peer);

/* Notes every reply. */
must_check enum result replies_note_all(struct replies *replies);

/* Receives the attribution of each reply, whether it is the stored one, and the tagset to which the
 * reply belongs. */
typedef enum result (*reply_fn)(void *context, const struct reply_row *row,
    const struct attribution *attribution, bool right, int64_t tagset_id);

/* Settles each noted reply once, and drops the notes. With `correct`, a row that is not right is
 * corrected after on_judged returned RESULT_OK. */
must_check enum result replies_settle(
    struct replies *replies, bool correct, reply_fn on_judged, void *context);

/* Drops the notes, after the transaction was rolled back. */
void replies_forget(struct replies *replies);

void replies_close(struct replies *replies);
