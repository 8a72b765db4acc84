#define _GNU_SOURCE /* fallocate */
#include "dlrd/journal/journal.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/disk.h"
#include "dlrd/base/sqlite.h"
#include "dlrd/base/sqlite_recovery.h"
#include "log_check.h"
#include "timed_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PAGE_SIZE 8192 /* a receipt is half a kilobyte; bigger pages copy less often */

#define GIVE_BACK_PAGES 256 /* in one step */
#define GIVE_BACK_PAGES_TEXT "256"
#define VACUUM_BYTES_MAX (16u * 1024 * 1024) /* in use: rewriting the file takes a moment */
#define PROBE_PAGES 16                       /* of the tree, in addition to the entries */
#define READER_WAIT_MS 500                   /* for a reader that prevents a reset of the log */

/* The promise "2xx means durable" needs synced commits; sqlite_configure reads the setting back. */
static const struct sqlite_settings settings = {.page_size = PAGE_SIZE,
    .synced = true,
    .cache_kib = 2048,
    .pragmas = "PRAGMA auto_vacuum = INCREMENTAL;"};

static const struct sqlite_owner owner = {
    .name = "journal", .application_id = 0x646c726a /* "dlrj" */, .version = 2, .oldest = 1};

/* Opening and probing the file write opened_us, to verify that the file is writable. */
static const char schema[] =
    "CREATE TABLE entry("
    " seq INTEGER PRIMARY KEY,"
    " received_us INTEGER NOT NULL,"
    " method TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " query BLOB,"
    " media_type TEXT,"
    " body BLOB,"
    " account TEXT NOT NULL,"
    " signature TEXT"
    ") STRICT;"
    "CREATE TABLE proof(id INTEGER PRIMARY KEY CHECK(id = 1), opened_us INTEGER NOT NULL) STRICT;"
    "INSERT INTO proof VALUES(1, 0);";

struct journal {
	sqlite3 *db; /* NULL after a failed journal_reopen */
	sqlite3_stmt *begin, *commit, *rollback, *insert, *prove, *oldest, *trim, *pages;
	char *path;
	struct metric *fsync_seconds;
	uint64_t last_seq;
	uint64_t restart_seq; /* of the options */
	bool opened;          /* at least once */
	struct journal_found found;
	struct sqlite_log log;
	char error[256];
};

static enum result
note_error(struct journal *journal, int code)
{
	if (code == SQLITE_OK)
		return RESULT_OK;
	if (journal->db == NULL)
		sqlite3_snprintf(sizeof journal->error, journal->error, "closed");
	else
		sqlite_describe(
		    journal->db, timed_vfs_errno(), journal->error, sizeof journal->error);
	return sqlite_result(code);
}

/* Version 1 had no signatures. Its entries stay as they are. */
static enum result
bring_up(struct journal *journal)
{
	int64_t version = 0;
	int code = sqlite_number(journal->db, "PRAGMA user_version", &version);
	if (code == SQLITE_OK && version == 1)
		code = sqlite3_exec(journal->db,
		    "BEGIN IMMEDIATE; ALTER TABLE entry ADD COLUMN signature TEXT;"
		    "PRAGMA user_version = 2; COMMIT",
		    NULL, NULL, NULL);
	if (code != SQLITE_OK)
		sqlite_roll_back(journal->db);
	return note_error(journal, code);
}

#define FIELD(name) offsetof(struct journal, name)

static const struct sqlite_statement statements[] = {
    {"BEGIN IMMEDIATE", FIELD(begin)},
    {"COMMIT", FIELD(commit)},
    {"ROLLBACK", FIELD(rollback)},
    {"INSERT INTO entry VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", FIELD(insert)},
    {"UPDATE proof SET opened_us = max(opened_us + 1, ?1)", FIELD(prove)},
    {"SELECT seq, received_us FROM entry ORDER BY seq LIMIT 1", FIELD(oldest)},
    {"DELETE FROM entry WHERE seq BETWEEN ?1 AND ?2 AND received_us < ?3", FIELD(trim)},
    {"SELECT (c.page_count - f.freelist_count) * s.page_size FROM pragma_page_count c,"
     " pragma_freelist_count f, pragma_page_size s",
	FIELD(pages)},
    {NULL, 0},
};

