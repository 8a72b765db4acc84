/* store, consents: which person must not be texted from which scope, since when, and the evidence.
 */
#include "stores.h"

static struct optout_filter any = {.limit = 0};

static struct store_added
commit_one(struct store *store, struct event event)
{
	assert_ok(store_begin(store));
	struct store_added added = add(store, event);
	assert_ok(store_commit(store, store_cursor(store) + 1));
	return added;
}

static void
close_store(struct store *store)
{
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static struct event
stop(const char *sid, const char *person, int64_t time_us)
{
	return with_consent(reply_from(sid, person, time_us), CONSENT_OUT);
}

static struct event
start(const char *sid, const char *person, int64_t time_us)
{
	return with_consent(reply_from(sid, person, time_us), CONSENT_IN);
}

static void
note_evidence(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	const struct report *report = &query_number.report;
	buffer_appendf(context, "%lld %.*s %.*s by %.*s%s; ",
	    (long long)(report_cell(report, row, "time")->number - T0),
	    SLICE_ARG(report_cell(report, row, "scope")->text),
	    SLICE_ARG(report_cell(report, row, "state")->text),
	    SLICE_ARG(report_cell(report, row, "message")->text),
	    report_cell(report, row, "changed")->number != 0 ? "" : ", no change");
}

static void
assert_evidence(const char *number, int64_t at_us, const char *expected)
{
	struct buffer text = BUFFER_EMPTY;
	struct store_reader *reader = open_reader();
	const struct given given[] = {{"number", .text = number}, {"at", .number = at_us}, {0}};
	ask_given(reader, "/v1/optouts/{number}", given, note_evidence, &text);
	assert_slice(buffer_slice(&text), expected);
	buffer_done(&text);
	store_reader_close(reader);
}

static void
stop_and_start_change_the_state(void **state)
{
	(void)state;
	struct store *store = open_store();
	assert_true(commit_one(store, stop("RE1", "+9", T0)).consent_changed);
	assert_optouts(any, "+9 at +1: out (keyword)\n");
	assert_true(commit_one(store, start("RE2", "+9", T0 + 1)).consent_changed);
	assert_optouts(any, "+9 at +1: in (keyword)\n");
	assert_true(commit_one(store, stop("RE3", "+9", T0 + 2)).consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at +1: out (keyword)\n");
	assert_evidence("+9", 0, "0 +1 out by RE1; 1 +1 in by RE2; 2 +1 out by RE3; ");
	assert_evidence("+8", 0, "");
}

static void
the_scope_is_the_service_or_else_the_sender(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event by_service = stop("RE1", "+9", T0), by_number = stop("RE2", "+9", T0 + 1);
	by_service.service = SLICE("MG1");
	commit_one(store, by_service);
	by_service.message = SLICE("RE3");
	by_service.to = SLICE("+2"); /* another number of the same service */
	commit_one(store, by_service);
	commit_one(store, by_number);
	by_number = start("RE4", "+9", T0 + 2);
	by_number.to = SLICE("+3");
	commit_one(store, by_number);
	close_store(store);
	assert_optouts(
	    any, "+9 at MG1: out (keyword)\n+9 at +1: out (keyword)\n+9 at +3: in (keyword)\n");
	assert_optouts((struct optout_filter){.scope = "MG1"}, "+9 at MG1: out (keyword)\n");
	assert_optouts((struct optout_filter){.state = "in"}, "+9 at +3: in (keyword)\n");
	assert_optouts((struct optout_filter){.number = "+9"},
	    "+9 at +1: out (keyword)\n+9 at +3: in (keyword)\n+9 at MG1: out (keyword)\n");
}

static void
evidence_that_changes_nothing_is_kept(void **state)
{
	(void)state;
	struct store *store = open_store();
	assert_true(commit_one(store, stop("RE1", "+9", T0)).consent_changed);
	assert_false(commit_one(store, stop("RE2", "+9", T0 + 1)).consent_changed);
	assert_false(commit_one(store, stop("RE2", "+9", T0 + 2)).consent_changed); /* duplicate */
	close_store(store);
	assert_evidence("+9", 0, "0 +1 out by RE1; 1 +1 out by RE2, no change; ");
	assert_int_equal(
	    number_in_file("SELECT l.time_us - 480000 * 3600000000 FROM optout o JOIN consent l"
			   " ON l.seq = o.consent_seq"),
	    0); /* since the first */
}

static void
a_message_refused_for_an_opt_out_is_evidence(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event refused =
	    with_consent(receipt_to("SM1", "c", "+9", STATUS_FAILED, T0), CONSENT_OUT);
	refused.error_code = 21610;
	assert_true(commit_one(store, refused).consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at +1: out (error-21610)\n");
	assert_figures("c", "1 0 0 1 0 0 0 0 0 0 0 0"); /* no replies */
}

static void
a_stop_counts_in_the_campaign_that_it_answers(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	commit_one(store, stop("RE1", "+9", T0 + 1));
	commit_one(store, start("RE2", "+9", T0 + 2));
	close_store(store);
	assert_figures("c", "1 1 0 0 0 1 0 2 0 0 1 0");
}

static void
a_person_on_rcs_opts_out_of_sms(void **state)
{
	(void)state;
	struct store *store = open_store();
	assert_true(commit_one(store, stop("RE1", "rcs:+15005550009", T0)).consent_changed);
	assert_false(commit_one(store, stop("RE2", "+15005550009", T0 + 1)).consent_changed);
	assert_true(commit_one(store, stop("RE3", "whatsapp:+15005550009", T0)).consent_changed);
	close_store(store);
	assert_optouts(
	    any, "+15005550009 at +1: out (keyword)\nwhatsapp:+15005550009 at +1: out (keyword)\n");
	assert_optouts((struct optout_filter){.number = "rcs:+15005550009"},
	    "rcs:+15005550009 at +1: out (keyword)\n");
	assert_evidence("rcs:+15005550009", 0, "0 +1 out by RE1; 1 +1 out by RE2, no change; ");
}

static void
evidence_without_a_person_is_skipped(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event event = stop("RE1", NULL, T0);
	assert_false(commit_one(store, event).consent_changed);
	event = stop("RE2", "+9", T0);
	event.to = SLICE("");
	assert_false(commit_one(store, event).consent_changed);
	close_store(store);
	assert_optouts(any, "");
}

/* The request of the fallback URL, or the other source, knows what the first did not. */
static void
a_duplicate_may_bring_the_consent_later(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event plain = reply_from("RE1", "+9", T0);
	plain.near_miss = SLICE("please stop");
	commit_one(store, plain);
	assert_optouts(any, "");
	struct event again = stop("RE1", "+9", T0 + 5);
	again.cause = SLICE("opt-out-type");
	struct store_added added = commit_one(store, again);
	assert_true(added.duplicate && added.consent_changed);
	added = commit_one(store, again);
	assert_true(added.duplicate);
	assert_false(added.consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at +1: out (opt-out-type)\n");
	assert_evidence("+9", 0, "0 +1 out by RE1; "); /* when the message arrived first */
	assert_figures("", "0 0 0 0 0 0 0 1 0 0 1 0");
	assert_int_equal(
	    number_in_file("SELECT count(*) FROM event WHERE near_miss IS NOT NULL"), 0);
}

/* If a receipt arrives twice with different scopes, both are opted out, in any order. */
static void
a_duplicate_may_bring_the_service_later(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event callback = stop("RE1", "+9", T0), stream = stream_duplicate(callback);
		callback.service = SLICE("MG1");
		commit_one(store, order == 0 ? callback : stream);
		commit_one(store, order == 0 ? stream : callback);
		commit_one(store, callback);
		close_store(store);
		assert_optouts((struct optout_filter){.number = "+9"},
		    "+9 at +1: out (keyword)\n+9 at MG1: out (keyword)\n");
	}
}

static void
a_duplicate_may_bring_the_person_later(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event refused =
	    with_consent(receipt_to("SM1", "c", NULL, STATUS_FAILED, T0), CONSENT_OUT);
	refused.error_code = 21610;
	assert_false(commit_one(store, refused).consent_changed);
	refused.to = SLICE("+9");
	assert_true(commit_one(store, refused).consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at +1: out (error-21610)\n");
}

/* One duplicate names the person, the other the service. */
static void
two_tellings_may_be_evidence_only_together(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event refused =
		    with_consent(receipt_to("SM1", "c", NULL, STATUS_FAILED, T0), CONSENT_OUT);
		refused.error_code = 21610;
		refused.from = SLICE_NONE;
		refused.service = SLICE("MG1");
		struct event other = refused;
		other.to = SLICE("+9");
		other.service = SLICE_NONE;
		/* The one that names the person is one of the account's until more is known. */
		assert_int_equal(
		    commit_one(store, order == 0 ? refused : other).consent_changed, order);
		assert_true(commit_one(store, order == 0 ? other : refused).consent_changed);
		assert_false(commit_one(store, other).consent_changed);
		close_store(store);
		assert_optouts(any, "+9 at MG1: out (error-21610)\n");
	}
}

/* The duplicate with Twilio's OptOutType lacks the person, and the other one names the person. */
static void
a_person_that_is_named_later_is_evidence_with_what_is_stored(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event plain = reply_from("RE1", "+9", T0), word = stop("RE1", NULL, T0);
		word.cause = SLICE("opt-out-type");
		commit_one(store, order == 0 ? word : plain);
		assert_true(commit_one(store, order == 0 ? plain : word).consent_changed);
		close_store(store);
		assert_optouts(any, "+9 at +1: out (opt-out-type)\n");
		assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	}
}

static void
an_opt_out_without_a_sender_is_one_from_the_account(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event refused =
	    with_consent(receipt_to("SM1", "c", "+9", STATUS_FAILED, T0), CONSENT_OUT);
	refused.error_code = 21610;
	refused.from = SLICE_NONE;
	commit_one(store, receipt_to("SM0", "c", "+8", STATUS_SENT, T0));
	assert_true(commit_one(store, refused).consent_changed);
	assert_false(commit_one(store, refused).consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at AC1: out (error-21610)\n");
	/* +1 is a sender of the account, +2 is not. */
	assert_optouts((struct optout_filter){.scope = "+1"}, "+9 at AC1: out (error-21610)\n");
	assert_optouts((struct optout_filter){.scope = "+2"}, "");
	assert_optouts(
	    (struct optout_filter){.scope = "+1", .at_us = T0}, "+9 at AC1: out (error-21610)\n");
	run_sql("DELETE FROM consent; DELETE FROM optout");
	assert_int_equal(differences(POLICY_DELIVERED_WINS, true), 1);
	store = open_store();
	struct store_rebuilt rebuilt;
	assert_ok(store_rebuild(store, &rebuilt));
	close_store(store);
	assert_optouts(any, "+9 at AC1: out (error-21610)\n");
}

/* In either order of the two sources. */
static void
an_opt_out_from_the_account_is_the_senders_once_that_is_known(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		struct event refused =
		    with_consent(receipt_to("SM1", "c", "+9", STATUS_FAILED, T0), CONSENT_OUT);
		refused.error_code = 21610;
		struct event bare = refused;
		bare.from = SLICE_NONE;
		commit_one(store, order == 0 ? bare : refused);
		commit_one(store, order == 0 ? refused : bare);
		close_store(store);
		assert_optouts(any, "+9 at +1: out (error-21610)\n");
	}
}

static void
the_past_state_is_known(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, stop("RE1", "+9", T0 + 10));
	commit_one(store, start("RE2", "+9", T0 + 20));
	commit_one(store, start("RE3", "+9", T0 + 25));
	commit_one(store, stop("RE4", "+8", T0 + 30));
	close_store(store);
	assert_optouts((struct optout_filter){.at_us = T0 + 9}, "");
	assert_optouts((struct optout_filter){.at_us = T0 + 10}, "+9 at +1: out (keyword)\n");
	assert_optouts((struct optout_filter){.at_us = T0 + 19}, "+9 at +1: out (keyword)\n");
	assert_optouts((struct optout_filter){.at_us = T0 + 29}, "+9 at +1: in (keyword)\n");
	assert_optouts(
	    (struct optout_filter){.at_us = T0 + 30, .state = "out"}, "+8 at +1: out (keyword)\n");
	assert_optouts(
	    (struct optout_filter){.at_us = T0 + 30, .number = "+9"}, "+9 at +1: in (keyword)\n");
	assert_evidence("+9", T0 + 20, "10 +1 out by RE1; 20 +1 in by RE2; ");
}

static void
note_change(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, "/v1/optouts/changes", row, "number scope state cause");
}

