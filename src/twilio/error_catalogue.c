#include "dlrd/twilio/error_catalogue.h"

#include "dlrd/base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4 * 1024 * 1024) /* 40 times the shipped catalogue */
#define COLUMNS 5

static enum result
read_file(const char *path, char **out_text, size_t *out_len, struct failure *failure)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", path, strerror(errno));
	struct buffer text = BUFFER_EMPTY;
	enum result result = buffer_append_file(&text, file, FILE_MAX);
	fclose(file);
	if (result != RESULT_OK) {
		buffer_done(&text);
		return failure_set(failure, RESULT_IO, "%s: cannot be read, or over 4 MiB", path);
	}
	*out_text = text.ptr;
	*out_len = text.len;
	return RESULT_OK;
}

/* Removes one cell (RFC 4180) from *rest and unquotes it in place. *out_last is whether it is the
 * last cell of its row; *lines grows by the line breaks inside it. Returns false if a quote is not
 * closed. Debian has no maintained CSV library with a pkg-config file; the catalogue needs no more
 * of CSV than this. */
static bool
take_cell(char **rest, char *end, struct slice *out_cell, bool *out_last, int *lines)
{
	char *at = *rest, *out = at;
	bool quoted = at < end && *at == '"';
	out_cell->ptr = at;
	if (quoted)
		at++;
	while (at < end) {
		*lines += quoted && *at == '\n';
		if (quoted && *at == '"') {
			at++;
			if (at == end || *at != '"')
				quoted = false;
			else
				*out++ = *at++;
		} else if (!quoted && (*at == ',' || *at == '\n'))
			break;
		else
			*out++ = *at++;
	}
	if (quoted)
		return false;
	*out_last = at == end || *at == '\n';
	if (*out_last && out > out_cell->ptr && out[-1] == '\r')
		out--;
	out_cell->len = (size_t)(out - out_cell->ptr);
	*rest = at < end ? at + 1 : end;
	return true;
}

static bool
take_row(char **rest, char *end, struct slice out_cells[COLUMNS], int *lines)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		bool last = false;
		if (!take_cell(rest, end, &out_cells[i], &last, lines) ||
		    last != (i == COLUMNS - 1))
			return false;
	}
	return true;
}

static int
compare_codes(const void *a, const void *b)
{
	int64_t x = ((const struct error_entry *)a)->code,
		y = ((const struct error_entry *)b)->code;
	return (x > y) - (x < y);
}

static enum result
add_entry(struct error_catalogue *catalogue, const struct slice cells[COLUMNS])
{
	struct error_entry entry = {
	    .name = cells[1], .kind = cells[2], .permanence = cells[3], .action = cells[4]};
	enum result result = slice_to_int(cells[0], &entry.code);
	if (result != RESULT_OK)
		return result;
	size_t count = catalogue->count;
	if ((count & (count + 1)) == 0) { /* full at each power of two */
		size_t room = (count + 1) * 2;
		struct error_entry *more = realloc(catalogue->entries, room * sizeof *more);
		if (more == NULL)
			return RESULT_NO_MEMORY;
		catalogue->entries = more;
	}
	catalogue->entries[catalogue->count++] = entry;
	return RESULT_OK;
}

static bool
has_code(const struct error_catalogue *catalogue, int64_t code)
{
	for (size_t i = 0; i < catalogue->count; i++)
		if (catalogue->entries[i].code == code)
			return true;
	return false;
}

static enum result
read_rows(struct error_catalogue *catalogue, const char *path, size_t len, struct failure *failure)
{
	char *rest = catalogue->text, *end = catalogue->text + len;
	struct slice cells[COLUMNS];
	int breaks = 0; /* line breaks inside the cells of a row */
	if (!take_row(&rest, end, cells, &breaks) || !slice_equal(cells[0], SLICE("code")))
		return failure_set(failure, RESULT_INVALID,
		    "%s:1: the first line must be code,name,kind,permanence,action", path);
	for (int line = 2 + breaks; rest < end; line += 1 + breaks) {
		breaks = 0;
		if (!take_row(&rest, end, cells, &breaks))
			return failure_set(failure, RESULT_INVALID,
			    "%s:%d: must have five cells: code,name,kind,permanence,action", path,
			    line);
		int64_t code;
		if (slice_to_int(cells[0], &code) == RESULT_OK && has_code(catalogue, code))
			return failure_set(failure, RESULT_INVALID, "%s:%d: duplicate code %lld",
			    path, line, (long long)code);
		enum result result = add_entry(catalogue, cells);
		if (result != RESULT_OK)
			return failure_set(failure, result, "%s:%d: \"%.*s\" is not an error code",
			    path, line, SLICE_ARG(cells[0]));
	}
	return RESULT_OK;
}

