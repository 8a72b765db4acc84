/* journal: numbered without gaps, never twice, and never another program's file. */
#include "testing.h"

#include "dlrd/journal/journal_reader.h"

#include <sqlite3.h>
#include <sys/stat.h>

static char *directory;
static struct failure failure;

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	failure.text[0] = '\0';
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

static const char *
file_path(void)
{
	return path_in(directory, JOURNAL_FILE);
}

/* On failure *out_journal is unchanged. */
static enum result
open_journal(const struct journal_options *options, struct journal **out_journal)
{
	struct journal *journal;
	assert_ok(journal_new(options, &journal, &failure));
	enum result result = journal_reopen(journal, &failure);
	if (result == RESULT_OK)
		*out_journal = journal;
	else
		journal_close(journal);
	return result;
}

static struct journal *
open_from(uint64_t min_seq)
{
	struct journal *journal = NULL;
	struct journal_options options = {.path = file_path(), .min_seq = min_seq};
	enum result result = open_journal(&options, &journal);
	if (result != RESULT_OK)
		print_error("%s\n", failure.text);
	assert_ok(result);
	return journal;
}

static struct journal_entry
entry_at(int64_t received_us)
{
	return (struct journal_entry){.received_us = received_us,
	    .method = SLICE("POST"),
	    .route = SLICE("/sms/twilio"),
	    .query = SLICE("a=1"),
	    .media_type = SLICE("application/x-www-form-urlencoded"),
	    .body = SLICE("MessageSid=SM1"),
	    .account = SLICE("AC1")};
}

/* Appends count entries that arrived at 1, 2, 3 ... and returns the last one's number. */
static uint64_t
append(struct journal *journal, size_t count)
{
	struct journal_entry entries[64];
	struct journal_entry *list[64];
	for (size_t i = 0; i < count; i++) {
		entries[i] = entry_at((int64_t)i + 1);
		list[i] = &entries[i];
	}
	uint64_t before = journal_last_seq(journal);
	assert_ok(journal_append(journal, list, count));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(entries[i].seq, before + 1 + i);
	assert_int_equal(journal_last_seq(journal), before + count);
	return before + count;
}

struct seen {
	size_t count;
	uint64_t first, last;
	size_t stop_after;
};

static enum result
note_entry(void *context, const struct journal_entry *entry)
{
	struct seen *seen = context;
	if (seen->count == 0)
		seen->first = entry->seq;
	else
		assert_true(entry->seq > seen->last);
	seen->last = entry->seq;
	seen->count++;
	return seen->count == seen->stop_after ? RESULT_LIMIT : RESULT_OK;
}

static struct seen
read_after(uint64_t after_seq, size_t max)
{
	struct seen seen = {0};
	struct journal_reader *reader;
	assert_ok(journal_reader_open(file_path(), &reader, &failure));
	assert_ok(journal_reader_read(reader, after_seq, max, note_entry, &seen));
	journal_reader_close(reader);
	return seen;
}

static void
entries_are_numbered_from_one_without_gaps(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	assert_int_equal(journal_last_seq(journal), 0);
	assert_int_equal(append(journal, 3), 3);
	assert_int_equal(append(journal, 1), 4);
	assert_int_equal(append(journal, 64), 68);
	struct seen seen = read_after(0, 1000);
	assert_int_equal(seen.count, 68);
	assert_int_equal(seen.first, 1);
	assert_int_equal(seen.last, 68);
	journal_close(journal);
}

static void
numbers_go_on_after_opening_again(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	append(journal, 5);
	journal_close(journal);
	journal = open_from(0);
	assert_int_equal(journal_last_seq(journal), 5);
	assert_int_equal(append(journal, 1), 6);
	assert_ok(journal_reopen(journal, &failure));
	assert_int_equal(append(journal, 2), 8);
	journal_close(journal);
}

/* The projector's cursor: a journal that was lost starts behind what is projected already. */
static void
no_entry_gets_a_number_up_to_min_seq(void **state)
{
	(void)state;
	struct journal *journal = open_from(1000);
	assert_int_equal(journal_last_seq(journal), 1000);
	assert_int_equal(append(journal, 2), 1002);
	journal_close(journal);
	journal = open_from(10);
	assert_int_equal(journal_last_seq(journal), 1002);
	journal_close(journal);
	journal = open_from(2000);
	assert_int_equal(append(journal, 1), 2001);
	journal_close(journal);
}

