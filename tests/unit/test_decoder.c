/* decoder: whatever a genuine request holds gives an event. */
#include "testing.h"

#include "dlrd/projector/decoder.h"

#define SID "SM00000000000000000000000000000001"
#define SAMPLE_QUERY                                                                            \
	"account=YOUR_ACCOUNT_ID&meta=000000000.1200000000.1691686363.20230810.0.wzrk_default." \
	"-4930006"
#define FORM_TYPE "application/x-www-form-urlencoded"

static struct routes routes;
static struct decoder decoder;

static void
add_route(const char *path, enum route_kind kind)
{
	struct route *route = &routes.items[routes.count++];
	route->path = strdup(path);
	route->kind = kind;
	assert_ok(tags_template_init(&route->workspace, SLICE("{account}"), NULL));
	assert_ok(tags_template_init(&route->campaign, SLICE("{meta.3}_{meta.4}"), NULL));
	assert_ok(tags_template_init(&route->variant, SLICE("{meta.6}"), NULL));
}

static int
set_up(void **state)
{
	(void)state;
	add_route("/sms/twilio", ROUTE_AUTO);
	add_route("/status", ROUTE_STATUS);
	add_route("/inbound", ROUTE_INBOUND);
	add_route("/click", ROUTE_CLICK);
	decoder_init(&decoder, &routes);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	decoder_done(&decoder);
	routes_done(&routes);
	return 0;
}

static struct journal_entry
post(const char *query, const char *body)
{
	return (struct journal_entry){.seq = 42,
	    .received_us = 7000000,
	    .method = SLICE("POST"),
	    .route = SLICE("/sms/twilio"),
	    .query = slice_of(query),
	    .media_type = SLICE(FORM_TYPE),
	    .body = slice_of(body),
	    .account = SLICE("AC9")};
}

static struct event
decode(const struct journal_entry *entry)
{
	struct event event;
	assert_ok(decoder_decode(&decoder, entry, &event));
	assert_int_equal(event.journal_seq, entry->seq);
	assert_true(event.time_us == entry->received_us);
	return event;
}

static void
the_sample_callback_is_a_failure_of_its_campaign(void **state)
{
	(void)state;
	struct journal_entry entry = post(SAMPLE_QUERY,
	    "AccountSid=AC1&ApiVersion=2010-04-01&ErrorCode=30005&From=%2B15005550006&"
	    "MessageSid=" SID "&MessageStatus=undelivered&MessagingServiceSid=MG0&RawDlrDoneDate="
	    "2308102223&SmsSid=" SID "&SmsStatus=undelivered&To=%2B15005550009");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_FAILED);
	assert_int_equal(event.status, STATUS_UNDELIVERED);
	assert_slice(event.status_text, "undelivered");
	assert_int_equal(event.error_code, 30005);
	assert_slice(event.workspace, "YOUR_ACCOUNT_ID");
	assert_slice(event.campaign, "1691686363_20230810");
	assert_slice(event.variant, "wzrk_default");
	assert_true(event.tags_fit);
	assert_true(event.folds);
	assert_slice(event.account, "AC1");
	assert_slice(event.message, SID);
	assert_slice(event.from, "+15005550006");
	assert_slice(event.to, "+15005550009");
	assert_slice(event.service, "MG0");
	assert_slice(event.done_date, "2308102223");
	assert_slice(event.extra, NULL);
	assert_slice(event.raw_query, NULL);
	assert_slice(event.raw_body, NULL);
	assert_slice(event.body, NULL);
	assert_slice(event.keyword, NULL);
}

static void
unknown_parameters_are_kept_beside(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=sent&ErrorCode=abc&New=1");
	struct event event = decode(&entry);
	assert_slice(event.extra, "{\"ErrorCode\":\"abc\",\"New\":\"1\"}");
	assert_int_equal(event.error_code, -1);
	entry = post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=sent");
	assert_slice(decode(&entry).extra, NULL); /* nothing of the last request is left */
}

