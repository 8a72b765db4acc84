/* endpoints: each question, over a store made for it. */
#include "testing.h"

#include "dlrd/api/endpoints.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/json.h"
#include "dlrd/store/store.h"

#include <jansson.h>

#define T0 (INT64_C(1795183200) * CLOCK_SECOND_US) /* 2026-11-20T14:00:00Z */

static char *directory;
static struct store_reader *reader;
static struct metrics *metrics;
static bool ready = true;

static bool
is_ready(void *context, const char **out_why)
{
	(void)context;
	*out_why = ready ? "keeping" : "the \"disk\" is full";
	return ready;
}

static struct endpoints_state state_of_daemon = {.ready = is_ready};

static void
add(struct store *store, const char *sid, const char *workspace, const char *campaign,
    enum message_status status, int64_t code, int64_t time_us)
{
	struct store_added added;
	struct event event = {.journal_seq = 1,
	    .time_us = time_us,
	    .type = event_type_of_status(status),
	    .status = status,
	    .status_text = status_name(status),
	    .error_code = code,
	    .workspace = slice_of(workspace),
	    .campaign = slice_of(campaign),
	    .variant = SLICE(""),
	    .tags_fit = true,
	    .folds = true,
	    .message = slice_of(sid),
	    .account = SLICE("AC1"),
	    .from = SLICE("+15005550006"),
	    .to = SLICE("+15005550009"),
	    .body = status == STATUS_RECEIVED ? SLICE("=1+1,\"x\"") : SLICE_NONE};
	assert_ok(store_add(store, &event, &added));
}

static int
set_up(void **state)
{
	(void)state;
	struct store *store;
	struct error_catalogue catalogue;
	struct failure failure;
	directory = private_directory();
	const char *path = path_in(directory, STORE_FILE);
	assert_ok(store_open(path, POLICY_DELIVERED_WINS, &store, &failure));
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_ok(store_set_catalogue(store, &catalogue));
	error_catalogue_done(&catalogue);
	assert_ok(store_begin(store));
	add(store, "SM1", "w", "spring", STATUS_SENT, -1, T0);
	add(store, "SM1", "w", "spring", STATUS_DELIVERED, -1, T0 + CLOCK_SECOND_US);
	add(store, "SM2", "w", "spring", STATUS_UNDELIVERED, 30005, T0);
	add(store, "SM3", "w", "spring", STATUS_FAILED, -1, T0 + CLOCK_HOUR_US);
	add(store, "SM4", "w", "spring", STATUS_FAILED, 39999, T0 + CLOCK_HOUR_US);
	add(store, "SM5", "w", "a b/c%", STATUS_SENT, -1, T0);
	add(store, "SM6", "one", "twice", STATUS_SENT, -1, T0);
	add(store, "SM7", "two", "twice", STATUS_SENT, -1, T0);
	add(store, "SM8", "w", "", STATUS_RECEIVED, -1, T0);
	assert_ok(store_commit(store, 1));
	store_close(store);
	assert_ok(store_reader_open(path, &reader, &failure));
	metrics = metrics_new();
	metrics_add(metrics, METRIC_READY, "");
	state_of_daemon.metrics = metrics;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_reader_close(reader);
	metrics_free(metrics);
	remove_directory(directory);
	return 0;
}

static struct api_answer
ask(const char *target)
{
	struct api_answer answer = endpoints_answer(&state_of_daemon, reader, slice_of(target));
	assert_false(answer.body.failed);
	return answer;
}

/* The answer to target; for buffer_done. Its status is checked, and that JSON is JSON. */
static struct buffer
body_of(const char *target, unsigned status)
{
	struct api_answer answer = ask(target);
	if (answer.status != status)
		print_error(
		    "%s: %u %.*s\n", target, answer.status, SLICE_ARG(buffer_slice(&answer.body)));
	assert_int_equal(answer.status, status);
	if (strcmp(answer.media_type, "application/json") == 0) {
		struct json_t *value;
		assert_ok(json_parse(buffer_slice(&answer.body), &value));
		if (status >= 400 && status != 503)
			assert_true(json_text(json_get(value, "error")).len > 0);
		json_free(value);
	}
	return answer.body;
}

