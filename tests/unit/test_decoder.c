/* decoder: every genuine request yields an event. */
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
	add_route("/events", ROUTE_EVENTS);
	decoder_init(&decoder, &routes, NULL, NULL);
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

/* Fails if a pointer of the value is the same in the copy, with a length after it: a text that was
 * not copied. The numbers of these tests are smaller than any pointer, an empty text need not be
 * copied, and bytes between two fields may have any value. */
static void
check_pointers(const void *value, const void *copy, size_t size)
{
	uint64_t words[128] = {0}, copied[128] = {0};
	assert_true(size < sizeof words);
	memcpy(words, value, size);
	memcpy(copied, copy, size);
	for (size_t i = 0; i < COUNT_OF(words) - 1; i++) {
		bool is_pointer = words[i] >> 40 != 0 && words[i] != UINT64_MAX;
		bool is_text = is_pointer && words[i + 1] > 0 && words[i + 1] >> 20 == 0;
		if (is_text && words[i] == copied[i])
			fail_msg("the field at byte %zu is not copied", i * sizeof words[0]);
	}
}

/* A copy of an event has its own texts. */
static void
check_copy(const struct event *event)
{
	struct arena arena = ARENA_EMPTY;
	struct event copy;
	event_copy(&arena, event, &copy);
	assert_false(arena.failed);
	check_pointers(event, &copy, sizeof *event);
	if (event->alert != NULL)
		check_pointers(event->alert, copy.alert, sizeof *event->alert);
	arena_done(&arena);
}

static enum result
copy_event(void *context, const struct event *event)
{
	struct event *copy = context;
	check_copy(event);
	assert_int_equal(copy->time_us, 0); /* one alone */
	*copy = *event;
	return RESULT_OK;
}

/* Returns the only event of an entry that is not JSON. (Text of a JSON event is valid during the
 * call only.) */
