/* stores: common code of the store's tests: a store in a directory for each test, events to add,
 * and the results of its readers, as text. */
#ifndef DLRD_TESTS_STORES_H
#define DLRD_TESTS_STORES_H

#include "campaigns.h"
#include "receipts.h"
#include "windows.h"

#include "dlrd/engine/events_reader.h"
#include "dlrd/query/ask.h"
#include "dlrd/query/optouts.h"
#include "dlrd/query/table.h"
#include "dlrd/store/audit.h"
#include "dlrd/store/lookups.h"
#include "dlrd/store/store.h"

#include <sqlite3.h>

#define T0 (INT64_C(480000) * CLOCK_HOUR_US)

static char *directory, path[256];
static struct failure failure;

static inline int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	snprintf(path, sizeof path, "%s/%s", directory, STORE_FILE);
	failure.text[0] = '\0';
	return 0;
}

static inline int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

static inline struct store *
open_with(enum conflict_policy policy)
{
	struct store *store;
	const struct store_options options = {.path = path,
	    .policy = policy,
	    .reply_window_us = REPLY_WINDOW_US,
	    .reply_late_us = REPLY_LATE_US};
	enum result result = store_open(&options, &store, &failure);
	if (result != RESULT_OK)
		print_error("%s\n", failure.text);
	assert_ok(result);
	return store;
}

static inline struct store *
open_store(void)
{
	return open_with(POLICY_DELIVERED_WINS);
}

static inline struct store_reader *
open_reader(void)
{
	struct store_reader *reader;
	enum result result = store_reader_open(path, &reader, &failure);
	if (result != RESULT_OK)
		print_error("%s\n", failure.text);
	assert_ok(result);
	return reader;
}

static inline void
run_sql(const char *sql)
{
	sqlite3 *db;
	char *error = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
		print_error("%s: %s\n", sql, error);
		fail();
	}
	sqlite3_close(db);
}

static inline struct event
receipt(const char *sid, const char *campaign, enum message_status status, int64_t time_us)
{
	struct event event = receipt_of(status, time_us);
	event.message = slice_of(sid);
	event.workspace = SLICE("w");
	event.campaign = slice_of(campaign);
	event.variant = SLICE("");
	event.tags_fit = true;
	event.account = SLICE("AC1");
	event.from = SLICE("+1");
	event.to = SLICE("+2");
	event.journal_seq = 1;
	return event;
}

static inline struct store_added
add(struct store *store, struct event event)
{
	struct store_added added;
	enum result result = store_add(store, &event, &added);
	if (result != RESULT_OK)
		print_error("%s\n", store_error(store));
	assert_ok(result);
	return added;
}

/* Adds events in one transaction and moves the cursor by one. */
static inline void
commit(struct store *store, const struct event *events, size_t count)
{
	assert_ok(store_begin(store));
	for (size_t i = 0; i < count; i++)
		add(store, events[i]);
	assert_ok(store_commit(store, store_cursor(store) + 1));
}

/* A receipt of a message to a person. */
static inline struct event
receipt_to(const char *sid, const char *campaign, const char *person, enum message_status status,
    int64_t time_us)
{
	struct event event = receipt(sid, campaign, status, time_us);
	event.to = slice_of(person);
	return event;
}

/* A person's message, without tags. */
static inline struct event
reply_from(const char *sid, const char *person, int64_t time_us)
{
	struct event event = receipt(sid, "", STATUS_RECEIVED, time_us);
	event.from = slice_of(person);
	event.to = SLICE("+1");
	event.body = SLICE("hello");
	return event;
}

static inline struct event
with_consent(struct event event, enum consent consent)
{
	bool replied = event.type == EVENT_REPLIED;
	event.consent = consent;
	event.cause = replied ? SLICE("keyword") : SLICE("error-21610");
	if (replied) {
		event.keyword = consent == CONSENT_OUT ? SLICE("stop") : SLICE("start");
		event.body = event.keyword;
	}
	return event;
}

/* Returns the same event in the form of Event Streams: without the campaign's tags. */
static inline struct event
stream_duplicate(struct event event)
{
	event.stream = true;
	event.workspace = event.campaign = event.variant = SLICE("");
	return event;
}

