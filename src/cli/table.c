#define _DEFAULT_SOURCE /* struct winsize */
#include "table.h"

#include "dlrd/base/buffer.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#define GAP 2 /* blanks between columns */
#define DEFAULT_WIDTH 120

/* The narrowest column that wraps, and whose texts are cut: at first, and when no dispensable
 * column is left. */
#define WRAPPED_MIN 28
#define TEXT_MIN 16
#define WRAPPED_LEAST 20
#define TEXT_LEAST 8

#define SID_LEN 34 /* two letters and 32 hexadecimal digits */
#define SID_HEAD 6 /* of a shortened one */
#define SID_TAIL 5
#define SECONDS_END 19 /* of a time: what follows is its fraction, and Z or an offset */
#define OFFSET_LEN 6

enum shape { SHAPE_ANY, SHAPE_SID, SHAPE_TIME, SHAPE_LOCAL_TIME, SHAPE_NUMBER };

struct cell {
	size_t start, len; /* in text */
	int width;         /* on a terminal */
};

struct table {
	struct table_column columns[TABLE_COLUMNS_MAX];
	size_t count;
	struct buffer text;
	struct cell *cells;
	size_t cell_count, capacity;
	bool utf8, failed;
};

struct layout {
	int widths[TABLE_COLUMNS_MAX]; /* 0: left out */
	bool shortened;                /* SIDs, times and headings are */
	enum shape shapes[TABLE_COLUMNS_MAX];
};

/* --- texts on a terminal --- */

/* The length of the grapheme cluster at the start of text, and how many columns it takes. */
static size_t
next_cluster(struct slice text, int *out_width)
{
	utf8proc_int32_t state = 0, before = -1, point;
	size_t len = 0;
	int width = 0;
	while (len < text.len) {
		utf8proc_ssize_t more = utf8proc_iterate((const utf8proc_uint8_t *)text.ptr + len,
		    (utf8proc_ssize_t)(text.len - len), &point);
		if (more <= 0) { /* not UTF-8 */
			more = 1;
			point = '?';
		}
		if (before >= 0 && utf8proc_grapheme_break_stateful(before, point, &state))
			break;
		before = point;
		width += utf8proc_charwidth(point);
		len += (size_t)more;
	}
	*out_width = width < 2 ? width : 2;
	return len;
}

/* The part of text that takes up to width columns, and the columns that it takes. */
static struct slice
fitting(struct slice text, int width, int *out_width)
{
	size_t len = 0;
	*out_width = 0;
	while (len < text.len) {
		int more;
		size_t step = next_cluster(slice_from(text, len), &more);
		if (*out_width + more > width)
			break;
		*out_width += more;
		len += step;
	}
	return (struct slice){text.ptr, len};
}

int
table_text_width(struct slice text)
{
	int width;
	fitting(text, 1 << 30, &width);
	return width;
}

static bool
shows_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static struct slice
ellipsis(bool utf8)
{
	return utf8 ? SLICE("\xe2\x80\xa6") : SLICE("~");
}

/* Appends text with a question mark for each character that the locale does not show. Returns the
 * columns that it takes. */
static int
append_shown(struct slice text, bool utf8, struct buffer *out)
{
	int columns = 0;
	while (text.len > 0) {
		int width;
		size_t len = next_cluster(text, &width);
		struct slice cluster = {text.ptr, len};
		bool shown = slice_is_utf8(cluster) &&
			     (utf8 || (len == 1 && (unsigned char)text.ptr[0] < 0x80));
		buffer_append(out, shown ? cluster : SLICE("?"));
		columns += shown ? width : 1;
		text = slice_from(text, len);
	}
	return columns;
}

void
table_append_column(struct slice text, int width, bool right, struct buffer *out)
{
	bool utf8 = shows_utf8();
	struct buffer shown = BUFFER_EMPTY;
	int own = append_shown(text, utf8, &shown), kept = own;
	struct slice part = buffer_slice(&shown);
	if (own > width && width > 0)
		part = fitting(part, width - 1, &kept);
	else if (own > width)
		part = fitting(part, 0, &kept);
	bool is_cut = own > width && width > 0;
	int blanks = width - kept - is_cut;
	buffer_appendf(out, "%*s%.*s%.*s%*s", right ? blanks : 0, "", SLICE_ARG(part),
	    SLICE_ARG(is_cut ? ellipsis(utf8) : SLICE("")), right ? 0 : blanks, "");
	out->failed |= shown.failed;
	buffer_done(&shown);
}