static struct event
decode(const struct journal_entry *entry)
{
	struct event event = {.time_us = 0};
	assert_ok(decoder_decode(&decoder, entry, copy_event, &event));
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
an_unknown_status_is_stored_as_received(void **state)
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
put_text(struct buffer *out, const char *name, struct slice text)
{
	if (text.ptr != NULL)
		buffer_appendf(out, " %s=%.*s", name, SLICE_ARG(text));
}

static enum result
write_event(void *context, const struct event *event)
{
	struct buffer *out = context;
	check_copy(event);
	buffer_appendf(out, "%.*s", SLICE_ARG(event_type_name(event->type)));
	put_text(out, "status", event->status_text);
	put_text(out, "message", event->message);
	put_text(out, "campaign", event->campaign.len > 0 ? event->campaign : SLICE_NONE);
	put_text(out, "from", event->from);
	put_text(out, "to", event->to);
	put_text(out, "service", event->service);
	put_text(out, "body", event->body);
	put_text(out, "keyword", event->keyword);
	put_text(out, "consent", consent_name(event->consent));
	put_text(out, "cause", event->cause);
	put_text(out, "near_miss", event->near_miss);
	put_text(out, "original", event->original);
	put_text(out, "link", event->link);
	put_text(out, "occurred", event->occurred);
	put_text(out, "reference", event->reference);
	put_text(out, "date", event->done_date);
	if (event->error_code >= 0)
		buffer_appendf(out, " code=%lld", (long long)event->error_code);
	put_text(out, "query", event->raw_query);
	put_text(out, "raw", event->raw_body);
	put_text(out, "extra", event->extra);
	buffer_appendf(out, "%s%s%s\n", event->folds ? " folds" : "",
	    event->stream ? " stream" : "", event->tags_fit ? "" : " misfit");
	if (event->alert != NULL) {
		const struct event_alert *alert = event->alert;
		put_text(out, "level", alert->level);
		put_text(out, "resource", alert->resource);
		put_text(out, "url", alert->request_url);
		put_text(out, "method", alert->method);
		put_text(out, "text", alert->text);
		buffer_appendf(out, " answered=%lld%s\n", (long long)alert->response_status,
		    alert->ours ? " ours" : "");
	}
	return RESULT_OK;
}

/* All events of an entry, a line each, with a second one for an alert. */
static void
assert_events(const struct journal_entry *entry, const char *expected)
{
	struct buffer text = BUFFER_EMPTY;
	assert_ok(decoder_decode(&decoder, entry, write_event, &text));
	assert_slice(buffer_slice(&text), expected);
	buffer_done(&text);
}

static struct journal_entry
post_json(const char *route, const char *query, const char *body)
{
	struct journal_entry entry = post(query, body);
	entry.media_type = SLICE("application/json");
	entry.route = slice_of(route);
	return entry;
}

static void
json_that_is_no_callback_is_unrecognised_and_kept_raw(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post_json("/click", "account=a&bodySHA256=x", "{\"event_type\":\"hover\"}");
	assert_events(
	    &entry, "Unrecognised query=account=a&bodySHA256=x raw={\"event_type\":\"hover\"}\n");
	entry = post_json("/sms/twilio", NULL, "no JSON");
	assert_events(&entry, "Unrecognised raw=no JSON\n");
	entry = post_json("/status", NULL, "[]");
	assert_events(&entry, "Unrecognised raw=[]\n");
}

/* --- replies --- */

static void
assert_reply(const char *body, const char *expected)
{
	char form[512], line[512];
	snprintf(form, sizeof form,
	    "MessageSid=" SID "&SmsStatus=received&From=%%2B19&To=%%2B15005550006&%s", body);
	snprintf(line, sizeof line,
	    "Replied status=received message=" SID " from=+19 to=+15005550006%s folds\n", expected);
	struct journal_entry entry = post(NULL, form);
	assert_events(&entry, line);
}

static void
a_reply_says_what_it_says_of_consent_and_how_that_is_known(void **state)
{
	(void)state;
	assert_reply("Body=STOP", " body=STOP keyword=stop consent=out cause=keyword");
	assert_reply("Body=stop.", " body=stop. keyword=stop consent=out cause=keyword-tolerated");
	assert_reply("Body=yes", " body=yes keyword=start consent=in cause=keyword");
	assert_reply("Body=Arret&OptOutType=STOP",
	    " body=Arret keyword=stop consent=out cause=opt-out-type");
	assert_reply(
	    "Body=STOP&OptOutType=STOP", " body=STOP keyword=stop consent=out cause=opt-out-type");
	assert_reply(
	    "Body=back&OptOutType=START", " body=back keyword=start consent=in cause=opt-out-type");
	assert_reply("Body=HELP", " body=HELP keyword=help");
	assert_reply("Body=hello", " body=hello");
}

static void
what_only_sounds_like_an_opt_out_is_a_near_miss(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(NULL, "MessageSid=" SID "&SmsStatus=received&From=%2B1&To=%2B2&Body=please+stop");
	struct event event = decode(&entry);
	assert_true(event.near_miss.len > 0);
	assert_slice(event.keyword, NULL);
	assert_int_equal(event.consent, CONSENT_SILENT);
	assert_slice(event.cause, NULL);
}

static void
yes_to_a_toll_free_number_is_no_opt_in(void **state)
{
	(void)state;
	struct journal_entry entry = post(
	    NULL, "MessageSid=" SID "&SmsStatus=received&From=%2B19&To=%2B18005550006&Body=Yes");
	assert_events(&entry,
	    "Replied status=received message=" SID
	    " from=+19 to=+18005550006 body=Yes keyword=start near_miss=YES folds\n");
	entry.body =
	    SLICE("MessageSid=" SID "&SmsStatus=received&From=%2B19&To=%2B18005550006&Body=unstop");
	assert_events(&entry,
	    "Replied status=received message=" SID
	    " from=+19 to=+18005550006 body=unstop keyword=start consent=in cause=keyword folds\n");
	entry.body = SLICE("MessageSid=" SID "&SmsStatus=received&From=%2B19&To=%2B18005550006&"
			   "Body=Yes&OptOutType=START");
	assert_events(&entry, "Replied status=received message=" SID
			      " from=+19 to=+18005550006 body=Yes keyword=start"
			      " consent=in cause=opt-out-type folds\n");
}

static void
a_configured_word_is_a_cause_of_its_own(void **state)
{
	(void)state;
	struct keywords *keywords;
	struct failure failure;
	assert_ok(keywords_new(&keywords));
	assert_ok(keywords_add_word(keywords, SLICE("stop"), SLICE("ARRET"), &failure));
	assert_ok(keywords_add_word(keywords, SLICE("price"), SLICE("PRICE"), &failure));
	decoder.keywords = keywords;
	assert_reply("Body=arret", " body=arret keyword=stop consent=out cause=configured-keyword");
	assert_reply("Body=arret!",
	    " body=arret! keyword=stop consent=out cause=configured-keyword-tolerated");
	assert_reply("Body=price", " body=price keyword=price");
	decoder.keywords = NULL;
	keywords_free(keywords);
}

static void
a_reply_may_name_the_message_that_it_answers(void **state)
{
	(void)state;
	assert_reply("Body=hi&OriginalRepliedMessageSid=SM7", " body=hi original=SM7");
}

/* ErrorCode and ErrorUrl have the reason why the fallback URL was called. */
static void
a_reply_at_the_fallback_url_has_no_error_code(void **state)
{
	(void)state;
	struct journal_entry entry = post(NULL, "MessageSid=" SID "&SmsStatus=received&Body=STOP&"
						"ErrorCode=11200&ErrorUrl=https%3A%2F%2Fh%2Fx");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_REPLIED);
	assert_int_equal(event.error_code, -1);
	assert_int_equal(event.consent, CONSENT_OUT);
	assert_slice(event.cause, "keyword");
	assert_slice(event.extra, "{\"ErrorCode\":\"11200\",\"ErrorUrl\":\"https://h/x\"}");
}

