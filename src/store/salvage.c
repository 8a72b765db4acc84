#include "dlrd/store/salvage.h"

#include "dlrd/base/buffer.h"
#include "schema.h"
#include "sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tables have rows by number, and a damaged page hides a stretch of numbers. After an error the
 * next number that can be read is looked for in growing steps, and then exactly. Rows that a
 * damaged page made up fail the constraints of the new table, which are as strict as the old ones.
 */

#define SINGLE_STEPS 1000
#define DOUBLINGS_MAX 50 /* no store has so many receipts */

struct work {
	sqlite3 *old, *new;
	struct salvage *salvage;
	/* of the table in hand: */
	const char *table;
	char columns[2048];
	int column_count;
	sqlite3_stmt *read, *write;
	int64_t last_id; /* the last row that was copied or skipped */
	uint64_t copied;
	bool is_event;
	uint64_t last_journal; /* of the last event */
	int64_t last_us;
};

static void
note_damage(struct work *work)
{
	char *text = work->salvage->first_error;
	if (text[0] == '\0')
		sqlite3_snprintf(sizeof work->salvage->first_error, text, "%s: %s", work->table,
		    sqlite3_errmsg(work->old));
}

static enum result
add_hole(struct work *work, int64_t first, int64_t last, uint64_t journal, int64_t time_us)
{
	struct salvage *salvage = work->salvage;
	struct salvage_hole *more =
	    realloc(salvage->holes, (salvage->hole_count + 1) * sizeof *more);
	if (more == NULL)
		return RESULT_NO_MEMORY;
	salvage->holes = more;
	salvage->holes[salvage->hole_count++] =
	    (struct salvage_hole){.first_event = (uint64_t)first,
		.last_event = (uint64_t)last,
		.first_journal = work->last_journal > 0 ? work->last_journal : 1,
		.last_journal = journal,
		.from_us = work->last_us,
		.to_us = time_us};
	salvage->events_lost += (uint64_t)(last - first + 1);
	return RESULT_OK;
}

/* --- columns --- */

/* The columns of a table of the new store that the old one has, too. */
static int
list_columns(struct work *work)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(
	    work->new, "SELECT name FROM pragma_table_info(?1)", -1, &statement, NULL);
	size_t len = 0;
	work->column_count = 0;
	work->columns[0] = '\0';
	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_text(statement, 1, work->table, -1, SQLITE_STATIC);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		int more = snprintf(work->columns + len, sizeof work->columns - len, "%s\"%s\"",
		    work->column_count > 0 ? ", " : "", name);
		len += (size_t)more;
		work->column_count++;
		if (len >= sizeof work->columns)
			code = SQLITE_NOMEM;
	}
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
prepare_copy(struct work *work, const char *read_format, const char *write_format)
{
	struct buffer values = BUFFER_EMPTY;
	for (int i = 1; i <= work->column_count; i++)
		buffer_appendf(&values, "%s?%d", i > 1 ? ", " : "", i);
	buffer_append_byte(&values, '\0');
	char *read = sqlite3_mprintf(read_format, work->columns, work->table);
	char *write = values.failed
			  ? NULL
			  : sqlite3_mprintf(write_format, work->table, work->columns, values.ptr);
	int code = SQLITE_NOMEM;
	if (read != NULL && write != NULL)
		code = sqlite3_prepare_v2(work->new, write, -1, &work->write, NULL);
	if (code == SQLITE_OK &&
	    sqlite3_prepare_v2(work->old, read, -1, &work->read, NULL) != SQLITE_OK)
		note_damage(work); /* the old schema lacks the table, or is damaged */
	sqlite3_free(read);
	sqlite3_free(write);
	buffer_done(&values);
	return code;
}

static void
finish_copy(struct work *work)
{
	sqlite3_finalize(work->read);
	sqlite3_finalize(work->write);
	work->read = work->write = NULL;
}

/* Columns of the row begin at first. False if the new table refuses it. */
static bool
copy_row(struct work *work, int first)
{
	for (int i = 0; i < work->column_count; i++)
		sqlite3_bind_value(work->write, i + 1, sqlite3_column_value(work->read, first + i));
	int code = sql_run(work->write);
	return code == SQLITE_OK;
}

/* --- tables with numbered rows --- */

