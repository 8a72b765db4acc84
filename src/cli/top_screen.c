#include "top_screen.h"

#include "dlrd/query/report.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 8
#define SNAPSHOT_ROWS 10 /* of each part, if the number of rows is not limited */
#define GAP 2

struct column {
	const char *name;
	int width; /* 0: what is left of the line; only of the last one */
	bool right;
};

/* A part of the screen: a list of rows under a heading. */
struct part {
	const struct column *columns;
	size_t count;
	size_t rows; /* that there are */
	/* Appends the text of a cell. */
	void (*append)(const struct part *part, size_t row, size_t column, struct buffer *out);
	const struct json_t *list;
	const struct json_t *other; /* a second answer, to look codes up in */
	const size_t *order;        /* of the rows; NULL: theirs */
	const struct time_zone *zone;
};

struct drawing {
	const struct top_view *view;
	struct buffer *out;
	int lines;
};

/* --- lines --- */

/* Ends a line, of which line is the text, unless the window is full. */
static void
add_line(struct drawing *drawing, struct slice line, const char *style)
{
	const struct top_view *view = drawing->view;
	if (view->rows > 0 && drawing->lines >= view->rows)
		return;
	bool is_styled = view->styled && style != NULL;
	if (view->styled && drawing->lines > 0)
		buffer_append(drawing->out, SLICE("\r\n"));
	if (is_styled)
		buffer_append(drawing->out, slice_of(style));
	if (view->styled)
		table_append_column(line, view->columns, false, drawing->out);
	else
		buffer_append(drawing->out, line);
	if (is_styled)
		buffer_append(drawing->out, SLICE("\x1b[0m"));
	if (!view->styled)
		buffer_append_byte(drawing->out, '\n');
	drawing->lines++;
}

static void
append_rate(struct buffer *line, const char *name, double rate)
{
	if (rate < 0)
		buffer_appendf(line, "%s -", name);
	else
		buffer_appendf(line, "%s %.1f/s", name, rate);
}

/* "07:38:12" */
static void
append_clock(int64_t wall_us, const struct time_zone *zone, struct buffer *out)
{
	char text[CLOCK_TEXT_SIZE];
	local_time_format(zone, wall_us, text);
	buffer_appendf(out, "%.8s", text + sizeof "2026-11-20T" - 1);
}

/* --- the first lines --- */

static void
draw_state(struct drawing *drawing, const struct top_data *data)
{
	const struct top_view *view = drawing->view;
	struct buffer line = BUFFER_EMPTY;
	int64_t now_us = clock_wall_us();
	buffer_append(&line, SLICE("dlrd top  "));
	append_clock(now_us, view->zone, &line);
	buffer_appendf(&line, "  %s  ", view->address);
	if (!data->is_still)
		buffer_append(&line, data->now.ready ? SLICE("ready") : SLICE("NOT READY"));
	else if (data->answered_us == 0)
		buffer_append(&line, SLICE("no data yet"));
	else {
		buffer_append(&line, SLICE("NO NEW DATA since "));
		append_clock(data->answered_us, view->zone, &line);
		buffer_appendf(&line, " (%lld s)",
		    (long long)((now_us - data->answered_us) / CLOCK_SECOND_US));
	}
	add_line(drawing, buffer_slice(&line), data->is_still ? "\x1b[7m" : "\x1b[1m");
	buffer_done(&line);
}

/* Why the daemon does not answer; else an empty line. */
static void
draw_reason(struct drawing *drawing, const struct top_data *data)
{
	struct buffer line = BUFFER_EMPTY;
	if (data->is_still)
		buffer_append_visible(&line, slice_of(data->why));
	add_line(drawing, buffer_slice(&line), NULL);
	buffer_done(&line);
}

static void
draw_rates(struct drawing *drawing, const struct top_data *data)
{
	struct buffer line = BUFFER_EMPTY;
	append_rate(&line, "accepted", top_data_rate(data, TOP_ACCEPTED));
	append_rate(&line, "   projected", top_data_rate(data, TOP_PROJECTED));
	if (data->now.at_us > 0)
		buffer_appendf(&line, "   lag %.0f entries, %.1f s", data->now.lag_entries,
		    data->now.lag_seconds);
	add_line(drawing, buffer_slice(&line), NULL);
	buffer_done(&line);
}

static void
draw_refused_rates(struct drawing *drawing, const struct top_data *data)
{
	static const struct {
		enum top_counter counter;
		const char *name;
	} causes[] = {{TOP_UNVERIFIED, "not verified"}, {TOP_NO_ROUTE, "no route"},
	    {TOP_UNAVAILABLE, "unavailable"}, {TOP_MALFORMED, "malformed"}, {TOP_METHOD, "method"},
	    {TOP_TOO_LARGE, "too large"}};
	struct buffer line = BUFFER_EMPTY;
	double sum = 0;
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		double rate = top_data_rate(data, causes[i].counter);
		sum = rate < 0 || sum < 0 ? -1 : sum + rate;
	}
	append_rate(&line, "refused", sum);
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		double rate = top_data_rate(data, causes[i].counter);
		if (data->now.counters[causes[i].counter] == 0)
			continue;
		buffer_append(&line, SLICE("   "));
		append_rate(&line, causes[i].name, rate);
	}
	add_line(drawing, buffer_slice(&line), NULL);
	buffer_done(&line);
}

