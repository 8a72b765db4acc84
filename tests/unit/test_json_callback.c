/* json_callback: the meaning of JSON bodies; no value is lost, and malformed bodies do no harm. */
#include "testing.h"

#include "dlrd/twilio/json_callback.h"

/* Allocations until memory runs out, set by tests (the program is linked with --wrap); -1: never.
 */
static volatile int allocations_left = -1; /* link-time optimisation sees no reader */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
memory_is_out(void)
{
	if (allocations_left > 0)
		allocations_left--;
	return allocations_left == 0;
}

void *
__wrap_malloc(size_t size)
{
	return memory_is_out() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return memory_is_out() ? NULL : __real_realloc(memory, size);
}

#define SID "SM00000000000000000000000000000001"
#define NO1 "NO00000000000000000000000000000001"
#define SM1 SID
#define SM2 "SM00000000000000000000000000000002"
#define EVENT(type, data)                                                                \
	"{\"specversion\":\"1.0\",\"type\":\"com.twilio." type "\",\"source\":\"/src\"," \
	"\"id\":\"EZ1\",\"datacontenttype\":\"application/json\","                       \
	"\"time\":\"2026-11-20T10:00:01Z\",\"data\":" data "}"
#define CLICK(type)                                                                           \
	"{\"event_type\":\"" type "\",\"sms_sid\":\"" SID "\",\"to\":\"+1\",\"from\":\"+2\"," \
	"\"link\":\"https://x/y\",\"click_time\":\"2026-11-20T10:00:00Z\","                   \
	"\"messaging_service_sid\":\"MG1\",\"account_sid\":\"AC1\",\"user_agent\":\"UA\"}"

/* The reported callbacks, as lines of text: their slices are valid during the call only. */
struct found {
	struct buffer text;
	size_t count;
	enum callback_kind kind; /* of the last */
	size_t end_after;        /* give RESULT_IO on that one; 0 for never */
};

static void
add(struct found *found, const char *name, struct slice value)
{
	if (value.ptr != NULL)
		buffer_appendf(&found->text, "%s=%.*s ", name, SLICE_ARG(value));
}

static enum result
note(void *context, const struct callback *callback, struct slice extra, struct slice raw)
{
	static const char *const kinds[] = {[CALLBACK_STATUS] = "STATUS",
	    [CALLBACK_INBOUND] = "INBOUND",
	    [CALLBACK_CLICK] = "CLICK",
	    [CALLBACK_PREVIEW] = "PREVIEW",
	    [CALLBACK_ALERT] = "ALERT",
	    [CALLBACK_REASSIGNED] = "REASSIGNED",
	    [CALLBACK_NOTICE] = "NOTICE",
	    [CALLBACK_UNRECOGNISED] = "UNRECOGNISED"};
	struct found *found = context;
	found->kind = callback->kind;
	buffer_appendf(&found->text, "%s ", kinds[callback->kind]);
	add(found, "message", callback->message);
	add(found, "status", callback->status);
	if (callback->error_code != -1)
		buffer_appendf(&found->text, "code=%lld ", (long long)callback->error_code);
	add(found, "account", callback->account);
	add(found, "from", callback->from);
	add(found, "to", callback->to);
	add(found, "service", callback->service);
	add(found, "body", callback->body);
	add(found, "done", callback->done_date);
	add(found, "optout", callback->opt_out);
	add(found, "original", callback->original);
	add(found, "link", callback->link);
	add(found, "occurred", callback->occurred);
	add(found, "reference", callback->reference);
	add(found, "url", callback->status_url);
	add(found, "payload", callback->payload);
	add(found, "stream", callback->stream ? SLICE("yes") : SLICE_NONE);
	add(found, "extra", extra);
	add(found, "raw", raw);
	buffer_append_byte(&found->text, '\n');
	return ++found->count == found->end_after ? RESULT_IO : RESULT_OK;
}

static void
assert_reported(const char *body, enum route_kind route, const char *expected)
{
	struct found found = {.text = BUFFER_EMPTY};
	assert_ok(callback_read_json(slice_of(body), route, note, &found));
	assert_slice(buffer_slice(&found.text), expected);
	buffer_done(&found.text);
}

/* The kind of a body that is one callback. */
static enum callback_kind
kind_of(struct slice body, enum route_kind route)
{
	struct found found = {.text = BUFFER_EMPTY};
	assert_ok(callback_read_json(body, route, note, &found));
	assert_int_equal(found.count, 1);
	buffer_done(&found.text);
	return found.kind;
}