static int64_t
column_of(struct work *work, const char *name)
{
	for (int i = 0; i <= work->column_count; i++)
		if (strcmp(sqlite3_column_name(work->read, i), name) == 0)
			return sqlite3_column_int64(work->read, i);
	return 0;
}

/* Events are numbered from 1 without holes: what lies between two that can be read is lost. */
static enum result
take_row(struct work *work)
{
	int64_t id = sqlite3_column_int64(work->read, 0);
	enum result result = RESULT_OK;
	if (!copy_row(work, 1))
		return RESULT_OK; /* lost: the next row that is taken finds the hole */
	if (work->is_event) {
		uint64_t journal = (uint64_t)column_of(work, "journal_seq");
		int64_t time_us = column_of(work, "time_us");
		if (id > work->last_id + 1)
			result = add_hole(work, work->last_id + 1, id - 1, journal, time_us);
		work->last_journal = journal;
		work->last_us = time_us;
	}
	work->last_id = id;
	work->copied++;
	return result;
}

/* Whether rows from id on can be read; *out_id is the first of them, 0 if there is none. */
static bool
try_from(struct work *work, int64_t id, int64_t *out_id)
{
	sqlite3_reset(work->read);
	sqlite3_bind_int64(work->read, 1, id);
	int code = sqlite3_step(work->read);
	*out_id = code == SQLITE_ROW ? sqlite3_column_int64(work->read, 0) : 0;
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

/* By steps that double, and then exactly: for a damaged page that leads to many others. */
static int64_t
skip_far(struct work *work, int64_t failed)
{
	int64_t low = failed, high = failed, found = 0, at;
	bool readable = false;
	for (int i = 0; i < DOUBLINGS_MAX && !readable; i++) {
		low = high;
		high = failed + (INT64_C(1) << i);
		readable = try_from(work, high, &found);
	}
	while (readable && high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (try_from(work, middle, &at)) {
			high = middle;
			found = at;
		} else
			low = middle;
	}
	return readable ? found : 0;
}

/* The first row from failed on that can be read again; 0 if none can. Most damaged pages hide few
 * rows, which are tried one by one: a longer step could miss a sound page between two others. */
static int64_t
skip_damage(struct work *work, int64_t failed)
{
	int64_t found;
	for (int64_t i = 0; i < SINGLE_STEPS; i++)
		if (try_from(work, failed + i, &found))
			return found;
	return skip_far(work, failed + SINGLE_STEPS - 1);
}

static enum result
copy_rows(struct work *work)
{
	enum result result = RESULT_OK;
	int64_t from = 0, seen = 0;
	while (result == RESULT_OK) {
		sqlite3_reset(work->read);
		sqlite3_bind_int64(work->read, 1, from);
		int code;
		while (result == RESULT_OK && (code = sqlite3_step(work->read)) == SQLITE_ROW) {
			seen = sqlite3_column_int64(work->read, 0);
			result = take_row(work);
		}
		if (result != RESULT_OK || code == SQLITE_DONE)
			break;
		note_damage(work);
		from = skip_damage(work, seen > from ? seen + 1 : from + 1);
		if (from == 0)
			break;
	}
	return result;
}

/* --- other tables: by key, from both ends --- */

static void
copy_from_one_end(struct work *work, const char *read_format)
{
	int code = SQLITE_OK;
	if (prepare_copy(work, read_format, "INSERT OR IGNORE INTO \"%w\"(%s) VALUES(%s)") !=
		SQLITE_OK ||
	    work->read == NULL) {
		finish_copy(work);
		return;
	}
	while ((code = sqlite3_step(work->read)) == SQLITE_ROW)
		copy_row(work, 0);
	if (code != SQLITE_DONE)
		note_damage(work);
	finish_copy(work);
}

/* --- what a unique index has of rows that the table lost --- */

static int
run_each(struct work *work, const char *read, const char *write)
{
	int code = sqlite3_prepare_v2(work->new, write, -1, &work->write, NULL);
	if (code != SQLITE_OK)
		return code;
	/* A statement that the damaged schema does not allow recovers nothing. */
	if (sqlite3_prepare_v2(work->old, read, -1, &work->read, NULL) == SQLITE_OK) {
		work->column_count = sqlite3_column_count(work->read);
		while (sqlite3_step(work->read) == SQLITE_ROW)
			work->copied += copy_row(work, 0) && sqlite3_changes(work->new) > 0;
	}
	finish_copy(work);
	return SQLITE_OK;
}

static int
recover_from_indexes(struct work *work)
{
	static const struct {
		const char *read, *write;
	} rows[] = {
	    {"SELECT id, workspace, name FROM campaign INDEXED BY sqlite_autoindex_campaign_1"
	     " ORDER BY workspace %s, name %s",
		"INSERT OR IGNORE INTO campaign(id, workspace, name, first_us, last_us)"
		" VALUES(?1, ?2, ?3, 0, 0)"},
	    {"SELECT id, campaign_id, variant FROM tagset INDEXED BY sqlite_autoindex_tagset_1"
	     " ORDER BY campaign_id %s, variant %s",
		"INSERT OR IGNORE INTO tagset(id, campaign_id, variant) VALUES(?1, ?2, ?3)"},
	    {"SELECT id, account, service, sender FROM provider"
	     " INDEXED BY sqlite_autoindex_provider_1 ORDER BY account %s, service %s, sender",
		"INSERT OR IGNORE INTO provider(id, account, service, sender)"
		" VALUES(?1, ?2, ?3, ?4)"},
	    /* Its state follows from its receipts, which name its tags and its provider. */
	    {"SELECT id, sid FROM message INDEXED BY sqlite_autoindex_message_1"
	     " ORDER BY sid %s, id %s",
		"INSERT OR IGNORE INTO message(id, sid, tagset_id, provider_id, status, outcome,"
		" conflict, seen, first_final, opted_out, error_code, first_us, last_us, sent_us,"
		" delivered_us, failed_us, canceled_us, read_us, received_us)"
		" SELECT ?1, ?2, tagset_id, provider_id, '', 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0,"
		" 0, 0 FROM event WHERE message_id = ?1 LIMIT 1"},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < 2 * sizeof rows / sizeof rows[0]; i++) {
		const char *way = i % 2 == 0 ? "ASC" : "DESC";
		char *read = sqlite3_mprintf(rows[i / 2].read, way, way);
		work->table = "an index";
		code = read == NULL ? SQLITE_NOMEM : run_each(work, read, rows[i / 2].write);
		sqlite3_free(read);
	}
	return code;
}

/* --- the whole --- */

static bool
is_derived(const char *table)
{
	static const char *const derived[] = {
	    "campaign_hour", "provider_hour", "campaign_error", "optout", "state"};
	for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++)
		if (strcmp(table, derived[i]) == 0)
			return true;
	return strncmp(table, "sqlite_", 7) == 0;
}

