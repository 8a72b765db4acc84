/* sqlite_rows: rows of a table as structs, read and written in sets.
 *
 * A table of columns says which field of a struct is which value. Structs become a table that SQL
 * can read: one statement over many rows costs much less than one for each of them, since the
 * cursors of a table and of its indexes are opened once. Values are passed without a copy.
 *
 * The table is a virtual one (sqlite.org/vtab.html, "Eponymous virtual tables") of a single
 * connection, and is no part of its file. Belongs to the connection's thread. */
#pragma once

#include "dlrd/base/arena.h"
#include "dlrd/base/short_text.h"
#include "dlrd/base/sqlite.h"

/* The type of a field. */
enum sqlite_field {
	FIELD_NUMBER, /* int64_t */
	FIELD_ID,     /* int64_t; 0 is NULL */
	FIELD_CODE,   /* int64_t; -1 is NULL */
	FIELD_SMALL,  /* int, or an enum of its size */
	FIELD_FLAG,   /* bool */
	FIELD_TEXT,   /* struct slice; an absent one is NULL */
	FIELD_BYTES,  /* the same of a BLOB */
	FIELD_SHORT,  /* struct short_text */
};

struct sqlite_column {
	const char *name;
	enum sqlite_field type;
	size_t offset;
};

/* Rows of a struct with these columns. */
struct sqlite_rows {
	const struct sqlite_column *columns;
	size_t column_count;
	const void *const *rows;
	size_t count;
};

/* Makes *rows the table `name`. rows must live as long as db; what it points to may change between
 * two statements. Returns SQLite's code. */
int sqlite_rows_add(sqlite3 *db, const char *name, const struct sqlite_rows *rows);

/* Binds the fields of a struct to the values of a statement, in the order of the columns. They must
 * stay valid until it is reset. */
void sqlite_bind_row(
    sqlite3_stmt *statement, const struct sqlite_column *columns, size_t count, const void *row);

/* Reads the row that the statement is at, whose columns are those of the table, into a struct.
 * Texts are copied to the arena. */
void sqlite_read_row(sqlite3_stmt *statement, const struct sqlite_column *columns, size_t count,
    struct arena *arena, void *out_row);