static void
close_handle(struct journal *journal)
{
	wal_file_close(&journal->log.file);
	sqlite_finalize_all(statements, journal);
	sqlite3_close_v2(journal->db);
	journal->db = NULL;
}

static enum result
read_last_seq(struct journal *journal)
{
	int64_t last = 0;
	int code = sqlite_number(journal->db, "SELECT coalesce(max(seq), 0) FROM entry", &last);
	if (code == SQLITE_OK && (uint64_t)last > journal->last_seq)
		journal->last_seq = (uint64_t)last;
	return note_error(journal, code);
}

static enum result
look_at_entries(struct journal *journal)
{
	int64_t first = 0, last = 0;
	int code = sqlite_number(journal->db, "SELECT coalesce(min(seq), 0) FROM entry", &first);
	if (code == SQLITE_OK)
		code = sqlite_number(journal->db, "SELECT coalesce(max(seq), 0) FROM entry", &last);
	journal->found.first_seq = (uint64_t)first;
	journal->found.last_seq = (uint64_t)last;
	return note_error(journal, code);
}

/* Makes the recovered contents of the log durable. They may be in memory only: if a sync failed,
 * Linux keeps the pages and marks them clean, and no later sync of the log writes them. Therefore
 * the log is copied into the file, which is synced, and reset. Otherwise new frames would follow
 * frames that a power cut can remove. */
static enum result
settle_log(struct journal *journal, int wait_ms)
{
	int code = sqlite_log_empty(&journal->log, journal->db, wait_ms);
	if (code == SQLITE_OK)
		journal->log.checkpoint_failed = false;
	return note_error(journal, code);
}

/* Rewrites the first len bytes of the log, so that the pages are dirty again and the sync writes
 * them. Bytes after them were never committed; they are cut, so that a later check does not take
 * them for entries. */
static bool
write_again(int fd, off_t len)
{
	char bytes[65536];
	struct stat now;
	if (fstat(fd, &now) != 0 || (now.st_size > len && ftruncate(fd, len) != 0))
		return false;
	for (off_t at = 0; at < len;) {
		size_t wanted = len - at < (off_t)sizeof bytes ? (size_t)(len - at) : sizeof bytes;
		ssize_t part = pread(fd, bytes, wanted, at);
		if (part <= 0 || pwrite(fd, bytes, (size_t)part, at) != part)
			return false;
		at += part;
	}

	return fdatasync(fd) == 0;
}

