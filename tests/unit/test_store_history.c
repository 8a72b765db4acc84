/* store, history: a mixed history produces the same store in any order, with any duplicates, in any
 * batches. Each person is in one campaign and sends either opt-outs or opt-ins, so that no result
 * depends on an order by definition. */
#include "stores.h"

#define PEOPLE 120
#define MESSAGES_MAX (PEOPLE * 4)
#define EVENTS_MAX (MESSAGES_MAX * 40)

static const char *const campaigns[] = {"", "alpha", "beta", "gamma"};

struct history {
	struct event events[2 * EVENTS_MAX];
	size_t count;
	char sids[2 * MESSAGES_MAX][16];
	size_t sid_count;
	char people[PEOPLE][32];
};

static struct slice
new_sid(struct history *history, const char *prefix)
{
	char *sid = history->sids[history->sid_count++];
	snprintf(sid, sizeof history->sids[0], "%s%zu", prefix, history->sid_count);
	return slice_of(sid);
}

/* Adds an event from one source or both; neither needs to have all facts. */
static void
tell(struct history *history, struct event event)
{
	struct event stream = stream_twin(event);
	unsigned sources = 1 + random_below(3);
	if (random_below(4) == 0)
		stream.service = SLICE_NONE;
	if (random_below(4) == 0) { /* the event has the callback's URL */
		stream.workspace = event.workspace;
		stream.campaign = event.campaign;
	}
	stream.done_date = SLICE_NONE;
	if (event.type == EVENT_REPLIED && random_below(4) == 0 && sources == 3)
		stream.body = SLICE("");
	else if (event.type != EVENT_REPLIED && random_below(5) == 0)
		event.to = SLICE_NONE;
	if (sources & 1)
		history->events[history->count++] = event;
	if (sources & 2)
		history->events[history->count++] = stream;
}

static void
add_message(
    struct history *history, const char *person, const char *campaign, bool out, int64_t time_us)
{
	static const char *const dates[] = {NULL, "2308102223", "2308102224"};
	static const char *const links[] = {"https://a", "https://b"};
	static const char *const moments[] = {"1", "2", "3"};
	const char *sid = new_sid(history, "SM").ptr;
	int64_t code = random_below(3) == 0 ? -1 : out && random_below(2) ? 21610 : 30005;
	bool by_service = random_below(2);
	for (unsigned i = 1 + random_below(5); i > 0; i--) {
		enum message_status status = (enum message_status)random_below(STATUS_RECEIVED);
		struct event event =
		    receipt_to(sid, campaign, person, status, time_us + random_below(20000000));
		if (STATUS_BIT(status) & STATUS_FAILURES) {
			event.error_code = code;
			if (code == 21610)
				event = with_consent(event, CONSENT_OUT);
		}
		if (by_service)
			event.service = SLICE("MG1");
		if (random_below(6) == 0)
			event.from = SLICE_NONE;
		event.done_date = slice_of(dates[random_below(3)]);
		tell(history, event);
	}
	for (unsigned i = random_below(4); i > 0; i--) {
		struct event click = click_of(sid, links[random_below(2)], moments[random_below(3)],
		    time_us + random_below(20000000));
		click.to = slice_of(person);
		tell(history, click);
	}
}

static void
add_reply(struct history *history, const char *person, const char *campaign, struct slice original,
    enum consent consent, int64_t time_us)
{
	struct event reply = reply_from(new_sid(history, "RE").ptr, person, time_us);
	if (consent != CONSENT_SILENT)
		reply = with_consent(reply, consent);
	if (random_below(2))
		reply.service = SLICE("MG1");
	if (random_below(5) == 0)
		reply.campaign = slice_of(campaign);
	if (random_below(5) == 0)
		reply.original = original;
	tell(history, reply);
}

/* All duplicates of a receipt have the same time, since results may depend on the first arrival. */
static void
make_history(struct history *history)
{
	history->count = history->sid_count = 0;
	for (size_t i = 0; i < PEOPLE; i++) {
		char *person = history->people[i];
		const char *campaign = campaigns[random_below(4)];
		enum consent consent = (enum consent)random_below(3);
		snprintf(person, sizeof history->people[0], "%s+1500555%04zu",
		    random_below(10) == 0 ? "rcs:" : "", i);
		struct slice original = SLICE("SM0"); /* of no person */
		for (unsigned k = random_below(4); k > 0; k--) {
			int64_t time_us = T0 + (int64_t)random_below(12) * CLOCK_DAY_US +
					  random_below(2000000000);
			add_message(history, person, campaign, consent == CONSENT_OUT, time_us);
			if (random_below(2))
				original = slice_of(history->sids[history->sid_count - 1]);
		}
		for (unsigned k = random_below(4); k > 0; k--)
			add_reply(history, person, campaign, original,
			    random_below(2) ? consent : CONSENT_SILENT,
			    T0 + (int64_t)random_below(20) * CLOCK_DAY_US / 2 +
				random_below(2000000000));
	}
	/* Two different receipts at two times may merge differently in different orders if both
	 * count, so equal ones get equal times. */
	for (size_t i = 0; i < history->count; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_equal(history->events[i].message, history->events[k].message) &&
			    history->events[i].type == history->events[k].type &&
			    slice_equal(
				history->events[i].status_text, history->events[k].status_text)) {
				history->events[i].time_us = history->events[k].time_us;
				break;
			}
}

