#define _DEFAULT_SOURCE
#include "dlrd/cli/cli.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/gap.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/daemon/settings.h"
#include "dlrd/engine/salvage.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/projector/decoder.h"
#include "dlrd/store/recovered.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLES_SHOWN_MAX 20
#define BATCH_MAX 2000 /* entries in one transaction */
#define DAEMON_WAIT_US (30 * CLOCK_SECOND_US)

struct recovery {
	const struct cli_command *command;
	const struct settings *settings;
	char path[4096], new_path[4096], journal_path[4096];
	struct salvage salvage;
	struct store *store;
	struct decoder decoder;
	struct journal_reader *reader; /* NULL: the journal cannot be read */
	uint64_t journal_first, journal_last;
	uint64_t counted_again; /* lost receipts that the journal has */
	struct store_added added;
	uint64_t hole_last;  /* the last entry of the current hole */
	uint64_t batch_last; /* the last entry that was read */
};

/* --- receipts that the journal still has --- */

static enum result
add_event(void *context, const struct event *event)
{
	struct recovery *recovery = context;
	enum result result = store_add(recovery->store, event, &recovery->added);
	if (result == RESULT_OK)
		recovery->counted_again += !recovery->added.duplicate;
	return result;
}

static enum result
add_entry(void *context, const struct journal_entry *entry)
{
	struct recovery *recovery = context;
	recovery->batch_last = entry->seq;
	/* If the journal lacks entries of the hole, a batch goes beyond it. */
	if (entry->seq > recovery->hole_last)
		return RESULT_OK;

	enum result result = store_begin_lost_request(recovery->store, entry->signature);
	if (result != RESULT_OK)
		return result;
	return decoder_decode(&recovery->decoder, entry, add_event, recovery);
}

/* Counts the entries after after_seq, up to last_seq. Those whose receipts the store has are
 * duplicates. */
static enum result
count_again(struct recovery *recovery, uint64_t after_seq, uint64_t last_seq)
{
	enum result result = RESULT_OK;
	recovery->hole_last = last_seq;
	while (result == RESULT_OK && after_seq < last_seq) {
		uint64_t most = last_seq - after_seq;
		recovery->batch_last = after_seq;
		result = store_begin(recovery->store);
		if (result == RESULT_OK)
			result = journal_reader_read(recovery->reader, after_seq,
			    most < BATCH_MAX ? (size_t)most : BATCH_MAX, add_entry, recovery);
		if (result != RESULT_OK) {
			store_rollback(recovery->store);
			return result;
		}

		result = store_commit(recovery->store, recovery->salvage.cursor);
		if (recovery->batch_last == after_seq)
			return result;
		after_seq = recovery->batch_last;
	}
	return result;
}

/* Counts the entries of all holes that the journal still has. */
static enum result
fill_holes(struct recovery *recovery)
{
	const struct salvage *salvage = &recovery->salvage;
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < salvage->hole_count; i++) {
		const struct salvage_hole *hole = &salvage->holes[i];
		uint64_t last = hole->last_journal < recovery->journal_last
				    ? hole->last_journal
				    : recovery->journal_last;
		if (recovery->reader != NULL)
			result = count_again(recovery, hole->first_journal - 1, last);
	}
	return result;
}

/* --- the new store --- */

/* Deletes the new store, and reports why. Returns CLI_FAILED. */
static int
abandon(const struct recovery *recovery, enum result result, const char *why)
{
	recovered_discard(recovery->new_path);
	return cli_failure(recovery->command, "%s: %s: %s; nothing was changed", recovery->new_path,
	    result_text(result), why);
}

/* Returns whether nothing can be read from the journal however often it is tried. */
static bool
journal_is_lost(const struct recovery *recovery, enum result result)
{
	return result == RESULT_CORRUPT ||
	       (access(recovery->journal_path, F_OK) != 0 && errno == ENOENT);
}

