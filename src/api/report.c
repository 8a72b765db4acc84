#include "dlrd/api/report.h"

#include "dlrd/base/clock.h"
#include "dlrd/twilio/address.h"

#include <string.h>

const struct report report_campaigns = {"campaigns", 26,
    {"workspace", "campaign", "messages", "sent", "delivered", "failed", "read", "replied",
	"clicked", "opted_out", "pending", "delivery_rate", "first", "last", "canceled",
	"conflicts", "duplicates", "clicked_messages", "click_rate", "delivery_rate_low",
	"delivery_rate_high", "pending_under_1h", "pending_under_6h", "pending_under_24h",
	"pending_under_72h", "pending_older"},
    "pending_", "pending_ages"};

#define ERROR_COLUMNS                                                                      \
	"code", "name", "kind", "permanence", "action", "count", "share", "first", "last", \
	    "recent", "previous", "trend", "samples"

const struct report report_errors = {"errors", 13, {ERROR_COLUMNS}};

const struct report report_all_errors = {"errors", 15, {"workspace", "campaign", ERROR_COLUMNS}};

const struct report report_series = {"points", 13,
    {"time", "messages", "sent", "delivered", "failed", "read", "replied", "clicked", "opted_out",
	"pending", "canceled", "conflicts", "clicked_messages"}};

const struct report report_providers = {"providers", 21,
    {"provider", "kind", "account", "service", "sender", "messages", "sent", "delivered", "failed",
	"read", "replied", "clicked", "opted_out", "pending", "delivery_rate", "delivery_rate_low",
	"delivery_rate_high", "canceled", "conflicts", "clicked_messages", "click_rate"}};

#define EVENT_COLUMNS                                                                              \
	"seq", "time", "type", "workspace", "campaign", "variant", "account", "message", "status", \
	    "error_code", "from", "to", "service", "body", "keyword"

const struct report report_events = {"events", 15, {EVENT_COLUMNS}};

const struct report report_receipts = {"receipts", 28,
    {EVENT_COLUMNS, "done_date", "parameters", "raw_query", "raw_body", "stream", "link",
	"occurred", "near_miss", "consent", "cause", "rule", "candidates", "answers"}};

const struct report report_replies = {"replies", 15,
    {"seq", "time", "workspace", "campaign", "variant", "account", "message", "from", "to",
	"service", "body", "keyword", "rule", "candidates", "answers"}};

const struct report report_near_misses = {"near_misses", 9,
    {"seq", "time", "number", "to", "service", "message", "body", "near_miss", "state"}};

const struct report report_optouts = {"optouts", 8,
    {"number", "scope", "state", "since", "cause", "message", "workspace", "campaign"}};

const struct report report_scopes = {"scopes", 5, {"scope", "state", "since", "cause", "message"}};

const struct report report_history = {
    "history", 8, {"time", "state", "cause", "scope", "message", "changed", "body", "seq"}};

const struct report report_consent_changes = {"changes", 9,
    {"seq", "time", "number", "scope", "state", "cause", "message", "workspace", "campaign"}};

const struct report report_alerts = {"alerts", 15,
    {"seq", "time", "sid", "level", "account", "error_code", "name", "action", "ours", "resource",
	"request_url", "method", "response_status", "text", "occurred"}};

const struct report report_catalogue = {
    "errors", 5, {"code", "name", "kind", "permanence", "action"}};

const struct report report_signature_failures = {"failures", 9,
    {"route", "account", "causes", "proven", "url", "advice", "count", "first", "last"}};

#define QUARANTINE_COLUMNS                                                                         \
	"id", "first", "last", "count", "method", "target", "route", "account", "cause", "proven", \
	    "media_type", "bytes"

const struct report report_quarantine = {"quarantine", 12, {QUARANTINE_COLUMNS}};

const struct report report_quarantined = {"quarantine", 19,
    {QUARANTINE_COLUMNS, "signature", "host", "forwarded_proto", "forwarded_host", "original_uri",
	"body", "request"}};

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

static struct cell
boolean(bool value)
{
	return (struct cell){.kind = CELL_BOOL, .number = value};
}

