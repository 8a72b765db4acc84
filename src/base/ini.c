#include "dlrd/base/ini.h"

#include "dlrd/base/wipe.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

/* inih passes neither line numbers nor section names longer than 49 bytes to its handler, and a
 * callback's path may be longer. So the reader of lines notes both before inih sees the line. */
struct reading {
	FILE *file;
	const char *path;
	int line;
	char section[INI_LINE_MAX + 1];
	ini_key_fn on_key;
	void *context;
	enum result result;
	struct failure *failure;
};

static void
fail_line(struct reading *reading, enum result result, const char *why)
{
	if (reading->result != RESULT_OK)
		return;
	reading->result =
	    failure_set(reading->failure, result, "%s:%d: %s", reading->path, reading->line, why);
}

static void
tell(struct reading *reading, struct slice key, struct slice value)
{
	reading->on_key(reading->context, slice_of(reading->section), key, value, reading->line);
}

static void
note_section(struct reading *reading, const char *line)
{
	const char *end = strchr(line, ']');
	if (line[0] != '[' || end == NULL)
		return;
	size_t len = (size_t)(end - line - 1);
	memcpy(reading->section, line + 1, len);
	reading->section[len] = '\0';
	tell(reading, SLICE_NONE, SLICE_NONE);
}

#define LINE_MAX_BYTES 1024 /* including white space at its ends */

/* Reads a line without its break into line. *out_len is its full length; line has at most the first
 * LINE_MAX_BYTES of it. Returns false at the end of the file. */
static bool
get_line(FILE *file, char line[LINE_MAX_BYTES], size_t *out_len)
{
	size_t len = 0;
	int byte = getc(file);
	if (byte == EOF)
		return false;
	for (; byte != EOF && byte != '\n'; byte = getc(file)) {
		if (len < LINE_MAX_BYTES)
			line[len] = (char)byte;
		len++;
	}
	*out_len = len;
	return true;
}

/* The reader for inih: one line per call, as fgets. Drops leading white space, so that an indented
 * key is a key; inih would take it as a continuation of the value above. */
static char *
read_line(char *out, int size, void *stream)
{
	struct reading *reading = stream;
	char line[LINE_MAX_BYTES];
	size_t len;
	if (reading->result != RESULT_OK || !get_line(reading->file, line, &len))
		return NULL;
	reading->line++;
	struct slice text = slice_trim((struct slice){line, len <= LINE_MAX_BYTES ? len : 0});
	if (reading->line == 1 && slice_starts_with(text, SLICE("\xef\xbb\xbf")))
		text = slice_trim(slice_from(text, 3));
	if (len > LINE_MAX_BYTES || text.len > INI_LINE_MAX || (int)text.len + 2 > size) {
		fail_line(reading, RESULT_LIMIT, "the line is longer than 197 bytes");
		return NULL;
	}
	if (slice_find(text, '\0') < text.len) {
		fail_line(reading, RESULT_INVALID, "a NUL byte; a configuration is plain text");
		return NULL;
	}
	memcpy(out, text.ptr, text.len);
	memcpy(out + text.len, "\n", 2);
	note_section(reading, out);
	return out;
}

static int
take_key(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	(void)section;
	if (reading->result != RESULT_OK)
		return 0;
	tell(reading, slice_of(name), slice_of(value));
	return 1;
}

enum result
ini_read_file(const char *path, ini_key_fn on_key, void *context, struct failure *failure)
{
	char buffer[4096];
	struct reading reading = {.path = path,
	    .on_key = on_key,
	    .context = context,
	    .failure = failure,
	    .file = fopen(path, "re")};
	if (reading.file == NULL)
		return failure_set(failure, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO,
		    "%s: %s", path, strerror(errno));
	setvbuf(reading.file, buffer, _IOFBF, sizeof buffer); /* to be wiped */
	int bad_line = ini_parse_stream(read_line, &reading, take_key, &reading);
	if (reading.result == RESULT_OK && ferror(reading.file))
		reading.result = failure_set(failure, RESULT_IO, "%s: cannot be read", path);
	fclose(reading.file);
	wipe(buffer, sizeof buffer);
	wipe_stack(); /* the stack of inih and of the functions above, which had the lines */
	if (reading.result == RESULT_OK && bad_line != 0) {
		reading.line = bad_line;
		fail_line(&reading, RESULT_INVALID,
		    "neither a [section] nor a comment nor a key = value");
	}
	return reading.result;
}
