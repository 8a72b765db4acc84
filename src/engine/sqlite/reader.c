#include "dlrd/engine/reader.h"

#include "dlrd/base/buffer.h"
#include "dlrd/base/clock.h"
#include "dlrd/engine/tables.h"
#include "open_tables.h"
#include "parameters.h"
#include "reader_handle.h"
#include "schema.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_SIZE_MIN 32768 /* of a log; sqlite.org/walformat.html */
#define ASKED_MAX 128        /* statements of the table of questions; more are our own bug */
#define PROGRESS_STEPS 20000 /* of SQLite's virtual machine between two checks of the clock */

struct store_reader {
	sqlite3 *db;
	int64_t limit_us, start_us; /* of the current question; start_us 0: none */
	const _Atomic bool *stop;   /* may be NULL */
	sqlite3_stmt *statements[READER_QUESTION_COUNT];
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} asked[ASKED_MAX]; /* questions of the table, in the order they were first asked */
};

/* Reads from the file, so that the log and its index are opened as well. */
static int
prepare_connection(struct store_reader *reader)
{
	sqlite3_busy_timeout(reader->db, 2000);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(reader->db, SQLITE_LIMIT_ATTACHED, 0);
	return sqlite3_exec(reader->db,
	    "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;"
	    "PRAGMA cache_size = -4096; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
	    "SELECT count(*) FROM sqlite_schema",
	    NULL, NULL, NULL);
}

/* sqlite.org/uri.html */
static char *
uri_of(const char *path)
{
	struct buffer uri = BUFFER_EMPTY;
	buffer_append(&uri, SLICE("file:"));
	for (const char *at = path; *at != '\0'; at++)
		if (*at == '%' || *at == '?' || *at == '#')
			buffer_appendf(&uri, "%%%02X", (unsigned)*at);
		else
			buffer_append_byte(&uri, *at);
	buffer_append(&uri, SLICE("?immutable=1"));
	buffer_append_byte(&uri, '\0');
	if (uri.failed)
		buffer_done(&uri);
	return uri.ptr;
}

/* Opens a store whose log index cannot be created, since the disk is full or cannot be written. No
 * daemon has the store open then, or the index would exist. So no lock is needed, and the index is
 * kept in memory. Without a log there is nothing to index. */
static int
open_without_files(struct store_reader *reader, const char *path)
{
	char log_path[4096];
	struct stat log;

	snprintf(log_path, sizeof log_path, "%s-wal", path);
	bool has_log = stat(log_path, &log) == 0 && log.st_size > 0;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	char *uri = has_log ? NULL : uri_of(path);
	int code;
	if (has_log)
		code = sqlite3_open_v2(path, &reader->db, flags, "unix-none");
	else if (uri == NULL)
		return SQLITE_NOMEM;
	else
		code = sqlite3_open_v2(uri, &reader->db, flags | SQLITE_OPEN_URI, NULL);
	free(uri);
	if (code == SQLITE_OK && has_log)
		code =
		    sqlite3_exec(reader->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	return code == SQLITE_OK ? prepare_connection(reader) : code;
}

static bool
may_lack_room(int code)
{
	int kind = code & 0xff;
	return kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR || kind == SQLITE_FULL ||
	       kind == SQLITE_READONLY;
}

/* Removes an index that did not reach its minimum size and so is useless. */
static void
remove_stub(const char *index_path)
{
	struct stat index;
	if (stat(index_path, &index) == 0 && index.st_size < INDEX_SIZE_MIN)
		unlink(index_path);
}

static int
open_database(struct store_reader *reader, const char *path)
{
	char index_path[4096];
	snprintf(index_path, sizeof index_path, "%s-shm", path);
	bool had_index = access(index_path, F_OK) == 0;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &reader->db, flags, NULL);
	if (code == SQLITE_OK)
		code = prepare_connection(reader);
	if (!may_lack_room(code) || access(path, R_OK) != 0)
		return code;

	sqlite3_close_v2(reader->db);
	reader->db = NULL;
	if (!had_index)
		remove_stub(index_path);
	return open_without_files(reader, path);
}