/* --- figures --- */

/* The figures that every row has, in the order of the columns. */
static const enum figure first_figures[] = {FIGURE_MESSAGES, FIGURE_SENT, FIGURE_DELIVERED,
    FIGURE_FAILED, FIGURE_READ, FIGURE_REPLIED, FIGURE_CLICKED, FIGURE_OPTED_OUT, FIGURE_PENDING};

#define FIRST_FIGURES (sizeof first_figures / sizeof first_figures[0])

static struct cell *
put_first_figures(struct cell *cell, const int64_t figures[FIGURE_COUNT])
{
	for (size_t i = 0; i < FIRST_FIGURES; i++)
		*cell++ = integer(figures[first_figures[i]]);
	return cell;
}

static struct cell
delivery_rate(const int64_t figures[FIGURE_COUNT])
{
	return ratio(figures[FIGURE_DELIVERED], figures[FIGURE_DELIVERED] + figures[FIGURE_FAILED]);
}

/* The rate as it would be if all that is pending failed, or if good of it were delivered. */
static struct cell
delivery_rate_with(const int64_t figures[FIGURE_COUNT], int64_t good)
{
	return ratio(figures[FIGURE_DELIVERED] + good,
	    figures[FIGURE_DELIVERED] + figures[FIGURE_FAILED] + figures[FIGURE_PENDING]);
}

static struct cell
click_rate(const int64_t figures[FIGURE_COUNT])
{
	return ratio(figures[FIGURE_CLICKED_MESSAGES], figures[FIGURE_DELIVERED]);
}

struct report_row
report_campaign_row(const struct campaign_row *row)
{
	const int64_t *figures = row->figures;
	struct report_row out = {{text(row->workspace), text(row->campaign)}};
	struct cell *cell = put_first_figures(&out.cells[2], figures);
	*cell++ = delivery_rate(figures);
	*cell++ = time_cell(row->first_us);
	*cell++ = time_cell(row->last_us);
	*cell++ = integer(figures[FIGURE_CANCELED]);
	*cell++ = integer(figures[FIGURE_CONFLICTS]);
	*cell++ = integer(row->duplicates);
	*cell++ = integer(figures[FIGURE_CLICKED_MESSAGES]);
	*cell++ = click_rate(figures);
	*cell++ = delivery_rate_with(figures, 0);
	*cell++ = delivery_rate_with(figures, figures[FIGURE_PENDING]);
	for (size_t i = 0; i < PENDING_AGE_COUNT; i++)
		*cell++ = integer(row->pending_ages[i]);
	return out;
}

struct report_row
report_point_row(int64_t time_us, const int64_t figures[FIGURE_COUNT])
{
	struct report_row out = {{{.kind = CELL_TIME, .number = time_us}}};
	struct cell *cell = put_first_figures(&out.cells[1], figures);
	*cell++ = integer(figures[FIGURE_CANCELED]);
	*cell++ = integer(figures[FIGURE_CONFLICTS]);
	*cell++ = integer(figures[FIGURE_CLICKED_MESSAGES]);
	return out;
}

struct report_row
report_provider_row(const struct provider_row *row)
{
	const int64_t *figures = row->figures;
	enum address_kind kind = address_kind_of_sender(row->sender, row->service);
	struct report_row out = {
	    {text(row->name), text(kind == ADDRESS_NONE ? SLICE_NONE : address_kind_name(kind)),
		text(row->account), text(row->service), text(row->sender)}};
	struct cell *cell = put_first_figures(&out.cells[5], figures);
	*cell++ = delivery_rate(figures);
	*cell++ = delivery_rate_with(figures, 0);
	*cell++ = delivery_rate_with(figures, figures[FIGURE_PENDING]);
	*cell++ = integer(figures[FIGURE_CANCELED]);
	*cell++ = integer(figures[FIGURE_CONFLICTS]);
	*cell++ = integer(figures[FIGURE_CLICKED_MESSAGES]);
	*cell++ = click_rate(figures);
	return out;
}