static void
a_failure_for_an_opt_out_is_evidence_of_it(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post(SAMPLE_QUERY, "MessageSid=" SID "&MessageStatus=failed&ErrorCode=21610&To=%2B19");
	assert_events(&entry,
	    "Failed status=failed message=" SID " campaign=1691686363_20230810 to=+19 consent=out"
	    " cause=error-21610 code=21610 folds\n");
	entry.body = SLICE("MessageSid=" SID "&MessageStatus=sent&ErrorCode=21610&To=%2B19");
	assert_events(&entry, "Sent status=sent message=" SID
			      " campaign=1691686363_20230810 to=+19 code=21610 folds\n");
}

/* --- clicks --- */

#define CLICK(type)                                                    \
	"{\"event_type\":\"" type "\",\"sms_sid\":\"" SID              \
	"\",\"to\":\"+19\",\"from\":\"+18\",\"link\":\"https://l/1\"," \
	"\"click_time\":\"2023-08-10T00:00:00Z\",\"account_sid\":\"AC1\",\"user_agent\":\"U\"}"
#define CLICKED                                                                           \
	" message=" SID " from=+18 to=+19 link=https://l/1 occurred=2023-08-10T00:00:00Z" \
	" extra={\"user_agent\":\"U\"}"

static void
a_click_folds_and_a_preview_does_not(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/click", "bodySHA256=x", CLICK("click"));
	assert_events(&entry, "Clicked status=click" CLICKED " folds\n");
	entry = post_json("/sms/twilio", "bodySHA256=x", CLICK("preview"));
	assert_events(&entry, "Progress status=preview" CLICKED "\n");
	entry = post_json("/status", NULL, CLICK("click"));
	struct buffer text = BUFFER_EMPTY;
	assert_ok(decoder_decode(&decoder, &entry, write_event, &text));
	assert_contains(buffer_slice(&text), "Unrecognised");
	assert_contains(buffer_slice(&text), " raw=" CLICK("click"));
	buffer_done(&text);
}

/* --- Event Streams --- */

#define STREAMED(type, id, data)                                                  \
	"{\"specversion\":\"1.0\",\"type\":\"com.twilio." type "\",\"id\":\"" id  \
	"\",\"time\":\"2023-08-10T00:00:00Z\",\"datacontenttype\":\"application/" \
	"json\",\"data\":{" data "}}"
#define SENT_DATA(url)                                                                           \
	"\"messageSid\":\"" SID "\",\"messageStatus\":\"SENT\",\"to\":\"+19\",\"from\":\"+18\"," \
	"\"statusCallbackUrl\":\"" url "\""
