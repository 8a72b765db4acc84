/* store: each receipt counts once, in any order, and the audit finds all wrong figures. */
#include "stores.h"

/* --- adding --- */

static void
a_new_store_is_empty(void **state)
{
	(void)state;
	struct store *store = open_store();
	uint64_t cursor = 99;
	assert_int_equal(store_cursor(store), 0);
	store_close(store);
	store_close(NULL);
	struct store_reader *reader = open_reader();
	assert_ok(store_read_cursor(reader, &cursor));
	assert_int_equal(cursor, 0);
	store_reader_close(reader);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
a_message_is_counted_as_it_goes_on(void **state)
{
	(void)state;
	struct store *store = open_store();
	static const struct {
		enum message_status status;
		const char *figures;
	} steps[] = {/* messages sent delivered failed canceled pending read replied clicked
			clicked_messages opted_out conflicts */
	    {STATUS_QUEUED, "1 0 0 0 0 0 0 0 0 0 0 0"}, {STATUS_SENT, "1 1 0 0 0 1 0 0 0 0 0 0"},
	    {STATUS_UNDELIVERED, "1 1 0 1 0 0 0 0 0 0 0 0"},
	    {STATUS_DELIVERED, "1 1 1 0 0 0 0 0 0 0 0 1"}, {STATUS_READ, "1 1 1 0 0 0 1 0 0 0 0 1"},
	    {STATUS_ACCEPTED, "1 1 1 0 0 0 1 0 0 0 0 1"}};
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct event event = receipt("SM1", "c", steps[i].status, T0 + (int64_t)i);
		commit(store, &event, 1);
		assert_figures("c", steps[i].figures);
		assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	}
	store_close(store);
}

static void
what_became_of_an_event_is_reported(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct error_catalogue catalogue;
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_ok(store_set_lookups(store, &catalogue, &(struct provider_names){0}, NULL));
	assert_ok(store_set_lookups(
	    store, &catalogue, &(struct provider_names){0}, NULL)); /* again: replaced */
	error_catalogue_done(&catalogue);
	assert_ok(store_begin(store));
	struct event event = receipt("SM1", "c", STATUS_FAILED, T0);
	event.error_code = 30005;
	struct store_added added = add(store, event);
	assert_false(added.duplicate || added.conflict || added.unknown_code);
	event.time_us += 5;
	added = add(store, event);
	assert_true(added.duplicate);
	assert_false(added.conflict || added.unknown_code);
	event.error_code = 39999;
	added = add(store, event);
	assert_true(added.unknown_code && !added.duplicate && !added.conflict);
	added = add(store, receipt("SM1", "c", STATUS_DELIVERED, T0));
	assert_true(added.conflict && !added.duplicate);
	added = add(store, receipt("SM1", "c", STATUS_CANCELED, T0));
	assert_false(added.conflict); /* it had one before */
	event = receipt("SM2", "c", STATUS_DELIVERED, T0);
	event.error_code = 39999; /* no failure */
	assert_false(add(store, event).unknown_code);
	assert_ok(store_commit(store, 7));
	assert_int_equal(store_cursor(store), 7);
	store_close(store);
	store = open_store();
	assert_int_equal(store_cursor(store), 7);
	store_close(store);
}

static void
a_later_duplicate_changes_nothing_but_the_count_of_duplicates(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "c", STATUS_SENT, T0),
	    receipt("SM1", "c", STATUS_DELIVERED, T0 + 1),
	    receipt("SM2", "c", STATUS_SENT, T0 + 2)};
	static const char *const names[] = {"c"};
	commit(store, events, 3);
	struct buffer before = whole_picture(names, 1);
	for (int i = 0; i < 5; i++) {
		events[0].time_us = T0 + i * CLOCK_HOUR_US;
		events[1].time_us = T0 + 1 + i * CLOCK_HOUR_US;
		commit(store, events, 2); /* in a later transaction */
	}
	struct buffer after = whole_picture(names, 1);
	bool same = slice_equal(buffer_slice(&before), buffer_slice(&after));
	buffer_done(&before);
	buffer_done(&after);
	store_close(store);
	assert_true(same);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

/* One that waited in the quarantine, or in another receiver's journal. */
static void
an_earlier_duplicate_gives_the_receipt_its_time(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event sent = receipt("SM1", "c", STATUS_SENT, T0 + 3 * CLOCK_HOUR_US),
		     delivered = receipt("SM1", "c", STATUS_DELIVERED, T0 + 9 * CLOCK_HOUR_US);
	commit(store, (struct event[]){sent, delivered}, 2);
	sent.time_us = T0 + CLOCK_HOUR_US;
	delivered.time_us = T0 + 2 * CLOCK_HOUR_US;
	sent.journal_seq = delivered.journal_seq = 7;
	commit(store, (struct event[]){delivered, sent}, 2);
	store_close(store);
	assert_figures("c", "1 1 1 0 0 0 0 0 0 0 0 0");
	assert_int_equal(number_in_file("SELECT hour FROM campaign_hour WHERE sent > 0"), 480001);
	assert_int_equal(
	    number_in_file("SELECT hour FROM campaign_hour WHERE delivered > 0"), 480002);
	assert_int_equal(number_in_file("SELECT last_us - first_us FROM campaign"), CLOCK_HOUR_US);
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM event WHERE arrival_seq = 7 AND journal_seq = 1"),
	    2);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

