#include "ledger.h"

#include "dlrd/base/clock.h"
#include "dlrd/journal/journal_reader.h"
#include "dlrd/store/reader.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_WORDS SLICE("# dlrd-ledger 1 ")
#define ALLOW_WORDS SLICE("# at-most ")
#define PATH_SIZE 4096
#define EVENTS_PAGE 20000      /* events in one read of the store, to keep transactions short */
#define STATUS_SHOWN 64u       /* bytes of a status in a difference */
#define POLL_NS (20 * 1000000) /* between reads of the projector's cursor */

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
	buffer_append(&ledger->lines, FIRST_WORDS);
	simulate_plan_write(ledger->plan, &ledger->lines);
	buffer_append_byte(&ledger->lines, '\n');
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

enum result
ledger_allow(struct ledger *ledger, uint64_t requests)
{
	buffer_appendf(
	    &ledger->lines, "%.*s%llu\n", SLICE_ARG(ALLOW_WORDS), (unsigned long long)requests);
	return ledger_flush(ledger);
}

void
ledger_add(struct ledger *ledger, const struct simulate_item *item)
{
	char sid[SIMULATE_SID_SIZE], code_text[24];
	int64_t code = simulate_item_error_code(ledger->plan, item);
	int code_len = 1;
	code_text[0] = '-';
	if (code >= 0)
		code_len = snprintf(code_text, sizeof code_text, "%lld", (long long)code);
	simulate_item_sid(ledger->plan, item, sid);
	buffer_append(&ledger->lines, (struct slice){sid, SIMULATE_SID_SIZE - 1});
	buffer_append_byte(&ledger->lines, '\t');
	buffer_append(&ledger->lines, simulate_item_status(ledger->plan, item));
	buffer_append_byte(&ledger->lines, '\t');
	buffer_append(&ledger->lines, (struct slice){code_text, (size_t)code_len});
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

/* Facts about one receipt, as bits. */
enum mark { MARK_SENT = 1, MARK_ACKNOWLEDGED = 2, MARK_STORED = 4 };

/* A check in progress. marks has one byte for each possible receipt of the run. The receipts of
 * message n begin at n times (the number of stages + 1 for its reply). */
struct comparison {
	const struct ledger_check *check;
	struct simulate_plan plan;
	uint64_t allowed; /* requests that may have been sent */
	uint8_t *marks;
	size_t mark_count;
	struct ledger_findings findings;
	uint64_t after_seq; /* the last event that was read */
	size_t page_events;
};

static uint64_t
place_of(const struct simulate_plan *plan, const struct simulate_item *item)
{
	return item->number * (plan->stage_count + 1) + item->stage;
}

/* Returns the mark of a receipt, and enlarges the array if needed. NULL without memory. */
static uint8_t *
mark_of(struct comparison *comparison, const struct simulate_item *item)
{
	uint64_t place = place_of(&comparison->plan, item);
	if (place >= comparison->mark_count) {
		size_t count = comparison->mark_count < 65536 ? 65536 : comparison->mark_count * 2;
		if (count <= place)
			count = (size_t)place + 1;
		uint8_t *marks = realloc(comparison->marks, count);
		if (marks == NULL)
			return NULL;
		memset(marks + comparison->mark_count, 0, count - comparison->mark_count);
		comparison->marks = marks;
		comparison->mark_count = count;
	}

	return &comparison->marks[place];
}

/* Replays the stream in memory and marks the requests that may have been sent. */
static enum result
replay(struct comparison *comparison)
{
	struct simulate_traffic traffic = {.plan = &comparison->plan};
	while (traffic.issued < comparison->allowed) {
		struct simulate_item item = simulate_traffic_next(&traffic);
		if (item.kind == SIMULATE_FORGED)
			continue;
		/* Equal stages are one receipt. */
		simulate_item_find_stage(&comparison->plan,
		    simulate_item_status(&comparison->plan, &item),
		    simulate_item_error_code(&comparison->plan, &item), &item);
		uint8_t *mark = mark_of(comparison, &item);
		if (mark == NULL)
			return RESULT_NO_MEMORY;
		*mark |= MARK_SENT;
	}

	return RESULT_OK;
}

static bool
was_sent(const struct comparison *comparison, const struct simulate_item *item)
{
	/* The number of a message is at most the number of its first request. */
	if (item->kind == SIMULATE_FORGED || item->number >= comparison->allowed)
		return false;
	uint64_t place = place_of(&comparison->plan, item);
	return place < comparison->mark_count && (comparison->marks[place] & MARK_SENT) != 0;
}

/* Reads an acknowledged request. Returns false if this run cannot have sent it. */
static bool
take_acknowledged(struct comparison *comparison, struct slice line)
{
	struct slice sid = slice_take(&line, '\t'), status = slice_take(&line, '\t');
	struct simulate_item item;
	int64_t code = -1;
	if (!slice_equal(line, SLICE("-")) && slice_to_int(line, &code) != RESULT_OK)
		return false;
	if (!simulate_sid_is_ours(&comparison->plan, sid, &item) ||
	    !simulate_item_find_stage(&comparison->plan, status, code, &item) ||
	    !was_sent(comparison, &item))
		return false;

	uint8_t *mark = &comparison->marks[place_of(&comparison->plan, &item)];
	comparison->findings.lines++;
	comparison->findings.acknowledged += (*mark & MARK_ACKNOWLEDGED) == 0;
	*mark |= MARK_ACKNOWLEDGED;

	return true;
}

static bool
take_remark(struct comparison *comparison, struct slice line)
{
	int64_t allowed;
	if (!slice_starts_with(line, ALLOW_WORDS))
		return true;
	if (slice_to_int(slice_from(line, ALLOW_WORDS.len), &allowed) != RESULT_OK ||
	    allowed > comparison->plan.count)
		return false;
	comparison->allowed = (uint64_t)allowed;
	return true;
}

/* Reads the file's lines once, either the # lines or the acknowledged requests. Returns the number
 * of the first wrong line, or 0. */
static size_t
walk_lines(struct comparison *comparison, FILE *file, bool acknowledged)
{
	char *text = NULL;
	size_t size = 0, number = 0, wrong = 0;
	ssize_t len;
	rewind(file);
	while (wrong == 0 && (len = getline(&text, &size, file)) > 0 && text[len - 1] == '\n') {
		struct slice line = {text, (size_t)len - 1};
		bool is_remark = line.len > 0 && line.ptr[0] == '#', fine = true;
		number++;
		if (number == 1)
			fine = slice_starts_with(line, FIRST_WORDS) &&
			       simulate_plan_read(slice_from(line, FIRST_WORDS.len),
				   &comparison->plan) == RESULT_OK;
		else if (is_remark && !acknowledged)
			fine = take_remark(comparison, line);
		else if (!is_remark && acknowledged)
			fine = take_acknowledged(comparison, line);
		wrong = fine ? 0 : number;
	}

	free(text);
	return number == 0 ? 1 : wrong;
}

/* Marks the requests that may have been sent, then the acknowledged ones. */
static enum result
read_ledger(struct comparison *comparison, FILE *file, struct failure *failure)
{
	const char *path = comparison->check->path;
	size_t wrong = walk_lines(comparison, file, false);
	if (wrong == 0 && replay(comparison) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "%s: no memory for %llu requests",
		    path, (unsigned long long)comparison->allowed);
	if (wrong == 0)
		wrong = walk_lines(comparison, file, true);
	if (ferror(file))
		return failure_set(failure, RESULT_IO, "%s: %s", path, strerror(errno));
	if (wrong > 0)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s:%zu: not a line of a ledger, or of another run", path, wrong);

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
    const struct ledger_check *check, struct store_reader *store, struct failure *failure)
{
	const struct timespec pause = {0, POLL_NS};
	int64_t until_us = clock_monotonic_us() + check->wait_us;
	uint64_t last_seq, cursor = 0;
	enum result result = read_journal_end(check->directory, &last_seq, failure);
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
			    (long long)(check->wait_us / CLOCK_SECOND_US));
		nanosleep(&pause, NULL);
	}

	return result;
}