/* Replaces the files by those that a crash would have left, with the byte of the log changed. */
static void
crash_with_damage(struct journal *journal, size_t at)
{
	const char *log_path = path_in(directory, JOURNAL_FILE "-wal");
	struct buffer file = read_whole_file(file_path()), log = read_whole_file(log_path);
	journal_close(journal);
	assert_true(at < log.len);
	log.ptr[at] ^= 1;
	write_file(file_path(), buffer_slice(&file));
	write_file(log_path, buffer_slice(&log));
	unlink(path_in(directory, JOURNAL_FILE "-shm"));
	buffer_done(&file);
	buffer_done(&log);
}

/* Numbers of entries that the log had may be the cursor's. */
static void
after_a_damaged_log_numbers_go_on_from_restart_seq(void **state)
{
	(void)state;
	const struct journal_options options = {.path = file_path(), .restart_seq = 1000};
	struct journal *journal = open_from(0);
	append(journal, 3);
	append(journal, 1);
	append(journal, 1);
	crash_with_damage(journal, 32 + 24 + 100); /* in the first frame */
	assert_ok(open_journal(&options, &journal));
	assert_true(journal_found(journal).log_damaged);
	assert_true(journal_found(journal).log_kept);
	assert_int_equal(append(journal, 1), 1001);
	assert_ok(journal_reopen(journal, &failure));
	assert_int_equal(append(journal, 1), 1002);
	journal_close(journal);

	const struct journal_options more = {.path = file_path(), .restart_seq = 2000};
	assert_ok(open_journal(&more, &journal));
	assert_false(journal_found(journal).log_damaged);
	assert_int_equal(append(journal, 1), 1003);
	journal_close(journal);
}

struct expected {
	const struct journal_entry *entry;
	size_t count;
};

static void
assert_same(struct slice a, struct slice b)
{
	assert_int_equal(a.ptr == NULL, b.ptr == NULL);
	assert_true(slice_equal(a, b));
}

static enum result
compare_entry(void *context, const struct journal_entry *entry)
{
	struct expected *expected = context;
	const struct journal_entry *wanted = &expected->entry[expected->count++];
	assert_true(entry->seq == wanted->seq && entry->received_us == wanted->received_us);
	assert_same(entry->method, wanted->method);
	assert_same(entry->route, wanted->route);
	assert_same(entry->query, wanted->query);
	assert_same(entry->media_type, wanted->media_type);
	assert_same(entry->body, wanted->body);
	assert_same(entry->account, wanted->account);
	return RESULT_OK;
}

static void
a_reader_sees_every_byte_that_was_appended(void **state)
{
	(void)state;
	static char all_bytes[256 * 40];
	for (size_t i = 0; i < sizeof all_bytes; i++)
		all_bytes[i] = (char)i;
	struct journal_entry entries[] = {
	    entry_at(5), entry_at(-3), entry_at(INT64_MAX), entry_at(0)};
	entries[0].body = entries[0].query = (struct slice){all_bytes, sizeof all_bytes};
	entries[1].body = entries[1].query = entries[1].media_type = SLICE_NONE;
	entries[2].body = entries[2].query = entries[2].media_type = SLICE("");
	entries[3].method = SLICE("GET");
	entries[3].media_type = SLICE("\xff\xfe; x=\x80");
	struct journal_entry *list[] = {&entries[0], &entries[1], &entries[2], &entries[3]};
	struct journal *journal = open_from(0);
	struct journal_reader *reader; /* opened before, reads after */
	assert_ok(journal_reader_open(file_path(), &reader, &failure));
	assert_ok(journal_append(journal, list, 4));
	struct expected expected = {.entry = entries};
	assert_ok(journal_reader_read(reader, 0, 100, compare_entry, &expected));
	assert_int_equal(expected.count, 4);
	journal_reader_close(reader);
	journal_close(journal);
}

static void
reading_is_bounded_and_can_be_stopped(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	append(journal, 20);
	struct seen seen = read_after(5, 10);
	assert_int_equal(seen.count, 10);
	assert_int_equal(seen.first, 6);
	assert_int_equal(seen.last, 15);
	assert_int_equal(read_after(20, 10).count, 0);
	struct journal_reader *reader;
	assert_ok(journal_reader_open(file_path(), &reader, &failure));
	seen = (struct seen){.stop_after = 3};
	assert_int_equal(journal_reader_read(reader, 0, 10, note_entry, &seen), RESULT_LIMIT);
	assert_int_equal(seen.count, 3);
	seen = (struct seen){0};
	assert_ok(journal_reader_read(reader, 0, 10, note_entry, &seen)); /* and restarts */
	assert_int_equal(seen.count, 10);
	journal_reader_close(reader);
	journal_close(journal);
}