/* --- cells --- */

struct table *
table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof *table);
	if (table == NULL)
		abort();
	memcpy(table->columns, columns, count * sizeof *columns);
	table->count = count;
	table->utf8 = shows_utf8();
	return table;
}

void
table_add(struct table *table, struct slice text)
{
	struct cell cell = {.start = table->text.len};
	if (table->cell_count == table->capacity) {
		size_t capacity = table->capacity * 2 + 64;
		struct cell *more = realloc(table->cells, capacity * sizeof *more);
		if (more == NULL) {
			table->failed = true;
			return;
		}
		table->cells = more;
		table->capacity = capacity;
	}

	cell.width = append_shown(text, table->utf8, &table->text);
	cell.len = table->text.len - cell.start;
	table->cells[table->cell_count++] = cell;
}

static struct slice
text_of(const struct table *table, size_t row, size_t column)
{
	const struct cell *cell = &table->cells[row * table->count + column];
	return (struct slice){table->text.ptr + cell->start, cell->len};
}

static size_t
row_count(const struct table *table)
{
	return table->cell_count / table->count;
}

/* --- the layout --- */

static enum shape
shape_of(struct slice text)
{
	if (text.len == SID_LEN && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' && text.ptr[1] >= 'A' &&
	    text.ptr[1] <= 'Z') {
		for (size_t i = 2; i < text.len; i++)
			if (slice_hex_digit(text.ptr[i]) < 0)
				return SHAPE_ANY;
		return SHAPE_SID;
	}
	size_t plus = slice_find(text, '+'); /* behind a channel, such as whatsapp: */
	int64_t number;
	if (plus < text.len && slice_to_int(slice_from(text, plus + 1), &number) == RESULT_OK)
		return SHAPE_NUMBER;
	if (text.len <= SECONDS_END + 1 || text.ptr[4] != '-' || text.ptr[10] != 'T' ||
	    text.ptr[SECONDS_END] != '.')
		return SHAPE_ANY;
	if (text.ptr[text.len - 1] == 'Z')
		return SHAPE_TIME;
	return text.ptr[text.len - 3] == ':' ? SHAPE_LOCAL_TIME : SHAPE_ANY;
}

/* The shape of all cells of a column but dashes. A column that has a number is not cut. */
static enum shape
column_shape(const struct table *table, size_t column)
{
	enum shape shape = SHAPE_ANY;
	bool mixed = false;
	for (size_t row = 0; row < row_count(table); row++) {
		struct slice text = text_of(table, row, column);
		enum shape own = shape_of(text);
		if (text.len <= 1)
			continue;
		if (own == SHAPE_NUMBER)
			return own;
		mixed |= own == SHAPE_ANY || (shape != SHAPE_ANY && own != shape);
		shape = own;
	}
	return mixed ? SHAPE_ANY : shape;
}

/* Takes the next line of a divided heading: the words up to an underscore. */
static struct slice
take_heading(struct slice *rest, bool divided)
{
	struct slice all = *rest;
	if (divided)
		return slice_take(rest, '_');
	*rest = SLICE_NONE;
	return all;
}

static int
heading_width(const char *name, bool divided)
{
	struct slice rest = slice_of(name);
	int widest = 0;
	while (rest.ptr != NULL) {
		int width = (int)take_heading(&rest, divided).len;
		widest = width > widest ? width : widest;
	}
	return widest;
}

static int
total(const struct table *table, const struct layout *layout)
{
	int sum = -GAP;
	for (size_t i = 0; i < table->count; i++)
		sum += layout->widths[i] > 0 ? layout->widths[i] + GAP : 0;
	return sum;
}

