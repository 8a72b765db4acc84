/* testing: common code of the unit tests: cmocka with its headers, assertions for slices, a private
 * directory for files, and random numbers that are the same in each run. */
#ifndef DLRD_TESTS_TESTING_H
#define DLRD_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dlrd/base/buffer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_ok(call) assert_int_equal((call), RESULT_OK)

/* expected: a C string, or NULL for an absent slice. */
#define assert_slice(actual, expected) check_slice((actual), (expected), __FILE__, __LINE__)
#define assert_contains(text, part) check_contains((text), (part), true, __FILE__, __LINE__)
#define assert_lacks(text, part) check_contains((text), (part), false, __FILE__, __LINE__)

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static inline void
check_slice(struct slice actual, const char *expected, const char *file, int line)
{
	if (expected == NULL && actual.ptr == NULL)
		return;
	if (expected != NULL && actual.ptr != NULL && slice_equal(actual, slice_of(expected)))
		return;
	print_error("%s:%d: is \"%.*s\"%s, should be %s\n", file, line, SLICE_ARG(actual),
	    actual.ptr == NULL ? " (absent)" : "", expected == NULL ? "absent" : expected);
	_fail(file, line);
}

static inline bool
slice_has(struct slice text, const char *part)
{
	size_t len = strlen(part);
	for (size_t at = 0; at + len <= text.len; at++)
		if (memcmp(text.ptr + at, part, len) == 0)
			return true;
	return false;
}

static inline void
check_contains(struct slice text, const char *part, bool wanted, const char *file, int line)
{
	if (slice_has(text, part) == wanted)
		return;
	print_error("%s:%d: \"%.*s\" should %shold \"%s\"\n", file, line, SLICE_ARG(text),
	    wanted ? "" : "not ", part);
	_fail(file, line);
}

/* A new directory of the test's own, in TMPDIR; remove_directory frees the name. */
static inline char *
private_directory(void)
{
	char name[256];
	const char *parent = getenv("TMPDIR");
	snprintf(name, sizeof name, "%s/dlrd-unit-XXXXXX", parent == NULL ? "/tmp" : parent);
	assert_non_null(mkdtemp(name));
	char *copy = strdup(name);
	assert_non_null(copy);
	return copy;
}

/* Good until the eighth call after it. */
static inline const char *
path_in(const char *directory, const char *name)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

static inline void
remove_directory(char *directory)
{
	DIR *open = opendir(directory);
	for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;)
		unlink(path_in(directory, entry->d_name));
	if (open != NULL)
		closedir(open);
	rmdir(directory);
	free(directory);
}

static inline void
write_file(const char *path, struct slice text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

/* A whole file, for buffer_done. */
static inline struct buffer
read_whole_file(const char *path)
{
	struct buffer text = BUFFER_EMPTY;
	char piece[4096];
	FILE *file = fopen(path, "re");
	if (file == NULL)
		print_error("%s cannot be opened\n", path);
	assert_non_null(file);
	for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;)
		buffer_append(&text, (struct slice){piece, len});
	fclose(file);
	return text;
}

static uint64_t random_state = UINT64_C(0x2545f4914f6cdd1d);

/* A number below bound (xorshift64*): the same sequence in each run. */
static inline unsigned
random_below(unsigned bound)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % bound;
}

#endif
