#include "dlrd/engine/salvage.h"

#include "dlrd/engine/engine.h"
#include "salvage_tables.h"
#include "schema.h"
#include "sql.h"

#include <stdlib.h>
#include <string.h>

static bool
is_derived(const char *table)
{
	static const char *const derived[] = {"campaign_hour", "provider_hour", "campaign_error",
	    "optout", "state", "hour_block", "campaign_delay"};
	for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++)
		if (strcmp(table, derived[i]) == 0)
			return true;
	return strncmp(table, "sqlite_", 7) == 0;
}

static enum result
copy_tables(struct salvage_work *work)
{
	sqlite3_stmt *tables = NULL;
	enum result result = sqlite_result(sqlite3_prepare_v2(work->new,
	    "SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
	    " ORDER BY name = 'event', name",
	    -1, &tables, NULL));
	int code = SQLITE_DONE;

	while (result == RESULT_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(tables, 0);
		if (!is_derived(name))
			result = salvage_copy_table(work, name, sqlite3_column_int(tables, 1) == 0);
	}

	sqlite3_finalize(tables);
	return result == RESULT_OK ? sqlite_result(code) : result;
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

/* Its rows may be damaged while their events are sound. A store of an older version lacks it until
 * it is migrated. */
static int
fill_inbound(sqlite3 *db)
{
	return sqlite3_table_column_metadata(
		   db, "main", "inbound", NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK
		   ? SQLITE_OK
		   : sqlite3_exec(db, "DELETE FROM inbound; " INBOUND_ROWS, NULL, NULL, NULL);
}

/* Receipts whose message, campaign or provider is lost cannot be counted: they are lost with it. */
static enum result
drop_orphans(struct salvage *salvage, sqlite3 *db)
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
		code = delete_rows(db, rows[i].table, rows[i].condition);
	if (code == SQLITE_OK)
		code = fill_inbound(db);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*) FROM event", &after);
	salvage->events = (uint64_t)after;
	return sqlite_result(code);
}

static enum result
add_hole(struct salvage *salvage, const struct salvage_hole *hole)
{
	struct salvage_hole *more =
	    realloc(salvage->holes, (salvage->hole_count + 1) * sizeof *more);
	if (more == NULL)
		return RESULT_NO_MEMORY;

	salvage->holes = more;
	salvage->holes[salvage->hole_count++] = *hole;
	salvage->events_lost += hole->last_event - hole->first_event + 1;
	return RESULT_OK;
}

#define EVENTS "SELECT seq, journal_seq, time_us, seq, journal_seq, time_us FROM event"

/* Ranges of events that are there or were removed, which an older version did not note. */
static const char *
present_sql(sqlite3 *db)
{
	static const char with_removed[] =
	    EVENTS " UNION ALL SELECT first_seq, first_journal, first_us, last_seq, last_journal,"
		   " last_us FROM removed_range ORDER BY 1";
	return sqlite3_table_column_metadata(
		   db, "main", "removed_range", NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK
		   ? with_removed
		   : EVENTS " ORDER BY 1";
}

/* Finds the holes in the new store, including rows that were dropped. Events are numbered from 1
 * without holes, so the numbers between two events are lost, unless they were removed on purpose.
 */
static enum result
find_holes(struct salvage *salvage, sqlite3 *db, int64_t last_event)
{
	sqlite3_stmt *statement = NULL;
	/* The hole that would begin after the current event. */
	struct salvage_hole next = {.first_event = 1, .first_journal = 1};

	enum result result =
	    sqlite_result(sqlite3_prepare_v2(db, present_sql(db), -1, &statement, NULL));
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(statement, 0);
		next.last_event = (uint64_t)(seq - 1);
		next.last_journal = (uint64_t)sqlite3_column_int64(statement, 1);
		next.to_us = sqlite3_column_int64(statement, 2);
		if (seq > (int64_t)next.first_event)
			result = add_hole(salvage, &next);

		next.first_event = (uint64_t)(sqlite3_column_int64(statement, 3) + 1);
		next.first_journal = (uint64_t)sqlite3_column_int64(statement, 4);
		next.first_journal = next.first_journal > 0 ? next.first_journal : 1;
		next.from_us = sqlite3_column_int64(statement, 5);
	}
	sqlite3_finalize(statement);

	next.last_event = (uint64_t)last_event;
	next.last_journal = salvage->cursor;
	next.to_us = 0;
	if (result == RESULT_OK && last_event >= (int64_t)next.first_event)
		result = add_hole(salvage, &next);
	return result == RESULT_OK ? sqlite_result(code) : result;
}

/* The highest number that an event is known to have had. An index on the number alone exists for
 * some events only, but a reference from another table proves as much. */
static int64_t
last_event_of(sqlite3 *old)
{
	static const char *const texts[] = {"SELECT max(seq) FROM event",
	    "SELECT seq FROM sqlite_sequence WHERE name = 'event'",
	    "SELECT max(event_seq) FROM consent", "SELECT max(event_seq) FROM alert",
	    "SELECT max(rowid) FROM event INDEXED BY event_message"};
	int64_t last = 0;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int64_t number = 0;
		if (sqlite_number(old, texts[i], &number) == SQLITE_OK && number > last &&
		    number <= ENGINE_CURSOR_MAX)
			last = number;
	}

	return last;
}

