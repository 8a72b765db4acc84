/* configuration: a configuration file. Printing and re-reading it must not change it. */
#include "dlrd/daemon/settings.h"

#include "fuzz.h"

#include <sys/stat.h>

/* Each problem is a separate line that names the file. */
static void
check_problems(struct slice problems, const char *path)
{
	CHECK(problems.len > 0 && problems.ptr[problems.len - 1] == '\n');
	while (problems.len > 0) {
		struct slice line = slice_take(&problems, '\n');
		CHECK(slice_starts_with(line, slice_of(path)));
	}
}

static bool
ends_with(struct slice text, struct slice end)
{
	return text.len >= end.len && slice_equal(slice_from(text, text.len - end.len), end);
}

/* Tokens are not printed: any other takes their place. */
static void
put_tokens(struct slice printed, struct buffer *out)
{
	while (printed.ptr != NULL && printed.len > 0) {
		struct slice line = slice_take(&printed, '\n');
		struct slice key = {line.ptr, slice_find(line, '=')};
		if (ends_with(line, SLICE("(set, not shown)"))) {
			buffer_append(out, key);
			buffer_append(out, SLICE("= 0123456789abcdef0123456789abcdef"));
		} else
			buffer_append(out, line);
		buffer_append_byte(out, '\n');
	}
}

static void
check_printed(const char *path, const struct settings *settings)
{
	struct buffer first = BUFFER_EMPTY, text = BUFFER_EMPTY, second = BUFFER_EMPTY;
	struct buffer problems = BUFFER_EMPTY;
	struct settings *again = NULL;
	settings_print(settings, &first);
	put_tokens(buffer_slice(&first), &text);
	fuzz_write_file(path, buffer_slice(&text));
	if (settings_load(path, SETTINGS_SERVE, &again, &problems) != RESULT_OK) {
		fprintf(stderr, "%.*s%.*s", SLICE_ARG(buffer_slice(&text)),
		    SLICE_ARG(buffer_slice(&problems)));
		FAIL("what is printed is not read again");
	}
	settings_print(again, &second);
	CHECK(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	settings_free(again);
	buffer_done(&first);
	buffer_done(&text);
	buffer_done(&second);
	buffer_done(&problems);
}

/* Files that a configuration names are the operator's choice; here they might be a device. */
static bool
names_a_file(struct slice text)
{
	for (; text.len >= 5; text = slice_from(text, 1))
		if (slice_starts_with(text, SLICE("_file")) ||
		    slice_starts_with(text, SLICE("error_codes")))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct settings *settings = NULL;
	struct buffer problems = BUFFER_EMPTY;
	char path[600];
	snprintf(path, sizeof path, "%s", fuzz_path("dlrd.ini"));
	log_set_level(LOG_ERROR);
	if (!names_a_file(text)) {
		fuzz_write_file(path, text);
		if (settings_load(path, SETTINGS_SERVE, &settings, &problems) == RESULT_OK)
			check_printed(path, settings);
		else
			check_problems(buffer_slice(&problems), path);
	}
	settings_free(settings);
	buffer_done(&problems);
	fuzz_end(&input);
	return 0;
}
