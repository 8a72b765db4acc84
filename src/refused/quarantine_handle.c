#include "quarantine_handle.h"

#define VERSION 4

/* Commits need no sync: the requests were answered 403, which promises nothing. */
static const struct sqlite_settings settings = {.page_size = QUARANTINE_PAGE_SIZE,
    .synced = false,
    .cache_kib = 2048,
    .pragmas = "PRAGMA journal_size_limit = 1048576; PRAGMA temp_store = MEMORY;"};

static const struct sqlite_owner owner = {
    .name = "quarantine", .application_id = 0x646c7271 /* "dlrq" */, .version = VERSION};

/* From each version to the next. */
static const char *const steps[VERSION - 1] = {
    "ALTER TABLE request ADD COLUMN settings TEXT",
    "ALTER TABLE request ADD COLUMN stray INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE request ADD COLUMN peer TEXT",
};

/* aged_us is the time at which an entry was stored, by the clock of its age. draw is its eviction
 * priority. size is counted by bytes_max. Long columns are last, so that they need not be read. */
static const char schema[] =
    "CREATE TABLE request("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " digest BLOB NOT NULL UNIQUE,"
    " first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"
    " proven INTEGER NOT NULL,"
    " from_trusted_proxy INTEGER NOT NULL,"
    " aged_us INTEGER NOT NULL,"
    " draw INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " method TEXT,"
    " route TEXT,"
    " account TEXT,"
    " cause TEXT,"
    " signature TEXT,"
    " host TEXT,"
    " forwarded_proto TEXT,"
    " forwarded_host TEXT,"
    " original_uri BLOB,"
    " media_type TEXT,"
    " target BLOB,"
    " body BLOB,"
    " settings TEXT,"
    " stray INTEGER NOT NULL DEFAULT 0,"
    " peer TEXT"
    ") STRICT;"
    "CREATE INDEX request_group ON request(proven, account, route, cause, from_trusted_proxy,"
    " aged_us, draw, size);"
    "CREATE INDEX request_age ON request(aged_us);"
    /* The clock of the age, the wall time that it last followed, and how often the file was
     * opened; writing that verifies that the file is writable. */
    "CREATE TABLE clock(id INTEGER PRIMARY KEY CHECK(id = 1), age_us INTEGER NOT NULL,"
    " seen_us INTEGER NOT NULL, opened INTEGER NOT NULL) STRICT;"
    "INSERT INTO clock VALUES(1, 0, 0, 0);";

#define COLUMNS                                                                            \
	"id, first_us, last_us, count, proven, from_trusted_proxy, method, target, route," \
	" media_type, body, account, signature, host, forwarded_proto, forwarded_host,"    \
	" original_uri, cause, settings, stray, peer"

static const char *const question_texts[QUARANTINE_QUESTION_COUNT] = {
    [QUARANTINE_QUESTION_OLDEST] =
	"SELECT " COLUMNS " FROM request WHERE id > ?1 ORDER BY id LIMIT ?2",
    [QUARANTINE_QUESTION_NEWEST] =
	"SELECT " COLUMNS " FROM request WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    [QUARANTINE_QUESTION_ONE] = "SELECT " COLUMNS " FROM request WHERE id = ?1",
};

/* --- opening and closing --- */

/* Returns the version of a file that an older dlrd has written; 0 for the current version or
 * another program's file. */
static int64_t
older_version(sqlite3 *db)
{
	int64_t application = 0, version = 0;
	if (sqlite_number(db, "PRAGMA application_id", &application) != SQLITE_OK ||
	    sqlite_number(db, "PRAGMA user_version", &version) != SQLITE_OK)
		return 0; /* sqlite_check_owner reports the reason */
	return application == owner.application_id && version < VERSION ? version : 0;
}

static int
migrate(sqlite3 *db)
{
	int code = SQLITE_OK;
	for (int64_t version; code == SQLITE_OK && (version = older_version(db)) > 0;) {
		char *sql =
		    sqlite3_mprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %lld; COMMIT;",
			steps[version - 1], (long long)version + 1);
		code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(db, sql, NULL, NULL, NULL);
		sqlite3_free(sql);
		if (code != SQLITE_OK)
			sqlite_roll_back(db);
	}

	return code;
}

static int
prepare_questions(struct quarantine_handle *handle)
{
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < QUARANTINE_QUESTION_COUNT; i++)
		code = sqlite_prepare(handle->db, question_texts[i], &handle->questions[i]);
	return code;
}