static enum result
fail_unopened(const char *path, struct failure *failure)
{
	if (access(path, R_OK) != 0 && errno == ENOENT)
		return failure_set(failure, RESULT_NOT_FOUND,
		    "%s: no store here; dlrd creates it when it first starts: start dlrd, or check "
		    "that [store] directory is the daemon's",
		    path);
	return failure_set(failure, RESULT_NOT_FOUND,
	    "%s: no readable store here; check that [store] directory is the daemon's and "
	    "that this user may read it",
	    path);
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
		result = fail_unopened(path, failure);
	else if (code != SQLITE_OK)
		result = failure_set(failure, sqlite_result(code), "%s: %s", path,
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
	return now_us - reader->start_us > reader->limit_us ||
	       (reader->stop != NULL && atomic_load(reader->stop));
}

void
store_reader_set_stop(struct store_reader *reader, const _Atomic bool *stop)
{
	reader->stop = stop;
}

void
store_reader_set_limit(struct store_reader *reader, int64_t limit_us)
{
	reader->limit_us = limit_us;
	sqlite3_progress_handler(reader->db, limit_us == 0 ? 0 : PROGRESS_STEPS, is_late, reader);
}

enum result
reader_ask(struct store_reader *reader, enum reader_question question, const char *sql,
    sqlite3_stmt **out_statement)
{
	sqlite3_stmt **statement = &reader->statements[question];
	int code = *statement != NULL ? SQLITE_OK : sqlite_prepare(reader->db, sql, statement);
	*out_statement = *statement;
	return sqlite_result(code);
}

static bool
is_tag(const char *name)
{
	return strcmp(name, ":workspace") == 0 || strcmp(name, ":campaign") == 0 ||
	       strcmp(name, ":variant") == 0;
}

/* Stored tags are UTF-8. A caller who copied a tag from a callback's URL means the repaired
 * name. */
static void
bind_repaired(sqlite3_stmt *statement, int index, struct slice text)
{
	struct buffer repaired = BUFFER_EMPTY;
	buffer_append_repaired(&repaired, text);
	/* If memory is short, the text is bound unrepaired: NULL would mean no filter. */
	struct slice bound = repaired.failed ? text : buffer_slice(&repaired);
	sqlite3_bind_text(statement, index, bound.ptr, (int)bound.len, SQLITE_TRANSIENT);
	buffer_done(&repaired);
}

void
reader_bind_text(sqlite3_stmt *statement, const char *name, struct slice text)
{
	int index = sqlite3_bind_parameter_index(statement, name);
	if (index <= 0)
		return;
	if (is_tag(name) && !slice_is_utf8(text))
		bind_repaired(statement, index, text);
	else
		sqlite_bind_text(statement, index, text);
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
reader_bind_times(sqlite3_stmt *statement, int64_t from_us, int64_t to_us)
{
	reader_bind_number(statement, ":from", from_us);
	reader_bind_number(statement, ":to", to_us == 0 ? INT64_MAX : to_us);
}

struct slice
reader_filled(sqlite3_stmt *statement, int column)
{
	struct slice text = sqlite_column(statement, column);
	return text.len == 0 ? SLICE_NONE : text;
}

/* The bound values are cleared as well, since they point to the caller's memory. */
enum result
reader_finish(struct store_reader *reader, sqlite3_stmt *statement, int code)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	reader->start_us = 0;
	return (code & 0xff) == SQLITE_INTERRUPT ? RESULT_LIMIT : sqlite_result(code);
}

/* --- questions of the table --- */

/* The statement for sql, prepared when it is asked for the first time. */
static enum result
statement_of(struct store_reader *reader, const char *sql, sqlite3_stmt **out_statement)
{
	size_t i = 0;
	while (i < ASKED_MAX && reader->asked[i].sql != NULL && reader->asked[i].sql != sql)
		i++;
	assert(i < ASKED_MAX);

	int code = SQLITE_OK;
	if (reader->asked[i].statement == NULL)
		code = sqlite_prepare(reader->db, sql, &reader->asked[i].statement);
	if (code == SQLITE_OK)
		reader->asked[i].sql = sql;
	*out_statement = reader->asked[i].statement;
	return sqlite_result(code);
}

static void
bind_value(sqlite3_stmt *statement, int index, const struct store_value *value)
{
	switch (value->kind) {
	case STORE_NULL: return;
	case STORE_INT: sqlite3_bind_int64(statement, index, value->number); return;
	case STORE_REAL: sqlite3_bind_double(statement, index, value->real); return;
	case STORE_TEXT: sqlite_bind_text(statement, index, value->text); return;
	case STORE_TAG:
		if (slice_is_utf8(value->text))
			sqlite_bind_text(statement, index, value->text);
		else
			bind_repaired(statement, index, value->text);
		return;
	}
}

static void
bind_values(sqlite3_stmt *statement, const struct store_question *question)
{
	for (size_t i = 0; i < question->parameter_count; i++) {
		char name[24];
		snprintf(name, sizeof name, "$%zu", i + 1);
		int index = sqlite3_bind_parameter_index(statement, name);
		if (index > 0)
			bind_value(statement, index, &question->parameters[i]);
	}
}

/* The number of the statement's column called name; -1: it has none. */
static int
column_of(sqlite3_stmt *statement, const char *name)
{
	int column = sqlite3_column_count(statement) - 1;
	while (column >= 0 && strcmp(sqlite3_column_name(statement, column), name) != 0)
		column--;
	return column;
}

static bool
find_columns(sqlite3_stmt *statement, const struct store_question *question, int *out_columns)
{
	assert(question->column_count <= STORE_COLUMNS_MAX);
	for (size_t i = 0; i < question->column_count; i++) {
		const char *name = question->columns[i];
		out_columns[i] = name == NULL ? -1 : column_of(statement, name);
		if (name != NULL && out_columns[i] < 0)
			return false;
	}
	return true;
}

static struct store_value
value_of(sqlite3_stmt *statement, int column)
{
	switch (column < 0 ? SQLITE_NULL : sqlite3_column_type(statement, column)) {
	case SQLITE_NULL: return (struct store_value){.kind = STORE_NULL};
	case SQLITE_INTEGER:
		return (struct store_value){
		    .kind = STORE_INT, .number = sqlite3_column_int64(statement, column)};
	case SQLITE_FLOAT:
		return (struct store_value){
		    .kind = STORE_REAL, .real = sqlite3_column_double(statement, column)};
	default:
		return (struct store_value){
		    .kind = STORE_TEXT, .text = sqlite_column(statement, column)};
	}
}

enum result
store_ask(struct store_reader *reader, const struct store_question *question,
    store_values_fn on_row, void *context)
{
	int columns[STORE_COLUMNS_MAX], code;
	struct store_value values[STORE_COLUMNS_MAX];
	sqlite3_stmt *statement;
	enum result result = statement_of(reader, question->sql, &statement);
	if (result != RESULT_OK)
		return result;
	if (!find_columns(statement, question, columns))
		return RESULT_INVALID;

	bind_values(statement, question);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		for (size_t i = 0; i < question->column_count; i++)
			values[i] = value_of(statement, columns[i]);
		on_row(context, values);
	}
	return reader_finish(reader, statement, code);
}

