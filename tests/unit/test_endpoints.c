/* endpoints: each question, over a store made for it. */
#include "testing.h"
#include "windows.h"

#include "api/event_stream.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/json.h"
#include "dlrd/query/table.h"
#include "dlrd/store/lookups.h"

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
	const struct store_options options = {
	    .path = path, .reply_window_us = REPLY_WINDOW_US, .reply_late_us = REPLY_LATE_US};
	assert_ok(store_open(&options, &store, &failure));
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_ok(store_set_lookups(store, &catalogue, &(struct provider_names){0}, NULL));
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
ask_of(struct store_reader *asked, struct slice target)
{
	const struct api_request request = {.method = SLICE("GET"), .target = target};
	struct api_answer answer = endpoints_answer(&state_of_daemon, asked, &request);
	assert_false(answer.body.failed);
	return answer;
}

static struct api_answer
ask(const char *target)
{
	return ask_of(reader, slice_of(target));
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
	buffer_done(&answer.link);
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
health_and_readiness_are_reported_without_a_store(void **state)
{
	(void)state;
	struct api_answer answer = ask_of(NULL, SLICE("/healthz"));
	assert_int_equal(answer.status, 200);
	buffer_done(&answer.body);
	assert_body("/readyz", 200,
	    "{\"ready\":true,\"why\":\"keeping\",\"gap\":null,\"not_counted_since\":null,\"not_"
	    "counted_why\":null,\"migration\":null}");
	ready = false;
	assert_body("/readyz", 503,
	    "{\"ready\":false,\"why\":\"the \\\"disk\\\" is "
	    "full\",\"gap\":null,\"not_counted_since\":null,\"not_counted_why\":null,\"migration\":"
	    "null}");
	ready = true;
	answer = ask_of(NULL, SLICE("/v1/campaigns"));
	assert_int_equal(answer.status, 503);
	assert_contains(buffer_slice(&answer.body), "{\"error\":\"");
	buffer_done(&answer.body);
}

static void
only_health_and_the_page_are_open(void **state)
{
	(void)state;
	assert_true(endpoints_is_open(SLICE("/healthz"), SLICE("GET")));
	assert_true(endpoints_is_open(SLICE("/readyz?x"), SLICE("GET")));
	assert_true(endpoints_is_open(SLICE("/?view=campaign"), SLICE("GET")));
	assert_true(endpoints_is_open(SLICE("/session"), SLICE("GET")));
	assert_false(endpoints_is_open(SLICE("/session"), SLICE("POST")));
	static const char *const closed[] = {"/metrics", "/v1/campaigns", "/v1/events", "/assets",
	    "", "/healthz/", "/healthz/x", "/v1/healthz", "healthz", "//healthz", "/HEALTHZ"};
	for (size_t i = 0; i < COUNT_OF(closed); i++)
		assert_false(endpoints_is_open(slice_of(closed[i]), SLICE("GET")));
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

static struct endpoints_setup setup;
static int setup_readers; /* calls of setup without one of setup_done */

static void *
read_setup(void *context, struct endpoints_setup *out_setup)
{
	(void)context;
	setup_readers++;
	*out_setup = setup;
	return &setup_readers;
}

static void
setup_done(void *held)
{
	assert_ptr_equal(held, &setup_readers);
	setup_readers--;
}

static void
the_setup_is_the_configuration_in_force(void **state)
{
	(void)state;
	struct routes routes = {
	    .items = {{.path = (char[]){"/a\"b"}, .kind = ROUTE_STATUS}}, .count = 1};
	struct verifier *verifier;
	struct url_base base;
	assert_ok(tags_template_init(&routes.items[0].campaign, SLICE("{c} | {m.3}"), NULL));
	assert_ok(tags_template_init(&routes.items[0].workspace, SLICE("{w}"), NULL));
	assert_ok(tags_template_init(&routes.items[0].variant, SLICE(""), NULL));
	assert_ok(signature_init());
	assert_ok(verifier_new(&verifier));
	setup = (struct endpoints_setup){
	    .routes = &routes, .verifier = verifier, .trusts_proxies = true};
	state_of_daemon.setup = read_setup;
	state_of_daemon.setup_done = setup_done;
	assert_body("/v1/setup", 200,
	    "{\"public_urls\":[],\"trusts_proxies\":true,\"overrides\":\"rc=3&rp=ct,rt,5xx\","
	    "\"routes\":[{\"path\":\"/a\\\"b\",\"kind\":\"status\",\"workspace\":\"{w}\","
	    "\"campaign\":\"{c} | {m.3}\",\"variant\":\"\"}]}");
	assert_ok(url_base_init(&base, SLICE("https://x.example"), NULL));
	assert_ok(verifier_add_url(verifier, &base));
	assert_part("/v1/setup", 200, "\"public_urls\":[\"https://x.example\"]");
	assert_int_equal(setup_readers, 0);
	assert_part("/v1/setup?x=1", 400, "has no parameter");

	verifier_free(verifier);
	tags_template_done(&routes.items[0].workspace);
	tags_template_done(&routes.items[0].campaign);
	tags_template_done(&routes.items[0].variant);
}

static void
a_path_without_an_endpoint_is_404(void **state)
{
	(void)state;
	static const char *const paths[] = {"/assets/", "", "v1/campaigns", "/v1",
	    "/v1/campaigns/x/y", "/v1/campaigns/x/errors/y", "/v2/campaigns",
	    "/v1/messages/SM1/receipts", "/v1//campaigns", "/v1/Campaigns"};
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		assert_part(paths[i], 404, "{\"error\":\"there is nothing at this path\"}");
}

static void
a_campaign_is_reported_with_its_figures(void **state)
{
	(void)state;
	assert_body("/v1/campaigns/spring", 200,
	    "{\"workspace\":\"w\",\"campaign\":\"spring\",\"messages\":4,\"sent\":2,"
	    "\"delivered\":1,\"failed\":3,\"read\":0,\"replied\":0,\"clicked\":null,\"opted_out\":"
	    "0,"
	    "\"pending\":0,\"delivery_rate\":0.25,\"first\":\"2026-11-20T14:00:00.000Z\","
	    "\"last\":\"2026-11-20T15:00:00.000Z\",\"canceled\":0,\"conflicts\":0,"
	    "\"duplicates\":0,\"clicked_messages\":null,\"click_rate\":null,"
	    "\"delivery_rate_low\":0.25,\"delivery_rate_high\":0.25,"
	    "\"median_seconds\":1.0036064,\"p95_seconds\":1.0036064,\"last_24_hours\":[0,0,0,0,0,0,"
	    "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"
	    "\"pending_ages\":{"
	    "\"under_1h\":0,\"under_6h\":0,\"under_24h\":0,\"under_72h\":0,\"older\":0}}");
}

static void
an_unknown_campaign_is_404(void **state)
{
	(void)state;
	assert_body("/v1/campaigns/nope", 404, "{\"error\":\"no campaign 'nope'\"}");
	assert_part("/v1/campaigns/nope/errors", 404, "no campaign");
	assert_part("/v1/campaigns/spring?workspace=other", 404, "no workspace");
	assert_part("/v1/campaigns/sprnig", 404, "no campaign 'sprnig'; near ones: spring\"");
	assert_part("/v1/campaigns/spring/errors?workspace=one", 404, "in that workspace");
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
bad_parameters_are_reported(void **state)
{
	(void)state;
	assert_part("/v1/campaigns?format=xml", 400, "format must be json or csv");
	assert_part("/v1/campaigns?from=yesterday", 400, "from must be a time");
	assert_part("/v1/campaigns?to=2026-02-30", 400, "to must be a time");
	assert_part("/v1/campaigns?next=x", 400, "next must be");
	assert_part("/v1/events?after=-1", 400, "after must be");
	assert_part("/v1/events?type=send", 400, "type must be Sent, Delivered");
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
	assert_part("/v1/campaigns?workspace=nope", 404, "no workspace 'nope'");
	assert_part("/v1/campaigns?workspace=", 200, "\"campaigns\":[");
	assert_part("/v1/campaigns?from=2030-01-01", 200, "\"campaigns\":[]");
	struct buffer body = body_of("/v1/campaigns?from=2026-11-20T15:00:00Z", 200);
	assert_contains(buffer_slice(&body), "spring");
	assert_lacks(buffer_slice(&body), "twice");
	buffer_done(&body);
}

static void
errors_are_reported_by_code_with_their_share(void **state)
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
one_event_is_reported_whole(void **state)
{
	(void)state;
	assert_part("/v1/events/3", 200, "{\"seq\":3,");
	assert_part("/v1/events/10", 404, "no event 10");
	assert_part("/v1/events/0", 404, "known by its seq");
	assert_part("/v1/events/x", 404, "known by its seq");
}

static void
a_message_is_reported_with_its_receipts(void **state)
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
the_catalogue_is_reported(void **state)
{
	(void)state;
	assert_part("/v1/errors?limit=1000", 200, "\"next\":null");
	assert_part("/v1/errors?limit=1", 200, "\"next\":\"10001\"");
	assert_part("/v1/errors?next=30004&limit=1", 200, "{\"code\":30005,");
}

static void
csv_is_reported_where_it_is_asked_for(void **state)
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
	    "pending,delivery_rate,first,last,canceled,conflicts,duplicates,clicked_messages,"
	    "click_rate,delivery_rate_low,delivery_rate_high,median_seconds,p95_seconds,last_24_"
	    "hours,"
	    "pending_under_1h,pending_under_6h,"
	    "pending_under_24h,pending_under_72h,pending_older\r\n"
	    "w,spring,4,2,1,3,0,0,,0,0,0.2500,2026-11-20T14:00:00.000Z,"
	    "2026-11-20T15:00:00.000Z,0,0,0,,,0.2500,0.2500,1.0036,1.0036,"
	    "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0,0,0,0,0,0\r\n");
	assert_part("/v1/campaigns/nope?format=csv", 404, "{\"error\":");
	assert_part("/v1/campaigns/spring/errors?format=csv", 200, "\r\n,,,,,1,0.3333,");
	assert_part("/v1/errors?format=csv&limit=1", 200,
	    "code,name,kind,permanence,action,cause,steps,url\r\n10001,");
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
	    "1", "'", "\xff", "replies", "near-misses", "optouts", "alerts", "providers", "series",
	    "stream", "changes", "tz", "interval", "state", "by", "workspace", "next", "type",
	    "Sent", "from", "2026-11-20"};
	for (int round = 0; round < 3000; round++) {
		struct buffer target = BUFFER_EMPTY;
		buffer_append(&target, random_below(2) ? SLICE("/v1/") : SLICE("/"));
		for (unsigned k = random_below(10); k > 0; k--)
			buffer_append(&target, slice_of(pieces[random_below(COUNT_OF(pieces))]));
		struct api_answer answer = ask_of(reader, buffer_slice(&target));
		assert_in_range(answer.status, 200, 499);
		assert_true(answer.body.len > 0 || answer.file.len > 0 || answer.stream != NULL);
		endpoints_answer_done(&answer);
		buffer_done(&target);
	}
}