static void
assert_body(const char *target, unsigned status, const char *expected)
{
	struct buffer body = body_of(target, status);
	assert_slice(buffer_slice(&body), expected);
	buffer_done(&body);
}

static void
assert_part(const char *target, unsigned status, const char *part)
{
	struct buffer body = body_of(target, status);
	assert_contains(buffer_slice(&body), part);
	buffer_done(&body);
}

static void
health_and_readiness_are_told_without_a_store(void **state)
{
	(void)state;
	struct api_answer answer = endpoints_answer(&state_of_daemon, NULL, SLICE("/healthz"));
	assert_int_equal(answer.status, 200);
	buffer_done(&answer.body);
	assert_body("/readyz", 200, "{\"ready\":true,\"why\":\"keeping\"}");
	ready = false;
	assert_body("/readyz", 503, "{\"ready\":false,\"why\":\"the \\\"disk\\\" is full\"}");
	ready = true;
	answer = endpoints_answer(&state_of_daemon, NULL, SLICE("/v1/campaigns"));
	assert_int_equal(answer.status, 503);
	assert_contains(buffer_slice(&answer.body), "{\"error\":\"");
	buffer_done(&answer.body);
}

static void
only_health_and_readiness_are_open(void **state)
{
	(void)state;
	assert_true(endpoints_is_open(SLICE("/healthz")));
	assert_true(endpoints_is_open(SLICE("/readyz?x")));
	static const char *const closed[] = {"/metrics", "/v1/campaigns", "/v1/events", "/", "",
	    "/healthz/", "/healthz/x", "/v1/healthz", "healthz", "//healthz", "/HEALTHZ"};
	for (size_t i = 0; i < COUNT_OF(closed); i++)
		assert_false(endpoints_is_open(slice_of(closed[i])));
}

static void
metrics_are_text(void **state)
{
	(void)state;
	struct api_answer answer = ask("/metrics");
	assert_int_equal(answer.status, 200);
	assert_true(
	    slice_starts_with(slice_of(answer.media_type), SLICE("text/plain; version=0.0.4")));
	assert_contains(buffer_slice(&answer.body), "dlrd_ready 0\n");
	buffer_done(&answer.body);
}

static void
a_path_without_an_endpoint_is_404(void **state)
{
	(void)state;
	static const char *const paths[] = {"/", "", "v1/campaigns", "/v1", "/v1/campaigns/x/y",
	    "/v1/campaigns/x/errors/y", "/v2/campaigns", "/v1/messages", "/v1//campaigns",
	    "/v1/Campaigns"};
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		assert_part(paths[i], 404, "{\"error\":\"there is nothing at this path\"}");
}

static void
a_campaign_is_told_with_its_figures(void **state)
{
	(void)state;
	assert_body("/v1/campaigns/spring", 200,
	    "{\"workspace\":\"w\",\"campaign\":\"spring\",\"messages\":4,\"sent\":2,"
	    "\"delivered\":1,\"failed\":3,\"read\":0,\"replied\":0,\"clicked\":0,\"opted_out\":0,"
	    "\"pending\":0,\"delivery_rate\":0.25,\"first\":\"2026-11-20T14:00:00.000Z\","
	    "\"last\":\"2026-11-20T15:00:00.000Z\"}");
}

static void
an_unknown_campaign_is_404(void **state)
{
	(void)state;
	assert_body("/v1/campaigns/nope", 404, "{\"error\":\"no campaign \\\"nope\\\"\"}");
	assert_part("/v1/campaigns/nope/errors", 404, "no campaign");
	assert_part("/v1/campaigns/spring?workspace=other", 404, "no campaign");
	assert_part("/v1/campaigns/spring?from=2030-01-01", 404, "in that time");
	assert_part("/v1/campaigns/%00%ff%22", 404, "\"error\"");
}

