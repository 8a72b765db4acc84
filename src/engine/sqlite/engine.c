#include "dlrd/engine/engine.h"

#include "dlrd/base/sqlite.h"
#include "dlrd/base/sqlite_recovery.h"
#include "open_tables.h"
#include "parameters.h"
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define CACHE_KIB 16384       /* the inner pages of the SID index of ten million messages */
#define READER_WAIT_MS 500    /* for readers that keep the log */
#define PROGRESS_STEPS 100000 /* of SQLite's virtual machine, some milliseconds */

struct engine {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *rollback, *move_cursor;
	struct tables tables;
	uint64_t cursor;
	int64_t from_version, to_version;
	struct sqlite_log log;
	struct engine_options options;
	char error[256];
};

#define FIELD(name) offsetof(struct engine, name)

static const struct sqlite_statement statements[] = {
    {"BEGIN IMMEDIATE", FIELD(begin)},
    {"COMMIT", FIELD(commit)},
    {"ROLLBACK", FIELD(rollback)},
    {"UPDATE state SET cursor = ?1", FIELD(move_cursor)},
    {NULL, 0},
};

/* Commits need no sync, since the journal keeps what is not yet in the synced part of the store. */
static const struct sqlite_settings settings = {.page_size = PAGE_SIZE,
    .synced = false,
    .cache_kib = CACHE_KIB,
    .pragmas = "PRAGMA foreign_keys = OFF;"};

/* SQLite has no reason for a failure that is not its own, such as rows that contradict each other.
 */
enum result
engine_note(struct engine *engine, enum result result)
{
	if (result == RESULT_OK || engine->db == NULL)
		return result;

	bool by_sqlite = sqlite_result(sqlite3_errcode(engine->db)) != RESULT_OK;
	sqlite3_snprintf(sizeof engine->error, engine->error, "%s",
	    by_sqlite ? sqlite3_errmsg(engine->db) : result_text(result));
	return result;
}

const char *
engine_error(const struct engine *engine)
{
	return engine->error;
}

/* --- opening --- */

static int
report_progress(void *context)
{
	const struct engine *engine = context;
	const struct engine_options *options = &engine->options;
	return options->on_progress(options->context, engine->from_version, engine->to_version) ? 0
												: 1;
}

void
engine_watch(struct engine *engine, bool on)
{
	bool watched = on && engine->options.on_progress != NULL;
	sqlite3_progress_handler(
	    engine->db, watched ? PROGRESS_STEPS : 0, watched ? report_progress : NULL, engine);
}

/* Checks the owner before anything in the file is changed. */
static enum result
prepare_file(struct engine *engine, const char *path, struct failure *failure)
{
	int code = sqlite_open(path, NULL, &engine->db);
	if (code != SQLITE_OK)
		return sqlite_fail(engine->db, path, code, failure);

	enum result result = schema_check_owner(engine->db, path, failure);
	if (result == RESULT_OK)
		result = sqlite_configure(engine->db, path, &settings, failure);
	if (result != RESULT_OK)
		return result;

	sqlite_log_follow(&engine->log, engine->db);
	result =
	    schema_versions(engine->db, path, &engine->from_version, &engine->to_version, failure);
	engine_watch(engine, true);
	if (result == RESULT_OK)
		result = schema_bring_up(engine->db, path, failure);
	engine_watch(engine, false);
	return result;
}

/* Reads the cursor. One that no journal reaches is damage: after it, nothing would be counted. */
static int
read_cursor(sqlite3 *db, int64_t *out_cursor)
{
	int64_t cursor = 0;
	int code = sqlite_number(db, "SELECT cursor FROM state", &cursor);
	if (code == SQLITE_OK && (cursor < 0 || cursor > ENGINE_CURSOR_MAX))
		code = SQLITE_CORRUPT;
	if (code == SQLITE_OK)
		*out_cursor = cursor;
	return code;
}

static enum result
open_tables(struct engine *engine)
{
	int64_t cursor = 0;
	int code = sqlite_prepare_all(engine->db, statements, engine);
	if (code == SQLITE_OK)
		code = read_cursor(engine->db, &cursor);
	engine->cursor = (uint64_t)cursor;
	if (code != SQLITE_OK)
		return sqlite_result(code);

	names_repair(engine->db);
	return tables_open(engine->db, &engine->tables);
}

enum result
engine_open(
    const struct engine_options *options, struct engine **out_engine, struct failure *failure)
{
	struct engine *engine = calloc(1, sizeof *engine);
	if (engine == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	engine->options = *options;
	enum result result = sqlite_log_init(&engine->log, options->path, PAGE_SIZE);
	if (result != RESULT_OK) {
		free(engine);
		return failure_set(failure, result, "no memory");
	}

	result = prepare_file(engine, options->path, failure);
	if (result == RESULT_OK) {
		result = open_tables(engine);
		if (engine_note(engine, result) != RESULT_OK)
			failure_set(failure, result, "%s: %s", options->path, engine_error(engine));
	}
	if (result != RESULT_OK) {
		engine_close(engine);
		return result;
	}

	*out_engine = engine;
	return RESULT_OK;
}

void
engine_opened(struct engine *engine)
{
	wal_file_open(&engine->log.file);
}

const struct tables *
engine_tables(const struct engine *engine)
{
	return &engine->tables;
}

void
engine_versions(const struct engine *engine, int64_t *out_from, int64_t *out_to)
{
	*out_from = engine->from_version;
	*out_to = engine->to_version;
}

enum result
engine_peek_cursor(const char *path, uint64_t *out_cursor)
{
	sqlite3 *db = NULL;
	int64_t application = 0, cursor = 0;
	struct stat info;

	if (stat(path, &info) != 0)
		return errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO;
	if (!S_ISREG(info.st_mode))
		return RESULT_IO; /* opening a FIFO would wait for its other end */

	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "PRAGMA application_id", &application);
	if (code == SQLITE_OK && application != SCHEMA_APPLICATION_ID)
		code = SQLITE_NOTADB;
	if (code == SQLITE_OK)
		code = read_cursor(db, &cursor);
	sqlite3_close_v2(db);
	if (code == SQLITE_OK)
		*out_cursor = (uint64_t)cursor;
	return sqlite_result(code);
}