/* --- what a store with replies, opt-outs and alerts is asked --- */

#define SERVICE_A "MG00000000000000000000000000000001"

static struct store_reader *rich;
static char *rich_directory;

static struct event
message_event(const char *sid, enum message_status status, int64_t time_us)
{
	return (struct event){.journal_seq = 1,
	    .time_us = time_us,
	    .type = event_type_of_status(status),
	    .status = status,
	    .status_text = status_name(status),
	    .error_code = -1,
	    .workspace = SLICE("w"),
	    .campaign = SLICE("c"),
	    .variant = SLICE("a"),
	    .tags_fit = true,
	    .folds = true,
	    .message = slice_of(sid),
	    .account = SLICE("AC1"),
	    .from = SLICE("+15005550006"),
	    .to = SLICE("+15005550009"),
	    .service = SLICE(SERVICE_A)};
}

/* A reply: from the person, to us. */
static struct event
reply_event(const char *sid, const char *person, const char *words, int64_t time_us)
{
	struct event event = message_event(sid, STATUS_RECEIVED, time_us);
	event.workspace = event.campaign = event.variant = SLICE("");
	event.tags_fit = false;
	event.from = slice_of(person);
	event.to = SLICE("+15005550006");
	event.body = slice_of(words);
	return event;
}

static void
put(struct store *store, struct event event)
{
	struct store_added added;
	assert_ok(store_add(store, &event, &added));
}