#define SENT " from=+18 to=+19 occurred=2023-08-10T00:00:00Z reference="

/* The URL is stored in addition to the fields, even if tags were read from it. */
#define TOLD_URL(url) "extra={\"data\":{\"statusCallbackUrl\":\"" url "\"}}"

static void
an_array_gives_an_event_for_each_element(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/events", "bodySHA256=x",
	    "[" STREAMED("messaging.message.sent", "EZ1",
		SENT_DATA("https://h/sms/twilio?" SAMPLE_QUERY)) "," STREAMED("new.thing", "EZ2",
		"\"a\":1") "," STREAMED("messaging.message.delivered", "EZ3",
		"\"messageSid\":\"" SID "\"") "]");
	assert_events(&entry,
	    "Sent status=sent message=" SID " campaign=1691686363_20230810" SENT "EZ1 " TOLD_URL(
		"https://h/sms/twilio?" SAMPLE_QUERY) " folds stream\n"
						      "Unrecognised occurred=2023-08-10T00:00:00Z "
						      "reference=EZ2 query=bodySHA256=x "
						      "raw=" STREAMED("new.thing", "EZ2",
							  "\"a\":1") " stream\n"
								     "Delivered status=delivered "
								     "message=" SID
								     " occurred=2023-08-10T00:00:"
								     "00Z reference=EZ3 folds "
								     "stream\n");
}

/* They are read by the templates of the route that the callback URL names. */
static void
a_stream_s_event_has_the_tags_of_its_callback_url(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/events", "meta=9.9.9.9",
	    STREAMED(
		"messaging.message.sent", "EZ1", SENT_DATA("https://h/sms/twilio?meta=1.2.3.4")));
	assert_events(&entry,
	    "Sent status=sent message=" SID " campaign=3_4" SENT "EZ1 query=meta=9.9.9.9 " TOLD_URL(
		"https://h/sms/twilio?meta=1.2.3.4") " folds stream\n");
	/* without one, those of the sink's URL */
	entry = post_json("/events", "account=a&meta=9.9.9.9.9.9",
	    STREAMED("messaging.message.sent", "EZ1", SENT_DATA("")));
	assert_events(
	    &entry, "Sent status=sent message=" SID " campaign=9_9" SENT "EZ1 folds stream\n");
}

static void
a_stream_s_tags_are_read_by_the_templates_of_its_callback_url(void **state)
{
	(void)state;
	add_route("/plain", ROUTE_STATUS);
	struct tags_template *campaign = &routes.items[routes.count - 1].campaign;
	tags_template_done(campaign);
	assert_ok(tags_template_init(campaign, SLICE("{campaign}"), NULL));
	struct journal_entry entry = post_json("/events", NULL,
	    STREAMED("messaging.message.sent", "EZ1",
		SENT_DATA("https://h/plain?campaign=spring&meta=1.2.3.4")));
	assert_events(&entry,
	    "Sent status=sent message=" SID " campaign=spring" SENT
	    "EZ1 " TOLD_URL("https://h/plain?campaign=spring&meta=1.2.3.4") " folds stream\n");
}

static void
a_stream_s_tags_that_do_not_fit_are_kept(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/events", NULL,
	    STREAMED("messaging.message.sent", "EZ1", SENT_DATA("https://h/sms/twilio?other=1")));
	assert_events(&entry, "Sent status=sent message=" SID SENT
			      "EZ1 " TOLD_URL("https://h/sms/twilio?other=1") " folds stream\n");
}

static void
a_streamed_reply_is_a_reply(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/events", NULL,
	    STREAMED("messaging.inbound-message.received", "EZ1",
		"\"messageSid\":\"" SID "\",\"from\":\"+19\",\"to\":\"+18\",\"body\":\"STOP\""));
	assert_events(&entry, "Replied status=received message=" SID
			      " from=+19 to=+18 body=STOP keyword=stop consent=out cause=keyword"
			      " occurred=2023-08-10T00:00:00Z reference=EZ1 folds stream\n");
}

