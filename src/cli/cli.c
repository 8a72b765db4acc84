#define _GNU_SOURCE
#include "dlrd/cli/cli.h"

#include "dlrd/base/near.h"
#include "dlrd/store/store.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64 * 1024 * 1024)

static void print_error(const struct cli_command *command, const char *format, va_list arguments)
    printf_like(2, 0);

/* Control bytes are escaped: a message may quote any bytes, such as a file name. */
static void
print_error(const struct cli_command *command, const char *format, va_list arguments)
{
	struct buffer line = BUFFER_EMPTY;
	char *text;
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	buffer_append_visible(&line, slice_of(text == NULL ? "no memory" : text));
	fprintf(stderr, "dlrd %s: %.*s\n", command->name, SLICE_ARG(buffer_slice(&line)));
	buffer_done(&line);
	free(text);
}

int
cli_usage_error(const struct cli_command *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_error(command, format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try 'dlrd %s --help'.\n", command->name);
	return CLI_USAGE;
}

int
cli_failure(const struct cli_command *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_error(command, format, arguments);
	va_end(arguments);
	return CLI_FAILED;
}

static void
report_unknown_option(const struct cli_command *command, const char *word,
    const struct cli_option *options, size_t option_count)
{
	const struct slice name = {word, strcspn(word, "=")};
	const char *nearest = NULL;
	size_t least_distance = SIZE_MAX, distance;
	for (size_t i = 0; slice_starts_with(name, SLICE("--")) && i < option_count; i++)
		if (near_is(slice_from(name, 2), slice_of(options[i].name), &distance) &&
		    distance < least_distance) {
			least_distance = distance;
			nearest = options[i].name;
		}
	if (nearest == NULL)
		cli_usage_error(command, "unknown option %s", word);
	else
		cli_usage_error(command, "unknown option %s; did you mean --%s?", word, nearest);
}

/* Stores the value of one option. */
static int
take_value(const struct cli_command *command, const struct cli_option *option)
{
	if (option->flag != NULL)
		*option->flag = true;
	else if (option->text != NULL)
		*option->text = optarg;
	else if (slice_to_int(slice_of(optarg), option->number) != RESULT_OK)
		return cli_usage_error(
		    command, "--%s takes a whole number, not \"%s\"", option->name, optarg);
	return CLI_OK;
}

bool
cli_read_options(const struct cli_command *command, int count, char **words,
    const struct cli_option *options, size_t option_count, int operands_max, int *out_operands,
    int *out_status)
{
	struct option longs[CLI_OPTIONS_MAX + 2] = {{0}};
	char letters[2 * CLI_OPTIONS_MAX + 4] = ":h";
	assert(option_count <= CLI_OPTIONS_MAX);
	for (size_t i = 0; i < option_count; i++) {
		bool has_value = options[i].flag == NULL;
		longs[i] = (struct option){
		    .name = options[i].name, .has_arg = has_value, .val = 256 + (int)i};
		if (options[i].letter != 0)
			sprintf(letters + strlen(letters), "%c%s", options[i].letter,
			    has_value ? ":" : "");
	}
	longs[option_count] = (struct option){.name = "help", .val = 'h'};

	optind = 0;
	opterr = 0;
	*out_status = CLI_USAGE;
	for (int found; (found = getopt_long(count, words, letters, longs, NULL)) != -1;) {
		size_t i = found >= 256 ? (size_t)found - 256 : 0;
		while (found < 256 && i < option_count && options[i].letter != found)
			i++;
		if (found == 'h') {
			fputs(command->usage, stdout);
			*out_status = CLI_OK;
			return false;
		}
		if (found == ':') {
			cli_usage_error(command, "%s requires a value", words[optind - 1]);
			return false;
		}
		if (found == '?' || i >= option_count) {
			report_unknown_option(command, words[optind - 1], options, option_count);
			return false;
		}
		if (take_value(command, &options[i]) != CLI_OK)
			return false;
	}

	if (count - optind > operands_max) {
		cli_usage_error(command, "unexpected \"%s\"", words[optind + operands_max]);
		return false;
	}
	if (out_operands != NULL)
		*out_operands = optind;
	return true;
}

/* hint: completes "give another with -c". */
static struct settings *
load_settings(const struct cli_command *command, const char *config_path, enum settings_use use,
    const char *hint)
{
	struct settings *settings = NULL;
	struct buffer problems = BUFFER_EMPTY;
	if (settings_load(config_path, use, &settings, &problems) != RESULT_OK) {
		fprintf(stderr, "%.*s", SLICE_ARG(buffer_slice(&problems)));
		cli_failure(command, "cannot read the configuration; give another with -c%s", hint);
	}
	buffer_done(&problems);
	return settings;
}

struct settings *
cli_load_settings(const struct cli_command *command, const char *config_path, enum settings_use use)
{
	return load_settings(command, config_path, use, "");
}

bool
cli_store_directory(const struct cli_command *command, const char *config_path,
    const char *directory, char out_path[CLI_DIRECTORY_SIZE])
{
	struct settings *settings = NULL;
	if (directory == NULL) {
		settings = load_settings(
		    command, config_path, SETTINGS_QUERY, ", or the store's folder with --store");
		if (settings == NULL)
			return false;
		directory = settings->directory;
	}
	snprintf(out_path, CLI_DIRECTORY_SIZE, "%s", directory);
	settings_free(settings);
	return true;
}

struct store_reader *
cli_open_store(const struct cli_command *command, const char *config_path, const char *directory)
{
	struct store_reader *reader = NULL;
	struct failure failure;
	char folder[CLI_DIRECTORY_SIZE], path[CLI_DIRECTORY_SIZE + sizeof "/" STORE_FILE];
	if (!cli_store_directory(command, config_path, directory, folder))
		return NULL;
	snprintf(path, sizeof path, "%s/" STORE_FILE, folder);
	if (store_reader_open(path, &reader, &failure) != RESULT_OK)
		cli_failure(command, "%s", failure.text);
	return reader;
}

int64_t
cli_country_code(const char *config_path, const char *directory)
{
	struct settings *settings = NULL;
	struct buffer problems = BUFFER_EMPTY;
	int64_t country_code = 0;
	if (directory == NULL &&
	    settings_load(config_path, SETTINGS_QUERY, &settings, &problems) == RESULT_OK)
		country_code = settings->country_code;
	settings_free(settings);
	buffer_done(&problems);
	return country_code;
}

enum result
cli_read_file(const char *path, char **out_text, size_t *out_len, struct failure *failure)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	if (file == NULL)
		return failure_set(failure, RESULT_IO, "%s: %s", path, strerror(errno));

	struct buffer text = BUFFER_EMPTY;
	enum result result = buffer_append_file(&text, file, FILE_MAX);
	if (!is_stdin)
		fclose(file);
	if (result != RESULT_OK) {
		buffer_done(&text);
		return failure_set(
		    failure, RESULT_LIMIT, "%s: cannot be read, or is larger than 64 MiB", path);
	}

	*out_text = text.ptr;
	*out_len = text.len;
	return RESULT_OK;
}