static void
a_click_is_read_whole(void **state)
{
	(void)state;
	static const char rest[] = "account=AC1 from=+2 to=+1 service=MG1 link=https://x/y "
				   "occurred=2026-11-20T10:00:00Z extra={\"user_agent\":\"UA\"} \n";
	char expected[512];
	snprintf(expected, sizeof expected, "CLICK message=" SID " status=click %s", rest);
	assert_reported(CLICK("click"), ROUTE_CLICK, expected);
	assert_reported(CLICK("Click"), ROUTE_AUTO, expected);
	snprintf(expected, sizeof expected, "PREVIEW message=" SID " status=preview %s", rest);
	assert_reported(CLICK("preview"), ROUTE_CLICK, expected);
}

static void
a_click_of_no_known_type_is_unrecognised(void **state)
{
	(void)state;
	struct found found = {.text = BUFFER_EMPTY};
	assert_ok(callback_read_json(SLICE(CLICK("hover")), ROUTE_AUTO, note, &found));
	assert_contains(buffer_slice(&found.text), "UNRECOGNISED message=" SID);
	assert_contains(buffer_slice(&found.text), "raw=" CLICK("hover"));
	assert_lacks(buffer_slice(&found.text), "extra=");
	buffer_done(&found.text);
}

static void
a_status_event_is_read_whole(void **state)
{
	(void)state;
	assert_reported(EVENT("messaging.message.undelivered",
			    "{\"messageSid\":\"" SID "\",\"timestamp\":\"2026-11-20T10:00:00Z\","
			    "\"accountSid\":\"AC1\",\"apiVersion\":\"2010-04-01\",\"from\":\"+2\","
			    "\"to\":\"+1\",\"messageStatus\":\"UNDELIVERED\","
			    "\"messagingServiceSid\":\"MG1\",\"errorCode\":30005,\"body\":\"hi\","
			    "\"statusCallBackUrl\":\"https://x/cb\",\"mnc\":null,"
			    "\"rawDlrDoneDate\":\"2611201000\",\"numberOfSegments\":\"1\"}"),
	    ROUTE_EVENTS,
	    "STATUS message=" SID " status=UNDELIVERED code=30005 account=AC1 from=+2 to=+1 "
	    "service=MG1 body=hi done=2611201000 occurred=2026-11-20T10:00:00Z reference=EZ1 "
	    "url=https://x/cb stream=yes extra={\"source\":\"/src\","
	    "\"time\":\"2026-11-20T10:00:01Z\",\"data\":{\"statusCallBackUrl\":"
	    "\"https://x/cb\",\"mnc\":null,\"numberOfSegments\":\"1\"}} \n");
}

static void
a_type_stands_in_for_a_missing_status(void **state)
{
	(void)state;
	static const char *const words[] = {
	    "queued", "sent", "delivered", "undelivered", "failed", "read", "teleported"};
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char body[256], expected[256];
		snprintf(body, sizeof body,
		    "{\"type\":\"com.twilio.messaging.message.%s\",\"data\":{\"messageSid\":"
		    "\"" SM1 "\"}}",
		    words[i]);
		snprintf(expected, sizeof expected,
		    "STATUS message=" SM1 " status=%s stream=yes \n", words[i]);
		assert_reported(body, ROUTE_EVENTS, expected);
	}
}

static void
a_type_that_contradicts_its_data_is_kept_beside(void **state)
{
	(void)state;
	assert_reported("{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
			"{\"messageSid\":\"" SM1 "\",\"messageStatus\":\"DELIVERED\"}}",
	    ROUTE_AUTO,
	    "STATUS message=" SM1 " status=DELIVERED stream=yes "
	    "extra={\"type\":\"com.twilio.messaging.message.sent\"} \n");
}

static void
a_message_that_arrives_is_inbound(void **state)
{
	(void)state;
	assert_reported(EVENT("messaging.inbound-message.received",
			    "{\"messageSid\":\"" SID "\",\"from\":\"+1\",\"to\":\"+2\","
			    "\"body\":\"ALTO\",\"optOutType\":\"STOP\","
			    "\"originalRepliedMessageSid\":\"SMo\",\"numSegments\":1,"
			    "\"errorCode\":11200}"),
	    ROUTE_AUTO,
	    "INBOUND message=" SID " status=received from=+1 to=+2 body=ALTO optout=STOP "
	    "original=SMo occurred=2026-11-20T10:00:01Z reference=EZ1 stream=yes "
	    "extra={\"source\":\"/src\",\"data\":{\"numSegments\":1,\"errorCode\":11200}} \n");
	/* its body is there, and perhaps empty */
	assert_reported("{\"type\":\"com.twilio.messaging.inbound-message.received\",\"data\":"
			"{\"messageSid\":\"" SM1 "\",\"body\":null}}",
	    ROUTE_AUTO, "INBOUND message=" SM1 " status=received body= stream=yes \n");
}