static void
a_test_event_is_a_notice(void **state)
{
	(void)state;
	struct journal_entry entry =
	    post_json("/events", NULL, STREAMED("eventstreams.test-event", "EZ1", ""));
	struct buffer text = BUFFER_EMPTY;
	assert_ok(decoder_decode(&decoder, &entry, write_event, &text));
	assert_contains(buffer_slice(&text), "Progress status=test");
	assert_contains(buffer_slice(&text), "reference=EZ1");
	assert_lacks(buffer_slice(&text), "folds");
	assert_lacks(buffer_slice(&text), "misfit");
	buffer_done(&text);
}

static enum result
refuse_second(void *context, const struct event *event)
{
	(void)event;
	return ++*(int *)context == 2 ? RESULT_FULL : RESULT_OK;
}

static void
a_failure_to_keep_one_ends_the_decoding(void **state)
{
	(void)state;
	int calls = 0;
	struct journal_entry entry = post_json("/events", NULL, "[{},{},{}]");
	assert_int_equal(decoder_decode(&decoder, &entry, refuse_second, &calls), RESULT_FULL);
	assert_int_equal(calls, 2);
}

/* --- alerts --- */

#define PAYLOAD(url)                                                                              \
	"%7B%22resource_sid%22%3A%22" SID                                                         \
	"%22%2C%22error_code%22%3A%2211200%22%2C%22more_info%22%3A"                               \
	"%7B%22Msg%22%3A%22Bad+gateway%22%7D%2C%22webhook%22%3A%7B%22request%22%3A%7B%22url%22%"  \
	"3A%22" url "%22%2C%22method%22%3A%22POST%22%7D%2C%22response%22%3A%7B%22status_code%22%" \
	"3A502%7D%7D%7D"

static void
an_alert_says_what_went_wrong_and_whether_it_is_ours(void **state)
{
	(void)state;
	struct journal_entry entry = post(NULL,
	    "Sid=NO00000000000000000000000000000001&Level=ERROR&AccountSid=AC1&Payload=" PAYLOAD(
		"https%3A%2F%2Fh%2Fsms%2Ftwilio%3Fa%3D1"));
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_PROGRESS);
	assert_false(event.folds);
	assert_true(event.tags_fit);
	assert_slice(event.reference, "NO00000000000000000000000000000001");
	assert_int_equal(event.error_code, 11200);
	assert_non_null(event.alert);
	assert_slice(event.alert->level, "error");
	assert_slice(event.alert->resource, SID);
	assert_slice(event.alert->request_url, "https://h/sms/twilio?a=1");
	assert_slice(event.alert->method, "POST");
	assert_slice(event.alert->text, "Bad gateway");
	assert_int_equal(event.alert->response_status, 502);
	assert_true(event.alert->ours);
	entry.body = SLICE("Sid=NO00000000000000000000000000000002&Level=WARNING&Payload=" PAYLOAD(
	    "https%3A%2F%2Fh%2Felsewhere"));
	event = decode(&entry);
	assert_slice(event.alert->level, "warning");
	assert_false(event.alert->ours);
	entry.body = SLICE("Sid=NO00000000000000000000000000000002&Level=WARNING&Payload=oops");
	event = decode(&entry);
	assert_slice(event.alert->request_url, NULL); /* nothing of the last one is left */
	assert_int_equal(event.alert->response_status, -1);
	assert_int_equal(event.error_code, -1);
	assert_false(event.alert->ours);
}

static void
an_alert_may_be_streamed(void **state)
{
	(void)state;
	struct journal_entry entry = post_json("/events", NULL,
	    STREAMED("error-logs.error.logged", "EZ1",
		"\"level\":\"ERROR\",\"error_code\":11205,\"payload\":{\"webhook\":{\"request\":"
		"{\"url\":\"https://h/status\",\"method\":\"POST\"}}}"));
	struct buffer text = BUFFER_EMPTY;
	assert_ok(decoder_decode(&decoder, &entry, write_event, &text));
	assert_contains(buffer_slice(&text), "Progress status=error");
	assert_contains(buffer_slice(&text), " code=11205");
	assert_contains(buffer_slice(&text),
	    " level=error url=https://h/status method=POST answered=-1 ours\n");
	buffer_done(&text);
}

/* --- wrong settings in Twilio --- */

