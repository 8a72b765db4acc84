#include "dlrd/refused/quarantine.h"

#include "dlrd/base/sqlite_recovery.h"
#include "dlrd/twilio/signature.h"
#include "quarantine_handle.h"
#include "quarantine_queue.h"
#include "quarantine_table.h"
#include "token_bucket.h"

#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_BYTES (1u * 1024 * 1024) /* log size: some milliseconds of copying */
#define READER_WAIT_MS 500                  /* for readers to close after the log was cut */
#define SAVE_US (60 * CLOCK_SECOND_US)      /* of age that a crash may undo */

struct quarantine {
	struct quarantine_queue queue;
	/* for the owner's thread only: */
	struct quarantine_options options;
	char *path;
	struct quarantine_handle handle;
	struct quarantine_table table;
	struct token_bucket unproven, stray;
	int64_t age_us;   /* the clock of the age */
	int64_t saved_us; /* its value in the file */
	int64_t seen_us;  /* the wall time that it last followed */
	struct sqlite_log log;
	bool log_cut; /* before the next open it must be recovered, with no other connection open */
	char error[512];
};

/* --- opening --- */

static int
read_state(struct quarantine *quarantine)
{
	sqlite3 *db = quarantine->handle.db;
	int64_t age_us = 0, seen_us = 0;
	int code = quarantine_table_open(&quarantine->table, db);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT age_us FROM clock", &age_us);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT seen_us FROM clock", &seen_us);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "UPDATE clock SET opened = opened + 1", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return code;

	quarantine->saved_us = age_us;
	/* After a failure the clock in memory may be ahead of the file. */
	if (age_us > quarantine->age_us)
		quarantine->age_us = age_us;
	if (quarantine->seen_us == 0)
		quarantine->seen_us = seen_us;

	return SQLITE_OK;
}

static void
close_handle(struct quarantine *quarantine)
{
	wal_file_close(&quarantine->log.file);
	quarantine_table_close(&quarantine->table);
	quarantine_handle_close(&quarantine->handle);
}

/* On failure closes the handle without a checkpoint, since the cause is unknown. */
static enum result
open_handle(struct quarantine *quarantine, struct failure *failure)
{
	struct quarantine_handle *handle = &quarantine->handle;
	int code = SQLITE_OK;
	enum result result = quarantine_handle_open(handle, quarantine->path, failure);
	if (result == RESULT_OK) {
		sqlite_log_follow(&quarantine->log, handle->db);
		code = read_state(quarantine);
	}
	if (code != SQLITE_OK)
		result = sqlite_fail(handle->db, quarantine->path, code, failure);
	if (result != RESULT_OK || quarantine->log.checkpoint_failed)
		sqlite_forbid_checkpoint_on_close(handle->db);
	if (result != RESULT_OK)
		close_handle(quarantine);
	else
		wal_file_open(&quarantine->log.file);

	return result;
}

