#include "ledger.h"

#include "dlrd/base/clock.h"
#include "dlrd/engine/events_reader.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_WORDS SLICE("# dlrd-ledger 2 ")
#define PATH_SIZE 4096
#define EVENTS_PAGE 20000   /* events in one read of the store, to keep transactions short */
#define POLL_US (20 * 1000) /* between reads of the projector's cursor */

struct ledger {
	int fd;
	const struct simulate_plan *plan;
	struct buffer lines;
};

static enum result
write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t len = write(fd, text.ptr, text.len);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == ENOSPC || errno == EDQUOT ? RESULT_FULL : RESULT_IO;
		text = slice_from(text, (size_t)len);
	}
	return RESULT_OK;
}

static enum result
write_first_line(struct ledger *ledger)
{
	buffer_appendf(&ledger->lines, "%.*s" SIMULATE_RUN_FORMAT "\n", SLICE_ARG(FIRST_WORDS),
	    (unsigned long long)ledger->plan->run);
	return ledger_flush(ledger);
}

enum result
ledger_create(const char *path, const struct simulate_plan *plan, struct ledger **out_ledger,
    struct failure *failure)
{
	struct stat status;
	struct ledger *ledger = calloc(1, sizeof *ledger);
	if (ledger == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	ledger->plan = plan;
	ledger->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	enum result result = RESULT_OK;
	if (ledger->fd < 0 || fstat(ledger->fd, &status) != 0)
		result = failure_set(failure, RESULT_IO, "%s: %s", path, strerror(errno));
	else if (status.st_size > 0)
		result = failure_set(
		    failure, RESULT_BUSY, "%s: is not empty; each run needs a new ledger", path);
	else if ((result = write_first_line(ledger)) != RESULT_OK)
		failure_set(failure, result, "%s: %s", path, strerror(errno));
	if (result != RESULT_OK) {
		ledger_close(ledger);
		return result;
	}

	*out_ledger = ledger;
	return RESULT_OK;
}

static void
append_receipt(struct buffer *out, struct slice sid, struct slice status, int64_t error_code)
{
	buffer_append(out, sid);
	buffer_append_byte(out, '\t');
	buffer_append(out, status);
	buffer_append_byte(out, '\t');
	if (error_code >= 0)
		buffer_appendf(out, "%lld", (long long)error_code);
	else
		buffer_append_byte(out, '-');
}

void
ledger_add(struct ledger *ledger, const struct simulate_item *item)
{
	char sid[SIMULATE_SID_SIZE];
	simulate_item_sid(ledger->plan, item, sid);
	append_receipt(&ledger->lines, slice_of(sid), simulate_item_status(ledger->plan, item),
	    simulate_item_error_code(ledger->plan, item));
	buffer_append_byte(&ledger->lines, '\n');
}

enum result
ledger_flush(struct ledger *ledger)
{
	if (ledger->lines.failed) {
		errno = ENOMEM;
		return RESULT_NO_MEMORY;
	}
	enum result result = write_all(ledger->fd, buffer_slice(&ledger->lines));
	buffer_clear(&ledger->lines);
	return result;
}

void
ledger_close(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	if (ledger->fd >= 0)
		close(ledger->fd);
	buffer_done(&ledger->lines);
	free(ledger);
}

/* An acknowledged receipt: a line of the ledger. */
struct acknowledged {
	struct slice line;
	bool stored;
};

/* A check in progress. */
struct comparison {
	const struct ledger_check *check;
	struct buffer text; /* of the ledger */
	uint64_t run;
	struct acknowledged *receipts; /* sorted, each one once */
	size_t count;
	struct ledger_findings findings;
	struct buffer line; /* the event that is compared */
	uint64_t after_seq; /* the last event that was read */
	size_t page_events;
};

static int
compare_receipts(const void *a, const void *b)
{
	return slice_compare(
	    ((const struct acknowledged *)a)->line, ((const struct acknowledged *)b)->line);
}

/* Reads the lines. A last one without a line break is ignored. Returns the number of the first
 * wrong line, or 0. */
static size_t
read_lines(struct comparison *comparison, struct slice text)
{
	size_t number = 1;
	enum simulate_kind kind;
	struct slice first = slice_take(&text, '\n');

	if (text.ptr == NULL || !slice_starts_with(first, FIRST_WORDS) ||
	    !simulate_run_read(slice_from(first, FIRST_WORDS.len), &comparison->run))
		return number;
	while (number++, slice_find(text, '\n') < text.len) {
		struct slice line = slice_take(&text, '\n'), rest = line;
		if (!simulate_sid_read(slice_take(&rest, '\t'), comparison->run, &kind))
			return number;
		comparison->receipts[comparison->count++] = (struct acknowledged){.line = line};
	}
	return 0;
}

static void
sort_receipts(struct comparison *comparison)
{
	size_t count = 0;
	struct acknowledged *receipts = comparison->receipts;

	comparison->findings.lines = comparison->count;
	qsort(receipts, comparison->count, sizeof *receipts, compare_receipts);
	for (size_t i = 0; i < comparison->count; i++)
		if (count == 0 || !slice_equal(receipts[i].line, receipts[count - 1].line))
			receipts[count++] = receipts[i];
	comparison->count = comparison->findings.acknowledged = count;
}

static enum result
read_ledger(struct comparison *comparison, FILE *file, struct failure *failure)
{
	const char *path = comparison->check->path;
	enum result result = buffer_append_file(&comparison->text, file, SIZE_MAX);
	size_t lines = 1, wrong;

	if (result != RESULT_OK)
		return failure_set(failure, result, "%s: %s", path, strerror(errno));
	struct slice text = buffer_slice(&comparison->text);
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	comparison->receipts = calloc(lines, sizeof *comparison->receipts);
	if (comparison->receipts == NULL)
		return failure_set(
		    failure, RESULT_NO_MEMORY, "%s: no memory for %zu lines", path, lines);
	wrong = read_lines(comparison, text);
	if (wrong > 0)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s:%zu: not a line of a ledger, or of another run", path, wrong);
	sort_receipts(comparison);
	return RESULT_OK;
}

static enum result
read_journal_end(const char *directory, uint64_t *out_last_seq, struct failure *failure)
{
	char path[PATH_SIZE];
	struct journal_reader *journal;
	int64_t next_us;
	snprintf(path, sizeof path, "%s/" JOURNAL_FILE, directory);
	enum result result = journal_reader_open(path, &journal, failure);
	if (result != RESULT_OK)
		return result;

	result = journal_reader_tail(journal, 0, out_last_seq, &next_us);
	if (result != RESULT_OK)
		failure_set(failure, result, "%s: %s", path, journal_reader_error(journal));
	journal_reader_close(journal);
	return result;
}

static enum result
store_failure(struct store_reader *store, enum result result, struct failure *failure)
{
	return failure_set(
	    failure, result, "the store: %s: %s", result_text(result), store_reader_error(store));
}

static enum result
await_projector(
    const char *directory, int64_t wait_us, struct store_reader *store, struct failure *failure)
{
	int64_t until_us = clock_monotonic_us() + wait_us;
	uint64_t last_seq, cursor = 0;
	enum result result = read_journal_end(directory, &last_seq, failure);
	while (result == RESULT_OK) {
		result = store_read_cursor(store, &cursor);
		if (result != RESULT_OK)
			return store_failure(store, result, failure);
		if (cursor >= last_seq)
			return RESULT_OK;
		if (clock_monotonic_us() >= until_us)
			return failure_set(failure, RESULT_BUSY,
			    "the projector is at journal entry %llu of %llu after %lld seconds; "
			    "is the daemon running?",
			    (unsigned long long)cursor, (unsigned long long)last_seq,
			    (long long)(wait_us / CLOCK_SECOND_US));
		clock_sleep(POLL_US);
	}

	return result;
}

/* Reports a receipt with a space between its parts. */
static void
report_difference(struct comparison *comparison, struct slice receipt, const char *what)
{
	struct buffer line = BUFFER_EMPTY;
	for (size_t i = 0; i < receipt.len; i++)
		buffer_append_byte(&line, receipt.ptr[i] == '\t' ? ' ' : receipt.ptr[i]);
	buffer_appendf(&line, ": %s", what);
	if (!line.failed)
		comparison->check->on_difference(comparison->check->context, buffer_slice(&line));
	buffer_done(&line);
}

static void
take_event(void *context, const struct event_row *row)
{
	struct comparison *comparison = context;
	const struct event *event = &row->event;
	enum simulate_kind kind;
	comparison->after_seq = row->seq;
	comparison->page_events++;
	if (!simulate_sid_read(event->message, comparison->run, &kind))
		return;

	comparison->findings.stored++;
	buffer_clear(&comparison->line);
	append_receipt(&comparison->line, event->message, event->status_text, event->error_code);
	const struct acknowledged wanted = {.line = buffer_slice(&comparison->line)};
	struct acknowledged *found = comparison->count == 0
					 ? NULL
					 : bsearch(&wanted, comparison->receipts, comparison->count,
					       sizeof wanted, compare_receipts);
	if (kind == SIMULATE_FORGED) {
		comparison->findings.unsent++;
		report_difference(comparison, wanted.line,
		    "is in the store, but was sent with a wrong signature");
	} else if (found != NULL && found->stored) {
		comparison->findings.repeated++;
		report_difference(comparison, wanted.line, "is in the store more than once");
	} else if (found != NULL)
		found->stored = true;
}

static enum result
read_store(struct comparison *comparison, struct store_reader *store, struct failure *failure)
{
	enum result result;
	do {
		const struct event_filter filter = {
		    .after_seq = comparison->after_seq, .limit = EVENTS_PAGE};
		comparison->page_events = 0;
		result = store_read_events(store, &filter, take_event, comparison);
	} while (result == RESULT_OK && comparison->page_events == EVENTS_PAGE);
	return result == RESULT_OK ? result : store_failure(store, result, failure);
}

static void
find_missing(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->count; i++)
		if (!comparison->receipts[i].stored) {
			comparison->findings.missing++;
			report_difference(comparison, comparison->receipts[i].line,
			    "was acknowledged, but is not in the store");
		}
}