/* Of two in the same microsecond the number in the journal decides. */
static void
the_first_final_and_the_last_code_are_by_arrival_in_any_order(void **state)
{
	(void)state;
	struct event events[] = {receipt("SM1", "c", STATUS_FAILED, T0),
	    receipt("SM1", "c", STATUS_UNDELIVERED, T0),
	    receipt("SM1", "c", STATUS_DELIVERED, T0 + 1)};
	events[0].journal_seq = 2;
	events[0].error_code = 30003;
	events[1].error_code = 30005;
	events[2].journal_seq = 3;
	static const int orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		struct store *store = open_with(POLICY_FIRST_FINAL);
		for (int k = 0; k < 3; k++)
			commit(store, &events[orders[i][k]], 1);
		store_close(store);
		assert_int_equal(
		    number_in_file("SELECT first_final FROM message"), STATUS_UNDELIVERED);
		assert_int_equal(number_in_file("SELECT error_code FROM message"), 30003);
		assert_int_equal(number_in_file("SELECT count(*) FROM message"
						" WHERE status = 'undelivered'"),
		    1);
		assert_int_equal(
		    number_in_file("SELECT sum(failed) FROM campaign_error WHERE code = 30003"), 1);
		assert_int_equal(differences(POLICY_FIRST_FINAL, false), 0);
	}
}

/* Event Streams may report several facts in one request. */
static void
facts_of_one_request_have_an_order_of_their_own(void **state)
{
	(void)state;
	struct event events[] = {receipt("SM1", "c", STATUS_UNDELIVERED, T0),
	    receipt("SM1", "c", STATUS_DELIVERED, T0), receipt("SM1", "c", STATUS_FAILED, T0)};
	for (int turn = 0; turn < 3; turn++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, turn);
		struct store *store = open_with(POLICY_FIRST_FINAL);
		for (int i = 0; i < 3; i++)
			commit(store, &events[(turn + i) % 3], 1);
		store_close(store);
		assert_int_equal(
		    number_in_file("SELECT first_final FROM message"), STATUS_DELIVERED);
	}
}

static void
count_campaign(void *context, const struct campaign_row *row)
{
	(void)row;
	++*(size_t *)context;
}

static void
add_duplicates_of(void *context, const struct campaign_row *row)
{
	*(int64_t *)context += row->duplicates;
}

static void
duplicates_are_counted(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "c", STATUS_SENT, T0),
	    receipt("SM1", "c", STATUS_SENT, T0), receipt("SM1", "c", STATUS_SENT, T0 + 9)};
	int64_t duplicates = 0;
	commit(store, events, 3);
	struct store_reader *reader = open_reader();
	struct campaign_filter all = {.limit = 0};
	assert_ok(read_campaigns(reader, &all, add_duplicates_of, &duplicates));
	assert_int_equal(duplicates, 2);
	store_reader_close(reader);
	store_close(store);
}

static void
what_is_rolled_back_never_was(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event first = receipt("SM1", "kept", STATUS_SENT, T0);
	static const char *const names[] = {"kept", "new"};
	commit(store, &first, 1);
	struct buffer before = whole_picture(names, 1);
	for (int i = 0; i < 3; i++) {
		assert_ok(store_begin(store));
		add(store, receipt("SM1", "kept", STATUS_DELIVERED, T0 + 1));
		add(store, receipt("SM2", "new", STATUS_SENT, T0 + 1)); /* a new campaign, too */
		add(store, first);
		store_rollback(store);
		assert_int_equal(store_cursor(store), 1);
	}
	struct buffer after = whole_picture(names, 1);
	bool same = slice_equal(buffer_slice(&before), buffer_slice(&after));
	buffer_done(&before);
	buffer_done(&after);
	assert_true(same);
	/* and then counts exactly once */
	struct event again[] = {receipt("SM1", "kept", STATUS_DELIVERED, T0 + 1),
	    receipt("SM2", "new", STATUS_SENT, T0 + 1)};
	commit(store, again, 2);
	assert_int_equal(store_cursor(store), 2);
	store_close(store);
	assert_figures("kept", "1 1 1 0 0 0 0 0 0 0 0 0");
	assert_figures("new", "1 1 0 0 0 1 0 0 0 0 0 0");
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
what_was_not_committed_is_gone_after_a_crash(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event first = receipt("SM1", "c", STATUS_SENT, T0);
	commit(store, &first, 1);
	assert_ok(store_begin(store));
	add(store, receipt("SM2", "c", STATUS_SENT, T0));
	store_close(store);
	store = open_store();
	assert_int_equal(store_cursor(store), 1);
	store_close(store);
	assert_figures("c", "1 1 0 0 0 1 0 0 0 0 0 0");
}

static void
a_checkpoint_reports_the_cursor_that_is_synced(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event event = receipt("SM1", "c", STATUS_SENT, T0);
	uint64_t synced = 0;
	commit(store, &event, 1);
	assert_true(engine_wal_bytes(store_engine(store)) > 0);
	assert_ok(engine_checkpoint(store_engine(store), &synced));
	assert_int_equal(synced, 1);
	/* A reader of an older snapshot blocks the copying of pages: `synced` does not advance. */
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN; SELECT count(*) FROM event", NULL, NULL, NULL), SQLITE_OK);
	event.message = SLICE("SM2");
	commit(store, &event, 1);
	event.message = SLICE("SM3");
	commit(store, &event, 1);
	assert_ok(engine_checkpoint(store_engine(store), &synced));
	assert_int_equal(synced, 1);
	sqlite3_close(db);
	assert_ok(engine_checkpoint(store_engine(store), &synced));
	assert_int_equal(synced, 3);
	store_close(store);
}

/* --- policies --- */

static void
another_policy_refolds_what_conflicts(void **state)
{
	(void)state;
	static const struct {
		enum conflict_policy policy;
		const char *a, *b;
	} rows[] = {/* a: failed, then delivered; b: delivered, then failed */
	    {POLICY_DELIVERED_WINS, "1 1 1 0 0 0 0 0 0 0 0 1", "2 2 2 0 0 0 0 0 0 0 0 1"},
	    {POLICY_FAILURE_WINS, "1 1 0 1 0 0 0 0 0 0 0 1", "2 2 1 1 0 0 0 0 0 0 0 1"},
	    {POLICY_FIRST_FINAL, "1 1 0 1 0 0 0 0 0 0 0 1", "2 2 2 0 0 0 0 0 0 0 0 1"},
	    {POLICY_DELIVERED_WINS, "1 1 1 0 0 0 0 0 0 0 0 1", "2 2 2 0 0 0 0 0 0 0 0 1"}};
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "a", STATUS_UNDELIVERED, T0),
	    receipt("SM1", "a", STATUS_DELIVERED, T0 + CLOCK_HOUR_US),
	    receipt("SM2", "b", STATUS_DELIVERED, T0),
	    receipt("SM2", "b", STATUS_FAILED, T0 + 2 * CLOCK_HOUR_US),
	    receipt("SM3", "b", STATUS_DELIVERED, T0)};
	events[0].error_code = events[3].error_code = 30005;
	commit(store, events, COUNT_OF(events));
	store_close(store);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum conflict_policy stored;
		store = open_with(rows[i].policy);
		assert_int_equal(store_cursor(store), 1);
		store_close(store);
		assert_figures("a", rows[i].a);
		assert_figures("b", rows[i].b);
		assert_int_equal(differences(rows[i].policy, false), 0);
		struct store_reader *reader = open_reader();
		assert_ok(store_read_policy(reader, &stored));
		assert_int_equal(stored, rows[i].policy);
		store_reader_close(reader);
	}
	/* held against another policy, they do differ */
	assert_true(differences(POLICY_FAILURE_WINS, true) > 0);
}

