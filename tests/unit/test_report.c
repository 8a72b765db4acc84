/* report: the same row as JSON, as CSV and for a terminal. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/query/events.h"
#include "dlrd/query/table.h"

#define T0 (INT64_C(1795183522) * CLOCK_SECOND_US) /* 2026-11-20T14:05:22Z */

static const struct report one_cell = {"rows", REPORT_COLUMNS({"x"})};

static void
assert_csv(struct slice text, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;
	struct report_row row = {{{.kind = CELL_TEXT, .text = text}}};
	report_csv_row(&one_cell, &row, NULL, &out);
	assert_true(out.len >= 2 && memcmp(out.ptr + out.len - 2, "\r\n", 2) == 0);
	out.len -= 2;
	assert_slice(buffer_slice(&out), expected);
	buffer_done(&out);
}

static void
plain_text_stands_as_it_is(void **state)
{
	(void)state;
	assert_csv(SLICE("delivered"), "delivered");
	assert_csv(SLICE(""), "");
	assert_csv(SLICE("a b;c'd"), "a b;c'd");
	assert_csv(SLICE("\xc3\xa4"), "\xc3\xa4");
	assert_csv(SLICE("1+1=2"), "1+1=2"); /* no formula: it begins with a digit */
}

static void
quotes_commas_and_line_breaks_are_quoted(void **state)
{
	(void)state;
	assert_csv(SLICE("a,b"), "\"a,b\"");
	assert_csv(SLICE("say \"hi\""), "\"say \"\"hi\"\"\"");
	assert_csv(SLICE("a\r\nb"), "\"a\r\nb\"");
	assert_csv(SLICE("\""), "\"\"\"\"");
}