struct error_filter
report_error_filter(int64_t campaign_id, struct slice variant, int64_t from_us, int64_t to_us)
{
	int64_t now_us = clock_wall_us();
	bool bounded = from_us != 0 || to_us != 0;
	return (struct error_filter){.campaign_id = campaign_id,
	    .variant = variant,
	    .from_us = from_us,
	    .to_us = to_us,
	    .recent_us = bounded ? from_us : now_us - CLOCK_DAY_US,
	    .until_us = to_us != 0 ? to_us : now_us};
}

struct report_row
report_error_row(const struct campaign_error_row *row, int64_t failed)
{
	struct cell samples = {.kind = CELL_LIST, .text = row->samples};
	return (struct report_row){{code_cell(row->code), text(row->name), text(row->kind),
	    text(row->permanence), text(row->action), integer(row->count),
	    ratio(row->count, failed), time_cell(row->first_us), time_cell(row->last_us),
	    integer(row->recent), integer(row->previous),
	    ratio(row->recent - row->previous, row->previous), samples}};
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

/* --- events --- */

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

/* Only a reply has any. */
static struct cell
candidates(const struct event_row *row)
{
	return row->rule.ptr == NULL ? (struct cell){.kind = CELL_NULL} : integer(row->candidates);
}

struct report_row
report_receipt_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	struct report_row out = report_event_row(row);
	struct cell *cell = &out.cells[report_events.count];
	*cell++ = text(event->done_date);
	*cell++ = text(event->extra);
	*cell++ = text(event->raw_query);
	*cell++ = text(event->raw_body);
	*cell++ = boolean(event->stream);
	*cell++ = text(event->link);
	*cell++ = text(event->occurred);
	*cell++ = text(event->near_miss);
	*cell++ = text(consent_name(event->consent));
	*cell++ = text(event->cause);
	*cell++ = text(row->rule);
	*cell++ = candidates(row);
	*cell++ = text(row->answers);
	return out;
}

struct report_row
report_reply_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	return (struct report_row){{integer((int64_t)row->seq), time_cell(event->time_us),
	    text(event->workspace), text(event->campaign), text(event->variant),
	    text(event->account), text(event->message), text(event->from), text(event->to),
	    text(event->service), text(event->body), text(event->keyword), text(row->rule),
	    candidates(row), text(row->answers)}};
}

struct report_row
report_near_miss_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	return (struct report_row){{integer((int64_t)row->seq), time_cell(event->time_us),
	    text(event->from), text(event->to), text(event->service), text(event->message),
	    text(event->body), text(event->near_miss), text(row->consent_state)}};
}

struct report_row
report_alert_row(const struct alert_row *row)
{
	return (struct report_row){
	    {integer(row->seq), time_cell(row->time_us), text(row->sid), text(row->level),
		text(row->account), code_cell(row->error_code), text(row->name), text(row->action),
		boolean(row->ours), text(row->resource), text(row->request_url), text(row->method),
		code_cell(row->response_status), text(row->text), text(row->occurred)}};
}

/* --- the opt-out ledger --- */

struct report_row
report_optout_row(const struct consent_row *row)
{
	return (struct report_row){
	    {text(row->number), text(row->scope), text(row->state), time_cell(row->time_us),
		text(row->cause), text(row->message), text(row->workspace), text(row->campaign)}};
}

struct report_row
report_scope_row(const struct consent_row *row)
{
	return (struct report_row){{text(row->scope), text(row->state), time_cell(row->time_us),
	    text(row->cause), text(row->message)}};
}

struct report_row
report_history_row(const struct consent_row *row)
{
	return (struct report_row){{time_cell(row->time_us), text(row->state), text(row->cause),
	    text(row->scope), text(row->message), boolean(row->changed), text(row->body),
	    integer(row->event_seq)}};
}

struct report_row
report_consent_change_row(const struct consent_row *row)
{
	return (struct report_row){{integer(row->seq), time_cell(row->time_us), text(row->number),
	    text(row->scope), text(row->state), text(row->cause), text(row->message),
	    text(row->workspace), text(row->campaign)}};
}