/* --- tags and providers --- */

static void
note_members(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct buffer *text = context;
	const struct cell *cells = row->cells;
	int64_t error_code = cells[8].kind == CELL_NULL ? -1 : cells[8].number;
	buffer_appendf(text, "%.*s %.*s %.*s/%.*s/%.*s %.*s|%.*s|%.*s %d %lld",
	    SLICE_ARG(cells[0].text), SLICE_ARG(cells[1].text), SLICE_ARG(cells[2].text),
	    SLICE_ARG(cells[3].text), SLICE_ARG(cells[4].text), SLICE_ARG(cells[5].text),
	    SLICE_ARG(cells[6].text), SLICE_ARG(cells[7].text), (int)cells[9].number,
	    (long long)error_code);
}

static void
pass_over(void *context, const struct report_row *row, int64_t place)
{
	(void)context, (void)row, (void)place;
}

/* The members of the message; expected NULL: it is not known, and has no receipts. */
static void
assert_message(const char *sid, const char *expected)
{
	struct store_reader *reader = open_reader();
	struct buffer text = BUFFER_EMPTY;
	const struct query *query = query_find("/v1/messages/{sid}");
	struct query_values values = query_values(query);
	query_give(query, &values, "sid", slice_of(sid), 0);
	enum result result = query_ask(reader, query, &values, pass_over, NULL);
	assert_int_equal(result, expected == NULL ? RESULT_NOT_FOUND : RESULT_OK);
	assert_ok(query_ask_member_row(reader, query, &values, note_members, &text));
	assert_slice(buffer_slice(&text), expected == NULL ? "" : expected);
	buffer_done(&text);
	store_reader_close(reader);
}

static void
tags_that_disagree_are_settled_in_any_order(void **state)
{
	(void)state;
	static const char *const campaigns[] = {"", "zeta", "alpha"};
	static const size_t orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct store *store = open_store();
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		char sid[8];
		snprintf(sid, sizeof sid, "SM%zu", i);
		for (size_t k = 0; k < 3; k++) {
			struct event event = receipt(sid, campaigns[orders[i][k]],
			    (enum message_status)(STATUS_ACCEPTED + orders[i][k]), T0);
			commit(store, &event, 1);
		}
		char expected[64];
		snprintf(expected, sizeof expected, "%s queued w/alpha/ AC1||+1 0 -1", sid);
		assert_message(sid, expected);
	}
	store_close(store);
	assert_figures("alpha", "6 0 0 0 0 0 0 0 0 0 0 0");
	assert_figures("zeta", "0 0 0 0 0 0 0 0 0 0 0 0");
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
providers_say_what_all_receipts_say(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "c", STATUS_QUEUED, T0),
	    receipt("SM1", "c", STATUS_SENT, T0), receipt("SM1", "c", STATUS_DELIVERED, T0)};
	events[0].from = SLICE_NONE;
	events[1].service = SLICE("MG1");
	events[1].from = SLICE("+9");
	events[2].service = SLICE_NONE;
	events[2].from = SLICE("+3");
	for (size_t i = 0; i < 3; i++) {
		commit(store, &events[i], 1);
		assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	}
	assert_message("SM1", "SM1 delivered w/c/ AC1|MG1|+3 0 -1");
	for (size_t i = 3; i-- > 0;) {
		events[i].message = SLICE("SM2");
		commit(store, &events[i], 1);
	}
	assert_message("SM2", "SM2 delivered w/c/ AC1|MG1|+3 0 -1");
	assert_message("SM3", NULL);
	store_close(store);
}

