#include "quarantine_table.h"

#include "dlrd/base/sqlite.h"
#include "dlrd/twilio/signature.h"
#include "quarantine_handle.h"

/* Size of a row without the request: its columns and five index entries. A request that does not
 * fit into a page does not share its last one. */
#define ROW_BYTES 512
/* Each eviction of unproven entries removes 1/64 more than needed, so that a flood does not cause a
 * sort of the file at each step. */
#define SLACK 64

#define RETURNING " RETURNING size, proven, stray"

/* Evicts unproven entries of a part (?2) with a total weight of ?1: a count of entries, or bytes.
 * `level` is the position of an entry in its group. The highest levels are evicted first, across
 * all groups, so the largest groups shrink to the same height. Path and account of strays are
 * invented, so they do not separate groups. */
#define EVICT_UNPROVEN(weight)                                                                \
	"DELETE FROM request WHERE id IN (SELECT id FROM (SELECT id, sum(w) OVER"             \
	" (ORDER BY level DESC, draw ROWS UNBOUNDED PRECEDING) - w AS before FROM"            \
	" (SELECT id, draw, " weight " AS w, sum(" weight ") OVER (PARTITION BY"              \
	" iif(stray, NULL, account), iif(stray, NULL, route),"                                \
	" cause, from_trusted_proxy, aged_us / 3600000000 ORDER BY draw DESC ROWS UNBOUNDED " \
	"PRECEDING) AS level"                                                                 \
	" FROM request WHERE proven = 0 AND stray = ?2)) WHERE before < ?1)" RETURNING

static const char *const statement_texts[QUARANTINE_STATEMENT_COUNT] = {
    [QUARANTINE_BEGIN] = "BEGIN IMMEDIATE",
    [QUARANTINE_COMMIT] = "COMMIT",
    [QUARANTINE_ROLLBACK] = "ROLLBACK",
    [QUARANTINE_FIND] = "SELECT id, proven FROM request WHERE digest = ?1",
    [QUARANTINE_COUNT_SIGNATURE] =
	"SELECT count(*) FROM (SELECT 1 FROM request WHERE signature = ?1"
	" LIMIT ?2)",
    [QUARANTINE_INSERT] =
	"INSERT INTO request(digest, first_us, last_us, count, proven, from_trusted_proxy, aged_us,"
	" draw, size, method, route, account, cause, signature, host, forwarded_proto,"
	" forwarded_host, original_uri, media_type, target, body, settings, stray, peer)"
	" VALUES(?1, ?2, ?2, 1, ?3, ?4, ?5, random(), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
	" ?16, ?17, ?18, ?19, ?20, ?21)",
    [QUARANTINE_REPEAT] =
	"UPDATE request SET count = count + 1, last_us = max(last_us, ?2),"
	" cause = iif(?3 >= proven, ?4, cause), proven = max(proven, ?3) WHERE id = ?1",
    [QUARANTINE_REMOVE] = "DELETE FROM request WHERE id = ?1" RETURNING,
    [QUARANTINE_OLDEST] = "SELECT min(aged_us) FROM request",
    [QUARANTINE_EXPIRE] = "DELETE FROM request WHERE aged_us < ?1" RETURNING,
    [QUARANTINE_EVICT_UNPROVEN_ENTRIES] = EVICT_UNPROVEN("1"),
    [QUARANTINE_EVICT_UNPROVEN_BYTES] = EVICT_UNPROVEN("size"),
    /* The oldest one, by id since the clock may have jumped. No unproven entries remain at this
     * point, so no index is faster than the table, but SQLite cannot know that (hence the +). */
    [QUARANTINE_EVICT_PROVEN] = "DELETE FROM request WHERE id ="
				" (SELECT id FROM request WHERE +proven = 1 AND stray = ?1"
				" ORDER BY id LIMIT 1)" RETURNING,
    [QUARANTINE_SAVE_CLOCK] = "UPDATE clock SET age_us = ?1, seen_us = ?2",
};

int
quarantine_table_open(struct quarantine_table *table, sqlite3 *db)
{
	static const char *const counts[] = {"SELECT count(*) FROM request",
	    "SELECT count(*) FROM request WHERE proven = 1",
	    "SELECT coalesce(sum(size), 0) FROM request",
	    "SELECT count(*) FROM request WHERE stray = 1",
	    "SELECT coalesce(sum(size), 0) FROM request WHERE stray = 1"};
	int64_t found[sizeof counts / sizeof counts[0]] = {0};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < QUARANTINE_STATEMENT_COUNT; i++)
		code = sqlite_prepare(db, statement_texts[i], &table->statements[i]);
	for (size_t i = 0; code == SQLITE_OK && i < sizeof counts / sizeof counts[0]; i++)
		code = sqlite_number(db, counts[i], &found[i]);
	if (code == SQLITE_OK)
		table->size = (struct quarantine_size){.entries = (uint64_t)found[0],
		    .proven = (uint64_t)found[1],
		    .bytes = (uint64_t)found[2],
		    .stray_entries = (uint64_t)found[3],
		    .stray_bytes = (uint64_t)found[4]};

	return code;
}