/* Evidence that is stored late has its place in the history. */
static void
the_past_state_does_not_depend_on_the_order_of_storing(void **state)
{
	(void)state;
	struct event late = stop("RE3", "+9", T0 + 1);
	struct event events[] = {
	    stop("RE1", "+9", T0 + 5), start("RE2", "+9", T0 + 3), late, stop("RE4", "+9", T0 + 7)};
	static const int orders[][4] = {{2, 1, 0, 3}, {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		struct store *store = open_store();
		for (int k = 0; k < 4; k++)
			commit_one(store, events[orders[i][k]]);
		close_store(store);
		assert_evidence("+9", 0,
		    "1 +1 out by RE3; 3 +1 in by RE2; 5 +1 out by RE1; 7 +1 out by RE4, no "
		    "change; ");
		assert_evidence("+9", T0 + 4, "1 +1 out by RE3; 3 +1 in by RE2; ");
		static const struct {
			int64_t at;
			const char *expected;
		} past[] = {{0, ""}, {2, "+9 at +1: out (keyword)\n"},
		    {4, "+9 at +1: in (keyword)\n"}, {6, "+9 at +1: out (keyword)\n"},
		    {9, "+9 at +1: out (keyword)\n"}};
		for (size_t k = 0; k < COUNT_OF(past); k++)
			assert_optouts(
			    (struct optout_filter){.at_us = T0 + past[k].at}, past[k].expected);
		assert_int_equal(
		    number_in_file("SELECT l.time_us - 480000 * 3600000000 FROM optout o"
				   " JOIN consent l ON l.seq = o.consent_seq"),
		    5);
	}
}

/* What a follower reads, from the row after that number on. */
static void
assert_changes(int64_t after, const char *expected)
{
	struct buffer text = BUFFER_EMPTY;
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/optouts/changes", (struct given[]){{"after", NULL, after}, {NULL}},
	    note_change, &text);
	assert_slice(buffer_slice(&text), expected);
	buffer_done(&text);
	store_reader_close(reader);
}