static void
unknown_statuses_are_shown_and_do_not_depend_on_their_order(void **state)
{
	(void)state;
	static char long_status[100];
	memset(long_status, 'z', sizeof long_status);
	struct store *store = open_store();
	struct event a = receipt("SM1", "c", STATUS_UNKNOWN, T0), b = a;
	a.status_text = SLICE("teleported");
	b.status_text = SLICE("lost");
	struct event events[] = {a, b, b, a};
	events[2].message = events[3].message = SLICE("SM2");
	commit(store, events, 4);
	assert_message("SM1", "SM1 teleported w/c/ AC1||+1 0 -1");
	assert_message("SM2", "SM2 teleported w/c/ AC1||+1 0 -1");
	a.message = SLICE("SM3");
	a.status_text = (struct slice){long_status, sizeof long_status};
	commit(store, &a, 1);
	struct event sent = receipt("SM1", "c", STATUS_SENT, T0 - 1);
	commit(store, &sent, 1);
	assert_message("SM1", "SM1 sent w/c/ AC1||+1 0 -1");
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

/* --- random histories --- */

#define MESSAGES 300

struct history {
	struct event events[MESSAGES * RECEIPTS_MAX * 2];
	size_t count;
};

static const char *const history_campaigns[] = {"", "alpha", "beta", "gamma"};

/* Messages with receipts that may disagree about their tags and senders. */
static void
make_history(struct history *history)
{
	static char sids[MESSAGES][16], reply_sids[MESSAGES][16];
	static const char *const senders[] = {"+1", "+2", "", "short"};
	static const char *const services[] = {"", "MG1", "MG2"};
	static const char *const variants[] = {"", "x", "y"};
	history->count = 0;
	for (size_t i = 0; i < MESSAGES; i++) {
		struct event *events = &history->events[history->count];
		size_t count = random_receipts(events);
		snprintf(sids[i], sizeof sids[i], "SM%zu", i);
		snprintf(reply_sids[i], sizeof reply_sids[i], "RE%zu", i);
		unsigned campaign = random_below(4), odd = random_below(10) == 0;
		for (size_t k = 0; k < count; k++) {
			struct event *event = &events[k];
			event->message =
			    slice_of(event->type == EVENT_REPLIED ? reply_sids[i] : sids[i]);
			event->journal_seq = history->count + k + 1;
			event->workspace = odd && random_below(2) ? SLICE("v") : SLICE("w");
			event->campaign =
			    slice_of(history_campaigns[odd ? random_below(4) : campaign]);
			event->variant = slice_of(variants[random_below(3)]);
			event->tags_fit = true;
			event->account = SLICE("AC1");
			event->service = slice_of(services[random_below(3)]);
			event->from = event->to = slice_of(senders[random_below(4)]);
		}
		history->count += count;
	}
	for (size_t copies = history->count / 2, count = history->count; copies > 0; copies--)
		history->events[history->count++] = history->events[random_below((unsigned)count)];
}

/* Stores the history in its order, in transactions of any size, some rolled back. */
static void
store_history(const struct history *history, enum conflict_policy policy)
{
	struct store *store = open_with(policy);
	for (size_t i = 0; i < history->count;) {
		size_t count = 1 + random_below(200);
		bool again = random_below(4) == 0;
		if (count > history->count - i)
			count = history->count - i;
		assert_ok(store_begin(store));
		for (size_t k = 0; k < count; k++)
			add(store, history->events[i + k]);
		if (again)
			store_rollback(store);
		else {
			i += count;
			assert_ok(store_commit(store, i));
		}
	}
	store_close(store);
}

static void
any_order_and_any_duplication_give_the_same_figures(void **state)
{
	(void)state;
	static struct history history;
	static const enum conflict_policy policies[] = {POLICY_DELIVERED_WINS, POLICY_FAILURE_WINS};
	for (int round = 0; round < 4; round++) {
		struct buffer pictures[3];
		enum conflict_policy policy = policies[round % 2];
		make_history(&history);
		for (size_t i = 0; i < 3; i++) {
			snprintf(path, sizeof path, "%s/%d-%zu.db", directory, round, i);
			if (i > 0)
				shuffle(history.events, history.count);
			store_history(&history, policy);
			pictures[i] = whole_picture(history_campaigns, COUNT_OF(history_campaigns));
			assert_int_equal(differences(policy, false), 0);
		}
		for (size_t i = 1; i < 3; i++) {
			bool same =
			    slice_equal(buffer_slice(&pictures[0]), buffer_slice(&pictures[i]));
			if (!same)
				print_error("%.*s\nand\n%.*s\n",
				    SLICE_ARG(buffer_slice(&pictures[0])),
				    SLICE_ARG(buffer_slice(&pictures[i])));
			assert_true(same);
			buffer_done(&pictures[i]);
		}
		buffer_done(&pictures[0]);
	}
}

static void
a_refolded_store_is_the_store_that_was_folded_so_from_the_start(void **state)
{
	(void)state;
	static struct history history;
	make_history(&history);
	snprintf(path, sizeof path, "%s/direct.db", directory);
	store_history(&history, POLICY_FAILURE_WINS);
	struct buffer direct = whole_picture(history_campaigns, COUNT_OF(history_campaigns));
	snprintf(path, sizeof path, "%s/refolded.db", directory);
	store_history(&history, POLICY_DELIVERED_WINS);
	store_close(open_with(POLICY_FIRST_FINAL));
	assert_int_equal(differences(POLICY_FIRST_FINAL, false), 0);
	store_close(open_with(POLICY_FAILURE_WINS));
	assert_int_equal(differences(POLICY_FAILURE_WINS, false), 0);
	struct buffer refolded = whole_picture(history_campaigns, COUNT_OF(history_campaigns));
	bool same = slice_equal(buffer_slice(&direct), buffer_slice(&refolded));
	buffer_done(&direct);
	buffer_done(&refolded);
	assert_true(same);
}

/* --- the audit --- */

static void
make_small_store(void)
{
	struct store *store = open_store();
	struct event events[] = {receipt("SM1", "c", STATUS_SENT, T0),
	    receipt("SM1", "c", STATUS_DELIVERED, T0 + CLOCK_HOUR_US),
	    receipt("SM2", "c", STATUS_FAILED, T0 + 5), receipt("SM3", "d", STATUS_READ, T0),
	    receipt("SM4", "d", STATUS_UNDELIVERED, T0), receipt("SM4", "d", STATUS_DELIVERED, T0),
	    receipt("SM5", "d", STATUS_RECEIVED, T0)};
	events[2].error_code = 30005;
	events[6].keyword = SLICE("stop");
	events[6].consent = CONSENT_OUT;
	events[6].cause = SLICE("keyword");
	commit(store, events, COUNT_OF(events));
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
the_audit_reports_how_much_it_compared(void **state)
{
	(void)state;
	struct audit audit;
	make_small_store();
	struct store_reader *reader = open_reader();
	assert_ok(store_audit(reader, POLICY_DELIVERED_WINS, note_difference, NULL, &audit));
	assert_int_equal(audit.events, 7);
	assert_int_equal(audit.messages, 5);
	assert_true(audit.figures > 0);
	store_reader_close(reader);
}

static void
the_audit_finds_figures_that_were_changed(void **state)
{
	(void)state;
	static const char *const changes[] = {
	    "UPDATE campaign_hour SET sent = sent + 1",
	    "UPDATE campaign_hour SET delivered = delivered - 1",
	    "UPDATE campaign_hour SET hour = hour + 9",
	    "UPDATE campaign_hour SET conflicts = 7 WHERE tagset_id = 2",
	    "DELETE FROM campaign_hour WHERE tagset_id = 1",
	    "INSERT INTO campaign_hour VALUES(1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
	    "UPDATE provider_hour SET messages = messages + 1",
	    "DELETE FROM provider_hour",
	    "UPDATE campaign_error SET failed = failed + 1",
	    "UPDATE campaign_error SET code = 1",
	    "DELETE FROM campaign_error",
	    "UPDATE campaign SET first_us = first_us + 1 WHERE id = 1",
	    "UPDATE campaign SET last_us = last_us - 1",
	};
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		make_small_store();
		run_sql(changes[i]);
		if (differences(POLICY_DELIVERED_WINS, true) == 0) {
			print_error("not found: %s\n", changes[i]);
			fail();
		}
	}
}

static void
the_audit_finds_messages_and_receipts_that_were_changed(void **state)
{
	(void)state;
	static const char *const changes[] = {
	    "UPDATE message SET status = 'sent' WHERE sid = 'SM1'",
	    "UPDATE message SET seen = seen | 8 WHERE sid = 'SM1'",
	    "UPDATE message SET error_code = 1 WHERE sid = 'SM2'",
	    "UPDATE message SET delivered_us = delivered_us + 1 WHERE sid = 'SM1'",
	    "UPDATE message SET first_final = 0 WHERE sid = 'SM4'",
	    "UPDATE message SET opted_out = 0 WHERE sid = 'SM5'",
	    "UPDATE message SET tagset_id = 1 WHERE sid = 'SM3'",
	    "DELETE FROM message WHERE sid = 'SM3'",
	    "DELETE FROM event WHERE status = 'failed'",
	    "DELETE FROM event WHERE seq = 1",
	    "UPDATE event SET status = 'delivered' WHERE status = 'sent'",
	    "UPDATE event SET time_us = time_us - 3600000000 WHERE seq = 4",
	    "UPDATE event SET error_code = 30006 WHERE error_code = 30005",
	    "UPDATE event SET message_id = 1 WHERE seq = 4",
	};
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		make_small_store();
		run_sql(changes[i]);
		if (differences(POLICY_DELIVERED_WINS, true) == 0) {
			print_error("not found: %s\n", changes[i]);
			fail();
		}
	}
}

