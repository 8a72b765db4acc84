/* store, history: random histories produce the same store in any order, with any duplicates, in any
 * batches.
 *
 * A history is what the journals of several receivers may hold of one person and their campaigns:
 * statuses from callbacks and from Event Streams, clicks, replies, opt-outs and opt-ins, events
 * without a message, each at a time of its own. Many histories are put into one store, since they
 * do not affect each other. DLRD_TEST_HISTORIES is how many are tried in all. */
#include "stores.h"

#define PEOPLE 150 /* histories in one store */
#define ORDERS 3   /* in which each store is filled, besides that of arrival */
#define HISTORIES 1200
#define MESSAGES_MAX (PEOPLE * 4)
#define EVENTS_MAX (MESSAGES_MAX * 40)

/* A report and its request's signature. */
struct request {
	struct event event;
	char signature[20];
};

struct history {
	struct request requests[2 * EVENTS_MAX];
	size_t count;
	size_t starts[PEOPLE + 1]; /* of each person's requests */
	char sids[2 * MESSAGES_MAX][40];
	size_t sid_count;
	char people[PEOPLE][32], aliases[PEOPLE][32], campaigns[PEOPLE][2][32];
};

static struct slice
new_sid(struct history *history, const char *prefix)
{
	char *sid = history->sids[history->sid_count++];
	snprintf(sid, sizeof history->sids[0], "%s%032zx", prefix, history->sid_count);
	return slice_of(sid);
}

/* Adds a report that was signed with that number. Two arrive in the same microsecond now and then,
 * but have different numbers in the journal. */
static void
add_signed(struct history *history, struct event event, int64_t around_us, size_t signature)
{
	struct request *request = &history->requests[history->count++];
	event.time_us =
	    around_us + (random_below(8) == 0 ? (int64_t)random_below(3) : random_below(20000000));
	if (random_below(30) == 0)
		event.time_us += (int64_t)random_below(6) * CLOCK_DAY_US; /* late by days */
	event.journal_seq = history->count;
	event.signed_text = event.message;
	request->event = event;
	snprintf(request->signature, sizeof request->signature, "%016zu", signature);
}

/* WhatsApp names some persons by an ID, some by their number, some by both. */
static void
name_person(struct history *history, struct event *event)
{
	struct slice *peer = event->type == EVENT_REPLIED ? &event->from : &event->to;
	if (!slice_starts_with(*peer, SLICE("whatsapp:+")) || random_below(3) == 0)
		return;

	const char *alias = history->aliases[strtoul(peer->ptr + peer->len - 4, NULL, 10)];
	if (random_below(2))
		event->alias = slice_of(alias + strlen("whatsapp:"));
	else
		*peer = slice_of(alias);
}

/* Adds a report, and now and then the same request at another time: Twilio's retry. */
static void
add_event(struct history *history, struct event event, int64_t around_us)
{
	size_t signature = history->count;
	name_person(history, &event);
	add_signed(history, event, around_us, signature);
	if (random_below(6) == 0)
		add_signed(history, event, around_us, signature);
}

/* Adds an event from one source or both, and now and then twice; neither report needs to have all
 * facts. */
static void
add_sources(struct history *history, struct event event, int64_t around_us)
{
	unsigned sources = 1 + random_below(3);
	struct event stream = stream_duplicate(event);

	if (random_below(4) == 0)
		stream.service = SLICE_NONE;
	if (random_below(4) == 0) { /* the event has the callback's URL */
		stream.workspace = event.workspace;
		stream.campaign = event.campaign;
	}
	stream.done_date = SLICE_NONE;
	if (event.type != EVENT_CLICKED && random_below(3) == 0)
		stream.occurred = random_below(2) ? SLICE("2024-10-04T03:00:00Z")
						  : SLICE("2024-10-09T12:00:00.5Z");
	if (event.type == EVENT_REPLIED && random_below(4) == 0) { /* Twilio's own decision */
		stream.consent = (enum consent)random_below(3);
		stream.cause = SLICE("opt-out-type");
	}
	if (event.type == EVENT_REPLIED && random_below(4) == 0 && sources == 3)
		stream.body = SLICE("");
	else if (event.type != EVENT_REPLIED && random_below(5) == 0)
		event.to = SLICE_NONE;
	if (sources & 1)
		add_event(history, event, around_us);
	if (sources & 2)
		add_event(history, stream, around_us);
	if (random_below(5) == 0)
		add_event(history, sources & 1 ? event : stream, around_us);
}

