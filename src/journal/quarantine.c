#include "dlrd/journal/quarantine.h"

#include "dlrd/journal/quarantine_handle.h"
#include "dlrd/journal/quarantine_queue.h"
#include "dlrd/twilio/signature.h"

#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_BYTES (1u * 1024 * 1024) /* log size: some milliseconds of copying */
#define SAVE_US (60 * CLOCK_SECOND_US)      /* of age that a crash may take back */
/* What a row takes besides the request: its columns, and its place in five indexes. A request that
 * does not fit into a page has its last one to itself. */
#define ROW_BYTES 512
/* When there are too many, one in 64 more goes, so that a flood does not have the file sorted at
 * each step. */
#define SLACK 64

#define TOKEN INT64_C(1000000)

/* The unproven entries that go for ?1 of weight, which is 1 for entries or size for bytes. level is
 * how far up in its group an entry stands: who stands highest goes first, whatever its group, so
 * the largest groups shrink to the same height. */
#define EVICT_UNPROVEN(weight)                                                                   \
	"DELETE FROM request WHERE id IN (SELECT id FROM (SELECT id, sum(w) OVER"                \
	" (ORDER BY level DESC, draw ROWS UNBOUNDED PRECEDING) - w AS before FROM"               \
	" (SELECT id, draw, " weight " AS w, sum(" weight ") OVER (PARTITION BY account, route," \
	" cause, from_trusted_proxy, aged_us / 3600000000 ORDER BY draw DESC ROWS UNBOUNDED "    \
	"PRECEDING) AS level"                                                                    \
	" FROM request WHERE proven = 0)) WHERE before < ?1) RETURNING size, proven"

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	FIND,
	COUNT_SIGNATURE,
	INSERT,
	REPEAT,
	REMOVE,
	OLDEST,
	EXPIRE,
	EVICT_UNPROVEN_ENTRIES,
	EVICT_UNPROVEN_BYTES,
	EVICT_PROVEN,
	SAVE_CLOCK,
	STATEMENT_COUNT,
};

static const char *const statement_texts[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [FIND] = "SELECT id, proven FROM request WHERE digest = ?1",
    [COUNT_SIGNATURE] = "SELECT count(*) FROM (SELECT 1 FROM request WHERE signature = ?1"
			" LIMIT ?2)",
    [INSERT] =
	"INSERT INTO request(digest, first_us, last_us, count, proven, from_trusted_proxy, aged_us,"
	" draw, size, method, route, account, cause, signature, host, forwarded_proto,"
	" forwarded_host, original_uri, media_type, target, body) VALUES(?1, ?2, ?2, 1, ?3, ?4, ?5,"
	" random(), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    [REPEAT] = "UPDATE request SET count = count + 1, last_us = max(last_us, ?2),"
	       " cause = iif(?3 >= proven, ?4, cause), proven = max(proven, ?3) WHERE id = ?1",
    [REMOVE] = "DELETE FROM request WHERE id = ?1 RETURNING size, proven",
    [OLDEST] = "SELECT min(aged_us) FROM request",
    [EXPIRE] = "DELETE FROM request WHERE aged_us < ?1 RETURNING size, proven",
    [EVICT_UNPROVEN_ENTRIES] = EVICT_UNPROVEN("1"),
    [EVICT_UNPROVEN_BYTES] = EVICT_UNPROVEN("size"),
    /* The oldest one; by id, since the clock may have jumped. */
    [EVICT_PROVEN] = "DELETE FROM request WHERE id ="
		     " (SELECT id FROM request WHERE proven = 1 ORDER BY id LIMIT 1)"
		     " RETURNING size, proven",
    [SAVE_CLOCK] = "UPDATE clock SET age_us = ?1, seen_us = ?2",
};

/* A token bucket in millionths of a token, on the monotonic clock. */
struct bucket {
	struct quarantine_rate rate;
	int64_t tokens, seen_us;
};