static enum result
copy_table(struct work *work, const char *table, bool numbered)
{
	enum result result = RESULT_OK;
	work->table = table;
	work->is_event = strcmp(table, "event") == 0;
	work->last_id = 0;
	work->copied = 0;
	if (list_columns(work) != SQLITE_OK)
		return RESULT_NO_MEMORY;
	if (!numbered) {
		copy_from_one_end(work, "SELECT %s FROM \"%w\"");
		copy_from_one_end(work, "SELECT %s FROM \"%w\" ORDER BY 1 DESC");
		return RESULT_OK;
	}
	int code =
	    prepare_copy(work, "SELECT rowid, %s FROM \"%w\" WHERE rowid >= ?1 ORDER BY rowid",
		"INSERT INTO \"%w\"(%s) VALUES(%s)");
	if (code == SQLITE_OK && work->read != NULL)
		result = copy_rows(work);
	finish_copy(work);
	return code == SQLITE_OK ? result : sql_result(code);
}

static enum result
copy_tables(struct work *work)
{
	sqlite3_stmt *tables = NULL;
	enum result result = sql_result(sqlite3_prepare_v2(work->new,
	    "SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
	    " ORDER BY name = 'event', name",
	    -1, &tables, NULL));
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(tables, 0);
		if (!is_derived(name))
			result = copy_table(work, name, sqlite3_column_int(tables, 1) == 0);
	}
	sqlite3_finalize(tables);
	return result == RESULT_OK ? sql_result(code) : result;
}