/* Rewrites the frames that SQLite reads. The transaction excludes other writers. */
static enum result
write_log_again(struct journal *journal)
{
	int frames = 0;
	int code = sqlite_checkpoint(journal->db, &frames, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(journal->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return note_error(journal, code);

	int fd = open(journal->log.file.path, O_RDWR | O_CLOEXEC);
	bool written =
	    fd >= 0 && write_again(fd, wal_file_size(&journal->log.file, (size_t)frames));
	if (fd >= 0)
		close(fd);
	sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	if (!written)
		sqlite3_snprintf(sizeof journal->error, journal->error, "its log cannot be synced");

	return written ? RESULT_OK : RESULT_IO;
}

/* Makes the recovered contents of the log durable. A reader in another process may prevent the
 * reset of the log. It must not delay callbacks, so in that case the log is rewritten with its own
 * bytes instead. */
static enum result
settle_found(struct journal *journal)
{
	enum result result = settle_log(journal, READER_WAIT_MS);
	return result == RESULT_BUSY ? write_log_again(journal) : result;
}

/* Adds the reason and the file to SQLite's message for a disk that is not writable. */
static enum result
explain(const struct journal *journal, enum result result, struct failure *failure)
{
	char trouble[DISK_TROUBLE_SIZE];
	struct failure plain = *failure;
	if ((result == RESULT_IO || result == RESULT_FULL) &&
	    disk_trouble(journal->path, trouble) && strstr(plain.text, trouble) == NULL)
		failure_set(failure, result, "%.250s: %s", plain.text, trouble);
	return result;
}

static enum result
open_handle(struct journal *journal, struct failure *failure)
{
	const char *vfs = timed_vfs_register(journal->fsync_seconds);
	int code = sqlite_open(journal->path, vfs, &journal->db);
	if (code != SQLITE_OK)
		return sqlite_fail(journal->db, journal->path, code, failure);

	bool fresh = false;
	enum result result =
	    sqlite_check_owner(journal->db, journal->path, &owner, &fresh, failure);
	if (result == RESULT_OK)
		result = sqlite_configure(journal->db, journal->path, &settings, failure);
	if (result == RESULT_OK && fresh)
		result = sqlite_create(journal->db, journal->path, &owner, schema, failure);
	if (result != RESULT_OK)
		return result;

	sqlite_log_follow(&journal->log, journal->db);
	if (journal->log.checkpoint_failed)
		sqlite_forbid_checkpoint_on_close(journal->db);
	result = settle_found(journal);
	if (result == RESULT_OK)
		result = bring_up(journal);
	if (result == RESULT_OK)
		result = note_error(journal, sqlite_prepare_all(journal->db, statements, journal));
	if (result == RESULT_OK)
		result = read_last_seq(journal);
	if (!journal->opened && (fresh || journal->found.log_damaged) &&
	    journal->last_seq < journal->restart_seq)
		journal->last_seq = journal->restart_seq;
	if (result == RESULT_OK)
		result = look_at_entries(journal);
	if (result == RESULT_OK)
		result = journal_probe(journal, 0);
	if (result != RESULT_OK)
		return failure_set(failure, result, "%s: %s", journal->path, journal->error);

	wal_file_open(&journal->log.file);
	return RESULT_OK;
}

/* Checks the log before SQLite reads it and overwrites the part that it does not read. */
static enum result
look_at_log(struct journal *journal, struct failure *failure)
{
	struct log_check check;
	enum result result = log_check(journal->log.file.path, &check);
	if (result != RESULT_OK)
		return failure_set(
		    failure, result, "%s: %s", journal->log.file.path, strerror(errno));
	journal->found.log_damaged = check.damaged;
	journal->found.log_kept =
	    check.damaged && log_check_keep(journal->log.file.path) == RESULT_OK;
	return RESULT_OK;
}

enum result
journal_new(
    const struct journal_options *options, struct journal **out_journal, struct failure *failure)
{
	struct journal *journal = calloc(1, sizeof *journal);
	if (journal == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	journal->path = strdup(options->path);
	journal->fsync_seconds = options->fsync_seconds;
	journal->last_seq = options->min_seq;
	journal->restart_seq = options->restart_seq;
	if (journal->path == NULL ||
	    sqlite_log_init(&journal->log, options->path, PAGE_SIZE) != RESULT_OK) {
		journal_close(journal);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}

	*out_journal = journal;
	return RESULT_OK;
}

enum result
journal_reopen(struct journal *journal, struct failure *failure)
{
	close_handle(journal);
	enum result result = journal->opened ? RESULT_OK : look_at_log(journal, failure);
	if (result == RESULT_OK)
		result = open_handle(journal, failure);
	if (result == RESULT_OK) {
		journal->opened = true;
		return RESULT_OK;
	}

	close_handle(journal);
	return explain(journal, result, failure);
}

static int
insert(struct journal *journal, const struct journal_entry *entry, uint64_t seq)
{
	sqlite3_bind_int64(journal->insert, 1, (sqlite3_int64)seq);
	sqlite3_bind_int64(journal->insert, 2, entry->received_us);
	sqlite_bind_text(journal->insert, 3, entry->method);
	sqlite_bind_text(journal->insert, 4, entry->route);
	sqlite_bind_bytes(journal->insert, 5, entry->query);
	sqlite_bind_text(journal->insert, 6, entry->media_type);
	sqlite_bind_bytes(journal->insert, 7, entry->body);
	sqlite_bind_text(journal->insert, 8, entry->account);
	sqlite_bind_text(journal->insert, 9, entry->signature);
	return sqlite_run(journal->insert);
}

/* SQLite may or may not have rolled back by itself (sqlite.org/lang_transaction.html, "Response To
 * Errors Within A Transaction"). */
static enum result
give_up(struct journal *journal, int code)
{
	enum result result = note_error(journal, code);
	journal->log.known = false; /* it may have been reset */
	if (sqlite3_get_autocommit(journal->db) == 0)
		sqlite_run(journal->rollback);
	return result;
}

enum result
journal_append(struct journal *journal, struct journal_entry *const *entries, size_t count)
{
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);

	int code = sqlite_run(journal->begin);
	for (size_t i = 0; code == SQLITE_OK && i < count; i++)
		code = insert(journal, entries[i], journal->last_seq + 1 + i);

	/* The promise "2xx means durable" is kept here: with synchronous=FULL, COMMIT returns after
	 * the fsync of the log. */
	if (code == SQLITE_OK)
		code = sqlite_run(journal->commit);
	if (code != SQLITE_OK)
		return give_up(journal, code);
	for (size_t i = 0; i < count; i++)
		entries[i]->seq = ++journal->last_seq;

	return RESULT_OK;
}

/* Reserves room for the next frames of the log. Pages are written whole, and some more than once:
 * it takes a quarter more than the bytes, and a few pages of the tree. If the file system cannot
 * reserve, its free blocks are checked. */
static int
reserve(const struct journal *journal, size_t bytes)
{
	const struct wal_file *log = &journal->log.file;
	off_t start = wal_file_size(log, (size_t)journal->log.pages);
	off_t wanted = wal_file_size(log, bytes / PAGE_SIZE * 5 / 4 + PROBE_PAGES);
	struct statvfs disk;

	if (log->fd < 0 || fallocate(log->fd, FALLOC_FL_KEEP_SIZE, start, wanted) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return errno;
	if (fstatvfs(log->fd, &disk) != 0)
		return errno;

	return (off_t)(disk.f_bavail * disk.f_frsize) < wanted ? ENOSPC : 0;
}

enum result
journal_probe(struct journal *journal, size_t bytes)
{
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);

	sqlite3_bind_int64(journal->prove, 1, clock_wall_us());
	int code = sqlite_run(journal->prove);
	if (code != SQLITE_OK)
		return give_up(journal, code);

	int error = bytes > 0 ? reserve(journal, bytes) : 0;
	if (error == 0)
		return RESULT_OK;

	sqlite3_snprintf(sizeof journal->error, journal->error,
	    "no space for callbacks of %lld bytes: %s", (long long)bytes, strerror(error));
	return RESULT_FULL;
}

enum result
journal_trim(struct journal *journal, uint64_t last_seq, int64_t before_us, size_t rows_max,
    size_t *out_removed)
{
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);

	/* The range of numbers bounds the work: entries that stay are not read. */
	int code = sqlite3_step(journal->oldest);
	uint64_t first =
	    code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(journal->oldest, 0) : 0;
	bool due = code == SQLITE_ROW && sqlite3_column_int64(journal->oldest, 1) < before_us;
	sqlite3_reset(journal->oldest);
	uint64_t last = last_seq < journal->last_seq ? last_seq : journal->last_seq - 1;
	if (last >= first + rows_max)
		last = first + rows_max - 1;
	if (code != SQLITE_ROW || !due || last < first) {
		*out_removed = 0;
		return code == SQLITE_ROW || code == SQLITE_DONE ? RESULT_OK
								 : give_up(journal, code);
	}

	sqlite3_bind_int64(journal->trim, 1, (sqlite3_int64)first);
	sqlite3_bind_int64(journal->trim, 2, (sqlite3_int64)last);
	sqlite3_bind_int64(journal->trim, 3, before_us);
	code = sqlite_run(journal->trim);
	if (code != SQLITE_OK)
		return give_up(journal, code);

	*out_removed = (size_t)sqlite3_changes(journal->db);
	return RESULT_OK;
}

/* The next checkpoint retries pages that could not be written. A failed sync ends the checkpoints.
 */
static enum result
note_checkpoint(struct journal *journal, int code)
{
	enum result result = note_error(journal, code == SQLITE_BUSY ? SQLITE_OK : code);
	sqlite_log_note_checkpoint(&journal->log, journal->db, code);
	return result;
}

enum result
journal_checkpoint(struct journal *journal)
{
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);
	if (journal->log.checkpoint_failed)
		return RESULT_OK;
	return note_checkpoint(journal, sqlite_checkpoint(journal->db, NULL, NULL));
}