static void
the_tail_reports_the_newest_number_and_the_next_arrival(void **state)
{
	(void)state;
	uint64_t last = 99;
	int64_t next_us = 99;
	struct journal *journal = open_from(0);
	struct journal_reader *reader;
	assert_ok(journal_reader_open(file_path(), &reader, &failure));
	assert_ok(journal_reader_tail(reader, 0, &last, &next_us));
	assert_int_equal(last, 0);
	assert_int_equal(next_us, 0);
	append(journal, 7);
	assert_ok(journal_reader_tail(reader, 3, &last, &next_us));
	assert_int_equal(last, 7);
	assert_int_equal(next_us, 4);
	assert_ok(journal_reader_tail(reader, 7, &last, &next_us));
	assert_int_equal(next_us, 0);
	journal_reader_close(reader);
	journal_close(journal);
}

static size_t
trim(struct journal *journal, uint64_t last_seq, int64_t before_us, size_t rows_max)
{
	size_t removed = 99;
	assert_ok(journal_trim(journal, last_seq, before_us, rows_max, &removed));
	return removed;
}

static void
only_what_is_released_and_old_is_trimmed(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	append(journal, 20);
	assert_int_equal(trim(journal, 0, INT64_MAX, 100), 0);
	assert_int_equal(trim(journal, 10, 4, 100), 3); /* arrived at 1, 2, 3 */
	assert_int_equal(read_after(0, 100).first, 4);
	assert_int_equal(trim(journal, 10, INT64_MAX, 2), 2); /* in small steps */
	assert_int_equal(trim(journal, 10, INT64_MAX, 100), 5);
	assert_int_equal(read_after(0, 100).first, 11);
	assert_int_equal(trim(journal, 10, INT64_MAX, 100), 0);
	journal_close(journal);
}

static void
the_newest_entry_stays_and_numbers_are_never_used_again(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	append(journal, 20);
	assert_int_equal(trim(journal, UINT64_C(1) << 60, INT64_MAX, 1000), 19);
	struct seen seen = read_after(0, 100);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.first, 20);
	assert_int_equal(trim(journal, UINT64_C(1) << 60, INT64_MAX, 1000), 0);
	journal_close(journal);
	journal = open_from(0);
	assert_int_equal(append(journal, 1), 21);
	assert_int_equal(trim(journal, 21, INT64_MAX, 1000), 1);
	assert_int_equal(append(journal, 1), 22);
	journal_close(journal);
}

static void
a_checkpoint_empties_the_log_and_loses_nothing(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	append(journal, 64);
	assert_true(journal_size(journal).wal_bytes > 0);
	assert_true(journal_size(journal).live_bytes > 0);
	assert_ok(journal_checkpoint(journal));
	append(journal, 1);
	assert_ok(journal_probe(journal, 0));
	assert_int_equal(read_after(0, 100).count, 65);
	journal_close(journal);
}

/* --- files of other programs --- */

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
assert_refused(enum result expected)
{
	struct journal *journal = NULL;
	struct journal_options options = {.path = file_path()};
	enum result result = open_journal(&options, &journal);
	journal_close(journal);
	assert_int_equal(result, expected);
	assert_contains(slice_of(failure.text), file_path());
}

static void
a_file_that_another_program_has_signed_is_refused(void **state)
{
	(void)state;
	run_sql(file_path(), "PRAGMA application_id = 77; CREATE TABLE notes(text)");
	assert_refused(RESULT_CORRUPT);
}

static void
a_newer_journal_is_refused(void **state)
{
	(void)state;
	journal_close(open_from(0));
	run_sql(file_path(), "PRAGMA user_version = 99");
	assert_refused(RESULT_CORRUPT);
	assert_contains(slice_of(failure.text), "version 99");
}

static enum result
note_signature(void *context, const struct journal_entry *entry)
{
	buffer_appendf(context, "%llu %.*s;", (unsigned long long)entry->seq,
	    SLICE_ARG(entry->signature.ptr == NULL ? SLICE("none") : entry->signature));
	return RESULT_OK;
}

static void
assert_signatures(const char *expected)
{
	struct journal_reader *reader;
	struct buffer text = BUFFER_EMPTY;
	assert_ok(journal_reader_open(file_path(), &reader, &failure));
	assert_ok(journal_reader_read(reader, 0, 10, note_signature, &text));
	assert_slice(buffer_slice(&text), expected);
	buffer_done(&text);
	journal_reader_close(reader);
}

/* Entries without a signature stay unchanged; a reader may open the file before any writer. */
static void
an_older_journal_is_read_and_brought_up(void **state)
{
	(void)state;
	struct journal_entry entry = entry_at(7), *list[] = {&entry};
	struct journal *journal = open_from(0);
	append(journal, 2);
	journal_close(journal);
	run_sql(file_path(), "ALTER TABLE entry DROP COLUMN signature; PRAGMA user_version = 1");
	assert_signatures("1 none;2 none;");
	entry.signature = SLICE("c2ln");
	for (int i = 0; i < 2; i++) {
		journal = open_from(0);
		assert_ok(journal_append(journal, list, 1));
		journal_close(journal);
	}
	assert_signatures("1 none;2 none;3 c2ln;4 c2ln;");
}

