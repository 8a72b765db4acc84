/* alert: the failure is found at each place of the payload that can have it, and nothing is
 * invented. */
#include "testing.h"

#include "dlrd/twilio/alert.h"

static void
a_payload_of_the_debugger_is_read_whole(void **state)
{
	(void)state;
	struct alert alert;
	alert_read(
	    SLICE("{\"resource_sid\":\"SM1\",\"service_sid\":\"MG1\",\"error_code\":\"11200\","
		  "\"more_info\":{\"Msg\":\"Bad Status\",\"ErrorCode\":\"1\"},\"webhook\":{"
		  "\"type\":\"application/json\",\"request\":{\"url\":\"https://x/sms\","
		  "\"method\":\"POST\",\"headers\":{},\"parameters\":{}},"
		  "\"response\":{\"status_code\":502,\"headers\":{},\"body\":\"\"}}}"),
	    &alert);
	assert_int_equal(alert.error_code, 11200);
	assert_slice(alert.resource, "SM1");
	assert_slice(alert.service, "MG1");
	assert_slice(alert.request_url, "https://x/sms");
	assert_slice(alert.method, "POST");
	assert_int_equal(alert.response_status, 502);
	assert_slice(alert.text, "Bad Status");
	alert_done(&alert);
}

static void
a_payload_of_event_streams_reports_its_message_at_the_top(void **state)
{
	(void)state;
	struct alert alert;
	alert_read(SLICE("{\"error_code\":93101,\"message\":\"Error delivering\"}"), &alert);
	assert_int_equal(alert.error_code, 93101);
	assert_slice(alert.text, "Error delivering");
	assert_slice(alert.resource, NULL);
	assert_int_equal(alert.response_status, -1);
	alert_done(&alert);
}

static void
the_message_has_several_names(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"{\"more_info\":{\"Msg\":\"a\",\"msg\":\"b\"}}", "a"},
	    {"{\"more_info\":{\"Msg\":\"\",\"msg\":\"b\"}}", "b"},
	    {"{\"more_info\":{\"message\":\"c\"},\"message\":\"top\"}", "c"},
	    {"{\"more_info\":{\"error_message\":\"d\"}}", "d"},
	    {"{\"more_info\":\"e\"}", "e"},
	    {"{\"more_info\":{\"url\":\"x\"}}", NULL},
	    {"{\"more_info\":null,\"error_message\":\"f\"}", "f"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct alert alert;
		alert_read(slice_of(rows[i][0]), &alert);
		assert_slice(alert.text, rows[i][1]);
		alert_done(&alert);
	}
}

static void
a_number_may_be_a_text_and_an_odd_one_is_none(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		int expected;
	} rows[] = {{"1", 1}, {"30005", 30005}, {"\"30005\"", 30005}, {"0", -1}, {"\"0\"", -1},
	    {"-5", -1}, {"1000000000", -1}, {"\"1000000000\"", -1}, {"999999999", 999999999},
	    {"\"\"", -1}, {"\"x\"", -1}, {"null", -1}, {"1.5", -1}, {"true", -1}, {"[30005]", -1}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[128];
		struct alert alert;
		snprintf(text, sizeof text,
		    "{\"error_code\":%s,\"webhook\":{\"response\":{\"status_code\":%s}}}",
		    rows[i].value, rows[i].value);
		alert_read(slice_of(text), &alert);
		assert_int_equal(alert.error_code, rows[i].expected);
		assert_int_equal(alert.response_status, rows[i].expected);
		alert_done(&alert);
	}
}

static void
a_cut_payload_reports_what_comes_before_the_cut(void **state)
{
	(void)state;
	static const char text[] =
	    "{\"error_code\":11200.0,\"x\":\"\\ud83d\",\"resource_sid\":\"SM1\",\"webhook\":{"
	    "\"response\":{\"status_code\":502,\"body\":\"";
	for (size_t len = 0; len < sizeof text; len++) {
		struct alert alert;
		alert_read((struct slice){text, len}, &alert);
		/* a number that may continue is ignored */
		bool whole = len >= strlen("{\"error_code\":11200.0,");
		assert_int_equal(alert.error_code, whole ? 11200 : -1);
		alert_done(&alert);
	}
	struct alert alert;
	alert_read(slice_of(text), &alert);
	assert_int_equal(alert.error_code, 11200);
	assert_slice(alert.resource, "SM1");
	assert_int_equal(alert.response_status, 502);
	alert_done(&alert);
	alert_read(SLICE("{\"error_code\":1,\"resource_sid\":\"SM1\" \"x\"} y"), &alert);
	assert_int_equal(alert.error_code, 1);
	assert_slice(alert.resource, NULL);
	alert_done(&alert);
}

static void
what_is_no_object_gives_an_alert_that_says_nothing(void **state)
{
	(void)state;
	static const char *const odd[] = {NULL, "", "x", "[]", "[{\"error_code\":1}]", "null",
	    "\"text\"", "5", "{}", "{\"webhook\":[{\"request\":{\"url\":\"x\"}}]}",
	    "{\"webhook\":{\"request\":\"url\"},\"error_code\":{},\"resource_sid\":[]}", "{\"a\":"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct alert alert;
		alert_read(slice_of(odd[i]), &alert);
		assert_int_equal(alert.error_code, -1);
		assert_int_equal(alert.response_status, -1);
		assert_slice(alert.resource, NULL);
		assert_slice(alert.service, NULL);
		assert_slice(alert.request_url, NULL);
		assert_slice(alert.method, NULL);
		assert_slice(alert.text, NULL);
		alert_done(&alert);
		alert_done(&alert); /* twice is harmless */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_payload_of_the_debugger_is_read_whole),
	    cmocka_unit_test(a_payload_of_event_streams_reports_its_message_at_the_top),
	    cmocka_unit_test(the_message_has_several_names),
	    cmocka_unit_test(a_number_may_be_a_text_and_an_odd_one_is_none),
	    cmocka_unit_test(a_cut_payload_reports_what_comes_before_the_cut),
	    cmocka_unit_test(what_is_no_object_gives_an_alert_that_says_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