/* Copies the rest of the log and truncates its file. Does not wait for readers. */
static enum result
empty_log(struct journal *journal)
{
	return note_checkpoint(journal, sqlite_log_empty(&journal->log, journal->db, 0));
}

/* Releases free pages of the file. Free pages in the middle can be released only if the file
 * records the owner of each page, which is decided when it is created. An older file is rewritten
 * once it is small. */
static int
free_pages(struct journal *journal, uint64_t free_bytes, bool *out_more)
{
	int64_t mode = 0;
	int code = sqlite_number(journal->db, "PRAGMA auto_vacuum", &mode);
	if (code != SQLITE_OK)
		return code;
	if (mode == 0)
		return journal_size(journal).live_bytes > VACUUM_BYTES_MAX
			   ? SQLITE_OK
			   : sqlite3_exec(journal->db,
				 "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA temp_store = MEMORY; "
				 "VACUUM",
				 NULL, NULL, NULL);

	*out_more = free_bytes - JOURNAL_FREE_KEPT > GIVE_BACK_PAGES * PAGE_SIZE;
	return sqlite3_exec(
	    journal->db, "PRAGMA incremental_vacuum(" GIVE_BACK_PAGES_TEXT ")", NULL, NULL, NULL);
}

enum result
journal_give_back(struct journal *journal, bool *out_more)
{
	int64_t free_pages_count = 0;
	bool more = false;
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);

	int code = sqlite_number(journal->db, "PRAGMA freelist_count", &free_pages_count);
	uint64_t free_bytes = (uint64_t)free_pages_count * PAGE_SIZE;
	if (code == SQLITE_OK && free_bytes > JOURNAL_FREE_KEPT)
		code = free_pages(journal, free_bytes, &more);
	if (code != SQLITE_OK)
		return give_up(journal, code);

	*out_more = more;
	if (more || journal->log.checkpoint_failed)
		return RESULT_OK;
	if (wal_file_bytes(&journal->log.file) > JOURNAL_LOG_KEPT)
		return empty_log(journal);

	/* The file shrinks when the log is copied into it. */
	return free_bytes > JOURNAL_FREE_KEPT ? journal_checkpoint(journal) : RESULT_OK;
}