static void
put_replies(struct store *store)
{
	struct event event = reply_event("SM21", "+15005550009", "STOP", T0 + CLOCK_HOUR_US);
	event.keyword = SLICE("stop");
	event.consent = CONSENT_OUT;
	event.cause = SLICE("keyword");
	put(store, event);
	event = reply_event("SM22", "+15005550009", "START", T0 + 2 * CLOCK_HOUR_US);
	event.keyword = SLICE("start");
	event.consent = CONSENT_IN;
	event.cause = SLICE("keyword");
	put(store, event);
	event = reply_event("SM23", "whatsapp:+15005550010", "STOP", T0 + 3 * CLOCK_HOUR_US);
	event.consent = CONSENT_OUT;
	event.cause = SLICE("keyword");
	event.service = SLICE_NONE;
	put(store, event);
	event = reply_event("SM24", "+15005550011", "stop that", T0 + 4 * CLOCK_HOUR_US);
	event.near_miss = SLICE("stop");
	put(store, event);
}

static void
put_alerts(struct store *store)
{
	struct event_alert alert = {.level = SLICE("error"),
	    .resource = SLICE("SM1"),
	    .request_url = SLICE("https://example.com/sms/twilio"),
	    .method = SLICE("POST"),
	    .text = SLICE("a text"),
	    .response_status = 502,
	    .ours = true};
	struct event event = {.time_us = T0 + 5 * CLOCK_HOUR_US,
	    .type = EVENT_PROGRESS,
	    .error_code = 11200,
	    .workspace = SLICE(""),
	    .campaign = SLICE(""),
	    .variant = SLICE(""),
	    .account = SLICE("AC1"),
	    .reference = SLICE("NO1"),
	    .occurred = SLICE("2026-11-20T18:59:59Z"),
	    .alert = &alert};
	put(store, event);
	alert = (struct event_alert){.level = SLICE("warning"), .response_status = -1};
	event.reference = SLICE("NO2");
	event.error_code = -1;
	put(store, event);
}

static int
set_up_rich(void **state)
{
	(void)state;
	struct store *store;
	struct failure failure;
	rich_directory = private_directory();
	const char *path = path_in(rich_directory, STORE_FILE);
	const struct store_options options = {
	    .path = path, .reply_window_us = REPLY_WINDOW_US, .reply_late_us = REPLY_LATE_US};
	assert_ok(store_open(&options, &store, &failure));
	assert_ok(store_begin(store));
	put(store, message_event("SM1", STATUS_SENT, T0));
	put(store, message_event("SM1", STATUS_DELIVERED, T0 + 1));
	struct event other = message_event("SM2", STATUS_UNDELIVERED, T0);
	other.variant = SLICE("b");
	other.service = SLICE_NONE;
	other.from = SLICE("12345");
	other.error_code = 30003;
	put(store, other);
	put_replies(store);
	put_alerts(store);
	assert_ok(store_commit(store, 1));
	store_close(store);
	assert_ok(store_reader_open(path, &rich, &failure));
	return 0;
}

static int
tear_down_rich(void **state)
{
	(void)state;
	store_reader_close(rich);
	remove_directory(rich_directory);
	return 0;
}

static void
assert_rich(const char *target, unsigned status, const char *part)
{
	struct api_answer answer = ask_of(rich, slice_of(target));
	if (answer.status != status)
		print_error(
		    "%s: %u %.*s\n", target, answer.status, SLICE_ARG(buffer_slice(&answer.body)));
	assert_int_equal(answer.status, status);
	assert_contains(buffer_slice(&answer.body), part);
	endpoints_answer_done(&answer);
}

static void
figures_are_reported_of_one_variant(void **state)
{
	(void)state;
	assert_rich("/v1/campaigns/c", 200, "\"messages\":2,");
	assert_rich("/v1/campaigns/c?variant=a", 200, "\"messages\":1,\"sent\":1,\"delivered\":1,");
	assert_rich("/v1/campaigns/c?variant=b", 200, "\"failed\":1,");
	assert_rich("/v1/campaigns/c?variant=z", 404, "with that variant");
	assert_rich("/v1/campaigns?variant=b", 200, "\"failed\":1,");
	assert_rich("/v1/campaigns?variant=z", 200, "\"campaigns\":[]");
	assert_rich("/v1/campaigns/c/errors?variant=b", 200, "\"failed\":1,\"errors\":[{");
	assert_rich("/v1/campaigns/c/errors?variant=a", 200, "\"failed\":0,\"errors\":[]");
}