static int
delete_rows(sqlite3 *db, const char *table, const char *condition)
{
	char *sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE %s", table, condition);
	int code = SQLITE_NOMEM;
	/* A store of an older version may lack the table. */
	if (sql != NULL)
		code = sqlite3_table_column_metadata(
			   db, "main", table, NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK
			   ? SQLITE_OK
			   : sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return code;
}

/* Receipts whose message, campaign or provider is lost cannot be counted: they are lost with it. */
static enum result
drop_orphans(struct work *work)
{
	static const struct {
		const char *table, *condition;
	} rows[] = {
	    {"event", "(message_id IS NOT NULL AND message_id NOT IN (SELECT id FROM message))"
		      " OR campaign_id NOT IN (SELECT id FROM campaign)"
		      " OR tagset_id NOT IN (SELECT id FROM tagset)"
		      " OR provider_id NOT IN (SELECT id FROM provider)"},
	    {"message", "id NOT IN (SELECT message_id FROM event WHERE message_id IS NOT NULL)"},
	    {"reply", "message_id NOT IN (SELECT id FROM message)"},
	    {"alert", "event_seq NOT IN (SELECT seq FROM event)"},
	};
	int64_t after = 0;
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++)
		code = delete_rows(work->new, rows[i].table, rows[i].condition);
	if (code == SQLITE_OK)
		code = sql_number(work->new, "SELECT count(*) FROM event", &after);
	work->salvage->events = (uint64_t)after;
	return sql_result(code);
}

/* The holes as they are in the new store: rows that were dropped later count as well. */
static enum result
find_holes(struct work *work, int64_t last_event)
{
	sqlite3_stmt *statement = NULL;
	struct salvage *salvage = work->salvage;
	salvage->hole_count = 0;
	salvage->events_lost = 0;
	work->last_id = 0;
	work->last_journal = 0;
	work->last_us = 0;
	enum result result = sql_result(sqlite3_prepare_v2(work->new,
	    "SELECT seq, journal_seq, time_us FROM event ORDER BY seq", -1, &statement, NULL));
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(statement, 0);
		uint64_t journal = (uint64_t)sqlite3_column_int64(statement, 1);
		int64_t time_us = sqlite3_column_int64(statement, 2);
		if (id > work->last_id + 1)
			result = add_hole(work, work->last_id + 1, id - 1, journal, time_us);
		work->last_id = id;
		work->last_journal = journal;
		work->last_us = time_us;
	}
	sqlite3_finalize(statement);
	if (result == RESULT_OK && last_event > work->last_id)
		result = add_hole(work, work->last_id + 1, last_event, salvage->cursor, 0);
	return result == RESULT_OK ? sql_result(code) : result;
}

/* The highest number that an event is known to have had. An index on the number alone is there for
 * some events only, but a reference to one from another table tells as much. */
static int64_t
last_event_of(sqlite3 *old)
{
	static const char *const texts[] = {"SELECT max(seq) FROM event",
	    "SELECT max(event_seq) FROM consent", "SELECT max(event_seq) FROM alert",
	    "SELECT max(rowid) FROM event INDEXED BY event_message"};
	int64_t last = 0;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int64_t number = 0;
		if (sql_number(old, texts[i], &number) == SQLITE_OK && number > last)
			last = number;
	}
	return last;
}

static enum result
write_state(struct work *work)
{
	int64_t cursor = (int64_t)work->salvage->cursor, highest = 0;
	sqlite3_stmt *statement = NULL;
	int code =
	    sql_number(work->new, "SELECT coalesce(max(journal_seq), 0) FROM event", &highest);
	if (cursor < highest)
		cursor = highest;
	work->salvage->cursor = (uint64_t)cursor;
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(
		    work->new, "UPDATE state SET cursor = ?1", -1, &statement, NULL);
	if (code == SQLITE_OK) {
		sqlite3_bind_int64(statement, 1, cursor);
		code = sql_run(statement);
	}
	sqlite3_finalize(statement);
	return sql_result(code);
}

/* First of all: a disk that cannot be read ends the transaction, and what a running daemon counts
 * after that is not copied. */
static void
read_cursor(struct work *work)
{
	int64_t cursor = 0;
	if (sql_number(work->old, "SELECT cursor FROM state", &cursor) == SQLITE_OK && cursor > 0)
		work->salvage->cursor = (uint64_t)cursor;
}