/* Twilio's own decision about a reply that was read as an opt-out. */
static struct event
with_opt_out_type(struct event event)
{
	event.cause = SLICE("opt-out-type");
	event.consent = CONSENT_SILENT;
	event.keyword = SLICE_NONE;
	return event;
}

static void
a_correction_tells_followers_the_state(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, stop("RE1", "+9", T0));
	commit_one(store, with_opt_out_type(stop("RE1", "+9", T0)));
	close_store(store);
	assert_optouts(any, "");
	assert_changes(0, "+9 +1 out keyword\n+9 +1 in correction\n");
}

/* The evidence that followers read goes; other evidence still has the same state. */
static void
followers_keep_a_state_that_other_evidence_has(void **state)
{
	(void)state;
	struct store *store = open_store();
	commit_one(store, stop("RE1", "+9", T0 + 1));
	commit_one(store, stop("RE2", "+9", T0 + 2));
	commit_one(store, with_opt_out_type(stop("RE1", "+9", T0 + 1)));
	close_store(store);
	assert_optouts(any, "+9 at +1: out (keyword)\n");
	assert_changes(0, "+9 +1 out keyword\n");
	assert_evidence("+9", 0, "2 +1 out by RE2; ");
}

static void
followers_learn_where_an_opt_out_moves(void **state)
{
	(void)state;
	struct store *store = open_store();
	for (int i = 0; i < 2; i++) {
		struct event refused = with_consent(
		    receipt_to(i == 0 ? "SM1" : "SM2", "c", "+9", STATUS_FAILED, T0 + i),
		    CONSENT_OUT);
		refused.from = SLICE_NONE;
		commit_one(store, refused);
	}
	struct event queued = receipt_to("SM1", "c", "+9", STATUS_QUEUED, T0 + 2);
	queued.service = SLICE("MG1");
	commit_one(store, queued);
	close_store(store);
	assert_optouts(any, "+9 at AC1: out (error-21610)\n+9 at MG1: out (error-21610)\n");
	assert_changes(0, "+9 AC1 out error-21610\n+9 MG1 out error-21610\n");
}