static void
an_escaped_segment_is_one_name(void **state)
{
	(void)state;
	assert_part("/v1/campaigns/a%20b%2Fc%25", 200, "\"campaign\":\"a b/c%\"");
	assert_part("/v1/campaigns/a+b%2Fc%25", 404, "no campaign"); /* a plus is a plus */
	assert_part("/v1/campaigns/", 200, "\"campaign\":\"\"");     /* the untagged */
}

static void
a_name_of_several_workspaces_is_409(void **state)
{
	(void)state;
	assert_part("/v1/campaigns/twice", 409, "add workspace=");
	assert_part("/v1/campaigns/twice/errors", 409, "add workspace=");
	assert_part("/v1/campaigns/twice?workspace=one", 200, "\"workspace\":\"one\"");
}

static void
limits_are_bounded(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "0", "1001", "-1", "x", "", "1.5", "99999999999999999999"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char target[64];
		snprintf(target, sizeof target, "/v1/campaigns?limit=%s", bad[i]);
		assert_part(target, 400, "limit must be a whole number from 1 to 1000");
	}
	assert_part("/v1/campaigns?limit=1000", 200, "\"next\":null");
	assert_part("/v1/campaigns?limit=1", 200, "\"next\":\"");
}

static void
bad_parameters_are_told(void **state)
{
	(void)state;
	assert_part("/v1/campaigns?format=xml", 400, "format must be json or csv");
	assert_part("/v1/campaigns?from=yesterday", 400, "from must be a time");
	assert_part("/v1/campaigns?to=2026-02-30", 400, "to must be a time");
	assert_part("/v1/campaigns?next=x", 400, "next must be");
	assert_part("/v1/events?after=-1", 400, "after must be");
	assert_part("/v1/events?type=sent", 400, "type must be Sent, Delivered");
	struct buffer target = BUFFER_EMPTY;
	buffer_append(&target, SLICE("/v1/events?"));
	for (int i = 0; i < 33; i++)
		buffer_append(&target, SLICE("a&"));
	buffer_append_byte(&target, '\0');
	assert_part(target.ptr, 400, "more than 32 parameters");
	buffer_done(&target);
}

/* Follows next from page to page; the names in the order of the pages. */
static void
pages_put_together_are_the_list(void **state)
{
	(void)state;
	struct buffer names = BUFFER_EMPTY;
	char target[128] = "/v1/campaigns?limit=2";
	for (int page = 0; page < 10; page++) {
		struct json_t *value;
		struct buffer body = body_of(target, 200);
		assert_ok(json_parse(buffer_slice(&body), &value));
		struct slice rest = buffer_slice(&body);
		for (size_t at = 0; at + 12 < rest.len; at++)
			if (memcmp(rest.ptr + at, "\"campaign\":\"", 12) == 0) {
				struct slice name = slice_from(rest, at + 12);
				buffer_appendf(
				    &names, "%.*s;", (int)slice_find(name, '"'), name.ptr);
			}
		struct slice next = json_text(json_get(value, "next"));
		snprintf(target, sizeof target, "/v1/campaigns?limit=2&next=%.*s", SLICE_ARG(next));
		bool last = next.ptr == NULL;
		json_free(value);
		buffer_done(&body);
		if (last)
			break;
		assert_true(page < 9);
	}
	assert_slice(buffer_slice(&names), ";twice;twice;a b/c%;spring;");
	buffer_done(&names);
}

static void
campaigns_are_filtered_by_workspace_and_time(void **state)
{
	(void)state;
	assert_part("/v1/campaigns?workspace=one", 200, "\"campaigns\":[{\"workspace\":\"one\"");
	assert_part("/v1/campaigns?workspace=nope", 200, "\"campaigns\":[]");
	assert_part("/v1/campaigns?from=2030-01-01", 200, "\"campaigns\":[]");
	struct buffer body = body_of("/v1/campaigns?from=2026-11-20T15:00:00Z", 200);
	assert_contains(buffer_slice(&body), "spring");
	assert_lacks(buffer_slice(&body), "twice");
	buffer_done(&body);
}

