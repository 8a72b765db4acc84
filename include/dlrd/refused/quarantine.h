/* quarantine: refused requests that may be genuine; the only door to quarantine.db.
 *
 * A request with one signature header that does not verify is answered 403 and stored here, raw,
 * until the operator fixes the configuration and re-verifies it, or until it is dropped. These
 * requests were never counted or acknowledged, so commits are not synced: a power cut may lose the
 * last seconds, but not the file. Bytes, entries, age and the rate of unproven requests are
 * bounded. A flood can displace only other entries of the quarantine.
 *
 * Identical requests are one entry with a count. Requests are identical if method, target, media
 * type, body, signature and signature settings are the same. The comparison uses SHA-256, so that
 * an untrusted client cannot make a request with the digest of a genuine one.
 *
 * If there is no room, unproven entries are evicted before proven ones. An entry is proven if the
 * diagnosis found the variant that one of the configured tokens signed, which an untrusted client
 * cannot forge. Proven entries are evicted only for newer proven ones, oldest first. A client that
 * has obtained a proven request can alter the parts that the diagnosis ignores, such as a parameter
 * at the end of the query, but not its signature. Therefore only QUARANTINE_SAME_SIGNATURE_MAX
 * entries with one signature count as proven.
 *
 * Unproven entries are grouped by account, route, cause, hour of arrival and whether a trusted
 * proxy forwarded them. The largest group shrinks first, so a flood displaces itself before other
 * routes and earlier hours. Each entry has a random eviction priority from its first arrival, and
 * the lowest is evicted first. All requests of a flooded hour thus have the same chance, whenever
 * they arrived, and repeating a request does not change its priority.
 *
 * Requests for a path or an account without a section are strays. They have a separate part, with
 * 1/QUARANTINE_STRAY_SHARE of the bounds and of the rate in addition, and displace only each other.
 * Untrusted clients can invent any number of paths and accounts, so strays are grouped by cause and
 * hour only.
 *
 * Age is measured by a separate clock. It follows the wall clock, but advances at most
 * QUARANTINE_STEP_US at a time and never goes back. If the wall clock jumps ahead by a year,
 * nothing expires; if it jumps back, entries still expire. Time without calls counts up to that
 * step only.
 *
 * One connection writes and checkpoints the file (journal.h has the reason). A handle that failed
 * is not used again: after RESULT_IO or RESULT_CORRUPT the next call reopens the file.
 *
 * Threads: quarantine_offer, quarantine_memory and quarantine_wake from any thread, without waiting
 * for the disk; the rest from one thread, the owner's. The module does not log. Times are
 * microseconds; now_us is wall time. */
#pragma once

#include "dlrd/refused/quarantine_values.h"

struct quarantine;

/* Opens the file, or creates it if it is missing, and verifies that it is writable. On failure
 * fills failure. Returns RESULT_CORRUPT for a damaged file and for another program's file, which is
 * not changed. */
must_check enum result quarantine_open(const struct quarantine_options *options,
    struct quarantine **out_quarantine, struct failure *failure);

/* --- for callers that refuse a request, any thread --- */

/* Queues a copy of the request for the owner to write, if there is room. */
enum quarantine_offer_result quarantine_offer(
    struct quarantine *quarantine, const struct quarantined *request);

/* Returns the bytes that offered requests use until they are written, including their examination.
 * Any thread. */
size_t quarantine_memory(const struct quarantine *quarantine);

/* Returns "taken", "full" or "too-large", for metrics. */
const char *quarantine_offer_result_name(enum quarantine_offer_result result);

/* --- for the owner --- */

/* Waits until a request is offered. If many are, waits a moment longer to collect more. Returns
 * after timeout_us at the latest, or when quarantine_wake is called or was called since the last
 * wait. */
void quarantine_wait(struct quarantine *quarantine, int64_t timeout_us);

/* Ends a wait, from any thread. */
void quarantine_wake(struct quarantine *quarantine);

/* Examines a request before it is written. Sets cause, whose bytes must stay valid until then,
 * proven and stray. Returns false if the request is not to be written. Called once for each
 * request. */
typedef bool (*quarantine_examine_fn)(void *context, struct quarantined *request);

/* Changes that a call made to the file. */
struct quarantine_changes {
	size_t fresh;    /* entries new in the file */
	size_t repeated; /* requests that raised the count of an entry */
	size_t passed;   /* unproven requests above the permitted rate, not written */
	size_t expired;  /* deleted entries older than keep_us */
	size_t evicted;  /* entries deleted for room, maybe some of the fresh ones */
};

/* Examines all queued requests (unless examine is NULL), writes them and enforces the bounds, in
 * one transaction. A repeated request does not change first_us and the stored request. cause and
 * proven become those of the latest diagnosis, but a proven entry stays proven. If nothing is
 * queued, does nothing. Call it a few times a second at most, so that requests collect in the
 * queue.
 *
 * On failure the requests stay queued, out_changes has only the number passed over, and the next
 * call tries again: RESULT_FULL (the disk, or the log because checkpoints do not complete),
 * RESULT_NO_MEMORY, RESULT_BUSY, RESULT_IO, RESULT_CORRUPT. */
must_check enum result quarantine_keep_offered(struct quarantine *quarantine, int64_t now_us,
    quarantine_examine_fn examine, void *context, struct quarantine_changes *out_changes);

/* Drops entries that are too old or beyond the bounds. Cheap if there is nothing to drop. Call it
 * at least once in QUARANTINE_STEP_US; entries do not age during a longer pause. */
must_check enum result quarantine_trim(
    struct quarantine *quarantine, int64_t now_us, struct quarantine_changes *out_changes);

/* Calls on_request with each request of a page. Returns the callback's result if it is not
 * RESULT_OK. */
must_check enum result quarantine_each(struct quarantine *quarantine,
    const struct quarantine_page *page, quarantined_fn on_request, void *context);

/* Drops requests, for instance because they are in the journal now, all or none. A power cut may
 * restore them. Unknown ids are ignored. Returns RESULT_FULL as quarantine_keep_offered does. */
must_check enum result quarantine_remove_all(
    struct quarantine *quarantine, const uint64_t *ids, size_t count, size_t *out_removed);

/* Checks whether another program changed the file or its log. If so, saves as much as possible and
 * returns RESULT_IO, with the reason in quarantine_error; the next call reopens the file. Costs a
 * few system calls. */
must_check enum result quarantine_look(struct quarantine *quarantine);

/* Copies the write-ahead log into the file if it is large enough. Call it after the calls that
 * write. Returns RESULT_IO if the sync failed; later calls then do nothing, as with
 * journal_checkpoint. */
must_check enum result quarantine_checkpoint(struct quarantine *quarantine);

/* Returns the size as of the last call that opened or wrote the file. */
struct quarantine_size quarantine_size(const struct quarantine *quarantine);

/* Returns the message of the last failure, borrowed until the next call. */
const char *quarantine_error(const struct quarantine *quarantine);

/* Queued requests are lost. No thread may call quarantine_offer any more. Accepts NULL. */
void quarantine_close(struct quarantine *quarantine);