enum result
quarantine_open(const struct quarantine_options *options, struct quarantine **out_quarantine,
    struct failure *failure)
{
	struct quarantine *quarantine = calloc(1, sizeof *quarantine);
	if (quarantine == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	quarantine->options = *options;
	const struct quarantine_rate *rate = &quarantine->options.unproven;
	const struct quarantine_rate stray = {rate->per_second / QUARANTINE_STRAY_SHARE + 1,
	    rate->burst / QUARANTINE_STRAY_SHARE + 1};
	quarantine->unproven = token_bucket_full(*rate);
	quarantine->stray = token_bucket_full(stray);
	quarantine->path = strdup(options->path);
	quarantine_queue_init(&quarantine->queue, &quarantine->options);
	enum result result = RESULT_OK;
	if (quarantine->path == NULL ||
	    sqlite_log_init(&quarantine->log, options->path, QUARANTINE_PAGE_SIZE) != RESULT_OK)
		result = failure_set(failure, RESULT_NO_MEMORY, "no memory");
	else if (!options->open_later)
		result = open_handle(quarantine, failure);
	if (result != RESULT_OK) {
		quarantine_close(quarantine);
		return result;
	}

	*out_quarantine = quarantine;
	return RESULT_OK;
}

/* Reopens the file if an earlier call had to close it. */
static enum result
ensure_open(struct quarantine *quarantine)
{
	struct failure failure;
	if (quarantine->handle.db != NULL)
		return RESULT_OK;

	enum result result = RESULT_OK;
	if (quarantine->log_cut)
		result = sqlite_recover_alone(quarantine->path, READER_WAIT_MS, &failure);
	quarantine->log_cut = quarantine->log_cut && result != RESULT_OK;
	if (result == RESULT_OK)
		result = open_handle(quarantine, &failure);
	if (result != RESULT_OK)
		memcpy(quarantine->error, failure.text, sizeof failure.text);
	return result;
}

/* Notes a failure. After a full disk or a lock the same handle works again later. After any other
 * failure the handle must not be used (a failed fsync is never retried). */
static enum result
note_error(struct quarantine *quarantine, int code)
{
	char text[256];
	enum result result = sqlite_result(code);
	if (result == RESULT_OK)
		return RESULT_OK;

	sqlite_describe(
	    quarantine->handle.db, sqlite3_system_errno(quarantine->handle.db), text, sizeof text);
	sqlite3_snprintf(
	    sizeof quarantine->error, quarantine->error, "%s: %s", quarantine->path, text);

	/* SQLite may have rolled back already. */
	if (sqlite3_get_autocommit(quarantine->handle.db) == 0)
		quarantine_table_run(&quarantine->table, QUARANTINE_ROLLBACK);
	if (result == RESULT_IO || result == RESULT_CORRUPT) {
		sqlite_forbid_checkpoint_on_close(quarantine->handle.db);
		close_handle(quarantine);
	}

	return result;
}

/* --- files that another program changed --- */

/* Closes the handle; the next call reopens the file. */
static enum result
leave(struct quarantine *quarantine, const char *why)
{
	sqlite3_snprintf(sizeof quarantine->error, quarantine->error,
	    "%s%s by another program; reopening it", quarantine->path, why);
	sqlite_forbid_checkpoint_on_close(quarantine->handle.db);
	close_handle(quarantine);
	return RESULT_IO;
}

enum result
quarantine_look(struct quarantine *quarantine)
{
	sqlite3 *db = quarantine->handle.db;
	if (db == NULL)
		return RESULT_OK;

	if (sqlite_has_moved(db))
		return leave(quarantine, " was moved or removed");
	switch (sqlite_log_look(&quarantine->log, true)) {
	case WAL_SOUND: return RESULT_OK;
	case WAL_REMOVED:
		/* Only this handle has the log. A busy reader ends soon. */
		if (sqlite_log_empty(&quarantine->log, db, SQLITE_BUSY_MS) != SQLITE_OK)
			return RESULT_OK;
		return leave(quarantine, "-wal was removed or replaced");
	case WAL_CUT:
		quarantine->log_cut = true;
		return leave(quarantine, "-wal was truncated or overwritten");
	}

	return RESULT_OK;
}

/* --- offering --- */

enum quarantine_offer_result
quarantine_offer(struct quarantine *quarantine, const struct quarantined *request)
{
	return quarantine_queue_offer(&quarantine->queue, request);
}

size_t
quarantine_memory(const struct quarantine *quarantine)
{
	return atomic_load(&quarantine->queue.memory);
}

const char *
quarantine_offer_result_name(enum quarantine_offer_result result)
{
	static const char *const names[QUARANTINE_OFFER_RESULT_COUNT] = {
	    [QUARANTINE_TAKEN] = "taken",
	    [QUARANTINE_FULL] = "full",
	    [QUARANTINE_TOO_LARGE] = "too-large",
	};
	return names[result];
}

/* --- examining --- */

void
quarantine_wait(struct quarantine *quarantine, int64_t timeout_us)
{
	quarantine_queue_wait(&quarantine->queue, timeout_us);
}

void
quarantine_wake(struct quarantine *quarantine)
{
	quarantine_queue_wake(&quarantine->queue);
}

static struct token_bucket *
bucket_of(struct quarantine *quarantine, const struct quarantined *request)
{
	return request->stray ? &quarantine->stray : &quarantine->unproven;
}

/* Examines the list, and removes the requests that are not to be written. */
static struct quarantine_item *
examine_list(struct quarantine *quarantine, struct quarantine_item *list,
    quarantine_examine_fn examine, void *context, size_t *out_passed)
{
	struct quarantine_item *left_out = NULL;
	for (struct quarantine_item **at = &list, *item; (item = *at) != NULL;) {
		bool wanted = true;
		if (!item->examined && examine != NULL) {
			quarantine_queue_examine(&quarantine->queue, item);
			wanted = examine(context, &item->request);
			quarantine_queue_examined(&quarantine->queue, item);
		}
		bool passed = wanted && !item->examined && !item->request.proven &&
			      !token_bucket_take(bucket_of(quarantine, &item->request));
		if (wanted && !passed) {
			item->examined = true;
			at = &item->next;
			continue;
		}
		*at = item->next;
		item->next = left_out;
		left_out = item;
		*out_passed += passed;
	}

	quarantine_queue_settle(&quarantine->queue, left_out);
	return list;
}

/* --- storing, inside a transaction --- */

/* A request that is proven genuine does not prove a hundred others with its signature. Beyond the
 * limit, others count as unproven, with the rate of those; sets *out_passed if that is used up. */
static int
doubt_many_of_one_signature(
    struct quarantine *quarantine, struct quarantined *request, bool *out_passed)
{
	int count;
	int code = quarantine_table_count_signature(
	    &quarantine->table, request->incoming.signature, QUARANTINE_SAME_SIGNATURE_MAX, &count);
	request->proven = count < QUARANTINE_SAME_SIGNATURE_MAX;
	*out_passed = !request->proven && !token_bucket_take(bucket_of(quarantine, request));
	return code;
}

static int
keep(struct quarantine *quarantine, struct quarantined *request, struct quarantine_changes *changes)
{
	const struct slice identity[] = {request->incoming.method, request->incoming.target,
	    request->incoming.media_type, request->incoming.body, request->incoming.signature,
	    request->incoming.settings};
	/* Without signature settings the digest is that of older versions, which had no settings.
	 */
	size_t pieces =
	    sizeof identity / sizeof identity[0] - (request->incoming.settings.ptr == NULL);
	uint8_t digest[SIGNATURE_FINGERPRINT_SIZE];
	signature_fingerprint(identity, pieces, digest);
	struct quarantine_found found;
	int code = quarantine_table_find(&quarantine->table, digest, &found);
	if (code != SQLITE_OK)
		return code;
	if (found.id != 0) {
		changes->repeated++;
		return quarantine_table_repeat(&quarantine->table, request, &found);
	}

	bool passed = false;
	if (request->proven)
		code = doubt_many_of_one_signature(quarantine, request, &passed);
	changes->passed += passed;
	if (code != SQLITE_OK || passed)
		return code;

	changes->fresh++;
	return quarantine_table_insert(&quarantine->table, request, digest, quarantine->age_us);
}

static uint64_t
entries_max(const struct quarantine *quarantine, bool stray)
{
	return quarantine->options.entries_max / (stray ? QUARANTINE_STRAY_SHARE : 1);
}

static uint64_t
bytes_max(const struct quarantine *quarantine, bool stray)
{
	return quarantine->options.bytes_max / (stray ? QUARANTINE_STRAY_SHARE : 1);
}

static bool
is_over(const struct quarantine *quarantine)
{
	for (int stray = 0; stray < 2; stray++)
		if (quarantine_table_is_over(&quarantine->table, stray,
			entries_max(quarantine, stray), bytes_max(quarantine, stray)))
			return true;
	return false;
}

static void
follow_clock(struct quarantine *quarantine, int64_t now_us)
{
	if (quarantine->seen_us == 0 && quarantine->handle.db == NULL)
		return; /* the file has the last wall time, and it is not open yet */
	if (now_us < 0)
		now_us = 0;
	int64_t step_us = now_us - quarantine->seen_us;
	if (step_us > QUARANTINE_STEP_US)
		step_us = QUARANTINE_STEP_US;
	if (step_us > 0)
		quarantine->age_us += step_us;
	quarantine->seen_us = now_us;
}

/* Stores the list and enforces the bounds, in one transaction. */
static enum result
write_list(struct quarantine *quarantine, struct quarantine_item *list,
    struct quarantine_changes *out_changes)
{
	struct quarantine_changes changes = {0};
	const struct quarantine_options *options = &quarantine->options;
	struct quarantine_table *table = &quarantine->table;
	struct quarantine_size before = table->size;
	int code = quarantine_table_run(table, QUARANTINE_BEGIN);
	for (struct quarantine_item *item = list; code == SQLITE_OK && item != NULL;
	     item = item->next)
		code = keep(quarantine, &item->request, &changes);
	if (code == SQLITE_OK)
		code = quarantine_table_expire(
		    table, quarantine->age_us - options->keep_us, &changes.expired);
	for (int stray = 0; stray < 2 && code == SQLITE_OK; stray++)
		code = quarantine_table_evict(table, stray, entries_max(quarantine, stray),
		    bytes_max(quarantine, stray), &changes.evicted);
	if (code == SQLITE_OK)
		code = quarantine_table_save_clock(table, quarantine->age_us, quarantine->seen_us);
	if (code == SQLITE_OK)
		code = quarantine_table_run(table, QUARANTINE_COMMIT);
	if (code != SQLITE_OK) {
		table->size = before;
		return note_error(quarantine, code);
	}