/* Opens the journal. If it is lost, the recovery continues without it. Any other failure may pass,
 * and a store without the receipts that only the journal has must not replace the damaged one. */
static enum result
open_journal(struct recovery *recovery, struct failure *failure)
{
	enum result result =
	    journal_reader_open(recovery->journal_path, &recovery->reader, failure);
	if (result == RESULT_OK) {
		result = journal_reader_range(
		    recovery->reader, &recovery->journal_first, &recovery->journal_last);
		if (result != RESULT_OK)
			failure_set(failure, result, "%s: %s", recovery->journal_path,
			    journal_reader_error(recovery->reader));
	}
	if (result == RESULT_OK)
		return RESULT_OK;

	journal_reader_close(recovery->reader);
	recovery->reader = NULL;
	if (!journal_is_lost(recovery, result))
		return result;
	cli_failure(
	    recovery->command, "the journal cannot be read, so nothing is counted again from it");
	return RESULT_OK;
}

/* Rebuilds the messages before fill_holes adds receipts, and again with these receipts. */
static enum result
complete_store(struct recovery *recovery)
{
	struct store_rebuilt rebuilt;
	uint64_t synced;
	const struct settings *settings = recovery->settings;
	decoder_init(&recovery->decoder, &settings->routes, settings->keywords, settings->verifier);
	enum result result = store_rebuild(recovery->store, &rebuilt);
	if (result == RESULT_OK)
		result = fill_holes(recovery);
	if (result == RESULT_OK)
		result = store_rebuild(recovery->store, &rebuilt);
	if (result == RESULT_OK)
		result = engine_save(store_engine(recovery->store));
	if (result == RESULT_OK)
		result = engine_checkpoint(store_engine(recovery->store), &synced);

	decoder_done(&recovery->decoder);
	return result;
}

static int
build(struct recovery *recovery)
{
	struct failure failure;
	const struct settings *settings = recovery->settings;
	const struct store_options options = {.path = recovery->new_path,
	    .policy = settings->conflicts,
	    .reply_window_us = settings->reply_window_us,
	    .reply_late_us = settings->reply_late_us};
	recovered_discard(recovery->new_path);
	enum result result =
	    salvage_store(recovery->path, recovery->new_path, &recovery->salvage, &failure);
	if (result == RESULT_OK)
		result = store_open(&options, &recovery->store, &failure);
	if (result != RESULT_OK)
		return abandon(recovery, result, failure.text);

	result = open_journal(recovery, &failure);
	if (result != RESULT_OK) {
		store_close(recovery->store);
		recovered_discard(recovery->new_path);
		return cli_failure(recovery->command,
		    "%s; nothing was changed. Run this again; if the journal cannot be repaired, "
		    "move it away",
		    failure.text);
	}

	result = complete_store(recovery);
	if (result != RESULT_OK)
		abandon(recovery, result, store_error(recovery->store));

	store_close(recovery->store);
	journal_reader_close(recovery->reader);
	return result == RESULT_OK ? CLI_OK : CLI_FAILED;
}

/* --- what is missing --- */

static void
print_hole(const struct recovery *recovery, const struct salvage_hole *hole)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	printf("  receipts %llu to %llu, from journal entries %llu to %llu",
	    (unsigned long long)hole->first_event, (unsigned long long)hole->last_event,
	    (unsigned long long)hole->first_journal, (unsigned long long)hole->last_journal);
	if (hole->from_us > 0)
		printf(", which arrived after %s", clock_format(hole->from_us, from));
	if (hole->to_us > 0)
		printf("%s before %s", hole->from_us > 0 ? " and" : ", which arrived",
		    clock_format(hole->to_us, to));
	printf("%s\n", hole->first_journal < recovery->journal_first || recovery->reader == NULL
			   ? "; journal.db no longer has all of them"
			   : "");
}

/* Adds a gap: entries that neither file has. An entry at the edge of a hole may have been counted.
 */
