#include "sql.h"

enum result
sql_result(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return RESULT_OK;
	case SQLITE_NOMEM: return RESULT_NO_MEMORY;
	case SQLITE_FULL: return RESULT_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return RESULT_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return RESULT_CORRUPT;
	default: return RESULT_IO;
	}
}

int
sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement)
{
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_statement, NULL);
}

int
sql_run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK
	       : reset != SQLITE_OK                      ? reset
							 : code;
}

int
sql_number(sqlite3 *db, const char *sql, int64_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*out_number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

void
sql_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
	if (text.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_text(statement, index, text.ptr, (int)text.len, SQLITE_STATIC);
}

void
sql_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes)
{
	if (bytes.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_blob(statement, index, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
}

void
sql_bind_name(sqlite3_stmt *statement, int index, struct slice text)
{
	sql_bind_text(statement, index, text.ptr == NULL ? SLICE("") : text);
}

int64_t
sql_number_or(sqlite3_stmt *statement, int column, int64_t fallback)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL
		   ? fallback
		   : sqlite3_column_int64(statement, column);
}

struct slice
sql_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_blob(statement, column);
	size_t len = (size_t)sqlite3_column_bytes(statement, column);
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return SLICE_NONE;
	return (struct slice){text == NULL ? "" : text, len};
}