	quarantine->saved_us = quarantine->age_us;

	*out_changes = changes;
	return RESULT_OK;
}

/* --- the owner's calls --- */

enum result
quarantine_checkpoint(struct quarantine *quarantine)
{
	int in_log = 0, copied = 0;
	struct sqlite_log *log = &quarantine->log;
	if (log->checkpoint_failed || sqlite_log_bytes(log) < CHECKPOINT_BYTES)
		return RESULT_OK;

	enum result result = ensure_open(quarantine);
	if (result != RESULT_OK)
		return result;

	int code = sqlite_checkpoint(quarantine->handle.db, &in_log, &copied);
	if (code == SQLITE_BUSY)
		return RESULT_OK;

	/* After a complete copy the next write resets the log. */
	if (code == SQLITE_OK && in_log == copied)
		log->pages = 0;
	sqlite_log_note_checkpoint(log, quarantine->handle.db, code);

	return note_error(quarantine, code);
}

/* A log that cannot be copied into the file grows with each write, so it has a bound, too. */
static enum result
check_log(struct quarantine *quarantine)
{
	const uint64_t most = quarantine->options.bytes_max + CHECKPOINT_BYTES;
	if (sqlite_log_bytes(&quarantine->log) <= most)
		return RESULT_OK;
	enum result result = quarantine_checkpoint(quarantine);
	if (result != RESULT_OK || sqlite_log_bytes(&quarantine->log) <= most)
		return result;
	sqlite3_snprintf(sizeof quarantine->error, quarantine->error,
	    "%s-wal: at its size limit, because checkpoints do not complete", quarantine->path);
	return RESULT_FULL;
}

enum result
quarantine_keep_offered(struct quarantine *quarantine, int64_t now_us,
    quarantine_examine_fn examine, void *context, struct quarantine_changes *out_changes)
{
	struct quarantine_changes changes = {0};
	size_t passed = 0;
	struct quarantine_item *list = examine_list(
	    quarantine, quarantine_queue_take(&quarantine->queue), examine, context, &passed);
	*out_changes = (struct quarantine_changes){.passed = passed};
	if (list == NULL)
		return RESULT_OK;

	enum result result = ensure_open(quarantine);
	follow_clock(quarantine, now_us);
	if (result == RESULT_OK)
		result = check_log(quarantine);
	if (result == RESULT_OK)
		result = write_list(quarantine, list, &changes);
	if (result != RESULT_OK) {
		quarantine_queue_put_back(&quarantine->queue, list);
		return result;
	}

	quarantine_queue_settle(&quarantine->queue, list);
	changes.passed += passed;

	*out_changes = changes;
	return RESULT_OK;
}

/* Sets *out_due to whether trimming would change anything. */
static int
is_due(struct quarantine *quarantine, bool *out_due)
{
	int64_t oldest_us;
	int code = quarantine_table_oldest(&quarantine->table, &oldest_us);
	*out_due = oldest_us < quarantine->age_us - quarantine->options.keep_us ||
		   is_over(quarantine) ||
		   (quarantine->table.size.entries > 0 &&
		       quarantine->age_us - quarantine->saved_us >= SAVE_US);
	return code;
}

enum result
quarantine_trim(
    struct quarantine *quarantine, int64_t now_us, struct quarantine_changes *out_changes)
{
	bool due = false;
	enum result result = ensure_open(quarantine);
	follow_clock(quarantine, now_us);
	if (result == RESULT_OK)
		result = note_error(quarantine, is_due(quarantine, &due));
	if (result != RESULT_OK)
		return result;
	if (due)
		return write_list(quarantine, NULL, out_changes);