static enum result
fill(struct work *work)
{
	read_cursor(work);
	enum result result = copy_tables(work);
	if (result == RESULT_OK) {
		work->copied = 0;
		result = sql_result(recover_from_indexes(work));
	}
	if (result == RESULT_OK)
		result = drop_orphans(work);
	if (result == RESULT_OK)
		result = write_state(work);
	if (result == RESULT_OK)
		result = find_holes(work, last_event_of(work->old));
	return result;
}

static int64_t
version_of(sqlite3 *old)
{
	int64_t version = 0;
	return sql_number(old, "PRAGMA user_version", &version) == SQLITE_OK ? version : 0;
}

/* cell_size_check finds pages whose bytes only look like rows. */
static bool
open_old(const char *path, sqlite3 **out_db, struct salvage *salvage)
{
	int64_t tables = 0;
	int code = sqlite3_open_v2(path, out_db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(*out_db,
		    "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
		    "PRAGMA trusted_schema = OFF; BEGIN",
		    NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sql_number(*out_db,
		    "SELECT count(*) FROM sqlite_schema WHERE name IN ('event', 'message')",
		    &tables);
	if (code != SQLITE_OK)
		sqlite3_snprintf(sizeof salvage->first_error, salvage->first_error, "%s",
		    *out_db == NULL ? "no memory" : sqlite3_errmsg(*out_db));
	return code == SQLITE_OK && tables == 2;
}

/* The transaction stays open: what a running daemon counts from now on is not copied into its file,
 * so the journal keeps it. The log that this handle sees is not its own. */
static void
hold(sqlite3 *old, struct salvage *salvage)
{
	if (old == NULL)
		return;
	sqlite3_db_config(old, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_get_autocommit(old) != 0)
		sqlite3_exec(old, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	salvage->held = old;
}

enum result
salvage_store(const char *old_path, const char *new_path, struct salvage *out_salvage,
    struct failure *failure)
{
	struct salvage salvage = {.readable = false};
	struct work work = {.salvage = &salvage};
	salvage.readable = open_old(old_path, &work.old, &salvage);
	int code = sqlite3_open_v2(new_path, &work.new,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	enum result result = sql_result(code);
	if (result == RESULT_OK)
		result = sql_result(sqlite3_exec(work.new,
		    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
		    NULL, NULL, NULL));
	if (result == RESULT_OK)
		result = schema_create(
		    work.new, new_path, salvage.readable ? version_of(work.old) : 0, failure);
	if (result == RESULT_OK && salvage.readable) {
		result = sql_result(sqlite3_exec(work.new, "BEGIN", NULL, NULL, NULL));
		if (result == RESULT_OK)
			result = fill(&work);
		if (result == RESULT_OK)
			result = sql_result(sqlite3_exec(work.new, "COMMIT", NULL, NULL, NULL));
	}
	if (result != RESULT_OK)
		failure_set(failure, result, "%s: %s", new_path,
		    work.new == NULL ? "no memory" : sqlite3_errmsg(work.new));
	hold(work.old, &salvage);
	sqlite3_close_v2(work.new);
	if (result == RESULT_OK)
		*out_salvage = salvage;
	else
		salvage_done(&salvage);
	return result;
}

static int
note_check(void *context, int count, char **values, char **names)
{
	(void)count, (void)names;
	char *text = context;
	if (text[0] == '\0' && values[0] != NULL && strcmp(values[0], "ok") != 0)
		sqlite3_snprintf(256, text, "%s", values[0]);
	return 0;
}

bool
salvage_is_sound(const char *path, char out_error[256])
{
	sqlite3 *db = NULL;
	out_error[0] = '\0';
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "PRAGMA integrity_check(1)", note_check, out_error, NULL);
	if (code != SQLITE_OK)
		sqlite3_snprintf(
		    256, out_error, "%s", db == NULL ? "no memory" : sqlite3_errmsg(db));
	sqlite3_close_v2(db);
	return out_error[0] == '\0';
}

void
salvage_done(struct salvage *salvage)
{
	sqlite3_close_v2(salvage->held);
	salvage->held = NULL;
	free(salvage->holes);
	salvage->holes = NULL;
	salvage->hole_count = 0;
}
