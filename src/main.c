/* main: the table of subcommands. Each is one file in cli/; design and reading order are in
 * README.md. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"
#include "dlrd/base/sqlite_recovery.h"

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
	      "Receives Twilio's status callbacks and replies, keeps them, and counts them.\n"
	      "\n",
	    out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-13s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nEach command has --help. See dlrd(8).\n", out);
}

/* A file that opens as descriptor 0, 1 or 2 would be written to by whoever means stdout or stderr,
 * a database among them. */
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
	/* Before any token is read: no core dump, and in /proc nothing but for root. */
	prctl(PR_SET_DUMPABLE, 0);
	open_standard_files();
	sqlite_count_no_memory();
	setlocale(LC_CTYPE, "");
	if (count < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 ||
	    strcmp(words[1], "help") == 0) {
		print_help(stdout);
		return CLI_OK;
	}
	if (strcmp(words[1], "--version") == 0) {
		puts("dlrd " DLRD_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(words[1], commands[i]->name) == 0)
			return commands[i]->run(commands[i], count - 1, words + 1);
	fprintf(stderr, "dlrd: there is no command \"%s\"; 'dlrd --help' lists them\n", words[1]);
	return CLI_USAGE;
}