static void
a_status_that_nobody_knows_is_kept_as_it_came(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=Teleported");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_int_equal(event.status, STATUS_UNKNOWN);
	assert_slice(event.status_text, "Teleported");
	assert_slice(event.message, SID);
	assert_true(event.folds);
	assert_slice(event.campaign, "1691686363_20230810");
	entry = post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=DELIVERED");
	assert_slice(decode(&entry).status_text, "delivered"); /* canonical */
}

static void
a_request_without_a_known_account_belongs_to_the_one_that_verified_it(void **state)
{
	(void)state;
	struct journal_entry entry = post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=sent");
	assert_slice(decode(&entry).account, "AC9");
}

static void
a_json_body_is_unrecognised_and_kept_raw(void **state)
{
	(void)state;
	static const char body[] = "{\"event_type\":\"click\"}";
	struct journal_entry entry = post("account=a&bodySHA256=x", body);
	entry.media_type = SLICE("application/json");
	entry.route = SLICE("/click");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_slice(event.raw_body, body);
	assert_slice(event.raw_query, "account=a&bodySHA256=x");
	assert_slice(event.message, NULL);
	assert_false(event.folds);
	assert_slice(event.account, "AC9");
	assert_slice(event.workspace, "a");
}

static void
what_contradicts_its_route_is_unrecognised_and_kept_raw(void **state)
{
	(void)state;
	static const char body[] = "MessageSid=" SID "&SmsStatus=received&Body=hi&From=%2B1";
	struct journal_entry entry = post(SAMPLE_QUERY, body);
	entry.route = SLICE("/status");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_slice(event.raw_body, body);
	assert_slice(event.raw_query, SAMPLE_QUERY);
	assert_slice(event.message, SID); /* shown, but nothing is folded from it */
	assert_slice(event.from, "+1");
	assert_false(event.folds);
}

static void
a_sid_that_is_none_is_unrecognised_and_kept(void **state)
{
	(void)state;
	struct journal_entry entry = post(SAMPLE_QUERY, "MessageSid=SM%00x&MessageStatus=sent");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_slice(event.message, NULL);
	assert_slice(event.extra, "{\"MessageSid\":\"SM\\u0000x\"}");
	assert_slice(event.raw_body, "MessageSid=SM%00x&MessageStatus=sent");
}

static void
tags_that_do_not_fit_are_kept_raw(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post("account=w&meta=1.2", "MessageSid=" SID "&MessageStatus=sent");
	struct event event = decode(&entry);
	assert_false(event.tags_fit);
	assert_slice(event.campaign, "");
	assert_slice(event.workspace, "w"); /* what does fit is used */
	assert_slice(event.raw_query, "account=w&meta=1.2");
	assert_slice(event.raw_body, NULL);
	assert_int_equal(event.type, EVENT_SENT);
	assert_true(event.folds);
	entry = post(NULL, "MessageSid=" SID "&MessageStatus=sent");
	event = decode(&entry);
	assert_false(event.tags_fit);
	assert_slice(event.raw_query, NULL);
}

static void
the_variant_alone_may_be_missing(void **state)
{
	(void)state;
	struct journal_entry entry = post("meta=1.2.3.4", "MessageSid=" SID "&MessageStatus=sent");
	struct event event = decode(&entry);
	assert_true(event.tags_fit);
	assert_slice(event.campaign, "3_4");
	assert_slice(event.variant, "");
	assert_slice(event.raw_query, "meta=1.2.3.4"); /* a later template may find more */
}

static void
tags_are_read_decoded(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post("account=a+b%2Fc&meta=1.2.%C3%A4.x", "MessageSid=" SID "&MessageStatus=sent");
	struct event event = decode(&entry);
	assert_slice(event.workspace, "a b/c");
	assert_slice(event.campaign, "\xc3\xa4_x");
}

static void
an_inbound_post_is_a_reply_and_needs_no_tags(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(NULL, "MessageSid=" SID "&SmsStatus=received&Body=+Stop.%0A&From=%2B1&To=%2B2");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_REPLIED);
	assert_int_equal(event.status, STATUS_RECEIVED);
	assert_slice(event.status_text, "received");
	assert_slice(event.body, " Stop.\n");
	assert_slice(event.keyword, "stop");
	assert_true(event.folds);
	assert_true(event.tags_fit);
	assert_slice(event.from, "+1");
	assert_slice(event.to, "+2");
}

