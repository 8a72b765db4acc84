#include "dlrd/api/report.h"

#include "dlrd/base/clock.h"

const struct report report_campaigns = {"campaigns", 14,
    {"workspace", "campaign", "messages", "sent", "delivered", "failed", "read", "replied",
	"clicked", "opted_out", "pending", "delivery_rate", "first", "last"}};

const struct report report_errors = {"errors", 9,
    {"code", "name", "kind", "permanence", "action", "count", "share", "first", "last"}};

const struct report report_all_errors = {"errors", 11,
    {"workspace", "campaign", "code", "name", "kind", "permanence", "action", "count", "share",
	"first", "last"}};

const struct report report_events = {"events", 15,
    {"seq", "time", "type", "workspace", "campaign", "variant", "account", "message", "status",
	"error_code", "from", "to", "service", "body", "keyword"}};

const struct report report_receipts = {"receipts", 19,
    {"seq", "time", "type", "workspace", "campaign", "variant", "account", "message", "status",
	"error_code", "from", "to", "service", "body", "keyword", "done_date", "parameters",
	"raw_query", "raw_body"}};

const struct report report_catalogue = {
    "errors", 5, {"code", "name", "kind", "permanence", "action"}};

static struct cell
text(struct slice value)
{
	return (struct cell){.kind = value.ptr == NULL ? CELL_NULL : CELL_TEXT, .text = value};
}

static struct cell
integer(int64_t value)
{
	return (struct cell){.kind = CELL_INT, .number = value};
}

static struct cell
code_cell(int64_t code)
{
	return code < 0 ? (struct cell){.kind = CELL_NULL} : integer(code);
}

static struct cell
time_cell(int64_t time_us)
{
	return (struct cell){.kind = time_us == 0 ? CELL_NULL : CELL_TIME, .number = time_us};
}

static struct cell
ratio(int64_t part, int64_t whole)
{
	if (whole == 0)
		return (struct cell){.kind = CELL_NULL};
	return (struct cell){.kind = CELL_REAL, .real = (double)part / (double)whole};
}

struct report_row
report_campaign_row(const struct campaign_row *row)
{
	static const enum figure shown[] = {FIGURE_MESSAGES, FIGURE_SENT, FIGURE_DELIVERED,
	    FIGURE_FAILED, FIGURE_READ, FIGURE_REPLIED, FIGURE_CLICKED, FIGURE_OPTED_OUT,
	    FIGURE_PENDING};
	const int64_t *figures = row->figures;
	struct report_row out = {{text(row->workspace), text(row->campaign)}};
	for (size_t i = 0; i < 9; i++)
		out.cells[2 + i] = integer(figures[shown[i]]);
	out.cells[11] =
	    ratio(figures[FIGURE_DELIVERED], figures[FIGURE_DELIVERED] + figures[FIGURE_FAILED]);
	out.cells[12] = time_cell(row->first_us);
	out.cells[13] = time_cell(row->last_us);
	return out;
}

struct report_row
report_error_row(const struct campaign_error_row *row, int64_t failed)
{
	return (struct report_row){{code_cell(row->code), text(row->name), text(row->kind),
	    text(row->permanence), text(row->action), integer(row->count),
	    ratio(row->count, failed), time_cell(row->first_us), time_cell(row->last_us)}};
}

struct report_row
report_all_errors_row(struct slice workspace, struct slice campaign,
    const struct campaign_error_row *row, int64_t failed)
{
	struct report_row out = {{text(workspace), text(campaign)}};
	struct report_row cells = report_error_row(row, failed);
	for (size_t i = 0; i < report_errors.count; i++)
		out.cells[2 + i] = cells.cells[i];
	return out;
}

struct report_row
report_event_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	return (struct report_row){{integer((int64_t)row->seq), time_cell(event->time_us),
	    text(event_type_name(event->type)), text(event->workspace), text(event->campaign),
	    text(event->variant), text(event->account), text(event->message),
	    text(event->status_text), code_cell(event->error_code), text(event->from),
	    text(event->to), text(event->service), text(event->body), text(event->keyword)}};
}