static void
a_formula_is_neutralised(void **state)
{
	(void)state;
	assert_csv(SLICE("=1+1"), "\"'=1+1\"");
	assert_csv(
	    SLICE("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
	assert_csv(SLICE("+cmd|' /C calc'!A0"), "\"'+cmd|' /C calc'!A0\"");
	assert_csv(SLICE("-2+3"), "\"'-2+3\"");
	assert_csv(SLICE("@SUM(1)"), "\"'@SUM(1)\"");
	assert_csv(SLICE("\t=1"), "\"'\t=1\"");
	assert_csv(SLICE("\r=1"), "\"'\r=1\"");
	assert_csv(SLICE("+"), "\"'+\"");
	assert_csv(SLICE("+1+1"), "\"'+1+1\"");
	assert_csv(SLICE("+12345678901234567890"), "\"'+12345678901234567890\"");
}

static void
a_formula_is_neutralised_behind_what_spreadsheets_pass_over(void **state)
{
	(void)state;
	assert_csv(SLICE(" =1+1"), "\"' =1+1\"");
	assert_csv(SLICE("\n=1+1"), "\"'\n=1+1\"");
	assert_csv(SLICE(" \r\n\t@x"), "\"' \r\n\t@x\"");
	assert_csv(SLICE("\x01=1"), "\"'\xef\xbf\xbd=1\"");
	assert_csv(SLICE("\0=1"), "\"'\xef\xbf\xbd=1\"");
	assert_csv(SLICE("\xff=1"), "\"'\xef\xbf\xbd=1\"");
	assert_csv(SLICE("\xc2\xa0=1"), "\"'\xc2\xa0=1\"");
	assert_csv(SLICE("\xef\xbb\xbf=1"), "\"'\xef\xbb\xbf=1\"");
	assert_csv(SLICE("\nhello"), "\"'\nhello\"");
	assert_csv(SLICE("\xef\xbc\x9d"
			 "1+1"),
	    "\"'\xef\xbc\x9d"
	    "1+1\"");
	assert_csv(SLICE("\xef\xbc\x8b"), "\"'\xef\xbc\x8b\"");
	assert_csv(SLICE("\xef\xbc\x8d"), "\"'\xef\xbc\x8d\"");
	assert_csv(SLICE("\xef\xbc\xa0"), "\"'\xef\xbc\xa0\"");
	assert_csv(SLICE("\xef\xbc\xa1"), "\xef\xbc\xa1"); /* a letter */
	assert_csv(SLICE(" hello"), " hello");
}

static void
a_cell_is_utf8_without_controls(void **state)
{
	(void)state;
	assert_csv(SLICE("a\0b"), "a\xef\xbf\xbd"
				  "b");
	assert_csv(SLICE("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd");
	assert_csv(SLICE("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_csv(SLICE("a\x1b[2J\x7f"), "a\xef\xbf\xbd[2J\xef\xbf\xbd");
	assert_csv(SLICE("a\xc2\x9b"), "a\xef\xbf\xbd");
	assert_csv(SLICE("a\tb"), "\"a\tb\"");
	assert_csv(SLICE("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
	for (int byte = 0; byte < 256; byte++) {
		const char text[] = {'a', (char)byte, 'b'};
		struct report_row row = {
		    {{.kind = CELL_TEXT, .text = (struct slice){text, sizeof text}}}};
		struct buffer out = BUFFER_EMPTY;
		report_csv_row(&one_cell, &row, NULL, &out);
		bool keeps =
		    byte >= ' ' ? byte < 0x7f : byte == '\t' || byte == '\r' || byte == '\n';
		assert_int_equal(slice_find(buffer_slice(&out), (char)0xef) == out.len, keeps);
		buffer_done(&out);
	}
}

static void
a_telephone_number_keeps_its_plus(void **state)
{
	(void)state;
	assert_csv(SLICE("+15005550006"), "+15005550006");
	assert_csv(SLICE("+447700900123"), "+447700900123");
	assert_csv(SLICE("whatsapp:+15005550006"), "whatsapp:+15005550006");
}

static void
assert_json(const struct report *report, const struct report_row *row, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;
	struct json_t *object = report_json(report, row, NULL);
	assert_ok(json_write(object, &out));
	assert_slice(buffer_slice(&out), expected);
	json_free(object);
	buffer_done(&out);
}

/* Each integer is the number of its column. */
static void
a_campaign_has_its_fixed_members(void **state)
{
	(void)state;
	const struct report *report = &query_find("/v1/campaigns")->report;
	struct report_row row;
	struct buffer out = BUFFER_EMPTY;
	for (size_t i = 0; i < report->count; i++)
		row.cells[i] = (struct cell){.kind = report->columns[i].kind,
		    .text = report->columns[i].kind == CELL_NUMBERS ? SLICE("1 2") : SLICE("x"),
		    .number = report->columns[i].kind == CELL_TIME ? T0 : (int64_t)i,
		    .real = 3.0 / 7};
	assert_json(report, &row,
	    "{\"workspace\":\"x\",\"campaign\":\"x\",\"messages\":2,\"sent\":3,\"delivered\":4,"
	    "\"failed\":5,\"read\":6,\"replied\":7,\"clicked\":8,\"opted_out\":9,\"pending\":10,"
	    "\"delivery_rate\":0.428571428571429,\"first\":\"2026-11-20T14:05:22.000Z\","
	    "\"last\":\"2026-11-20T14:05:22.000Z\",\"canceled\":14,\"conflicts\":15,"
	    "\"duplicates\":16,\"clicked_messages\":17,\"click_rate\":0.428571428571429,"
	    "\"delivery_rate_low\":0.428571428571429,\"delivery_rate_high\":0.428571428571429,"
	    "\"median_seconds\":0.428571428571429,\"p95_seconds\":0.428571428571429,"
	    "\"last_24_hours\":[1,2],\"pending_ages\":{\"under_1h\":24,\"under_6h\":25,"
	    "\"under_24h\":26,\"under_72h\":27,\"older\":28}}");
	report_csv_head(report, &out);
	report_csv_row(report, &row, NULL, &out);
	assert_slice(buffer_slice(&out),
	    "workspace,campaign,messages,sent,delivered,failed,read,replied,clicked,opted_out,"
	    "pending,delivery_rate,first,last,canceled,conflicts,duplicates,clicked_messages,"
	    "click_rate,delivery_rate_low,delivery_rate_high,median_seconds,p95_seconds,last_24_"
	    "hours,"
	    "pending_under_1h,pending_under_6h,"
	    "pending_under_24h,pending_under_72h,pending_older\r\n"
	    "x,x,2,3,4,5,6,7,8,9,10,0.4286,2026-11-20T14:05:22.000Z,2026-11-20T14:05:22.000Z,"
	    "14,15,16,17,0.4286,0.4286,0.4286,0.4286,0.4286,1 2,24,25,26,27,28\r\n");
	buffer_done(&out);
}

static void
an_event_shows_null_for_what_it_lacks(void **state)
{
	(void)state;
	struct event_row event = {.seq = 7,
	    .media_count = 2,
	    .media_types = SLICE("image/jpeg image/png"),
	    .from_country = SLICE("US"),
	    .event = {.time_us = T0,
		.type = EVENT_SENT,
		.error_code = -1,
		.workspace = SLICE(""),
		.campaign = SLICE(""),
		.variant = SLICE(""),
		.message = SLICE("SM1"),
		.status_text = SLICE("sent"),
		.extra = SLICE("{\"a\":[\"1\"]}"),
		.raw_query = SLICE("not json")}};
	struct report_row row = query_event_row(&event);
	assert_json(&query_events.report, &row,
	    "{\"seq\":7,\"time\":\"2026-11-20T14:05:22.000Z\",\"type\":\"Sent\",\"workspace\":\"\","
	    "\"campaign\":\"\",\"variant\":\"\",\"account\":null,\"message\":\"SM1\","
	    "\"status\":\"sent\",\"error_code\":null,\"from\":null,\"to\":null,\"service\":null,"
	    "\"body\":null,\"keyword\":null,\"media_count\":2,"
	    "\"media_types\":[\"image/jpeg\",\"image/png\"],\"media_links\":[],\"from_city\":null,"
	    "\"from_state\":null,\"from_zip\":null,\"from_country\":\"US\"}");
	row = query_receipt_row(&event);
	struct buffer out = BUFFER_EMPTY;
	struct json_t *object = report_json(&query_message.report, &row, NULL);
	assert_ok(json_write(object, &out));
	/* what was stored as JSON is shown as JSON */
	assert_contains(buffer_slice(&out), "\"done_date\":null,\"parameters\":{\"a\":[\"1\"]},"
					    "\"raw_query\":\"not json\",\"raw_body\":null,"
					    "\"stream\":false,\"link\":null,\"occurred\":null,"
					    "\"near_miss\":null,\"consent\":null,\"cause\":null,"
					    "\"rule\":null,\"candidates\":null,\"answers\":null}");
	json_free(object);
	buffer_done(&out);
}

static void
a_report_has_as_many_cells_as_columns(void **state)
{
	(void)state;
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++) {
		const struct report *const reports[] = {
		    &query->report, &query->one, &query->members};
		assert_in_range(query_http_report(query)->count, 1, REPORT_COLUMNS_MAX);
		for (size_t k = 0; k < COUNT_OF(reports) * REPORT_COLUMNS_MAX; k++) {
			const struct report *report = reports[k / REPORT_COLUMNS_MAX];
			size_t column = k % REPORT_COLUMNS_MAX;
			assert_int_equal(
			    report->columns[column].name != NULL, column < report->count);
		}
	}
}

static void
assert_cell(struct cell cell, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;
	report_cell_text(&cell, NULL, &out);
	assert_slice(buffer_slice(&out), expected);
	buffer_done(&out);
}

static void
a_terminal_sees_no_control_bytes(void **state)
{
	(void)state;
	assert_cell((struct cell){.kind = CELL_TEXT, .text = SLICE("a\x1b[2J\n\t\x7f\xc3\xa4")},
	    "a\\x1b[2J\\x0a\\x09\\x7f\xc3\xa4");
	assert_cell((struct cell){.kind = CELL_NULL}, "");
	assert_cell((struct cell){.kind = CELL_INT, .number = -5}, "-5");
	assert_cell((struct cell){.kind = CELL_BOOL, .number = 1}, "yes");
	assert_cell((struct cell){.kind = CELL_TIME, .number = T0}, "2026-11-20T14:05:22.000Z");
}

/* U+009B starts a control sequence, as the bare byte 0x9b does on some terminals. */
static void
a_terminal_sees_nothing_of_a_c1_control(void **state)
{
	(void)state;
	static const char *const texts[] = {"\xc2\x9b"
					    "2J",
	    "\x9b"
	    "2J",
	    "\xc2\x85"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct buffer out = BUFFER_EMPTY;
		struct cell cell = {.kind = CELL_TEXT, .text = slice_of(texts[i])};
		report_cell_text(&cell, NULL, &out);
		bool clean = true;
		for (size_t at = 0; at < out.len; at++)
			clean &= (unsigned char)out.ptr[at] < 0x80;
		buffer_done(&out);
		assert_true(clean);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_text_stands_as_it_is),
	    cmocka_unit_test(quotes_commas_and_line_breaks_are_quoted),
	    cmocka_unit_test(a_formula_is_neutralised),
	    cmocka_unit_test(a_formula_is_neutralised_behind_what_spreadsheets_pass_over),
	    cmocka_unit_test(a_cell_is_utf8_without_controls),
	    cmocka_unit_test(a_telephone_number_keeps_its_plus),
	    cmocka_unit_test(a_campaign_has_its_fixed_members),
	    cmocka_unit_test(an_event_shows_null_for_what_it_lacks),
	    cmocka_unit_test(a_report_has_as_many_cells_as_columns),
	    cmocka_unit_test(a_terminal_sees_no_control_bytes),
	    cmocka_unit_test(a_terminal_sees_nothing_of_a_c1_control),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
