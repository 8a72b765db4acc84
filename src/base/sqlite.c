#include "dlrd/base/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* --- results --- */

enum result
sqlite_result(int code)
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

bool
sqlite_sync_failed(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

void
sqlite_describe(sqlite3 *db, int error, char *out_text, size_t size)
{
	int code = sqlite3_errcode(db) & 0xff;
	bool by_system = code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN;

	if (by_system && error != 0)
		sqlite3_snprintf((int)size, out_text, "%s%s: %s", sqlite3_errmsg(db),
		    sqlite_sync_failed(db) ? " in a sync" : "", strerror(error));
	else
		sqlite3_snprintf((int)size, out_text, "%s", sqlite3_errmsg(db));
}

enum result
sqlite_fail(sqlite3 *db, const char *path, int code, struct failure *failure)
{
	const char *why = db == NULL ? "no memory" : sqlite3_errmsg(db);
	return failure_set(failure, sqlite_result(code), "%s: %s", path, why);
}

/* --- open and close --- */

int
sqlite_open(const char *path, const char *vfs, sqlite3 **out_db)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, out_db, flags, vfs);
	if (code == SQLITE_OK)
		sqlite3_busy_timeout(*out_db, SQLITE_BUSY_MS);
	return code;
}

int
sqlite_open_to_read(const char *path, sqlite3 **out_db)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, out_db, flags, NULL);
	if (code != SQLITE_OK)
		return code;

	sqlite3_busy_timeout(*out_db, SQLITE_BUSY_MS);
	return sqlite3_exec(*out_db,
	    "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;"
	    "PRAGMA cache_size = -1024; PRAGMA trusted_schema = OFF",
	    NULL, NULL, NULL);
}

/* Page size and auto_vacuum take effect only before the file has a first page, so they come before
 * the log mode. */
static int
set_pragmas(sqlite3 *db, const struct sqlite_settings *settings)
{
	char *sql = sqlite3_mprintf("PRAGMA page_size = %d; %s PRAGMA journal_mode = WAL;"
				    "PRAGMA synchronous = %s; PRAGMA wal_autocheckpoint = 0;"
				    "PRAGMA secure_delete = OFF; PRAGMA mmap_size = 0;"
				    "PRAGMA cache_size = -%d; PRAGMA trusted_schema = OFF",
	    settings->page_size, settings->pragmas == NULL ? "" : settings->pragmas,
	    settings->synced ? "FULL" : "NORMAL", settings->cache_kib);
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return code;
}

enum result
sqlite_configure(
    sqlite3 *db, const char *path, const struct sqlite_settings *settings, struct failure *failure)
{
	int64_t synchronous = 0, wal = 0;
	int code = set_pragmas(db, settings);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "PRAGMA synchronous", &synchronous);
	if (code == SQLITE_OK)
		code =
		    sqlite_number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal);
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);

	if (wal != 1 || synchronous != (settings->synced ? 2 : 1))
		return failure_set(failure, RESULT_IO,
		    "%s: SQLite refused journal_mode=WAL with synchronous=%s; is the directory "
		    "on a local disk?",
		    path, settings->synced ? "FULL" : "NORMAL");
	return RESULT_OK;
}

void
sqlite_forbid_checkpoint_on_close(sqlite3 *db)
{
	if (db != NULL)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* --- owner of a file --- */

enum result
sqlite_check_owner(sqlite3 *db, const char *path, const struct sqlite_owner *owner, bool *out_fresh,
    struct failure *failure)
{
	int64_t version = 0, application = 0, tables = 0;
	int code = sqlite_number(db, "PRAGMA user_version", &version);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "PRAGMA application_id", &application);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);

	bool fresh = version == 0 && application == 0 && tables == 0;
	int64_t oldest = owner->oldest > 0 ? owner->oldest : owner->version;
	bool is_ours =
	    application == owner->application_id && version >= oldest && version <= owner->version;
	if (!fresh && !is_ours)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s: not a %s that this dlrd can read (application_id %lld, version %lld)",
		    path, owner->name, (long long)application, (long long)version);

	*out_fresh = fresh;
	return RESULT_OK;
}

enum result
sqlite_create(sqlite3 *db, const char *path, const struct sqlite_owner *owner, const char *schema,
    struct failure *failure)
{
	char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; %s"
				    "PRAGMA user_version = %d; COMMIT;",
	    owner->application_id, schema, owner->version);
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return code == SQLITE_OK ? RESULT_OK : sqlite_fail(db, path, code, failure);
}

/* --- statements --- */

int
sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement)
{
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_statement, NULL);
}

static sqlite3_stmt **
field_of(const struct sqlite_statement *row, void *owner)
{
	return (void *)((char *)owner + row->offset);
}