struct report_row
report_receipt_row(const struct event_row *row)
{
	struct report_row out = report_event_row(row);
	out.cells[15] = text(row->event.done_date);
	out.cells[16] = text(row->event.extra);
	out.cells[17] = text(row->event.raw_query);
	out.cells[18] = text(row->event.raw_body);
	return out;
}

struct report_row
report_catalogue_row(const struct catalogue_row *row)
{
	return (struct report_row){{integer(row->code), text(row->name), text(row->kind),
	    text(row->permanence), text(row->action)}};
}

static void
put_cell(struct json_t *object, const char *key, const struct cell *cell)
{
	char time[CLOCK_TEXT_SIZE];
	struct json_t *parameters;
	switch (cell->kind) {
	case CELL_NULL: json_put_null(object, key); return;
	case CELL_INT: json_put_int(object, key, cell->number); return;
	case CELL_REAL: json_put_real(object, key, cell->real); return;
	case CELL_BOOL: json_put_bool(object, key, cell->number != 0); return;
	case CELL_TIME:
		json_put_text(object, key, slice_of(clock_format(cell->number, time)));
		return;
	case CELL_TEXT: break;
	}
	/* What was stored as JSON is shown as JSON. */
	if (slice_equal(slice_of(key), SLICE("parameters")) &&
	    json_parse(cell->text, &parameters) == RESULT_OK)
		json_put(object, key, parameters);
	else
		json_put_text(object, key, cell->text);
}

struct json_t *
report_json(const struct report *report, const struct report_row *row)
{
	struct json_t *object = json_new_object();
	for (size_t i = 0; object != NULL && i < report->count; i++)
		put_cell(object, report->columns[i], &row->cells[i]);
	return object;
}

static bool
is_telephone_number(struct slice value)
{
	if (value.len < 2 || value.len > 19 || value.ptr[0] != '+')
		return false;
	int64_t digits;
	return slice_to_int(slice_from(value, 1), &digits) == RESULT_OK;
}

static void
csv_text(struct slice value, struct buffer *out)
{
	bool formula = value.len > 0 && slice_find(SLICE("=+-@\t\r"), value.ptr[0]) < 6 &&
		       !is_telephone_number(value);
	bool quote = formula;
	for (size_t i = 0; i < value.len && !quote; i++)
		quote = slice_find(SLICE(",\"\r\n"), value.ptr[i]) < 4;
	if (!quote) {
		buffer_append(out, value);
		return;
	}
	buffer_append_byte(out, '"');
	if (formula)
		buffer_append_byte(out, '\'');
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '"')
			buffer_append_byte(out, '"');
		buffer_append_byte(out, value.ptr[i]);
	}
	buffer_append_byte(out, '"');
}

void
report_csv_head(const struct report *report, struct buffer *out)
{
	for (size_t i = 0; i < report->count; i++)
		buffer_appendf(out, "%s%s", i > 0 ? "," : "", report->columns[i]);
	buffer_append(out, SLICE("\r\n"));
}

static void
plain_cell(const struct cell *cell, struct buffer *out)
{
	char time[CLOCK_TEXT_SIZE];
	switch (cell->kind) {
	case CELL_NULL:
	case CELL_TEXT: return;
	case CELL_INT: buffer_appendf(out, "%lld", (long long)cell->number); return;
	case CELL_REAL: buffer_appendf(out, "%.4f", cell->real); return;
	case CELL_BOOL: buffer_append(out, cell->number ? SLICE("yes") : SLICE("no")); return;
	case CELL_TIME: buffer_append(out, slice_of(clock_format(cell->number, time))); return;
	}
}

void
report_csv_row(const struct report *report, const struct report_row *row, struct buffer *out)
{
	for (size_t i = 0; i < report->count; i++) {
		if (i > 0)
			buffer_append_byte(out, ',');
		if (row->cells[i].kind == CELL_TEXT)
			csv_text(row->cells[i].text, out);
		else
			plain_cell(&row->cells[i], out);
	}
	buffer_append(out, SLICE("\r\n"));
}

void
report_cell_text(const struct cell *cell, struct buffer *out)
{
	if (cell->kind != CELL_TEXT) {
		plain_cell(cell, out);
		return;
	}
	buffer_append_visible(out, cell->text);
}