static void
a_clicked_link_of_the_stream_is_a_click(void **state)
{
	(void)state;
	assert_reported(EVENT("daptbt.link-shortening.link-clicked",
			    "{\"message_sid\":\"" SID "\",\"account_sid\":\"AC1\","
			    "\"messaging_service_sid\":\"MG1\",\"to\":\"+1\",\"from\":\"+2\","
			    "\"link\":\"https://x/y\",\"shortened_link\":\"https://s/1\","
			    "\"click_time\":\"2026-11-20T10:00:00Z\"}"),
	    ROUTE_EVENTS,
	    "CLICK message=" SID " status=click account=AC1 from=+2 to=+1 service=MG1 "
	    "link=https://x/y occurred=2026-11-20T10:00:00Z reference=EZ1 stream=yes "
	    "extra={\"source\":\"/src\",\"time\":\"2026-11-20T10:00:01Z\","
	    "\"data\":{\"shortened_link\":\"https://s/1\"}} \n");
}

static void
what_nothing_follows_from_is_a_notice(void **state)
{
	(void)state;
	assert_reported(EVENT("eventstreams.test-event", "{\"test_id\":\"1\"}"), ROUTE_EVENTS,
	    "NOTICE status=test occurred=2026-11-20T10:00:01Z reference=EZ1 stream=yes "
	    "extra={\"source\":\"/src\",\"data\":{\"test_id\":\"1\"}} \n");
	assert_reported("{\"type\":\"com.twilio.daptbt.link-shortening.link-shortened\",\"data\":"
			"{\"message_sid\":\"" SM1 "\",\"link\":\"l\"}}",
	    ROUTE_EVENTS, "NOTICE message=" SM1 " status=link-shortened link=l stream=yes \n");
	/* without its data it still is one */
	assert_reported("{\"type\":\"com.twilio.eventstreams.test-event\"}", ROUTE_AUTO,
	    "NOTICE status=test stream=yes \n");
}

static void
an_error_log_is_an_alert(void **state)
{
	(void)state;
	/* as docs/events/event-types/errors/error-logs has it */
	assert_reported(EVENT("error-logs.error.logged",
			    "{\"sid\":\"" NO1 "\",\"account_sid\":\"AC1\","
			    "\"date_created\":\"2026-11-20T10:00:00Z\",\"level\":\"ERROR\","
			    "\"error_code\":\"93101\",\"payload\":\"{\\\"a\\\":1}\"}"),
	    ROUTE_EVENTS,
	    "ALERT status=error code=93101 account=AC1 occurred=2026-11-20T10:00:00Z "
	    "reference=" NO1 " payload={\"a\":1} stream=yes extra={\"source\":\"/src\","
	    "\"id\":\"EZ1\",\"time\":\"2026-11-20T10:00:01Z\",\"data\":{\"sid\":\"" NO1 "\","
	    "\"payload\":\"{\\\"a\\\":1}\"}} \n");
	/* the other spelling, and a payload that is no text */
	assert_reported("{\"type\":\"com.twilio.error-logs.error.logged\",\"data\":{\"accountSid\":"
			"\"AC1\",\"Level\":\"Odd\",\"errorCode\":93101,\"payload\":{\"a\":1}}}",
	    ROUTE_AUTO,
	    "ALERT status=Odd code=93101 account=AC1 payload={\"a\":1} stream=yes "
	    "extra={\"data\":{\"payload\":{\"a\":1}}} \n");
}

#define REASSIGNED_NUMBER                                                        \
	"\"account_sid\":\"AC1\",\"from_number\":\"+2\",\"is_reassigned\":true," \
	"\"last_verified_date\":\"2026-08-01\""