static void
a_failures_trend_is_that_of_the_time_asked_for(void **state)
{
	(void)state;
	assert_rich("/v1/campaigns/c/errors?from=2026-11-20T14:00:00Z&to=2026-11-20T15:00:00Z", 200,
	    "\"recent\":1,\"previous\":0,\"trend\":null,\"samples\":[\"SM2\"]");
	assert_rich("/v1/campaigns/c/errors?to=2026-11-20T15:00:00Z", 200, "\"recent\":1,");
	assert_rich("/v1/campaigns/c/errors?from=2026-11-20", 200, "\"recent\":1,\"previous\":0,");
}

static void
providers_are_reported_by_what_is_asked_for(void **state)
{
	(void)state;
	assert_rich("/v1/providers", 200,
	    "{\"providers\":[{\"provider\":null,\"kind\":\"long_code\",\"account\":\"AC1\","
	    "\"service\":null,\"sender\":\"+15005550006\",");
	assert_rich("/v1/providers", 200, "\"kind\":\"short_code\"");
	assert_rich("/v1/providers?by=service", 200,
	    "\"kind\":\"messaging_service\",\"account\":\"AC1\",\"service\":\"" SERVICE_A
	    "\",\"sender\":null,\"messages\":1,");
	assert_rich("/v1/providers?by=account", 200,
	    "[{\"provider\":null,\"kind\":null,\"account\":\"AC1\",\"service\":null,");
	assert_rich("/v1/providers?by=provider", 200, "\"account\":null,");
	assert_rich("/v1/providers?sender=12345", 200, "\"sender\":\"12345\",\"messages\":1,");
	assert_rich("/v1/providers?provider=12345", 200, "\"sender\":\"12345\",\"messages\":1,");
	assert_rich("/v1/providers?provider=x", 404, "no provider 'x'");
	assert_rich("/v1/providers?account=AC2", 404, "no account 'AC2'; near ones: AC1\"");
	assert_rich("/v1/providers?service=MG", 404, "no messaging service 'MG'");
	assert_rich("/v1/providers?sender=12354", 404, "no sender '12354'; near ones: 12345\"");
	assert_rich("/v1/providers?limit=1", 200, "\"next\":\"1\"}");
	assert_rich("/v1/providers?limit=1&next=1", 200, "\"next\":\"2\"}");
	assert_rich("/v1/providers?limit=1&next=2", 200, "\"next\":null}");
	assert_rich("/v1/providers?by=x", 400, "by must be sender, service, account or provider");
	assert_rich("/v1/providers?format=csv", 200, "provider,kind,account,service,sender,");
}

/* An empty answer would look like one about a name that exists. */
static void
names_that_do_not_exist_are_404(void **state)
{
	(void)state;
	static const char *const lists[] = {
	    "messages", "events", "replies", "suppressed", "failures", "near-misses"};
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		char target[64];
		snprintf(target, sizeof target, "/v1/%s?campaign=cc", lists[i]);
		assert_rich(target, 404, "{\"error\":\"no campaign 'cc'; near ones: c\"}");
		snprintf(target, sizeof target, "/v1/%s?workspace=x&format=csv", lists[i]);
		assert_rich(target, 404, "no workspace 'x'");
		snprintf(target, sizeof target, "/v1/%s?campaign=&workspace=", lists[i]);
		assert_rich(target, 200, "[");
	}
	assert_rich("/v1/messages?provider=AC1", 200, "\"sid\"");
	assert_rich("/v1/messages?provider=AC9", 404, "near ones: AC1");
	assert_rich("/v1/messages?error_code=30003", 200, "\"error_code\":30003");
	assert_rich("/v1/messages?error_code=30030", 404, "no error code '30030'");
	assert_rich("/v1/messages?kind=hand", 404, "no kind 'hand'");    /* nor any other */
	assert_rich("/v1/failures/30003/support", 200, "\"failed\":0,"); /* it is too long ago */
	assert_rich("/v1/failures/30030/support", 404, "no error code '30030'");
	assert_rich("/v1/failures/x/support", 404, "no error code 'x'");
	assert_rich("/v1/messages?error_code=none", 200, "\"messages\":[]");
}

static void
replies_are_reported_with_how_they_were_attributed(void **state)
{
	(void)state;
	assert_rich("/v1/replies", 200,
	    "\"message\":\"SM21\",\"from\":\"+15005550009\",\"to\":\"+15005550006\","
	    "\"service\":\"" SERVICE_A "\",\"body\":\"STOP\",\"keyword\":\"stop\","
	    "\"media_count\":null,\"media_types\":[],\"media_links\":[],\"from_city\":null,\"from_"
	    "state\":null,\"from_zip\":null,\"from_country\":null,"
	    ""
	    "\"rule\":\"latest\",\"candidates\":1,\"answers\":\"SM1\"}");
	assert_rich("/v1/replies", 200, "\"unattributed\":2,\"next\":null}");
	assert_rich("/v1/replies?to=2026-11-20T18:00:00Z", 200, "\"unattributed\":1,");
	assert_rich("/v1/replies?from=2026-11-20T18:00:01Z", 200, "\"unattributed\":0,");
	assert_rich("/v1/replies?workspace=w", 200, "\"unattributed\":null,");
	assert_rich("/v1/replies?campaign=c", 200, "\"unattributed\":null,");
	assert_rich("/v1/replies?campaign=c&keyword=start", 200, "[{\"seq\":5,");
	assert_rich("/v1/replies?rule=none&limit=1", 200, "[{\"seq\":6,");
	assert_rich("/v1/replies?variant=b", 200, "\"replies\":[],");
	assert_rich("/v1/replies?workspace=w&from=2026-11-20T16:00:00Z", 200, "[{\"seq\":5,");
	assert_rich("/v1/replies?rule=x", 400, "rule must be none, original, tags, latest or late");
	assert_rich("/v1/replies?next=x", 400, "next must be");
	struct api_answer answer = ask_of(rich, SLICE("/v1/replies?limit=3"));
	struct json_t *value;
	assert_ok(json_parse(buffer_slice(&answer.body), &value));
	char target[64];
	snprintf(target, sizeof target, "/v1/replies?limit=3&next=%.*s",
	    SLICE_ARG(json_text(json_get(value, "next"))));
	assert_rich(target, 200, "{\"replies\":[{\"seq\":7,");
	json_free(value);
	buffer_done(&answer.body);
}