static inline struct event
click_of(const char *sid, const char *link, const char *occurred, int64_t time_us)
{
	struct event event = receipt(sid, "", STATUS_UNKNOWN, time_us);
	event.type = EVENT_CLICKED;
	event.status_text = SLICE("click");
	event.link = slice_of(link);
	event.occurred = slice_of(occurred);
	return event;
}

/* --- what readers see, as text --- */

struct lines {
	struct buffer text;
	char *sorted[2048];
	size_t count;
};

/* Notes the untagged row only while it has figures, since its times depend on when tags became
 * known. */
static inline void
note_campaign(void *context, const struct campaign_row *row)
{
	struct lines *lines = context;
	struct buffer line = BUFFER_EMPTY;
	buffer_appendf(&line, "%.*s/%.*s", SLICE_ARG(row->workspace), SLICE_ARG(row->campaign));
	for (int i = 0; i < FIGURE_COUNT; i++)
		buffer_appendf(&line, " %lld", (long long)row->figures[i]);
	int64_t sum = 0;
	for (int i = 0; i < FIGURE_COUNT; i++)
		sum += row->figures[i];
	if (sum == 0 && row->campaign.len == 0) {
		buffer_done(&line);
		return;
	}
	if (row->campaign.len > 0)
		buffer_appendf(&line, " from %lld to %lld", (long long)(row->first_us - T0),
		    (long long)(row->last_us - T0));
	buffer_append(&line, SLICE("\n"));
	buffer_append_byte(&line, '\0');
	lines->sorted[lines->count++] = line.ptr;
}

struct given {
	const char *name, *text;
	int64_t number;
};

/* Asks the question at target with the parameters in given, whose last name is NULL. */
static inline void
ask_given(struct store_reader *reader, const char *target, const struct given given[],
    query_row_fn on_row, void *context)
{
	const struct query *query = query_find(target);
	struct query_values values = query_values(query);
	for (; given != NULL && given->name != NULL; given++)
		query_give(query, &values, given->name, slice_of(given->text), given->number);
	assert_ok(query_ask(reader, query, &values, on_row, context));
}

/* Appends the cells of these columns, which have a space between. */
static inline void
note_cells(struct buffer *out, const char *target, const struct report_row *row, const char *names)
{
	struct slice rest = slice_of(names);
	while (rest.ptr != NULL) {
		char name[32];
		struct slice word = slice_take(&rest, ' ');
		snprintf(name, sizeof name, "%.*s", SLICE_ARG(word));
		report_cell_text(
		    report_cell(query_http_report(query_find(target)), row, name), NULL, out);
		buffer_append_byte(out, rest.ptr == NULL ? '\n' : ' ');
	}
}

#define ERRORS "/v1/campaigns/{campaign}/errors"

static inline void
note_error(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct lines *lines = context;
	struct buffer line = BUFFER_EMPTY;
	buffer_append(&line, SLICE("  code "));
	note_cells(&line, ERRORS, row, "code count");
	const struct report *report = query_http_report(query_find(ERRORS));
	buffer_appendf(&line, "from %lld to %lld\n",
	    (long long)(report_cell(report, row, "first")->number - T0),
	    (long long)(report_cell(report, row, "last")->number - T0));
	buffer_append_byte(&line, '\0');
	lines->sorted[lines->count++] = line.ptr;
}

static inline int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Moves the lines noted so far into the text, in order of their bytes. */
static inline void
put_sorted(struct lines *lines)
{
	qsort(lines->sorted, lines->count, sizeof lines->sorted[0], compare_lines);
	for (size_t i = 0; i < lines->count; i++) {
		buffer_append(&lines->text, slice_of(lines->sorted[i]));
		free(lines->sorted[i]);
	}
	lines->count = 0;
}

/* All campaigns with their figures and times, and each one's errors; for buffer_done. */
static inline struct buffer
whole_picture(const char *const *campaigns, size_t count)
{
	static struct lines lines;
	struct store_reader *reader = open_reader();
	struct campaign_filter all = {.limit = 0};
	lines = (struct lines){.text = BUFFER_EMPTY};
	assert_ok(read_campaigns(reader, &all, note_campaign, &lines));
	put_sorted(&lines);
	for (size_t i = 0; i < 2 * count; i++) {
		struct campaign_filter filter = {.workspace = i % 2 ? SLICE("v") : SLICE("w"),
		    .campaign = slice_of(campaigns[i / 2])};
		buffer_appendf(&lines.text, "errors of %.*s/%s\n", SLICE_ARG(filter.workspace),
		    campaigns[i / 2]);
		const struct given errors[] = {{"campaign", .text = campaigns[i / 2]},
		    {"workspace", .text = i % 2 ? "v" : "w"}, {0}};
		ask_given(reader, ERRORS, errors, note_error, &lines);
		put_sorted(&lines);
	}
	store_reader_close(reader);
	return lines.text;
}