static void
an_inbound_get_has_its_parameters_in_the_query(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post("MessageSid=" SID "&SmsStatus=received&Body=&From=%2B1&own=x", NULL);
	entry.method = SLICE("GET");
	entry.media_type = SLICE_NONE;
	entry.route = SLICE("/inbound");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_REPLIED);
	assert_slice(event.message, SID);
	assert_slice(event.body, "");
	assert_slice(event.keyword, NULL);
	assert_slice(event.extra, "{\"own\":\"x\"}");
	entry.query = SLICE_NONE;
	assert_int_equal(decode(&entry).type, EVENT_UNRECOGNISED);
}

static void
a_removed_route_leaves_the_tags_raw_and_reads_the_content(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=delivered");
	entry.route = SLICE("/gone");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_DELIVERED);
	assert_true(event.folds);
	assert_false(event.tags_fit);
	assert_int_equal(event.campaign.len, 0);
	assert_slice(event.raw_query, SAMPLE_QUERY);
}

static void
an_empty_body_is_unrecognised(void **state)
{
	(void)state;
	struct journal_entry entry = post(SAMPLE_QUERY, "");
	entry.media_type = SLICE("text/plain");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_slice(event.raw_query, SAMPLE_QUERY);
	entry.body = SLICE_NONE;
	assert_int_equal(decode(&entry).type, EVENT_UNRECOGNISED);
}

static void
any_bytes_give_an_event(void **state)
{
	(void)state;
	static const char *const pieces[] = {("MessageSid=" SID), "&", "=", "%", "%0", "%00",
	    "MessageStatus=", "sent", "Body=", "SmsStatus=received", "ErrorCode=", "99999999999",
	    "\xff", "meta=1.2.3.4", "To=", "+", "."};
	for (int round = 0; round < 5000; round++) {
		struct buffer texts[2] = {BUFFER_EMPTY, BUFFER_EMPTY};
		for (int i = 0; i < 2; i++)
			for (unsigned k = random_below(12); k > 0; k--)
				buffer_append(
				    &texts[i], slice_of(pieces[random_below(COUNT_OF(pieces))]));
		struct journal_entry entry = post("", "");
		entry.query = buffer_slice(&texts[0]);
		entry.body = buffer_slice(&texts[1]);
		struct event event = decode(&entry);
		assert_in_range(event.type, 0, EVENT_TYPE_COUNT - 1);
		if (event.type == EVENT_UNRECOGNISED && !event.folds)
			assert_true(slice_equal(event.raw_body, entry.body));
		buffer_done(&texts[0]);
		buffer_done(&texts[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sample_callback_is_a_failure_of_its_campaign),
	    cmocka_unit_test(unknown_parameters_are_kept_beside),
	    cmocka_unit_test(a_status_that_nobody_knows_is_kept_as_it_came),
	    cmocka_unit_test(a_request_without_a_known_account_belongs_to_the_one_that_verified_it),
	    cmocka_unit_test(a_json_body_is_unrecognised_and_kept_raw),
	    cmocka_unit_test(what_contradicts_its_route_is_unrecognised_and_kept_raw),
	    cmocka_unit_test(a_sid_that_is_none_is_unrecognised_and_kept),
	    cmocka_unit_test(tags_that_do_not_fit_are_kept_raw),
	    cmocka_unit_test(the_variant_alone_may_be_missing),
	    cmocka_unit_test(tags_are_read_decoded),
	    cmocka_unit_test(an_inbound_post_is_a_reply_and_needs_no_tags),
	    cmocka_unit_test(an_inbound_get_has_its_parameters_in_the_query),
	    cmocka_unit_test(a_removed_route_leaves_the_tags_raw_and_reads_the_content),
	    cmocka_unit_test(an_empty_body_is_unrecognised),
	    cmocka_unit_test(any_bytes_give_an_event),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