static void
a_reassigned_number_names_both_sides_and_what_twilio_did(void **state)
{
	(void)state;
	/* as docs/events/event-types/messaging/compliance-toolkit has it, without a time */
	assert_reported(
	    "{\"type\":\"com.twilio.messaging.reassigned-number.detected\",\"id\":\"" NO1 "\","
	    "\"datacontenttype\":\"2025-10-08T07:17:02.363Z\",\"data\":{" REASSIGNED_NUMBER
	    ",\"to_number\":\"+1\",\"timestamp\":\"2026-09-21T00:00:00Z\","
	    "\"consent_operation\":\"opt-out-created\"}}",
	    ROUTE_EVENTS,
	    "REASSIGNED status=opt-out-created account=AC1 from=+2 to=+1 "
	    "occurred=2026-09-21T00:00:00Z reference=" NO1 " stream=yes "
	    "extra={\"datacontenttype\":\"2025-10-08T07:17:02.363Z\",\"data\":{"
	    "\"is_reassigned\":true,\"last_verified_date\":\"2026-08-01\"}} \n");
	assert_int_equal(
	    kind_of(SLICE(EVENT("messaging.reassigned-number.detected", "{" REASSIGNED_NUMBER "}")),
		ROUTE_AUTO),
	    CALLBACK_UNRECOGNISED); /* without a person */
}

static void
an_array_is_reported_one_by_one(void **state)
{
	(void)state;
	assert_reported("[{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
			"{\"messageSid\":\"" SM1 "\"}}, {\"type\" : \"x\"}, 5, [[]], "
			"{\"type\":\"com.twilio.messaging.message.read\",\"id\":\"E\",\"data\":"
			"{\"messageSid\":\"" SM2 "\",\"x\":1}}]",
	    ROUTE_EVENTS,
	    "STATUS message=" SM1 " status=sent stream=yes \n"
	    "UNRECOGNISED stream=yes raw={\"type\" : \"x\"} \n"
	    "UNRECOGNISED raw=5 \n"
	    "UNRECOGNISED raw=[[]] \n"
	    "STATUS message=" SM2
	    " status=read reference=E stream=yes extra={\"data\":{\"x\":1}} \n");
}

static void
the_first_refusal_ends_the_reading(void **state)
{
	(void)state;
	struct found found = {.text = BUFFER_EMPTY, .end_after = 2};
	assert_int_equal(callback_read_json(SLICE("[1,2,3]"), ROUTE_AUTO, note, &found), RESULT_IO);
	assert_int_equal(found.count, 2);
	buffer_done(&found.text);
	found = (struct found){.text = BUFFER_EMPTY, .end_after = 1};
	assert_int_equal(callback_read_json(SLICE("x"), ROUTE_AUTO, note, &found), RESULT_IO);
	buffer_done(&found.text);
}

static void
a_type_that_is_not_listed_is_unrecognised(void **state)
{
	(void)state;
	static const char *const odd[] = {"com.twilio.voice.insights.call-summary.complete",
	    "com.twilio.messaging.message.", "com.twilio.messaging.message",
	    "com.twilio.messaging.message.sent.again", "", "COM.TWILIO.MESSAGING.MESSAGE.SENT.",
	    "com.twilio.engagement.link-clicked"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		char body[256];
		snprintf(body, sizeof body,
		    "{\"type\":\"%s\",\"id\":\"E\",\"data\":{\"messageSid\":5}}", odd[i]);
		char expected[512];
		snprintf(expected, sizeof expected, "UNRECOGNISED reference=E stream=yes raw=%s \n",
		    body);
		assert_reported(body, ROUTE_AUTO, expected);
	}
}

static void
a_route_takes_what_it_is_for(void **state)
{
	(void)state;
	static const char event[] = EVENT("messaging.message.sent", "{\"messageSid\":\"" SM1 "\"}");
	for (int kind = ROUTE_AUTO; kind <= ROUTE_DEBUGGER; kind++) {
		enum route_kind route = (enum route_kind)kind;
		bool takes_click = route == ROUTE_AUTO || route == ROUTE_CLICK,
		     takes_event = route == ROUTE_AUTO || route == ROUTE_EVENTS;
		assert_int_equal(kind_of(SLICE(CLICK("click")), route),
		    takes_click ? CALLBACK_CLICK : CALLBACK_UNRECOGNISED);
		assert_int_equal(kind_of(slice_of(event), route),
		    takes_event ? CALLBACK_STATUS : CALLBACK_UNRECOGNISED);
	}
}

static void
a_sid_is_letters_and_digits_of_bounded_length(void **state)
{
	(void)state;
	static const char *const odd[] = {"\"\"", "\"SM-1\"", "\"SM\\u00001\"", "\"\\u00e4\"", "5",
	    "null", "[\"" SM1 "\"]", "{}", "true",
	    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		char body[256];
		snprintf(body, sizeof body,
		    "{\"type\":\"com.twilio.messaging.message.sent\",\"data\":{\"messageSid\":%s}}",
		    odd[i]);
		assert_int_equal(kind_of(slice_of(body), ROUTE_AUTO), CALLBACK_UNRECOGNISED);
		snprintf(body, sizeof body, "{\"event_type\":\"click\",\"sms_sid\":%s}", odd[i]);
		assert_int_equal(kind_of(slice_of(body), ROUTE_AUTO), CALLBACK_UNRECOGNISED);
	}
	/* a notice needs no message, but has no odd one either */
	assert_int_equal(
	    kind_of(SLICE("{\"type\":\"com.twilio.daptbt.link-shortening.link-shortened\","
			  "\"data\":{\"message_sid\":\"-\"}}"),
		ROUTE_AUTO),
	    CALLBACK_UNRECOGNISED);
}