static void
near_misses_are_reported_with_the_state_of_their_number(void **state)
{
	(void)state;
	assert_rich("/v1/near-misses", 200,
	    "{\"near_misses\":[{\"seq\":7,\"time\":\"2026-11-20T18:00:00.000Z\","
	    "\"number\":\"+15005550011\",\"to\":\"+15005550006\",\"service\":\"" SERVICE_A "\","
	    "\"message\":\"SM24\",\"body\":\"stop that\",\"near_miss\":\"stop\",\"state\":null}],"
	    "\"next\":null}");
	assert_rich("/v1/near-misses?campaign=c&workspace=w", 200, "\"near_misses\":[]");
	assert_rich("/v1/near-misses?campaign=", 200, "\"near_misses\":[{");
	assert_rich("/v1/near-misses?from=2026-11-20T18:00:01Z", 200, "\"near_misses\":[]");
	assert_rich("/v1/near-misses?to=2026-11-20T18:00:00Z", 200, "\"near_misses\":[]");
	assert_rich("/v1/near-misses?from=2026-11-20T18:00:00Z&to=2026-11-20T18:00:01Z", 200,
	    "\"near_misses\":[{\"seq\":7,");
	assert_rich("/v1/near-misses?next=7", 200, "{\"near_misses\":[],\"next\":null}");
}

static void
opt_outs_are_reported_as_they_are_and_as_they_were(void **state)
{
	(void)state;
	assert_rich("/v1/optouts", 200,
	    "{\"optouts\":[{\"number\":\"whatsapp:+15005550010\",\"scope\":\"+15005550006\","
	    "\"state\":\"out\",\"since\":\"2026-11-20T17:00:00.000Z\",\"cause\":\"keyword\","
	    "\"message\":\"SM23\",\"workspace\":\"\",\"campaign\":\"\",\"note\":null}],\"next\":"
	    "null}");
	assert_rich("/v1/optouts?state=in", 200, "[{\"number\":\"+15005550009\",");
	assert_rich("/v1/optouts?state=any&limit=1", 200, "\"next\":\"2\"}");
	assert_rich("/v1/optouts?state=any&limit=1&next=2", 200, "\"next\":null}");
	assert_rich("/v1/optouts?at=2026-11-20T15:30:00Z", 200,
	    "[{\"number\":\"+15005550009\",\"scope\":\"" SERVICE_A "\",\"state\":\"out\"");
	assert_rich("/v1/optouts?at=1970-01-01", 200, "\"optouts\":[]");
	assert_rich("/v1/optouts?from=2026-11-20T17:00:00Z&to=2026-11-20T17:00:01Z", 200, "[{");
	assert_rich("/v1/optouts?from=2026-11-20T17:00:01Z", 200, "\"optouts\":[]");
	assert_rich("/v1/optouts?state=any&to=2026-11-20T16:00:00Z", 200, "\"optouts\":[]");
	assert_rich(
	    "/v1/optouts?at=2026-11-20T15:30:00Z&from=2026-11-20T15:00:01Z", 200, "\"optouts\":[]");
	assert_rich("/v1/optouts?scope=x", 200, "\"optouts\":[]");
	assert_rich("/v1/optouts?state=x", 400, "state must be out, in or any");
	assert_rich("/v1/optouts?at=x", 400, "at must be a time");
	assert_rich("/v1/optouts?format=csv", 200,
	    "number,scope,state,since,cause,message,workspace,campaign,note\r\nwhatsapp:+"
	    "15005550010,");
}

static void
changes_of_consent_are_followed_by_their_number(void **state)
{
	(void)state;
	assert_rich("/v1/optouts/changes", 200, "\"next\":3}");
	assert_rich("/v1/optouts/changes?after=1&limit=1", 200,
	    "{\"changes\":[{\"seq\":2,\"time\":\"2026-11-20T16:00:00.000Z\","
	    "\"number\":\"+15005550009\",\"scope\":\"" SERVICE_A "\",\"state\":\"in\","
	    "\"cause\":\"keyword\",\"message\":\"SM22\",\"workspace\":\"w\",\"campaign\":\"c\"}],"
	    "\"next\":2}");
	assert_rich("/v1/optouts/changes?after=9", 200, "{\"changes\":[],\"next\":9}");
	assert_rich("/v1/optouts/changes?after=x", 400, "after must be");
}