#define CALL "CA00000000000000000000000000000001"
#define VOICE                                                                                 \
	"CallSid=" CALL "&CallStatus=completed&AccountSid=AC1&From=%2B15005550006&Direction=" \
	"inbound&To=%2B15005550009"
#define VOICE_TEXT                                                                              \
	"a voice callback arrived on /sms/twilio: in Twilio, the voice StatusCallback or voice" \
	" URL of the number or TwiML app points to it; give it another URL, or remove it"

static void
a_voice_callback_is_an_alert_and_is_kept_raw(void **state)
{
	(void)state;
	struct journal_entry entry = post(SAMPLE_QUERY, VOICE);
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_UNRECOGNISED);
	assert_false(event.folds);
	assert_slice(event.raw_body, VOICE);
	assert_slice(event.raw_query, SAMPLE_QUERY);
	assert_slice(event.message, NULL);
	assert_slice(event.reference, NULL); /* each callback of a call is kept */
	assert_non_null(event.alert);
	assert_slice(event.alert->level, "warning");
	assert_slice(event.alert->resource, CALL);
	assert_slice(event.alert->request_url, NULL);
	assert_slice(event.alert->method, NULL);
	assert_int_equal(event.alert->response_status, -1);
	assert_true(event.alert->ours);
	assert_true(event.alert->by_dlrd);
	assert_slice(event.alert->text, VOICE_TEXT);

	entry.body = SLICE(VOICE "&ErrorCode=11200&ErrorUrl=https%3A%2F%2Fv%2Fx");
	event = decode(&entry);
	assert_int_equal(event.error_code, 11200);
	assert_slice(event.alert->request_url, "https://v/x");
	assert_slice(event.alert->text, VOICE_TEXT);
	entry = post(VOICE, NULL);
	entry.method = SLICE("GET");
	assert_slice(decode(&entry).alert->resource, CALL);
}

static void
only_a_call_is_a_voice_callback(void **state)
{
	(void)state;
	static const char *const odd[] = {"CallSid=" CALL,
	    "CallSid=" CALL "&CallStatus=", "CallSid=" SID "&CallStatus=completed",
	    "CallSid=CA1&CallStatus=completed", "CallStatus=completed",
	    VOICE "&MessageSid=" SID "&MessageStatus=sent", VOICE "&MessageSid=x",
	    VOICE "&Sid=NO00000000000000000000000000000001",
	    "MessageSid=" SID "&MessageStatus=failed&ErrorCode=30003&ErrorUrl=https://h/"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct journal_entry entry = post(SAMPLE_QUERY, odd[i]);
		assert_null(decode(&entry).alert);
	}
}

static void
assert_fallback(const char *parameters, const char *url, const char *text)
{
	struct buffer body = BUFFER_EMPTY;
	buffer_appendf(&body, "MessageSid=" SID "&SmsStatus=received&Body=hi&%s", parameters);
	struct journal_entry entry = post(NULL, "");
	entry.route = SLICE("/inbound");
	entry.body = buffer_slice(&body);
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_REPLIED);
	assert_true(event.folds);
	assert_int_equal(event.error_code, -1);
	assert_non_null(event.alert);
	assert_slice(event.alert->level, "warning");
	assert_slice(event.alert->resource, SID);
	assert_slice(event.alert->request_url, url);
	assert_true(event.alert->ours);
	assert_slice(event.alert->text, text);
	buffer_done(&body);
}

#define FALLBACK "Twilio called the fallback URL /inbound, since its request to "
#define SEE_DLRD ": see why dlrd did not answer (`dlrd alerts`, log, proxy); the fallback works"
#define SEE_SERVER \
	": see why that server did not answer, or correct the URL in Twilio; the fallback works"