static void
an_error_code_is_a_number_or_its_text(void **state)
{
	(void)state;
	static const struct {
		const char *value, *code, *extra;
	} rows[] = {
	    {"30005", "code=30005 ", ""},
	    {"\"30005\"", "code=30005 ", ""},
	    {"1", "code=1 ", ""},
	    {"999999999", "code=999999999 ", ""},
	    {"null", "", ""},
	    {"0", "", ""},
	    {"\"0\"", "", ""},
	    {"\"\"", "", ""},
	    {"-1", "", "extra={\"data\":{\"errorCode\":-1}} "},
	    {"1000000000", "", "extra={\"data\":{\"errorCode\":1000000000}} "},
	    {"21610.0", "code=21610 ", ""},
	    {"2.161e4", "code=21610 ", ""},
	    {"21610.5", "", "extra={\"data\":{\"errorCode\":21610.5}} "},
	    {"21610.00000000000000000000001", "", "extra={\"data\":{\"errorCode\":21610.0}} "},
	    {"1e9", "", "extra={\"data\":{\"errorCode\":1000000000}} "},
	    {"9007199254740993.0", "", "extra={\"data\":{\"errorCode\":9007199254740993}} "},
	    {"1.5", "", "extra={\"data\":{\"errorCode\":1.5}} "},
	    {"\"x\"", "", "extra={\"data\":{\"errorCode\":\"x\"}} "},
	    {"[30005]", "", "extra={\"data\":{\"errorCode\":[30005]}} "},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char body[256], expected[256];
		snprintf(body, sizeof body,
		    "{\"type\":\"com.twilio.messaging.message.failed\",\"data\":"
		    "{\"messageSid\":\"" SM1 "\",\"errorCode\":%s}}",
		    rows[i].value);
		snprintf(expected, sizeof expected,
		    "STATUS message=" SM1 " status=failed %sstream=yes %s\n", rows[i].code,
		    rows[i].extra);
		assert_reported(body, ROUTE_AUTO, expected);
	}
}

static void
either_spelling_is_understood_and_a_contradiction_is_kept(void **state)
{
	(void)state;
	assert_reported("{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
			"{\"message_sid\":\"" SM1
			"\",\"ACCOUNT_SID\":\"AC1\",\"statusCallbackUrl\":\"u\","
			"\"message_status\":\"sent\"}}",
	    ROUTE_AUTO,
	    "STATUS message=" SM1 " status=sent account=AC1 url=u stream=yes "
	    "extra={\"data\":{\"statusCallbackUrl\":\"u\"}} \n");
	assert_reported("{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
			"{\"messageSid\":\"" SM1 "\",\"message_sid\":\"" SM2
			"\",\"MessageSid\":\"" SM1 "\"}}",
	    ROUTE_AUTO,
	    "STATUS message=" SM1 " status=sent stream=yes extra={\"data\":{\"message_sid\":\"" SM2
	    "\"}} "
	    "\n");
}

static void
what_is_empty_is_absent(void **state)
{
	(void)state;
	assert_reported("{\"type\":\"com.twilio.messaging.message.sent\",\"id\":\"\",\"data\":"
			"{\"messageSid\":\"" SM1
			"\",\"accountSid\":\"\",\"body\":\"\",\"errorCode\":\"\","
			"\"messageStatus\":\"\"}}",
	    ROUTE_AUTO, "STATUS message=" SM1 " status=sent stream=yes \n");
}

static void
only_what_goes_without_saying_is_left_out(void **state)
{
	(void)state;
	assert_reported(
	    "{\"specversion\":\"2.0\",\"datacontenttype\":\"x\","
	    "\"type\":\"com.twilio.messaging.message.sent\",\"data\":{\"messageSid\":\"" SM1 "\","
	    "\"apiVersion\":\"2042\",\"other\":\"2010-04-01\"}}",
	    ROUTE_AUTO,
	    "STATUS message=" SM1 " status=sent stream=yes extra={\"specversion\":\"2.0\","
	    "\"datacontenttype\":\"x\",\"data\":{\"apiVersion\":\"2042\","
	    "\"other\":\"2010-04-01\"}} \n");
}

