/* sql: what the store's own files share of SQLite. No other folder includes it. */
#ifndef DLRD_STORE_SQL_H
#define DLRD_STORE_SQL_H

#include "dlrd/base/slice.h"

#include <sqlite3.h>

/* SQLite's result code as ours. */
enum result sql_result(int code);

/* Prepares a statement that lives as long as its connection. Returns SQLite's code. */
int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement);

/* Runs a statement that gives no rows and leaves it ready to run again. Returns SQLite's code. */
int sql_run(sqlite3_stmt *statement);

/* Runs sql, the first column of whose first row is a number. Untouched where there is no row. */
int sql_number(sqlite3 *db, const char *sql, int64_t *out_number);

/* Binds text that stays good until the statement is reset; absent text is NULL. */
void sql_bind_text(sqlite3_stmt *statement, int index, struct slice text);

/* The same, as bytes. */
void sql_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes);

/* The same as sql_bind_text, with absent text as an empty one. */
void sql_bind_name(sqlite3_stmt *statement, int index, struct slice text);

/* A column's text, good until the next step; absent for NULL. */
struct slice sql_text(sqlite3_stmt *statement, int column);

#endif
