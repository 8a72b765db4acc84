#include "dlrd/twilio/error_catalogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4 * 1024 * 1024) /* forty times the shipped catalogue */
#define COLUMNS 5

static enum result
read_file(const char *path, char **out_text, size_t *out_len, struct failure *failure)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", path, strerror(errno));
	char *text = malloc(FILE_MAX);
	size_t len = text == NULL ? 0 : fread(text, 1, FILE_MAX, file);
	bool whole = text != NULL && feof(file) && !ferror(file);
	fclose(file);
	if (!whole) {
		free(text);
		return failure_set(failure, RESULT_IO, "%s: cannot be read, or over 4 MiB", path);
	}
	*out_text = text;
	*out_len = len;
	return RESULT_OK;
}

/* Takes one cell (RFC 4180) off *rest, unquoting it in place. *out_last is whether its row ends
 * with it. False when a quote is never closed. There is no maintained CSV library in Debian that
 * pkg-config knows; this is all of CSV that the catalogue needs. */
static bool
take_cell(char **rest, char *end, struct slice *out_cell, bool *out_last)
{
	char *at = *rest, *out = at;
	bool quoted = at < end && *at == '"';
	out_cell->ptr = at;
	if (quoted)
		at++;
	while (at < end) {
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
take_row(char **rest, char *end, struct slice out_cells[COLUMNS])
{
	for (size_t i = 0; i < COLUMNS; i++) {
		bool last = false;
		if (!take_cell(rest, end, &out_cells[i], &last) || last != (i == COLUMNS - 1))
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
	if (!take_row(&rest, end, cells) || !slice_equal(cells[0], SLICE("code")))
		return failure_set(failure, RESULT_INVALID,
		    "%s:1: the first line must be code,name,kind,permanence,action", path);
	for (int row = 2; rest < end; row++) {
		if (!take_row(&rest, end, cells))
			return failure_set(failure, RESULT_INVALID,
			    "%s: row %d: must hold five cells: code,name,kind,permanence,action",
			    path, row);
		int64_t code;
		if (slice_to_int(cells[0], &code) == RESULT_OK && has_code(catalogue, code))
			return failure_set(failure, RESULT_INVALID,
			    "%s: row %d: code %lld stands twice", path, row, (long long)code);
		enum result result = add_entry(catalogue, cells);
		if (result != RESULT_OK)
			return failure_set(failure, result, "%s: row %d: \"%.*s\" is no error code",
			    path, row, SLICE_ARG(cells[0]));
	}
	return RESULT_OK;
}

/* Takes over text. */
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

/* conf/error-codes.csv, made into C by scripts/embed.py. */
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
