/* cli: what the subcommands share: their table, their options, their exit statuses.
 *
 * Each subcommand is one file with one function, and a row in main.c. What a command was asked for
 * goes to stdout; whatever else it has to say goes to stderr. */
#ifndef DLRD_CLI_CLI_H
#define DLRD_CLI_CLI_H

#include "dlrd/base/slice.h"
#include "dlrd/store/reader.h"

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the answer is no, or it could not be had */
	CLI_USAGE = 2,  /* the command line is wrong */
};

struct cli_command {
	const char *name;
	const char *summary; /* one line for the list of commands */
	const char *usage;   /* the whole of --help */
	int (*run)(const struct cli_command *command, int count, char **words);
};

extern const struct cli_command cli_serve, cli_check_config, cli_sign, cli_verify, cli_explain,
    cli_stats, cli_series, cli_errors, cli_catalogue, cli_events, cli_message, cli_replies,
    cli_optouts, cli_providers, cli_alerts, cli_audit, cli_rebuild, cli_simulate, cli_quarantine,
    cli_url, cli_reload, cli_gap, cli_recover;

/* An option of a command, all of them long. Exactly one of text, number and flag is set. */
struct cli_option {
	const char *name; /* "campaign" for --campaign */
	char letter;      /* 'c' for -c; 0 for none */
	const char **text;
	int64_t *number;
	bool *flag;
};

#define CLI_OPTIONS_MAX 32

/* Reads the options of a command. --help prints the usage and ends with CLI_OK. *out_operands is
 * the index of the first word that is no option. Returns false when the command must end at once,
 * with *out_status; every mistake has then been told on stderr. */
bool cli_read_options(const struct cli_command *command, int count, char **words,
    const struct cli_option *options, size_t option_count, int *out_operands, int *out_status);

/* Says "dlrd COMMAND: ..." on stderr. Returns CLI_USAGE, with a hint at --help, or CLI_FAILED. */
int cli_usage_error(const struct cli_command *command, const char *format, ...) printf_like(2, 3);
int cli_failure(const struct cli_command *command, const char *format, ...) printf_like(2, 3);

/* Writes the path of a file in the store's folder: of directory, or, where that is NULL, of the
 * configuration at config_path. False, having told why. */
bool cli_store_file(const struct cli_command *command, const char *config_path,
    const char *directory, const char *file, char *path, size_t size);

/* Opens the store of the configuration at config_path, or of directory where that is not NULL.
 * NULL, having told why. The caller closes it with store_reader_close. */
struct store_reader *cli_open_store(
    const struct cli_command *command, const char *config_path, const char *directory);

/* [numbers] country_code of the configuration at config_path; 0 if it has none, if it cannot be
 * read, or if directory is not NULL, which stands in its place. */
int64_t cli_country_code(const char *config_path, const char *directory);

/* Reads a whole file, or standard input for "-"; RESULT_LIMIT over 64 MiB. The caller frees
 * *out_text. */
must_check enum result cli_read_file(
    const char *path, char **out_text, size_t *out_len, struct failure *failure);

#endif
