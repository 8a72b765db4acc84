#include "database.h"

#include <string.h>

enum result
database_result(int code)
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
database_sync_failed(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

void
database_describe(sqlite3 *db, int error, char *out_text, size_t size)
{
	int code = sqlite3_errcode(db) & 0xff;
	bool by_system = code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN;
	if (by_system && error != 0)
		sqlite3_snprintf((int)size, out_text, "%s%s: %s", sqlite3_errmsg(db),
		    database_sync_failed(db) ? " in a sync" : "", strerror(error));
	else
		sqlite3_snprintf((int)size, out_text, "%s", sqlite3_errmsg(db));
}

int
database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement)
{
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_statement, NULL);
}

int
database_run(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : code;
}

int
database_number(sqlite3 *db, const char *sql, int64_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		*out_number = sqlite3_column_int64(statement, 0);
		code = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return code;
}

void
database_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
	if (text.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_text(statement, index, text.ptr, (int)text.len, SQLITE_STATIC);
}

void
database_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes)
{
	if (bytes.ptr == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_blob(statement, index, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
}

struct slice
database_column(sqlite3_stmt *statement, int index)
{
	const char *bytes = sqlite3_column_blob(statement, index);
	size_t len = (size_t)sqlite3_column_bytes(statement, index);
	if (sqlite3_column_type(statement, index) == SQLITE_NULL)
		return SLICE_NONE;
	return (struct slice){bytes == NULL ? "" : bytes, len};
}

enum result
database_check_owner(sqlite3 *db, const char *path, const struct database_owner *owner,
    bool *out_fresh, struct failure *failure)
{
	int64_t version = 0, application = 0, tables = 0;
	int code = database_number(db, "PRAGMA user_version", &version);
	if (code == SQLITE_OK)
		code = database_number(db, "PRAGMA application_id", &application);
	if (code == SQLITE_OK)
		code = database_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (code != SQLITE_OK)
		return failure_set(
		    failure, database_result(code), "%s: %s", path, sqlite3_errmsg(db));
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
database_create(sqlite3 *db, const char *path, const struct database_owner *owner,
    const char *schema, struct failure *failure)
{
	char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; %s"
				    "PRAGMA user_version = %d; COMMIT;",
	    owner->application_id, schema, owner->version);
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	if (code != SQLITE_OK)
		return failure_set(
		    failure, database_result(code), "%s: %s", path, sqlite3_errmsg(db));
	return RESULT_OK;
}
