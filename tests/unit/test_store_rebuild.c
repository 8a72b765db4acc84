/* store, rebuild: all derived data can be rebuilt, and older stores are migrated. */
#include "schema_v1.h"
#include "stores.h"

#define HOUR CLOCK_HOUR_US

static const char *const campaigns[] = {"", "c", "d"};

static void
make_store(void)
{
	struct store *store = open_store();
	struct event events[] = {receipt_to("SM1", "c", "+9", STATUS_SENT, T0),
	    receipt_to("SM1", "c", "+9", STATUS_DELIVERED, T0 + HOUR),
	    receipt_to("SM2", "c", "+8", STATUS_FAILED, T0 + 5),
	    receipt_to("SM3", "d", "+7", STATUS_READ, T0),
	    receipt_to("SM4", "d", "+9", STATUS_UNDELIVERED, T0),
	    receipt_to("SM4", "d", "+9", STATUS_DELIVERED, T0),
	    receipt_to("SM5", "", "+9", STATUS_SENT, T0 - HOUR),
	    with_consent(reply_from("RE1", "+9", T0 + 2 * HOUR), CONSENT_OUT),
	    reply_from("RE2", "+7", T0 + HOUR), reply_from("RE3", "+1", T0 + HOUR),
	    with_consent(reply_from("RE4", "+9", T0 + 3 * HOUR), CONSENT_IN),
	    with_consent(reply_from("RE5", "+9", T0 + 4 * HOUR), CONSENT_IN),
	    click_of("SM3", "https://a", "1", T0 + 1), click_of("SM3", "https://b", "1", T0 + 2),
	    click_of("SM3", "https://a", "2", T0 + 3)};
	events[2].error_code = 30005;
	for (size_t i = 12; i < COUNT_OF(events); i++)
		events[i].to = SLICE("+7");
	commit(store, events, COUNT_OF(events));
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static struct store_rebuilt
rebuild(void)
{
	struct store_rebuilt rebuilt;
	struct store *store = open_store();
	enum result result = store_rebuild(store, &rebuilt);
	if (result != RESULT_OK)
		print_error("%s\n", store_error(store));
	assert_ok(result);
	assert_int_equal(store_cursor(store), 1);
	store_close(store);
	return rebuilt;
}

static uint64_t
corrections(const struct store_rebuilt *rebuilt)
{
	return rebuilt->corrected + rebuilt->replies + rebuilt->figures + rebuilt->campaigns +
	       rebuilt->optouts;
}

static void
a_sound_store_is_not_changed(void **state)
{
	(void)state;
	make_store();
	struct store_rebuilt rebuilt = rebuild();
	assert_int_equal(rebuilt.messages, 10);
	assert_int_equal(corrections(&rebuilt), 0);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
whatever_was_derived_is_mended(void **state)
{
	(void)state;
	static const char *const damages[] = {
	    "UPDATE message SET status = 'sent', outcome = 0 WHERE sid = 'SM1'",
	    "UPDATE message SET seen = 1, first_final = 0",
	    "UPDATE message SET first_us = 1, last_us = 2, peer = '+6' WHERE sid = 'SM4'",
	    "UPDATE message SET sent_us = 0, delivered_us = 0, read_us = 0, failed_us = 0",
	    "UPDATE message SET received_us = 0 WHERE sid = 'RE1'",
	    "UPDATE message SET received_us = 7 WHERE sid = 'SM1'",
	    "UPDATE message SET tagset_id = 1 WHERE sid = 'RE1'",
	    "UPDATE message SET tagset_id = 3 WHERE sid = 'SM2'",
	    "UPDATE message SET provider_id = 1 - provider_id",
	    "UPDATE message SET links = 7, clicked_us = 5",
	    "UPDATE message SET error_code = 1 WHERE sid = 'SM2'",
	    "UPDATE message SET opted_out = 1 - opted_out",
	    "UPDATE message SET conflict = 1 - conflict",
	    "UPDATE campaign_hour SET sent = sent + 1, hour = hour + 99",
	    "DELETE FROM campaign_hour",
	    "INSERT INTO campaign_hour VALUES(1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
	    "UPDATE provider_hour SET clicked_messages = 9",
	    "DELETE FROM provider_hour",
	    "DELETE FROM campaign_error",
	    "UPDATE campaign_error SET code = 7",
	    "UPDATE reply SET rule = 'none', answers = NULL, candidates = 0",
	    "UPDATE reply SET answers = 1",
	    "UPDATE reply SET candidates = 9",
	    "UPDATE optout SET state = 'out'",
	    "UPDATE optout SET consent_seq = 1",
	    "DELETE FROM optout",
	    "INSERT INTO optout VALUES('+5', '+1', 'out', 77)",
	    "UPDATE consent SET time_us = 5",
	    "UPDATE consent SET state = 'in'",
	    "UPDATE consent SET changed = (state = 'out')",
	    "DELETE FROM consent WHERE seq = (SELECT max(seq) FROM consent)",
	    "DELETE FROM consent",
	    "UPDATE campaign SET first_us = first_us + 1 WHERE name <> ''",
	    "UPDATE campaign SET last_us = 0 WHERE name <> ''",
	};
	for (size_t i = 0; i < COUNT_OF(damages); i++) {
		snprintf(path, sizeof path, "%s/%zu.db", directory, i);
		make_store();
		struct buffer before = whole_picture(campaigns, COUNT_OF(campaigns));
		struct buffer replies_before = all_replies();
		run_sql(damages[i]);
		if (differences(POLICY_DELIVERED_WINS, true) == 0) {
			print_error("not found: %s\n", damages[i]);
			fail();
		}
		struct store_rebuilt rebuilt = rebuild();
		struct buffer after = whole_picture(campaigns, COUNT_OF(campaigns));
		struct buffer replies_after = all_replies();
		bool same =
		    slice_equal(buffer_slice(&before), buffer_slice(&after)) &&
		    slice_equal(buffer_slice(&replies_before), buffer_slice(&replies_after));
		if (!same || corrections(&rebuilt) == 0)
			print_error("not corrected: %s\n%.*s%.*s", damages[i],
			    SLICE_ARG(buffer_slice(&after)),
			    SLICE_ARG(buffer_slice(&replies_after)));
		assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
		assert_true(same);
		assert_true(corrections(&rebuilt) > 0);
		rebuilt = rebuild();
		assert_int_equal(corrections(&rebuilt), 0);
		assert_optouts((struct optout_filter){.limit = 0}, "+9 at +1: in (keyword)\n");
		buffer_done(&before);
		buffer_done(&after);
		buffer_done(&replies_before);
		buffer_done(&replies_after);
	}
}

static void
receipts_that_are_not_counted_are_found(void **state)
{
	(void)state;
	make_store();
	run_sql("UPDATE event SET message_id = 99 WHERE status = 'read'");
	rebuild();
	assert_true(differences(POLICY_DELIVERED_WINS, true) > 0);
}

/* Its message and the figures agree with each other, but not with the reply's attribution. */
static void
a_reply_that_counts_for_another_campaign_is_found(void **state)
{
	(void)state;
	const struct event events[] = {receipt_to("SM1", "c", "+8", STATUS_SENT, T0),
	    receipt_to("SM2", "d", "+9", STATUS_SENT, T0 + HOUR),
	    reply_from("RE1", "+8", T0 + 2 * HOUR)};
	struct store_rebuilt rebuilt;
	struct store *store = open_store();
	commit(store, events, COUNT_OF(events));
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);

	run_sql("UPDATE message SET tagset_id = (SELECT tagset_id FROM message WHERE sid = 'SM2')"
		" WHERE sid = 'RE1';"
		"UPDATE campaign_hour SET tagset_id = (SELECT tagset_id FROM message"
		" WHERE sid = 'SM2') WHERE replied = 1");
	assert_int_equal(differences(POLICY_DELIVERED_WINS, true), 1);
	store = open_store();
	assert_ok(store_rebuild(store, &rebuilt));
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_figures("c", "1 1 0 0 0 1 0 1 0 0 0 0");
}

static void
a_rebuilt_store_goes_on(void **state)
{
	(void)state;
	make_store();
	run_sql("DELETE FROM campaign_hour; UPDATE message SET peer = ''; UPDATE reply SET rule = "
		"'late'");
	struct store_rebuilt rebuilt;
	struct store *store = open_store();
	assert_ok(store_rebuild(store, &rebuilt));
	struct event more[] = {receipt_to("SM2", "c", "+8", STATUS_DELIVERED, T0 + HOUR),
	    reply_from("RE6", "+8", T0 + HOUR + 1)};
	commit(store, more, COUNT_OF(more));
	assert_ok(store_rebuild(store, &rebuilt));
	assert_int_equal(corrections(&rebuilt), 0);
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_figures("c", "2 2 2 0 0 0 0 1 0 0 0 1");
}

static void
a_rebuild_that_fails_changes_nothing(void **state)
{
	(void)state;
	make_store();
	run_sql("UPDATE campaign_hour SET sent = 7;"
		"CREATE TRIGGER no BEFORE UPDATE ON campaign_hour BEGIN SELECT raise(ABORT, 'no'); "
		"END");
	struct store_rebuilt rebuilt;
	struct store *store = open_store();
	assert_int_not_equal(store_rebuild(store, &rebuilt), RESULT_OK);
	assert_contains(slice_of(store_error(store)), "no");
	run_sql("DROP TRIGGER no");
	assert_ok(store_rebuild(store, &rebuilt));
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

static void
a_policy_that_cannot_be_changed_stays(void **state)
{
	(void)state;
	const struct store_options options = {.path = path,
	    .policy = POLICY_FAILURE_WINS,
	    .reply_window_us = REPLY_WINDOW_US,
	    .reply_late_us = REPLY_LATE_US};
	struct store *store = open_store();
	run_sql("CREATE TRIGGER no BEFORE UPDATE OF policy ON state BEGIN"
		" SELECT raise(ABORT, 'no'); END");
	for (int i = 0; i < 2; i++) {
		const char *sid = i == 0 ? "SM1" : "SM2";
		const struct event events[] = {receipt(sid, "c", STATUS_FAILED, T0),
		    receipt(sid, "c", STATUS_DELIVERED, T0 + 1)};
		commit(store, events, COUNT_OF(events));
		assert_int_not_equal(store_reconfigure(store, &options), RESULT_OK);
	}
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_figures("c", "2 2 2 0 0 0 0 0 0 0 0 2");

	run_sql("DROP TRIGGER no");
	assert_ok(store_reconfigure(store, &options));
	store_close(store);
	assert_int_equal(differences(POLICY_FAILURE_WINS, false), 0);
	assert_figures("c", "2 2 0 2 0 0 0 0 0 0 0 2");
}

/* --- an older store --- */

/* What version 1 kept of two tagged messages, of which one was refused for an opt-out and one has
 * an untagged receipt, and of three replies. */
static const char old_rows[] =
    "UPDATE state SET cursor = 7;"
    "INSERT INTO campaign VALUES(1, 'w', 'c', 1728000000000000, 1728003600000000, 1),"
    " (2, '', '', 1728000000000001, 1728000000000009, 0);"
    "INSERT INTO tagset VALUES(1, 1, 'v'), (2, 2, '');"
    "INSERT INTO provider VALUES(1, 'AC1', '', '+1'), (2, 'AC1', 'MG1', '+1');"
    "INSERT INTO message VALUES"
    " (1, 'SM1', 1, 1, 'delivered', 1, 0, 544, 9, 0, -1, 1728000000000000, 1728003600000000,"
    "  1728000000000000, 1728003600000000, 0, 0, 0, 0),"
    " (2, 'SM2', 1, 2, 'failed', 2, 0, 128, 7, 0, 21610, 1728000000000000, 1728000000000000,"
    "  0, 0, 1728000000000000, 0, 0, 0),"
    " (3, 'RE1', 2, 1, 'received', 0, 0, 2048, 0, 1, -1, 1728000000000005, 1728000000000005,"
    "  0, 0, 0, 0, 0, 1728000000000005),"
    " (4, 'RE2', 2, 1, 'received', 0, 0, 2048, 0, 0, -1, 1728000000000007, 1728000000000007,"
    "  0, 0, 0, 0, 0, 1728000000000007),"
    " (5, 'RE3', 2, 1, 'received', 0, 0, 2048, 0, 0, -1, 1728000000000009, 1728000000000009,"
    "  0, 0, 0, 0, 0, 1728000000000009);"
    "INSERT INTO event(journal_seq, time_us, type, message_id, campaign_id, tagset_id, provider_id,"
    " status, error_code, peer, body, keyword, extra) VALUES"
    " (1, 1728000000000000, 'Sent', 1, 1, 1, 1, 'sent', NULL, 'rcs:+15005550009', NULL, NULL, "
    "NULL),"
    " (2, 1728003600000000, 'Delivered', 1, 2, 2, 1, 'delivered', NULL, NULL, NULL, NULL, NULL),"
    " (3, 1728000000000000, 'Failed', 2, 1, 1, 2, 'failed', 21610, '+15005550008', NULL, NULL, "
    "NULL),"
    " (4, 1728000000000005, 'Replied', 3, 2, 2, 1, 'received', NULL, '+15005550009', 'STOP', "
    "'stop',"
    "  NULL),"
    " (5, 1728000000000007, 'Replied', 4, 2, 2, 1, 'received', NULL, 'rcs:+15005550009', 'START',"
    "  'start', 'no JSON'),"
    " (6, 1728000000000009, 'Replied', 5, 2, 2, 1, 'received', NULL, '+15005550007', 'hi', NULL,"
    "  '{\"OriginalRepliedMessageSid\":\"SM2\"}');"
    "INSERT INTO event(journal_seq, time_us, type, campaign_id, tagset_id, provider_id, sid, "
    "raw_body)"
    " VALUES(7, 1728000000000009, 'Unrecognised', 2, 2, 1, 'SM7', x'7b7d');"
    "INSERT INTO campaign_hour VALUES(1, 480000, 2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0),"
    " (1, 480001, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), (2, 480000, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0);"
    "INSERT INTO provider_hour VALUES(1, 480000, 1, 1, 0, 0, 0, 0, 0, 3, 0, 1, 0),"
    " (1, 480001, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), (2, 480000, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);"
    "INSERT INTO campaign_error VALUES(1, 21610, 480000, 1);"
    "PRAGMA application_id = 1684828772; PRAGMA user_version = 1";

static void
a_store_of_version_1_becomes_this_one(void **state)
{
	(void)state;
	run_sql("PRAGMA journal_mode = WAL");
	run_sql(schema_v1);
	run_sql(old_rows);
	struct store_reader *reader = NULL;
	assert_int_equal(store_reader_open(path, &reader, &failure), RESULT_CORRUPT);
	assert_contains(slice_of(failure.text), "version 1");
	struct store *store = open_store();
	assert_int_equal(store_cursor(store), 7);
	store_close(store);
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_figures("c", "2 1 1 1 0 0 0 3 0 0 1 0");
	assert_replies("RE1 latest SM1 1 c\nRE2 latest SM1 1 c\nRE3 original SM2 1 c\n");
	assert_optouts((struct optout_filter){.limit = 0},
	    "+15005550008 at MG1: out (error-21610)\n+15005550009 at +1: in (keyword)\n");
	/* a receipt without tags has those of its message */
	assert_int_equal(number_in_file("SELECT count(*) FROM events WHERE campaign = 'c'"), 6);
	assert_int_equal(number_in_file("SELECT count(*) FROM pragma_integrity_check"
					" WHERE integrity_check <> 'ok'"),
	    0);
	/* once */
	assert_int_equal(number_in_file("SELECT stale FROM state"), 0);
	store = open_store();
	struct store_rebuilt rebuilt;
	assert_ok(store_rebuild(store, &rebuilt));
	assert_int_equal(corrections(&rebuilt), 0);
	struct event more = receipt_to("SM1", "c", "+15005550009", STATUS_READ, T0 + HOUR);
	commit(store, &more, 1);
	store_close(store);
	assert_figures("c", "2 1 1 1 0 0 1 3 0 0 1 0");
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
}

/* Version 3 let the order decide in which receipts were stored. */
static const char as_version_3[] =
    "DROP TABLE keyword; DROP INDEX event_keyword; DROP VIEW inbound_messages;"
    "DROP TABLE inbound; DROP TABLE removed_range; DROP TABLE removed_run;"
    "ALTER TABLE event DROP COLUMN source_id; DROP TABLE source; DROP INDEX event_group;"
    "ALTER TABLE event DROP COLUMN kind; ALTER TABLE event DROP COLUMN code; DROP TABLE "
    "hour_block; DROP TABLE campaign_delay;"
    "DROP INDEX message_group; DROP INDEX message_provider; ALTER TABLE message DROP COLUMN facts;"
    "CREATE INDEX event_campaign ON event(campaign_id, seq); DROP INDEX message_failure;"
    "DROP VIEW optout_history; DROP INDEX consent_number; DROP INDEX consent_state;"
    "DROP INDEX consent_announced; UPDATE consent SET changed = 1;"
    "CREATE VIEW optout_history AS SELECT l.seq FROM consent l;"
    "ALTER TABLE consent DROP COLUMN correction; ALTER TABLE event DROP COLUMN arrival_seq;"
    "CREATE INDEX consent_number ON consent(number, scope, seq);"
    "UPDATE message SET error_code = 30005, first_final = 8 WHERE sid = 'SM1';"
    "UPDATE campaign_error SET code = 30005;"
    "UPDATE optout SET state = 'in', consent_seq = 2 WHERE number = '+9';"
    "PRAGMA user_version = 3";

static void
the_order_of_storing_means_nothing_after_version_3(void **state)
{
	(void)state;
	struct event failed = receipt("SM1", "c", STATUS_FAILED, T0 + 1),
		     undelivered = receipt("SM1", "c", STATUS_UNDELIVERED, T0 + 2);
	undelivered.error_code = 30003;
	failed.error_code = 30005;
	struct event events[] = {undelivered, failed,
	    with_consent(reply_from("RE1", "+9", T0 + 9), CONSENT_OUT),
	    with_consent(reply_from("RE2", "+9", T0 + 8), CONSENT_IN),
	    with_consent(reply_from("RE3", "+8", T0 + 8), CONSENT_OUT)};
	events[2].extra = SLICE("{\"NumMedia\":\"11\",\"MediaUrl10\":\"u10\",\"MediaUrl2\":\"u 2\","
				"\"MediaContentType0\":\"image/png\",\"FromCity\":\"\","
				"\"FromCountry\":\"US\"}");
	static const char media_row[] =
	    "SELECT count(*) FROM inbound i JOIN event e ON e.seq = i.event_seq"
	    " WHERE e.peer = '+9' AND media_count = 11 AND media_links = 'u%202 u10'"
	    " AND media_types = 'image/png' AND from_city IS NULL AND from_country = 'US'";
	struct store *store = open_store();
	commit(store, events, COUNT_OF(events));
	store_close(store);
	assert_int_equal(number_in_file("SELECT error_code FROM message WHERE sid = 'SM1'"), 30003);
	assert_int_equal(number_in_file(media_row), 1);

	run_sql(as_version_3);
	store_close(open_store());
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	assert_int_equal(number_in_file("SELECT error_code FROM message WHERE sid = 'SM1'"), 30003);
	assert_int_equal(
	    number_in_file("SELECT first_final FROM message WHERE sid = 'SM1'"), STATUS_FAILED);
	assert_int_equal(
	    number_in_file("SELECT sum(failed) FROM campaign_error WHERE code = 30003"), 1);
	assert_int_equal(number_in_file("SELECT count(*) FROM optout WHERE state = 'out'"), 2);
	assert_int_equal(number_in_file(media_row), 1);
	assert_int_equal(number_in_file("SELECT count(*) FROM inbound"), 1);
	/* The state has changed, and a correction announces it. */
	assert_int_equal(number_in_file("SELECT count(*) FROM consent WHERE correction = 1 AND"
					" changed = 1 AND number = '+9' AND state = 'out'"),
	    1);
	assert_int_equal(number_in_file("SELECT sum(correction) FROM consent"), 1);
	assert_int_equal(number_in_file("SELECT stale FROM state"), 0);
}

static void
an_empty_store_of_version_1_becomes_this_one(void **state)
{
	(void)state;
	run_sql(schema_v1);
	run_sql("PRAGMA application_id = 1684828772; PRAGMA user_version = 1");
	store_close(open_store());
	assert_int_equal(differences(POLICY_DELIVERED_WINS, false), 0);
	make_store(); /* in the file that is there */
}

#define WITHOUT_SPACE "replace(replace(sql, ' ', ''), char(10), '')"

/* The same tables, whichever way they came about. */
static void
a_migrated_store_is_built_like_a_new_one(void **state)
{
	(void)state;
	run_sql(schema_v1);
	run_sql("PRAGMA application_id = 1684828772; PRAGMA user_version = 1");
	store_close(open_store());
	char attach[300];
	snprintf(attach, sizeof attach, "ATTACH '%s' AS old", path);
	snprintf(path, sizeof path, "%s/new.db", directory);
	store_close(open_store());
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, attach, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT count(*) FROM (SELECT name, " WITHOUT_SPACE
			     " FROM main.sqlite_schema EXCEPT SELECT name, " WITHOUT_SPACE
			     " FROM old.sqlite_schema)",
			     -1, &statement, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(a_sound_store_is_not_changed),
	    EACH(whatever_was_derived_is_mended),
	    EACH(receipts_that_are_not_counted_are_found),
	    EACH(a_reply_that_counts_for_another_campaign_is_found),
	    EACH(a_rebuilt_store_goes_on),
	    EACH(a_rebuild_that_fails_changes_nothing),
	    EACH(a_policy_that_cannot_be_changed_stays),
	    EACH(a_store_of_version_1_becomes_this_one),
	    EACH(the_order_of_storing_means_nothing_after_version_3),
	    EACH(an_empty_store_of_version_1_becomes_this_one),
	    EACH(a_migrated_store_is_built_like_a_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
