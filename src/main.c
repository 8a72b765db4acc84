/* main: the table of commands. Each is a file in cli/, simulate/ or url/, or a row of
 * query/table.h; docs/architecture.md has the reading order. */
#define _DEFAULT_SOURCE
#include "dlrd/base/near.h"
#include "dlrd/base/sqlite_recovery.h"
#include "dlrd/cli/cli.h"
#include "dlrd/query/table.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {&cli_serve, &cli_check_config, &cli_reload,
    &cli_sign, &cli_verify, &cli_explain, &cli_keyword, &cli_url, &cli_simulate, &cli_optouts,
    &cli_audit, &cli_rebuild, &cli_retag, &cli_recover, &cli_gap, &cli_quarantine, &cli_top};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void
print_help(FILE *out)
{
	const struct query *row;
	fputs("Usage: dlrd COMMAND [OPTIONS]\n"
	      "\n"
	      "Receives Twilio's status callbacks and replies, stores them, and counts them.\n"
	      "\n",
	    out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-13s %s\n", commands[i]->name, commands[i]->summary);
	for (size_t i = 0; (row = query_at(i)) != NULL; i++)
		if (row->command != NULL)
			fprintf(out, "  %-13s %s\n", row->command, row->summary);
	fputs("\n'dlrd help COMMAND' describes a command, 'dlrd -V' prints the version. See "
	      "dlrd(8).\n",
	    out);
}

static void
consider(const char *word, const char *name, const char **nearest, size_t *least)
{
	size_t distance;
	if (near_is(slice_of(word), slice_of(name), &distance) && distance < *least) {
		*least = distance;
		*nearest = name;
	}
}

static void
report_unknown(const char *word)
{
	const char *nearest = NULL;
	const struct query *row;
	size_t least = SIZE_MAX;
	struct buffer shown = BUFFER_EMPTY;
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		consider(word, commands[i]->name, &nearest, &least);
	for (size_t i = 0; (row = query_at(i)) != NULL; i++)
		if (row->command != NULL)
			consider(word, row->command, &nearest, &least);
	buffer_append_visible(&shown, slice_of(word));
	fprintf(stderr, "dlrd: unknown command \"%.*s\"; ", SLICE_ARG(buffer_slice(&shown)));
	if (nearest != NULL)
		fprintf(stderr, "did you mean %s? ", nearest);
	fputs("'dlrd --help' lists the commands\n", stderr);
	buffer_done(&shown);
}

/* Runs a command of the table above, or of the table of questions. */
static int
run(const char *name, int count, char **words)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i]->run(commands[i], count, words);
	const struct query *row = cli_find_question(name);
	if (row != NULL)
		return cli_run_question(row, count, words);
	report_unknown(name);
	return CLI_USAGE;
}

static bool
is_one_of(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* dlrd help [COMMAND] */
static int
help(int count, char **words)
{
	if (count > 1) {
		fprintf(stderr, "dlrd help: unexpected \"%s\"\n", words[1]);
		return CLI_USAGE;
	}
	if (count == 0) {
		print_help(stdout);
		return CLI_OK;
	}
	char option[] = "--help";
	return run(words[0], 2, (char *[]){words[0], option, NULL});
}

/* Opens /dev/null for each standard stream that is closed. Otherwise a database could be opened as
 * descriptor 1 or 2, and output would be written into it. */
static void
open_standard_files(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int
main(int count, char **words)
{
	/* Before any token is read: no core dumps, and /proc/PID is readable by root alone. */
	prctl(PR_SET_DUMPABLE, 0);
	open_standard_files();
	sqlite_count_no_memory();
	setlocale(LC_CTYPE, "");
	if (count < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}

	if (is_one_of(words[1], "-h", "--help"))
		return help(0, NULL);
	if (strcmp(words[1], "help") == 0)
		return help(count - 2, words + 2);
	if (is_one_of(words[1], "-V", "--version")) {
		puts("dlrd " DLRD_VERSION);
		return CLI_OK;
	}

	return run(words[1], count - 1, words + 1);
}