enum result
store_read_cursor(struct store_reader *reader, uint64_t *out_cursor)
{
	sqlite3_stmt *statement;
	enum result result =
	    reader_ask(reader, READER_CURSOR, "SELECT cursor FROM state", &statement);
	if (result != RESULT_OK)
		return result;

	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out_cursor = (uint64_t)sqlite3_column_int64(statement, 0);
	return reader_finish(reader, statement, code);
}

enum result
store_reader_begin(struct store_reader *reader, struct tables *out_tables,
    struct engine_parameters *out_parameters)
{
	*out_tables = (struct tables){.names = NULL};
	enum result result = sqlite_result(sqlite3_exec(reader->db, "BEGIN", NULL, NULL, NULL));
	if (result == RESULT_OK)
		result = tables_open(reader->db, out_tables);
	return result == RESULT_OK ? parameters_read(reader->db, out_parameters) : result;
}

void
store_reader_end(struct store_reader *reader, struct tables *tables)
{
	tables_close(tables);
	sqlite3_exec(reader->db, "COMMIT", NULL, NULL, NULL);
}

enum result
store_reader_parameters(struct store_reader *reader, struct engine_parameters *out_parameters)
{
	return parameters_read(reader->db, out_parameters);
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
	for (size_t i = 0; i < READER_QUESTION_COUNT; i++)
		sqlite3_finalize(reader->statements[i]);
	for (size_t i = 0; i < ASKED_MAX; i++)
		sqlite3_finalize(reader->asked[i].statement);
	sqlite3_close_v2(reader->db);
	free(reader);
}
