#include "dlrd/store/reader.h"

#include "dlrd/base/clock.h"
#include "dlrd/store/reader_handle.h"
#include "dlrd/store/schema.h"

#include <stdlib.h>

#define PROGRESS_STEPS 20000 /* of SQLite's machine between two looks at the clock */

struct store_reader {
	sqlite3 *db;
	int64_t limit_us, start_us; /* of the question that is being asked; start_us 0: none */
	sqlite3_stmt *statements[QUESTION_COUNT];
};

static int
open_database(struct store_reader *reader, const char *path)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &reader->db, flags, NULL);
	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(reader->db, 2000);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(reader->db, SQLITE_LIMIT_ATTACHED, 0);
	return sqlite3_exec(reader->db,
	    "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;"
	    "PRAGMA cache_size = -4096; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY",
	    NULL, NULL, NULL);
}

enum result
store_reader_open(const char *path, struct store_reader **out_reader, struct failure *failure)
{
	struct store_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	int code = open_database(reader, path);
	enum result result;
	if (code == SQLITE_CANTOPEN)
		result = failure_set(failure, RESULT_NOT_FOUND,
		    "%s: there is no store here that can be read; does [store] directory name the "
		    "daemon's, and may this user read it?",
		    path);
	else if (code != SQLITE_OK)
		result = failure_set(failure, sql_result(code), "%s: %s", path,
		    reader->db == NULL ? "no memory" : sqlite3_errmsg(reader->db));
	else
		result = schema_check(reader->db, path, failure);
	if (result != RESULT_OK) {
		store_reader_close(reader);
		return result;
	}
	*out_reader = reader;
	return RESULT_OK;
}

static int
is_late(void *context)
{
	struct store_reader *reader = context;
	int64_t now_us = clock_monotonic_us();
	if (reader->start_us == 0)
		reader->start_us = now_us;
	return now_us - reader->start_us > reader->limit_us;
}

void
store_reader_set_limit(struct store_reader *reader, int64_t limit_us)
{
	reader->limit_us = limit_us;
	sqlite3_progress_handler(reader->db, limit_us == 0 ? 0 : PROGRESS_STEPS, is_late, reader);
}

enum result
reader_ask(struct store_reader *reader, enum question question, const char *sql,
    sqlite3_stmt **out_statement)
{
	sqlite3_stmt **statement = &reader->statements[question];
	int code = *statement != NULL ? SQLITE_OK : sql_prepare(reader->db, sql, statement);
	*out_statement = *statement;
	return sql_result(code);
}

void
reader_bind_text(sqlite3_stmt *statement, const char *name, struct slice text)
{
	int index = sqlite3_bind_parameter_index(statement, name);
	if (index > 0)
		sql_bind_text(statement, index, text);
}

void
reader_bind_number(sqlite3_stmt *statement, const char *name, int64_t number)
{
	int index = sqlite3_bind_parameter_index(statement, name);
	if (index > 0)
		sqlite3_bind_int64(statement, index, number);
}

void
reader_bind_limit(sqlite3_stmt *statement, size_t limit)
{
	reader_bind_number(statement, ":limit", limit == 0 ? -1 : (int64_t)limit);
}

void
reader_bind_hours(sqlite3_stmt *statement, int64_t from_us, int64_t to_us)
{
	int64_t to_hour = (to_us + CLOCK_HOUR_US - 1) / CLOCK_HOUR_US;
	reader_bind_number(statement, ":from", from_us / CLOCK_HOUR_US);
	reader_bind_number(statement, ":to", to_us == 0 ? INT64_MAX : to_hour);
}

void
reader_bind_times(sqlite3_stmt *statement, int64_t from_us, int64_t to_us)
{
	reader_bind_number(statement, ":from", from_us);
	reader_bind_number(statement, ":to", to_us == 0 ? INT64_MAX : to_us);
}

struct slice
reader_filled(sqlite3_stmt *statement, int column)
{
	struct slice text = sql_text(statement, column);
	return text.len == 0 ? SLICE_NONE : text;
}

/* The statement's values go, too, since they point to the caller's. */
enum result
reader_finish(struct store_reader *reader, sqlite3_stmt *statement, int code)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	reader->start_us = 0;
	return (code & 0xff) == SQLITE_INTERRUPT ? RESULT_LIMIT : sql_result(code);
}

enum result
store_read_catalogue(struct store_reader *reader, int64_t after_code, size_t limit,
    catalogue_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	int code;
	enum result result = reader_ask(reader, QUESTION_CATALOGUE,
	    "SELECT code, name, kind, permanence, action FROM error_catalogue"
	    " WHERE code > :after ORDER BY code LIMIT :limit",
	    &statement);
	if (result != RESULT_OK)
		return result;
	reader_bind_number(statement, ":after", after_code);
	reader_bind_limit(statement, limit);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct catalogue_row row = {.code = sqlite3_column_int64(statement, 0),
		    .name = sql_text(statement, 1),
		    .kind = sql_text(statement, 2),
		    .permanence = sql_text(statement, 3),
		    .action = sql_text(statement, 4)};
		on_row(context, &row);
	}
	return reader_finish(reader, statement, code);
}

enum result
store_read_cursor(struct store_reader *reader, uint64_t *out_cursor)
{
	sqlite3_stmt *statement;
	enum result result =
	    reader_ask(reader, QUESTION_CURSOR, "SELECT cursor FROM state", &statement);
	if (result != RESULT_OK)
		return result;
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out_cursor = (uint64_t)sqlite3_column_int64(statement, 0);
	return reader_finish(reader, statement, code);
}

sqlite3 *
store_reader_handle(struct store_reader *reader)
{
	return reader->db;
}

const char *
store_reader_error(const struct store_reader *reader)
{
	return sqlite3_errmsg(reader->db);
}

void
store_reader_close(struct store_reader *reader)
{
	if (reader == NULL)
		return;
	for (size_t i = 0; i < QUESTION_COUNT; i++)
		sqlite3_finalize(reader->statements[i]);
	sqlite3_close_v2(reader->db);
	free(reader);
}
