/* replies: the reply table, and which message each reply is taken to answer (model/attribution.h).
 *
 * Inside the store only. An attribution is a function of what is stored, so it must be made anew
 * when a message that a reply may answer appears or changes. replies_note collects the addresses of
 * such messages; replies_settle goes through their replies once, at the end of a batch. Bounded:
 * the REPLIES_SETTLED_MAX newest replies that a message may have won or lost are looked at, and for
 * each of them the REPLIES_CANDIDATES_MAX nearest messages before and after it. One thread, one
 * connection. */
#ifndef DLRD_STORE_REPLIES_H
#define DLRD_STORE_REPLIES_H

#include "dlrd/model/attribution.h"
#include "sql.h"

#define REPLIES_SETTLED_MAX 2048
#define REPLIES_CANDIDATES_MAX 64

struct replies;

struct reply {
	int64_t message_id;
	struct slice peer, sender, service;
	struct slice original; /* absent for none */
	int64_t tagset_id;     /* what its own URL said */
	int64_t time_us;
};

/* What the reply table says of it. */
struct reply_row {
	int64_t message_id;
	struct slice rule;           /* a name of attribution_rule_name */
	int64_t candidates, answers; /* answers: a message's id, 0 for none */
};

must_check enum result replies_open(sqlite3 *db, struct replies **out_replies);

/* How long after a message an answer is taken for one, and how much later than the reply the
 * message may become known. */
void replies_set_window(struct replies *replies, int64_t window_us, int64_t late_us);

/* Adds a reply, which is to be settled, unless the message is there already. */
must_check enum result replies_add(struct replies *replies, const struct reply *reply);

/* The same reply again: adds what the first one did not say (of two different tagsets or senders
 * the one that names.h prefers stays). It is to be settled anew. */
must_check enum result replies_complete(struct replies *replies, const struct reply *reply);

/* A message to peer whose earliest receipt is of first_us: the replies that may answer it are to be
 * settled. */
must_check enum result replies_note(struct replies *replies, struct slice peer, int64_t first_us);

/* Replies that name this SID as their original are to be settled. */
must_check enum result replies_note_original(struct replies *replies, struct slice sid);

/* The replies of that person are to be settled, the REPLIES_SETTLED_MAX newest. */
must_check enum result replies_note_person(struct replies *replies, struct slice peer);

/* Every reply is to be settled. */
must_check enum result replies_note_all(struct replies *replies);

/* Told what each reply is judged to answer, whether that is what its row says, and the tagset in
 * which it belongs. */
typedef enum result (*reply_fn)(void *context, const struct reply_row *row,
    const struct attribution *attribution, bool right, int64_t tagset_id);

/* Judges each noted reply once, and forgets them. A row that is not right is corrected, where
 * `correct` says so, after on_judged was told and gave RESULT_OK. */
must_check enum result replies_settle(
    struct replies *replies, bool correct, reply_fn on_judged, void *context);

/* Forgets what was noted: the transaction was rolled back. */
void replies_forget(struct replies *replies);

void replies_close(struct replies *replies);

#endif