static void
errors_are_told_by_code_with_their_share(void **state)
{
	(void)state;
	struct buffer body = body_of("/v1/campaigns/spring/errors", 200);
	struct slice text = buffer_slice(&body);
	assert_contains(text, "\"campaign\":\"spring\"");
	assert_contains(text, "\"failed\":3");
	assert_contains(text, "{\"code\":30005,\"name\":\"Unknown destination handset\"");
	assert_contains(text, "{\"code\":null,\"name\":null");
	assert_contains(text, "{\"code\":39999,\"name\":null");
	assert_contains(text, "\"count\":1,\"share\":0.333333333333333,");
	buffer_done(&body);
}

/* Whether a time is refused here, applied or passed over: the rows add up to what failed. */
static void
errors_add_up_to_what_failed(void **state)
{
	(void)state;
	static const char *const targets[] = {"/v1/campaigns/spring/errors",
	    "/v1/campaigns/spring/errors?from=2026-11-20T15:00:00Z",
	    "/v1/campaigns/spring/errors?to=2026-11-20T15:00:00Z"};
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		struct api_answer answer = ask(targets[i]);
		json_int_t count = 0;
		size_t k;
		json_t *error, *value = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
		json_array_foreach(json_object_get(value, "errors"), k, error) count +=
		    json_integer_value(json_object_get(error, "count"));
		json_int_t failed = json_integer_value(json_object_get(value, "failed"));
		unsigned status = answer.status;
		json_decref(value);
		buffer_done(&answer.body);
		if (i == 0 || status != 400) {
			assert_int_equal(status, 200);
			assert_int_equal(count, failed);
		}
	}
}

static void
events_are_followed_by_their_number(void **state)
{
	(void)state;
	assert_part("/v1/events", 200, "\"next\":9");
	assert_part("/v1/events?after=9", 200, "\"next\":9");
	assert_part("/v1/events?after=2&limit=2", 200, "\"next\":4");
	struct buffer body = body_of("/v1/events?type=Failed&campaign=spring&workspace=w", 200);
	assert_contains(buffer_slice(&body), "\"next\":5");
	assert_lacks(buffer_slice(&body), "Delivered");
	buffer_done(&body);
	body = body_of("/v1/events?campaign=", 200);
	assert_contains(buffer_slice(&body), "\"seq\":9,");
	assert_lacks(buffer_slice(&body), "\"seq\":1,");
	buffer_done(&body);
}

static void
one_event_is_told_whole(void **state)
{
	(void)state;
	assert_part("/v1/events/3", 200, "{\"seq\":3,");
	assert_part("/v1/events/10", 404, "no event 10");
	assert_part("/v1/events/0", 404, "known by its seq");
	assert_part("/v1/events/x", 404, "known by its seq");
}

static void
a_message_is_told_with_its_receipts(void **state)
{
	(void)state;
	struct buffer body = body_of("/v1/messages/SM1", 200);
	struct slice text = buffer_slice(&body);
	assert_contains(text, "{\"sid\":\"SM1\",\"status\":\"delivered\"");
	assert_contains(text, "\"error_code\":null,\"conflict\":false");
	assert_contains(text, "\"receipts\":[{\"seq\":1,");
	assert_contains(text, "{\"seq\":2,");
	buffer_done(&body);
	assert_part("/v1/messages/SM2", 200, "\"error_code\":30005");
	assert_body("/v1/messages/SM99", 404, "{\"error\":\"no message \\\"SM99\\\"\"}");
}

static void
the_catalogue_is_told(void **state)
{
	(void)state;
	assert_part("/v1/errors?limit=1000", 200, "\"next\":null");
	assert_part("/v1/errors?limit=1", 200, "\"next\":\"10001\"");
	assert_part("/v1/errors?next=30004&limit=1", 200, "{\"code\":30005,");
}