static void
a_number_is_reported_with_its_scopes_and_history(void **state)
{
	(void)state;
	static const char *const spellings[] = {"%2B15005550009", "+15005550009", "%2015005550009",
	    "rcs:+15005550009", "15005550009", "+1%20500%20555%200009", "+1-500-555-0009",
	    "+1%20(500)%20555-0009", "0015005550009", "tel:+15005550009", "sms:+1-500-555-0009"};
	for (size_t i = 0; i < COUNT_OF(spellings); i++) {
		char target[64];
		snprintf(target, sizeof target, "/v1/optouts/%s", spellings[i]);
		assert_rich(target, 200,
		    "{\"number\":\"+15005550009\",\"state\":\"in\",\"scopes\":[{\"scope\":"
		    "\"" SERVICE_A "\",\"state\":\"in\",\"since\":\"2026-11-20T16:00:00.000Z\","
		    "\"cause\":\"keyword\",\"message\":\"SM22\"}],\"history\":[{\"time\":"
		    "\"2026-11-20T15:00:00.000Z\",\"state\":\"out\",\"cause\":\"keyword\","
		    "\"scope\":\"" SERVICE_A "\",\"message\":\"SM21\",\"changed\":true,"
		    "\"body\":\"STOP\",\"seq\":4},");
	}
	assert_rich("/v1/optouts/+15005550009?at=2026-11-20T15:30:00Z", 200, "\"state\":\"out\"");
	assert_rich("/v1/optouts/+15005550009?at=2026-11-20", 404,
	    "no entry for \\\"+15005550009\\\" at that time");
	assert_rich("/v1/optouts/whatsapp:+15005550010", 200, "\"state\":\"out\"");
	assert_rich("/v1/optouts/whatsapp:%2015005550010", 200, "\"state\":\"out\"");
	assert_rich("/v1/optouts/+15005550010", 404, "no entry"); /* WhatsApp's is another */
	assert_rich("/v1/optouts/ACME", 404, "no entry");
	assert_rich("/v1/optouts/", 400, "the path must end with a number with its country code");
	assert_rich("/v1/optouts/05005550009", 400, "country code");
	assert_rich("/v1/optouts/+15005550009x", 400, "country code");
	assert_rich("/v1/optouts/+15005550009?format=csv", 200,
	    "time,state,cause,scope,message,changed,body,seq\r\n2026-11-20T15:00:00.000Z,out,");
	assert_rich("/v1/optouts/+15005559999?format=csv", 404, "{\"error\":");
}

static void
alerts_are_reported_newest_first(void **state)
{
	(void)state;
	assert_rich("/v1/alerts", 200, "{\"alerts\":[{\"seq\":9,");
	assert_rich("/v1/alerts?ours=yes", 200,
	    "{\"alerts\":[{\"seq\":8,\"time\":\"2026-11-20T19:00:00.000Z\",\"sid\":\"NO1\","
	    "\"level\":\"error\",\"account\":\"AC1\",\"error_code\":11200,\"name\":null,"
	    "\"action\":null,\"ours\":true,\"resource\":\"SM1\","
	    "\"request_url\":\"https://example.com/sms/twilio\",\"method\":\"POST\","
	    "\"response_status\":502,\"text\":\"a text\",\"occurred\":\"2026-11-20T18:59:59Z\"}],"
	    "\"next\":null}");
	assert_rich("/v1/alerts?limit=1", 200, "\"next\":\"9\"}");
	assert_rich("/v1/alerts?limit=1&next=9", 200, "{\"alerts\":[{\"seq\":8,");
	assert_rich("/v1/alerts?to=2026-11-20T19:00:00Z", 200, "\"alerts\":[]");
	assert_rich("/v1/alerts?ours=no", 400, "ours must be yes");
}

static void
events_are_filtered_by_variant_and_time(void **state)
{
	(void)state;
	assert_rich("/v1/events?variant=b", 200, "{\"events\":[{\"seq\":3,");
	assert_rich("/v1/events?from=2026-11-20T18:00:00Z&to=2026-11-20T18:00:01Z", 200,
	    "{\"events\":[{\"seq\":7,");
	assert_rich("/v1/events/4", 200,
	    "\"stream\":false,\"link\":null,\"occurred\":null,\"near_miss\":null,"
	    "\"consent\":\"out\",\"cause\":\"keyword\",\"rule\":\"latest\",\"candidates\":1,"
	    "\"answers\":\"SM1\"}");
	assert_rich("/v1/events/1", 200, "\"rule\":null,\"candidates\":null,\"answers\":null}");
}

static void
a_parameter_that_would_do_nothing_is_refused(void **state)
{
	(void)state;
	static const char *const targets[] = {"/v1/providers?workspace=w",
	    "/v1/providers?campaign=c", "/v1/events/stream?from=2026-11-20",
	    "/v1/campaigns?Workspace=w", "/v1/campaigns?x", "/v1/campaigns/c?limit=1",
	    "/healthz?x=1", "/metrics?x=1", "/v1/events?limit=1&next=2",
	    "/v1/optouts/+15005550009?scope=x", "/v1/openapi.json?format=csv", "/v1/errors?=1"};
	for (size_t i = 0; i < COUNT_OF(targets); i++)
		assert_rich(targets[i], 400, "has no parameter ");
	assert_rich("/v1/providers?workspace=w", 400,
	    "/v1/providers has no parameter \\\"workspace\\\"; it has by, provider, account, "
	    "service, "
	    "sender, from, to, format, limit, next");
	assert_rich("/healthz?x=1", 400, "/healthz has no parameter \\\"x\\\"\"}");
	assert_rich("/v1/campaigns?&&", 200, "\"campaigns\"");
}

static void
assert_link(const char *target, const char *expected)
{
	struct api_answer answer = ask_of(rich, slice_of(target));
	struct slice link = buffer_slice(&answer.link);
	assert_slice(link.ptr == NULL ? SLICE("") : link, expected);
	endpoints_answer_done(&answer);
}

static void
csv_that_was_cut_is_linked_to_its_rest(void **state)
{
	(void)state;
	assert_link("/v1/events?format=csv&limit=2", "<?format=csv&limit=2&after=2>; rel=\"next\"");
	assert_link("/v1/events?after=1&workspace=w&format=csv&limit=1",
	    "<?workspace=w&format=csv&limit=1&after=2>; rel=\"next\"");
	assert_link("/v1/events?format=csv&limit=9", "");
	assert_link("/v1/events?limit=2", "");
	assert_link("/v1/optouts/changes?format=csv&limit=1",
	    "<?format=csv&limit=1&after=1>; rel=\"next\"");
	assert_link("/v1/optouts?state=any&format=csv&limit=1",
	    "<?state=any&format=csv&limit=1&next=2>; rel=\"next\"");
	assert_link("/v1/optouts?state=any&format=csv", "");
}