/* The figures of one campaign, by order of enum figure, as text. */
static inline void
assert_figures(const char *campaign, const char *expected)
{
	static struct lines lines;
	struct store_reader *reader = open_reader();
	struct campaign_filter filter = {.campaign = slice_of(campaign)};
	lines = (struct lines){.text = BUFFER_EMPTY};
	assert_ok(read_campaigns(reader, &filter, note_campaign, &lines));
	put_sorted(&lines);
	struct slice text = buffer_slice(&lines.text);
	slice_take(&text, ' ');
	size_t len = 0;
	for (int blanks = 0; len < text.len && blanks < FIGURE_COUNT; len++)
		blanks += text.ptr[len] == ' ' || text.ptr[len] == '\n';
	text.len = len == 0 ? 0 : len - 1;
	assert_slice(text, expected);
	buffer_done(&lines.text);
	store_reader_close(reader);
}

static inline void
note_reply(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, "/v1/replies", row, "message rule answers candidates campaign");
}

/* Each reply: its SID, the rule, the SID it answers, how many campaigns, its own campaign; for
 * buffer_done. */
static inline struct buffer
all_replies(void)
{
	struct buffer text = BUFFER_EMPTY;
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/replies", NULL, note_reply, &text);
	store_reader_close(reader);
	return text;
}

static inline void
assert_replies(const char *expected)
{
	struct buffer text = all_replies();
	assert_slice(buffer_slice(&text), expected);
	buffer_done(&text);
}

/* Of the list of opt-outs; or of one number: all its scopes. */
struct optout_filter {
	const char *number, *scope, *state;
	int64_t at_us, after_seq, limit;
};

struct noted_optouts {
	struct buffer text;
	const struct report *report;
	struct slice number; /* absent: that of the row */
};

static inline void
note_optout(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct noted_optouts *noted = context;
	struct slice number = noted->number.ptr != NULL
				  ? noted->number
				  : report_cell(noted->report, row, "number")->text;
	buffer_appendf(&noted->text, "%.*s at %.*s: %.*s (%.*s)\n", SLICE_ARG(number),
	    SLICE_ARG(report_cell(noted->report, row, "scope")->text),
	    SLICE_ARG(report_cell(noted->report, row, "state")->text),
	    SLICE_ARG(report_cell(noted->report, row, "cause")->text));
}

static inline void
assert_optouts(struct optout_filter filter, const char *expected)
{
	struct noted_optouts noted = {
	    .report = &query_optouts.report, .number = slice_of(filter.number)};
	struct store_reader *reader = open_reader();
	const struct given given[] = {
	    {"state", .text = filter.state != NULL ? filter.state : "any"},
	    {"scope", .text = filter.scope}, {"at", .number = filter.at_us},
	    {"next", .number = filter.after_seq}, {"limit", .number = filter.limit}, {0}};
	if (filter.number != NULL) {
		noted.report = &query_scopes.report;
		assert_ok(optouts_scopes(reader, noted.number, filter.at_us, note_optout, &noted));
	} else
		ask_given(reader, "/v1/optouts", given, note_optout, &noted);
	assert_slice(buffer_slice(&noted.text), expected);
	buffer_done(&noted.text);
	store_reader_close(reader);
}

/* One column of one row. */
static inline int64_t
number_in_file(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static inline void
note_difference(void *context, const char *line)
{
	(void)context, (void)line;
}

static inline void
print_difference(void *context, const char *line)
{
	(void)context;
	print_error("%s\n", line);
}

static inline uint64_t
differences(enum conflict_policy policy, bool expected)
{
	struct store_reader *reader = open_reader();
	struct audit audit;
	assert_ok(store_audit(
	    reader, policy, expected ? note_difference : print_difference, NULL, &audit));
	store_reader_close(reader);
	return audit.differences;
}

#endif