/* Which messages a changed policy refolds, and when failures began and ended, are read from these
 * two columns. */
static void
the_audit_finds_a_changed_outcome_or_conflict(void **state)
{
	(void)state;
	static const char *const changes[] = {"UPDATE message SET outcome = 0 WHERE sid = 'SM2'",
	    "UPDATE message SET conflict = 0 WHERE sid = 'SM4'"};
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		make_small_store();
		run_sql(changes[i]);
		if (differences(POLICY_DELIVERED_WINS, true) == 0) {
			print_error("not found: %s\n", changes[i]);
			fail();
		}
	}
}

/* --- readers --- */

struct event_lines {
	struct buffer text;
	uint64_t last;
};

static void
note_event(void *context, const struct event_row *row)
{
	struct event_lines *lines = context;
	const struct event *event = &row->event;
	assert_true(row->seq > lines->last);
	lines->last = row->seq;
	buffer_appendf(&lines->text, "%s%llu:%.*s", lines->text.len > 0 ? " " : "",
	    (unsigned long long)row->seq, SLICE_ARG(event_type_name(event->type)));
}

static void
assert_events(struct event_filter filter, const char *expected)
{
	struct event_lines lines = {BUFFER_EMPTY, 0};
	struct store_reader *reader = open_reader();
	assert_ok(store_read_events(reader, &filter, note_event, &lines));
	assert_slice(buffer_slice(&lines.text), expected);
	buffer_done(&lines.text);
	store_reader_close(reader);
}