static void
what_is_no_text_is_kept_beside(void **state)
{
	(void)state;
	assert_reported(
	    "{\"type\":\"com.twilio.messaging.message.sent\",\"id\":7,\"time\":[],"
	    "\"data\":{\"messageSid\":\"" SM1 "\",\"from\":15005550006,\"to\":{\"a\":[null]},"
	    "\"body\":false,\"messagingServiceSid\":null,\"payload\":{},\"level\":\"x\"}}",
	    ROUTE_AUTO,
	    "STATUS message=" SM1 " status=sent stream=yes extra={\"id\":7,\"time\":[],\"data\":"
	    "{\"from\":15005550006,\"to\":{\"a\":[null]},\"body\":false,\"payload\":{},"
	    "\"level\":\"x\"}} \n");
}

static void
data_of_an_odd_kind_does_no_harm(void **state)
{
	(void)state;
	static const char *const odd[] = {"null", "[]", "[{\"messageSid\":\"" SM1 "\"}]", "5",
	    "\"x\"", "{}", "true", "{\"data\":{\"messageSid\":\"" SM1 "\"}}"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		char body[256];
		snprintf(body, sizeof body,
		    "{\"type\":\"com.twilio.messaging.message.sent\",\"data\":%s}", odd[i]);
		assert_int_equal(kind_of(slice_of(body), ROUTE_AUTO), CALLBACK_UNRECOGNISED);
		snprintf(body, sizeof body,
		    "{\"type\":\"com.twilio.eventstreams.test-event\",\"x\":null,\"data\":%s}",
		    odd[i]);
		assert_int_equal(kind_of(slice_of(body), ROUTE_AUTO), CALLBACK_NOTICE);
	}
}

static void
what_is_no_json_is_one_unrecognised_callback(void **state)
{
	(void)state;
	assert_reported("not json", ROUTE_AUTO, "UNRECOGNISED raw=not json \n");
	assert_reported(" [ ] ", ROUTE_EVENTS, "UNRECOGNISED raw= [ ]  \n");
	assert_reported("", ROUTE_AUTO, "UNRECOGNISED raw= \n");
	assert_reported(NULL, ROUTE_AUTO, "UNRECOGNISED \n");
	assert_reported("{}", ROUTE_AUTO, "UNRECOGNISED raw={} \n");
	assert_reported("null", ROUTE_AUTO, "UNRECOGNISED raw=null \n");
	assert_reported("{\"a\\u0000\":1}", ROUTE_AUTO, "UNRECOGNISED raw={\"a\\u0000\":1} \n");
	/* if a key is repeated, the last one counts, as in every parser that Twilio may use */
	assert_reported("{\"event_type\":\"click\",\"sms_sid\":\"" SM1 "\",\"sms_sid\":\"" SM2
			"\"}",
	    ROUTE_AUTO, "CLICK message=" SM2 " status=click \n");
}

#define FAILED(rest)                                                                        \
	"{\"type\":\"com.twilio.messaging.message.failed\",\"data\":{\"messageSid\":\"" SID \
	"\"," rest "}}"
#define OPTED_OUT FAILED("\"errorCode\":21610")
#define OPTED_OUT_TOLD "STATUS message=" SID " status=failed code=21610 stream=yes \n"

static void
an_invalid_value_affects_only_its_own_field(void **state)
{
	(void)state;
	static const char *const odd[] = {"\"z\xff\"", "99999999999999999999", "1e999", "-1e999",
	    "\"\\ud83d\"", "\"\\u12\"", "\"\\x\"", "\"\n\"", "NaN", "-Infinity", "nul", "undefined",
	    "'x'", "01", "", "{\"k\\u0000\":1}", "[[1e999,{\"\\udc00\":,}],]"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		char body[1024];
		struct found found = {.text = BUFFER_EMPTY};
		snprintf(body, sizeof body,
		    "[{\"type\":\"com.twilio.messaging.message.failed\",\"x\":%s,\"data\":"
		    "{\"x\":%s,\"messageSid\":\"" SID "\",\"tags\":{\"x\":%s},"
		    "\"to\":\"+1\",\"errorCode\":21610}},%s]",
		    odd[i], odd[i], odd[i], OPTED_OUT);
		assert_ok(callback_read_json(slice_of(body), ROUTE_EVENTS, note, &found));
		assert_int_equal(found.count, 2);
		assert_contains(buffer_slice(&found.text),
		    "STATUS message=" SID " status=failed code=21610 to=+1 stream=yes");
		assert_contains(buffer_slice(&found.text), OPTED_OUT_TOLD);
		buffer_done(&found.text);
	}
}

