/* cli: the table of subcommands, their options and their exit statuses.
 *
 * Each subcommand is one file with one function, and a row in main.c. The result of a command goes
 * to stdout, all other messages to stderr. */
#pragma once

#include "dlrd/daemon/settings.h"
#include "dlrd/engine/reader.h"

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the answer is no, or the command failed */
	CLI_USAGE = 2,  /* the command line is wrong */
};

struct cli_command {
	const char *name;
	const char *summary; /* one line for the list of commands */
	const char *usage;   /* the text of --help */
	int (*run)(const struct cli_command *command, int count, char **words);
};

extern const struct cli_command cli_serve, cli_check_config, cli_sign, cli_verify, cli_explain,
    cli_optouts, cli_audit, cli_rebuild, cli_simulate, cli_quarantine, cli_url, cli_reload, cli_gap,
    cli_recover, cli_retag, cli_keyword, cli_top;

struct query;

/* Returns the question of the table (query/table.h) that has this command, or NULL. */
const struct query *cli_find_question(const char *command);

/* Runs the question's command, and returns its exit status. */
int cli_run_question(const struct query *row, int count, char **words);

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
 * the index of the first word that is not an option; of these, up to operands_max are allowed. If
 * none is, out_operands may be NULL. Returns false if the command must end with *out_status: after
 * --help, or after a mistake that is reported on stderr. */
bool cli_read_options(const struct cli_command *command, int count, char **words,
    const struct cli_option *options, size_t option_count, int operands_max, int *out_operands,
    int *out_status);

/* Both write "dlrd COMMAND: ..." to stderr. cli_usage_error adds a hint at --help and returns
 * CLI_USAGE; cli_failure returns CLI_FAILED. */
int cli_usage_error(const struct cli_command *command, const char *format, ...) printf_like(2, 3);
int cli_failure(const struct cli_command *command, const char *format, ...) printf_like(2, 3);

/* Reads the configuration at config_path. Returns NULL after reporting why not. The caller frees it
 * with settings_free. */
struct settings *cli_load_settings(
    const struct cli_command *command, const char *config_path, enum settings_use use);

#define CLI_DIRECTORY_SIZE 4000

/* Writes the path of the store's folder to out_path: directory, or that of the configuration at
 * config_path if directory is NULL. Returns false after reporting why not. */
bool cli_store_directory(const struct cli_command *command, const char *config_path,
    const char *directory, char out_path[CLI_DIRECTORY_SIZE]);

/* Opens the store in directory, or in the folder of the configuration at config_path if directory
 * is NULL. Returns NULL after reporting why not. The caller closes it with store_reader_close. */
struct store_reader *cli_open_store(
    const struct cli_command *command, const char *config_path, const char *directory);

/* Returns [numbers] country_code of the configuration at config_path. Returns 0 if it is not set,
 * if the configuration cannot be read, or if directory is not NULL. */
int64_t cli_country_code(const char *config_path, const char *directory);

/* Reads a whole file, or standard input for "-". RESULT_LIMIT above 64 MiB. The caller frees
 * *out_text. */
must_check enum result cli_read_file(
    const char *path, char **out_text, size_t *out_len, struct failure *failure);
