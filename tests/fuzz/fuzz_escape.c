/* escape: text of any bytes on its way to a log, a terminal, a CSV cell, a metric's label, a JSON
 * string and a TwiML document. None of them lets a control through. */
#include "dlrd/base/metrics.h"
#include "dlrd/query/report.h"
#include "dlrd/twilio/twiml.h"

#include "fuzz.h"

static void
check_log(struct slice text)
{
	struct buffer out = BUFFER_EMPTY, again = BUFFER_EMPTY;
	buffer_append_visible(&out, text);
	buffer_append_visible(&again, buffer_slice(&out));
	CHECK(slice_is_utf8(buffer_slice(&out)));
	CHECK(slice_equal(buffer_slice(&out), buffer_slice(&again)));
	for (size_t i = 0; i < out.len; i++)
		CHECK((unsigned char)out.ptr[i] >= ' ' && out.ptr[i] != 0x7f);
	buffer_done(&out);
	buffer_done(&again);
}

static void
check_repair(struct slice text)
{
	struct buffer out = BUFFER_EMPTY;
	buffer_append_repaired(&out, text);
	CHECK(slice_is_utf8(buffer_slice(&out)));
	CHECK(slice_equal(buffer_slice(&out), text) == slice_is_utf8(text));
	buffer_done(&out);
}

static void
check_cell(struct slice text)
{
	struct buffer out = BUFFER_EMPTY, shown = BUFFER_EMPTY;
	const struct report report = {.list_key = "list", .count = 1, .columns = {{"a"}}};
	const struct report_row row = {.cells = {{.kind = CELL_TEXT, .text = text}}};
	report_csv_row(&report, &row, NULL, &out);
	CHECK(slice_is_utf8(buffer_slice(&out)));
	CHECK(out.len >= 2 && memcmp(out.ptr + out.len - 2, "\r\n", 2) == 0);
	size_t quotes = 0;
	for (size_t i = 0; i < out.len; i++) {
		unsigned char byte = (unsigned char)out.ptr[i];
		quotes += byte == '"';
		CHECK(byte >= ' ' || byte == '\t' || byte == '\r' || byte == '\n');
	}
	CHECK(quotes % 2 == 0);
	report_cell_text(&row.cells[0], NULL, &shown);
	CHECK(fuzz_is_visible(buffer_slice(&shown)));
	buffer_done(&out);
	buffer_done(&shown);
}

static void
check_label(struct slice text)
{
	struct buffer out = BUFFER_EMPTY;
	metrics_label(&out, "name", text);
	struct slice label = buffer_slice(&out);
	CHECK(slice_find(label, '\n') == label.len && label.ptr[label.len - 1] == '"');
	buffer_done(&out);
}

static void
check_json(struct slice text)
{
	struct json_t *object = json_new_object();
	struct buffer out = BUFFER_EMPTY;
	json_put_text(object, "text", text);
	CHECK_OK(json_write(object, &out));
	for (size_t i = 0; i < out.len; i++)
		CHECK((unsigned char)out.ptr[i] >= ' ');
	fuzz_check_json(buffer_slice(&out), JSON_KIND_OBJECT);
	json_free(object);
	buffer_done(&out);
}

/* XML 1.0 has no controls but TAB, LF and CR, and no markup may come from the text. */
static void
check_twiml(struct slice text)
{
	struct buffer empty = BUFFER_EMPTY, out = BUFFER_EMPTY;
	size_t tags = 0, wanted = 0;
	twiml_message(SLICE(""), SLICE_NONE, &empty);
	twiml_message(text, SLICE_NONE, &out);
	CHECK(slice_is_utf8(buffer_slice(&out)));
	for (size_t i = 0; i < empty.len; i++)
		wanted += empty.ptr[i] == '<';
	for (size_t i = 0; i < out.len; i++) {
		unsigned char byte = (unsigned char)out.ptr[i];
		tags += byte == '<';
		CHECK(byte >= ' ' || byte == '\t' || byte == '\r' || byte == '\n');
	}
	CHECK(tags == wanted);
	buffer_done(&empty);
	buffer_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	check_log(text);
	check_repair(text);
	check_cell(text);
	check_label(text);
	check_json(text);
	check_twiml(text);
	fuzz_end(&input);
	return 0;
}