enum result
quarantine_handle_open(struct quarantine_handle *handle, const char *path, struct failure *failure)
{
	int code = sqlite_open(path, NULL, &handle->db);
	if (code == SQLITE_OK)
		code = migrate(handle->db);
	if (code != SQLITE_OK)
		return sqlite_fail(handle->db, path, code, failure);

	bool fresh = false;
	enum result result = sqlite_check_owner(handle->db, path, &owner, &fresh, failure);
	if (result == RESULT_OK)
		result = sqlite_configure(handle->db, path, &settings, failure);
	if (result == RESULT_OK && fresh)
		result = sqlite_create(handle->db, path, &owner, schema, failure);
	if (result != RESULT_OK)
		return result;

	/* Files of the first versions lack this index. */
	code = sqlite3_exec(handle->db,
	    "CREATE INDEX IF NOT EXISTS request_signature ON request(signature)", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = prepare_questions(handle);

	return code == SQLITE_OK ? RESULT_OK : sqlite_fail(handle->db, path, code, failure);
}

enum result
quarantine_handle_open_to_read(
    struct quarantine_handle *handle, const char *path, struct failure *failure)
{
	int code = sqlite_open_to_read(path, &handle->db);
	if (code == SQLITE_CANTOPEN)
		return failure_set(failure, RESULT_NOT_FOUND,
		    "%s: no readable quarantine here; check that [store] directory is the daemon's "
		    "and that this user may read it",
		    path);
	if (code != SQLITE_OK)
		return sqlite_fail(handle->db, path, code, failure);

	if (older_version(handle->db) > 0)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s: was written by an earlier dlrd; start the daemon once, which converts it",
		    path);

	bool fresh = false;
	enum result result = sqlite_check_owner(handle->db, path, &owner, &fresh, failure);
	if (result == RESULT_OK && fresh)
		return failure_set(failure, RESULT_NOT_FOUND, "%s: is empty", path);
	if (result != RESULT_OK)
		return result;

	code = prepare_questions(handle);
	return code == SQLITE_OK ? RESULT_OK : sqlite_fail(handle->db, path, code, failure);
}

void
quarantine_handle_close(struct quarantine_handle *handle)
{
	for (size_t i = 0; i < QUARANTINE_QUESTION_COUNT; i++) {
		sqlite3_finalize(handle->questions[i]);
		handle->questions[i] = NULL;
	}
	sqlite3_close_v2(handle->db);
	handle->db = NULL;
}

/* --- reading --- */

static struct quarantined
request_of(sqlite3_stmt *row)
{
	return (struct quarantined){
	    .id = (uint64_t)sqlite3_column_int64(row, 0),
	    .incoming.arrived_us = sqlite3_column_int64(row, 1),
	    .last_us = sqlite3_column_int64(row, 2),
	    .count = (uint64_t)sqlite3_column_int64(row, 3),
	    .proven = sqlite3_column_int(row, 4) != 0,
	    .incoming.from_trusted_proxy = sqlite3_column_int(row, 5) != 0,
	    .incoming.method = sqlite_column(row, 6),
	    .incoming.target = sqlite_column(row, 7),
	    .route = sqlite_column(row, 8),
	    .incoming.media_type = sqlite_column(row, 9),
	    .incoming.body = sqlite_column(row, 10),
	    .account = sqlite_column(row, 11),
	    .incoming.signature = sqlite_column(row, 12),
	    .incoming.host = sqlite_column(row, 13),
	    .incoming.forwarded_proto = sqlite_column(row, 14),
	    .incoming.forwarded_host = sqlite_column(row, 15),
	    .incoming.original_uri = sqlite_column(row, 16),
	    .cause = sqlite_column(row, 17),
	    .incoming.signatures = 1, /* others are not stored */
	    .incoming.settings = sqlite_column(row, 18),
	    .stray = sqlite3_column_int(row, 19) != 0,
	    .incoming.peer = sqlite_column(row, 20),
	};
}

/* Calls on_request with each row of a query whose parameters are bound. *out_code is unchanged if
 * the callback ended it. */
static enum result
hand_out(sqlite3_stmt *question, quarantined_fn on_request, void *context, int *out_code,
    size_t *out_rows)
{
	enum result result = RESULT_OK;
	int code = SQLITE_ROW;
	size_t rows = 0;
	while (result == RESULT_OK && (code = sqlite3_step(question)) == SQLITE_ROW) {
		struct quarantined request = request_of(question);
		rows++;
		result = on_request(context, &request);
	}

	if (result == RESULT_OK)
		*out_code = code == SQLITE_DONE ? SQLITE_OK : code;

	*out_rows = rows;
	return result;
}

enum result
quarantine_handle_each(struct quarantine_handle *handle, const struct quarantine_page *page,
    quarantined_fn on_request, void *context, int *out_code)
{
	sqlite3_stmt *question = handle->questions[page->newest_first ? QUARANTINE_QUESTION_NEWEST
								      : QUARANTINE_QUESTION_OLDEST];
	size_t rows;
	uint64_t beyond = page->beyond_id;
	if ((beyond == 0 && page->newest_first) || beyond > INT64_MAX)
		beyond = INT64_MAX;
	sqlite3_bind_int64(question, 1, (sqlite3_int64)beyond);
	sqlite3_bind_int64(
	    question, 2, page->limit > INT64_MAX ? INT64_MAX : (sqlite3_int64)page->limit);
	enum result result = hand_out(question, on_request, context, out_code, &rows);
	sqlite3_reset(question);
	return result;
}

enum result
quarantine_handle_get(struct quarantine_handle *handle, uint64_t id, quarantined_fn on_request,
    void *context, int *out_code)
{
	sqlite3_stmt *question = handle->questions[QUARANTINE_QUESTION_ONE];
	size_t rows;
	sqlite3_bind_int64(question, 1, (sqlite3_int64)id);
	enum result result = hand_out(question, on_request, context, out_code, &rows);
	sqlite3_reset(question);
	return result != RESULT_OK || rows > 0 || *out_code != SQLITE_OK ? result
									 : RESULT_NOT_FOUND;
}