static void
report_difference(struct comparison *comparison, struct slice sid, struct slice status,
    int64_t error_code, const char *what)
{
	char line[256], code[24] = "";
	if (error_code >= 0)
		snprintf(code, sizeof code, " %lld", (long long)error_code);
	if (status.ptr == NULL)
		status = SLICE("(no status)");
	if (status.len > STATUS_SHOWN)
		status.len = STATUS_SHOWN;
	snprintf(
	    line, sizeof line, "%.*s %.*s%s: %s", SLICE_ARG(sid), SLICE_ARG(status), code, what);
	comparison->check->on_difference(comparison->check->context, line);
}

static void
take_event(void *context, const struct event_row *row)
{
	struct comparison *comparison = context;
	const struct event *event = &row->event;
	struct simulate_item item;
	comparison->after_seq = row->seq;
	comparison->page_events++;
	if (!simulate_sid_is_ours(&comparison->plan, event->message, &item))
		return;

	comparison->findings.stored++;
	bool sent = simulate_item_find_stage(
			&comparison->plan, event->status_text, event->error_code, &item) &&
		    was_sent(comparison, &item);
	if (!sent) {
		comparison->findings.unsent++;
		report_difference(comparison, event->message, event->status_text, event->error_code,
		    item.kind == SIMULATE_FORGED
			? "is in the store, but was sent with a wrong signature"
			: "is in the store, but was never sent");
		return;
	}

	uint8_t *mark = &comparison->marks[place_of(&comparison->plan, &item)];
	if ((*mark & MARK_STORED) != 0) {
		comparison->findings.repeated++;
		report_difference(comparison, event->message, event->status_text, event->error_code,
		    "is in the store more than once");
	}

	*mark |= MARK_STORED;
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
	const struct simulate_plan *plan = &comparison->plan;
	for (size_t place = 0; place < comparison->mark_count; place++) {
		if ((comparison->marks[place] & (MARK_ACKNOWLEDGED | MARK_STORED)) !=
		    MARK_ACKNOWLEDGED)
			continue;
		struct simulate_item item = {SIMULATE_STATUS, place / (plan->stage_count + 1),
		    place % (plan->stage_count + 1)};
		if (item.stage == plan->stage_count)
			item.kind = SIMULATE_REPLY;
		char sid[SIMULATE_SID_SIZE];
		simulate_item_sid(plan, &item, sid);
		comparison->findings.missing++;
		report_difference(comparison, slice_of(sid), simulate_item_status(plan, &item),
		    simulate_item_error_code(plan, &item),
		    "was acknowledged, but is not in the store");
	}
}

static enum result
compare(struct comparison *comparison, struct failure *failure)
{
	char path[PATH_SIZE];
	struct store_reader *store;
	snprintf(path, sizeof path, "%s/" STORE_FILE, comparison->check->directory);
	enum result result = store_reader_open(path, &store, failure);
	if (result != RESULT_OK)
		return result;

	result = await_projector(comparison->check, store, failure);
	if (result == RESULT_OK)
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
	free(comparison.marks);
	return result;
}