static void
csv_is_told_where_it_is_asked_for(void **state)
{
	(void)state;
	struct api_answer answer = ask("/v1/events?format=csv");
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.media_type, "text/csv; charset=utf-8");
	struct slice text = buffer_slice(&answer.body);
	assert_true(slice_starts_with(text, SLICE("seq,time,type,workspace,")));
	assert_contains(text, ",+15005550006,+15005550009,");
	assert_contains(text, ",\"'=1+1,\"\"x\"\"\",");
	buffer_done(&answer.body);
	assert_body("/v1/campaigns/spring?format=csv", 200,
	    "workspace,campaign,messages,sent,delivered,failed,read,replied,clicked,opted_out,"
	    "pending,delivery_rate,first,last\r\n"
	    "w,spring,4,2,1,3,0,0,0,0,0,0.2500,2026-11-20T14:00:00.000Z,"
	    "2026-11-20T15:00:00.000Z\r\n");
	assert_part("/v1/campaigns/nope?format=csv", 404, "{\"error\":");
	assert_part("/v1/campaigns/spring/errors?format=csv", 200, "\r\n,,,,,1,0.3333,");
	assert_part(
	    "/v1/errors?format=csv&limit=1", 200, "code,name,kind,permanence,action\r\n10001,");
	assert_part("/v1/campaigns?format=csv&limit=1", 200, "\r\nw,,0,0,");
	assert_part("/v1/messages/SM1?format=csv", 200, "seq,time,type,");
}

static void
an_error_is_json_whatever_it_holds(void **state)
{
	(void)state;
	struct api_answer answer = endpoints_error(418, "a \"%s\" \n\xff", "b");
	assert_int_equal(answer.status, 418);
	assert_string_equal(answer.media_type, "application/json");
	assert_slice(buffer_slice(&answer.body), "{\"error\":\"a \\\"b\\\" \\n\xef\xbf\xbd\"}");
	buffer_done(&answer.body);
}

static void
any_target_gets_an_answer(void **state)
{
	(void)state;
	static const char *const pieces[] = {"/", "v1", "campaigns", "events", "messages", "errors",
	    "spring", "SM1", "?", "&", "=", "limit", "after", "format", "csv", "%", "%00", "%2F",
	    "1", "'", "\xff", "workspace", "next", "type", "Sent", "from", "2026-11-20"};
	for (int round = 0; round < 3000; round++) {
		struct buffer target = BUFFER_EMPTY;
		buffer_append(&target, random_below(2) ? SLICE("/v1/") : SLICE("/"));
		for (unsigned k = random_below(10); k > 0; k--)
			buffer_append(&target, slice_of(pieces[random_below(COUNT_OF(pieces))]));
		struct api_answer answer =
		    endpoints_answer(&state_of_daemon, reader, buffer_slice(&target));
		assert_in_range(answer.status, 200, 499);
		assert_true(answer.body.len > 0);
		buffer_done(&answer.body);
		buffer_done(&target);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(health_and_readiness_are_told_without_a_store),
	    cmocka_unit_test(only_health_and_readiness_are_open),
	    cmocka_unit_test(metrics_are_text),
	    cmocka_unit_test(a_path_without_an_endpoint_is_404),
	    cmocka_unit_test(a_campaign_is_told_with_its_figures),
	    cmocka_unit_test(an_unknown_campaign_is_404),
	    cmocka_unit_test(an_escaped_segment_is_one_name),
	    cmocka_unit_test(a_name_of_several_workspaces_is_409),
	    cmocka_unit_test(limits_are_bounded),
	    cmocka_unit_test(bad_parameters_are_told),
	    cmocka_unit_test(pages_put_together_are_the_list),
	    cmocka_unit_test(campaigns_are_filtered_by_workspace_and_time),
	    cmocka_unit_test(errors_are_told_by_code_with_their_share),
	    cmocka_unit_test(errors_add_up_to_what_failed),
	    cmocka_unit_test(events_are_followed_by_their_number),
	    cmocka_unit_test(one_event_is_told_whole),
	    cmocka_unit_test(a_message_is_told_with_its_receipts),
	    cmocka_unit_test(the_catalogue_is_told),
	    cmocka_unit_test(csv_is_told_where_it_is_asked_for),
	    cmocka_unit_test(an_error_is_json_whatever_it_holds),
	    cmocka_unit_test(any_target_gets_an_answer),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
