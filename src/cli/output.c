#include "dlrd/cli/output.h"

#include "dlrd/query/row.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(REPORT_COLUMNS_MAX <= TABLE_COLUMNS_MAX, "a table has room for each column");

struct output {
	enum output_format format;
	const struct report *report;
	const struct time_zone *zone;      /* NULL: UTC */
	size_t places[REPORT_COLUMNS_MAX]; /* of a table's columns in the report */
	size_t shown_count, row_count;
	int widths[REPORT_COLUMNS_MAX]; /* of the texts that output_add_line has added */
	struct json_t *array;
	struct table *table;
	struct report_row total; /* of report->has_total */
	struct buffer text;      /* CSV */
};

/* The columns of a table: those that the report shows, and behind them the one that wraps. */
static void
begin_table(struct output *output, struct slice word)
{
	struct table_column columns[REPORT_COLUMNS_MAX];
	for (int wraps = 0; wraps < 2; wraps++)
		for (size_t i = 0; i < output->report->count; i++) {
			const struct report_column *column = &output->report->columns[i];
			if (!column->shown || column->wraps != (wraps == 1) ||
			    !query_has_word(column->shown_if, word))
				continue;
			columns[output->shown_count] = (struct table_column){.name = column->name,
			    .number = column->kind == CELL_INT || column->kind == CELL_REAL,
			    .wraps = column->wraps,
			    .dispensable = column->dispensable};
			output->places[output->shown_count++] = i;
		}
	output->table = table_new(columns, output->shown_count);
}

struct output *
output_new(enum output_format format, const struct report *report, struct slice word,
    const struct time_zone *zone)
{
	struct output *output = calloc(1, sizeof *output);
	if (output == NULL)
		abort();
	output->format = format;
	output->report = report;
	output->zone = zone;
	if (format == OUTPUT_JSON)
		output->array = json_new_array();
	if (format == OUTPUT_CSV)
		report_csv_head(report, &output->text);
	if (output_is_table(format))
		begin_table(output, word);
	return output;
}

/* A cell as people read it. */
static void
append_shown(const struct report_column *column, const struct cell *cell,
    const struct time_zone *zone, struct buffer *out)
{
	if (cell->kind == CELL_NULL)
		buffer_append(out, SLICE("–"));
	else if (cell->kind == CELL_REAL && column->percent)
		buffer_appendf(out, "%.1f%%", cell->real * 100);
	else
		report_cell_text(cell, zone, out);
	if (out->len == 0 && column->if_empty != NULL)
		buffer_append(out, slice_of(column->if_empty));
}

/* --- the total --- */

static void
add_to_total(struct output *output, const struct report_row *row)
{
	for (size_t i = 0; i < output->report->count; i++) {
		struct cell *sum = &output->total.cells[i];
		if (!output->report->columns[i].counts || row->cells[i].kind == CELL_NULL)
			continue;
		sum->kind = CELL_INT;
		sum->number += row->cells[i].number;
	}
}

static struct cell
share_of(const struct output *output, const struct report_column *column)
{
	int64_t part = report_cell(output->report, &output->total, column->part)->number;
	int64_t rest = report_cell(output->report, &output->total, column->rest)->number;
	if (part + rest == 0)
		return (struct cell){.kind = CELL_NULL};
	return (struct cell){.kind = CELL_REAL, .real = (double)part / (double)(part + rest)};
}

static void
add_total(struct output *output)
{
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < output->shown_count; i++) {
		const struct report_column *column = &output->report->columns[output->places[i]];
		struct cell cell = output->total.cells[output->places[i]];
		buffer_clear(&text);
		if (column->part != NULL)
			cell = share_of(output, column);
		if (i == 0)
			buffer_append(&text, SLICE("total"));
		else if (column->counts || column->part != NULL)
			append_shown(column, &cell, output->zone, &text);
		table_add(output->table, buffer_slice(&text));
	}
	output->text.failed |= text.failed;
	buffer_done(&text);
}