int
sqlite_prepare_all(sqlite3 *db, const struct sqlite_statement *table, void *owner)
{
	int code = owner == NULL ? SQLITE_NOMEM : SQLITE_OK;
	for (; code == SQLITE_OK && table->sql != NULL; table++)
		code = sqlite_prepare(db, table->sql, field_of(table, owner));
	return code;
}

void
sqlite_finalize_all(const struct sqlite_statement *table, void *owner)
{
	for (; owner != NULL && table->sql != NULL; table++) {
		sqlite3_finalize(*field_of(table, owner));
		*field_of(table, owner) = NULL;
	}
}

enum result
sqlite_new_owner(sqlite3 *db, const struct sqlite_statement *table, size_t size, void **out_owner)
{
	void *owner = calloc(1, size);
	int code = sqlite_prepare_all(db, table, owner);
	if (code != SQLITE_OK) {
		sqlite_free_owner(table, owner);
		owner = NULL;
	}

	*out_owner = owner;
	return sqlite_result(code);
}

void
sqlite_free_owner(const struct sqlite_statement *table, void *owner)
{
	sqlite_finalize_all(table, owner);
	free(owner);
}

int
sqlite_run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		return SQLITE_OK;
	return reset != SQLITE_OK ? reset : code;
}

enum result
sqlite_first_number(sqlite3_stmt *statement, int64_t *out_number)
{
	int code = sqlite3_step(statement);
	*out_number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return sqlite_result(code);
}

enum result
sqlite_has_row(sqlite3_stmt *statement, bool *out_has)
{
	int code = sqlite3_step(statement);
	*out_has = code == SQLITE_ROW;
	sqlite3_reset(statement);
	return sqlite_result(code);
}

int
sqlite_number(sqlite3 *db, const char *sql, int64_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*out_number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

void
sqlite_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
	if (text.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_text(statement, index, text.ptr, (int)text.len, SQLITE_STATIC);
}

void
sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes)
{
	if (bytes.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_blob(statement, index, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
}

void
sqlite_bind_name(sqlite3_stmt *statement, int index, struct slice text)
{
	sqlite_bind_text(statement, index, text.ptr == NULL ? SLICE("") : text);
}

struct slice
sqlite_column(sqlite3_stmt *statement, int column)
{
	const char *bytes = sqlite3_column_blob(statement, column);
	size_t len = (size_t)sqlite3_column_bytes(statement, column);
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return SLICE_NONE;
	return (struct slice){bytes == NULL ? "" : bytes, len};
}

int64_t
sqlite_column_or(sqlite3_stmt *statement, int column, int64_t fallback)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL
		   ? fallback
		   : sqlite3_column_int64(statement, column);
}

void
sqlite_roll_back(sqlite3 *db)
{
	if (sqlite3_get_autocommit(db) == 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- write-ahead log and checkpoints --- */

enum result
sqlite_log_init(struct sqlite_log *log, const char *path, size_t page_size)
{
	*log = (struct sqlite_log){.pages = 0};
	return wal_file_init(&log->file, path, page_size);
}

static int
note_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_log *log = context;
	(void)db, (void)name;
	log->pages = pages;
	log->known = true;
	return SQLITE_OK;
}

void
sqlite_log_follow(struct sqlite_log *log, sqlite3 *db)
{
	sqlite3_wal_hook(db, note_pages, log);
}

uint64_t
sqlite_log_bytes(const struct sqlite_log *log)
{
	return (uint64_t)log->pages * log->file.page_size;
}

enum wal_state
sqlite_log_look(const struct sqlite_log *log, bool closely)
{
	return wal_file_look(&log->file, log->known ? (size_t)log->pages : 0, closely);
}

int
sqlite_checkpoint(sqlite3 *db, int *out_pages, int *out_copied)
{
	return sqlite3_wal_checkpoint_v2(
	    db, NULL, SQLITE_CHECKPOINT_PASSIVE, out_pages, out_copied);
}

int
sqlite_log_empty(struct sqlite_log *log, sqlite3 *db, int wait_ms)
{
	sqlite3_busy_timeout(db, wait_ms);
	int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(db, SQLITE_BUSY_MS);
	if (code == SQLITE_OK)
		log->pages = 0;
	return code;
}

void
sqlite_log_note_checkpoint(struct sqlite_log *log, sqlite3 *db, int code)
{
	log->checkpoint_failed = sqlite_result(code) == RESULT_IO && sqlite_sync_failed(db);
	if (log->checkpoint_failed)
		sqlite_forbid_checkpoint_on_close(db);
}

bool
sqlite_has_moved(sqlite3 *db)
{
	int moved = 0;
	int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return code == SQLITE_OK && moved != 0;
}

void
sqlite_log_done(struct sqlite_log *log)
{
	wal_file_done(&log->file);
}