static enum result
open_counted(const char *directory, int64_t wait_us, struct store_reader **out_store,
    struct failure *failure)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	enum result result = store_reader_open(path, out_store, failure);
	if (result != RESULT_OK)
		return result;
	result = await_projector(directory, wait_us, *out_store, failure);
	if (result != RESULT_OK)
		store_reader_close(*out_store);
	return result;
}

static enum result
compare(struct comparison *comparison, struct failure *failure)
{
	const struct ledger_check *check = comparison->check;
	struct store_reader *store;
	enum result result = open_counted(check->directory, check->wait_us, &store, failure);
	if (result != RESULT_OK)
		return result;

	result = read_store(comparison, store, failure);
	if (result == RESULT_OK)
		find_missing(comparison);
	store_reader_close(store);
	return result;
}

enum result
ledger_check(
    const struct ledger_check *check, struct ledger_findings *out_findings, struct failure *failure)
{
	struct comparison comparison = {.check = check};
	FILE *file = fopen(check->path, "re");
	if (file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", check->path, strerror(errno));

	enum result result = read_ledger(&comparison, file, failure);
	fclose(file);
	if (result == RESULT_OK)
		result = compare(&comparison, failure);
	if (result == RESULT_OK)
		*out_findings = comparison.findings;
	buffer_done(&comparison.text);
	buffer_done(&comparison.line);
	free(comparison.receipts);
	return result;
}

enum result
ledger_read_run(const char *path, uint64_t *out_run, struct failure *failure)
{
	char line[64] = "";
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", path, strerror(errno));
	bool read = fgets(line, sizeof line, file) != NULL;
	fclose(file);

	struct slice rest = slice_of(line), first = slice_take(&rest, '\n');
	if (!read || rest.ptr == NULL || !slice_starts_with(first, FIRST_WORDS) ||
	    !simulate_run_read(slice_from(first, FIRST_WORDS.len), out_run))
		return failure_set(failure, RESULT_CORRUPT,
		    "%s: not a ledger of 'dlrd simulate --ledger': its first line is not "
		    "\"%.*sRUN\"",
		    path, SLICE_ARG(FIRST_WORDS));
	return RESULT_OK;
}

enum result
ledger_await_counted(const char *directory, int64_t wait_us, struct failure *failure)
{
	struct store_reader *store;
	enum result result = open_counted(directory, wait_us, &store, failure);
	if (result == RESULT_OK)
		store_reader_close(store);
	return result;
}