struct quarantine {
	struct quarantine_queue queue;
	/* the owner's: */
	struct quarantine_options options; /* without zeros */
	char *path;
	struct quarantine_handle handle;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	struct bucket unproven;
	struct quarantine_size size; /* without the log */
	int wal_pages;               /* in the log, as of the last commit */
	int64_t age_us;              /* the clock that age is counted by, */
	int64_t saved_us;            /* what the file knows of it, */
	int64_t seen_us;             /* and the wall clock that it followed last */
	bool checkpoint_failed;      /* none may be tried again */
	char error[512];
};

/* --- opening --- */

static int
note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((struct quarantine *)context)->wal_pages = pages;
	return SQLITE_OK;
}

static int
read_state(struct quarantine *quarantine)
{
	sqlite3 *db = quarantine->handle.db;
	int64_t entries = 0, proven = 0, bytes = 0, age_us = 0, seen_us = 0;
	int code = database_number(db, "SELECT count(*) FROM request", &entries);
	if (code == SQLITE_OK)
		code =
		    database_number(db, "SELECT count(*) FROM request WHERE proven = 1", &proven);
	if (code == SQLITE_OK)
		code = database_number(db, "SELECT coalesce(sum(size), 0) FROM request", &bytes);
	if (code == SQLITE_OK)
		code = database_number(db, "SELECT age_us FROM clock", &age_us);
	if (code == SQLITE_OK)
		code = database_number(db, "SELECT seen_us FROM clock", &seen_us);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "UPDATE clock SET opened = opened + 1", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return code;
	quarantine->size = (struct quarantine_size){
	    .entries = (uint64_t)entries, .proven = (uint64_t)proven, .bytes = (uint64_t)bytes};
	quarantine->saved_us = age_us;
	/* After a failure the clock in memory knows better. */
	if (age_us > quarantine->age_us)
		quarantine->age_us = age_us;
	if (quarantine->seen_us == 0)
		quarantine->seen_us = seen_us;
	return SQLITE_OK;
}

static int
prepare_all(struct quarantine *quarantine)
{
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < STATEMENT_COUNT; i++)
		code = database_prepare(
		    quarantine->handle.db, statement_texts[i], &quarantine->statements[i]);
	return code;
}

static void
close_handle(struct quarantine *quarantine)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(quarantine->statements[i]);
		quarantine->statements[i] = NULL;
	}
	quarantine_handle_close(&quarantine->handle);
}

/* Closes what it could not open, without a checkpoint: nobody knows what failed. */
static enum result
open_handle(struct quarantine *quarantine, struct failure *failure)
{
	struct quarantine_handle *handle = &quarantine->handle;
	int code = SQLITE_OK;
	enum result result = quarantine_handle_open(handle, quarantine->path, failure);
	if (result == RESULT_OK) {
		/* After PRAGMA wal_autocheckpoint, which has a hook of its own. */
		sqlite3_wal_hook(handle->db, note_wal_pages, quarantine);
		code = prepare_all(quarantine);
	}
	if (result == RESULT_OK && code == SQLITE_OK)
		code = read_state(quarantine);
	if (code != SQLITE_OK)
		result = failure_set(failure, database_result(code), "%s: %s", quarantine->path,
		    sqlite3_errmsg(handle->db));
	if (result != RESULT_OK || quarantine->checkpoint_failed)
		quarantine_handle_forbid_checkpoint(handle);
	if (result != RESULT_OK)
		close_handle(quarantine);
	return result;
}

static struct quarantine_options
with_defaults(const struct quarantine_options *options)
{
	struct quarantine_options full = *options;
	if (full.bytes_max == 0)
		full.bytes_max = UINT64_C(64) * 1024 * 1024;
	if (full.entries_max == 0)
		full.entries_max = full.bytes_max / 1024;
	if (full.keep_us == 0)
		full.keep_us = 7 * CLOCK_DAY_US;
	if (full.request_max == 0)
		full.request_max = (size_t)512 * 1024;
	if (full.queue_entries_max == 0)
		full.queue_entries_max = 8192;
	if (full.queue_bytes_max == 0)
		full.queue_bytes_max = (size_t)16 * 1024 * 1024;
	if (full.unproven.per_second == 0)
		full.unproven.per_second = 100;
	if (full.unproven.burst == 0)
		full.unproven.burst = 5000;
	return full;
}