struct report_row
report_catalogue_row(const struct catalogue_row *row)
{
	return (struct report_row){{integer(row->code), text(row->name), text(row->kind),
	    text(row->permanence), text(row->action)}};
}

/* --- what was refused --- */

static struct cell
text_or_null(struct slice value)
{
	return text(value.len == 0 ? SLICE_NONE : value);
}

struct report_row
report_signature_failure_row(const struct signature_failure *failure)
{
	return (struct report_row){{text(failure->route), text_or_null(failure->account),
	    text(failure->causes), boolean(failure->proven), text_or_null(failure->url),
	    text(failure->advice), integer((int64_t)failure->count), time_cell(failure->first_us),
	    time_cell(failure->last_us)}};
}

struct report_row
report_quarantine_row(const struct quarantined *request)
{
	return (struct report_row){{integer((int64_t)request->id), time_cell(request->first_us),
	    time_cell(request->last_us), integer((int64_t)request->count), text(request->method),
	    text(request->target), text(request->route), text_or_null(request->account),
	    text(request->cause), boolean(request->proven), text(request->media_type),
	    integer((int64_t)request->body.len)}};
}

struct report_row
report_quarantined_row(const struct quarantined *request, struct slice raw)
{
	struct report_row out = report_quarantine_row(request);
	struct cell *cell = &out.cells[report_quarantine.count];
	*cell++ = text(request->signature);
	*cell++ = text(request->host);
	*cell++ = text(request->forwarded_proto);
	*cell++ = text(request->forwarded_host);
	*cell++ = text(request->original_uri);
	*cell++ = text(request->body);
	*cell++ = text(raw);
	return out;
}

/* --- as JSON --- */

static struct json_t *
list_json(struct slice words)
{
	struct json_t *array = json_new_array();
	while (words.len > 0)
		json_push_text(array, slice_take(&words, ' '));
	return array;
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
	case CELL_LIST: json_put(object, key, list_json(cell->text)); return;
	case CELL_TEXT: break;
	}
	/* What was stored as JSON is shown as JSON. */
	if (slice_equal(slice_of(key), SLICE("parameters")) &&
	    json_parse(cell->text, &parameters) == RESULT_OK)
		json_put(object, key, parameters);
	else
		json_put_text(object, key, cell->text);
}

/* Where a column goes: *out_key is its name there. A group's object is made by its first column. */
static struct json_t *
place_of(
    const struct report *report, struct json_t *object, const char *column, const char **out_key)
{
	*out_key = column;
	if (report->group_prefix == NULL ||
	    !slice_starts_with(slice_of(column), slice_of(report->group_prefix)))
		return object;
	*out_key = column + strlen(report->group_prefix);
	if (json_get(object, report->group_key) == NULL)
		json_put(object, report->group_key, json_new_object());
	return json_get(object, report->group_key);
}

struct json_t *
report_json(const struct report *report, const struct report_row *row)
{
	struct json_t *object = json_new_object();
	for (size_t i = 0; object != NULL && i < report->count; i++) {
		const char *key;
		struct json_t *place = place_of(report, object, report->columns[i], &key);
		if (place != NULL)
			put_cell(place, key, &row->cells[i]);
	}
	return object;
}

/* --- as CSV, and for a terminal --- */

static bool
is_telephone_number(struct slice value)
{
	if (value.len < 2 || value.len > 19 || value.ptr[0] != '+')
		return false;
	int64_t digits;
	return slice_to_int(slice_from(value, 1), &digits) == RESULT_OK;
}

/* White space that spreadsheets pass over before they look for a formula. */
static const struct slice wide_spaces[] = {
    SLICE_INIT("\xc2\xa0"),     /* no-break space */
    SLICE_INIT("\xe2\x80\xaf"), /* narrow no-break space */
    SLICE_INIT("\xe2\x80\xa8"), /* line separator */
    SLICE_INIT("\xe2\x80\xa9"), /* paragraph separator */
    SLICE_INIT("\xe2\x80\x8b"), /* zero-width space */
    SLICE_INIT("\xe3\x80\x80"), /* ideographic space */
    SLICE_INIT("\xef\xbb\xbf"), /* byte order mark */
};

