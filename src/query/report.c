#include "dlrd/query/report.h"

#include <assert.h>
#include <string.h>

struct cell
cell_text(struct slice value)
{
	return (struct cell){.kind = value.ptr == NULL ? CELL_NULL : CELL_TEXT, .text = value};
}

struct cell
cell_int(int64_t value)
{
	return (struct cell){.kind = CELL_INT, .number = value};
}

struct cell
cell_code(int64_t code)
{
	return code < 0 ? (struct cell){.kind = CELL_NULL} : cell_int(code);
}

struct cell
cell_time(int64_t time_us)
{
	return (struct cell){.kind = time_us == 0 ? CELL_NULL : CELL_TIME, .number = time_us};
}

struct cell
cell_bool(bool value)
{
	return (struct cell){.kind = CELL_BOOL, .number = value};
}

size_t
report_index(const struct report *report, const char *name)
{
	size_t i = 0;
	while (i < report->count && strcmp(report->columns[i].name, name) != 0)
		i++;
	assert(i < report->count);
	return i;
}

const struct cell *
report_cell(const struct report *report, const struct report_row *row, const char *name)
{
	return &row->cells[report_index(report, name)];
}

/* --- as JSON --- */

static struct json_t *
list_json(struct slice parts, char separator)
{
	struct json_t *array = json_new_array();
	while (parts.len > 0)
		json_push_text(array, slice_take(&parts, separator));
	return array;
}

static struct json_t *
numbers_json(struct slice parts)
{
	struct json_t *array = json_new_array();
	int64_t number = 0;
	while (parts.len > 0)
		if (slice_to_int(slice_take(&parts, ' '), &number) == RESULT_OK)
			json_push_int(array, number);
	return array;
}

static void
put_cell(
    struct json_t *object, const char *key, const struct cell *cell, const struct time_zone *zone)
{
	char time[CLOCK_TEXT_SIZE];
	struct json_t *value;
	switch (cell->kind) {
	case CELL_NULL: json_put_null(object, key); return;
	case CELL_INT: json_put_int(object, key, cell->number); return;
	case CELL_REAL: json_put_real(object, key, cell->real); return;
	case CELL_BOOL: json_put_bool(object, key, cell->number != 0); return;
	case CELL_TIME:
	case CELL_DAY:
		json_put_text(object, key, slice_of(local_time_format(zone, cell->number, time)));
		return;
	case CELL_LIST: json_put(object, key, list_json(cell->text, ' ')); return;
	case CELL_NUMBERS: json_put(object, key, numbers_json(cell->text)); return;
	case CELL_LINES: json_put(object, key, list_json(cell->text, '\n')); return;
	case CELL_TEXT: json_put_text(object, key, cell->text); return;
	case CELL_JSON:
		if (json_parse(cell->text, &value) == RESULT_OK)
			json_put(object, key, value);
		else
			json_put_text(object, key, cell->text);
		return;
	}
}

/* The object that a column belongs to; *out_key is its name there. The first column of a group
 * creates the group's object. */
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

void
report_put(const struct report *report, const struct report_row *row, const struct time_zone *zone,
    struct json_t *object)
{
	for (size_t i = 0; i < report->count; i++) {
		const char *key;
		struct json_t *place = place_of(report, object, report->columns[i].name, &key);
		if (place != NULL)
			put_cell(place, key, &row->cells[i], zone);
	}
}

struct json_t *
report_json(const struct report *report, const struct report_row *row, const struct time_zone *zone)
{
	struct json_t *object = json_new_object();
	if (object != NULL)
		report_put(report, row, zone, object);
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

/* The length of the first character of value, or 1 for an invalid byte. *out_fits: a cell may have
 * it; of the controls, only TAB, LF and CR. */
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

/* value from its first visible character on. */
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
		buffer_appendf(out, "%s%s", i > 0 ? "," : "", report->columns[i].name);
	buffer_append(out, SLICE("\r\n"));
}

static bool
is_text(const struct cell *cell)
{
	return cell->kind == CELL_TEXT || cell->kind == CELL_LIST || cell->kind == CELL_NUMBERS ||
	       cell->kind == CELL_LINES || cell->kind == CELL_JSON;
}

static void
plain_cell(const struct cell *cell, const struct time_zone *zone, struct buffer *out)
{
	char time[CLOCK_TEXT_SIZE];
	switch (cell->kind) {
	case CELL_NULL:
	case CELL_LIST:
	case CELL_NUMBERS:
	case CELL_LINES:
	case CELL_JSON:
	case CELL_TEXT: return;
	case CELL_INT: buffer_appendf(out, "%lld", (long long)cell->number); return;
	case CELL_REAL: buffer_appendf(out, "%.4f", cell->real); return;
	case CELL_BOOL: buffer_append(out, cell->number ? SLICE("yes") : SLICE("no")); return;
	case CELL_TIME:
	case CELL_DAY:
		buffer_append(out, slice_of(local_time_format(zone, cell->number, time)));
		return;
	}
}

void
report_csv_row(const struct report *report, const struct report_row *row,
    const struct time_zone *zone, struct buffer *out)
{
	for (size_t i = 0; i < report->count; i++) {
		if (i > 0)
			buffer_append_byte(out, ',');
		if (is_text(&row->cells[i]))
			csv_text(row->cells[i].text, out);
		else
			plain_cell(&row->cells[i], zone, out);
	}
	buffer_append(out, SLICE("\r\n"));
}

void
report_cell_text(const struct cell *cell, const struct time_zone *zone, struct buffer *out)
{
	char day[CLOCK_TEXT_SIZE];
	if (cell->kind == CELL_DAY)
		buffer_append(out, slice_of(local_time_format_day(zone, cell->number, day)));
	else if (is_text(cell))
		buffer_append_visible(out, cell->text);
	else
		plain_cell(cell, zone, out);
}