static void
a_reply_at_the_fallback_url_is_an_alert(void **state)
{
	(void)state;
	assert_fallback("ErrorCode=11200&ErrorUrl=https%3A%2F%2Fu%3Ap%40h%2Fsms%2Ftwilio%3Fa%3D1",
	    "https://u:p@h/sms/twilio?a=1",
	    FALLBACK "https://h/sms/twilio failed with error 11200" SEE_DLRD);
	assert_fallback("ErrorCode=11205&ErrorUrl=https%3A%2F%2Felse%2Fx", "https://else/x",
	    FALLBACK "https://else/x failed with error 11205" SEE_SERVER);
	assert_fallback("ErrorUrl=https%3A%2F%2Felse%2Fx&ErrorCode=many", "https://else/x",
	    FALLBACK "https://else/x failed" SEE_SERVER);
	assert_fallback(
	    "ErrorCode=11200", NULL, FALLBACK "another URL failed with error 11200" SEE_SERVER);
	struct journal_entry entry =
	    post(NULL, "MessageSid=" SID "&SmsStatus=received&Body=hi&ErrorCode=0&ErrorUrl=");
	assert_null(decode(&entry).alert);
}

static void
a_hostile_url_is_quoted_visibly_and_in_part(void **state)
{
	(void)state;
	char parameters[700] = "ErrorUrl=https://h/", url[700] = "https://h/", text[700];
	assert_fallback(
	    "ErrorUrl=%1B%5B2J%FF", "\x1b[2J\xff", FALLBACK "another URL failed" SEE_SERVER);
	assert_fallback("ErrorUrl=https://h/%1B%5B2J%0A%FF", "https://h/\x1b[2J\n\xff",
	    FALLBACK "https://h/\\x1b[2J\\x0a\\xff failed" SEE_SERVER);
	memset(parameters + strlen(parameters), 'x', 400);
	memset(url + strlen(url), 'x', 400);
	snprintf(text, sizeof text, FALLBACK "%.200s... failed" SEE_SERVER, url);
	assert_fallback(parameters, url, text);
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
	assert_slice(event.from, NULL);   /* a person is not one of the senders */
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
	    post(NULL, "MessageSid=" SID "&SmsStatus=received&Body=+Stop.%0A&From=%2B1&To=%2B2"
		       "&ExternalUserId=US.1");
	struct event event = decode(&entry);
	assert_int_equal(event.type, EVENT_REPLIED);
	assert_slice(event.alias, "US.1");
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
	    cmocka_unit_test(an_unknown_status_is_stored_as_received),
	    cmocka_unit_test(a_request_without_a_known_account_belongs_to_the_one_that_verified_it),
	    cmocka_unit_test(json_that_is_no_callback_is_unrecognised_and_kept_raw),
	    cmocka_unit_test(a_reply_says_what_it_says_of_consent_and_how_that_is_known),
	    cmocka_unit_test(what_only_sounds_like_an_opt_out_is_a_near_miss),
	    cmocka_unit_test(yes_to_a_toll_free_number_is_no_opt_in),
	    cmocka_unit_test(a_configured_word_is_a_cause_of_its_own),
	    cmocka_unit_test(a_reply_may_name_the_message_that_it_answers),
	    cmocka_unit_test(a_reply_at_the_fallback_url_has_no_error_code),
	    cmocka_unit_test(a_failure_for_an_opt_out_is_evidence_of_it),
	    cmocka_unit_test(a_click_folds_and_a_preview_does_not),
	    cmocka_unit_test(an_array_gives_an_event_for_each_element),
	    cmocka_unit_test(a_stream_s_tags_are_read_by_the_templates_of_its_callback_url),
	    cmocka_unit_test(a_stream_s_event_has_the_tags_of_its_callback_url),
	    cmocka_unit_test(a_stream_s_tags_that_do_not_fit_are_kept),
	    cmocka_unit_test(a_streamed_reply_is_a_reply),
	    cmocka_unit_test(a_test_event_is_a_notice),
	    cmocka_unit_test(a_failure_to_keep_one_ends_the_decoding),
	    cmocka_unit_test(an_alert_says_what_went_wrong_and_whether_it_is_ours),
	    cmocka_unit_test(an_alert_may_be_streamed),
	    cmocka_unit_test(a_voice_callback_is_an_alert_and_is_kept_raw),
	    cmocka_unit_test(only_a_call_is_a_voice_callback),
	    cmocka_unit_test(a_reply_at_the_fallback_url_is_an_alert),
	    cmocka_unit_test(a_hostile_url_is_quoted_visibly_and_in_part),
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
