/* callback: the meaning of the parameters; no parameter is lost. */
#include "testing.h"

#include "dlrd/twilio/callback.h"

#define SID "SM00000000000000000000000000000001"
#define NO1 "NO00000000000000000000000000000001"

static struct form form;

static struct callback
read_as(const char *text, enum route_kind kind)
{
	assert_ok(form_decode(&form, slice_of(text), 100));
	return callback_read(&form, kind);
}

static enum callback_kind
kind_of(const char *text, enum route_kind kind)
{
	return read_as(text, kind).kind;
}

/* Compares the JSON that is stored in addition to the callback's fields, "" for none. */
static void
assert_extra(const char *text, const char *expected)
{
	struct buffer extra = BUFFER_EMPTY;
	struct callback callback = read_as(text, ROUTE_AUTO);
	assert_ok(callback_extra(&form, &callback, &extra));
	assert_slice(buffer_slice(&extra), expected);
	buffer_done(&extra);
}

static void
a_status_callback_is_read_whole(void **state)
{
	(void)state;
	struct callback callback =
	    read_as("AccountSid=AC1&ErrorCode=30005&From=%2B15005550006&MessageSid=" SID
		    "&MessageStatus=undelivered&MessagingServiceSid=MG0&RawDlrDoneDate=2308102223"
		    "&To=%2B15005550009",
		ROUTE_AUTO);
	assert_int_equal(callback.kind, CALLBACK_STATUS);
	assert_slice(callback.message, SID);
	assert_slice(callback.status, "undelivered");
	assert_int_equal(callback.error_code, 30005);
	assert_slice(callback.account, "AC1");
	assert_slice(callback.from, "+15005550006");
	assert_slice(callback.to, "+15005550009");
	assert_slice(callback.service, "MG0");
	assert_slice(callback.done_date, "2308102223");
	assert_slice(callback.body, NULL);
	assert_slice(callback.opt_out, NULL);
	assert_slice(callback.reference, NULL);
	assert_false(callback.stream);
}

static void
deprecated_names_stand_in(void **state)
{
	(void)state;
	struct callback callback = read_as("SmsSid=" SID "&SmsStatus=sent", ROUTE_AUTO);
	assert_int_equal(callback.kind, CALLBACK_STATUS);
	assert_slice(callback.message, SID);
	assert_slice(callback.status, "sent");
	callback = read_as("SmsMessageSid=" SID "&SmsStatus=received", ROUTE_AUTO);
	assert_slice(callback.message, SID);
	/* names have an order of precedence, in any position; empty values are skipped */
	callback =
	    read_as("SmsStatus=sent&SmsSid=SM1&MessageSid=" SID "&MessageStatus=", ROUTE_AUTO);
	assert_slice(callback.message, SID);
	assert_slice(callback.status, "sent");
}

static void
a_message_that_arrives_is_inbound(void **state)
{
	(void)state;
	assert_int_equal(
	    kind_of("MessageSid=" SID "&SmsStatus=received&Body=hi", ROUTE_AUTO), CALLBACK_INBOUND);
	assert_int_equal(
	    kind_of("MessageSid=" SID "&SmsStatus=RECEIVED&Body=", ROUTE_AUTO), CALLBACK_INBOUND);
	assert_int_equal(
	    kind_of("MessageSid=" SID "&SmsStatus=receiving", ROUTE_AUTO), CALLBACK_INBOUND);
	assert_int_equal(kind_of("MessageSid=" SID "&Body=", ROUTE_AUTO), CALLBACK_INBOUND);
	struct callback callback = read_as("MessageSid=" SID "&Body=", ROUTE_AUTO);
	assert_slice(callback.body, ""); /* there, and empty */
}

static void
an_unknown_status_is_a_status(void **state)
{
	(void)state;
	struct callback callback =
	    read_as("MessageSid=" SID "&MessageStatus=teleported&Body=x", ROUTE_AUTO);
	assert_int_equal(callback.kind, CALLBACK_STATUS);
	assert_slice(callback.status, "teleported");
}