static void
followers_learn_the_number_of_a_person(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event by_id = start("RE2", "whatsapp:US.1", T0 + 5), both;
	commit_one(store, stop("RE1", "whatsapp:+15005550009", T0 + 10));
	commit_one(store, by_id);
	commit_one(store, stop("RE3", "whatsapp:US.1", T0 + 7));
	both = receipt_to("SM1", "c", "whatsapp:+15005550009", STATUS_SENT, T0 + 20);
	both.alias = SLICE("US.1");
	commit_one(store, both);
	close_store(store);
	assert_optouts(any, "whatsapp:+15005550009 at +1: out (keyword)\n");
	assert_changes(0, "whatsapp:+15005550009 +1 out keyword\nwhatsapp:US.1 +1 in keyword\n"
			  "whatsapp:US.1 +1 out keyword\nwhatsapp:US.1 +1 in correction\n");
}

/* Two IDs are not known to be one person without a number. */
static void
an_id_that_comes_with_another_id_is_a_person_of_its_own(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct event both = receipt_to("SM1", "c", "whatsapp:US.2", STATUS_SENT, T0);
	both.alias = SLICE("US.1");
	commit_one(store, both);
	commit_one(store, stop("RE1", "whatsapp:US.1", T0 + 10));
	close_store(store);
	assert_optouts(any, "whatsapp:US.1 at +1: out (keyword)\n");
	assert_int_equal(number_in_file("SELECT count(*) FROM person"), 0);
}