/* What a parameter holds cannot end the header or its reference. */
static void
a_link_holds_any_value_escaped(void **state)
{
	(void)state;
	const struct api_request request = {.method = SLICE("GET"),
	    .target = SLICE("/v1/replies?format=csv&limit=1&to=2100-01-01T00%3A00%3A00%2B01:00")};
	struct api_answer answer = endpoints_answer(&state_of_daemon, rich, &request);
	assert_contains(buffer_slice(&answer.link), "&to=2100-01-01T00%3A00%3A00%2B01%3A00&next=");
	endpoints_answer_done(&answer);
}

/* --- what is done --- */

static struct work_result work;
static struct work_order ordered;
static unsigned rebuilds_asked;

static bool
ask_work(struct projector *projector, const struct work_order *order)
{
	(void)projector;
	bool asked = work.state != WORK_RUNNING;
	rebuilds_asked += asked;
	ordered = *order;
	work.state = WORK_RUNNING;
	return asked;
}

static void
read_work(struct projector *projector, enum work_kind kind, struct work_result *out_result)
{
	(void)projector, (void)kind;
	*out_result = work_copy(&work);
}

static void
assert_act(const struct api_request *request, unsigned status, const char *expected)
{
	state_of_daemon.ask_work = ask_work;
	state_of_daemon.read_work = read_work;
	struct api_answer answer = endpoints_answer(&state_of_daemon, NULL, request);
	assert_int_equal(answer.status, status);
	assert_contains(buffer_slice(&answer.body), expected);
	if (status == 405)
		assert_non_null(answer.allow);
	buffer_done(&answer.body);
}

static void
a_rebuild_is_asked_for_once_and_reported(void **state)
{
	(void)state;
	const struct api_request get = {.method = SLICE("GET"), .target = SLICE("/v1/rebuild")};
	const struct api_request post = {.method = SLICE("POST"), .target = SLICE("/v1/rebuild")};
	work = (struct work_result){.state = WORK_NONE};
	rebuilds_asked = 0;
	assert_act(&get, 200,
	    "{\"state\":\"none\",\"messages\":0,\"mended\":0,\"replies\":0,\"figures\":0,"
	    "\"campaigns\":0,\"optouts\":0,\"error\":null}");
	assert_act(&post, 202, "{\"state\":\"running\"}");
	assert_act(&post, 409, "running already");
	assert_int_equal(rebuilds_asked, 1);
	work = (struct work_result){.state = WORK_DONE, .counts = {7, 0, 0, 0, 0, 1}};
	assert_act(&get, 200, "{\"state\":\"done\",\"messages\":7,");
	work = (struct work_result){.state = WORK_FAILED, .why = "disk"};
	assert_act(&get, 200, "{\"state\":\"failed\",\"messages\":0,");
	assert_act(&get, 200, "\"error\":\"disk\"}");
}

static void
work_is_asked_for_with_what_it_needs(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		unsigned status;
		const char *answer;
	} posts[] = {{"/v1/retag?from=2026-01-01&to=2026-01-02", 202, "running"},
	    {"/v1/retag?from=soon", 400, "from"}, {"/v1/retag?run=1", 400, "run"},
	    {"/v1/simulations/undo?run=1f2e3d4c5b6a", 202, "running"},
	    {"/v1/simulations/undo", 400, "first line of its ledger"},
	    {"/v1/simulations/undo?run=%22", 400, "first line of its ledger"},
	    {"/v1/simulations/undo?run=11112222333344445", 400, "first line of its ledger"}};
	for (size_t i = 0; i < COUNT_OF(posts); i++) {
		const struct api_request post = {
		    .method = SLICE("POST"), .target = slice_of(posts[i].target)};
		work = (struct work_result){.state = WORK_NONE};
		assert_act(&post, posts[i].status, posts[i].answer);
		if (i == 0)
			assert_int_equal(ordered.to_us - ordered.from_us, CLOCK_DAY_US);
		else if (i == 3)
			assert_string_equal(ordered.run, "1f2e3d4c5b6a");
	}
}

static void
a_browsers_page_cannot_ask_for_a_rebuild(void **state)
{
	(void)state;
	struct api_request post = {.method = SLICE("POST"),
	    .target = SLICE("/v1/rebuild"),
	    .origin = SLICE("https://elsewhere.example")};
	work = (struct work_result){.state = WORK_NONE};
	rebuilds_asked = 0;
	assert_act(&post, 403, "Origin");
	post.origin = SLICE("null");
	assert_act(&post, 403, "Origin");
	post.origin = SLICE_NONE;
	post.has_body = true;
	assert_act(&post, 400, "without a body");
	assert_int_equal(rebuilds_asked, 0);
}

static void
other_methods_are_refused_with_those_that_are_right(void **state)
{
	(void)state;
	static const char *const targets[] = {
	    "/v1/campaigns", "/v1/events/stream", "/nothing", "/v1/openapi.json", "/"};
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		const struct api_request post = {
		    .method = SLICE("POST"), .target = slice_of(targets[i])};
		struct api_answer answer = endpoints_answer(&state_of_daemon, reader, &post);
		assert_int_equal(answer.status, 405);
		assert_string_equal(answer.allow, "GET, HEAD");
		buffer_done(&answer.body);
	}
	const struct api_request put = {.method = SLICE("PUT"), .target = SLICE("/v1/rebuild")};
	struct api_answer answer = endpoints_answer(&state_of_daemon, reader, &put);
	assert_string_equal(answer.allow, "GET, HEAD, POST");
	buffer_done(&answer.body);
	assert_act(&put, 405, "only GET or POST");
}