void
output_add(struct output *output, const struct report_row *row)
{
	output->row_count++;
	switch (output->format) {
	case OUTPUT_JSON:
		json_push(output->array, report_json(output->report, row, output->zone));
		return;
	case OUTPUT_CSV: report_csv_row(output->report, row, output->zone, &output->text); return;
	case OUTPUT_TABLE:
	case OUTPUT_WIDE_TABLE: break;
	}
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < output->shown_count; i++) {
		size_t place = output->places[i];
		buffer_clear(&text);
		append_shown(
		    &output->report->columns[place], &row->cells[place], output->zone, &text);
		table_add(output->table, buffer_slice(&text));
	}
	output->text.failed |= text.failed;
	buffer_done(&text);
	if (output->report->has_total)
		add_to_total(output, row);
}

void
output_add_row(void *output, const struct report_row *row, int64_t place)
{
	(void)place;
	output_add(output, row);
}

static void
append_aligned(struct output *output, const struct report_row *row)
{
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i < output->shown_count; i++) {
		size_t place = output->places[i];
		buffer_clear(&text);
		append_shown(
		    &output->report->columns[place], &row->cells[place], output->zone, &text);
		int width = table_text_width(buffer_slice(&text));
		if (width > output->widths[i])
			output->widths[i] = width;
		bool last = i + 1 == output->shown_count;
		buffer_appendf(&output->text, "%.*s%*s", SLICE_ARG(buffer_slice(&text)),
		    last ? 0 : output->widths[i] - width + 2, "");
	}
	output->text.failed |= text.failed;
	buffer_append_byte(&output->text, '\n');
	buffer_done(&text);
}

void
output_add_line(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct output *output = context;
	struct json_t *object;
	switch (output->format) {
	case OUTPUT_JSON:
		object = report_json(output->report, row, output->zone);
		output->text.failed |= json_write(object, &output->text) != RESULT_OK;
		json_free(object);
		buffer_append_byte(&output->text, '\n');
		return;
	case OUTPUT_CSV: report_csv_row(output->report, row, output->zone, &output->text); return;
	case OUTPUT_TABLE:
	case OUTPUT_WIDE_TABLE: append_aligned(output, row); return;
	}
}

bool
output_flush(struct output *output)
{
	if (output->text.failed)
		return false;
	fwrite(output->text.ptr, 1, output->text.len, stdout);
	buffer_clear(&output->text);
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* On a terminal in lines, for people. */
static enum result
write_json(const struct json_t *value, struct buffer *out)
{
	return isatty(STDOUT_FILENO) ? json_write_indented(value, out) : json_write(value, out);
}

/* "no near misses match" */
static void
print_no_rows(const struct report *report)
{
	fputs("no ", stdout);
	for (const char *at = report->list_key; *at != '\0'; at++)
		putchar(*at == '_' ? ' ' : *at);
	fputs(" match\n", stdout);
}

static bool
print_table(struct output *output)
{
	if (output->row_count == 0) {
		print_no_rows(output->report);
		return true;
	}
	if (output->report->has_total && output->row_count > 1)
		add_total(output);
	return !output->text.failed &&
	       table_print(
		   output->table, output->format == OUTPUT_WIDE_TABLE ? 0 : table_terminal_width());
}

bool
output_finish(struct output *output, struct json_t *object)
{
	bool written = !output->text.failed;
	if (output->format == OUTPUT_JSON) {
		if (object == NULL)
			object = json_new_object();
		json_put(object, output->report->list_key, output->array);
		output->array = NULL;
		written = write_json(object, &output->text) == RESULT_OK;
		buffer_append_byte(&output->text, '\n');
	}
	json_free(object);

	if (output->table == NULL && written)
		fwrite(output->text.ptr, 1, output->text.len, stdout);
	else if (written)
		written = print_table(output);
	written = written && fflush(stdout) == 0 && !ferror(stdout);
	output_free(output);
	return written;
}

bool
output_json(struct json_t *value)
{
	struct buffer text = BUFFER_EMPTY;
	bool written = write_json(value, &text) == RESULT_OK;
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
	table_free(output->table);
	free(output);
}