static void
events_are_filtered_and_paged(void **state)
{
	(void)state;
	make_small_store();
	struct store *store = open_store();
	struct event odd = receipt("SM9", "", STATUS_SENT, T0);
	odd.type = EVENT_UNRECOGNISED;
	odd.folds = false;
	odd.workspace = SLICE("v");
	commit(store, &odd, 1);
	struct event twice = receipt("SM10", "c", STATUS_SENT, T0);
	twice.workspace = SLICE("v");
	commit(store, &twice, 1);
	store_close(store);
	assert_events(
	    (struct event_filter){.campaign = SLICE("c")}, "1:Sent 2:Delivered 3:Failed 9:Sent");
	assert_events(
	    (struct event_filter){.campaign = SLICE("c"), .workspace = SLICE("v")}, "9:Sent");
	assert_events((struct event_filter){.campaign = SLICE("c"), .workspace = SLICE("w")},
	    "1:Sent 2:Delivered 3:Failed");
	assert_events((struct event_filter){.campaign = SLICE("c"), .workspace = SLICE("u")}, "");
	assert_events((struct event_filter){.limit = 0},
	    "1:Sent 2:Delivered 3:Failed 4:Read 5:Failed "
	    "6:Delivered 7:Replied 8:Unrecognised 9:Sent");
	assert_events((struct event_filter){.after_seq = 2, .limit = 2}, "3:Failed 4:Read");
	assert_events((struct event_filter){.type = SLICE("Failed")}, "3:Failed 5:Failed");
	assert_events((struct event_filter){.type = SLICE("Failed"), .after_seq = 3}, "5:Failed");
	assert_events((struct event_filter){.campaign = SLICE("d"), .after_seq = 4, .limit = 2},
	    "5:Failed 6:Delivered");
	assert_events((struct event_filter){.campaign = SLICE("")}, "8:Unrecognised");
	assert_events((struct event_filter){.workspace = SLICE("v")}, "8:Unrecognised 9:Sent");
	assert_events((struct event_filter){.message = SLICE("SM1")}, "1:Sent 2:Delivered");
	assert_events((struct event_filter){.message = SLICE("SM9")}, "8:Unrecognised");
	assert_events((struct event_filter){.message = SLICE("SM99")}, "");
	assert_events((struct event_filter){.campaign = SLICE("c' OR 1=1 --")}, "");
	assert_events((struct event_filter){.after_seq = 9}, "");
}

static void
check_event(void *context, const struct event_row *row)
{
	const struct event *event = &row->event;
	(void)context;
	assert_int_equal(event->journal_seq, 77);
	assert_true(event->time_us == T0 + 5);
	assert_slice(event->workspace, "w");
	assert_slice(event->campaign, "c\xc3\xa4");
	assert_slice(event->variant, "v");
	assert_slice(event->account, "AC1");
	assert_slice(event->message, "SM1");
	assert_slice(event->status_text, "received");
	assert_slice(event->from, "+1");
	assert_slice(event->to, "+2");
	assert_slice(event->service, NULL);
	assert_true(slice_equal(event->body, SLICE("a\0b\xff")));
	assert_slice(event->keyword, "stop");
	assert_slice(event->extra, "{\"a\":1}");
	assert_true(slice_equal(event->raw_query, SLICE("q\0")));
	assert_slice(event->raw_body, "");
	assert_int_equal(event->error_code, -1);
}

static void
an_event_comes_back_as_it_went_in(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event event = receipt("SM1", "c\xc3\xa4", STATUS_RECEIVED, T0 + 5);
	event.journal_seq = 77;
	event.variant = SLICE("v");
	event.body = SLICE("a\0b\xff");
	event.keyword = SLICE("stop");
	event.extra = SLICE("{\"a\":1}");
	event.raw_query = SLICE("q\0");
	event.raw_body = SLICE("");
	commit(store, &event, 1);
	store_close(store);
	struct store_reader *reader = open_reader();
	struct event_filter all = {.limit = 0};
	assert_ok(store_read_events(reader, &all, check_event, NULL));
	store_reader_close(reader);
}

static size_t
campaigns_in(struct campaign_filter filter)
{
	size_t count = 0;
	struct store_reader *reader = open_reader();
	assert_ok(read_campaigns(reader, &filter, count_campaign, &count));
	store_reader_close(reader);
	return count;
}