/* --- the description --- */

static void
assert_described(const struct json_t *paths, const char *path)
{
	const struct json_t *described = json_get(paths, path);
	if (described == NULL)
		print_error("%s is not described\n", path);
	assert_true(json_get(described, "get") != NULL || json_get(described, "post") != NULL);
}

/* Reads the rows of endpoints.c that are not questions. Returns how many there are. */
static size_t
assert_rows_described(const struct json_t *paths)
{
	struct buffer source = read_whole_file(TEST_SOURCE "/src/api/endpoints.c");
	struct slice rest = buffer_slice(&source);
	size_t count = 0;
	while (slice_take(&rest, '\n').ptr != NULL && !slice_starts_with(rest, SLICE("    {\"/")))
		continue;
	for (;
	     slice_starts_with(rest, SLICE("    {\"/")) || slice_starts_with(rest, SLICE("\t."));) {
		struct slice line = slice_take(&rest, '\n');
		char path[128];
		if (line.ptr[0] == '\t')
			continue;
		line = slice_from(line, sizeof "    {\"" - 1);
		struct slice name = slice_take(&line, '"');
		snprintf(path, sizeof path, "%.*s", SLICE_ARG(name));
		if (slice_equal(name, SLICE("/")) || slice_starts_with(name, SLICE("/assets/")) ||
		    slice_starts_with(name, SLICE("/session")))
			continue; /* of the page for browsers, and no part of the api */
		assert_described(paths, path);
		count++;
	}
	buffer_done(&source);
	return count;
}

/* Every row of the table is described, and nothing else is. */
static void
the_description_names_the_paths_of_the_table(void **state)
{
	(void)state;
	struct buffer body = body_of("/v1/openapi.json", 200);
	struct json_t *value, *described, *paths;
	assert_ok(json_parse(buffer_slice(&body), &value));
	paths = json_get(value, "paths");
	size_t count = 0, in_tables = 0;
	const char *key;
	for (void *cursor = NULL; json_next(paths, &cursor, &key, &described);)
		count++;
	for (; query_at(in_tables) != NULL; in_tables++)
		assert_described(paths, query_at(in_tables)->path);
	in_tables += assert_rows_described(paths);
	assert_int_equal(count, in_tables);
	json_free(value);
	buffer_done(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(health_and_readiness_are_reported_without_a_store),
	    cmocka_unit_test(only_health_and_the_page_are_open),
	    cmocka_unit_test(metrics_are_text),
	    cmocka_unit_test(the_setup_is_the_configuration_in_force),
	    cmocka_unit_test(a_path_without_an_endpoint_is_404),
	    cmocka_unit_test(a_campaign_is_reported_with_its_figures),
	    cmocka_unit_test(an_unknown_campaign_is_404),
	    cmocka_unit_test(an_escaped_segment_is_one_name),
	    cmocka_unit_test(a_name_of_several_workspaces_is_409),
	    cmocka_unit_test(limits_are_bounded),
	    cmocka_unit_test(bad_parameters_are_reported),
	    cmocka_unit_test(pages_put_together_are_the_list),
	    cmocka_unit_test(campaigns_are_filtered_by_workspace_and_time),
	    cmocka_unit_test(errors_are_reported_by_code_with_their_share),
	    cmocka_unit_test(errors_add_up_to_what_failed),
	    cmocka_unit_test(events_are_followed_by_their_number),
	    cmocka_unit_test(one_event_is_reported_whole),
	    cmocka_unit_test(a_message_is_reported_with_its_receipts),
	    cmocka_unit_test(the_catalogue_is_reported),
	    cmocka_unit_test(csv_is_reported_where_it_is_asked_for),
	    cmocka_unit_test(an_error_is_json_whatever_it_holds),
	    cmocka_unit_test(any_target_gets_an_answer),
	    cmocka_unit_test(a_rebuild_is_asked_for_once_and_reported),
	    cmocka_unit_test(work_is_asked_for_with_what_it_needs),
	    cmocka_unit_test(a_browsers_page_cannot_ask_for_a_rebuild),
	    cmocka_unit_test(other_methods_are_refused_with_those_that_are_right),
	    cmocka_unit_test(the_description_names_the_paths_of_the_table),
	};
	const struct CMUnitTest rich_tests[] = {
	    cmocka_unit_test(figures_are_reported_of_one_variant),
	    cmocka_unit_test(a_failures_trend_is_that_of_the_time_asked_for),
	    cmocka_unit_test(providers_are_reported_by_what_is_asked_for),
	    cmocka_unit_test(names_that_do_not_exist_are_404),
	    cmocka_unit_test(replies_are_reported_with_how_they_were_attributed),
	    cmocka_unit_test(near_misses_are_reported_with_the_state_of_their_number),
	    cmocka_unit_test(opt_outs_are_reported_as_they_are_and_as_they_were),
	    cmocka_unit_test(changes_of_consent_are_followed_by_their_number),
	    cmocka_unit_test(a_number_is_reported_with_its_scopes_and_history),
	    cmocka_unit_test(alerts_are_reported_newest_first),
	    cmocka_unit_test(events_are_filtered_by_variant_and_time),
	    cmocka_unit_test(a_parameter_that_would_do_nothing_is_refused),
	    cmocka_unit_test(csv_that_was_cut_is_linked_to_its_rest),
	    cmocka_unit_test(a_link_holds_any_value_escaped),
	};
	int failed = cmocka_run_group_tests(tests, set_up, tear_down);
	return failed + cmocka_run_group_tests(rich_tests, set_up_rich, tear_down_rich);
}
