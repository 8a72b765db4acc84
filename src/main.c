/* main: the table of subcommands. Each is one file in cli/; design and reading order are in
 * README.md. */
#define _DEFAULT_SOURCE
#include "dlrd/base/sqlite_recovery.h"
#include "dlrd/cli/cli.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {&cli_serve, &cli_check_config, &cli_reload,
    &cli_sign, &cli_verify, &cli_explain, &cli_url, &cli_simulate, &cli_stats, &cli_series,
    &cli_errors, &cli_catalogue, &cli_events, &cli_message, &cli_replies, &cli_optouts,
    &cli_providers, &cli_alerts, &cli_audit, &cli_rebuild, &cli_recover, &cli_gap, &cli_quarantine};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void
print_help(FILE *out)
{
	fputs("Usage: dlrd COMMAND [OPTIONS]\n"
	      "\n"
	      "Receives Twilio's status callbacks and replies, stores them, and counts them.\n"
	      "\n",
	    out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-13s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'dlrd help COMMAND' describes a command, 'dlrd -V' prints the version. See "
	      "dlrd(8).\n",
	    out);
}

/* Returns NULL after reporting an unknown name. */
static const struct cli_command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i];
	fprintf(stderr, "dlrd: unknown command \"%s\"; 'dlrd --help' lists the commands\n", name);
	return NULL;
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
	const struct cli_command *command = find_command(words[0]);
	if (command == NULL)
		return CLI_USAGE;
	fputs(command->usage, stdout);
	return CLI_OK;
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

	const struct cli_command *command = find_command(words[1]);
	return command == NULL ? CLI_USAGE : command->run(command, count - 1, words + 1);
}