enum result
quarantine_open(const struct quarantine_options *options, struct quarantine **out_quarantine,
    struct failure *failure)
{
	struct quarantine *quarantine = calloc(1, sizeof *quarantine);
	if (quarantine == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	quarantine->options = with_defaults(options);
	quarantine->unproven = (struct bucket){
	    quarantine->options.unproven, quarantine->options.unproven.burst * TOKEN, 0};
	quarantine->path = strdup(options->path);
	quarantine_queue_init(&quarantine->queue, &quarantine->options);
	enum result result = RESULT_OK;
	if (quarantine->path == NULL)
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

/* Opens the file where the last call had to drop it. */
static enum result
ensure_open(struct quarantine *quarantine)
{
	struct failure failure;
	if (quarantine->handle.db != NULL)
		return RESULT_OK;
	enum result result = open_handle(quarantine, &failure);
	if (result != RESULT_OK)
		memcpy(quarantine->error, failure.text, sizeof failure.text);
	return result;
}

/* Notes what is wrong. A full disk or a lock mends itself on the same handle; after anything else
 * the handle may not be trusted (a failed fsync is never tried again). */
static enum result
note_error(struct quarantine *quarantine, int code)
{
	enum result result = database_result(code);
	if (result == RESULT_OK)
		return RESULT_OK;
	sqlite3_snprintf(sizeof quarantine->error, quarantine->error, "%s: %s", quarantine->path,
	    sqlite3_errmsg(quarantine->handle.db));
	/* It may or may not be rolled back already. */
	if (sqlite3_get_autocommit(quarantine->handle.db) == 0)
		database_run(quarantine->statements[ROLLBACK]);
	if (result == RESULT_IO || result == RESULT_CORRUPT) {
		quarantine_handle_forbid_checkpoint(&quarantine->handle);
		close_handle(quarantine);
	}
	return result;
}

/* --- offering --- */

enum quarantine_fate
quarantine_offer(struct quarantine *quarantine, const struct quarantined *request)
{
	return quarantine_queue_offer(&quarantine->queue, request);
}

const char *
quarantine_fate_name(enum quarantine_fate fate)
{
	static const char *const names[QUARANTINE_FATE_COUNT] = {
	    [QUARANTINE_TAKEN] = "taken",
	    [QUARANTINE_FULL] = "full",
	    [QUARANTINE_TOO_LARGE] = "too-large",
	};
	return names[fate];
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

static bool
take_token(struct bucket *bucket)
{
	int64_t now_us = clock_monotonic_us(), most = bucket->rate.burst * TOKEN;
	int64_t filling_us = most / bucket->rate.per_second + 1; /* longer adds nothing */
	int64_t passed_us = now_us - bucket->seen_us;
	if (passed_us > filling_us)
		passed_us = filling_us;
	bucket->tokens += passed_us * bucket->rate.per_second;
	bucket->seen_us = now_us;
	if (bucket->tokens > most)
		bucket->tokens = most;
	if (bucket->tokens < TOKEN)
		return false;
	bucket->tokens -= TOKEN;
	return true;
}

/* Takes those out of the list that are not to be written. */
static struct quarantine_item *
examine_list(struct quarantine *quarantine, struct quarantine_item *list,
    quarantine_examine_fn examine, void *context, size_t *out_passed)
{
	struct quarantine_item *passed = NULL;
	for (struct quarantine_item **at = &list, *item; (item = *at) != NULL;) {
		if (!item->examined && examine != NULL)
			examine(context, &item->request);
		if (item->examined || item->request.proven || take_token(&quarantine->unproven)) {
			item->examined = true;
			at = &item->next;
			continue;
		}
		*at = item->next;
		item->next = passed;
		passed = item;
		++*out_passed;
	}
	quarantine_queue_settle(&quarantine->queue, passed);
	return list;
}

/* --- keeping, inside a transaction --- */

static uint64_t
size_on_disk(const struct quarantined *request)
{
	uint64_t len = request->method.len + request->target.len + request->route.len +
		       request->media_type.len + request->body.len + request->account.len +
		       request->signature.len + request->host.len + request->forwarded_proto.len +
		       request->forwarded_host.len + request->original_uri.len +
		       request->cause.len + ROW_BYTES;
	return len > QUARANTINE_PAGE_SIZE ? len + QUARANTINE_PAGE_SIZE : len;
}

static int
insert(struct quarantine *quarantine, const struct quarantined *request, const uint8_t *digest)
{
	sqlite3_stmt *row = quarantine->statements[INSERT];
	uint64_t size = size_on_disk(request);
	sqlite3_bind_blob(row, 1, digest, SIGNATURE_FINGERPRINT_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(row, 2, request->first_us);
	sqlite3_bind_int(row, 3, request->proven);
	sqlite3_bind_int(row, 4, request->from_trusted_proxy);
	sqlite3_bind_int64(row, 5, quarantine->age_us);
	sqlite3_bind_int64(row, 6, (sqlite3_int64)size);
	database_bind_text(row, 7, request->method);
	database_bind_text(row, 8, request->route);
	database_bind_text(row, 9, request->account);
	database_bind_text(row, 10, request->cause);
	database_bind_text(row, 11, request->signature);
	database_bind_text(row, 12, request->host);
	database_bind_text(row, 13, request->forwarded_proto);
	database_bind_text(row, 14, request->forwarded_host);
	database_bind_bytes(row, 15, request->original_uri);
	database_bind_text(row, 16, request->media_type);
	database_bind_bytes(row, 17, request->target);
	database_bind_bytes(row, 18, request->body);
	int code = database_run(row);
	if (code == SQLITE_OK) {
		quarantine->size.entries++;
		quarantine->size.proven += request->proven;
		quarantine->size.bytes += size;
	}
	return code;
}

static int
repeat(struct quarantine *quarantine, const struct quarantined *request, sqlite3_int64 id,
    bool was_proven)
{
	sqlite3_stmt *row = quarantine->statements[REPEAT];
	sqlite3_bind_int64(row, 1, id);
	sqlite3_bind_int64(row, 2, request->first_us);
	sqlite3_bind_int(row, 3, request->proven);
	database_bind_text(row, 4, request->cause);
	int code = database_run(row);
	if (code == SQLITE_OK)
		quarantine->size.proven += request->proven && !was_proven;
	return code;
}

/* One request that is proven genuine does not prove a hundred others that carry its signature. Such
 * a one is kept at the rate of the unproven; *out_passed where that is used up. */
static int
doubt_many_of_one_signature(
    struct quarantine *quarantine, struct quarantined *request, bool *out_passed)
{
	sqlite3_stmt *count = quarantine->statements[COUNT_SIGNATURE];
	database_bind_text(count, 1, request->signature);
	sqlite3_bind_int(count, 2, QUARANTINE_SAME_SIGNATURE_MAX);
	int code = sqlite3_step(count);
	if (code == SQLITE_ROW && sqlite3_column_int(count, 0) == QUARANTINE_SAME_SIGNATURE_MAX)
		request->proven = false;
	*out_passed = !request->proven && !take_token(&quarantine->unproven);
	sqlite3_reset(count);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

static int
keep(struct quarantine *quarantine, struct quarantined *request, struct quarantine_changes *changes)
{
	const struct slice identity[] = {request->method, request->target, request->media_type,
	    request->body, request->signature};
	uint8_t digest[SIGNATURE_FINGERPRINT_SIZE];
	signature_fingerprint(identity, sizeof identity / sizeof identity[0], digest);
	sqlite3_stmt *find = quarantine->statements[FIND];
	sqlite3_bind_blob(find, 1, digest, sizeof digest, SQLITE_STATIC);
	int code = sqlite3_step(find);
	sqlite3_int64 id = code == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
	bool was_proven = code == SQLITE_ROW && sqlite3_column_int(find, 1) != 0;
	sqlite3_reset(find);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return code;
	if (code == SQLITE_ROW) {
		changes->repeated++;
		return repeat(quarantine, request, id, was_proven);
	}
	bool passed = false;
	code = SQLITE_OK;
	if (request->proven)
		code = doubt_many_of_one_signature(quarantine, request, &passed);
	changes->passed += passed;
	if (code != SQLITE_OK || passed)
		return code;
	changes->fresh++;
	return insert(quarantine, request, digest);
}

/* Runs a statement that gives back the size and the proof of each entry that it deletes. */
static int
delete_entries(struct quarantine *quarantine, sqlite3_stmt *statement, size_t *changed)
{
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		quarantine->size.entries--;
		quarantine->size.bytes -= (uint64_t)sqlite3_column_int64(statement, 0);
		quarantine->size.proven -= (uint64_t)sqlite3_column_int64(statement, 1);
		++*changed;
	}
	int reset = sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : code;
}

static int
expire(struct quarantine *quarantine, size_t *expired)
{
	sqlite3_stmt *statement = quarantine->statements[EXPIRE];
	sqlite3_bind_int64(statement, 1, quarantine->age_us - quarantine->options.keep_us);
	return delete_entries(quarantine, statement, expired);
}

static bool
is_over(const struct quarantine *quarantine)
{
	return quarantine->size.entries > quarantine->options.entries_max ||
	       quarantine->size.bytes > quarantine->options.bytes_max;
}

/* Proven entries go when nothing else is left to go, and then exactly as many as must: the slack
 * is the unproven ones' to give. */
static int
evict(struct quarantine *quarantine, size_t *evicted)
{
	const struct {
		enum statement statement;
		const uint64_t *is;
		uint64_t max, slack;
	} rows[] = {
	    {EVICT_UNPROVEN_ENTRIES, &quarantine->size.entries, quarantine->options.entries_max,
		quarantine->options.entries_max / SLACK},
	    {EVICT_UNPROVEN_BYTES, &quarantine->size.bytes, quarantine->options.bytes_max,
		quarantine->options.bytes_max / SLACK},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++) {
		if (*rows[i].is <= rows[i].max)
			continue;
		sqlite3_stmt *statement = quarantine->statements[rows[i].statement];
		sqlite3_bind_int64(
		    statement, 1, (sqlite3_int64)(*rows[i].is - rows[i].max + rows[i].slack));
		code = delete_entries(quarantine, statement, evicted);
	}
	while (code == SQLITE_OK && is_over(quarantine) && quarantine->size.proven > 0)
		code = delete_entries(quarantine, quarantine->statements[EVICT_PROVEN], evicted);
	return code;
}

static void
follow_clock(struct quarantine *quarantine, int64_t now_us)
{
	if (now_us < 0)
		now_us = 0;
	int64_t step_us = now_us - quarantine->seen_us;
	if (step_us > QUARANTINE_STEP_US)
		step_us = QUARANTINE_STEP_US;
	if (step_us > 0)
		quarantine->age_us += step_us;
	quarantine->seen_us = now_us;
}

static int
save_clock(struct quarantine *quarantine)
{
	sqlite3_stmt *statement = quarantine->statements[SAVE_CLOCK];
	sqlite3_bind_int64(statement, 1, quarantine->age_us);
	sqlite3_bind_int64(statement, 2, quarantine->seen_us);
	return database_run(statement);
}

/* One transaction: keeps the list and then the bounds. */
static enum result
write_list(struct quarantine *quarantine, struct quarantine_item *list,
    struct quarantine_changes *out_changes)
{
	struct quarantine_changes changes = {0};
	struct quarantine_size before = quarantine->size;
	int code = database_run(quarantine->statements[BEGIN]);
	for (struct quarantine_item *item = list; code == SQLITE_OK && item != NULL;
	     item = item->next)
		code = keep(quarantine, &item->request, &changes);
	if (code == SQLITE_OK)
		code = expire(quarantine, &changes.expired);
	if (code == SQLITE_OK)
		code = evict(quarantine, &changes.evicted);
	if (code == SQLITE_OK)
		code = save_clock(quarantine);
	if (code == SQLITE_OK)
		code = database_run(quarantine->statements[COMMIT]);
	if (code != SQLITE_OK) {
		quarantine->size = before;
		return note_error(quarantine, code);
	}
	quarantine->saved_us = quarantine->age_us;
	*out_changes = changes;
	return RESULT_OK;
}

/* --- the owner's calls --- */

static uint64_t
log_bytes(const struct quarantine *quarantine)
{
	return (uint64_t)quarantine->wal_pages * QUARANTINE_PAGE_SIZE;
}

/* A log that cannot be copied into the file grows with each write, and is bounded as the file is.
 */
static enum result
check_log(struct quarantine *quarantine)
{
	if (log_bytes(quarantine) <= quarantine->options.bytes_max + CHECKPOINT_BYTES)
		return RESULT_OK;
	sqlite3_snprintf(sizeof quarantine->error, quarantine->error,
	    "%s-wal: as large as it may be, because no checkpoint gets through", quarantine->path);
	return RESULT_FULL;
}

enum result
quarantine_keep_offered(struct quarantine *quarantine, int64_t now_us,
    quarantine_examine_fn examine, void *context, struct quarantine_changes *out_changes)
{
	struct quarantine_changes changes = {0};
	size_t passed = 0;
	follow_clock(quarantine, now_us);
	struct quarantine_item *list = examine_list(
	    quarantine, quarantine_queue_take(&quarantine->queue), examine, context, &passed);
	*out_changes = (struct quarantine_changes){.passed = passed};
	if (list == NULL)
		return RESULT_OK;
	enum result result = ensure_open(quarantine);
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

/* Whether trimming would change anything. */
static int
is_due(struct quarantine *quarantine, bool *out_due)
{
	sqlite3_stmt *oldest = quarantine->statements[OLDEST];
	int code = sqlite3_step(oldest);
	bool expired =
	    code == SQLITE_ROW && sqlite3_column_type(oldest, 0) != SQLITE_NULL &&
	    sqlite3_column_int64(oldest, 0) < quarantine->age_us - quarantine->options.keep_us;
	sqlite3_reset(oldest);
	*out_due =
	    expired || is_over(quarantine) ||
	    (quarantine->size.entries > 0 && quarantine->age_us - quarantine->saved_us >= SAVE_US);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

enum result
quarantine_trim(
    struct quarantine *quarantine, int64_t now_us, struct quarantine_changes *out_changes)
{
	bool due = false;
	follow_clock(quarantine, now_us);
	enum result result = ensure_open(quarantine);
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

enum result
quarantine_get(struct quarantine *quarantine, uint64_t id, quarantined_fn on_request, void *context)
{
	int code = SQLITE_OK;
	enum result result = ensure_open(quarantine);
	if (result == RESULT_OK)
		result = quarantine_handle_get(&quarantine->handle, id, on_request, context, &code);
	return result != RESULT_OK ? result : note_error(quarantine, code);
}

enum result
quarantine_remove(struct quarantine *quarantine, uint64_t id)
{
	size_t removed = 0;
	enum result result = ensure_open(quarantine);
	if (result != RESULT_OK)
		return result;
	struct quarantine_size before = quarantine->size;
	sqlite3_stmt *statement = quarantine->statements[REMOVE];
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	int code = delete_entries(quarantine, statement, &removed);
	if (code != SQLITE_OK) {
		quarantine->size = before;
		return note_error(quarantine, code);
	}
	return removed > 0 ? RESULT_OK : RESULT_NOT_FOUND;
}

enum result
quarantine_checkpoint(struct quarantine *quarantine)
{
	int in_log = 0, copied = 0;
	if (quarantine->checkpoint_failed || log_bytes(quarantine) < CHECKPOINT_BYTES)
		return RESULT_OK;
	enum result result = ensure_open(quarantine);
	if (result != RESULT_OK)
		return result;
	int code = sqlite3_wal_checkpoint_v2(
	    quarantine->handle.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
	if (code == SQLITE_BUSY)
		return RESULT_OK;
	/* Copied whole, the log begins anew with the next write. */
	if (code == SQLITE_OK && in_log == copied)
		quarantine->wal_pages = 0;
	quarantine->checkpoint_failed = database_result(code) == RESULT_IO;
	return note_error(quarantine, code);
}

struct quarantine_size
quarantine_size(const struct quarantine *quarantine)
{
	struct quarantine_size size = quarantine->size;
	size.log_bytes = log_bytes(quarantine);
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
	free(quarantine->path);
	free(quarantine);
}