/* What stands for a value is neither a name nor a number. */
static void
an_invalid_value_is_no_field_and_is_kept_beside(void **state)
{
	(void)state;
	assert_reported(
	    FAILED("\"messagingServiceSid\":nul,\"to\":99999999999999999999,\"errorCode\":"
		   "1e999"),
	    ROUTE_AUTO,
	    "STATUS message=" SID " status=failed stream=yes extra={\"data\":"
	    "{\"messagingServiceSid\":{\"raw\":\"nul\"},\"to\":{\"raw\":"
	    "\"99999999999999999999\"},\"errorCode\":{\"raw\":\"1e999\"}}} \n");
}

static void
an_unreadable_element_is_unrecognised_and_its_siblings_count(void **state)
{
	(void)state;
	static const char *const bad[] = {"nope", "{\"type\" \"x\"}", "{\"a\":\"b}",
	    "{\"type\":\"com.twilio.messaging.message.failed\",\"data\":{\"messageSid\":\"" SID
	    "\" \"errorCode\":21610}}"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char body[1024], expected[1024];
		snprintf(body, sizeof body, "[%s, %s, %s]", OPTED_OUT, bad[i], OPTED_OUT);
		snprintf(expected, sizeof expected, "%sUNRECOGNISED raw=%s \n%s", OPTED_OUT_TOLD,
		    bad[i], OPTED_OUT_TOLD);
		assert_reported(body, ROUTE_EVENTS, expected);
	}
}

static void
a_cut_body_reports_its_whole_elements(void **state)
{
	(void)state;
	static const char whole[] = "[" OPTED_OUT "," OPTED_OUT "]";
	for (size_t len = sizeof "[" OPTED_OUT; len < sizeof whole - 1; len++) {
		struct found found = {.text = BUFFER_EMPTY};
		assert_ok(
		    callback_read_json((struct slice){whole, len}, ROUTE_EVENTS, note, &found));
		assert_contains(buffer_slice(&found.text), OPTED_OUT_TOLD);
		assert_int_equal(found.count, len == sizeof "[" OPTED_OUT ? 1 : 2);
		if (len < sizeof whole - 2 && found.count == 2)
			assert_int_equal(found.kind, CALLBACK_UNRECOGNISED);
		buffer_done(&found.text);
	}
}

static void
depth_and_size_do_no_harm(void **state)
{
	(void)state;
	struct buffer body = BUFFER_EMPTY;
	buffer_append(&body, SLICE("{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
				   "{\"messageSid\":\"" SM1 "\",\"deep\":"));
	for (int i = 0; i < 2040; i++)
		buffer_append(&body, SLICE("[{\"a\":"));
	buffer_append_byte(&body, '1');
	for (int i = 0; i < 2040; i++)
		buffer_append(&body, SLICE("}]"));
	buffer_append(&body, SLICE("}}"));
	assert_int_equal(kind_of(buffer_slice(&body), ROUTE_AUTO), CALLBACK_STATUS);
	buffer_clear(&body);
	buffer_append(&body, SLICE("{\"type\":\"com.twilio.messaging.message.sent\",\"data\":"
				   "{\"messageSid\":\"" SM1 "\",\"deep\":"));
	for (int i = 0; i < 1000; i++)
		buffer_append(&body, SLICE("[{\"a\":"));
	buffer_append_byte(&body, '1');
	for (int i = 0; i < 1000; i++)
		buffer_append(&body, SLICE("}]"));
	for (int i = 0; i < 20000; i++)
		buffer_appendf(&body, ",\"key%d\":\"value\"", i);
	buffer_append(&body, SLICE("}}"));
	assert_int_equal(kind_of(buffer_slice(&body), ROUTE_AUTO), CALLBACK_STATUS);
	buffer_done(&body);
}

/* When memory runs out, extra must be complete, or the callback not reported. */
static enum result
note_whole(void *context, const struct callback *callback, struct slice extra, struct slice raw)
{
	(void)raw;
	assert_int_equal(callback->kind, CALLBACK_ALERT);
	assert_slice(callback->payload, "{\"a\":[1]}");
	assert_slice(
	    extra, "{\"data\":{\"payload\":{\"a\":[1]},\"q\":[{\"r\":1.5}],\"s\":\"t\",\"u\":2}}");
	++*(size_t *)context;
	return RESULT_OK;
}