static void
campaigns_are_filtered_and_paged(void **state)
{
	(void)state;
	struct store *store = open_store();
	for (int i = 0; i < 10; i++) {
		char name[8], sid[8];
		snprintf(name, sizeof name, "c%d", i);
		snprintf(sid, sizeof sid, "SM%d", i);
		struct event event = receipt(sid, name, STATUS_SENT, T0 + i * CLOCK_HOUR_US);
		event.workspace = i % 2 ? SLICE("odd") : SLICE("even");
		commit(store, &event, 1);
	}
	store_close(store);
	assert_int_equal(campaigns_in((struct campaign_filter){.limit = 0}), 10);
	assert_int_equal(campaigns_in((struct campaign_filter){.limit = 3}), 3);
	assert_int_equal(campaigns_in((struct campaign_filter){.before_id = 4}), 3);
	assert_int_equal(campaigns_in((struct campaign_filter){.workspace = SLICE("odd")}), 5);
	assert_int_equal(campaigns_in((struct campaign_filter){.workspace = SLICE("")}), 0);
	assert_int_equal(campaigns_in((struct campaign_filter){.campaign = SLICE("c3")}), 1);
	assert_int_equal(
	    campaigns_in((struct campaign_filter){.from_us = T0 + 3 * CLOCK_HOUR_US}), 7);
	assert_int_equal(
	    campaigns_in((struct campaign_filter){.to_us = T0 + 3 * CLOCK_HOUR_US}), 3);
	assert_int_equal(campaigns_in((struct campaign_filter){
			     .from_us = T0 + 2 * CLOCK_HOUR_US, .to_us = T0 + 4 * CLOCK_HOUR_US}),
	    2);
	assert_int_equal(
	    campaigns_in((struct campaign_filter){.from_us = T0 + 20 * CLOCK_HOUR_US}), 0);
}

/* The message moved to the campaign that a later receipt named: nothing is left of it here. */
static void
a_campaign_without_a_fact_in_the_window_is_left_out(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event events[] = {
	    receipt("SM1", "", STATUS_QUEUED, T0), receipt("SM1", "c", STATUS_SENT, T0)};
	commit(store, &events[0], 1);
	commit(store, &events[1], 1);
	store_close(store);
	assert_int_equal(campaigns_in((struct campaign_filter){.from_us = T0}), 1);
}

static void
note_code(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, ERRORS, row, "code name count share trend samples");
	const struct report *report = query_http_report(query_find(ERRORS));
	buffer_appendf(context, "%lld..%lld; ",
	    (long long)(report_cell(report, row, "first")->number - T0),
	    (long long)(report_cell(report, row, "last")->number - T0));
}

static void
note_errors(struct buffer *text, int64_t from_us, int64_t to_us, const char *campaign)
{
	struct store_reader *reader = open_reader();
	const struct given given[] = {{"campaign", .text = campaign}, {"from", .number = from_us},
	    {"to", .number = to_us}, {0}};
	buffer_clear(text);
	ask_given(reader, ERRORS, given, note_code, text);
	store_reader_close(reader);
}

static void
errors_of_a_campaign_are_reported_by_code(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct error_catalogue catalogue;
	static const int64_t codes[] = {30005, 30005, 39999, -1, 30005, 39999};
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_ok(store_set_lookups(store, &catalogue, &(struct provider_names){0}, NULL));
	error_catalogue_done(&catalogue);
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		char sid[8];
		snprintf(sid, sizeof sid, "SM%zu", i);
		struct event event = receipt(
		    sid, "c", i % 2 ? STATUS_FAILED : STATUS_UNDELIVERED, T0 + (int64_t)i + 1);
		event.variant = i == 1 ? SLICE("other") : SLICE("");
		event.error_code = codes[i];
		commit(store, &event, 1);
	}
	/* this failure turned out to be a delivery */
	struct event failed = receipt("SM9", "c", STATUS_FAILED, T0),
		     delivered = receipt("SM9", "c", STATUS_DELIVERED, T0);
	failed.error_code = 30003;
	commit(store, &failed, 1);
	commit(store, &delivered, 1);
	store_close(store);
	struct buffer text = BUFFER_EMPTY;
	static const char all[] = "30005 Unknown destination handset 3 0.5000  SM4 SM1 SM0\n1..5; "
				  "39999  2 0.3333  SM5 SM2\n3..6;   1 0.1667  SM3\n4..4; ";
	note_errors(&text, 0, 0, "c");
	assert_slice(buffer_slice(&text), all);
	/* All of them are in the hour that begins at T0. */
	note_errors(&text, T0, T0 + CLOCK_HOUR_US, "c");
	assert_slice(buffer_slice(&text), all);
	note_errors(&text, T0 + CLOCK_HOUR_US, 0, "c");
	assert_slice(buffer_slice(&text), "");
	note_errors(&text, 0, T0, "c");
	assert_slice(buffer_slice(&text), "");
	note_errors(&text, 0, 0, "nothing");
	assert_slice(buffer_slice(&text), "");
	buffer_done(&text);
}

static void
the_trend_compares_with_as_long_a_time_before(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct buffer text = BUFFER_EMPTY;
	const int64_t hour = T0 - T0 % CLOCK_HOUR_US;

	for (int64_t i = 0; i < 5; i++) {
		char sid[8];
		snprintf(sid, sizeof sid, "SM%lld", (long long)i);
		struct event event =
		    receipt(sid, "c", STATUS_FAILED, hour + (i == 4 ? CLOCK_HOUR_US : i));
		event.error_code = 30005;
		commit(store, &event, 1);
	}
	store_close(store);
	note_errors(&text, hour + CLOCK_HOUR_US, hour + 2 * CLOCK_HOUR_US, "c");
	assert_contains(buffer_slice(&text), "30005  1 1.0000 -0.7500 SM4 SM3 SM2\n");
	note_errors(&text, hour, hour + 2 * CLOCK_HOUR_US, "c");
	assert_contains(buffer_slice(&text), "30005  5 1.0000  SM4 SM3 SM2\n");
	buffer_done(&text);
}

