#define _GNU_SOURCE /* wcwidth */
#include "dlrd/cli/output.h"

#include "dlrd/query/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define CELL_WIDTH_MAX 48 /* terminal columns of a cell; longer texts end with three dots */

struct table_cell {
	size_t start, len; /* in text */
	int width;         /* columns on a terminal */
	bool right;        /* a number */
};

struct output {
	enum output_format format;
	const struct report *report;
	bool shown[REPORT_COLUMNS_MAX];
	struct json_t *array;
	struct buffer text; /* CSV, or the texts of the cells */
	struct table_cell *cells;
	size_t cell_count, cell_capacity;
	bool failed;
};

/* Adds a cell with value, cut to CELL_WIDTH_MAX columns. A byte that is not part of a character of
 * this locale is shown as a question mark. */
static void
add_text(struct output *output, struct slice value, bool right)
{
	mbstate_t state = {0};
	struct table_cell cell = {.start = output->text.len, .right = right};
	for (size_t i = 0; i < value.len;) {
		wchar_t wide;
		size_t len = mbrtowc(&wide, value.ptr + i, value.len - i, &state);
		bool valid = len != 0 && len <= value.len - i;
		int width = valid ? wcwidth(wide) : 1;
		if (!valid) {
			len = 1;
			memset(&state, 0, sizeof state);
		}
		if (cell.width + (width > 0 ? width : 0) > CELL_WIDTH_MAX - 3) {
			buffer_append(&output->text, SLICE("..."));
			cell.width += 3;
			break;
		}
		if (valid)
			buffer_append(&output->text, (struct slice){value.ptr + i, len});
		else
			buffer_append_byte(&output->text, '?');
		cell.width += width > 0 ? width : 0;
		i += len;
	}

	cell.len = output->text.len - cell.start;

	if (output->cell_count == output->cell_capacity) {
		size_t capacity = output->cell_capacity * 2 + 64;
		struct table_cell *more = realloc(output->cells, capacity * sizeof *more);
		if (more == NULL) {
			output->failed = true;
			return;
		}
		output->cells = more;
		output->cell_capacity = capacity;
	}

	output->cells[output->cell_count++] = cell;
}

struct output *
output_new(enum output_format format, const struct report *report, struct slice word)
{
	struct output *output = calloc(1, sizeof *output);
	if (output == NULL)
		abort();
	output->format = format;
	output->report = report;
	if (format == OUTPUT_JSON)
		output->array = json_new_array();
	if (format == OUTPUT_CSV)
		report_csv_head(report, &output->text);
	for (size_t i = 0; i < report->count; i++) {
		const struct report_column *column = &report->columns[i];
		output->shown[i] = column->shown && query_has_word(column->shown_if, word);
		if (format == OUTPUT_TABLE && output->shown[i])
			add_text(output, slice_of(column->name), false);
	}
	return output;
}

void
output_add(struct output *output, const struct report_row *row)
{
	switch (output->format) {
	case OUTPUT_JSON: json_push(output->array, report_json(output->report, row)); return;
	case OUTPUT_CSV: report_csv_row(output->report, row, &output->text); return;
	case OUTPUT_TABLE: break;
	}
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < output->report->count; i++) {
		if (!output->shown[i])
			continue;
		const char *if_empty = output->report->columns[i].if_empty;
		enum cell_kind kind = row->cells[i].kind;
		buffer_clear(&text);
		report_cell_text(&row->cells[i], &text);
		if (kind == CELL_NULL)
			buffer_append_byte(&text, '-');
		else if (text.len == 0 && if_empty != NULL)
			buffer_append(&text, slice_of(if_empty));
		add_text(output, buffer_slice(&text), kind == CELL_INT || kind == CELL_REAL);
	}
	output->failed |= text.failed;
	buffer_done(&text);
}

void
output_add_row(void *output, const struct report_row *row, int64_t place)
{
	(void)place;
	output_add(output, row);
}

static void
print_table(const struct output *output)
{
	size_t columns = 0;
	int widths[REPORT_COLUMNS_MAX] = {0};
	for (size_t i = 0; i < output->report->count; i++)
		columns += output->shown[i];
	for (size_t i = 0; i < output->cell_count; i++)
		if (output->cells[i].width > widths[i % columns])
			widths[i % columns] = output->cells[i].width;

	for (size_t i = 0; i < output->cell_count; i++) {
		const struct table_cell *cell = &output->cells[i];
		/* A heading is aligned like its column. */
		bool right = i + columns < output->cell_count && i < columns
				 ? output->cells[i + columns].right
				 : cell->right;
		bool last = i % columns == columns - 1;
		int space = widths[i % columns] - cell->width;
		printf("%*s%.*s%*s", right ? space : 0, "", (int)cell->len,
		    output->text.ptr + cell->start, right || last ? 0 : space, "");
		fputs(last ? "\n" : "  ", stdout);
	}
}

bool
output_finish(struct output *output, struct json_t *object)
{
	bool written = !output->failed && !output->text.failed;
	if (output->format == OUTPUT_JSON) {
		if (object == NULL)
			object = json_new_object();
		json_put(object, output->report->list_key, output->array);
		output->array = NULL;
		written = json_write(object, &output->text) == RESULT_OK;
		buffer_append_byte(&output->text, '\n');
	}
	json_free(object);

	if (written && output->format == OUTPUT_TABLE)
		print_table(output);
	else if (written)
		fwrite(output->text.ptr, 1, output->text.len, stdout);
	written = written && fflush(stdout) == 0 && !ferror(stdout);
	output_free(output);
	return written;
}

bool
output_json(struct json_t *value)
{
	struct buffer text = BUFFER_EMPTY;
	bool written = json_write(value, &text) == RESULT_OK;
	json_free(value);
	buffer_append_byte(&text, '\n');
	if (written && !text.failed)
		fwrite(text.ptr, 1, text.len, stdout);
	written = written && !text.failed;
	buffer_done(&text);
	return written && fflush(stdout) == 0 && !ferror(stdout);
}

void
output_free(struct output *output)
{
	if (output == NULL)
		return;
	json_free(output->array);
	buffer_done(&output->text);
	free(output->cells);
	free(output);
}