static void
add_gap(const struct recovery *recovery, uint64_t first, uint64_t last)
{
	struct gaps gaps;
	struct failure failure;
	struct gap gap = {.first = first,
	    .last = last,
	    .found_us = clock_wall_us(),
	    .reason = "dlrd.db was damaged, and 'dlrd recover' could not read their receipts"};
	if (last < first)
		return;

	enum result result = gaps_read(recovery->settings->directory, &gaps, &failure);
	if (result == RESULT_OK && gaps_add(&gaps, &gap))
		result = gaps_write(recovery->settings->directory, &gaps, &failure);
	if (result != RESULT_OK)
		cli_failure(recovery->command, "%s", failure.text);
}

static void
add_gaps(const struct recovery *recovery)
{
	const struct salvage *salvage = &recovery->salvage;
	uint64_t kept_from =
	    recovery->journal_first > 0 ? recovery->journal_first : salvage->cursor + 1;
	for (size_t i = 0; i < salvage->hole_count; i++) {
		const struct salvage_hole *hole = &salvage->holes[i];
		uint64_t last = hole->last_journal < kept_from ? hole->last_journal : kept_from - 1;
		add_gap(recovery, hole->first_journal, last);
	}
}

/* error: why the damaged store could not be read, as a terminal may show it. */
static void
report_salvage(const struct recovery *recovery, struct slice error)
{
	const struct salvage *salvage = &recovery->salvage;
	uint64_t lost = salvage->events_lost;
	uint64_t again = recovery->counted_again < lost ? recovery->counted_again : lost;
	if (!salvage->readable) {
		printf("nothing could be read (%.*s): a backup has more. The new store has what "
		       "journal.db has: entries %llu to %llu. Receipts of earlier entries are "
		       "missing.\n",
		    SLICE_ARG(error), (unsigned long long)recovery->journal_first,
		    (unsigned long long)recovery->journal_last);
		return;
	}
	printf("%llu receipts were read, %llu could not be read",
	    (unsigned long long)salvage->events, (unsigned long long)lost);
	if (error.len > 0)
		printf(" (%.*s)", SLICE_ARG(error));
	printf("\n");

	for (size_t i = 0; i < salvage->hole_count && i < HOLES_SHOWN_MAX; i++)
		print_hole(recovery, &salvage->holes[i]);
	if (salvage->hole_count > HOLES_SHOWN_MAX)
		printf("  and %zu more ranges\n", salvage->hole_count - HOLES_SHOWN_MAX);

	if (lost > 0)
		printf("%llu of them were counted again from journal.db; %llu are missing\n",
		    (unsigned long long)again, (unsigned long long)(lost - again));
}

static void
report(const struct recovery *recovery)
{
	struct buffer error = BUFFER_EMPTY;
	buffer_append_visible(&error, slice_of(recovery->salvage.first_error));
	report_salvage(recovery, buffer_slice(&error));
	buffer_done(&error);
}

/* --- in place --- */

static int
wait_for_daemon(const struct recovery *recovery, const char *ready_path)
{
	int64_t end_us = clock_monotonic_us() + DAEMON_WAIT_US;
	while (access(ready_path, F_OK) == 0 && clock_monotonic_us() < end_us)
		clock_sleep(CLOCK_SECOND_US / 10);
	if (access(ready_path, F_OK) == 0)
		return cli_failure(recovery->command,
		    "the daemon has not taken over %s within %d s; it will at its next start",
		    ready_path, (int)(DAEMON_WAIT_US / CLOCK_SECOND_US));
	printf("the daemon works with the new store; the damaged one is " STORE_FILE ".damaged\n");
	return CLI_OK;
}

/* Gives the new store the owner and mode of the old one, so that the daemon's user can open it
 * after root has run this. */
static void
give_owner(const struct recovery *recovery)
{
	struct stat old;
	if (stat(recovery->path, &old) != 0 || geteuid() != 0)
		return;
	if (chown(recovery->new_path, old.st_uid, old.st_gid) != 0 ||
	    chmod(recovery->new_path, old.st_mode & 07777) != 0)
		cli_failure(recovery->command, "cannot give %s the old owner: %s",
		    recovery->new_path, strerror(errno));
}