static enum result
write_state(struct salvage *salvage, sqlite3 *db)
{
	int64_t cursor = (int64_t)salvage->cursor, highest = 0;
	sqlite3_stmt *statement = NULL;
	int code = SQLITE_OK;

	/* A damaged receipt may name any number, and entries up to the cursor are not counted. */
	if (cursor == 0)
		code =
		    sqlite_number(db, "SELECT coalesce(max(journal_seq), 0) FROM event", &highest);
	if (highest > 0 && highest <= ENGINE_CURSOR_MAX)
		cursor = highest;
	salvage->cursor = (uint64_t)cursor;
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, "UPDATE state SET cursor = ?1", -1, &statement, NULL);
	if (code == SQLITE_OK) {
		sqlite3_bind_int64(statement, 1, cursor);
		code = sqlite_run(statement);
	}

	sqlite3_finalize(statement);
	return sqlite_result(code);
}

/* Rows of the table get numbers beyond this one, as if it had AUTOINCREMENT. */
static int
raise_number(sqlite3 *db, const char *table, int64_t number)
{
	char *sql =
	    sqlite3_mprintf("INSERT INTO sqlite_sequence(name, seq) SELECT %Q, 0 WHERE NOT EXISTS"
			    " (SELECT 1 FROM sqlite_sequence WHERE name = %Q);"
			    "UPDATE sqlite_sequence SET seq = max(seq, %lld) WHERE name = %Q",
		table, table, (long long)number, table);
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return code;
}

/* Numbers of lost rows are not given again: followers of the events and of the opt-out list ask for
 * rows with higher numbers, and evidence, which may survive its event, names it by number. A store
 * of version 1 has neither. */
static enum result
keep_numbers(const struct salvage_work *work, int64_t last_event)
{
	int64_t kept = 0, last_consent = 0, last_message = 0;
	int code = sqlite_number(
	    work->new, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'", &kept);
	if (code != SQLITE_OK || kept == 0)
		return sqlite_result(code);

	if (sqlite_number(work->old,
		"SELECT seq FROM sqlite_sequence WHERE name = 'consent' AND seq < " SQL_NUMBER_END,
		&last_consent) != SQLITE_OK)
		last_consent = 0;
	if (sqlite_number(work->old,
		"SELECT seq FROM sqlite_sequence WHERE name = 'message' AND seq < " SQL_NUMBER_END,
		&last_message) != SQLITE_OK)
		last_message = 0;
	code = raise_number(work->new, "event", last_event);
	if (code == SQLITE_OK)
		code = raise_number(work->new, "consent", last_consent);
	return sqlite_result(code == SQLITE_OK && last_message > 0
				 ? raise_number(work->new, "message", last_message)
				 : code);
}

/* Reads the cursor before anything else. A disk that cannot be read ends the transaction, and
 * callbacks that a running daemon counts after that are not copied. */
static void
read_cursor(struct salvage *salvage, sqlite3 *old)
{
	int64_t cursor = 0;
	if (sqlite_number(old, "SELECT cursor FROM state", &cursor) == SQLITE_OK && cursor > 0 &&
	    cursor <= ENGINE_CURSOR_MAX)
		salvage->cursor = (uint64_t)cursor;
}

static enum result
fill(struct salvage *salvage, struct salvage_work *work)
{
	read_cursor(salvage, work->old);
	const int64_t last_event = last_event_of(work->old);
	enum result result = copy_tables(work);
	if (result == RESULT_OK)
		result = sqlite_result(salvage_recover_from_indexes(work));
	if (result == RESULT_OK)
		result = drop_orphans(salvage, work->new);
	if (result == RESULT_OK)
		result = write_state(salvage, work->new);
	if (result == RESULT_OK)
		result = keep_numbers(work, last_event);
	if (result == RESULT_OK)
		result = find_holes(salvage, work->new, last_event);
	return result;
}

static int64_t
version_of(sqlite3 *old)
{
	int64_t version = 0;
	return sqlite_number(old, "PRAGMA user_version", &version) == SQLITE_OK ? version : 0;
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
		code = sqlite_number(*out_db,
		    "SELECT count(*) FROM sqlite_schema WHERE name IN ('event', 'message')",
		    &tables);
	if (code != SQLITE_OK)
		sqlite3_snprintf(sizeof salvage->first_error, salvage->first_error, "%s",
		    *out_db == NULL ? "no memory" : sqlite3_errmsg(*out_db));
	return code == SQLITE_OK && tables == 2;
}

/* Keeps the transaction open. Callbacks that a running daemon counts from now on are not copied
 * into its file, so the journal keeps them. The log that this handle reads belongs to the daemon.
 */
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
	struct salvage_work work = {.old = NULL};

	salvage.readable = open_old(old_path, &work.old, &salvage);
	int code = sqlite3_open_v2(new_path, &work.new,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	enum result result = sqlite_result(code);
	if (result == RESULT_OK)
		result = sqlite_result(sqlite3_exec(work.new,
		    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
		    NULL, NULL, NULL));
	if (result == RESULT_OK)
		result = schema_create(
		    work.new, new_path, salvage.readable ? version_of(work.old) : 0, failure);
	if (result == RESULT_OK && salvage.readable) {
		result = sqlite_result(sqlite3_exec(work.new, "BEGIN", NULL, NULL, NULL));
		if (result == RESULT_OK)
			result = fill(&salvage, &work);
		if (result == RESULT_OK)
			result = sqlite_result(sqlite3_exec(work.new, "COMMIT", NULL, NULL, NULL));
	}

	if (result != RESULT_OK)
		failure_set(failure, result, "%s: %s", new_path,
		    work.new == NULL ? "no memory" : sqlite3_errmsg(work.new));
	if (salvage.readable)
		memcpy(salvage.first_error, work.first_error, sizeof salvage.first_error);
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