/* --- parts --- */

static void
append_cells(const struct part *part, size_t row, int columns, struct buffer *line)
{
	struct buffer text = BUFFER_EMPTY;
	int used = 0;
	for (size_t i = 0; i < part->count; i++) {
		const struct column *column = &part->columns[i];
		int left = columns - used, width = column->width;
		if (width == 0 || width > left)
			width = left > 0 ? left : 0;
		buffer_clear(&text);
		if (row == SIZE_MAX)
			buffer_append(&text, slice_of(column->name));
		else
			part->append(part, part->order == NULL ? row : part->order[row], i, &text);
		table_append_column(buffer_slice(&text), width, column->right, line);
		if (i + 1 < part->count)
			buffer_appendf(line, "%*s", GAP, "");
		used += width + GAP;
	}
	buffer_done(&text);
}

static void
draw_part(struct drawing *drawing, const struct part *part, size_t rows)
{
	struct buffer line = BUFFER_EMPTY;
	int columns = drawing->view->columns;
	append_cells(part, SIZE_MAX, columns, &line);
	add_line(drawing, buffer_slice(&line), "\x1b[1;4m");
	for (size_t row = 0; row < rows; row++) {
		buffer_clear(&line);
		if (row < part->rows)
			append_cells(part, row, columns, &line);
		else if (row == 0)
			buffer_append(&line, SLICE("-"));
		while (line.len > 0 && line.ptr[line.len - 1] == ' ')
			line.len--;
		add_line(drawing, buffer_slice(&line), NULL);
	}
	buffer_done(&line);
}

static const struct json_t *
cell_of(const struct part *part, size_t row, const char *key)
{
	return json_get(json_item(part->list, row), key);
}

static void
append_text(const struct json_t *value, struct buffer *out)
{
	struct slice text = json_text(value);
	if (text.ptr == NULL)
		buffer_append_byte(out, '-');
	else
		buffer_append_visible(out, text);
}

/* A campaign's name. */
static void
append_tag(const struct json_t *value, struct buffer *out)
{
	if (json_text(value).len == 0)
		buffer_append(out, SLICE(REPORT_UNTAGGED));
	else
		append_text(value, out);
}

static int64_t
number_of(const struct json_t *value)
{
	int64_t number = 0;
	json_int(value, &number);
	return number;
}

static void
append_number(const struct json_t *value, struct buffer *out)
{
	int64_t number;
	if (json_int(value, &number))
		buffer_appendf(out, "%lld", (long long)number);
	else
		buffer_append_byte(out, '-');
}

static void
append_time(const struct part *part, const struct json_t *value, struct buffer *out)
{
	int64_t wall_us;
	if (clock_parse(json_text(value), &wall_us) == RESULT_OK)
		append_clock(wall_us, part->zone, out);
	else
		buffer_append_byte(out, '-');
}

static const struct column failure_columns[] = {{"FAILURES: code", 14, true},
    {"this hour", 9, true}, {"24 h", 9, true}, {"kind", 10, false}, {"name", 0, false}};

/* The count of this hour is in the second answer, under the same code. */
static int64_t
count_of_hour(const struct part *part, size_t row)
{
	const struct json_t *code = cell_of(part, row, "code");
	int64_t count = 0;
	for (size_t i = 0; i < json_count(part->other); i++) {
		const struct json_t *other = json_item(part->other, i);
		int64_t a = -1, b = -1;
		json_int(code, &a);
		json_int(json_get(other, "code"), &b);
		if (a == b)
			count = number_of(json_get(other, "count"));
	}
	return count;
}

static void
append_failure(const struct part *part, size_t row, size_t column, struct buffer *out)
{
	switch (column) {
	case 0: append_number(cell_of(part, row, "code"), out); return;
	case 1: buffer_appendf(out, "%lld", (long long)count_of_hour(part, row)); return;
	case 2: append_number(cell_of(part, row, "recent"), out); return;
	case 3: append_text(cell_of(part, row, "kind"), out); return;
	default: append_text(cell_of(part, row, "name"), out); return;
	}
}

static const struct column campaign_columns[] = {{"CAMPAIGNS of this hour", 30, false},
    {"sent", 8, true}, {"delivered", 9, true}, {"failed", 7, true}, {"pending", 7, true},
    {"replied", 7, true}};

static void
append_campaign(const struct part *part, size_t row, size_t column, struct buffer *out)
{
	static const char *const keys[] = {
	    "campaign", "sent", "delivered", "failed", "pending", "replied"};
	if (column == 0)
		append_tag(cell_of(part, row, keys[column]), out);
	else
		append_number(cell_of(part, row, keys[column]), out);
}