static void
add_copies(struct history *history)
{
	for (size_t copies = history->count / 2, count = history->count; copies > 0; copies--)
		history->events[history->count++] = history->events[random_below((unsigned)count)];
}

static void
store_history(const struct history *history)
{
	struct store *store = open_store();
	for (size_t i = 0; i < history->count;) {
		size_t count = 1 + random_below(random_below(3) == 0 ? 3 : 300);
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
		if (random_below(50) == 0) {
			store_close(store);
			store = open_store();
		}
	}
	store_close(store);
}

static void
append_rows(struct buffer *text, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			buffer_appendf(
			    text, "%s ", (const char *)sqlite3_column_text(statement, i));
		buffer_append(text, SLICE("\n"));
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* Everything that must not depend on the order. */
static struct buffer
picture(void)
{
	struct buffer text = whole_picture(campaigns, COUNT_OF(campaigns));
	append_rows(&text,
	    "SELECT m.sid, c.workspace, c.name, t.variant, p.account, p.service, p.sender,"
	    " m.status, m.outcome, m.conflict, m.seen, m.opted_out, m.error_code, m.first_us,"
	    " m.last_us, m.sent_us, m.delivered_us, m.failed_us, m.canceled_us, m.read_us,"
	    " m.received_us, m.clicked_us, m.links, m.peer,"
	    " (SELECT count(*) FROM event e WHERE e.message_id = m.id) FROM message m"
	    " JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id"
	    " JOIN provider p ON p.id = m.provider_id ORDER BY m.sid");
	append_rows(&text,
	    "SELECT message, \"from\", \"to\", service, workspace, campaign, variant, rule,"
	    " candidates, coalesce(answers, '-') FROM replies ORDER BY 1");
	append_rows(&text, "SELECT number, scope, state FROM optouts ORDER BY 1, 2");
	append_rows(&text,
	    "SELECT message, body, coalesce(keyword, '-') FROM events WHERE type = 'Replied'"
	    " ORDER BY 1");
	return text;
}

static void
print_first_difference(struct slice a, struct slice b)
{
	while (a.len > 0 || b.len > 0) {
		struct slice one = slice_take(&a, '\n'), other = slice_take(&b, '\n');
		if (!slice_equal(one, other)) {
			print_error("%.*s\nand\n%.*s\n", SLICE_ARG(one), SLICE_ARG(other));
			return;
		}
	}
}

static void
any_order_any_duplication_and_any_batches_give_the_same_store(void **state)
{
	(void)state;
	static struct history history;
	for (int round = 0; round < 6; round++) {
		struct buffer first = BUFFER_EMPTY;
		make_history(&history);
		for (int order = 0; order < 4; order++) {
			snprintf(path, sizeof path, "%s/%d-%d.db", directory, round, order);
			if (order == 1)
				add_copies(&history);
			if (order > 0)
				shuffle(history.events, history.count);
			store_history(&history);
			assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
			struct buffer text = picture();
			if (order > 0) {
				bool same = slice_equal(buffer_slice(&first), buffer_slice(&text));
				if (!same)
					print_first_difference(
					    buffer_slice(&first), buffer_slice(&text));
				buffer_done(&text);
				assert_true(same);
			} else
				first = text;
			struct store_rebuilt rebuilt;
			struct store *store = open_store();
			assert_ok(store_rebuild(store, &rebuilt));
			assert_int_equal(rebuilt.corrected + rebuilt.replies + rebuilt.figures +
					     rebuilt.campaigns + rebuilt.optouts,
			    0);
			store_close(store);
			assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
		}
		buffer_done(&first);
	}
}

/* The history has all that it is to have. */
static void
the_history_is_a_mixed_one(void **state)
{
	(void)state;
	static struct history history;
	static const char *const rules[] = {"none", "original", "tags", "latest", "late"};
	make_history(&history);
	store_history(&history);
	for (size_t i = 0; i < COUNT_OF(rules) - 1; i++) {
		char sql[100];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM reply WHERE rule = '%s'", rules[i]);
		assert_true(number_in_file(sql) > 0);
	}
	assert_true(number_in_file("SELECT count(*) FROM message") > 200);
	assert_true(number_in_file("SELECT count(*) FROM optout WHERE state = 'out'") > 10);
	assert_true(number_in_file("SELECT count(*) FROM optout WHERE state = 'in'") > 10);
	assert_true(number_in_file("SELECT sum(links) FROM message") > 50);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(any_order_any_duplication_and_any_batches_give_the_same_store),
	    EACH(the_history_is_a_mixed_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