	*out_changes = (struct quarantine_changes){0};
	return RESULT_OK;
}

enum result
quarantine_each(struct quarantine *quarantine, const struct quarantine_page *page,
    quarantined_fn on_request, void *context)
{
	int code = SQLITE_OK;
	enum result result = ensure_open(quarantine);
	if (result == RESULT_OK)
		result =
		    quarantine_handle_each(&quarantine->handle, page, on_request, context, &code);
	return result != RESULT_OK ? result : note_error(quarantine, code);
}

/* Uses one transaction, since each would rewrite pages of all indexes. */
enum result
quarantine_remove_all(
    struct quarantine *quarantine, const uint64_t *ids, size_t count, size_t *out_removed)
{
	struct quarantine_table *table = &quarantine->table;
	*out_removed = 0;
	enum result result = ensure_open(quarantine);
	if (result == RESULT_OK)
		result = check_log(quarantine);
	if (result != RESULT_OK)
		return result;

	struct quarantine_size before = table->size;
	size_t removed = 0;
	int code = quarantine_table_run(table, QUARANTINE_BEGIN);
	for (size_t i = 0; code == SQLITE_OK && i < count; i++)
		code = quarantine_table_remove(table, ids[i], &removed);
	if (code == SQLITE_OK)
		code = quarantine_table_run(table, QUARANTINE_COMMIT);
	if (code != SQLITE_OK) {
		table->size = before;
		return note_error(quarantine, code);
	}

	*out_removed = removed;
	return RESULT_OK;
}

struct quarantine_size
quarantine_size(const struct quarantine *quarantine)
{
	struct quarantine_size size = quarantine->table.size;
	size.log_bytes = sqlite_log_bytes(&quarantine->log);
	return size;
}

const char *
quarantine_error(const struct quarantine *quarantine)
{
	return quarantine->error;
}

void
quarantine_close(struct quarantine *quarantine)
{
	if (quarantine == NULL)
		return;
	close_handle(quarantine);
	quarantine_queue_done(&quarantine->queue);
	sqlite_log_done(&quarantine->log);
	free(quarantine->path);
	free(quarantine);
}
