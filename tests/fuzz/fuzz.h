/* fuzz: common code of the fuzz targets.
 *
 * A target reads its input as lines, so that people can read and write the files of its corpus: one
 * line for each small part, the rest for the body. Each part is copied into an allocation of its
 * exact size, so that AddressSanitizer detects reads beyond it. */
#ifndef DLRD_TESTS_FUZZ_H
#define DLRD_TESTS_FUZZ_H

#include "dlrd/base/buffer.h"
#include "dlrd/base/json.h"
#include "dlrd/base/log.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for all inputs. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(                                                                   \
			    stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define CHECK_OK(call) CHECK((call) == RESULT_OK)

/* Something happened that must not. */
#define FAIL(what)                                                        \
	do {                                                              \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what); \
		abort();                                                  \
	} while (0)

/* The parts of one input, freed together. */
#define FUZZ_PARTS_MAX 16
struct fuzz_input {
	struct slice rest; /* what is left of the input */
	char *parts[FUZZ_PARTS_MAX];
	size_t part_count;
};

static inline struct fuzz_input
fuzz_begin(const uint8_t *data, size_t size)
{
	return (struct fuzz_input){.rest = {size == 0 ? "" : (const char *)data, size}};
}

static inline struct slice
fuzz_keep(struct fuzz_input *input, struct slice text)
{
	CHECK(input->part_count < FUZZ_PARTS_MAX);
	char *copy = malloc(text.len == 0 ? 1 : text.len);
	CHECK(copy != NULL);
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	input->parts[input->part_count++] = copy;
	return (struct slice){copy, text.len};
}

/* The next line, without its end; empty behind the last one. */
static inline struct slice
fuzz_line(struct fuzz_input *input)
{
	struct slice line = input->rest.ptr == NULL ? SLICE("") : slice_take(&input->rest, '\n');
	return fuzz_keep(input, line);
}

/* The same, absent for an empty line. */
static inline struct slice
fuzz_optional(struct fuzz_input *input)
{
	struct slice line = fuzz_line(input);
	return line.len == 0 ? SLICE_NONE : line;
}

static inline struct slice
fuzz_rest(struct fuzz_input *input)
{
	struct slice rest = input->rest.ptr == NULL ? SLICE("") : input->rest;
	input->rest = SLICE_NONE;
	return fuzz_keep(input, rest);
}

static inline void
fuzz_end(struct fuzz_input *input)
{
	for (size_t i = 0; i < input->part_count; i++)
		free(input->parts[i]);
}

/* Whether text is UTF-8 without C0 and C1 controls, DEL and line separators: fit for one line of a
 * terminal or a log. */
static inline bool
fuzz_is_visible(struct slice text)
{
	struct buffer visible = BUFFER_EMPTY;
	buffer_append_visible(&visible, text);
	bool same = slice_equal(buffer_slice(&visible), text);
	buffer_done(&visible);
	return same;
}

/* Reads text as JSON, writes the value to out and returns its kind. */
static inline enum json_kind
fuzz_rewrite_json(struct slice text, struct buffer *out)
{
	struct json_t *value = NULL;
	CHECK_OK(json_parse(text, &value));
	CHECK_OK(json_write(value, out));
	CHECK(slice_is_utf8(buffer_slice(out)));
	enum json_kind kind = json_kind(value);
	json_free(value);
	return kind;
}

/* Reads text as a JSON value of that kind, and checks that what is written of it stays the same.
 * The first time it may not: a real is written with 15 digits, after which it may be a whole
 * number. */
static inline void
fuzz_check_json(struct slice text, enum json_kind kind)
{
	struct buffer written[3] = {BUFFER_EMPTY, BUFFER_EMPTY, BUFFER_EMPTY};
	CHECK(fuzz_rewrite_json(text, &written[0]) == kind);
	for (size_t i = 1; i < 3; i++)
		CHECK(fuzz_rewrite_json(buffer_slice(&written[i - 1]), &written[i]) == kind);
	CHECK(slice_equal(buffer_slice(&written[1]), buffer_slice(&written[2])));
	for (size_t i = 0; i < 3; i++)
		buffer_done(&written[i]);
}

/* --- a folder for files, removed at the end --- */

static char fuzz_folder[256];

static void
fuzz_remove_folder(void)
{
	char path[600];
	DIR *folder = opendir(fuzz_folder);
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s", fuzz_folder, entry->d_name);
		unlink(path);
	}
	if (folder != NULL)
		closedir(folder);
	rmdir(fuzz_folder);
}

/* Returns the path of a file in the target's folder, in memory if the machine has /dev/shm. Valid
 * until the next call. */
static inline const char *
fuzz_path(const char *name)
{
	static char path[600];
	if (fuzz_folder[0] == '\0') {
		const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
		snprintf(fuzz_folder, sizeof fuzz_folder, "%s/dlrd-fuzz-XXXXXX", parent);
		CHECK(mkdtemp(fuzz_folder) != NULL);
		atexit(fuzz_remove_folder);
	}
	snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
	return path;
}

static inline void
fuzz_write_file(const char *path, struct slice text)
{
	FILE *file = fopen(path, "we");
	CHECK(file != NULL);
	CHECK(fwrite(text.ptr, 1, text.len, file) == text.len);
	CHECK(fclose(file) == 0);
}

#endif