struct journal_found
journal_found(const struct journal *journal)
{
	return journal->found;
}

bool
journal_checkpoints_ended(const struct journal *journal)
{
	return journal->log.checkpoint_failed;
}

enum journal_place
journal_look_at_place(struct journal *journal)
{
	struct stat now;
	if (journal->db == NULL || !sqlite_has_moved(journal->db))
		return JOURNAL_IN_PLACE;
	if (stat(journal->path, &now) == 0 || errno == ENOENT || errno == ENOTDIR)
		return JOURNAL_MOVED;

	sqlite3_snprintf(
	    sizeof journal->error, journal->error, "%s: %s", journal->path, strerror(errno));
	return JOURNAL_UNREACHABLE;
}

enum wal_state
journal_look_at_log(struct journal *journal, bool closely)
{
	if (journal->db == NULL)
		return WAL_SOUND;

	enum wal_state state = sqlite_log_look(&journal->log, closely);
	/* A checkpoint does not verify checksums, so closing must not copy the changed log. */
	if (state == WAL_CUT)
		sqlite_forbid_checkpoint_on_close(journal->db);
	return state;
}

enum result
journal_save(struct journal *journal)
{
	if (journal->db == NULL)
		return note_error(journal, SQLITE_IOERR);
	return settle_log(journal, SQLITE_BUSY_MS);
}

enum result
journal_recover_alone(struct journal *journal, struct failure *failure)
{
	sqlite_forbid_checkpoint_on_close(journal->db);
	close_handle(journal);
	return sqlite_recover_alone(journal->path, READER_WAIT_MS, failure);
}

struct journal_size
journal_size(struct journal *journal)
{
	struct journal_size size = {0, sqlite_log_bytes(&journal->log)};
	if (journal->db != NULL && sqlite3_step(journal->pages) == SQLITE_ROW)
		size.live_bytes = (uint64_t)sqlite3_column_int64(journal->pages, 0);
	if (journal->db != NULL)
		sqlite3_reset(journal->pages);
	return size;
}

uint64_t
journal_last_seq(const struct journal *journal)
{
	return journal->last_seq;
}

const char *
journal_error(const struct journal *journal)
{
	return journal->error;
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->db != NULL)
		close_handle(journal);
	free(journal->path);
	sqlite_log_done(&journal->log);
	free(journal);
}