/* Most programs set neither application_id nor user_version. */
static void
a_file_with_another_programs_tables_is_refused(void **state)
{
	(void)state;
	run_sql(file_path(), "CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')");
	assert_refused(RESULT_CORRUPT);
}

static void
a_refused_file_is_not_touched(void **state)
{
	(void)state;
	run_sql(file_path(), "PRAGMA application_id = 77; CREATE TABLE notes(text)");
	struct buffer before = read_whole_file(file_path());
	assert_refused(RESULT_CORRUPT);
	struct buffer after = read_whole_file(file_path());
	bool same = slice_equal(buffer_slice(&before), buffer_slice(&after));
	buffer_done(&before);
	buffer_done(&after);
	assert_true(same);
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	for (int i = 0; i < 2000; i++)
		buffer_append(&text, SLICE("no database"));
	write_file(file_path(), buffer_slice(&text));
	assert_refused(RESULT_CORRUPT);
	buffer_done(&text);
}

static void
a_directory_that_cannot_be_written_is_named(void **state)
{
	(void)state;
	/* Not even root can write in these. */
	static const char *const paths[] = {"/nonexistent/journal.db", "/proc/journal.db"};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct journal *journal = NULL;
		struct journal_options options = {.path = paths[i]};
		assert_int_equal(open_journal(&options, &journal), RESULT_IO);
		assert_contains(slice_of(failure.text), paths[i]);
		assert_true(strlen(failure.text) > strlen(paths[i]) + 2);
		assert_null(journal);
	}
}

static void
a_journal_that_could_not_be_reopened_takes_nothing(void **state)
{
	(void)state;
	struct journal *journal = open_from(0);
	struct journal_entry entry = entry_at(1), *list[] = {&entry};
	size_t removed;
	append(journal, 1);
	char *gone = strdup(path_in(directory, "gone"));
	assert_int_equal(rename(file_path(), gone), 0);
	assert_int_equal(mkdir(file_path(), 0700), 0);
	assert_int_not_equal(journal_reopen(journal, &failure), RESULT_OK);
	assert_int_equal(journal_append(journal, list, 1), RESULT_IO);
	assert_int_equal(journal_probe(journal, 0), RESULT_IO);
	assert_int_equal(journal_trim(journal, 1, 1, 1, &removed), RESULT_IO);
	assert_int_equal(journal_checkpoint(journal), RESULT_IO);
	assert_true(journal_size(journal).live_bytes == 0);
	assert_int_equal(rmdir(file_path()), 0);
	assert_int_equal(rename(gone, file_path()), 0);
	assert_ok(journal_reopen(journal, &failure));
	assert_int_equal(append(journal, 1), 2);
	journal_close(journal);
	free(gone);
}

static void
a_reader_needs_a_journal(void **state)
{
	(void)state;
	struct journal_reader *reader = NULL;
	assert_int_not_equal(journal_reader_open(file_path(), &reader, &failure), RESULT_OK);
	assert_contains(slice_of(failure.text), file_path());
	assert_null(reader);
	journal_reader_close(NULL);
	journal_close(NULL);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(entries_are_numbered_from_one_without_gaps),
	    EACH(numbers_go_on_after_opening_again),
	    EACH(no_entry_gets_a_number_up_to_min_seq),
	    EACH(after_a_damaged_log_numbers_go_on_from_restart_seq),
	    EACH(a_reader_sees_every_byte_that_was_appended),
	    EACH(reading_is_bounded_and_can_be_stopped),
	    EACH(the_tail_reports_the_newest_number_and_the_next_arrival),
	    EACH(only_what_is_released_and_old_is_trimmed),
	    EACH(the_newest_entry_stays_and_numbers_are_never_used_again),
	    EACH(a_checkpoint_empties_the_log_and_loses_nothing),
	    EACH(a_file_that_another_program_has_signed_is_refused),
	    EACH(a_newer_journal_is_refused),
	    EACH(an_older_journal_is_read_and_brought_up),
	    EACH(a_file_with_another_programs_tables_is_refused),
	    EACH(a_refused_file_is_not_touched),
	    EACH(a_file_that_is_no_database_is_refused),
	    EACH(a_directory_that_cannot_be_written_is_named),
	    EACH(a_journal_that_could_not_be_reopened_takes_nothing),
	    EACH(a_reader_needs_a_journal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