/* Two requests of one status by callback have the same done date: of several, a report of Event
 * Streams without one could be the same as any. */
static struct event
random_receipt(const char *sid, const char *campaign, const char *person, bool by_service)
{
	static const char *const dates[] = {NULL, "2308102223", "2308102224"};
	static const int64_t codes[] = {-1, 30003, 30005, 21610};
	enum message_status status = (enum message_status)random_below(STATUS_RECEIVED);
	struct event event = receipt_to(sid, campaign, person, status, 0);
	size_t code = STATUS_BIT(status) & STATUS_FAILURES ? random_below(COUNT_OF(codes)) : 0;

	event.error_code = codes[code];
	if (codes[code] == 21610)
		event = with_consent(event, CONSENT_OUT);
	if (by_service)
		event.service = SLICE("MG1");
	if (random_below(6) == 0)
		event.from = SLICE_NONE;
	event.done_date = slice_of(dates[((size_t)status + code) % COUNT_OF(dates)]);
	return event;
}

static void
add_message(struct history *history, const char *person, const char *campaign, int64_t time_us)
{
	static const char *const links[] = {"https://a", "https://b"};
	static const char *const moments[] = {"1", "2", "3"};
	const char *sid = new_sid(history, "SM").ptr;
	bool by_service = random_below(2);
	for (unsigned i = 1 + random_below(5); i > 0; i--) {
		const char *tags = random_below(12) == 0 ? "other" : campaign;
		struct event event = random_receipt(sid, tags, person, by_service);
		add_sources(history, event, time_us);
		event.campaign = slice_of(random_below(3) == 0 ? "another" : tags);
		if (random_below(8) == 0)
			add_event(history, event, time_us);
	}
	for (unsigned i = random_below(4); i > 0; i--) {
		struct event click =
		    click_of(sid, links[random_below(2)], moments[random_below(3)], 0);
		click.to = slice_of(person);
		add_sources(history, click, time_us);
	}
}

static void
add_reply(struct history *history, const char *person, const char *campaign, struct slice original,
    int64_t time_us)
{
	struct event reply = reply_from(new_sid(history, "RE").ptr, person, 0);
	enum consent consent = (enum consent)random_below(3);
	if (consent != CONSENT_SILENT)
		reply = with_consent(reply, consent);
	if (random_below(2))
		reply.service = SLICE("MG1");
	if (random_below(5) == 0)
		reply.campaign = slice_of(campaign);
	if (random_below(5) == 0)
		reply.original = original;
	add_sources(history, reply, time_us);
}

/* An event without a message, which its reference identifies. */
static void
add_notice(struct history *history, const char *campaign, int64_t time_us)
{
	struct event notice = receipt("", campaign, STATUS_UNKNOWN, 0);
	notice.type = EVENT_PROGRESS;
	notice.folds = false;
	notice.message = notice.to = SLICE_NONE;
	notice.reference = new_sid(history, "NO");
	for (unsigned reports = 1 + random_below(3); reports > 0; reports--)
		add_event(history, notice, time_us);
}

static void
add_person(struct history *history, size_t i, size_t round)
{
	char *person = history->people[i];
	struct slice original = SLICE("SM0"); /* of no person */
	snprintf(person, sizeof history->people[0], "%s+1500%03zu%04zu",
	    (const char *[]){"", "", "", "", "", "", "rcs:", "whatsapp:"}[random_below(8)],
	    round % 1000, i);
	snprintf(history->aliases[i], sizeof history->aliases[0], "whatsapp:US.%zu", i);
	for (int k = 0; k < 2; k++)
		snprintf(history->campaigns[i][k], sizeof history->campaigns[0][0], "%s%zu%c",
		    random_below(5) == 0 ? "" : "c", i, 'a' + k);
	for (unsigned k = random_below(4); k > 0; k--) {
		int64_t time_us =
		    T0 + (int64_t)random_below(12) * CLOCK_DAY_US + random_below(2000000000);
		const char *campaign = history->campaigns[i][random_below(4) == 0];
		add_message(history, person, random_below(6) == 0 ? "" : campaign, time_us);
		if (random_below(2))
			original = slice_of(history->sids[history->sid_count - 1]);
	}
	for (unsigned k = random_below(4); k > 0; k--)
		add_reply(history, person, history->campaigns[i][0], original,
		    T0 + (int64_t)random_below(20) * CLOCK_DAY_US / 2 + random_below(2000000000));
	if (random_below(4) == 0)
		add_notice(history, history->campaigns[i][0], T0 + random_below(2000000000));
}