/* --- parameters --- */

enum result
engine_read_parameters(struct engine *engine, struct engine_parameters *out_parameters)
{
	return parameters_read(engine->db, out_parameters);
}

enum result
engine_write_parameters(struct engine *engine, const struct engine_parameters *parameters)
{
	return parameters_write(engine->db, parameters);
}

/* --- transactions --- */

uint64_t
engine_cursor(const struct engine *engine)
{
	return engine->cursor;
}

enum result
engine_begin(struct engine *engine)
{
	return engine_note(engine, sqlite_result(sqlite_run(engine->begin)));
}

enum result
engine_commit(struct engine *engine, uint64_t cursor)
{
	sqlite3_bind_int64(engine->move_cursor, 1, (sqlite3_int64)cursor);
	enum result result = sqlite_result(sqlite_run(engine->move_cursor));
	if (result == RESULT_OK)
		result = sqlite_result(sqlite_run(engine->commit));
	if (result == RESULT_OK)
		engine->cursor = cursor;
	return engine_note(engine, result);
}

enum result
engine_sync_commits(struct engine *engine, bool on)
{
	const char *sql = on ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
	return engine_note(engine, sqlite_result(sqlite3_exec(engine->db, sql, NULL, NULL, NULL)));
}

void
engine_rollback(struct engine *engine)
{
	if (sqlite3_get_autocommit(engine->db) == 0)
		sqlite_run(engine->rollback);
	engine->log.known = false; /* the log may have restarted */
	if (engine->tables.names != NULL)
		names_forget(engine->tables.names);
}

/* --- write-ahead log and checkpoints --- */

/* A failed write is repeated by the next checkpoint; a failed sync ends the checkpoints. */
static enum result
note_checkpoint(struct engine *engine, int code)
{
	sqlite_log_note_checkpoint(&engine->log, engine->db, code);
	return engine_note(engine, sqlite_result(code));
}

enum result
engine_checkpoint(struct engine *engine, uint64_t *out_synced)
{
	int pages = 0, copied = 0;
	if (engine->log.checkpoint_failed)
		return RESULT_OK;

	int code = sqlite_checkpoint(engine->db, &pages, &copied);
	if (code == SQLITE_BUSY)
		return RESULT_OK;

	/* The file is synced after its last page was copied; a reader may have held some pages
	 * back. */
	if (code == SQLITE_OK && pages == copied)
		*out_synced = engine->cursor;
	return note_checkpoint(engine, code);
}

bool
engine_checkpoints_ended(const struct engine *engine)
{
	return engine->log.checkpoint_failed;
}

enum engine_place
engine_look(struct engine *engine)
{
	struct stat now;
	const char *path = sqlite3_db_filename(engine->db, "main");
	if (sqlite_has_moved(engine->db) && (stat(path, &now) == 0 || errno == ENOENT))
		return ENGINE_MOVED;

	switch (sqlite_log_look(&engine->log, true)) {
	case WAL_SOUND: return ENGINE_IN_PLACE;
	case WAL_REMOVED: return ENGINE_LOG_REMOVED;
	case WAL_CUT: return ENGINE_LOG_CUT;
	}
	return ENGINE_IN_PLACE;
}

bool
engine_owns_log(const struct engine *engine)
{
	return access(engine->log.file.path, F_OK) == 0 &&
	       wal_file_look(&engine->log.file, 0, false) == WAL_SOUND;
}

enum result
engine_save(struct engine *engine)
{
	return note_checkpoint(engine, sqlite_log_empty(&engine->log, engine->db, READER_WAIT_MS));
}

void
engine_keep_log(struct engine *engine)
{
	sqlite_forbid_checkpoint_on_close(engine->db);
}

enum result
engine_recover_alone(const char *path, struct failure *failure)
{
	return sqlite_recover_alone(path, READER_WAIT_MS, failure);
}

uint64_t
engine_log_bytes(const struct engine *engine)
{
	return wal_file_bytes(&engine->log.file);
}

uint64_t
engine_wal_bytes(const struct engine *engine)
{
	return sqlite_log_bytes(&engine->log);
}

void
engine_close(struct engine *engine)
{
	if (engine == NULL)
		return;

	sqlite_finalize_all(statements, engine);
	tables_close(&engine->tables);
	sqlite3_close_v2(engine->db);
	sqlite_log_done(&engine->log);
	free(engine);
}