/* A running daemon replaces the store itself, since it may have the old one open. */
static int
put_in_place(struct recovery *recovery)
{
	struct failure failure;
	struct lock lock;
	char ready_path[4096];
	recovered_path(recovery->path, ready_path);

	give_owner(recovery);
	if (rename(recovery->new_path, ready_path) != 0)
		return abandon(recovery, RESULT_IO, strerror(errno));

	enum result result = lock_acquire(recovery->settings->directory, &lock, &failure);
	if (result == RESULT_BUSY)
		return wait_for_daemon(recovery, ready_path);
	if (result == RESULT_OK)
		result = recovered_take(recovery->path, &failure);
	if (result != RESULT_OK)
		return cli_failure(recovery->command,
		    "%s; the new store is %s, and the daemon takes it at its next start",
		    failure.text, ready_path);
	lock_release(&lock);
	printf(
	    "the damaged store is " STORE_FILE ".damaged; the daemon counts what it lacks at its "
	    "next start\n");
	return CLI_OK;
}

/* Prevents two recoveries at once, which would both write the new store. The file stays open until
 * the process ends, because closing it would release SQLite's own locks on it. */
static int
lock_damaged(const struct recovery *recovery)
{
	int fd = open(recovery->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_failure(recovery->command, "%s: %s; there is nothing to recover",
		    recovery->path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return cli_failure(recovery->command,
		    "%s: another 'dlrd recover' is running; wait until it ends", recovery->path);
	return CLI_OK;
}

static int
recover(struct recovery *recovery, bool force)
{
	char error[256];
	umask(0027);
	int status = lock_damaged(recovery);
	if (status != CLI_OK)
		return status;

	if (!force && salvage_is_sound(recovery->path, error))
		return cli_failure(recovery->command,
		    "%s is sound, so nothing was done; 'dlrd rebuild' recomputes its figures, "
		    "and --force recovers it anyway",
		    recovery->path);
	status = build(recovery);
	if (status != CLI_OK)
		return status;

	add_gaps(recovery);
	report(recovery);
	return put_in_place(recovery);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	bool force = false;
	const struct cli_option options[] = {
	    {"config", 'c', .text = &path}, {"force", 0, .flag = &force}};
	int status;
	if (!cli_read_options(command, count, words, options, 2, 0, NULL, &status))
		return status;
	struct settings *settings = cli_load_settings(command, path, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;

	struct recovery recovery = {.command = command, .settings = settings};
	snprintf(recovery.path, sizeof recovery.path, "%s/" STORE_FILE, settings->directory);
	snprintf(recovery.new_path, sizeof recovery.new_path, "%s/" STORE_FILE ".recovering",
	    settings->directory);
	snprintf(recovery.journal_path, sizeof recovery.journal_path, "%s/" JOURNAL_FILE,
	    settings->directory);

	status = recover(&recovery, force);
	salvage_done(&recovery.salvage);
	settings_free(settings);
	return status;
}

const struct cli_command cli_recover = {
    .name = "recover",
    .summary = "build a new store from what is readable of a damaged one",
    .usage =
	"Usage: dlrd recover [--force] [-c FILE]\n"
	"\n"
	"Reads all readable receipts of a damaged dlrd.db into a new store, adds lost ones from\n"
	"journal.db if it still has them, recomputes all figures, and reports missing entries. A\n"
	"running daemon continues to accept callbacks, and replaces its store when the new one is\n"
	"complete. The damaged store is kept as dlrd.db.damaged. 'dlrd gap' lists the missing\n"
	"journal entries. A backup may have more: compare before you decide.\n"
	"\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --force        also if dlrd.db is sound\n"
	"  -h, --help         show this\n",
    .run = run,
};