void
quarantine_table_close(struct quarantine_table *table)
{
	for (size_t i = 0; i < QUARANTINE_STATEMENT_COUNT; i++) {
		sqlite3_finalize(table->statements[i]);
		table->statements[i] = NULL;
	}
}

int
quarantine_table_run(struct quarantine_table *table, enum quarantine_statement statement)
{
	return sqlite_run(table->statements[statement]);
}

/* --- rows --- */

int
quarantine_table_find(
    struct quarantine_table *table, const uint8_t *digest, struct quarantine_found *out_found)
{
	sqlite3_stmt *find = table->statements[QUARANTINE_FIND];
	sqlite3_bind_blob(find, 1, digest, SIGNATURE_FINGERPRINT_SIZE, SQLITE_STATIC);
	int code = sqlite3_step(find);
	*out_found = (struct quarantine_found){.id = 0};
	if (code == SQLITE_ROW)
		*out_found = (struct quarantine_found){
		    sqlite3_column_int64(find, 0), sqlite3_column_int(find, 1) != 0};
	sqlite3_reset(find);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int
quarantine_table_count_signature(
    struct quarantine_table *table, struct slice signature, int most, int *out_count)
{
	sqlite3_stmt *count = table->statements[QUARANTINE_COUNT_SIGNATURE];
	sqlite_bind_text(count, 1, signature);
	sqlite3_bind_int(count, 2, most);
	int code = sqlite3_step(count);
	*out_count = code == SQLITE_ROW ? sqlite3_column_int(count, 0) : 0;
	sqlite3_reset(count);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

static uint64_t
size_on_disk(const struct quarantined *request)
{
	uint64_t len =
	    request->incoming.method.len + request->incoming.target.len + request->route.len +
	    request->incoming.media_type.len + request->incoming.body.len + request->account.len +
	    request->incoming.signature.len + request->incoming.host.len +
	    request->incoming.forwarded_proto.len + request->incoming.forwarded_host.len +
	    request->incoming.original_uri.len + request->cause.len +
	    request->incoming.settings.len + request->incoming.peer.len + ROW_BYTES;
	return len > QUARANTINE_PAGE_SIZE ? len + QUARANTINE_PAGE_SIZE : len;
}

int
quarantine_table_insert(struct quarantine_table *table, const struct quarantined *request,
    const uint8_t *digest, int64_t aged_us)
{
	sqlite3_stmt *row = table->statements[QUARANTINE_INSERT];
	uint64_t size = size_on_disk(request);
	sqlite3_bind_blob(row, 1, digest, SIGNATURE_FINGERPRINT_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(row, 2, request->incoming.arrived_us);
	sqlite3_bind_int(row, 3, request->proven);
	sqlite3_bind_int(row, 4, request->incoming.from_trusted_proxy);
	sqlite3_bind_int64(row, 5, aged_us);
	sqlite3_bind_int64(row, 6, (sqlite3_int64)size);
	sqlite_bind_text(row, 7, request->incoming.method);
	sqlite_bind_text(row, 8, request->route);
	sqlite_bind_text(row, 9, request->account);
	sqlite_bind_text(row, 10, request->cause);
	sqlite_bind_text(row, 11, request->incoming.signature);
	sqlite_bind_text(row, 12, request->incoming.host);
	sqlite_bind_text(row, 13, request->incoming.forwarded_proto);
	sqlite_bind_text(row, 14, request->incoming.forwarded_host);
	sqlite_bind_bytes(row, 15, request->incoming.original_uri);
	sqlite_bind_text(row, 16, request->incoming.media_type);
	sqlite_bind_bytes(row, 17, request->incoming.target);
	sqlite_bind_bytes(row, 18, request->incoming.body);
	sqlite_bind_text(row, 19, request->incoming.settings);
	sqlite3_bind_int(row, 20, request->stray);
	sqlite_bind_text(row, 21, request->incoming.peer);
	int code = sqlite_run(row);
	if (code == SQLITE_OK) {
		table->size.entries++;
		table->size.proven += request->proven;
		table->size.bytes += size;
		table->size.stray_entries += request->stray;
		table->size.stray_bytes += request->stray ? size : 0;
	}

	return code;
}

int
quarantine_table_repeat(struct quarantine_table *table, const struct quarantined *request,
    const struct quarantine_found *found)
{
	sqlite3_stmt *row = table->statements[QUARANTINE_REPEAT];
	sqlite3_bind_int64(row, 1, found->id);
	sqlite3_bind_int64(row, 2, request->incoming.arrived_us);
	sqlite3_bind_int(row, 3, request->proven);
	sqlite_bind_text(row, 4, request->cause);
	int code = sqlite_run(row);
	if (code == SQLITE_OK)
		table->size.proven += request->proven && !found->proven;
	return code;
}

/* Runs a statement that deletes entries and returns size, proven and stray of each. */
static int
delete_entries(struct quarantine_table *table, sqlite3_stmt *statement, size_t *changed)
{
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		uint64_t size = (uint64_t)sqlite3_column_int64(statement, 0);
		bool stray = sqlite3_column_int(statement, 2) != 0;
		table->size.entries--;
		table->size.bytes -= size;
		table->size.stray_entries -= stray;
		table->size.stray_bytes -= stray ? size : 0;
		table->size.proven -= (uint64_t)sqlite3_column_int64(statement, 1);
		++*changed;
	}

	int reset = sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : code;
}

int
quarantine_table_remove(struct quarantine_table *table, uint64_t id, size_t *removed)
{
	sqlite3_stmt *statement = table->statements[QUARANTINE_REMOVE];
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	return delete_entries(table, statement, removed);
}

/* --- bounds --- */

int
quarantine_table_expire(struct quarantine_table *table, int64_t before_us, size_t *expired)
{
	sqlite3_stmt *statement = table->statements[QUARANTINE_EXPIRE];
	sqlite3_bind_int64(statement, 1, before_us);
	return delete_entries(table, statement, expired);
}

static uint64_t
entries_of(const struct quarantine_table *table, bool stray)
{
	return stray ? table->size.stray_entries : table->size.entries - table->size.stray_entries;
}

static uint64_t
bytes_of(const struct quarantine_table *table, bool stray)
{
	return stray ? table->size.stray_bytes : table->size.bytes - table->size.stray_bytes;
}

bool
quarantine_table_is_over(
    const struct quarantine_table *table, bool stray, uint64_t entries_max, uint64_t bytes_max)
{
	return entries_of(table, stray) > entries_max || bytes_of(table, stray) > bytes_max;
}

static int
evict_unproven(struct quarantine_table *table, enum quarantine_statement kind, bool stray,
    uint64_t is, uint64_t max, size_t *evicted)
{
	sqlite3_stmt *statement = table->statements[kind];
	if (is <= max)
		return SQLITE_OK;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)(is - max + max / SLACK));
	sqlite3_bind_int(statement, 2, stray);
	return delete_entries(table, statement, evicted);
}