static const struct column refusal_columns[] = {{"REFUSED", 8, false}, {"count", 7, true},
    {"route", 16, false}, {"causes", 20, false}, {"what to change", 0, false}};

static void
append_refusal(const struct part *part, size_t row, size_t column, struct buffer *out)
{
	static const char *const keys[] = {"last", "count", "route", "causes", "advice"};
	const struct json_t *value = cell_of(part, row, keys[column]);
	if (column == 0)
		append_time(part, value, out);
	else if (column == 1)
		append_number(value, out);
	else
		append_text(value, out);
}

static const struct column event_columns[] = {{"EVENTS", 8, false}, {"type", 12, false},
    {"to", 16, false}, {"code", 6, true}, {"campaign", 20, false}, {"message", 0, false}};

/* The newest one is the first row. */
static void
append_event(const struct part *part, size_t row, size_t column, struct buffer *out)
{
	static const char *const keys[] = {
	    "time", "type", "to", "error_code", "campaign", "message"};
	const struct json_t *value = cell_of(part, part->rows - 1 - row, keys[column]);
	if (column == 0)
		append_time(part, value, out);
	else if (column == 3)
		append_number(value, out);
	else if (column == 4)
		append_tag(value, out);
	else
		append_text(value, out);
}

/* --- the screen --- */

#define ORDERED_MAX 64

/* Whether row a is to be shown before row b, which the daemon has before it. */
typedef bool (*is_before_fn)(const struct part *part, size_t a, size_t b);

/* What fails now comes first. */
static bool
failure_is_before(const struct part *part, size_t a, size_t b)
{
	int64_t hour_a = count_of_hour(part, a), hour_b = count_of_hour(part, b);
	if (hour_a != hour_b)
		return hour_a > hour_b;
	return number_of(cell_of(part, a, "recent")) > number_of(cell_of(part, b, "recent"));
}

static bool
campaign_is_before(const struct part *part, size_t a, size_t b)
{
	return number_of(cell_of(part, a, "messages")) > number_of(cell_of(part, b, "messages"));
}

/* Orders the rows; as many as are ever shown. */
static void
order_rows(struct part *part, is_before_fn is_before, size_t order[ORDERED_MAX + 1])
{
	size_t count = 0;
	for (size_t i = 0; i < part->rows; i++) {
		size_t place = count;
		while (place > 0 && is_before(part, i, order[place - 1]))
			place--;
		if (place == ORDERED_MAX)
			continue;
		count += count < ORDERED_MAX;
		memmove(&order[place + 1], &order[place], (count - place - 1) * sizeof order[0]);
		order[place] = i;
	}
	part->rows = count;
	part->order = order;
}

#define PARTS 4
#define HEAD_LINES 4

/* The rows of each part: a fifth of the window at most, and the rest for the last one. */
static void
divide(const struct top_view *view, const struct part *parts, size_t *out_rows)
{
	size_t window = (size_t)view->rows, used = HEAD_LINES + PARTS;
	size_t share = window > used + PARTS ? (window - used) / (PARTS + 1) : 1;
	for (size_t i = 0; i < PARTS; i++) {
		size_t wanted = parts[i].rows > 0 ? parts[i].rows : 1;
		size_t most = view->rows == 0 ? SNAPSHOT_ROWS : share;
		out_rows[i] = wanted < most ? wanted : most;
		used += out_rows[i];
	}
	size_t last = PARTS - 1;
	if (view->rows > 0 && used < window)
		out_rows[last] += window - used;
}

#define PART(columns_of, list_of, append_of)                                                  \
	{                                                                                     \
		.columns = (columns_of), .count = sizeof(columns_of) / sizeof(columns_of)[0], \
		.list = (list_of), .append = (append_of), .zone = view->zone,                 \
		.rows = json_count(list_of)                                                   \
	}

void
top_screen_draw(const struct top_data *data, const struct top_view *view, struct buffer *out)
{
	struct drawing drawing = {.view = view, .out = out};
	size_t orders[2][ORDERED_MAX + 1], rows[PARTS];
	struct json_t *failures = json_get(data->failures, "errors");
	struct json_t *campaigns = json_get(data->campaigns, "campaigns");
	struct json_t *refusals = json_get(data->refusals, "failures");
	struct json_t *events = json_get(data->events, "events");
	struct part parts[PARTS] = {PART(failure_columns, failures, append_failure),
	    PART(campaign_columns, campaigns, append_campaign),
	    PART(refusal_columns, refusals, append_refusal),
	    PART(event_columns, events, append_event)};
	parts[0].other = json_get(data->failures_now, "errors");
	order_rows(&parts[0], failure_is_before, orders[0]);
	order_rows(&parts[1], campaign_is_before, orders[1]);

	draw_state(&drawing, data);
	draw_rates(&drawing, data);
	draw_refused_rates(&drawing, data);
	draw_reason(&drawing, data);
	divide(view, parts, rows);
	for (size_t i = 0; i < PARTS; i++)
		draw_part(&drawing, &parts[i], rows[i]);
}
