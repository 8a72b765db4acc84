/* sqlite: opens, configures and uses a SQLite database.
 *
 * The journal, the quarantine and the store share this module, so that durability, failed syncs and
 * changes by other programs are handled in one place. Only their folders include it.
 *
 * Functions that return int return SQLite's code. Connections are opened without a mutex: a
 * connection, its statements and its struct sqlite_log belong to one thread. Nothing here logs. */
#pragma once

#include "dlrd/base/slice.h"
#include "dlrd/base/wal_file.h"

#include <sqlite3.h>

/* How long a connection waits for a lock of another process. */
#define SQLITE_BUSY_MS 5000

/* --- results --- */

/* Converts SQLite's result code. */
enum result sqlite_result(int code);

/* Returns whether the last call failed in a sync. The disk may then lack pages that the kernel
 * considers written. */
bool sqlite_sync_failed(sqlite3 *db);

/* Writes SQLite's text for the last failure. If the operating system caused the failure, appends
 * the text for error, an errno (0: unknown). */
void sqlite_describe(sqlite3 *db, int error, char *out_text, size_t size);

/* Sets failure to "PATH: SQLite's text" and returns sqlite_result(code). db may be NULL, which
 * means that memory is short. */
must_check enum result sqlite_fail(
    sqlite3 *db, const char *path, int code, struct failure *failure);

/* --- open and close --- */

/* Opens the file at path to read and write it, and creates it if it is missing. vfs: name of the
 * file layer, NULL for the default one. *out_db must be closed, also after a failure. */
int sqlite_open(const char *path, const char *vfs, sqlite3 **out_db);

/* Opens an existing file for queries only. *out_db must be closed, also after a failure. */
int sqlite_open_to_read(const char *path, sqlite3 **out_db);

/* Properties of a connection that writes. */
struct sqlite_settings {
	int page_size; /* bytes; for a new file */
	bool synced;   /* a commit returns after its sync (synchronous = FULL); else NORMAL */
	int cache_kib;
	const char *pragmas; /* further ones, each ended by a semicolon; NULL: none */
};

/* Configures a connection that writes: a write-ahead log without automatic checkpoints. Reads the
 * log mode and synchronous back; returns RESULT_IO if SQLite refused one of them. */
must_check enum result sqlite_configure(
    sqlite3 *db, const char *path, const struct sqlite_settings *settings, struct failure *failure);

/* Closing the last connection copies the log into the file, unless this was called before. db may
 * be NULL. */
void sqlite_forbid_checkpoint_on_close(sqlite3 *db);

/* --- owner of a file --- */

/* Marks in the header of a file, and the file's name in messages. */
struct sqlite_owner {
	const char *name; /* "journal" */
	int application_id, version;
	int oldest; /* first version that its module can convert; 0: only version is accepted */
};

/* Checks the owner before anything in the file is changed. *out_fresh is whether the file is empty.
 * Returns RESULT_CORRUPT if the file has another owner or version. */
must_check enum result sqlite_check_owner(sqlite3 *db, const char *path,
    const struct sqlite_owner *owner, bool *out_fresh, struct failure *failure);

/* Marks a fresh file as the owner's and creates its tables, in one transaction. */
must_check enum result sqlite_create(sqlite3 *db, const char *path,
    const struct sqlite_owner *owner, const char *schema, struct failure *failure);

/* --- statements --- */

/* Prepares a statement that lives as long as its connection. */
int sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement);

/* A statement of a module's struct: its SQL, and the offset of its sqlite3_stmt * there. A row
 * without SQL ends a table. */
struct sqlite_statement {
	const char *sql;
	size_t offset;
};

/* Prepares a table's statements in the struct owner, which was zero; NULL means that memory is
 * short. After a failure some are prepared. */
int sqlite_prepare_all(sqlite3 *db, const struct sqlite_statement *table, void *owner);

/* Finalizes a table's statements in the struct owner, and clears them. owner may be NULL, or hold
 * only some of them. */
void sqlite_finalize_all(const struct sqlite_statement *table, void *owner);