/* Evicts proven entries only if no unproven ones remain, and only as many as needed. SLACK applies
 * to unproven entries only. */
int
quarantine_table_evict(struct quarantine_table *table, bool stray, uint64_t entries_max,
    uint64_t bytes_max, size_t *evicted)
{
	sqlite3_stmt *proven = table->statements[QUARANTINE_EVICT_PROVEN];
	int code = evict_unproven(table, QUARANTINE_EVICT_UNPROVEN_ENTRIES, stray,
	    entries_of(table, stray), entries_max, evicted);
	if (code == SQLITE_OK)
		code = evict_unproven(table, QUARANTINE_EVICT_UNPROVEN_BYTES, stray,
		    bytes_of(table, stray), bytes_max, evicted);
	for (size_t before = SIZE_MAX;
	     code == SQLITE_OK && *evicted != before &&
	     quarantine_table_is_over(table, stray, entries_max, bytes_max);) {
		before = *evicted;
		sqlite3_bind_int(proven, 1, stray);
		code = delete_entries(table, proven, evicted);
	}

	return code;
}

int
quarantine_table_oldest(struct quarantine_table *table, int64_t *out_aged_us)
{
	sqlite3_stmt *oldest = table->statements[QUARANTINE_OLDEST];
	int code = sqlite3_step(oldest);
	bool has_one = code == SQLITE_ROW && sqlite3_column_type(oldest, 0) != SQLITE_NULL;
	*out_aged_us = has_one ? sqlite3_column_int64(oldest, 0) : INT64_MAX;
	sqlite3_reset(oldest);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

int
quarantine_table_save_clock(struct quarantine_table *table, int64_t age_us, int64_t seen_us)
{
	sqlite3_stmt *statement = table->statements[QUARANTINE_SAVE_CLOCK];
	sqlite3_bind_int64(statement, 1, age_us);
	sqlite3_bind_int64(statement, 2, seen_us);
	return sqlite_run(statement);
}