/* A number that has another owner: an event of Event Streams without a message. */
static void
evidence_without_a_message_has_its_earliest_time(void **state)
{
	(void)state;
	struct event moved =
	    with_consent(receipt_to(NULL, "c", "+9", STATUS_UNKNOWN, T0 + 20), CONSENT_OUT);
	moved.type = EVENT_PROGRESS;
	moved.folds = false;
	moved.reference = SLICE("EV1");
	struct store *store = open_store();
	commit_one(store, moved);
	commit_one(store, start("RE1", "+9", T0 + 10));
	assert_optouts(any, "+9 at +1: out (error-21610)\n");
	moved.time_us = T0 + 5;
	commit_one(store, moved);
	close_store(store);
	assert_optouts(any, "+9 at +1: in (keyword)\n");
	assert_evidence("+9", 0, "5 +1 out by ; 10 +1 in by RE1; ");
}

/* Two reports of one reply that do not have the same text. */
static void
the_keyword_of_two_texts_does_not_depend_on_their_order(void **state)
{
	(void)state;
	struct event help = reply_from("RE1", "+9", T0), other = reply_from("RE1", "+9", T0 + 1);
	help.body = help.keyword = SLICE("help");
	other.body = SLICE("abc");
	other.near_miss = SLICE("abc");
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		commit_one(store, order == 0 ? help : other);
		commit_one(store, order == 0 ? other : help);
		close_store(store);
		assert_int_equal(number_in_file("SELECT count(*) FROM event WHERE body = 'abc'"
						" AND near_miss = 'abc' AND keyword IS NULL"),
		    1);
	}
}

static void
a_second_text_of_an_opt_out_is_not_its_keyword_or_a_near_miss(void **state)
{
	(void)state;
	struct event word = stop("RE1", "+9", T0), other = reply_from("RE1", "+9", T0 + 1);
	other.body = SLICE("no more"); /* before "stop" in byte order */
	other.near_miss = SLICE("no more");
	for (int order = 0; order < 2; order++) {
		snprintf(path, sizeof path, "%s/%d.db", directory, order);
		struct store *store = open_store();
		commit_one(store, order == 0 ? word : other);
		commit_one(store, order == 0 ? other : word);
		close_store(store);
		assert_int_equal(
		    number_in_file(
			"SELECT count(*) FROM event WHERE body = 'no more'"
			" AND near_miss IS NULL AND keyword = 'stop' AND consent = 'out'"),
		    1);
	}
}

static void
lists_are_paged_by_their_changes(void **state)
{
	(void)state;
	struct store *store = open_store();
	struct buffer text = BUFFER_EMPTY;
	commit_one(store, stop("RE1", "+7", T0));      /* evidence 1 */
	commit_one(store, stop("RE2", "+8", T0));      /* 2 */
	commit_one(store, stop("RE3", "+7", T0 + 1));  /* 3, no change */
	commit_one(store, start("RE4", "+7", T0 + 2)); /* 4 */
	close_store(store);
	assert_optouts(any, "+8 at +1: out (keyword)\n+7 at +1: in (keyword)\n");
	assert_optouts((struct optout_filter){.limit = 1}, "+8 at +1: out (keyword)\n");
	assert_optouts((struct optout_filter){.after_seq = 2}, "+7 at +1: in (keyword)\n");
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/optouts/changes", NULL, note_change, &text);
	assert_slice(
	    buffer_slice(&text), "+7 +1 out keyword\n+8 +1 out keyword\n+7 +1 in keyword\n");
	buffer_clear(&text);
	ask_given(reader, "/v1/optouts/changes",
	    (struct given[]){{"after", NULL, 1}, {"limit", NULL, 1}, {NULL}}, note_change, &text);
	assert_slice(buffer_slice(&text), "+8 +1 out keyword\n");
	buffer_done(&text);
	store_reader_close(reader);
}