static void
make_history(struct history *history, size_t round)
{
	history->count = history->sid_count = 0;
	for (size_t i = 0; i < PEOPLE; i++) {
		history->starts[i] = history->count;
		add_person(history, i, round);
	}
	history->starts[PEOPLE] = history->count;
}

static void
add_copies(struct history *history)
{
	for (size_t copies = history->count / 2, count = history->count; copies > 0; copies--)
		history->requests[history->count++] =
		    history->requests[random_below((unsigned)count)];
}

static int
compare_arrival(const void *a, const void *b)
{
	const struct event *x = &((const struct request *)a)->event;
	const struct event *y = &((const struct request *)b)->event;
	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return (x->journal_seq > y->journal_seq) - (x->journal_seq < y->journal_seq);
}

static void
shuffle_requests(struct history *history)
{
	for (size_t i = history->count; i > 1; i--) {
		size_t k = random_below((unsigned)i);
		struct request held = history->requests[i - 1];
		history->requests[i - 1] = history->requests[k];
		history->requests[k] = held;
	}
}

static void
add_request(struct store *store, const struct request *request)
{
	assert_ok(store_begin_request(store, slice_of(request->signature)));
	add(store, request->event);
}

static void
store_history(const struct history *history, enum conflict_policy policy)
{
	struct store *store = open_with(policy);
	for (size_t i = 0; i < history->count;) {
		size_t count = 1 + random_below(random_below(3) == 0 ? 3 : 300);
		bool again = random_below(4) == 0;
		if (count > history->count - i)
			count = history->count - i;
		assert_ok(store_begin(store));
		for (size_t k = 0; k < count; k++)
			add_request(store, &history->requests[i + k]);
		if (again)
			store_rollback(store);
		else {
			i += count;
			assert_ok(store_commit(store, i));
		}
		if (random_below(50) == 0) {
			store_close(store);
			store = open_with(policy);
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

#define TAGS " JOIN tagset t ON t.id = x.tagset_id JOIN campaign c ON c.id = t.campaign_id"
#define TAG_NAMES "c.workspace, c.name, t.variant"
#define ARRIVAL "coalesce(x.arrival_seq, x.journal_seq)"
#define FIGURES                                                                             \
	"x.hour, x.messages, x.sent, x.delivered, x.failed, x.canceled, x.pending, x.read," \
	" x.replied, x.clicked, x.clicked_messages, x.opted_out, x.conflicts"
#define ANY_FIGURE                                                                              \
	" WHERE x.messages <> 0 OR x.sent <> 0 OR x.delivered <> 0 OR x.failed <> 0 OR"         \
	" x.canceled <> 0 OR x.pending <> 0 OR x.read <> 0 OR x.replied <> 0 OR x.clicked <> 0" \
	" OR x.clicked_messages <> 0 OR x.opted_out <> 0 OR x.conflicts <> 0"

/* Every row that must not depend on the order, with names in place of ids. */
static struct buffer
picture(void)
{
	static const char *const queries[] = {
	    "SELECT m.sid, m.status, m.outcome, m.conflict, m.seen, m.first_final, m.opted_out,"
	    " m.error_code, m.first_us, m.last_us, m.sent_us, m.delivered_us, m.failed_us,"
	    " m.canceled_us, m.read_us, m.received_us, m.clicked_us, m.links, m.left_us, m.peer,"
	    " " TAG_NAMES ", p.account, p.service, p.sender FROM message m"
	    " JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id"
	    " JOIN provider p ON p.id = m.provider_id ORDER BY m.sid",
	    "SELECT m.sid, x.time_us, " ARRIVAL ", x.type, x.status, x.error_code, x.done_date,"
	    " x.peer, x.body, x.keyword, x.near_miss, x.consent, x.cause, x.link, x.occurred,"
	    " x.stream, x.tagged, x.left_us, x.extra, " TAG_NAMES ", p.account, p.service, p.sender"
	    " FROM event x JOIN message m ON m.id = x.message_id" TAGS
	    " JOIN provider p ON p.id = x.provider_id"
	    " ORDER BY m.sid, x.time_us, " ARRIVAL,
	    "SELECT " TAG_NAMES ", " FIGURES " FROM campaign_hour x" TAGS ANY_FIGURE
	    " ORDER BY 1, 2, 3, 4",
	    "SELECT p.account, p.service, p.sender, " FIGURES " FROM provider_hour x"
	    " JOIN provider p ON p.id = x.provider_id" ANY_FIGURE " ORDER BY 1, 2, 3, 4",
	    "SELECT " TAG_NAMES ", x.code, x.hour, x.failed FROM campaign_error x" TAGS
	    " WHERE x.failed <> 0 ORDER BY 1, 2, 3, 4, 5",
	    "SELECT workspace, name, first_us, last_us FROM campaign"
	    " WHERE last_us > 0 AND name <> '' ORDER BY 1, 2",
	    "SELECT * FROM replies ORDER BY 1",
	    "SELECT number, scope, state, cause, since FROM optouts ORDER BY 1, 2",
	    "SELECT number, scope, state, cause, changed, time, message FROM optout_history"
	    " ORDER BY 1, 2, time, message, 3",
	};
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < COUNT_OF(queries); i++)
		append_rows(&text, queries[i]);
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

/* Rebuilding a store that the projector filled corrects nothing. */
static void
assert_rebuilt_alike(enum conflict_policy policy)
{
	struct store_rebuilt rebuilt;
	struct store *store = open_with(policy);
	assert_ok(store_rebuild(store, &rebuilt));
	assert_int_equal(rebuilt.corrected + rebuilt.replies + rebuilt.figures + rebuilt.campaigns +
			     rebuilt.optouts,
	    0);
	store_close(store);
	assert_int_equal(differences(policy, false), 0);
}

static void
assert_same_picture(struct slice first, struct slice other)
{
	if (!slice_equal(first, other))
		print_first_difference(first, other);
	assert_true(slice_equal(first, other));
}

/* The order of arrival is the first: it defines the results. */
static void
try_orders(struct history *history, size_t round, enum conflict_policy policy)
{
	struct buffer first = BUFFER_EMPTY;
	make_history(history, round);
	for (int order = 0; order <= ORDERS; order++) {
		snprintf(path, sizeof path, "%s/%zu-%d.db", directory, round, order);
		if (order == 0)
			qsort(history->requests, history->count, sizeof history->requests[0],
			    compare_arrival);
		else
			shuffle_requests(history);
		store_history(history, policy);
		assert_int_equal(differences(policy, false), 0);

		struct buffer text = picture();
		if (order == 0)
			first = text;
		else {
			assert_same_picture(buffer_slice(&first), buffer_slice(&text));
			buffer_done(&text);
		}
		if (order == ORDERS)
			assert_rebuilt_alike(policy);
		assert_int_equal(unlink(path), 0);
		if (order == 0)
			add_copies(history);
	}
	buffer_done(&first);
}

static void
any_order_any_duplication_and_any_batches_give_the_same_store(void **state)
{
	(void)state;
	static struct history history;
	const char *wanted = getenv("DLRD_TEST_HISTORIES");
	size_t histories = wanted == NULL ? HISTORIES : strtoul(wanted, NULL, 10);
	for (size_t round = 0; round * PEOPLE < histories; round++)
		try_orders(&history, round, (enum conflict_policy)(round % 3));
}

/* --- other tags --- */

/* The URL of an event says its tags, as WORKSPACE/CAMPAIGN. */
static void
name_urls(struct history *history)
{
	static char queries[2 * EVENTS_MAX][80];
	for (size_t i = 0; i < history->count; i++) {
		struct event *event = &history->requests[i].event;
		snprintf(queries[i], sizeof queries[0], "%.*s/%.*s", SLICE_ARG(event->workspace),
		    SLICE_ARG(event->campaign));
		event->source_path = SLICE("/status");
		event->source_query = slice_of(queries[i]);
	}
}

/* Each campaign has another name, and all keep their order. */
static enum result
rename_campaign(
    void *context, struct slice at, struct slice query, struct tags *out_tags, bool *out_known)
{
	static char name[80];
	(void)context;
	assert_slice(at, "/status");
	out_tags->workspace = slice_take(&query, '/');
	snprintf(name, sizeof name, "new-%.*s", SLICE_ARG(query));
	out_tags->campaign = query.len == 0 ? SLICE("") : slice_of(name);
	out_tags->variant = SLICE("");
	*out_known = true;
	return RESULT_OK;
}

static void
give_new_tags(struct history *history)
{
	static char names[2 * EVENTS_MAX][80];
	for (size_t i = 0; i < history->count; i++) {
		struct event *event = &history->requests[i].event;
		snprintf(names[i], sizeof names[0], "new-%.*s", SLICE_ARG(event->campaign));
		if (event->campaign.len > 0)
			event->campaign = slice_of(names[i]);
	}
}

static void
count_moved(void *context, const struct store_move *move)
{
	assert_true(
	    move->to_campaign.len == 0 || slice_starts_with(move->to_campaign, SLICE("new-")));
	*(uint64_t *)context += move->messages;
}

static void
retagged_receipts_are_as_if_they_had_come_with_their_new_tags(void **state)
{
	(void)state;
	static struct history history;
	struct store_retagged retagged;
	uint64_t moved = 0;
	const struct store_retag retag = {.from_us = INT64_MIN,
	    .to_us = INT64_MAX,
	    .tag = rename_campaign,
	    .on_moved = count_moved,
	    .context = &moved};
	make_history(&history, 0);
	name_urls(&history);
	shuffle_requests(&history);
	store_history(&history, POLICY_DELIVERED_WINS);
	struct store *store = open_store();
	assert_ok(store_retag(store, &retag, &retagged));
	store_close(store);
	assert_int_equal(retagged.unknown, 0);
	assert_true(retagged.messages > 100);
	assert_int_equal(moved, retagged.messages);
	assert_rebuilt_alike(POLICY_DELIVERED_WINS);
	struct buffer text = picture();

	assert_int_equal(unlink(path), 0);
	give_new_tags(&history);
	store_history(&history, POLICY_DELIVERED_WINS);
	struct buffer direct = picture();
	assert_same_picture(buffer_slice(&text), buffer_slice(&direct));
	buffer_done(&text);
	buffer_done(&direct);
}

/* --- removal --- */

#define REMOVED (PEOPLE / 2) /* the persons whose receipts are removed */

static void
removed_receipts_leave_nothing(void **state)
{
	(void)state;
	/* Values and names that look like the parameter, other texts of it, and no JSON. */
	static const struct slice others[] = {
	    SLICE_INIT("{\"A\":\"\\\"Run\\\":\\\"7\\\"\"}"),
	    SLICE_INIT("{\"A\\\"Run\":\"7\"}"),
	    SLICE_INIT("{\"A\":{\"Run\":\"7\"}}"),
	    SLICE_INIT("{\"Run\":\"77\"}"),
	    SLICE_INIT("{\"Run\":\"7 \"}"),
	    SLICE_INIT("{\"run\":\"7\"}"),
	    SLICE_INIT("\"Run\":\"7\""),
	};
	static struct history history;
	struct store_removed removed;
	make_history(&history, 0);
	for (size_t i = 0; i < history.starts[REMOVED]; i++)
		history.requests[i].event.extra =
		    SLICE("{\"A\":\"\\\"Run\\\":\\\"7\\\"\",\"Run\":\"7\"}");
	for (size_t i = history.starts[REMOVED]; i < history.count; i++)
		history.requests[i].event.extra = others[i % COUNT_OF(others)];
	store_history(&history, POLICY_DELIVERED_WINS);
	int64_t last = number_in_file("SELECT max(seq) FROM event");
	struct store *store = open_store();
	assert_ok(store_remove(store, SLICE("Run"), SLICE("7"), &removed));
	commit(store, (const struct event[]){receipt("SM", "c", STATUS_SENT, T0)}, 1);
	assert_true(number_in_file("SELECT max(seq) FROM event") > last);
	assert_ok(store_remove(store, SLICE("Run"), SLICE("8"), &removed));
	assert_int_equal(removed.receipts + removed.messages, 0);
	store_close(store);
	assert_rebuilt_alike(POLICY_DELIVERED_WINS);
	int64_t campaigns = number_in_file("SELECT count(*) FROM campaign");
	struct buffer text = picture();

	assert_int_equal(unlink(path), 0);
	history.count -= history.starts[REMOVED];
	memmove(history.requests, &history.requests[history.starts[REMOVED]],
	    history.count * sizeof history.requests[0]);
	store_history(&history, POLICY_DELIVERED_WINS);
	store = open_store();
	commit(store, (const struct event[]){receipt("SM", "c", STATUS_SENT, T0)}, 1);
	store_close(store);
	struct buffer direct = picture();
	assert_same_picture(buffer_slice(&text), buffer_slice(&direct));
	assert_true(campaigns <= number_in_file("SELECT count(*) FROM campaign"));
	buffer_done(&text);
	buffer_done(&direct);
}

/* The history has all that it is to have. */
static void
the_history_is_a_mixed_one(void **state)
{
	(void)state;
	static struct history history;
	static const char *const rules[] = {"none", "original", "tags", "latest", "late"};
	make_history(&history, 0);
	store_history(&history, POLICY_DELIVERED_WINS);
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
	    EACH(retagged_receipts_are_as_if_they_had_come_with_their_new_tags),
	    EACH(removed_receipts_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
