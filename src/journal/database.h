/* database: what journal.db and quarantine.db share of SQLite. Inside the journal's folder only. */
#ifndef DLRD_JOURNAL_DATABASE_H
#define DLRD_JOURNAL_DATABASE_H

#include "dlrd/base/slice.h"

#include <sqlite3.h>

/* SQLite's result code as ours. */
enum result database_result(int code);

/* Whether the last call failed because a sync did: then pages that the kernel calls clean may not
 * be on the disk. */
bool database_sync_failed(sqlite3 *db);

/* Writes SQLite's text for the last failure, and that of error, an errno, if the system caused it.
 */
void database_describe(sqlite3 *db, int error, char *out_text, size_t size);

/* Prepares a statement that lives as long as its connection. Returns SQLite's code. */
int database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement);

/* Runs a statement that gives no rows and leaves it ready to run again. Returns SQLite's code. */
int database_run(sqlite3_stmt *statement);

/* The first column of the first row, as a number. Returns SQLite's code. */
int database_number(sqlite3 *db, const char *sql, int64_t *out_number);

/* Binds text, or bytes, that stay good until the statement is reset; absent is NULL. */
void database_bind_text(sqlite3_stmt *statement, int index, struct slice text);
void database_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes);

/* A column's bytes, good until the next step; absent for NULL. */
struct slice database_column(sqlite3_stmt *statement, int index);

/* Whose a file is: the marks in its header, and what it is called in messages. */
struct database_owner {
	const char *name; /* "journal" */
	int application_id, version;
	int oldest; /* version that its module can bring to this one; 0: none but version */
};

/* Looks whose file it is before anything in it is changed. *out_fresh is whether it is empty.
 * RESULT_CORRUPT where it is another's. */
must_check enum result database_check_owner(sqlite3 *db, const char *path,
    const struct database_owner *owner, bool *out_fresh, struct failure *failure);

/* Marks a fresh file as the owner's and creates its tables, all or nothing. */
must_check enum result database_create(sqlite3 *db, const char *path,
    const struct database_owner *owner, const char *schema, struct failure *failure);

#endif