static void
note_near_miss(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, "/v1/near-misses", row, "message near_miss state");
}

static void
near_misses_are_listed_with_the_state_of_the_person(void **state)
{
	(void)state;
	static const char *const people[] = {"+15005550001", "rcs:+15005550002", "+15005550003"};
	struct store *store = open_store();
	struct buffer text = BUFFER_EMPTY;
	for (int i = 0; i < 3; i++) {
		char sid[8];
		snprintf(sid, sizeof sid, "RE%d", i);
		struct event event = reply_from(sid, people[i], T0);
		event.near_miss = SLICE("please stop");
		commit_one(store, event);
	}
	commit_one(store, stop("RE8", "+15005550001", T0 + 1));
	commit_one(store, stop("RE9", "+15005550002", T0 + 1));
	close_store(store);
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/near-misses", NULL, note_near_miss, &text);
	assert_slice(
	    buffer_slice(&text), "RE0 please stop out\nRE1 please stop out\nRE2 please stop \n");
	buffer_clear(&text);
	ask_given(reader, "/v1/near-misses",
	    (struct given[]){{"next", NULL, 1}, {"limit", NULL, 1}, {NULL}}, note_near_miss, &text);
	assert_slice(buffer_slice(&text), "RE1 please stop out\n");
	buffer_done(&text);
	store_reader_close(reader);
}

static void
a_rolled_back_opt_out_is_not_stored(void **state)
{
	(void)state;
	struct store *store = open_store();
	assert_ok(store_begin(store));
	add(store, stop("RE1", "+9", T0));
	store_rollback(store);
	assert_optouts(any, "");
	assert_true(commit_one(store, stop("RE1", "+9", T0)).consent_changed);
	close_store(store);
	assert_optouts(any, "+9 at +1: out (keyword)\n");
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(stop_and_start_change_the_state),
	    EACH(the_scope_is_the_service_or_else_the_sender),
	    EACH(evidence_that_changes_nothing_is_kept),
	    EACH(a_message_refused_for_an_opt_out_is_evidence),
	    EACH(a_stop_counts_in_the_campaign_that_it_answers),
	    EACH(a_person_on_rcs_opts_out_of_sms),
	    EACH(evidence_without_a_person_is_skipped),
	    EACH(a_duplicate_may_bring_the_consent_later),
	    EACH(a_duplicate_may_bring_the_service_later),
	    EACH(a_duplicate_may_bring_the_person_later),
	    EACH(a_person_that_is_named_later_is_evidence_with_what_is_stored),
	    EACH(two_tellings_may_be_evidence_only_together),
	    EACH(an_opt_out_without_a_sender_is_one_from_the_account),
	    EACH(an_opt_out_from_the_account_is_the_senders_once_that_is_known),
	    EACH(the_past_state_is_known),
	    EACH(the_past_state_does_not_depend_on_the_order_of_storing),
	    EACH(a_correction_tells_followers_the_state),
	    EACH(followers_keep_a_state_that_other_evidence_has),
	    EACH(followers_learn_where_an_opt_out_moves),
	    EACH(followers_learn_the_number_of_a_person),
	    EACH(an_id_that_comes_with_another_id_is_a_person_of_its_own),
	    EACH(evidence_without_a_message_has_its_earliest_time),
	    EACH(the_keyword_of_two_texts_does_not_depend_on_their_order),
	    EACH(a_second_text_of_an_opt_out_is_not_its_keyword_or_a_near_miss),
	    EACH(lists_are_paged_by_their_changes),
	    EACH(near_misses_are_listed_with_the_state_of_the_person),
	    EACH(a_rolled_back_opt_out_is_not_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