static void
count_code(void *context, const struct report_row *row, int64_t place)
{
	(void)row, (void)place;
	++*(size_t *)context;
}

static void
the_catalogue_is_read_in_pages(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct error_catalogue catalogue;
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_ok(store_set_lookups(store, &catalogue, &(struct provider_names){0}, NULL));
	size_t all = 0, page = 0, rest = 0;
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/errors", NULL, count_code, &all);
	ask_given(
	    reader, "/v1/errors", (struct given[]){{"limit", NULL, 10}, {NULL}}, count_code, &page);
	ask_given(reader, "/v1/errors",
	    (struct given[]){{"next", NULL, catalogue.entries[9].code}, {NULL}}, count_code, &rest);
	assert_int_equal(all, 761);
	assert_int_equal(page, 10);
	assert_int_equal(rest, 751);
	store_reader_close(reader);
	error_catalogue_done(&catalogue);
	store_close(store);
}

/* --- files of other programs --- */

static void
assert_refused(enum result expected)
{
	const struct store_options options = {.path = path};
	struct store *store = NULL;
	struct store_reader *reader = NULL;
	assert_int_equal(store_open(&options, &store, &failure), expected);
	assert_contains(slice_of(failure.text), path);
	assert_null(store);
	assert_int_not_equal(store_reader_open(path, &reader, &failure), RESULT_OK);
	assert_null(reader);
}

static void
a_newer_store_is_refused(void **state)
{
	(void)state;
	make_small_store();
	run_sql("PRAGMA user_version = 99");
	assert_refused(RESULT_CORRUPT);
	assert_contains(slice_of(failure.text), "schema version 99");
}

static void
another_programs_database_is_refused(void **state)
{
	(void)state;
	run_sql("CREATE TABLE notes(text)");
	assert_refused(RESULT_CORRUPT);
	assert_contains(slice_of(failure.text), "another program");
	run_sql("PRAGMA application_id = 77");
	assert_refused(RESULT_CORRUPT);
}

static void
a_refused_database_is_not_touched(void **state)
{
	(void)state;
	const struct store_options options = {.path = path};
	struct store *store = NULL;
	run_sql("CREATE TABLE notes(text)");
	struct buffer before = read_whole_file(path);
	assert_int_equal(store_open(&options, &store, &failure), RESULT_CORRUPT);
	struct buffer after = read_whole_file(path);
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
	write_file(path, buffer_slice(&text));
	assert_refused(RESULT_CORRUPT);
	buffer_done(&text);
}

static void
a_reader_makes_no_store(void **state)
{
	(void)state;
	struct store_reader *reader = NULL;
	assert_int_equal(store_reader_open(path, &reader, &failure), RESULT_NOT_FOUND);
	assert_contains(slice_of(failure.text), path);
	assert_int_equal(access(path, F_OK), -1);
	store_reader_close(NULL);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_new_store_is_empty),
	    EACH(a_message_is_counted_as_it_goes_on),
	    EACH(what_became_of_an_event_is_reported),
	    EACH(a_later_duplicate_changes_nothing_but_the_count_of_duplicates),
	    EACH(an_earlier_duplicate_gives_the_receipt_its_time),
	    EACH(the_first_final_and_the_last_code_are_by_arrival_in_any_order),
	    EACH(facts_of_one_request_have_an_order_of_their_own),
	    EACH(duplicates_are_counted),
	    EACH(what_is_rolled_back_never_was),
	    EACH(what_was_not_committed_is_gone_after_a_crash),
	    EACH(a_checkpoint_reports_the_cursor_that_is_synced),
	    EACH(another_policy_refolds_what_conflicts),
	    EACH(tags_that_disagree_are_settled_in_any_order),
	    EACH(providers_say_what_all_receipts_say),
	    EACH(unknown_statuses_are_shown_and_do_not_depend_on_their_order),
	    EACH(any_order_and_any_duplication_give_the_same_figures),
	    EACH(a_refolded_store_is_the_store_that_was_folded_so_from_the_start),
	    EACH(the_audit_reports_how_much_it_compared),
	    EACH(the_audit_finds_figures_that_were_changed),
	    EACH(the_audit_finds_messages_and_receipts_that_were_changed),
	    EACH(the_audit_finds_a_changed_outcome_or_conflict),
	    EACH(events_are_filtered_and_paged),
	    EACH(an_event_comes_back_as_it_went_in),
	    EACH(campaigns_are_filtered_and_paged),
	    EACH(a_campaign_without_a_fact_in_the_window_is_left_out),
	    EACH(errors_of_a_campaign_are_reported_by_code),
	    EACH(the_trend_compares_with_as_long_a_time_before),
	    EACH(the_catalogue_is_read_in_pages),
	    EACH(a_newer_store_is_refused),
	    EACH(another_programs_database_is_refused),
	    EACH(a_refused_database_is_not_touched),
	    EACH(a_file_that_is_no_database_is_refused),
	    EACH(a_reader_makes_no_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