/* Takes ownership of text. */
static enum result
load(char *text, size_t len, const char *path, struct error_catalogue *out_catalogue,
    struct failure *failure)
{
	struct error_catalogue catalogue = {.text = text};
	enum result result = read_rows(&catalogue, path, len, failure);
	if (result == RESULT_OK && catalogue.count > 0)
		qsort(catalogue.entries, catalogue.count, sizeof *catalogue.entries, compare_codes);
	if (result != RESULT_OK) {
		error_catalogue_done(&catalogue);
		return result;
	}
	*out_catalogue = catalogue;
	return RESULT_OK;
}

/* conf/error-codes.csv, converted to C by scripts/embed.py. */
extern const char built_in_error_codes[];
extern const size_t built_in_error_codes_size;

enum result
error_catalogue_load_built_in(struct error_catalogue *out_catalogue, struct failure *failure)
{
	char *text = malloc(built_in_error_codes_size);
	if (text == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	memcpy(text, built_in_error_codes, built_in_error_codes_size);
	return load(
	    text, built_in_error_codes_size, "built-in error codes", out_catalogue, failure);
}

enum result
error_catalogue_load(
    const char *path, struct error_catalogue *out_catalogue, struct failure *failure)
{
	char *text = NULL;
	size_t len = 0;
	enum result result = read_file(path, &text, &len, failure);
	return result == RESULT_OK ? load(text, len, path, out_catalogue, failure) : result;
}

static struct slice
replace_cell(struct slice cell, struct slice replacement)
{
	return replacement.len > 0 ? replacement : cell;
}

/* Writes the rows of base, then the new rows of overlay, to entries, which has room for all. A code
 * in both is one row. Returns the number of rows. */
static size_t
merge(const struct error_catalogue *base, const struct error_catalogue *overlay,
    struct error_entry *entries)
{
	size_t count = base->count;
	if (count > 0)
		memcpy(entries, base->entries, count * sizeof *entries);

	for (size_t i = 0; i < overlay->count; i++) {
		const struct error_entry *row = &overlay->entries[i];
		const struct error_entry *known = error_catalogue_find(base, row->code);
		if (known == NULL) {
			entries[count++] = *row;
			continue;
		}

		struct error_entry *entry = &entries[known - base->entries];
		entry->name = replace_cell(entry->name, row->name);
		entry->kind = replace_cell(entry->kind, row->kind);
		entry->permanence = replace_cell(entry->permanence, row->permanence);
		entry->action = replace_cell(entry->action, row->action);
	}
	return count;
}

/* Copies the cells of entries to one new text, and lets the entries point into it. */
static char *
copy_cells(struct error_entry *entries, size_t count)
{
	size_t len = 1;
	for (size_t i = 0; i < count; i++)
		len += entries[i].name.len + entries[i].kind.len + entries[i].permanence.len +
		       entries[i].action.len;
	char *text = malloc(len), *end = text;
	for (size_t i = 0; text != NULL && i < count; i++) {
		struct slice *cells[] = {
		    &entries[i].name, &entries[i].kind, &entries[i].permanence, &entries[i].action};
		for (size_t c = 0; c < sizeof cells / sizeof cells[0]; c++) {
			memcpy(end, cells[c]->ptr, cells[c]->len);
			cells[c]->ptr = end;
			end += cells[c]->len;
		}
	}
	return text;
}

enum result
error_catalogue_overlay(
    struct error_catalogue *catalogue, const char *path, struct failure *failure)
{
	struct error_catalogue overlay, merged;
	enum result result = error_catalogue_load(path, &overlay, failure);
	if (result != RESULT_OK)
		return result;

	merged.entries = calloc(catalogue->count + overlay.count + 1, sizeof *merged.entries);
	merged.count = merged.entries == NULL ? 0 : merge(catalogue, &overlay, merged.entries);
	merged.text = merged.entries == NULL ? NULL : copy_cells(merged.entries, merged.count);
	error_catalogue_done(&overlay);
	if (merged.text == NULL) {
		free(merged.entries);
		return failure_set(failure, RESULT_NO_MEMORY, "%s: no memory", path);
	}

	qsort(merged.entries, merged.count, sizeof *merged.entries, compare_codes);
	error_catalogue_done(catalogue);
	*catalogue = merged;
	return RESULT_OK;
}

const struct error_entry *
error_catalogue_find(const struct error_catalogue *catalogue, int64_t code)
{
	struct error_entry key = {.code = code};
	if (catalogue->count == 0)
		return NULL;
	return bsearch(&key, catalogue->entries, catalogue->count, sizeof key, compare_codes);
}

void
error_catalogue_done(struct error_catalogue *catalogue)
{
	free(catalogue->entries);
	free(catalogue->text);
	*catalogue = (struct error_catalogue){0};
}