static void
set_widths(const struct table *table, struct layout *layout, bool shortened)
{
	static const int shape_widths[] = {[SHAPE_SID] = SID_HEAD + 1 + SID_TAIL,
	    [SHAPE_TIME] = SECONDS_END + 1,
	    [SHAPE_LOCAL_TIME] = SECONDS_END + OFFSET_LEN,
	    [SHAPE_NUMBER] = 0};
	layout->shortened = shortened;
	for (size_t i = 0; i < table->count; i++) {
		int width = heading_width(table->columns[i].name, shortened);
		if (layout->widths[i] == 0)
			continue;
		if (shortened && shape_widths[layout->shapes[i]] > 0) {
			int needed = shape_widths[layout->shapes[i]];
			layout->widths[i] = needed > width ? needed : width;
			continue;
		}
		for (size_t row = 0; row < row_count(table); row++) {
			int own = table->cells[row * table->count + i].width;
			width = own > width ? own : width;
		}
		layout->widths[i] = width;
	}
}

static bool
fits(const struct table *table, const struct layout *layout, int width)
{
	return total(table, layout) <= width;
}

/* Makes the column that wraps narrower, then the widest texts, until the table fits. */
static void
cut_texts(
    const struct table *table, struct layout *layout, int width, int wrapped_min, int text_min)
{
	int *last = &layout->widths[table->count - 1];
	while (table->columns[table->count - 1].wraps && *last > wrapped_min &&
	       !fits(table, layout, width))
		--*last;
	while (!fits(table, layout, width)) {
		size_t widest = table->count;
		for (size_t i = 0; i < table->count; i++)
			if (!table->columns[i].number && !table->columns[i].wraps &&
			    layout->shapes[i] == SHAPE_ANY && layout->widths[i] > text_min &&
			    (widest == table->count || layout->widths[i] > layout->widths[widest]))
				widest = i;
		if (widest == table->count)
			return;
		layout->widths[widest]--;
	}
}

/* Leaves out the most dispensable column of at least that rank, or the last of several. Returns
 * false if no column can be. The first column stays. */
static bool
leave_out(const struct table *table, struct layout *layout, int least)
{
	size_t chosen = 0;
	int most = least;
	for (size_t i = 1; i < table->count; i++)
		if (layout->widths[i] > 0 && table->columns[i].dispensable >= most) {
			most = table->columns[i].dispensable;
			chosen = i;
		}
	if (chosen > 0)
		layout->widths[chosen] = 0;
	return chosen > 0;
}

static struct layout
fit(const struct table *table, int width)
{
	struct layout layout = {.shortened = false};
	for (size_t i = 0; i < table->count; i++) {
		layout.widths[i] = 1;
		layout.shapes[i] = column_shape(table, i);
	}
	set_widths(table, &layout, false);
	if (width == 0 || fits(table, &layout, width))
		return layout;

	for (int least = 1; least >= 0; least--)
		do {
			set_widths(table, &layout, true);
			cut_texts(table, &layout, width, WRAPPED_MIN, TEXT_MIN);
			if (!fits(table, &layout, width) && least == 0)
				cut_texts(table, &layout, width, WRAPPED_LEAST, TEXT_LEAST);
			if (fits(table, &layout, width))
				return layout;
		} while (leave_out(table, &layout, least));
	return layout;
}

/* --- printing --- */

static void
print_padded(struct slice text, int text_width, int width, bool right, bool last)
{
	int space = width > text_width ? width - text_width : 0;
	printf("%*s%.*s%*s%s", right ? space : 0, "", SLICE_ARG(text), right || last ? 0 : space,
	    "", last ? "\n" : "  ");
}

/* Appends text as it is shown in width columns. */
static void
append_fitted(
    const struct table *table, struct slice text, int width, enum shape shape, struct buffer *out)
{
	int own = table_text_width(text), kept;
	if (own <= width) {
		buffer_append(out, text);
		return;
	}
	if (shape == SHAPE_TIME || shape == SHAPE_LOCAL_TIME) {
		size_t zone_len = shape == SHAPE_TIME ? 1 : OFFSET_LEN;
		buffer_append(out, (struct slice){text.ptr, SECONDS_END});
		buffer_append(out, slice_from(text, text.len - zone_len));
		return;
	}
	int tail = shape == SHAPE_SID ? SID_TAIL : 0;
	buffer_append(out, fitting(text, width - 1 - tail, &kept));
	buffer_append(out, ellipsis(table->utf8));
	buffer_append(out, slice_from(text, text.len - (size_t)tail));
}

/* Takes as many words as fit into width columns from the front of *rest; of a longer word a part.
 */
