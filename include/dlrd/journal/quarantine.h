/* quarantine: refused requests that may be genuine all the same; the only door to quarantine.db.
 *
 * A request with one signature header that does not verify is answered 403 and waits here, raw,
 * until our own setting is mended and it is verified again, or until it is dropped. Nothing in here
 * was ever counted or promised to anybody, so a commit is not synced: a power cut may lose the last
 * seconds, never the file. Neither may it grow: bytes, entries, age and the rate of what nothing
 * proves genuine are bounded, and a flood can push out only what lies here.
 *
 * Identical requests are one entry with a count. Identical is: the same method, target, media type,
 * body, signature and signature settings, by SHA-256, since strangers must not find a second
 * request that hides behind a genuine one's digest.
 *
 * Who goes when there is no room: unproven entries before proven ones. Proven means that the
 * diagnosis found what one of our tokens did sign, which no stranger can make up: they go only
 * for newer proven ones, oldest first. A stranger who has got hold of one of them can alter what
 * the diagnosis looks past, a parameter at the end of the query say, but not its signature: beyond
 * QUARANTINE_SAME_SIGNATURE_MAX entries of one signature, others of it count as unproven. Unproven
 * entries are grouped by account, route, cause, hour of arrival and whether a trusted proxy passed
 * them on, and the largest group shrinks first: a flood takes room from itself before it takes any
 * from another route or from the hours before it began. Within a group each entry drew a lot when
 * it was first kept, and the lowest goes first: every request of a flooded hour stays with the same
 * chance, however early or late in it it came, and sending the same again draws no new lot.
 *
 * Requests for a path or an account without a section are strays. They have a part of their own,
 * with 1/QUARANTINE_STRAY_SHARE of the bounds and of the rate on top, and can push out only each
 * other: nothing limits the paths and accounts that untrusted clients make up, and for the same
 * reason they are one group for each cause and hour, whatever their path and account.
 *
 * Age is counted by a clock of its own, which follows the wall clock but takes at most
 * QUARANTINE_STEP_US at one time and never goes back: a wall clock that jumps by a year expires
 * nothing, and one that jumps back keeps nothing for ever. Time during which nobody calls counts up
 * to that step only.
 *
 * One connection writes and checkpoints the file (journal.h says why), and a handle that failed is
 * not used again: after RESULT_IO or RESULT_CORRUPT the next call opens the file anew.
 *
 * Threads: quarantine_offer from any thread, it waits for no disk; all that begins
 * quarantine_reader belongs to the thread that opened the reader; the rest to one thread, the
 * owner's. Nothing here logs. Times are microseconds; now_us is the wall clock's. */
#ifndef DLRD_JOURNAL_QUARANTINE_H
#define DLRD_JOURNAL_QUARANTINE_H

#include "dlrd/journal/quarantine_values.h"

struct quarantine;

/* Opens the file, creates it where it is missing, and proves that it can be written. failure says
 * what is wrong; RESULT_CORRUPT for a damaged file and for one that is not ours, which stays as it
 * is. */
must_check enum result quarantine_open(const struct quarantine_options *options,
    struct quarantine **out_quarantine, struct failure *failure);

/* --- for whoever refuses a request, any thread --- */

/* Copies the request for the owner to write, or not; says which. */
enum quarantine_fate quarantine_offer(
    struct quarantine *quarantine, const struct quarantined *request);

/* Bytes that offered requests take until they are written, and while they are examined. Any thread.
 */
size_t quarantine_memory(const struct quarantine *quarantine);

/* "taken", "full", "too-large": for metrics. */
const char *quarantine_fate_name(enum quarantine_fate fate);

/* --- for the owner --- */

/* Waits until something is offered, and where much is, a moment more for what comes with it; not
 * longer than timeout_us, and not when quarantine_wake was called since the last time. */
void quarantine_wait(struct quarantine *quarantine, int64_t timeout_us);

/* From any thread. */
void quarantine_wake(struct quarantine *quarantine);

/* Says what is known of a request before it is written: sets cause, whose bytes stay good until it
 * is, proven and stray; false where it is not to be written at all. Called once for each. */
typedef bool (*quarantine_examine_fn)(void *context, struct quarantined *request);

/* What a call did to the file. */
struct quarantine_changes {
	size_t fresh;    /* entries new in the file */
	size_t repeated; /* requests that raised the count of an entry */
	size_t passed;   /* unproven requests that were not written: more than the rate allows */
	size_t expired;  /* entries older than keep_us that went */
	size_t evicted;  /* entries that went for room; may be some of the fresh ones */
};

/* Has all that is queued examined (where that is not NULL) and writes it, in one transaction that
 * also keeps the bounds. A repeated request leaves first_us and what was sent as they are; cause
 * and proven become the latest diagnosis's, but what was proven once stays so. Where it fails, what
 * is to be written stays queued, the changes tell what was passed by and no more, and the next
 * call tries again: RESULT_FULL (the disk, or the log because
 * no checkpoint gets through), RESULT_NO_MEMORY, RESULT_BUSY, RESULT_IO, RESULT_CORRUPT. Nothing
 * queued is nothing to do. A few calls a second are plenty, the queue is meant to fill a little. */
must_check enum result quarantine_keep_offered(struct quarantine *quarantine, int64_t now_us,
    quarantine_examine_fn examine, void *context, struct quarantine_changes *out_changes);

/* Drops what is too old and what is beyond the bounds. Cheap where there is nothing; to be called
 * at least once in QUARANTINE_STEP_US, or age stands still meanwhile. */
must_check enum result quarantine_trim(
    struct quarantine *quarantine, int64_t now_us, struct quarantine_changes *out_changes);

/* Hands out a page. Gives the callback's result where that is not RESULT_OK. */
must_check enum result quarantine_each(struct quarantine *quarantine,
    const struct quarantine_page *page, quarantined_fn on_request, void *context);

/* Hands out one request. RESULT_NOT_FOUND. */
must_check enum result quarantine_get(
    struct quarantine *quarantine, uint64_t id, quarantined_fn on_request, void *context);

/* Drops one request, for instance because the journal has it now. RESULT_NOT_FOUND; RESULT_FULL as
 * quarantine_keep_offered. A power cut may bring it back. */
must_check enum result quarantine_remove(struct quarantine *quarantine, uint64_t id);

/* The same with several, all or none; those that are not there are passed over. */
must_check enum result quarantine_remove_all(
    struct quarantine *quarantine, const uint64_t *ids, size_t count, size_t *out_removed);

/* Whether another program changed the file or its log; what can be saved is saved then, and the
 * next call opens the file again. RESULT_IO, with quarantine_error, for a change. Costs a few
 * system calls. */
must_check enum result quarantine_look(struct quarantine *quarantine);

/* Copies the write-ahead log into the file, where it has grown enough; to be called after the calls
 * that write. RESULT_IO where that could not be synced: from then on the call does nothing, as
 * journal_checkpoint. */
must_check enum result quarantine_checkpoint(struct quarantine *quarantine);

/* As of the last call that opened or wrote the file. */
struct quarantine_size quarantine_size(const struct quarantine *quarantine);

/* What was wrong the last time something was. Borrowed until the next call. */
const char *quarantine_error(const struct quarantine *quarantine);

/* What is still queued is lost. Nobody may be offering. Accepts NULL. */
void quarantine_close(struct quarantine *quarantine);

#endif
