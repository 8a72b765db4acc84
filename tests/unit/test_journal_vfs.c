/* journal_vfs: all bytes that SQLite has written are in the file when a commit returns. */
#include "testing.h"

#include "../../src/journal/journal_vfs.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ROW_BYTES 1000

static char *directory;

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

static void
run(sqlite3 *db, const char *sql)
{
	char *error = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		print_error("%s: %s\n", sql, error);
	assert_null(error);
}

/* Opens the file with a cache of a few pages, so that longer transactions are written and read
 * before they commit. A NULL vfs is the default layer. */
static sqlite3 *
open_file(const char *vfs)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	assert_int_equal(sqlite3_open_v2(path_in(directory, "file.db"), &db, flags, vfs), 0);
	run(db, "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 4;"
		"CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, bytes BLOB)");
	return db;
}

static int
insert(sqlite3 *db, int count)
{
	char *sql = sqlite3_mprintf(
	    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	    "INSERT INTO t(bytes) SELECT randomblob(%d) FROM n",
	    count, ROW_BYTES);
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return code;
}

static int64_t
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static int64_t
rows_of(sqlite3 *db)
{
	assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE "
				    "integrity_check = 'ok'"),
	    1);
	return number(db, "SELECT count(*) FROM t");
}

/* Copies the database and its log as they are in the files, and counts what recovery finds. */
static int64_t
rows_after_crash(void)
{
	char command[4096];
	snprintf(command, sizeof command,
	    "cd '%s' && rm -f copy.db* && cp file.db copy.db && "
	    "if [ -e file.db-wal ]; then cp file.db-wal copy.db-wal; fi",
	    directory);
	assert_int_equal(system(command), 0);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path_in(directory, "copy.db"), &db), SQLITE_OK);
	int64_t rows = rows_of(db);
	sqlite3_close(db);
	return rows;
}

static void
a_commit_is_in_the_file_and_seen_by_other_connections(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL)), *other = open_file(NULL);
	int64_t total = 0;

	for (int count = 1; count < 3000; count = count * 3 + 1) {
		assert_int_equal(insert(db, count), SQLITE_OK);
		total += count;
		assert_int_equal(rows_of(other), total);
		assert_int_equal(rows_after_crash(), total);
	}
	sqlite3_close(other);
	sqlite3_close(db);
}

static void
a_transaction_that_was_rolled_back_leaves_nothing(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL));

	assert_int_equal(insert(db, 10), SQLITE_OK);
	for (int count = 1; count < 3000; count *= 7) {
		run(db, "BEGIN");
		assert_int_equal(insert(db, count), SQLITE_OK);
		run(db, "UPDATE t SET bytes = zeroblob(2000); ROLLBACK");
		assert_int_equal(rows_after_crash(), 10);
	}
	assert_int_equal(insert(db, 5), SQLITE_OK);
	assert_int_equal(rows_of(db), 15);
	assert_int_equal(rows_after_crash(), 15);
	sqlite3_close(db);
}

static void
a_checkpoint_is_in_the_database(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL));

	for (int i = 1; i <= 5; i++) {
		assert_int_equal(insert(db, 500), SQLITE_OK);
		run(db, "DELETE FROM t WHERE id % 2 = 0");
		int64_t rows = rows_of(db);
		run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
		assert_int_equal(rows_of(db), rows);
		assert_int_equal(rows_after_crash(), rows);
	}
	sqlite3_close(db);
}

static void
set_file_size_limit(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
a_write_that_fails_fails_its_commit_alone(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL));
	struct stat log;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(insert(db, 20), SQLITE_OK);
	assert_int_equal(stat(path_in(directory, "file.db-wal"), &log), 0);
	for (int count = 5; count < 2000; count *= 3) {
		set_file_size_limit((rlim_t)log.st_size + 10000);
		assert_int_equal(insert(db, count * 10), SQLITE_FULL);
		assert_int_equal(journal_vfs_errno(), EFBIG);
		set_file_size_limit(RLIM_INFINITY);
		assert_int_equal(rows_of(db), 20);
		assert_int_equal(rows_after_crash(), 20);
	}
	assert_int_equal(insert(db, 1), SQLITE_OK);
	assert_int_equal(rows_after_crash(), 21);
	sqlite3_close(db);
}

static void
closing_writes_all(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL));

	assert_int_equal(insert(db, 700), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(rows_after_crash(), 700);
	db = open_file(NULL);
	assert_int_equal(rows_of(db), 700);
	sqlite3_close(db);
}

/* The reason for the layer: a commit is one write, however many pages it has. */
static void
a_commit_is_one_write(void **state)
{
	(void)state;
	sqlite3 *db = open_file(journal_vfs_register(NULL));
	char before[512] = "", after[512] = "";

	assert_int_equal(insert(db, 100), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		FILE *file = fopen("/proc/self/io", "r");
		if (file == NULL)
			skip();
		char *text = i == 0 ? before : after;
		text[fread(text, 1, sizeof before - 1, file)] = '\0';
		fclose(file);
		if (i == 0)
			assert_int_equal(insert(db, 100), SQLITE_OK);
	}
	long writes = strtol(strstr(after, "syscw: ") + 7, NULL, 10) -
		      strtol(strstr(before, "syscw: ") + 7, NULL, 10);
	assert_int_equal(writes, 1);
	sqlite3_close(db);
}

int
main(void)
{
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(a_commit_is_in_the_file_and_seen_by_other_connections),
	    IN_DIRECTORY(a_transaction_that_was_rolled_back_leaves_nothing),
	    IN_DIRECTORY(a_checkpoint_is_in_the_database),
	    IN_DIRECTORY(a_write_that_fails_fails_its_commit_alone),
	    IN_DIRECTORY(closing_writes_all),
	    IN_DIRECTORY(a_commit_is_one_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