static struct slice
take_line(struct slice *rest, int width)
{
	int taken;
	struct slice line = fitting(*rest, width, &taken);
	if (line.len < rest->len) {
		size_t end = line.len;
		while (end > 0 && rest->ptr[end] != ' ')
			end--;
		if (end > 0)
			line.len = end;
		if (line.len == 0) /* not even one character fits */
			line.len = next_cluster(*rest, &taken);
	}
	struct slice left = slice_from(*rest, line.len);
	*rest = slice_trim(left).len > 0 ? slice_trim(left) : SLICE_NONE;
	return line;
}

static size_t
last_column(const struct table *table, const struct layout *layout)
{
	size_t last = table->count - 1;
	while (last > 0 && layout->widths[last] == 0)
		last--;
	return last;
}

/* Whether the column's cells are aligned at the right. */
static bool
at_right(const struct table *table, size_t column)
{
	return table->columns[column].number;
}

static void
print_headings(const struct table *table, const struct layout *layout)
{
	struct slice rests[TABLE_COLUMNS_MAX];
	size_t last = last_column(table, layout);
	bool more = true;
	for (size_t i = 0; i < table->count; i++)
		rests[i] = slice_of(table->columns[i].name);
	while (more) {
		more = false;
		for (size_t i = 0; i <= last; i++) {
			if (layout->widths[i] == 0)
				continue;
			struct slice part = rests[i].ptr == NULL
						? SLICE("")
						: take_heading(&rests[i], layout->shortened);
			more |= rests[i].ptr != NULL;
			print_padded(
			    part, (int)part.len, layout->widths[i], at_right(table, i), i == last);
		}
	}
}

static void
print_row(
    const struct table *table, const struct layout *layout, size_t row, struct buffer *scratch)
{
	size_t last = last_column(table, layout);
	int indent = 0;
	for (size_t i = 0; i <= last; i++) {
		struct slice text = text_of(table, row, i), rest = SLICE_NONE;
		int width = layout->widths[i];
		if (width == 0)
			continue;
		buffer_clear(scratch);
		if (i == last && table->columns[i].wraps) {
			rest = text;
			buffer_append(scratch, take_line(&rest, width));
		} else
			append_fitted(table, text, width,
			    layout->shortened ? layout->shapes[i] : SHAPE_ANY, scratch);
		text = buffer_slice(scratch);
		print_padded(text, table_text_width(text), width, at_right(table, i), i == last);
		while (rest.ptr != NULL) {
			struct slice line = take_line(&rest, width);
			printf("%*s%.*s\n", indent, "", SLICE_ARG(line));
		}
		indent += width + GAP;
	}
}

#define LEFT_OUT "not shown here:"
#define REMEDY "; --wide shows all"

/* Names the columns that found no room, in lines of the width. */
static void
print_left_out(const struct table *table, const struct layout *layout, int width)
{
	int used = (int)strlen(LEFT_OUT);
	size_t left = 0;
	for (size_t i = 0; i < table->count; i++)
		left += layout->widths[i] == 0;
	if (left == 0)
		return;

	fputs(LEFT_OUT, stdout);
	for (size_t i = 0; i < table->count; i++) {
		if (layout->widths[i] != 0)
			continue;
		left--;
		const char *name = table->columns[i].name, *end = left > 0 ? "," : REMEDY;
		int more = 1 + (int)(strlen(name) + strlen(end));
		bool breaks = used + more > width;
		used = breaks ? 1 + more : used + more;
		printf("%s%s%s", breaks ? "\n  " : " ", name, end);
	}
	putchar('\n');
}

int
table_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int64_t given;
	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns != NULL && slice_to_int(slice_of(columns), &given) == RESULT_OK && given > 0 &&
	    given < 100000)
		return (int)given;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_WIDTH;
}

bool
table_print(struct table *table, int width)
{
	struct buffer scratch = BUFFER_EMPTY;
	bool complete = !table->failed && !table->text.failed;
	if (complete) {
		struct layout layout = fit(table, width);
		print_headings(table, &layout);
		for (size_t row = 0; row < row_count(table); row++)
			print_row(table, &layout, row, &scratch);
		print_left_out(table, &layout, width);
		complete = !scratch.failed;
	}
	buffer_done(&scratch);
	return complete;
}

void
table_free(struct table *table)
{
	if (table == NULL)
		return;
	buffer_done(&table->text);
	free(table->cells);
	free(table);
}