/* Allocates a struct of that size, all zero, with a table's statements. *out_owner is to be
 * released by sqlite_free_owner, and is NULL after a failure. */
must_check enum result sqlite_new_owner(
    sqlite3 *db, const struct sqlite_statement *table, size_t size, void **out_owner);

/* Finalizes a table's statements in the struct owner, and frees it. owner may be NULL. */
void sqlite_free_owner(const struct sqlite_statement *table, void *owner);

/* Runs a statement whose rows are not needed, and resets it. */
int sqlite_run(sqlite3_stmt *statement);

/* Runs a statement and resets it. Reads the number in the first column of its first row; 0 if there
 * is no row. */
must_check enum result sqlite_first_number(sqlite3_stmt *statement, int64_t *out_number);

/* Runs a statement and resets it. Reads whether it has a row. */
must_check enum result sqlite_has_row(sqlite3_stmt *statement, bool *out_has);

/* Reads a number from the first column of the first row. *out_number is unchanged if there is no
 * row. */
int sqlite_number(sqlite3 *db, const char *sql, int64_t *out_number);

/* Bind text or bytes, which must stay valid until the statement is reset. An absent slice is NULL.
 */
void sqlite_bind_text(sqlite3_stmt *statement, int index, struct slice text);
void sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes);

/* Binds text as sqlite_bind_text does, but an absent slice as an empty one. */
void sqlite_bind_name(sqlite3_stmt *statement, int index, struct slice text);

/* Returns a column's text or bytes, valid until the next step; absent for NULL. */
struct slice sqlite_column(sqlite3_stmt *statement, int column);

/* Returns a column's number, or fallback for NULL. */
int64_t sqlite_column_or(sqlite3_stmt *statement, int column, int64_t fallback);

/* Rolls back, if a transaction is open. SQLite may have rolled back by itself
 * (lang_transaction.html, "Response To Errors Within A Transaction"). */
void sqlite_roll_back(sqlite3 *db);

/* --- write-ahead log and checkpoints --- */

/* The log of a connection that writes. */
struct sqlite_log {
	struct wal_file file;
	int pages;              /* in the log, as of the last commit */
	bool known;             /* nothing was written to the log since that commit */
	bool checkpoint_failed; /* a sync failed in a checkpoint: no further one may be tried */
};

/* path, which is copied, is the database's. */
must_check enum result sqlite_log_init(struct sqlite_log *log, const char *path, size_t page_size);

/* Counts the pages of the log from now on. To be called after sqlite_configure, since PRAGMA
 * wal_autocheckpoint replaces the hook. log must outlive the connection. */
void sqlite_log_follow(struct sqlite_log *log, sqlite3 *db);

/* Bytes in the log as of the last commit. */
uint64_t sqlite_log_bytes(const struct sqlite_log *log);

/* Looks for changes by another program, with all that is known of the log. closely: as for
 * wal_file_look. */
enum wal_state sqlite_log_look(const struct sqlite_log *log, bool closely);

/* Copies the log into the file as far as readers allow. *out_pages is the number of pages in the
 * log, *out_copied the number of copied ones; both may be NULL. */
int sqlite_checkpoint(sqlite3 *db, int *out_pages, int *out_copied);

/* Copies the whole log into the file and truncates the log. Waits wait_ms for readers, then returns
 * SQLITE_BUSY. */
int sqlite_log_empty(struct sqlite_log *log, sqlite3 *db, int wait_ms);

/* Evaluates the code of a checkpoint. Sets checkpoint_failed, and forbids a checkpoint on close, if
 * a sync failed: the next open reads the pages from the log again. */
void sqlite_log_note_checkpoint(struct sqlite_log *log, sqlite3 *db, int code);

/* Returns whether SQLite finds no file, or another one, at the database's path. SQLite treats every
 * failure of stat(2) as a move, also a folder that may not be searched. */
bool sqlite_has_moved(sqlite3 *db);

/* Accepts a struct of zeros. */
void sqlite_log_done(struct sqlite_log *log);