static const struct slice formula_signs[] = {
    SLICE_INIT("="),
    SLICE_INIT("+"),
    SLICE_INIT("-"),
    SLICE_INIT("@"),
    SLICE_INIT("\xef\xbc\x9d"), /* the full-width forms of the four */
    SLICE_INIT("\xef\xbc\x8b"),
    SLICE_INIT("\xef\xbc\x8d"),
    SLICE_INIT("\xef\xbc\xa0"),
};

/* The length of the one of items that value starts with; 0 for none. */
static size_t
start_of(struct slice value, const struct slice *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_starts_with(value, items[i]))
			return items[i].len;
	return 0;
}

/* The length of what value starts with: a character, or a byte that is none. *out_fits: it may
 * stand in a cell, as controls may not but for three. */
static size_t
cell_character(struct slice value, bool *out_fits)
{
	unsigned char byte = (unsigned char)value.ptr[0];
	size_t len = slice_utf8_len(value);
	bool is_c1 = byte == 0xc2 && len == 2 && (unsigned char)value.ptr[1] < 0xa0;
	bool is_c0 = byte < ' ' && byte != '\t' && byte != '\r' && byte != '\n';
	*out_fits = len > 0 && !is_c0 && !is_c1 && byte != 0x7f;
	return len > 0 ? len : 1;
}

/* Without what stands before the first character that shows. */
static struct slice
without_blanks(struct slice value)
{
	while (value.len > 0) {
		bool fits;
		size_t len = cell_character(value, &fits);
		bool is_wide =
		    start_of(value, wide_spaces, sizeof wide_spaces / sizeof wide_spaces[0]) > 0;
		if (fits && !is_wide && (unsigned char)value.ptr[0] > ' ')
			break;
		value = slice_from(value, len);
	}
	return value;
}

/* Whether a spreadsheet could run the text, or pass over its beginning and then run it. */
static bool
is_formula(struct slice value)
{
	if (value.len == 0 || is_telephone_number(value))
		return false;
	return slice_find(SLICE("\t\r\n"), value.ptr[0]) < 3 ||
	       start_of(without_blanks(value), formula_signs,
		   sizeof formula_signs / sizeof formula_signs[0]) > 0;
}

static void
csv_text(struct slice value, struct buffer *out)
{
	bool formula = is_formula(value), quote = formula;
	for (size_t i = 0; i < value.len && !quote; i++)
		quote = slice_find(SLICE(",\"\t\r\n"), value.ptr[i]) < 5;
	if (quote)
		buffer_append_byte(out, '"');
	if (formula)
		buffer_append_byte(out, '\'');
	while (value.len > 0) {
		bool fits;
		size_t len = cell_character(value, &fits);
		if (value.ptr[0] == '"')
			buffer_append_byte(out, '"');
		buffer_append(out, fits ? (struct slice){value.ptr, len} : SLICE("\xef\xbf\xbd"));
		value = slice_from(value, len);
	}
	if (quote)
		buffer_append_byte(out, '"');
}

void
report_csv_head(const struct report *report, struct buffer *out)
{
	for (size_t i = 0; i < report->count; i++)
		buffer_appendf(out, "%s%s", i > 0 ? "," : "", report->columns[i]);
	buffer_append(out, SLICE("\r\n"));
}

static bool
is_text(const struct cell *cell)
{
	return cell->kind == CELL_TEXT || cell->kind == CELL_LIST;
}

static void
plain_cell(const struct cell *cell, struct buffer *out)
{
	char time[CLOCK_TEXT_SIZE];
	switch (cell->kind) {
	case CELL_NULL:
	case CELL_LIST:
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
		if (is_text(&row->cells[i]))
			csv_text(row->cells[i].text, out);
		else
			plain_cell(&row->cells[i], out);
	}
	buffer_append(out, SLICE("\r\n"));
}

void
report_cell_text(const struct cell *cell, struct buffer *out)
{
	if (!is_text(cell)) {
		plain_cell(cell, out);
		return;
	}
	buffer_append_visible(out, cell->text);
}
