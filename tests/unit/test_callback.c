/* callback: what the parameters say, and that nothing they say is lost. */
#include "testing.h"

#include "dlrd/twilio/callback.h"

#define SID "SM00000000000000000000000000000001"

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

/* The JSON kept beside the callback's fields, "" for none. */
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
	assert_int_equal(callback.keyword, KEYWORD_NONE);
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
	/* the first name wins, wherever it stands, unless it is empty */
	callback = read_as("SmsStatus=sent&SmsSid=SMb&MessageSid=SMa&MessageStatus=", ROUTE_AUTO);
	assert_slice(callback.message, "SMa");
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
	static const char status[] = "MessageSid=" SID "&MessageStatus=sent",
			  inbound[] = "MessageSid=" SID "&SmsStatus=received&Body=hi";
	static const struct {
		enum route_kind route;
		enum callback_kind for_status, for_inbound;
	} rows[] = {
	    {ROUTE_AUTO, CALLBACK_STATUS, CALLBACK_INBOUND},
	    {ROUTE_STATUS, CALLBACK_STATUS, CALLBACK_UNRECOGNISED},
	    {ROUTE_INBOUND, CALLBACK_UNRECOGNISED, CALLBACK_INBOUND},
	    {ROUTE_CLICK, CALLBACK_UNRECOGNISED, CALLBACK_UNRECOGNISED},
	    {ROUTE_EVENTS, CALLBACK_UNRECOGNISED, CALLBACK_UNRECOGNISED},
	    {ROUTE_DEBUGGER, CALLBACK_UNRECOGNISED, CALLBACK_UNRECOGNISED},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(kind_of(status, rows[i].route), rows[i].for_status);
		assert_int_equal(kind_of(inbound, rows[i].route), rows[i].for_inbound);
	}
}

static void
a_sid_is_letters_and_digits_of_bounded_length(void **state)
{
	(void)state;
	char text[128] = "MessageStatus=sent&MessageSid=";
	size_t start = strlen(text);
	memset(text + start, 'a', CALLBACK_SID_MAX);
	assert_int_equal(kind_of(text, ROUTE_AUTO), CALLBACK_STATUS);
	text[start + CALLBACK_SID_MAX] = 'a';
	assert_int_equal(kind_of(text, ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	static const char *const odd[] = {"SM-1", "SM%201", "SM%001", "%27%3B", "SM%C3%A4", "../x"};
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
	assert_extra("MessageSid=" SID "&MessageStatus=sent&New=1&EventType=READ&New=2&Flag",
	    "{\"New\":[\"1\",\"2\"],\"EventType\":\"READ\",\"Flag\":\"\"}");
}

static void
parameters_that_contradict_a_field_are_kept_beside(void **state)
{
	(void)state;
	assert_extra(
	    "MessageSid=SMa&SmsSid=SMb&MessageStatus=sent&SmsStatus=queued&ApiVersion=2042",
	    "{\"SmsSid\":\"SMb\",\"SmsStatus\":\"queued\",\"ApiVersion\":\"2042\"}");
	assert_extra("MessageSid=SM-odd&MessageStatus=sent", "{\"MessageSid\":\"SM-odd\"}");
	assert_extra("MessageSid=SMa&MessageStatus=sent&To=1&To=2", "{\"To\":\"2\"}");
}

static void
the_opt_out_type_wins_over_the_body(void **state)
{
	(void)state;
	assert_int_equal(
	    read_as("MessageSid=" SID "&Body=Stop.", ROUTE_AUTO).keyword, KEYWORD_STOP);
	assert_int_equal(
	    read_as("MessageSid=" SID "&Body=ALTO&OptOutType=STOP", ROUTE_AUTO).keyword,
	    KEYWORD_STOP);
	assert_int_equal(
	    read_as("MessageSid=" SID "&Body=STOP&OptOutType=HELP", ROUTE_AUTO).keyword,
	    KEYWORD_HELP);
	assert_int_equal(
	    read_as("MessageSid=" SID "&Body=STOP&OptOutType=", ROUTE_AUTO).keyword, KEYWORD_STOP);
	/* the text of what was sent is nobody's opt-out */
	assert_int_equal(
	    read_as("MessageSid=" SID "&MessageStatus=sent&Body=STOP", ROUTE_AUTO).keyword,
	    KEYWORD_NONE);
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
	    cmocka_unit_test(a_sid_is_letters_and_digits_of_bounded_length),
	    cmocka_unit_test(a_code_that_is_no_code_is_kept_beside),
	    cmocka_unit_test(what_the_fields_say_is_not_kept_beside),
	    cmocka_unit_test(unknown_parameters_are_kept_beside),
	    cmocka_unit_test(parameters_that_contradict_a_field_are_kept_beside),
	    cmocka_unit_test(the_opt_out_type_wins_over_the_body),
	    cmocka_unit_test(kinds_are_known_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, drop_form);
}