static void
what_cannot_be_read_is_unrecognised(void **state)
{
	(void)state;
	assert_int_equal(kind_of("", ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	assert_int_equal(kind_of("MessageSid=" SID, ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	assert_int_equal(kind_of("MessageStatus=sent", ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	assert_int_equal(
	    kind_of("messagesid=" SID "&messagestatus=sent", ROUTE_AUTO), CALLBACK_UNRECOGNISED);
}

static void
a_route_takes_what_it_is_for(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum callback_kind kind;
		enum route_kind route; /* in addition to ROUTE_AUTO */
	} rows[] = {
	    {"MessageSid=" SID "&MessageStatus=sent", CALLBACK_STATUS, ROUTE_STATUS},
	    {"MessageSid=" SID "&SmsStatus=received&Body=hi", CALLBACK_INBOUND, ROUTE_INBOUND},
	    {"Sid=" NO1 "&Level=ERROR", CALLBACK_ALERT, ROUTE_DEBUGGER},
	    {"Sid=" NO1 "&Payload=%7B%7D", CALLBACK_ALERT, ROUTE_DEBUGGER},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int kind = ROUTE_AUTO; kind <= ROUTE_DEBUGGER; kind++) {
			enum route_kind route = (enum route_kind)kind;
			bool takes = route == ROUTE_AUTO || route == rows[i].route;
			assert_int_equal(kind_of(rows[i].text, route),
			    takes ? rows[i].kind : CALLBACK_UNRECOGNISED);
		}
}

static void
a_sid_is_two_letters_and_32_hexadecimal_digits(void **state)
{
	(void)state;
	char text[128];
	assert_true(callback_is_sid(SLICE(SID)));
	assert_true(callback_is_sid(SLICE("MM0123456789abcdefABCDEF0123456789")));
	static const char *const odd[] = {"SM1", "SM-1", "SM%201", "SM%001", "%27%3B", "SM%C3%A4",
	    "../x", "SM0123456789abcdef0123456789abcde", /* 31 and 33 digits */
	    "SM0123456789abcdef0123456789abcdef0", "SM0123456789abcdef0123456789abcdeg",
	    "S00123456789abcdef0123456789abcdef", "000123456789abcdef0123456789abcdef",
	    SID "MessageStatusdelivered"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		snprintf(text, sizeof text, "MessageStatus=sent&MessageSid=%s", odd[i]);
		struct callback callback = read_as(text, ROUTE_AUTO);
		assert_int_equal(callback.kind, CALLBACK_UNRECOGNISED);
		assert_slice(callback.message, NULL);
	}
}

static void
a_code_that_is_no_code_is_kept_beside(void **state)
{
	(void)state;
	static const char *const odd[] = {"abc", "99999999999", "0", "-1", "30005 ", "3e4"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		char text[128], extra[64];
		snprintf(text, sizeof text, "MessageSid=" SID "&MessageStatus=failed&ErrorCode=%s",
		    odd[i]);
		assert_int_equal(read_as(text, ROUTE_AUTO).error_code, -1);
		assert_int_equal(kind_of(text, ROUTE_AUTO), CALLBACK_STATUS);
		snprintf(extra, sizeof extra, "{\"ErrorCode\":\"%s\"}", odd[i]);
		assert_extra(text, extra);
	}
	assert_int_equal(read_as("ErrorCode=999999999", ROUTE_AUTO).error_code, 999999999);
	assert_int_equal(read_as("ErrorCode=", ROUTE_AUTO).error_code, -1);
}

static void
what_the_fields_say_is_not_kept_beside(void **state)
{
	(void)state;
	assert_extra(
	    "AccountSid=AC1&ApiVersion=2010-04-01&ErrorCode=30005&From=%2B1&MessageSid=" SID
	    "&MessageStatus=undelivered&MessagingServiceSid=MG0&RawDlrDoneDate=2308102223"
	    "&SmsSid=" SID "&SmsStatus=undelivered&To=%2B2",
	    "");
}

static void
unknown_parameters_are_kept_beside(void **state)
{
	(void)state;
	assert_extra("MessageSid=" SID "&MessageStatus=sent&New=1&ChannelPrefix=rcs&New=2&Flag",
	    "{\"New\":[\"1\",\"2\"],\"ChannelPrefix\":\"rcs\",\"Flag\":\"\"}");
}

static void
parameters_that_contradict_a_field_are_kept_beside(void **state)
{
	(void)state;
	assert_extra("MessageSid=" SID
		     "&SmsSid=SMb&MessageStatus=sent&SmsStatus=queued&ApiVersion=2042",
	    "{\"SmsSid\":\"SMb\",\"SmsStatus\":\"queued\",\"ApiVersion\":\"2042\"}");
	assert_extra("MessageSid=SM-odd&MessageStatus=sent", "{\"MessageSid\":\"SM-odd\"}");
	assert_extra("MessageSid=" SID "&MessageStatus=sent&To=1&To=2", "{\"To\":\"2\"}");
}

static void
a_read_by_a_channel_is_reported_by_its_event_type(void **state)
{
	(void)state;
	static const struct {
		const char *text, *status, *extra;
	} rows[] = {
	    {"MessageStatus=read&EventType=READ", "read", ""},
	    {"MessageStatus=delivered&EventType=READ", "read", "{\"MessageStatus\":\"delivered\"}"},
	    {"MessageStatus=sent&EventType=Read", "read", "{\"MessageStatus\":\"sent\"}"},
	    {"EventType=READ", "read", ""},
	    /* a failure stays one */
	    {"MessageStatus=failed&EventType=READ", "failed", "{\"EventType\":\"READ\"}"},
	    {"SmsStatus=Undelivered&EventType=READ", "Undelivered", "{\"EventType\":\"READ\"}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[128];
		snprintf(text, sizeof text, "MessageSid=" SID "&%s", rows[i].text);
		struct callback callback = read_as(text, ROUTE_STATUS);
		assert_int_equal(callback.kind, CALLBACK_STATUS);
		assert_slice(callback.status, rows[i].status);
		assert_extra(text, rows[i].extra);
	}
}

static void
an_event_type_stands_in_for_a_missing_status(void **state)
{
	(void)state;
	struct callback callback =
	    read_as("MessageSid=" SID "&EventType=UNDELIVERED&ErrorCode=63016", ROUTE_AUTO);
	assert_int_equal(callback.kind, CALLBACK_STATUS);
	assert_slice(callback.status, "UNDELIVERED");
	assert_int_equal(callback.error_code, 63016);
	callback = read_as("MessageSid=" SID "&EventType=DELIVERED&MessageStatus=sent", ROUTE_AUTO);
	assert_slice(callback.status, "sent");
	assert_extra("MessageSid=" SID "&EventType=DELIVERED&MessageStatus=sent",
	    "{\"EventType\":\"DELIVERED\"}");
	assert_extra("MessageSid=" SID "&EventType=DELIVERED&MessageStatus=delivered", "");
}

static void
a_webhook_of_conversations_is_unrecognised(void **state)
{
	(void)state;
	static const char *const rows[] = {"MessageSid=" SID "&EventType=onMessageAdded&Body=x",
	    "MessageSid=" SID "&EventType=onDeliveryUpdated&MessageStatus=delivered",
	    "MessageSid=IM00000000000000000000000000000001&MessageStatus=sent",
	    "MessageSid=IM00000000000000000000000000000001&Body=STOP"};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(kind_of(rows[i], ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	assert_int_equal(kind_of("MessageSid=" SID "&EventType=once", ROUTE_AUTO), CALLBACK_STATUS);
}

static void
a_message_that_arrives_is_not_read_by_its_event_type(void **state)
{
	(void)state;
	struct callback callback =
	    read_as("MessageSid=" SID "&SmsStatus=received&EventType=READ&Body=x", ROUTE_AUTO);
	assert_int_equal(callback.kind, CALLBACK_INBOUND);
	assert_slice(callback.status, "received");
}

static void
the_reason_of_a_fallback_is_no_fate_of_the_message(void **state)
{
	(void)state;
	static const char text[] =
	    "MessageSid=" SID "&SmsStatus=received&Body=hi&ErrorCode=11200&ErrorUrl=https://x/";
	struct callback callback = read_as(text, ROUTE_INBOUND);
	assert_int_equal(callback.kind, CALLBACK_INBOUND);
	assert_int_equal(callback.error_code, -1);
	assert_extra(text, "{\"ErrorCode\":\"11200\",\"ErrorUrl\":\"https://x/\"}");
	assert_extra("MessageSid=" SID "&SmsStatus=received&Body=hi&ErrorCode=", "");
}

static void
a_reply_names_its_opt_out_and_its_original(void **state)
{
	(void)state;
	static const char text[] = "MessageSid=" SID "&SmsStatus=received&Body=ALTO&OptOutType=STOP"
				   "&OriginalRepliedMessageSid=SMorig";
	struct callback callback = read_as(text, ROUTE_AUTO);
	assert_slice(callback.opt_out, "STOP");
	assert_slice(callback.original, "SMorig");
	assert_slice(callback.body, "ALTO");
	assert_extra(text, "");
	/* an undocumented one is kept here only */
	assert_extra("MessageSid=" SID "&Body=&OptOutType=stop", "");
	assert_extra("MessageSid=" SID "&Body=&OptOutType=PAUSE", "{\"OptOutType\":\"PAUSE\"}");
	assert_extra("MessageSid=" SID "&Body=&OptOutType=STOP&OptOutType=START",
	    "{\"OptOutType\":\"START\"}");
	/* nor by what is no reply */
	assert_extra("MessageSid=" SID "&MessageStatus=sent&OptOutType=STOP"
		     "&OriginalRepliedMessageSid=SMorig",
	    "{\"OptOutType\":\"STOP\",\"OriginalRepliedMessageSid\":\"SMorig\"}");
	callback = read_as("MessageSid=" SID "&Body=&OptOutType=", ROUTE_AUTO);
	assert_slice(callback.opt_out, NULL);
	assert_slice(callback.original, NULL);
}

#define ALERT                                                                   \
	"AccountSid=AC1&Sid=" NO1 "&Level=ERROR&Timestamp=2026-11-20T10:00:00Z" \
	"&PayloadType=application/json&Payload=%7B%22error_code%22:%2211200%22%7D"

static void
an_event_of_the_debugger_is_an_alert(void **state)
{
	(void)state;
	struct callback callback = read_as(ALERT, ROUTE_DEBUGGER);
	assert_int_equal(callback.kind, CALLBACK_ALERT);
	assert_slice(callback.account, "AC1");
	assert_slice(callback.reference, NO1);
	assert_slice(callback.status, "error");
	assert_slice(callback.occurred, "2026-11-20T10:00:00Z");
	assert_slice(callback.payload, "{\"error_code\":\"11200\"}");
	assert_slice(callback.message, NULL);
	assert_int_equal(callback.error_code, -1);
	assert_int_equal(kind_of(ALERT, ROUTE_AUTO), CALLBACK_ALERT);
	/* the payload has more than the fields of an event */
	assert_extra(ALERT, "{\"PayloadType\":\"application/json\","
			    "\"Payload\":\"{\\\"error_code\\\":\\\"11200\\\"}\"}");
}

static void
a_level_is_known_in_either_case_or_stays_as_it_came(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"Warning", "warning"}, {"INFO", "info"},
	    {"debug", "debug"}, {"Notice", "notice"}, {"Odd", "Odd"}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[64];
		snprintf(text, sizeof text, "Sid=" NO1 "&Level=%s", rows[i][0]);
		assert_slice(read_as(text, ROUTE_AUTO).status, rows[i][1]);
		assert_extra(text, "");
	}
	assert_slice(read_as("Sid=" NO1 "&Payload=x", ROUTE_AUTO).status, NULL);
}

static void
what_is_no_alert_keeps_an_alerts_parameters_beside(void **state)
{
	(void)state;
	static const char *const odd[] = {("Sid=" NO1), "Sid=NO1&Level=ERROR",
	    "Sid=CA1&Level=ERROR", "Sid=NO-1&Level=ERROR", "Level=ERROR&Payload=x",
	    "Sid=&Level=ERROR"};
	for (size_t i = 0; i < COUNT_OF(odd); i++)
		assert_int_equal(kind_of(odd[i], ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	assert_int_equal(
	    kind_of("MessageSid=" SID "&MessageStatus=sent&" ALERT, ROUTE_AUTO), CALLBACK_STATUS);
	assert_extra("MessageSid=" SID "&MessageStatus=sent&Sid=" NO1 "&Level=ERROR&Payload=x",
	    "{\"Sid\":\"" NO1 "\",\"Level\":\"ERROR\",\"Payload\":\"x\"}");
}

static void
kinds_are_known_by_name(void **state)
{
	(void)state;
	enum route_kind kind;
	for (int i = ROUTE_AUTO; i <= ROUTE_DEBUGGER; i++) {
		assert_true(
		    route_kind_from_name(slice_of(route_kind_name((enum route_kind)i)), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(route_kind_from_name(SLICE("AUTO"), &kind));
	assert_false(route_kind_from_name(SLICE(""), &kind));
}

static int
drop_form(void **state)
{
	(void)state;
	form_done(&form);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_status_callback_is_read_whole),
	    cmocka_unit_test(deprecated_names_stand_in),
	    cmocka_unit_test(a_message_that_arrives_is_inbound),
	    cmocka_unit_test(an_unknown_status_is_a_status),
	    cmocka_unit_test(what_cannot_be_read_is_unrecognised),
	    cmocka_unit_test(a_route_takes_what_it_is_for),
	    cmocka_unit_test(a_sid_is_two_letters_and_32_hexadecimal_digits),
	    cmocka_unit_test(a_code_that_is_no_code_is_kept_beside),
	    cmocka_unit_test(what_the_fields_say_is_not_kept_beside),
	    cmocka_unit_test(unknown_parameters_are_kept_beside),
	    cmocka_unit_test(parameters_that_contradict_a_field_are_kept_beside),
	    cmocka_unit_test(a_read_by_a_channel_is_reported_by_its_event_type),
	    cmocka_unit_test(an_event_type_stands_in_for_a_missing_status),
	    cmocka_unit_test(a_webhook_of_conversations_is_unrecognised),
	    cmocka_unit_test(a_message_that_arrives_is_not_read_by_its_event_type),
	    cmocka_unit_test(the_reason_of_a_fallback_is_no_fate_of_the_message),
	    cmocka_unit_test(a_reply_names_its_opt_out_and_its_original),
	    cmocka_unit_test(an_event_of_the_debugger_is_an_alert),
	    cmocka_unit_test(a_level_is_known_in_either_case_or_stays_as_it_came),
	    cmocka_unit_test(what_is_no_alert_keeps_an_alerts_parameters_beside),
	    cmocka_unit_test(kinds_are_known_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, drop_form);
}