static void
a_shortage_of_memory_is_reported_as_such(void **state)
{
	(void)state;
	static const char body[] =
	    "[{\"type\":\"com.twilio.error-logs.error.logged\",\"data\":{\"payload\":"
	    "{\"a\":[1]},\"q\":[{\"r\":1.5}],\"s\":\"t\",\"u\":2}}]";
	enum result result = RESULT_NO_MEMORY;
	int allocations = 0;
	for (; result != RESULT_OK && allocations < 1000; allocations++) {
		size_t found = 0;
		allocations_left = allocations + 1;
		result = callback_read_json(slice_of(body), ROUTE_AUTO, note_whole, &found);
		allocations_left = -1;
		if (result == RESULT_OK)
			assert_int_equal(found, 1);
		else
			assert_int_equal(result, RESULT_NO_MEMORY);
	}
	assert_true(allocations > 20 && result == RESULT_OK);
}

/* Good bodies with bytes changed, cut or doubled. */
static void
damaged_bodies_do_no_harm(void **state)
{
	(void)state;
	static const char *const seeds[] = {CLICK("click"),
	    "[" EVENT("messaging.message.failed",
		"{\"messageSid\":\"" SM1 "\",\"errorCode\":30005,\"x\":[1,{\"y\":null}]}") "]",
	    EVENT("error-logs.error.logged", "{\"level\":\"ERROR\",\"payload\":{\"a\":[1]}}"),
	    EVENT("messaging.inbound-message.received",
		"{\"messageSid\":\"" SM1 "\",\"body\":\"x\"}")};
	static const char bytes[] = "{}[]\",:\\0nt1\xff\x80\n";
	for (int round = 0; round < 20000; round++) {
		const char *seed = seeds[random_below(COUNT_OF(seeds))];
		char body[1024];
		size_t len = strlen(seed);
		memcpy(body, seed, len);
		for (unsigned i = 0, count = 1 + random_below(4); i < count; i++)
			body[random_below((unsigned)len)] = bytes[random_below(sizeof bytes)];
		if (random_below(4) == 0)
			len = random_below((unsigned)len);
		struct found found = {.text = BUFFER_EMPTY};
		assert_ok(callback_read_json((struct slice){body, len}, ROUTE_AUTO, note, &found));
		assert_true(found.count > 0);
		buffer_done(&found.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_click_is_read_whole),
	    cmocka_unit_test(a_click_of_no_known_type_is_unrecognised),
	    cmocka_unit_test(a_status_event_is_read_whole),
	    cmocka_unit_test(a_type_stands_in_for_a_missing_status),
	    cmocka_unit_test(a_type_that_contradicts_its_data_is_kept_beside),
	    cmocka_unit_test(a_message_that_arrives_is_inbound),
	    cmocka_unit_test(a_clicked_link_of_the_stream_is_a_click),
	    cmocka_unit_test(what_nothing_follows_from_is_a_notice),
	    cmocka_unit_test(an_error_log_is_an_alert),
	    cmocka_unit_test(a_reassigned_number_names_both_sides_and_what_twilio_did),
	    cmocka_unit_test(an_array_is_reported_one_by_one),
	    cmocka_unit_test(the_first_refusal_ends_the_reading),
	    cmocka_unit_test(a_type_that_is_not_listed_is_unrecognised),
	    cmocka_unit_test(a_route_takes_what_it_is_for),
	    cmocka_unit_test(a_sid_is_letters_and_digits_of_bounded_length),
	    cmocka_unit_test(an_error_code_is_a_number_or_its_text),
	    cmocka_unit_test(either_spelling_is_understood_and_a_contradiction_is_kept),
	    cmocka_unit_test(what_is_empty_is_absent),
	    cmocka_unit_test(only_what_goes_without_saying_is_left_out),
	    cmocka_unit_test(what_is_no_text_is_kept_beside),
	    cmocka_unit_test(data_of_an_odd_kind_does_no_harm),
	    cmocka_unit_test(what_is_no_json_is_one_unrecognised_callback),
	    cmocka_unit_test(an_invalid_value_affects_only_its_own_field),
	    cmocka_unit_test(an_invalid_value_is_no_field_and_is_kept_beside),
	    cmocka_unit_test(an_unreadable_element_is_unrecognised_and_its_siblings_count),
	    cmocka_unit_test(a_cut_body_reports_its_whole_elements),
	    cmocka_unit_test(depth_and_size_do_no_harm),
	    cmocka_unit_test(a_shortage_of_memory_is_reported_as_such),
	    cmocka_unit_test(damaged_bodies_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
